"""Close a connection that the client keeps in its pool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import NextRequest, WaitReadable
from pytest_epoll._core.checks import checked_delay
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._parting import check_parting, goodbye

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts


@dataclass(frozen=True, slots=True, repr=False)
class CloseIdle(FaultValue):
    """Our goodbye on a connection that was idle for so many seconds after the reply: what a keep-alive timeout does.

    When: `seconds` after the last byte of the reply, if the client has sent nothing until then; 0 is right behind the
    reply, whatever has been pipelined. The first byte of another request ends the wait, and the request is answered as
    ever. If the client is never idle for that long, or closes before, the fault does not fire, which is a finding; so
    it is if the reply itself ends the connection.

    On the wire: the whole reply without `Connection: close`, nothing for that long, then FIN, or RST with `how="rst"`.

    The kernel: delivers the FIN to a client that does not look; its next `send` succeeds, is answered with RST if we
    have closed by then, and what we drain of it is read and discarded.

    The client: finds its pooled connection readable if it looks before it reuses it. One that does not look sends its
    next request into it and gets no answer: "server disconnected", "connection reset"; some repeat the request.

    Exact: that nothing is sent before the time is over, and that a request that has begun by then is answered. With
    "rst", that the reply has arrived whole, as with `Reset`; where that can't be seen it is a finding, unless
    `exact=False` accepts it. The time is a lower bound, with a grain of a millisecond.

    Raises:
        UsageError: a negative number, or another `how`.
        UsageTypeError: an argument of a wrong type.
    """

    seconds: float = 0.0
    how: str = "fin"
    exact: bool = True

    def __post_init__(self) -> None:
        checked_delay("seconds", self.seconds)
        check_parting(self.how, self.exact)

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        return f"no connection was kept open and idle for {self.seconds:g} s behind the reply"

    def through(self, acts: Acts) -> Acts:
        """Wait before the next request, and part."""
        parting = goodbye(self, self.how, exact=self.exact)
        wait_ns = checked_delay("seconds", self.seconds)
        for act in acts:
            if isinstance(act, NextRequest):
                if not wait_ns:
                    yield from parting
                    return
                yield WaitReadable(wait_ns, on_silence=parting)
            yield act
