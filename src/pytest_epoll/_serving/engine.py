"""The server's engine room: it owns the thread, the loop, the listeners and the sessions.

One engine is one start: `Engine(...)` takes sockets that listen and runs, `stop` ends it for good; `EpollServer` makes
a new one when it is started again. Routes and records outlive it.

Threads: made and stopped by the test's thread; `_sessions` and `_on_accepted` are the loop thread's.

Fork: a child inherits our descriptors but not our thread. It closes them, without a word to the shared epoll set (which
is the parent's, too) and without a byte on the wire: `close` only, no `shutdown`, no `epoll_ctl`. It forgets the
engine, so that forks of its own don't close the same numbers again, which are somebody else's by then.

The end of the interpreter: a daemon thread is frozen wherever it stands, with sockets that nobody closes. So what still
runs is stopped by `atexit`, before anything is taken down; a server that a script leaves running is no mistake.

What is dropped while it runs is one, as with a socket: `let_go` is what `EpollServer.__del__` calls.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from functools import partial
from typing import TYPE_CHECKING

from pytest_epoll._core import clock, limits, timeline
from pytest_epoll._core.location import is_library, is_ours
from pytest_epoll._core.messages import ConnectionRecord
from pytest_epoll._eventloop.loop import Loop
from pytest_epoll._eventloop.poller import make_poller
from pytest_epoll._eventloop.probes import PeerProbe
from pytest_epoll._eventloop.sockets import close_listening_socket, is_unix
from pytest_epoll._eventloop.transport import Transport
from pytest_epoll._eventloop.workers import Workers
from pytest_epoll._serving.calls import Calls
from pytest_epoll._serving.context import Context, Reading
from pytest_epoll._serving.listeners import Listeners
from pytest_epoll._serving.session import Session
from pytest_epoll.errors import InternalError, UsageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from types import FrameType

    from pytest_epoll._eventloop.listener import Listener
    from pytest_epoll._eventloop.owner import Owner
    from pytest_epoll._serving.hooks import Hooks
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.router import Router
    from pytest_epoll._serving.scripts.book import ScriptBook
    from pytest_epoll._serving.scripts.stage import Stage

_running: weakref.WeakSet[Engine] = weakref.WeakSet()


class Engine:
    """A running server; see the module's docstring."""

    def __init__(
        self,
        socks: Sequence[socket.socket],
        *,
        journal: Journal,
        router: Router,
        reading: Reading,
        hooks: Hooks,
        scripts: ScriptBook,
        poller: str,
        edge_triggered: bool,
        backlog: int,
    ) -> None:
        self.is_stopping = False
        self._journal = journal
        self._pid = os.getpid()
        self._scripts = scripts
        self._sessions: dict[int, Session | Stage] = {}  # by connection; loop thread only
        self._thread = threading.Thread(target=self._run, name=f"epoll-server-{socks[0].getsockname()[1]}", daemon=True)
        try:
            poll = make_poller(poller, edge_triggered=edge_triggered)
            self.loop = Loop(poll)  # closes what it was given if it can't be made
            self.listeners = Listeners(self.loop, journal, self._on_accepted, backlog)
            self._workers = Workers()
            self._context = Context(
                loop=self.loop,
                probe=PeerProbe(),
                journal=journal,
                router=router,
                calls=Calls(self.loop, self._workers, journal),
                reading=reading,
                hooks=hooks,
            )
            self._start(socks)
        except BaseException:
            for sock in socks:
                close_listening_socket(sock)
            raise

    def _start(self, socks: Sequence[socket.socket]) -> None:
        _running.add(self)
        try:
            for sock in socks:
                self.listeners.add(sock)
            self._thread.start()
        except (OSError, RuntimeError, UsageError):  # no descriptor, no thread, or select(2) is at its end
            _running.discard(self)
            self.loop.close_descriptors()
            raise
        except BaseException:  # a signal, while the thread that was started is coming up
            self.stop(_nothing)
            raise

    @property
    def is_in_fork(self) -> bool:
        """Whether this is a forked child, where the server does not run."""
        return os.getpid() != self._pid

    @property
    def probe(self) -> PeerProbe:
        """What looks at the client's side of a connection."""
        return self._context.probe

    def stop(self, let_go: Callable[[], None]) -> list[str]:
        """End every connection, stop listening and return when the threads have ended.

        Args:
            let_go: what releases handlers that wait for something of ours, once no answer can leave any more.

        Returns:
            What still runs, a text for each: code of the test's that does not end, with its stack.

        Raises:
            InternalError: the thread does not end, and that is code of ours.
        """
        deadline_ns = clock.now_ns() + clock.to_ns(limits.STOP_SECONDS)
        self.is_stopping = True
        self._context.calls.release()
        self.loop.end()
        self._thread.join(limits.STOP_SECONDS)
        let_go()
        if self._thread.is_alive() and self.where_it_stands()[1]:
            # Code of ours waits for nobody, so a machine that starves it is more likely than a hang.
            self._thread.join(limits.ANSWER_SECONDS)
        if not self._thread.is_alive():
            _running.discard(self)
            running = self._workers.stop(deadline_ns)
            return [f"{label} still runs, {limits.STOP_SECONDS:g} s after stop():\n{stack}" for label, stack in running]
        place, is_our_code = self.where_it_stands()
        message = f"{self._thread.name}, the server's thread, did not end when it was told to; {place}"
        if is_our_code:
            raise InternalError(message)
        self._workers.stop(deadline_ns)
        return [message]

    def join(self) -> None:
        """Return when the thread has ended, which somebody else has asked it to; at the latest when `stop` would."""
        self._thread.join(limits.STOP_SECONDS)

    def raise_failure(self) -> None:
        """Raise what ended the loop, if it has ended by itself."""
        failure = self.loop.failure
        if failure is not None:
            message = f"the server has ended by a defect of pytest-epoll: {failure!r}"
            raise InternalError(message) from failure

    def let_go(self) -> bool:
        """Have the thread end without waiting for it, and return whether it still ran; any thread may be the caller."""
        if self.is_in_fork or not self._thread.is_alive():
            return False
        self.loop.let_go()
        return True

    def where_it_stands(self) -> tuple[str, bool]:
        """Return in words where the server's thread stands, and whether that is code of ours (False: the test's)."""
        import traceback  # noqa: PLC0415 - only for the worst case

        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001 - documented for this purpose
        if frame is None:
            return "it has just ended", True
        stack = [entry for entry in _stack(frame) if _is_of_interest(entry)]
        foreign = [entry for entry in stack if not is_ours(entry.f_code.co_filename)]
        is_our_code = all(is_library(entry.f_code.co_filename) for entry in foreign)
        lines = traceback.format_list(
            traceback.StackSummary.extract(
                (entry, entry.f_lineno) for entry in (stack[-3:] if is_our_code else foreign)
            )
        )
        return "it stands in\n" + "".join(lines).rstrip(), is_our_code

    def begin_gauging(self) -> None:
        """Have every connection look before it reads, from its next read on. Loop thread only."""
        for session in self._sessions.values():
            session.begin_gauging()

    def is_idle(self) -> bool:
        """Whether no connection has an exchange in progress. Loop thread only."""
        return all(session.is_idle for session in self._sessions.values())

    def untaken_by(self, index: int) -> int | None:
        """Return how many bytes sent on a connection its client's process has not taken; None if that can't be seen.

        Loop thread only.
        """
        session = self._sessions.get(index)
        if session is None or not session.transport.is_open:  # a function may outlive its connection
            return None
        return self.probe.untaken_bytes(session.transport.sock, session.record.bytes_sent)

    def part(self, index: int, how: str, *, soon: bool) -> None:
        """Say goodbye on a connection, if it is there; for the rest see `part_all`. Loop thread only."""
        self._part([self._sessions[index]] if index in self._sessions else [], how, soon=soon)

    def part_all(self, listener: int | None, how: str, *, idle_only: bool, soon: bool) -> int:
        """Say goodbye on all connections, or on those that a listener has accepted; return on how many.

        Loop thread only. `soon` is for predicates and hooks: one that has called this is called by a connection that
        is in the middle of something, and it must find itself there as it was.

        Raises:
            UsageError: "rst" on a Unix domain socket.
        """
        if not idle_only:
            self.listeners.accept_waiting(listener)
        whence = self._journal.elsewhere
        sessions = [
            session
            for index, session in self._sessions.items()
            if listener in {None, whence.get(index, 0)}
            and session.transport.can_part("fin")  # open ones: on which we have said nothing yet
            and not (idle_only and (session.is_stalled or not session.is_idle))
        ]
        return self._part(sessions, how, soon=soon)

    def _part(self, sessions: list[Session | Stage], how: str, *, soon: bool) -> int:
        parting = [session for session in sessions if session.transport.can_part(how)]
        if how == "rst" and any(is_unix(session.transport.sock) for session in parting):
            message = "a Unix domain socket has no RST; use how='fin' or close()"
            raise UsageError(message)
        for session in parting:
            if soon:
                self.loop.call_soon(partial(session.part, how))
            else:
                session.part(how)
        return len(parting)

    def clear_records(self) -> None:
        """Forget what was recorded; open connections go on. Loop thread only."""
        self._journal.clear()
        for session in self._sessions.values():
            session.refresh()

    def _run(self) -> None:
        loop = self.loop
        loop.run()
        loop.attempt(self.listeners.accept_waiting)
        for session in list(self._sessions.values()):
            loop.attempt(session.stop)
            if session.transport.is_open:
                session.transport.sock.close()  # a defect has kept it from parting in good form
        self.listeners.close()
        loop.attempt(self._context.probe.close)
        loop.close()

    def _on_accepted(self, sock: socket.socket, address: tuple[str, int], listener: Listener) -> None:
        journal = self._journal
        at_ns = clock.now_ns()
        record = ConnectionRecord(journal.accepted, address, at_ns)
        journal.accepted += 1
        journal.connections.append(record)
        if listener.index:
            journal.elsewhere[record.index] = listener.index
        whence = f"{address[0]}:{address[1]}{listener.suffix}"
        journal.facts.append((at_ns, record.index, timeline.NO_EXCHANGE, timeline.ACCEPTED, 0, whence))
        transport = Transport(self.loop, sock, record, journal.facts)
        run = None if self._scripts.is_empty else self._scripts.claim(record)
        if run is None:
            session = self._sessions[record.index] = Session(self._context, transport, self._sessions.pop)
            if self._context.router.is_gauging:
                session.begin_gauging()
            self._attach(transport, session)
        else:
            from pytest_epoll._serving.scripts.stage import Stage  # noqa: PLC0415 - few tests script anything

            stage = self._sessions[record.index] = Stage(self._context, transport, run, self._sessions.pop)
            if self._attach(transport, stage):
                stage.begin()

    @staticmethod
    def _attach(transport: Transport, owner: Owner) -> bool:
        try:
            transport.attach(owner)
        except (OSError, UsageError) as error:  # select(2) is at its end, or epoll_ctl(2) is out of memory
            transport.refuse(str(error))
            return False
        return True

    def _close_in_child(self) -> None:
        """Close what a forked child has inherited, and nothing but that."""
        for session in self._sessions.values():
            session.transport.sock.close()
        self.listeners.close_in_child()
        self.probe.close()
        self.loop.close_descriptors()


def _nothing() -> None:
    """Let nobody go: there is nobody yet, or no longer."""


def _stack(frame: FrameType | None) -> list[FrameType]:
    """Return the frames, the innermost last."""
    frames: list[FrameType] = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    return frames[::-1]


def _is_of_interest(frame: FrameType) -> bool:
    """Whether a frame says something: not the standard library's way of running a thread."""
    return frame.f_code.co_filename != threading.__file__


def _close_all_in_child() -> None:
    for engine in list(_running):
        engine._close_in_child()  # noqa: SLF001 - the same module
    _running.clear()


def _stop_all() -> None:
    """Stop what still runs at the end of the interpreter, and say what nobody has asked for."""
    engines = list(_running)
    for engine in engines:
        engine.stop(_nothing)
    for engine in engines:
        engine.raise_failure()


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_close_all_in_child)
