"""Never read on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, ReadTo, Stall
from pytest_epoll.faults._at_one_place import at_place, unmet_while_reading, while_reading
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._positions import checked_reading_position

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True, repr=False)
class StopReading(FaultValue):
    """Read the request up to `after_reading`, and never a byte beyond; "end": answer it, then never read again.

    When: at that place of the request. If the request is shorter, the fault does not fire, which is a finding.

    On the wire: what was read is acknowledged; then our window closes as the receive buffer fills. With "end" the reply
    goes out, and whatever the client sends on the connection afterwards stays unread.

    The kernel: swallows some 4 MB before the client's `send` blocks; see `SlowReads`. FIN and RST are noticed without
    reading (EPOLLRDHUP, epoll(7)), but a FIN that stands behind a closed window can't even be sent: `closed_by` stays
    None, and the timeline has an event "unobserved" that says so.

    The client: its upload blocks, and a write timeout fires; a small one is sent, and a read timeout fires.

    Exact: not one byte beyond the place is taken. Not exact: at which byte the client blocks.

    Raises:
        UsageError: a position that can't be.
        UsageTypeError: something that is no position.
    """

    after_reading: Position = "head"

    acts_on_reading = True

    def __post_init__(self) -> None:
        checked_reading_position("after_reading", self.after_reading)

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        return unmet_while_reading(self.after_reading)

    def through(self, acts: Acts) -> Acts:
        """Cut the reading, or stall behind the reply."""
        then = (Fired(self), Stall())
        if self.after_reading == "end":
            return at_place(_reading_no_further(acts), "end", then)
        return while_reading(acts, self.after_reading, then)


def _reading_no_further(acts: Acts) -> Acts:
    """Leave what stands behind the request unread also while it is answered."""
    for act in acts:
        yield ReadTo("end", read_on=False) if act == ReadTo("end") else act
