"""The wire timeline as text: what a failing test shows.

0.0 ms  c0     accepted from 127.0.0.1:51022
0.2     c0.0 > GET /big HTTP/1.1                     104 bytes, 5 headers
0.2     c0.0   route get("/big"), test_download.py:6 reply 1 of 1
0.3     c0.0 < HTTP/1.1 200 OK                       137 of 4155 bytes
0.3     c0.0 ! faults.Reset(after=137)               fired
0.3     c0   < RST                                   closed by server
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_epoll._core.showing import count, shortened
from pytest_epoll._reporting.timeline_rows import WIDTH, rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_epoll._core.comparison import RouteLabel
    from pytest_epoll._core.timeline import Fact

_NARROW = 28
"""Characters of the middle column at the least, so that the figures of two servers stand below each other."""

_FIGURE = 120
"""Characters of the last column, and of a row that has none: an error's text may take two lines of a terminal."""

_LINES_OF_AN_ERROR = 16
"""Lines that the text of an exception ends with: under pytest the whole timeline stands below it."""

_LINE = re.compile(r"( *[0-9.]+(?: ms)? +)(\S+ +)([<>! ]) (.*)")
"""A line of the timeline: moment, name, arrow, the rest."""

_COLOURS = {">": "36", "<": "32", "!": "31;1", " ": ""}
"""By arrow: cyan from the client, green to it, bold red what is out of the ordinary (ECMA-48 section 8.3.117)."""


def render(
    facts: Sequence[Fact], *, url: str, routes: Mapping[int, RouteLabel] | None = None, colour: bool = False
) -> str:
    """Return the timeline of one server, its address first.

    Args:
        facts: what happened, in order.
        url: the server's address.
        routes: how its routes are called, by their indexes.
        colour: whether to colour the lines for a terminal.
    """
    table = list(rows(facts, routes or {}))
    begin_ns = table[0].at_ns if table else 0
    names = max((len(row.name) for row in table), default=0)
    middle = [len(row.what) for row in table if row.figure]
    width = min(max((size for size in middle if size <= WIDTH), default=0), WIDTH)
    width = max(width, _NARROW)
    lines = [url]
    for row in table:
        moment = f"{(row.at_ns - begin_ns) / 1e6:8.1f}" + (" ms" if len(lines) == 1 else "   ")
        what = shortened(row.what, max(width, WIDTH) if row.figure else _FIGURE)
        figure = shortened(row.figure, _FIGURE)
        lines.append(f"{moment} {row.name:<{max(names, 4)}} {row.arrow} {what:<{width}} {figure}".rstrip())
    return "\n".join(coloured(lines) if colour else lines)


def title(facts: Sequence[Fact]) -> str:
    """Return "1 connection, 2 requests": how much a timeline is about."""
    connections = len({fact[1] for fact in facts if fact[1] >= 0})
    requests = len({(fact[1], fact[2]) for fact in facts if fact[2] >= 0})
    return f"{count(connections, 'connection')}, {count(requests, 'request')}"


def coloured(lines: Sequence[str]) -> list[str]:
    """Return the lines of a timeline in colours, by direction."""
    return [_coloured(line) for line in lines]


def _coloured(line: str) -> str:
    found = _LINE.fullmatch(line)
    if found is None:
        return f"\x1b[1m{line}\x1b[0m" if line.startswith("http") else f"\x1b[2m{line}\x1b[0m"
    moment, name, arrow, rest = found.groups()
    code = _COLOURS[arrow]
    if rest.startswith("RST"):
        code = _COLOURS["!"]
    inner = f"\x1b[{code}m{arrow} {rest}\x1b[0m" if code else f"{arrow} {rest}"
    return f"\x1b[2m{moment}\x1b[0m{name}{inner}"


# -- shortening --


def shorten(lines: list[str], limit: int) -> list[str]:
    """Return at most `limit` lines, cut in the middle but for what is out of the ordinary; 0 is no limit.

    The end is kept (it tells how things went wrong), the beginning as far as there is room, and in between the last
    few lines about faults and errors.
    """
    if not limit or len(lines) <= limit:
        return lines
    last = max(limit // 2, 1)
    rest = len(lines) - last
    odd = [place for place in range(1, rest) if _is_odd(lines[place])][-(limit // 8) :] if limit >= 8 else []  # noqa: PLR2004 - room for one
    first = max(limit - last - 1 - 2 * len(odd), 1)
    places = sorted({*range(min(first, rest)), *odd, *range(rest, len(lines))})
    return _with_gaps(lines, places)[-limit:] if limit < 3 else _with_gaps(lines, places)  # noqa: PLR2004


def _is_odd(line: str) -> bool:
    found = _LINE.fullmatch(line)
    return found is not None and found[3] == "!"


def _with_gaps(lines: Sequence[str], places: Sequence[int]) -> list[str]:
    kept: list[str] = []
    before = -1
    hint = "; all of them with --epoll-trace=full"
    for place in places:
        missing = place - before - 1
        if missing:
            kept.append(f"... {count(missing, 'line')}{hint}")
            hint = ""
        kept.append(lines[place])
        before = place
    return kept


def last_lines(text: str) -> str:
    """Return the end of a timeline, for the text of an exception."""
    lines = text.splitlines()
    if len(lines) <= _LINES_OF_AN_ERROR:
        return text
    end = lines[2 - _LINES_OF_AN_ERROR :]  # the address and the line about what is missing stand above it
    return "\n".join([lines[0], f"... {len(lines) - 1 - len(end)} earlier lines", *end])
