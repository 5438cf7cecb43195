"""What a server tells others of, and whom it asks when it has no answer: plain callables, None where nobody listens.

Who fills them in (the plugin, from the hooks that somebody implements) is not known here. They are looked at beside
the request path, never on it: who wants to hear of every request has no answer settled (`Router.may_settle`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.request import Request


@dataclass(frozen=True, slots=True)
class Hooks:
    """One server's listeners."""

    explain_unmatched: Callable[[RequestRecord], str]
    unmatched: Callable[[Request], object] | None = None  # returns a reply, or None; worker thread, may block
    request: Callable[[Request], object] | None = None  # loop thread
    fault_fired: Callable[[object, int], object] | None = None  # the fault and the connection's index; loop thread


def tell_of_request(context: Context, record: RequestRecord) -> None:
    """Tell who wants to hear of it that a request's reading has ended."""
    hook = context.hooks.request
    if hook is None:
        return
    try:
        hook(context.router.view(record))
    except BaseException as error:  # noqa: BLE001 - pytest.fail() raises no Exception, and nothing may end the loop
        context.calls.fails("the hook pytest_epoll_request", record, error)


def tell_of_fault(context: Context, record: RequestRecord, fault: object) -> None:
    """Tell who wants to hear of it that a fault has had its first effect."""
    hook = context.hooks.fault_fired
    if hook is None:
        return
    try:
        hook(fault, record.connection)
    except BaseException as error:  # noqa: BLE001 - likewise
        context.calls.fails("the hook pytest_epoll_fault_fired", record, error)
