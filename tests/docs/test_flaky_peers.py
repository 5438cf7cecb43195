"""The page that is made from the tests of tests/flaky_peers."""

from pathlib import Path
from runpy import run_path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "flaky-peers.md"


def test_the_page_shows_the_tests_as_they_are():
    """After a change of a peer: `python scripts/flaky_peers.py` writes it anew."""
    assert run_path(str(ROOT / "scripts" / "flaky_peers.py"))["page"]() == PAGE.read_text()
