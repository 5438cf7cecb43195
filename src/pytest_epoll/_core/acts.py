"""Acts: everything that the server can do on a connection, as a closed alphabet of values.

A conversation is one lazily pulled stream of acts; a request and its reply are, for instance,

    SendContinue . ReadTo("end") . Send(image) . NextRequest

A fault is a pure function from a stream of acts to a stream of acts, so faults nest, and are tested without a socket:
`Reset(after=137)` turns `Send(image)` into `Send(image[:137]) . Fired . WaitDelivered . SendRst`. One interpreter
carries them out (`_eventloop/channel.py`), and it knows acts, not faults. A new fault is said in existing acts; a new
act needs a page in `docs/design/`.

Streams are pulled one act at a time, and an act that has to wait (for writability, for time, for the client) holds the
pull back: a reply of a gigabyte is never there at once, and what follows a wait is decided after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

if TYPE_CHECKING:
    from pytest_epoll._core.image import Image


class Gate(Protocol):
    """What can be waited at."""

    @property
    def name(self) -> str:
        """What the timeline calls it."""
        ...

    def when_open(self, callback: Callable[[], object], /) -> bool:
        """Return whether it is open; if not, `callback` will be called in the thread that opens it."""
        ...


class Outcome:
    """How an act has ended, for the fault that decides by it what follows; written before the next act is pulled.

    Where there is no connection, in a dry run or a test of acts, it stays what it was made with.
    """

    __slots__ = ("holds", "is_over")

    def __init__(self, *, holds: bool = True, is_over: bool = False) -> None:
        self.holds = holds  # whether it was as the act has asked
        self.is_over = is_over  # whether the request has ended, whole or not


@dataclass(frozen=True, slots=True)
class ReadTo:
    """Read what the client sends up to a position: of the request, or of whatever else the conversation reads.

    With `read_on` what follows may be read as well, while later acts run; without it not a byte beyond the position
    is taken, and nothing more is read until an act says so. If the position is reached, `instead` is what happens
    in place of the rest of the stream; if what it lies `within` is read to its end before, the stream goes on. The
    `outcome` holds if the position was reached.
    """

    position: object = "end"
    read_on: bool = True
    instead: tuple[Act, ...] | None = None
    within: object = "end"
    outcome: Outcome | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class WaitReadable:
    """Read nothing until the client has sent a byte or its FIN, or until the time is over; None: without an end.

    What came stays in the kernel's buffers, and nothing is read before the next act that reads (`ReadTo`, `Drain`,
    `NextRequest`). Bytes that had been read ahead count as bytes. Each way in which the wait can end has something that
    happens in place of the rest of the stream; with None the stream goes on. An RST ends the stream.
    """

    duration_ns: int | None = None
    on_bytes: tuple[Act, ...] | None = None
    on_eof: tuple[Act, ...] | None = None
    on_silence: tuple[Act, ...] | None = None


@dataclass(frozen=True, slots=True)
class SetOption:
    """Change how the connection is read from now on.

    "pace": a `Pace`, so many bytes at once and then a pause; None: as fast as it comes. "receive_buffer": bytes of
    SO_RCVBUF (socket(7)), which a Unix domain socket has not; "room_to_look": the same for bytes that will be held back
    in it, nothing where there is none. "read_on": True, what is left of the request may be read while later acts run.
    """

    name: str
    value: object


@dataclass(frozen=True, slots=True)
class Stall:
    """Do and read nothing more, until the client has gone or the server stops."""


@dataclass(frozen=True, slots=True)
class SendContinue:
    """Send `100 Continue`, if the client asked for it and has not begun its body.

    Not if one of the positions `unless_at` lies in the head or right behind it: then the body is not wanted. The
    `outcome` holds if it was due; one that `is_withheld` is not sent even then.
    """

    unless_at: tuple[object, ...] = ()
    is_withheld: bool = False
    outcome: Outcome | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Send:
    """Send an image, all of it, however often the kernel has to be asked."""

    image: Image


@dataclass(frozen=True, slots=True)
class Sleep:
    """Do nothing for a while."""

    duration_ns: int


@dataclass(frozen=True, slots=True)
class HoldUntil:
    """Wait until a gate is open."""

    gate: Gate


@dataclass(frozen=True, slots=True)
class WaitDelivered:
    """Wait until the client's kernel has everything that was sent; unless `exact`, go on where that cannot be seen."""

    exact: bool = True


@dataclass(frozen=True, slots=True)
class WaitPeerRead:
    """Wait until the client has taken everything that was sent; unless `exact`, go on where that cannot be seen."""

    exact: bool = True


@dataclass(frozen=True, slots=True)
class ShutdownWrite:
    """Send FIN and go on reading; a `goodbye` unless it is only a half-close."""

    goodbye: bool = True


@dataclass(frozen=True, slots=True)
class SendRst:
    """Send RST now, whatever is unsent or unread; unless `exact`, close where there is no RST."""

    exact: bool = True


@dataclass(frozen=True, slots=True)
class Close:
    """Release the descriptor without reading what is there: RST if anything is unread, else FIN, as close(2) would."""


@dataclass(frozen=True, slots=True)
class Drain:
    """Read and discard until the client has closed, too, then release the descriptor."""


@dataclass(frozen=True, slots=True)
class Note:
    """Write a fact into the timeline, and then tell who wants to hear of it."""

    kind: str
    detail: object = None
    then: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """Write into the timeline that a fault has had its first effect."""

    fault: object


@dataclass(frozen=True, slots=True)
class Pending:
    """The source has nothing yet; it calls what was given to `when_ready` once it has. Stages pass it on untouched."""

    when_ready: Callable[[Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class NextRequest:
    """The exchange is over and the connection is free for the next one.

    With `then` the next request is not answered: it is read whole (of one that waits for `100 Continue` the head), and
    this happens.
    """

    then: tuple[Act, ...] | None = None


Act: TypeAlias = (
    ReadTo
    | WaitReadable
    | SetOption
    | Stall
    | SendContinue
    | Send
    | Sleep
    | HoldUntil
    | WaitDelivered
    | WaitPeerRead
    | ShutdownWrite
    | SendRst
    | Close
    | Drain
    | Note
    | Fired
    | Pending
    | NextRequest
)

Acts: TypeAlias = Iterator[Act]

_BRANCHES: Final[dict[type, tuple[str, ...]]] = {
    ReadTo: ("instead",),
    WaitReadable: ("on_bytes", "on_eof", "on_silence"),
    NextRequest: ("then",),
}
"""Where an act says what may happen in place of the rest of the stream."""


def branches(act: Act) -> Iterator[tuple[str, tuple[Act, ...]]]:
    """Yield what may happen in place of what follows an act, each with its name."""
    for name in _BRANCHES.get(type(act), ()):
        branch = getattr(act, name)
        if branch is not None:
            yield name, branch


def with_branches(act: Act, change: Callable[[Act], Act]) -> Act:
    """Return an act in whose branches each act is changed."""
    changed: dict[str, Any] = {name: tuple(map(change, branch)) for name, branch in branches(act)}
    return replace(act, **changed) if changed else act
