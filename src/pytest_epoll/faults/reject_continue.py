"""Refuse a body before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Drain, Send, ShutdownWrite
from pytest_epoll._core.checks import checked_whole
from pytest_epoll.errors import UsageError
from pytest_epoll.faults._beforehand import bare
from pytest_epoll.faults._continue import UNASKED, without_continue
from pytest_epoll.faults._fault import FaultValue

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts

_REFUSALS = range(400, 600)


@dataclass(frozen=True, slots=True, repr=False)
class RejectContinue(FaultValue):
    """A refusal in place of `100 Continue`: the client learns before it sends its body that nobody wants it.

    When: at the end of a head with `Expect: 100-continue`, if its body has not begun. Requests of other clients get the
    reply that the fault is given to, and for them it does not fire, which is a finding if there was no other.

    On the wire: `HTTP/1.1 417 Expectation Failed` (or another `status`) with `Content-Length: 0` and `Connection:
    close`, then FIN: whether a body follows nobody can tell, so the connection can't be used again (RFC 9110 section
    10.1.1). What the client sends all the same is read and discarded.

    The kernel: `shutdown(SHUT_WR)`, as with `HangUp`; the answer arrives also if the client sends on.

    The client: gets the answer without having sent its body. One that gets 417 should repeat the request without
    `Expect`; curl does so only where the connection is not closed, for which there is `RespondEarly`.

    Exact: the bytes of the answer, and that no 100 precedes it.

    Raises:
        UsageError: a status that is no refusal.
        UsageTypeError: something that is no whole number.
    """

    status: int = 417

    acts_on_reading = True

    def __post_init__(self) -> None:
        if checked_whole("status", self.status) not in _REFUSALS:
            message = (
                f"RejectContinue(status={self.status}) is no refusal; use 400 to 599, "
                "or respond(..., fault=faults.RespondEarly()) for any other answer without a 100"
            )
            raise UsageError(message)

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        return UNASKED

    def through(self, acts: Acts) -> Acts:
        """Answer in place of the 100."""
        return without_continue(acts, self, (Send(bare(self.status)), ShutdownWrite(), Drain()))
