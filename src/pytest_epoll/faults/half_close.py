"""Shut down the sending side only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, ShutdownWrite
from pytest_epoll.faults._at_one_place import at_place
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._positions import checked_position

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True, repr=False)
class HalfClose(FaultValue):
    """FIN after `after` bytes of the reply, while reading goes on: further requests are listed, and never answered.

    When: at that place of the reply, after its last byte if nothing is said. If the reply is shorter, the fault does
    not fire, which is a finding.

    On the wire: the bytes before the place, then a segment with the FIN flag; the client may go on sending.

    The kernel: `shutdown(SHUT_WR)` (shutdown(2)); the connection is half-closed (RFC 9293 section 3.6) until the client
    closes, too.

    The client: reads the bytes, then end of file. One that looks before it reuses a connection finds it readable; one
    that does not can send its next request without an error, and gets no answer.

    Exact: the number of bytes, always. It is no goodbye: `closed_by` is who says goodbye after it.

    Raises:
        UsageError: a position that can't be.
        UsageTypeError: something that is no position.
    """

    after: Position = "end"

    def __post_init__(self) -> None:
        checked_position("after", self.after)

    def positions(self) -> tuple[Position, ...]:
        """Return the places in the reply."""
        return (self.after,)

    def through(self, acts: Acts) -> Acts:
        """Cut the reply and shut down our side."""
        return at_place(acts, self.after, (Fired(self), ShutdownWrite(goodbye=False)))
