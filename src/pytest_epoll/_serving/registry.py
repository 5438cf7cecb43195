"""The servers of this process, whoever made them: a failing test shows what each of them saw."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary, WeakSet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_epoll.server import EpollServer

_known: WeakSet[EpollServer] = WeakSet()

_changes = count()  # of all servers: their order is what counts
_started: WeakKeyDictionary[EpollServer, int] = WeakKeyDictionary()
_stopped: WeakKeyDictionary[EpollServer, int] = WeakKeyDictionary()


def enter(server: EpollServer) -> None:
    """Know a server that has been started."""
    _known.add(server)
    _started[server] = next(_changes)
    _stopped.pop(server, None)


def note_stop(server: EpollServer) -> None:
    """Note that a server ends now."""
    _stopped[server] = next(_changes)


def leave(server: EpollServer) -> None:
    """Know a server no longer, for what it saw is told in another way; with a restart it enters again."""
    _known.discard(server)


def latest(servers: Iterable[EpollServer]) -> list[EpollServer]:
    """Return the one of them that was started last, and those that still ran then."""
    started = {server: _started.get(server, 0) for server in servers}
    last = max(started.values(), default=0)
    return [server for server in started if _stopped.get(server, last) >= last]


def known_servers() -> list[EpollServer]:
    """Return every server that was started and that somebody still holds, in the order of ports.

    Stopped ones, too: a `with` block has stopped its server before the failure of a test inside it is reported.
    """
    return sorted(filter(_is_ours, _known), key=lambda server: server.address)


def _is_ours(server: EpollServer) -> bool:
    """Whether it is this process's: a forked child knows its parent's servers, and sees nothing of theirs."""
    engine = server._barrier.engine  # noqa: SLF001 - as below
    return engine is None or not engine.is_in_fork


def is_running(server: EpollServer) -> bool:
    """Whether it was started and has not been stopped since."""
    return server._barrier.engine is not None  # noqa: SLF001 - what "running" means


def forget_stopped_servers() -> None:
    """Know no longer those that do not run; with a restart a server enters again."""
    for server in list(_known):
        if not is_running(server):
            _known.discard(server)
