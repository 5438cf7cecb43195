"""The catalogue and the tests of this folder are about the same peers, and none of them takes more than a few lines."""

import pytest

from peer_catalogue import codes, not_yet, peers

CODES = codes()
MOST_LINES = 8


def test_it_has_a_hundred_peers():
    assert 100 == len({peer.id for peer in peers()}) == len(peers())


def test_each_peer_is_played_by_a_test_or_says_what_is_missing():
    played = {code.id for code in CODES if code.id.startswith("FP")}

    assert {peer.id for peer in peers()} == played | not_yet().keys()
    assert set() == played & not_yet().keys()


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_a_peer_is_a_few_lines(code):
    assert any("server" in line for line in code.peer)
    assert len(code.peer) <= MOST_LINES
