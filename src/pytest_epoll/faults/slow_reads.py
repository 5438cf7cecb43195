"""Read the request slowly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, ReadTo, SetOption
from pytest_epoll._core.checks import checked_whole
from pytest_epoll._core.pace import pace_of
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._rate import check_rate

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts


@dataclass(frozen=True, slots=True, repr=False)
class SlowReads(FaultValue):
    """The request's body read at so many bytes a second, `size` bytes at a time, with real back-pressure.

    When: from the end of the head to the end of the body; it fires as reading begins.

    On the wire: our window closes when the receive buffer is full (RFC 9293 section 3.8.6), the client's segments stop,
    and go on as we read.

    The kernel: swallows some 4 MB before the client's `send` blocks: its send buffer and our receive buffer, which
    grows by itself. `receive_buffer` (SO_RCVBUF, socket(7)) makes ours small; 1.7 MB still fit in all. So a test of
    back-pressure sends several megabytes, or gives the client a small SO_SNDBUF. With less than some 16 kB the client's
    kernel waits 200 ms before it sends into so small a window, which makes 40 to 90 kB a second, whatever the rate is.

    The client: its `send` blocks; a write timeout fires, "write timed out".

    Exact: that reading is no faster than this; pauses are a lower bound, with a grain of a millisecond. Not exact: at
    which byte the client blocks.

    Raises:
        UsageError: a rate, a size or a buffer that is no positive number.
        UsageTypeError: something that is no number.
    """

    bytes_per_second: float
    size: int | None = None
    receive_buffer: int | None = None

    acts_on_reading = True

    def __post_init__(self) -> None:
        check_rate(self.bytes_per_second, self.size, instead="faults.StopReading()")
        if self.receive_buffer is not None:
            checked_whole("receive_buffer", self.receive_buffer, least=1)

    def through(self, acts: Acts) -> Acts:
        """Set a pace for reading."""
        pace = pace_of(self.bytes_per_second, self.size)
        has_begun = is_slow = False
        for act in acts:
            if isinstance(act, ReadTo) and not has_begun:
                has_begun = True
                yield Fired(self)
                if self.receive_buffer is not None:
                    yield SetOption("receive_buffer", self.receive_buffer)
            if isinstance(act, ReadTo) and not is_slow:
                is_slow = True
                yield SetOption("pace", pace)
            yield act
            if isinstance(act, ReadTo) and act.position == "end":
                is_slow = False
                yield SetOption("pace", None)
