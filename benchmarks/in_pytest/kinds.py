"""Tests that differ in one thing each. Collected only when named, as the benchmark does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.load import bare, open_connection, read_answer
from benchmarks.raw_loop import BODY, RawLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll import EpollServer


@pytest.fixture
def raw_server() -> Iterator[RawLoop]:
    server = RawLoop()
    server.start()
    yield server
    server.stop()


def _ask(port: int) -> bytes:
    with open_connection(port) as sock:
        sock.sendall(bare())
        return read_answer(sock)[1]


def test_empty() -> None:
    pass


def test_raw(raw_server: RawLoop) -> None:
    assert _ask(raw_server.port) == BODY


def test_epoll(epoll_server: EpollServer) -> None:
    epoll_server.get("/").respond(content=BODY)

    assert _ask(epoll_server.port) == BODY


def test_epoll_untouched(epoll_server: EpollServer) -> None:
    """Asks for a server and does nothing with it."""
