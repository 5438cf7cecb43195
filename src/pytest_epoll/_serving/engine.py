"""The server's engine room: it owns the thread, the loop, the listening socket and the sessions.

One engine is one start: `Engine(...)` binds and runs, `stop` ends it for good; `EpollServer` makes a new one when it is
started again. Routes and records outlive it.

Threads: made and stopped by the test's thread; `_sessions` and `_on_accepted` are the loop thread's.

Fork: a child inherits our descriptors but not our thread. It closes them, without a word to the shared epoll set (which
is the parent's, too) and without a byte on the wire: `close` only, no `shutdown`, no `epoll_ctl`.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING

from pytest_epoll._core import clock, limits, timeline
from pytest_epoll._core.messages import ConnectionRecord
from pytest_epoll._eventloop.listener import Listener
from pytest_epoll._eventloop.loop import Loop
from pytest_epoll._eventloop.poller import make_poller
from pytest_epoll._eventloop.probes import PeerProbe
from pytest_epoll._eventloop.transport import Transport
from pytest_epoll._serving.context import Context, Limits
from pytest_epoll._serving.session import Session
from pytest_epoll.errors import InternalError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.router import Router

_running: weakref.WeakSet[Engine] = weakref.WeakSet()


class Engine:
    """A running server; see the module's docstring."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        journal: Journal,
        router: Router,
        sizes: Limits,
        explain_unmatched: Callable[[RequestRecord], str],
        poller: str,
        edge_triggered: bool,
    ) -> None:
        self.loop = Loop(make_poller(poller, edge_triggered=edge_triggered))
        self._journal = journal
        self._sock = sock
        self._sessions: dict[int, Session] = {}  # by connection; loop thread only
        self._context = Context(
            loop=self.loop,
            probe=PeerProbe(),
            journal=journal,
            router=router,
            heads={},
            limits=sizes,
            explain_unmatched=explain_unmatched,
        )
        self._listener = Listener(self.loop, sock, self._on_accepted)
        self._listener.start()
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name=f"epoll-server-{sock.getsockname()[1]}", daemon=True)
        _running.add(self)
        self._thread.start()

    @property
    def is_in_fork(self) -> bool:
        """Whether this is a forked child, where the server does not run."""
        return os.getpid() != self._pid

    @property
    def probe(self) -> PeerProbe:
        """What looks at the client's side of a connection."""
        return self._context.probe

    def stop(self) -> None:
        """End every connection, stop listening and return when the thread has ended.

        Raises:
            InternalError: the loop has ended by a defect of ours before, or does not end now.
        """
        _running.discard(self)
        self.loop.post_stop()
        self._thread.join(limits.STOP_SECONDS)
        if self._thread.is_alive():
            message = f"the thread of the server did not end within {limits.STOP_SECONDS} s"
            raise InternalError(message)
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raise what ended the loop, if it has ended by itself."""
        failure = self.loop.failure
        if failure is not None:
            message = f"the server has ended by a defect of pytest-epoll: {failure!r}"
            raise InternalError(message) from failure

    def clear_records(self) -> None:
        """Forget what was recorded; open connections go on. Loop thread only."""
        self._journal.clear()
        for session in self._sessions.values():
            session.refresh()

    def _run(self) -> None:
        self.loop.run()
        for session in list(self._sessions.values()):
            session.stop()
        self._listener.close()
        self._context.probe.close()
        self.loop.close()

    def _on_accepted(self, sock: socket.socket, address: tuple[str, int]) -> None:
        journal = self._journal
        at_ns = clock.now_ns()
        record = ConnectionRecord(journal.accepted, address, at_ns)
        journal.accepted += 1
        journal.connections.append(record)
        journal.facts.append(
            (at_ns, record.index, timeline.NO_EXCHANGE, timeline.ACCEPTED, 0, f"{address[0]}:{address[1]}")
        )
        transport = Transport(self.loop, sock, record, journal.facts)
        session = Session(self._context, transport, self._sessions.pop)
        self._sessions[record.index] = session
        transport.attach(session)

    def _close_in_child(self) -> None:
        """Close what a forked child has inherited, and nothing but that."""
        for session in self._sessions.values():
            session.transport.sock.close()
        self._sock.close()
        self.probe.close()
        self.loop.close_descriptors()


def _close_all_in_child() -> None:
    for engine in list(_running):
        engine._close_in_child()  # noqa: SLF001 - the same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all_in_child)
