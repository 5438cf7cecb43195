"""Write docs/reference/truncated-answers.md: what five clients make of an answer that is cut off, at each of its bytes.

A real call for each byte, framing and way to end. Run it again after an update of a client, it takes some minutes:
`python scripts/what_clients_make_of_a_cut.py`.
"""

from __future__ import annotations

import platform
import re
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_epoll import Response, sweeps
from what_clients_report import BODY, CLIENTS, READ_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "truncated-answers.md"
HALF = len(BODY) // 2
FRAMINGS = {
    "Content-Length": Response(content=BODY),
    "chunked": Response(stream=[BODY[:HALF], BODY[HALF:]]),
    "delimited by FIN": Response(content=BODY, headers={"Content-Length": None}),
}
WAYS = {"fin": "FIN", "rst": "RST", "stall": "silence"}
AT_ONCE = 16
"""Stalls that wait for the client's timeout at the same time; the other cuts come one after the other."""


PATIENCE = 10.0
"""The clients' timeout where the connection ends: on a busy machine half a second may pass before they see it."""


def sweep(response: Response, call: Callable[..., object], how: str) -> sweeps.Sweep:
    """Return what came of the cuts that end so."""
    if how == "stall":
        return sweeps.cuts(response, call, how=how, timeout=PATIENCE, at_once=AT_ONCE)
    return sweeps.cuts(response, partial(call, timeout=PATIENCE), how=how, timeout=2 * PATIENCE)


def counts(found: sweeps.Sweep) -> tuple[int, int]:
    """Return how many cuts were taken for a complete answer: with less content than there was, and with all of it."""
    taken = [one for one in found.outcomes if one.has_returned]
    less = sum(one.value != found.whole.value for one in taken)
    return less, len(taken) - less


def cell(found: sweeps.Sweep) -> str:
    """Return a cell of the table, in Markdown."""
    less, all_of_it = counts(found)
    told = [f"**{less}**"] if less else []
    told += [f"{all_of_it} with all of it"] if all_of_it else []
    return f"{' and '.join(told) or '0'} of {len(found.outcomes)}"


def versions() -> str:
    """Return what the clients are, in words."""
    libraries = [f"{name} {version(name)}" for name in ("urllib3", "requests", "httpx", "aiohttp")]
    return ", ".join([f"Python {platform.python_version()}", *libraries])


def _short(text: str) -> str:
    """Return a text without the modules of exceptions, which are not what differs."""
    return re.sub(r"(raised )(?:\w+\.)+(?=\w)", r"\1", text)


def ranges(by_way: dict[str, sweeps.Sweep]) -> list[str]:
    """Return what a client made of each way to end, a line a range."""
    return [_short(str(one)) for found in by_way.values() for one in found.ranges()]


def section(framing: str, found: dict[str, dict[str, sweeps.Sweep]]) -> str:
    """Return the ranges of each client for one framing."""
    image = found["http.client"]["fin"].outcomes[-1].position + 1
    lines = [f"## {framing[0].upper()}{framing[1:]}", "", f"{image} bytes: `{FRAMINGS[framing]!r}`."]
    for client, by_way in found.items():
        lines += ["", f"### {client}", "", "```text"]
        lines += ranges(by_way)
        lines.append("```")
    text = "\n".join(lines).replace(repr(BODY), f'b"x" * {len(BODY)}').replace(repr(BODY[:HALF]), f'b"x" * {HALF}')
    return text.replace("### ", f"### {framing}, ")


def row(framing: str, how: str, found: list[sweeps.Sweep]) -> str:
    """Return a row of the table."""
    return f"| {framing}, {WAYS[how]} | {' | '.join(map(cell, found))} |"


def page() -> str:
    """Return the page."""
    found = {
        framing: {client: {how: sweep(response, call, how) for how in WAYS} for client, call in CLIENTS.items()}
        for framing, response in FRAMINGS.items()
    }
    rows = [f"| framing, end | {' | '.join(CLIENTS)} |", f"|---|{'---|' * len(CLIENTS)}"]
    for framing, by_client in found.items():
        rows += [row(framing, how, [by_way[how] for by_way in by_client.values()]) for how in WAYS]
    details = "\n\n".join(section(framing, by_client) for framing, by_client in found.items())
    return TEXT.format(
        size=len(BODY), timeout=READ_TIMEOUT, versions=versions(), table="\n".join(rows), details=details
    )


TEXT = """\
# What five clients make of a truncated answer

The same answer in three framings, cut off after each of its bytes: by an orderly FIN, by RST, and by silence. Its
status is 200, its body has {size} bytes; for silence the read timeout is {timeout} s, and each connection is fresh.
The table says how many of these cuts a client took for a complete answer, **with less content than there was** or
with all of it. Below it stands what it made of each byte.

Made by `scripts/what_clients_make_of_a_cut.py` with [`sweeps.cuts()`](sweeps.md), from one real call for each byte and
way to end, with
{versions}.
Nothing here is a promise of those clients: run the script after an update.

{table}

## What it shows

Defects:

- **http.client, urllib3 and requests take half a head for a whole one.** From the third digit of the status on, a FIN
  inside the head is a complete answer with status 200 and an empty body. http.client stops reading the head at the end
  of file as if it were the blank line, and then there is no Content-Length that could be missed; the other two are
  built on it. RFC 9112 section 8 has such an answer recorded as incomplete.
- **aiohttp takes RST for the end of a body that only the end of the connection delimits.** Wherever the connection
  breaks, also before the first byte of the body, the answer is a success. RFC 9112 section 8 takes such a body for
  complete unless the connection has shown an error. The other four raise.
- **http.client, urllib3 and requests take a chunked body for complete that ends in mid-line.** A `0` without its line
  break is the last chunk for them, although the same bytes are the beginning of a chunk of ten, `0a`; and the blank
  line behind it is not missed either (RFC 9112 section 7.1). In this answer nothing but the end itself is lost, so
  these cuts are counted apart.

What is no defect, and good to know:

- A body that FIN delimits can be cut off by FIN anywhere, and nobody can tell. Send a Content-Length, or chunks.
- A head that is cut off inside its Content-Length is believed by the first three: at byte 34 they miss 9 bytes and not
  96, for `Content-Length: 9` is what came. Only that nothing comes behind it keeps this from being a success.
- aiohttp asks a second time, on a new connection, when the first one ends before the head is complete, if the method is
  one that may be repeated. The server has then received both requests.
- Silence inside the body is a `ConnectionError` of requests, not its `ReadTimeout`: a rule for timeouts misses it.
- httpx and aiohttp noticed every cut in Content-Length and chunks; every client noticed every silence.

{details}
"""


if __name__ == "__main__":
    PAGE.write_text(page())
