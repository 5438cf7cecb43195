"""Write docs/reference/flaky-peers.md: the peers of tests/flaky_peers, with the code that each of them takes.

Run it after a change there: `python scripts/flaky_peers.py`; a test compares the page with what this would write.
"""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "flaky-peers.md"
sys.path.insert(0, str(ROOT / "tests" / "support"))

from peer_catalogue import Code, Peer, codes, not_yet, peers  # noqa: E402 - found only with the path above

INTRODUCTION = """# Flaky peers

The maintainers of HTTP clients have written misbehaving servers by hand for decades: a socket, a thread, an accept, a
few sends, a close that comes too early, and an event to tell the test about it. Here are {total} of them, from the test
suites of urllib3, requests, aiohttp, httpcore, CPython, curl, Go, OkHttp, undici, hyper, botocore and grpc-go, and what
each of them takes with pytest-epoll: at most {most} lines, {mean} on average.

Each block is the peer as a test of `tests/flaky_peers` tells it to the server; the sentence above it is what that test
promises of a real client. `server` is what the fixture `epoll_server` gives; a comment above it says what the test is
parametrized with. The peer that you need is not among them? It is most likely two of these, joined.

Made by `scripts/flaky_peers.py` from the tests themselves.
"""


def page() -> str:
    """Return the page as it should be."""
    played: dict[str, list[Code]] = {}
    for code in codes():
        played.setdefault(code.id, []).append(code)
    catalogue = peers()
    sizes = [len(code.peer) for plays in played.values() for code in plays]
    parts = [INTRODUCTION.format(total=len(catalogue), most=max(sizes), mean=round(sum(sizes) / len(sizes), 1))]
    for theme, members in groupby(catalogue, key=lambda peer: peer.theme):
        shown = [section(peer, played[peer.id]) for peer in members if peer.id in played]
        if shown:
            parts += [f"## {theme}\n", *shown]
    missing = not_yet()
    if missing:
        rows = [
            f"| {peer.id} | {peer.source} | {peer.does} | {missing[peer.id]} |"
            for peer in catalogue
            if peer.id in missing
        ]
        head = "## Not yet\n\n| id | from | what the peer does | what is missing |\n|---|---|---|---|"
        parts.append("\n".join([head, *rows]) + "\n")
    return "\n".join(parts)


def section(peer: Peer, plays: list[Code]) -> str:
    """Return what is said of one peer."""
    text = f"### {peer.id}: {peer.does}\n\nFrom {peer.source}.\n"
    for code in plays:
        promise = code.name[len("test_fp_001_") :].replace("_", " ")
        told = [*code.constants, *(f"# {line}" for line in code.variants), *code.peer]
        if code.commands:
            told += ["", "# and later, when the test says so:", *code.commands]
        path = code.path.relative_to(ROOT)
        text += (
            f"\n*{promise[0].upper()}{promise[1:]}.*\n\n<!-- of: {path} -->\n```python\n" + "\n".join(told) + "\n```\n"
        )
    return text


if __name__ == "__main__":
    PAGE.write_text(page())
