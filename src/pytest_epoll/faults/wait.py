"""Hold at a place of the reply until the test lets it go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, HoldUntil
from pytest_epoll._core.score import is_gate
from pytest_epoll.errors import UsageTypeError
from pytest_epoll.faults._at_one_place import at_place
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._positions import checked_position

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts, Gate
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True, repr=False)
class Wait(FaultValue):
    """A wait at `gate`, after `after` bytes of the reply; then it goes on.

    When: at that place; 0 is before the first byte. If the reply is shorter, the fault does not fire, which is a
    finding. `gate.wait_reached()` returns once a reply has come to it.

    On the wire: the bytes before the place, nothing until the gate is opened, then the rest.

    The kernel: nothing special.

    The client: has what came before the place, and waits for more.

    Exact: the bytes before the wait, always, and that nothing leaves before the gate is opened. Gates are released at
    the end of a test.

    Raises:
        UsageTypeError: something that is no gate or no position.
        UsageError: a position that can't be.
    """

    gate: Gate
    after: Position = 0

    def __post_init__(self) -> None:
        if not is_gate(self.gate):
            message = f"Wait(gate=) takes what server.gate() returns, not {self.gate!r}"
            raise UsageTypeError(message)
        checked_position("after", self.after)

    def positions(self) -> tuple[Position, ...]:
        """Return the places in the reply."""
        return (self.after,)

    def through(self, acts: Acts) -> Acts:
        """Cut the reply and hold."""
        return at_place(acts, self.after, (Fired(self), HoldUntil(self.gate)), goes_on=True)
