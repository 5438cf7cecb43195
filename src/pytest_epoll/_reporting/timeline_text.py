"""The wire timeline as text: what a failing test shows.

0.0 ms  c0     accepted from 127.0.0.1:51022
0.2     c0.0 > GET /big HTTP/1.1                       104 bytes, 5 headers
0.2     c0.0   route get("/big"), test_download.py:6   reply 1
0.3     c0.0 < HTTP/1.1 200 OK                         137 of 4155 bytes
0.3     c0.0 ! faults.Reset(after=137)                 fired
0.3     c0   < RST                                     closed by server
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_epoll._core import timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_epoll._core.timeline import Fact

_WIDTH = 40
"""Columns of the middle part, so that the figures stand below each other."""


_LINES_OF_AN_ERROR = 40


def render(facts: Sequence[Fact], *, url: str, routes: Mapping[int, str]) -> str:
    """Return the timeline of one server, its address first; `routes` by their indexes, without forgotten ones."""
    lines = [url]
    shown = [fact for fact in timeline.expand(facts) if fact[3] not in timeline.INTERNAL]
    begin_ns = shown[0][0] if shown else 0
    due: dict[tuple[int, int], int] = {}
    sent: dict[tuple[int, int], int] = {}
    for at_ns, connection, exchange, kind, size, detail in shown:
        key = (connection, exchange)
        if kind == timeline.MATCHED:
            due[key] = size
        if kind == timeline.SENT:
            sent[key] = sent.get(key, 0) + size
        describe: _Describe = _LINES.get(kind, _plain)
        line = describe(kind, size, detail, due.get(key, 0), sent.get(key, 0), routes)
        if line is None:
            continue
        arrow, what, figure = line
        moment = f"{(at_ns - begin_ns) / 1e6:8.1f}" + (" ms" if len(lines) == 1 else "   ")
        name = "-" if connection < 0 else f"c{connection}" if exchange < 0 else f"c{connection}.{exchange}"
        lines.append(f"{moment} {name:<5}{arrow} {what:<{_WIDTH}} {figure}".rstrip())
    return "\n".join(lines)


def title(facts: Sequence[Fact]) -> str:
    """Return "1 connection, 2 requests": how much a timeline is about."""
    connections = len({fact[1] for fact in facts if fact[1] >= 0})
    requests = len({(fact[1], fact[2]) for fact in facts if fact[2] >= 0})
    return f"{_count(connections, 'connection')}, {_count(requests, 'request')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shorten(lines: list[str], limit: int) -> list[str]:
    """Return at most `limit` lines, cut in the middle; 0 is no limit."""
    if not limit or len(lines) <= limit:
        return lines
    first = limit // 2
    last = limit - first - 1
    missing = len(lines) - first - last
    return [*lines[:first], f"... {missing} lines; all of them with --epoll-trace=full", *lines[len(lines) - last :]]


def last_lines(text: str) -> str:
    """Return the end of a timeline, for the text of an exception; under pytest the whole of it stands below."""
    return "\n".join(text.splitlines()[-_LINES_OF_AN_ERROR:])


def note(facts: Sequence[Fact]) -> str:
    """Return the wire's side of a client's error in one line: what the last fault did; "" if there was none."""
    fired = [fact for fact in facts if fact[3] == timeline.FAULT]
    if not fired:
        return ""
    _, connection, exchange, _, _, (_, _, _, fault) = fired[-1]
    own = [fact for fact in timeline.expand(facts) if fact[1] == connection]
    of_exchange = [fact for fact in own if fact[2] == exchange]
    line = next((_line_of(fact[5]).rpartition(" ")[0] for fact in of_exchange if fact[3] == timeline.HEAD), "?")
    due = next((fact[4] for fact in of_exchange if fact[3] == timeline.MATCHED), 0)
    sent = sum(fact[4] for fact in of_exchange if fact[3] == timeline.SENT)
    verb = "delivered" if any(fact[3] == timeline.DELIVERED for fact in of_exchange) else "sent"
    goodbyes = {timeline.FIN_SENT: "then FIN", timeline.RST_SENT: "then RST"}
    end = next((goodbyes[fact[3]] for fact in own if fact[3] in goodbyes), "then nothing more")
    return f"wire: c{connection}.{exchange} {line}: {sent} of {due} bytes {verb}, {end} ({fault})"


def _line_of(data: bytes) -> str:
    """Return the first line of bytes, shortened and escaped."""
    return _escaped(data.split(b"\r\n", 1)[0])


def _escaped(data: bytes) -> str:
    """Return bytes with everything that is no printable ASCII escaped, shortened."""
    text = data.decode("latin-1").encode("unicode_escape").decode("ascii")
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def _head(_kind: str, size: int, detail: Any, *_: Any) -> tuple[str, str, str]:
    return ">", _line_of(detail), f"{size} bytes, {_count(detail.count(b': '), 'header')}"


def _body(_kind: str, size: int, *_: Any) -> tuple[str, str, str]:
    return ">", "body", f"{size} bytes"


def _request_ended(_kind: str, _size: int, detail: Any, *_: Any) -> tuple[str, str, str] | None:
    return None if detail is None else ("!", "incomplete", detail)


def _matched(
    _kind: str, _size: int, detail: Any, _due: int, _sent: int, routes: Mapping[int, str]
) -> tuple[str, str, str]:
    route, reply, _status = detail[:3]
    return " ", f"route {routes.get(route, '(forgotten)')}", f"reply {reply + 1}"


def _sent_line(_kind: str, size: int, detail: Any, due: int, sent: int, _routes: Any) -> tuple[str, str, str]:
    is_first = sent == size
    what = _line_of(detail) if is_first else f"... {_escaped(detail)}"
    of = f" of {due}" if due and sent != due else ""
    return "<", what[:_WIDTH], f"{sent}{of} bytes"


def _gate(_kind: str, _size: int, detail: Any, *_: Any) -> tuple[str, str, str]:
    name, what = detail
    return " ", f"waits at {name}" if what == "reached" else f"{name} was opened", ""


def _plain(kind: str, size: int, detail: Any, *_: Any) -> tuple[str, str, str]:
    return " ", kind, " ".join(str(part) for part in (size or "", detail if detail is not None else "") if part != "")


_Describe: TypeAlias = "Callable[..., tuple[str, str, str] | None]"

_LINES: dict[str, _Describe] = {
    timeline.ACCEPTED: lambda _k, _s, detail, *_: (" ", f"accepted from {detail}", ""),
    timeline.HEAD: _head,
    timeline.BODY: _body,
    timeline.REQUEST_ENDED: _request_ended,
    timeline.MATCHED: _matched,
    timeline.UNMATCHED: lambda *_: ("!", "unmatched: no route wants it", ""),
    timeline.REFUSED: lambda _k, _s, detail, *_: ("!", "refused", detail),
    timeline.SENT: _sent_line,
    timeline.DELIVERED: lambda _k, size, *_: (" ", "delivered to the client", f"{size} bytes in all") if size else None,
    timeline.PEER_READ: lambda _k, size, *_: (" ", "read by the client", f"{size} bytes in all"),
    timeline.CONTINUE_SENT: lambda *_: ("<", "HTTP/1.1 100 Continue", ""),
    timeline.SEND_BLOCKED: lambda _k, size, *_: (" ", "blocked: the client does not read", f"{size} bytes left"),
    timeline.SEND_RESUMED: lambda *_: (" ", "goes on: the client has read", ""),
    timeline.SEND_FAILED: lambda _k, _s, detail, *_: ("!", "could not be sent", detail),
    timeline.HANDLER_ERROR: lambda _k, _s, detail, *_: ("!", detail, ""),
    timeline.PAUSED: lambda _k, _s, detail, *_: (" ", f"waits {detail:g} s", ""),
    timeline.GATE: _gate,
    timeline.FAULT: lambda _k, _s, detail, *_: ("!", detail[3], "fired"),
    timeline.FIN_RECEIVED: lambda *_: (">", "FIN", ""),
    timeline.RST_RECEIVED: lambda _k, _s, detail, *_: (">", "RST", detail or ""),
    timeline.FIN_SENT: lambda _k, _s, detail, *_: ("<", "FIN", detail or ""),
    timeline.RST_SENT: lambda _k, _s, detail, *_: ("<", "RST", detail or ""),
    timeline.ENDED: lambda *_: (" ", "ended", ""),
}
