"""End the connection in good form, too early."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Drain, Fired, ShutdownWrite
from pytest_epoll.faults._at_one_place import AtOnePlace, at_its_place, check_places

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True, repr=False)
class HangUp(AtOnePlace):
    """FIN after exactly `after` bytes of the reply, or once the request was read up to `after_reading`.

    When: at that place: of the reply a position such as 137, "head" or `faults.body(10)`; of the request likewise. If
    the reply or the request is shorter, the fault does not fire, which is a finding.

    On the wire: the bytes before the place, then a segment with the FIN flag. What the client still sends is read and
    discarded (it counts in `bytes_received` and is no request), until it closes, too.

    The kernel: `shutdown(SHUT_WR)` (shutdown(2)) queues the FIN behind what was written, so everything before it is
    delivered, at whatever pace the client reads; it acts at once, also while a forked child holds the descriptor.
    Closing with bytes unread would send RST instead; that is why we drain first.

    The client: reads the bytes, then end of file: "incomplete read", "peer closed connection", "premature EOF", or
    nothing at all where it does not notice that something is missing.

    Exact: the number of bytes, always; with `after_reading`, the number of bytes of the request that are in the record.

    Raises:
        UsageError: a position that can't be, or both places.
        UsageTypeError: something that is no position.
    """

    after: Position = 0
    after_reading: Position | None = None

    def __post_init__(self) -> None:
        check_places("HangUp", self.after, self.after_reading)

    def through(self, acts: Acts) -> Acts:
        """Cut the reply or the reading, and part."""
        then = (Fired(self), ShutdownWrite(), Drain())
        return at_its_place(self, acts, then)
