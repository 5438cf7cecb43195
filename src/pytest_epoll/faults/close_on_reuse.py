"""Close a connection at the moment in which the client uses it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import NextRequest, WaitReadable
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._parting import check_parting, goodbye

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts


@dataclass(frozen=True, slots=True, repr=False)
class CloseOnReuse(FaultValue):
    """Our goodbye in answer to the next request on the connection: the race that every keep-alive client must survive.

    When: after the reply, as soon as the client uses the connection again. With `how="rst"` that is its first byte,
    with "fin" the end of its request. If it never does, the fault does not fire, which is a finding; so it is if the
    reply itself ends the connection.

    On the wire: the whole reply; then, with "rst", RST, the request unread and in no record; with "fin" a FIN and not a
    byte, once the request was read whole. It is recorded and stays unanswered, which is no finding, and no reply of any
    route is used for it. Of a request that waits for `100 Continue` the head is read, and no 100 is sent.

    The kernel: an RST discards what the client has sent; a `send` that follows fails with EPIPE or ECONNRESET.

    The client: can't know whether its request was carried out: "connection reset by peer", "remote end closed
    connection without response". A good one repeats what is idempotent on a fresh connection, and nothing else.

    Exact: that the request is unread, or read to its last byte, always. With "rst", that the reply has arrived whole,
    as with `Reset`; where that can't be seen it is a finding, unless `exact=False` accepts it. Not exact: what a client
    has pipelined while an earlier answer was still due was read before, and is in the record.

    Raises:
        UsageError: another `how`.
        UsageTypeError: an argument of a wrong type.
    """

    how: str = "fin"
    exact: bool = True

    def __post_init__(self) -> None:
        check_parting(self.how, self.exact)

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        return "no connection was used again behind the reply"

    @property
    def leaves_unread(self) -> bool:
        """Whether what stands behind the request must stay in the kernel's buffers."""
        return self.how == "rst"

    def through(self, acts: Acts) -> Acts:
        """Put the goodbye before the next request, or in place of its answer."""
        parting = goodbye(self, self.how, exact=self.exact)
        for act in acts:
            if not isinstance(act, NextRequest):
                yield act
            elif self.how == "fin":
                yield replace(act, then=parting)
            else:
                yield WaitReadable(on_bytes=parting)
                yield act
