"""Let a fault take a connection where an attempt would take a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.score import is_fault
from pytest_epoll.errors import UsageTypeError

if TYPE_CHECKING:
    from pytest_epoll.faults._fault import Fault


@dataclass(frozen=True, slots=True, repr=False)
class AtAccept:
    """A fault for a connection, among the replies of `server.attempts()`."""

    fault: Fault

    def __repr__(self) -> str:
        return f"faults.at_accept({self.fault!r})"


def at_accept(fault: Fault) -> AtAccept:
    """Return what `server.attempts()` takes for an attempt that ends before its request: the fault takes a connection.

    The next connection that is accepted in its turn meets the fault, whose numbers count that connection's bytes:
    `faults.at_accept(faults.Reset())` resets it when it is accepted. A fault that does not end it, such as
    `faults.Delay(0.5)`, goes on with the routes. A refused or unanswered connect is no connection, and can't be
    counted.

    Raises:
        UsageTypeError: something that is no fault.
    """
    if not is_fault(fault):
        message = f"at_accept(fault) takes a fault of pytest_epoll.faults, not {fault!r}"
        raise UsageTypeError(message)
    return AtAccept(fault)
