"""Never tell the client to send its body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll.faults._continue import UNASKED, without_continue
from pytest_epoll.faults._fault import FaultValue

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts


@dataclass(frozen=True, slots=True, repr=False)
class NoContinue(FaultValue):
    """No `100 Continue` for a client that waits for one, as from a server that does not know `Expect`.

    When: at the end of a head with `Expect: 100-continue`, if its body has not begun; it fires where the 100 would have
    been sent. Without such a client it does not fire, which is a finding.

    On the wire: nothing, until the client sends its body all the same; then the request is read and answered as ever.

    The kernel: nothing special.

    The client: waits a while for the 100 and then sends the body (RFC 9110 section 10.1.1 tells it not to wait for
    ever); curl waits a second. One that waits for ever runs into its own timeout.

    Exact: that no 100 is sent. When the client loses patience is up to the client.
    """

    acts_on_reading = True

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        return UNASKED

    def through(self, acts: Acts) -> Acts:
        """Withhold the 100."""
        return without_continue(acts, self)
