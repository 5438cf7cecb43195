"""The hooks that pytest-epoll calls; implement them in a conftest.py or a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_epoll.server import EpollServer

__all__ = ("pytest_epoll_configure", "pytest_epoll_report", "pytest_epoll_stopped")


@pytest.hookspec
def pytest_epoll_configure(server: EpollServer) -> None:
    """Called for every server that a fixture makes, before it starts.

    It may register routes and allow findings; what it registers counts as set up by a fixture.
    """


@pytest.hookspec
def pytest_epoll_report(server: EpollServer, lines: list[str]) -> None:
    """Called when a failing test's wire timeline is shown; `lines` may be changed in place."""


@pytest.hookspec
def pytest_epoll_stopped(server: EpollServer) -> None:
    """Called for every server that a fixture made, once it has stopped."""
