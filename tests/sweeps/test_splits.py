"""Every two-way split of a response, as exactly two `recv()`s."""

import pytest

from pytest_epoll import Response
from pytest_epoll.sweeps import splits
from sweeping import IMAGES, read_all, read_pieces


@pytest.mark.parametrize("kind", IMAGES)
def test_every_split_is_exactly_two_reads(kind, make_server):
    response, image = IMAGES[kind]
    if response.score is not None:  # delivered as bytes, which don't know that the client will not go on
        image = image.replace(b"Connection: close\r\n", b"")
    sweep = splits(response, read_pieces, make_server=make_server)
    due = [([image[:size], image[size:]], size, "split") for size in range(1, len(image))]

    assert due == [(outcome.value, outcome.position, outcome.how) for outcome in sweep.outcomes]
    assert () == sweep.findings


def test_a_parser_that_needs_no_whole_reads_passes():
    splits(Response(json={"a": "ü"}), read_all).assert_same_as_whole()


def hasty(url):
    """Decode each piece as it comes."""
    return "".join(piece.decode() for piece in read_pieces(url))


def test_a_parser_that_trips_over_a_split_is_found_at_every_one():
    sweep = splits(Response(text="aü€b"), hasty)
    with pytest.raises(AssertionError) as caught:
        sweep.assert_same_as_whole()
    start = len(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 7\r\nConnection: close\r\n\r\n"
    )
    lines = str(caught.value).splitlines()
    cut = f"faults.PartialWrites(cuts=({start + 2},), until_read=True)"

    assert [start + 2, start + 4, start + 5] == [one.position for one in sweep.outcomes if not one.has_returned]
    assert f"3 of {start + 6} calls of hasty did not come to what the whole response came to" == lines[0]
    assert [f"  byte {start + size}, split" for size in (2, 4, 5)] == [line.partition(":")[0] for line in lines[1:4]]
    assert f"def test_split_after_{start + 2}_bytes(epoll_server):" in lines
    assert f"    epoll_server.route().respond_with(Response(200, text='aü€b').with_faults({cut}))" in lines


def test_a_client_that_fails_with_every_split_as_with_the_whole_passes():
    """What a malformed response comes to must not depend on where it is split."""

    def call(url):
        raise ValueError(f"{len(read_all(url)[0])} bytes of nonsense")

    splits(Response(raw=b"nonsense"), call).assert_same_as_whole()


def test_a_reader_that_leaves_the_second_piece_is_no_matter_of_exactness():
    def call(url):
        return read_pieces(url)[0][:1]

    splits(Response(content=b"hi"), call).assert_same_as_whole()
