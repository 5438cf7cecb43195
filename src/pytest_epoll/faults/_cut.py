"""Finding places in a stream of acts: what every fault that acts "after n bytes" shares.

A position counts bytes of the reply on the wire. Images pass by one after the other (a streamed reply has many), so
a position is found by counting:

    Send(image 0..99)   Send(image 0..49)
    |---------------|   |--------------|
    0               100 100            150        after=120 is 20 bytes into the second one
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_epoll._core import timeline
from pytest_epoll._core.acts import (
    Close,
    Drain,
    Fired,
    NextRequest,
    Note,
    Send,
    SendRst,
    ShutdownWrite,
    WaitDelivered,
    WaitReadable,
    branches,
)
from pytest_epoll.faults._finder import Finder
from pytest_epoll.faults._positions import Place, needs_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_epoll._core.acts import Act
    from pytest_epoll._core.image import Image
    from pytest_epoll.faults._positions import Position


class Here:
    """What `mark` yields, between two acts, at each place it was asked for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "HERE"


HERE: Final = Here()

_ENDS_REPLY = (NextRequest, ShutdownWrite, WaitDelivered, SendRst, Close, Drain)
"""Acts that come only when the reply is over; a wait between two pieces (`WaitPeerRead`, `Sleep`) is no end."""

_MOVES_ON = (Send, *_ENDS_REPLY)


def ends_reply(act: Act | Here) -> bool:
    """Whether an act comes only when the reply is over: so does a fault's wait for what the client does then."""
    return isinstance(act, _ENDS_REPLY) or (isinstance(act, WaitReadable) and any(branches(act)))


def mark(acts: Iterable[Act | Here], positions: Iterator[Position]) -> Iterator[Act | Here]:
    """Yield the acts with `HERE` between them wherever a position lies; images are split there.

    Positions are taken one at a time and in ascending order; one that lies behind us is where we are. "end" is before
    the act that ends the reply. What is never reached is never marked. What a fault to the left does at the same place
    comes first, so that `[Wait(gate, after=40), HangUp(after=40)]` waits and then hangs up.
    """
    marker = _Marker(positions)
    is_left_acting = False
    for act in acts:
        is_left_acting = _is_firing(act) or (is_left_acting and not isinstance(act, _MOVES_ON))
        if not is_left_acting:
            yield from marker.behind_piece()
        if not isinstance(act, Send):
            if ends_reply(act):
                yield from marker.at_end()
            yield act
        elif act.image.is_interim:
            yield act
            yield from marker.behind_interim(act.image)
        else:
            yield from marker.within(act.image)
    yield from marker.behind_piece()


def _is_firing(act: Act | Here) -> bool:
    return isinstance(act, Fired) or (isinstance(act, Note) and act.kind == timeline.FAULT)


class _Marker:
    """What `mark` knows of the reply so far."""

    def __init__(self, positions: Iterator[Position]) -> None:
        self._positions = positions
        self._position = next(positions, None)
        self._finder = Finder()
        self._interims = 0
        self._piece: Image | None = None  # what was sent last
        self._sent = 0  # bytes of the reply

    def at_end(self) -> Iterator[Here]:
        if self._piece is None:
            yield from self.while_at(0)  # of nothing, as behind the last item of a stream, the end is the beginning
        yield from self.while_at("end")

    def behind_piece(self) -> Iterator[Here]:
        while self._piece is not None and self._offset(self._piece) is not None:
            yield HERE
            self._position = next(self._positions, None)

    def while_at(self, place: Position) -> Iterator[Here]:
        while self._position == place:
            yield HERE
            self._position = next(self._positions, None)

    def behind_interim(self, image: Image) -> Iterator[Here]:
        self._interims += image.offset + image.size == image.whole.size
        yield from self.while_at(Place("interim", self._interims))

    def within(self, image: Image) -> Iterator[Act | Here]:
        self._finder.enter(image.whole)
        self._finder.begin_at(self._sent - image.offset)
        self._sent += image.size
        self._piece = image
        start = 0
        while (offset := self._offset(image)) is not None and offset < image.size:
            offset = max(offset, start)
            if offset > start:
                yield Send(image.slice(start, offset))
            start = offset
            yield HERE
            self._position = next(self._positions, None)
        if start < image.size:
            yield Send(image.slice(start) if start else image)

    def _offset(self, image: Image) -> int | None:
        """Return where in this piece the next position lies, or None."""
        if self._position is None:
            return None
        place = self._finder.find(self._position, image.whole)
        if place is None:
            return None
        if needs_length(self._position):
            # Found from the first image, counted from its beginning; it may be met in a later one.
            self._position = self._finder.sent + place
        offset = place - image.offset
        return offset if offset <= image.size else None
