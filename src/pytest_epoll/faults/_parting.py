"""How a fault says goodbye on a connection that is between two requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_epoll._core.acts import Drain, Fired, SendRst, ShutdownWrite, WaitDelivered
from pytest_epoll._core.checks import checked_choice, checked_flag

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Act

WAYS: Final = ("fin", "rst")


def check_parting(how: object, exact: object) -> None:
    """Check the two arguments.

    Raises:
        UsageTypeError: no str, or a flag that is no bool.
        UsageError: an unknown way.
    """
    checked_choice("how", how, WAYS)
    checked_flag("exact", exact)


def goodbye(fault: object, how: str, *, exact: bool) -> tuple[Act, ...]:
    """Return what happens: FIN and a drain, or RST once what was sent has arrived."""
    if how == "fin":
        return Fired(fault), ShutdownWrite(), Drain()
    return Fired(fault), WaitDelivered(exact=exact), SendRst(exact=exact)
