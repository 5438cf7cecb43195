"""The hooks that pytest-epoll calls; implement them in a conftest.py or a plugin.

They are called for the servers that fixtures make. Whether anybody implements one of those that a request can meet
(`pytest_epoll_unmatched`, `pytest_epoll_request`, `pytest_epoll_fault_fired`) is asked once, when a server is made;
where nobody does, no request pays for them. What such a hook raises is a "handler-error" finding of the test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from pytest_epoll import Connection, Request, Response
    from pytest_epoll.faults import Fault
    from pytest_epoll.server import EpollServer

__all__ = (
    "pytest_epoll_configure",
    "pytest_epoll_fault_fired",
    "pytest_epoll_report",
    "pytest_epoll_request",
    "pytest_epoll_stopped",
    "pytest_epoll_unmatched",
)


@pytest.hookspec
def pytest_epoll_configure(server: EpollServer) -> None:
    """Called for every server that a fixture makes, before it starts.

    It may register routes and allow findings; what it registers counts as set up by a fixture.
    """


@pytest.hookspec(firstresult=True)
def pytest_epoll_unmatched(server: EpollServer, request: Request) -> int | Response | Fault | Callable[..., Any] | None:
    """Called for a complete request that no route wants; the first result that is not None is the answer.

    Called on a worker thread; it may block. What it returns is what a handler may return: a status, a `Response`, a
    fault that needs no reply, or a callable that is given the request. A request that was answered is no finding and
    is not in `server.unmatched`; one that every hook leaves alone is answered 501, as without hooks.
    """


@pytest.hookspec
def pytest_epoll_request(server: EpollServer, request: Request) -> None:
    """Called for every request once it was read to its end, or broken off; `request.complete` says which.

    Called on the server's thread, before the answer is chosen, so it must not block, and a route that it registers
    applies to this request already. While it is implemented no answer takes the shortest path.
    """


@pytest.hookspec
def pytest_epoll_fault_fired(server: EpollServer, fault: Fault, connection: Connection) -> None:
    """Called when a fault has had its first effect on a connection, each time it fires.

    Called on the server's thread, before the fault goes on; it must not block.
    """


@pytest.hookspec
def pytest_epoll_report(server: EpollServer, lines: list[str]) -> None:
    """Called when a failing test's wire timeline is shown; `lines` may be changed in place."""


@pytest.hookspec
def pytest_epoll_stopped(server: EpollServer) -> None:
    """Called for every server that a fixture made, once it has stopped."""
