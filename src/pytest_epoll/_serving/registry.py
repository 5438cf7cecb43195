"""The servers of this process, whoever made them: a failing test shows what each of them saw."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from pytest_epoll.server import EpollServer

_known: WeakSet[EpollServer] = WeakSet()


def enter(server: EpollServer) -> None:
    """Know a server that has been started."""
    _known.add(server)


def leave(server: EpollServer) -> None:
    """Know a server no longer, for what it saw is told in another way; with a restart it enters again."""
    _known.discard(server)


def known_servers() -> list[EpollServer]:
    """Return every server that was started and that somebody still holds, in the order of ports.

    Stopped ones, too: a `with` block has stopped its server before the failure of a test inside it is reported.
    """
    return sorted(filter(_is_ours, _known), key=lambda server: server.address)


def _is_ours(server: EpollServer) -> bool:
    """Whether it is this process's: a forked child knows its parent's servers, and sees nothing of theirs."""
    engine = server._barrier.engine  # noqa: SLF001 - as below
    return engine is None or not engine.is_in_fork


def forget_stopped_servers() -> None:
    """Know no longer those that do not run; with a restart a server enters again."""
    for server in list(_known):
        if server._barrier.engine is None:  # noqa: SLF001 - what "running" means
            _known.discard(server)
