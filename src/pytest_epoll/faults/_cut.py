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
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll._core.image import Image


class Here:
    """What `mark` yields, between two acts, at each place it was asked for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "HERE"


HERE: Final = Here()

Position = int | str
"""Bytes of the reply, or "head" (after the blank line) or "end"."""

NAMED = ("head", "end")

_ENDS_REPLY = (NextRequest, ShutdownWrite, SendRst, Drain)
"""Acts that come only when the reply is over; a wait between two pieces is no end."""


def checked_position(argument: str, position: object) -> Position:
    """Return a position that a caller gave.

    Raises:
        UsageTypeError: neither a number nor a name.
        UsageError: a negative number, or a name that there is not.
    """
    if isinstance(position, bool) or not isinstance(position, (int, str)):
        message = (
            f"{argument}={position!r} is no position; use a number of bytes, or one of {', '.join(map(repr, NAMED))}"
        )
        raise UsageTypeError(message)
    if isinstance(position, int) and position < 0:
        message = f"{argument}={position} lies before the first byte; positions count from 0"
        raise UsageError(message)
    if isinstance(position, str) and position not in NAMED:
        message = (
            f"{argument}={position!r} is not known; use a number of bytes, or one of {', '.join(map(repr, NAMED))}"
        )
        raise UsageError(message)
    return position


def mark(acts: Acts, positions: Iterator[Position]) -> Iterator[Act | Here]:
    """Yield the acts with `HERE` between them wherever a position lies; images are split there.

    Positions are taken one at a time and in ascending order; one that lies behind us is where we are. "end" is before
    the act that ends the reply. What is never reached is never marked.
    """
    sent = 0
    position = next(positions, None)
    for act in acts:
        if not isinstance(act, Send) or act.image.is_interim:
            while position == "end" and isinstance(act, _ENDS_REPLY):
                yield HERE
                position = next(positions, None)
            yield act
            continue
        image = act.image
        start = 0
        while position is not None:
            offset = _offset(position, image, sent)
            if offset is None or offset > image.size:
                break
            offset = max(offset, start)
            if offset > start:
                yield Send(image if offset - start == image.size else image.slice(start, offset))
            start = offset
            yield HERE
            position = next(positions, None)
        if start < image.size:
            yield Send(image.slice(start) if start else image)
        sent += image.size


def _offset(position: Position, image: Image, sent: int) -> int | None:
    """Return where in this image the position lies, or None if that can't be said yet."""
    if isinstance(position, int):
        return position - sent
    if position == "head":
        return image.head_size if sent == 0 else None
    return None
