"""The page of truncated answers says what its clients do; after an update of one the script is run again."""

import re

import pytest

from what_clients_make_of_a_cut import CLIENTS, FRAMINGS, PAGE, TEXT, ranges, row, sweep, versions

TEXT_OF_PAGE = PAGE.read_text()
of_these_versions = pytest.mark.skipif(versions() not in TEXT_OF_PAGE, reason="the page is about other versions")


def test_the_page_is_made_of_the_scripts_text():
    for part in TEXT.split("## What it shows")[1].split("{details}")[:1]:
        assert part in TEXT_OF_PAGE


@of_these_versions
@pytest.mark.slow
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_row_of_the_table_is_what_comes_out(framing, how):
    found = [sweep(FRAMINGS[framing], call, how) for call in CLIENTS.values()]

    assert row(framing, how, found) in TEXT_OF_PAGE


@of_these_versions
@pytest.mark.slow
@pytest.mark.parametrize("client", ["http.client", "httpx"])  # of the others the rows above tell
def test_the_ranges_of_a_client_are_what_comes_out(client):
    framing = "chunked"
    found = {how: sweep(FRAMINGS[framing], CLIENTS[client], how) for how in ("fin", "rst")}
    shown = re.search(rf"^### {framing}, {re.escape(client)}\n\n```text\n(.*?)\n```", TEXT_OF_PAGE, re.M | re.S)[1]

    assert ranges(found) == [line for line in shown.splitlines() if ", stall: " not in line]


@of_these_versions
@pytest.mark.slow
def test_silence_is_noticed_at_every_byte():
    """Of one client: the others wait for the same time-out."""
    found = sweep(FRAMINGS["chunked"], CLIENTS["http.client"], "stall")

    assert row("chunked", "stall", [found]).rstrip(" |") in TEXT_OF_PAGE
