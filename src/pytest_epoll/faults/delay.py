"""Pause at a place of the reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, Sleep
from pytest_epoll._core.checks import checked_delay
from pytest_epoll.faults._at_one_place import at_place
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._positions import checked_position

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True, repr=False)
class Delay(FaultValue):
    """A pause of so many seconds after `after` bytes of the reply; then it goes on.

    When: at that place; 0 is before the first byte. If the reply is shorter, the fault does not fire, which is a
    finding.

    On the wire: the bytes before the place, nothing for that long, then the rest.

    The kernel: nothing special.

    The client: a read timeout that is shorter than the pause fires; what came before it can be read at once.

    Exact: the bytes before the pause, always; its length is a lower bound, with a grain of a millisecond.

    Raises:
        UsageError: a negative number, or a position that can't be.
        UsageTypeError: something that is no number or no position.
    """

    seconds: float
    after: Position = 0

    def __post_init__(self) -> None:
        checked_delay("seconds", self.seconds)
        checked_position("after", self.after)

    def positions(self) -> tuple[Position, ...]:
        """Return the places in the reply."""
        return (self.after,)

    def through(self, acts: Acts) -> Acts:
        """Cut the reply and pause."""
        return at_place(acts, self.after, (Fired(self), Sleep(checked_delay("seconds", self.seconds))), goes_on=True)
