"""Finding places in a stream of acts: what every fault that acts "after n bytes" shares.

A position counts bytes of the reply on the wire. Images pass by one after the other (a streamed reply has many), so
a position is found by counting:

    Send(image 0..99)   Send(image 0..49)
    |---------------|   |--------------|
    0               100 100            150        after=120 is 20 bytes into the second one
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_epoll._core.acts import Drain, NextRequest, Send, SendRst, ShutdownWrite
from pytest_epoll.faults._positions import Finder, Place, needs_length

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll.faults._positions import Position


class Here:
    """What `mark` yields, between two acts, at each place it was asked for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "HERE"


HERE: Final = Here()

_ENDS_REPLY = (NextRequest, ShutdownWrite, SendRst, Drain)
"""Acts that come only when the reply is over; a wait between two pieces is no end."""


def mark(acts: Acts, positions: Iterator[Position]) -> Iterator[Act | Here]:
    """Yield the acts with `HERE` between them wherever a position lies; images are split there.

    Positions are taken one at a time and in ascending order; one that lies behind us is where we are. "end" is before
    the act that ends the reply. What is never reached is never marked.
    """
    finder = Finder()
    interims = 0
    position = next(positions, None)
    for act in acts:
        if not isinstance(act, Send):
            while position == "end" and isinstance(act, _ENDS_REPLY):
                yield HERE
                position = next(positions, None)
            yield act
            continue
        image = act.image
        if image.is_interim:
            yield act
            interims += image.offset + image.size == image.whole.size
            while position == Place("interim", interims):
                yield HERE
                position = next(positions, None)
            continue
        finder.enter(image.whole)
        start = 0
        while position is not None:
            place = finder.find(position, image.whole)
            offset = None if place is None else place - image.offset
            if offset is None or offset > image.size:
                if place is not None and needs_length(position):
                    position = finder.sent + place  # found from the first image, to be met in a later one
                break
            offset = max(offset, start)
            if offset > start:
                yield Send(image if offset - start == image.size else image.slice(start, offset))
            start = offset
            yield HERE
            position = next(positions, None)
        if start < image.size:
            yield Send(image.slice(start) if start else image)
