"""Faults that act at one place, in the reply (`after=`) or while the request is read (`after_reading=`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from pytest_epoll._core.acts import ReadTo, SendContinue, SetOption
from pytest_epoll._core.limits import LOOKAHEAD
from pytest_epoll.errors import UsageError
from pytest_epoll.faults._cut import Here, mark
from pytest_epoll.faults._fault import NEVER_REACHED, FaultValue
from pytest_epoll.faults._positions import (
    Place,
    checked_position,
    checked_reading_position,
    looks_ahead,
    surely_lies_before,
)

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll.faults._positions import Position


_ROOM_TO_LOOK: Final = 256 * 1024
"""Bytes of SO_RCVBUF where bytes are held back until those behind them have come. A byte of a segment that is held back
holds all its memory, up to 131 kB on the loopback, which is what there is by default: nothing could come any more (once
in 70 uploads of two chunks of 65 kB). It must be there before anything is read: of a buffer that grows once bytes are
held back the client learns only when it asks again, 200 ms later."""


class AtOnePlace(FaultValue, Protocol):
    """A fault with the two places, `after` and `after_reading`, of which one is given."""

    __slots__ = ()

    after: Position
    after_reading: Position | None

    @property
    def needs_reply(self) -> bool:
        """Whether there must be a reply to act on: not if it is over before its first byte."""
        return self.after_reading is None and self.after != 0

    @property
    def acts_on_reading(self) -> bool:
        """Whether it acts while the request is read."""
        return self.after_reading is not None

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        return unmet_while_reading(self.after_reading) if self.acts_on_reading else NEVER_REACHED

    def positions(self) -> tuple[Position, ...]:
        """Return the places in the reply."""
        return (self.after,) if self.after_reading is None else ()


def check_places(name: str, after: object, after_reading: object) -> None:
    """Check the two places of a fault, of which one is given.

    Raises:
        UsageTypeError: no position.
        UsageError: a position that can't be, or both.
    """
    if after_reading is None:
        checked_position("after", after)
        return
    checked_reading_position("after_reading", after_reading)
    if after != 0:
        message = f"{name}: after= acts on the reply and after_reading= on the request; give one of them"
        raise UsageError(message)


def unmet_while_reading(position: object) -> str:
    """Return why a place in the request was not met, in words for the finding."""
    inner = position
    while isinstance(inner, Place) and inner.kind == "before":
        if int(str(inner.value)) > LOOKAHEAD:
            return f"{NEVER_REACHED} (in a chunked request at most {LOOKAHEAD} bytes can be looked ahead)"
        inner = inner.base
    if inner == Place("half_of", "body"):
        return f"{NEVER_REACHED} (nobody knows the half of a chunked body before its end)"
    return NEVER_REACHED


def at_its_place(fault: AtOnePlace, acts: Acts, then: tuple[Act, ...]) -> Acts:
    """Do something at the place of a fault, wherever that lies, in place of all that follows."""
    if fault.after_reading is not None:
        return while_reading(acts, fault.after_reading, then)
    return at_place(acts, fault.after, then)


def at_place(acts: Acts, after: Position, then: tuple[Act, ...], *, goes_on: bool = False) -> Acts:
    """Do something at a place of the reply, in place of all that follows, or before it."""
    for act in mark(acts, iter((after,))):
        if isinstance(act, Here):
            yield from then
            if not goes_on:
                return
        else:
            yield act


def room_to_look(position: Position) -> Acts:
    """Ask for a larger receive buffer if a place of the request is found only by looking ahead."""
    if looks_ahead(position):
        yield SetOption("room_to_look", _ROOM_TO_LOOK)


def _comes_first(position: Position, act: ReadTo) -> bool:
    other: Any = act.position
    if act.instead is None:
        return not surely_lies_before(other, position)
    return surely_lies_before(position, other)


def while_reading(acts: Acts, position: Position, then: tuple[Act, ...]) -> Acts:
    """Do something at a place of the request, in place of all that follows; not one byte beyond it is taken.

    What faults to the left do at a place that lies behind it comes later, as far as that can be told beforehand.
    """
    for act in acts:
        if isinstance(act, SendContinue):
            yield replace(act, unless_at=(*act.unless_at, position))
            continue
        if isinstance(act, ReadTo) and _comes_first(position, act):
            yield from room_to_look(position)
            yield ReadTo(position, read_on=False, instead=then, within=act.position)
        yield act
