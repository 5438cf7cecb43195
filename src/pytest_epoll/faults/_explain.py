"""The dry run of a fault: what would go on the wire, as lines of text. Nothing is sent, nobody is asked.

The acts of a plain reply to a GET go through the fault as they would go through it in a server, and each act that comes
out is a line.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_epoll._core import acts
from pytest_epoll._core.response import Response
from pytest_epoll._core.showing import count
from pytest_epoll.errors import UsageTypeError
from pytest_epoll.faults._beforehand import answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.pace import Pace

LINES: Final = 60
"""As many as a screen has; a byte-by-byte reply would have thousands."""

_PREVIEW: Final = 48


def dry_run(fault: Any, response: object) -> list[str]:
    """Return what a fault makes of a response, a line an act.

    Raises:
        UsageTypeError: something that is no `Response`.
        UsageError: the response can't have what the fault acts on.
    """
    if not isinstance(response, Response):
        message = f"explain(response) takes a Response, not {response!r}"
        raise UsageTypeError(message)
    fault.check(response)
    stream: Acts = chain((acts.SendContinue(), acts.ReadTo()), answer(response))
    given: tuple[Any, ...] = response.faults
    for one in (*given, fault):
        stream = one.through(stream)
    has_fired = False
    lines: list[str] = []
    for act in stream:
        has_fired = has_fired or _is_firing(act, fault)
        if len(lines) <= LINES:
            lines += _told(act)
        elif has_fired:
            break
    if len(lines) > LINES:
        lines[LINES:] = ["... and so on"]
    if not has_fired:
        is_live = response.score is not None and response.score.items is None
        why = "its place may lie in what the stream gives" if is_live else "nothing here is where it acts"
        lines.append(f"{fault!r} does not fire: {why}")
    return lines


def _is_firing(act: Act, fault: object) -> bool:
    if isinstance(act, acts.Fired):
        return act.fault is fault
    return any(_is_firing(one, fault) for _, branch in acts.branches(act) for one in branch)


# -- a line an act --


def _told(act: Act) -> Iterator[str]:
    if isinstance(act, acts.Send):
        if act.image.size:
            yield _sent(act.image)
    elif isinstance(act, acts.ReadTo) and act.instead is not None:
        yield f"read the request {_up_to(act.position)}; there"
        yield from _told_within(act.instead)
        yield "if the request is shorter"
    elif isinstance(act, acts.WaitReadable):
        yield "read nothing" + ("" if act.duration_ns is None else f" for {act.duration_ns / 1e9:g} s")
        for name, branch in acts.branches(act):
            yield _WHEN[name]
            yield from _told_within(branch)
        yield "else"
    elif isinstance(act, acts.SendContinue):
        if act.is_withheld:
            yield "send no 100 Continue"
    elif isinstance(act, acts.NextRequest) and act.then is not None:
        yield "read the next request to its end, and leave it unanswered; then"
        yield from _told_within(act.then)
    else:
        tell = _TOLD.get(type(act))
        if tell is not None:
            yield tell(act)


def _up_to(position: object) -> str:
    return f"up to {position!r} and not one byte beyond it"


def _told_within(branch: Iterable[Act]) -> Iterator[str]:
    for act in branch:
        yield from (f"  {line}" for line in _told(act))


def _sent(image: Image) -> str:
    data = image.joined() if image.size <= _PREVIEW else b"".join(image.segments(0, _PREVIEW))
    more = "..." if image.size > _PREVIEW else ""
    return f"send {count(image.size, 'byte')}: {data!r}{more}"


def _option(act: acts.SetOption) -> str:
    if act.name == "read_on":
        return "read the rest of the request meanwhile"
    if act.name in ("receive_buffer", "room_to_look"):
        return f"make the receive buffer {act.value} bytes"
    if act.value is None:
        return "read as fast as it comes"
    pace = cast("Pace", act.value)  # what that option is, if there is one
    return f"read {count(pace.size, 'byte')} at a time, with a pause of {pace.pause_ns / 1e9:g} s behind each"


_WHEN: Final = {
    "on_bytes": "if the client sends a byte",
    "on_eof": "if the client sends FIN",
    "on_silence": "if the client sends nothing",
}

_TOLD: Final[dict[type, Any]] = {
    acts.ReadTo: lambda act: f"read the request {'to its end' if act.position == 'end' else _up_to(act.position)}",
    acts.SetOption: _option,
    acts.Sleep: lambda act: f"pause {act.duration_ns / 1e9:g} s",
    acts.HoldUntil: lambda act: f"wait until {act.gate.name} opens",
    acts.WaitDelivered: lambda _: "wait until the client's kernel has everything",
    acts.WaitPeerRead: lambda _: "wait until the client has read everything",
    acts.Fired: lambda act: f"{act.fault!r} fires",
    acts.ShutdownWrite: lambda act: "FIN" if act.goodbye else "FIN, as a half-close",
    acts.SendRst: lambda _: "RST",
    acts.Close: lambda _: "close, whatever is unread: RST if anything is, else FIN",
    acts.Drain: lambda _: "read and discard until the client closes",
    acts.Stall: lambda _: "do nothing more, and read nothing",
    acts.Note: lambda _: "send what the stream gives, as it comes",
    acts.NextRequest: lambda _: "go on with the next request",
}
