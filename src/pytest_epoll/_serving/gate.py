"""A gate: the server waits at it until the test opens it.

Threads: a gate is made, opened and waited at by any thread. Who waits on the loop does not block it: it leaves a
callback (`when_open`). `reached` is written under the lock and read behind the barrier.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pytest_epoll._core import clock, limits
from pytest_epoll._serving import settings
from pytest_epoll._serving.waits import make_bell, runs_an_event_loop
from pytest_epoll.errors import UsageError, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._serving.barrier import Barrier
    from pytest_epoll._serving.waits import WaitArguments

__all__ = ("Gate",)

waiting_threads: set[int] = set()
"""Threads that wait at a gate now, whichever it is; adding and removing are one step each."""

_MIXED_UP = "handlers wait at a gate, and the test opens it; to wait for one of them: gate.wait_reached()"

_A_DAY = 86_400.0
"""A wait at a gate has no deadline; bells want one, and look again."""


class Gate:
    """Where replies, streams and handlers wait until the test lets them go on; made by `server.gate()`.

    It is given to a reply, put into a stream, or waited at in a handler::

        gate = server.gate()
        server.get("/slow").respond(content=b"...", gate=gate)

    Once opened it stays open. At the end of a test, at `server.stop()` and at `server.clear()` whoever waits is let go.
    """

    __slots__ = (
        "_barrier",
        "_bells",
        "_callbacks",
        "_condition",
        "_is_open",
        "_location",
        "_number",
        "_reached",
        "_releases",
    )

    def __init__(self, barrier: Barrier, number: int, location: str) -> None:
        self._barrier = barrier
        self._number = number
        self._location = location
        self._condition = threading.Condition()  # guards everything below
        self._callbacks: list[Callable[[], object]] = []
        self._bells: list[Callable[[], object]] = []  # of coroutines that wait
        self._is_open = False
        self._reached = 0
        self._releases = 0

    def __repr__(self) -> str:
        return f"<Gate {self.name}, {self._location}, {'open' if self._is_open else 'closed'}>"

    @property
    def name(self) -> str:
        """What timelines call it: "gate 1"."""
        return f"gate {self._number}"

    @property
    def is_open(self) -> bool:
        """Whether it was opened."""
        return self._is_open

    @property
    def reached(self) -> bool:
        """Whether anybody has come to it so far, a reply or a handler."""
        self._barrier.settle()
        return self._reached > 0

    def open(self) -> None:
        """Let go on whoever waits at it, and whoever comes later; does nothing if it is open. Callable anywhere."""
        with self._condition:
            self._is_open = True
            callbacks, self._callbacks = [*self._callbacks, *self._bells], []
            self._condition.notify_all()
        for callback in callbacks:
            callback()

    def wait(self) -> None:
        """Wait in a handler until the gate is opened, or the server stops; in a coroutine: `await gate.aio.wait()`.

        A handler waits as long as it takes. The main thread, where the test runs that opens gates, does not.

        Raises:
            WaitTimeout: in the main thread, if nobody has opened it after the default timeout of waits.
            UsageError: called on the server's own thread, or in a thread whose event loop it would stop.
        """
        thread = threading.get_ident()
        waiting_threads.add(thread)  # before the arrival, which has everybody look who waits for something
        try:
            self._wait()
        finally:
            waiting_threads.discard(thread)

    def _wait(self) -> None:
        releases = self._arrive()
        if releases is None:
            return
        if runs_an_event_loop():
            message = "gate.wait() would stop the event loop of this thread; use `await gate.aio.wait()`"
            raise UsageError(message)
        if threading.current_thread() is not threading.main_thread():
            with self._condition:
                while self._is_closed(releases):
                    self._condition.wait()
        elif not self._opens_soon(releases, settings.wait_seconds):
            raise WaitTimeout(
                self._barrier.expired(settings.wait_seconds, lambda: f"{self!r} to be opened; {_MIXED_UP}")
            )

    def _opens_soon(self, releases: int, patience: float) -> bool:
        """Wait where no handler runs: nobody might ever open it, as it is the test that does."""
        deadline_ns = clock.now_ns() + int(patience * 1e9)
        with self._condition:
            while self._is_closed(releases):
                left_ns = deadline_ns - clock.now_ns()
                if left_ns <= 0:
                    return False
                self._condition.wait(left_ns / 1e9)
        return True

    def _arrive(self) -> int | None:
        """Note that somebody has come; return what `_is_closed` wants to know, or None if nobody has to wait."""
        engine = self._barrier.engine
        if engine is None or engine.is_stopping:
            return None  # a handler that outlives its server
        if self._barrier.is_loop_thread():
            message = "gate.wait() on the server's own thread would stop it; predicates and hooks must not block"
            raise UsageError(message)
        with self._condition:
            self._reached += 1
            releases = None if self._is_open else self._releases
        self._barrier.nudge()
        return releases

    def _is_closed(self, releases: int) -> bool:
        """Whether who came after so many releases has to wait on."""
        return not self._is_open and releases == self._releases

    def wait_reached(self, timeout: float = limits.WAIT_SECONDS) -> None:
        """Return once somebody has come to the gate: a reply, a stream or a handler.

        Raises:
            WaitTimeout: nobody has after `timeout` seconds.
            UsageTypeError: a timeout that is no number.
            UsageError: a negative one, or the wait would freeze an event loop of this thread.
        """
        __tracebackhide__ = True
        self._barrier.wait(*self._reaching(timeout))

    @property
    def aio(self) -> GateAio:
        """The waits as coroutines, for asyncio and trio."""
        return GateAio(self)

    def _reaching(self, timeout: float) -> WaitArguments:
        return lambda: self._reached > 0, timeout, lambda: f"{self!r} to be reached; nobody has come to it"

    # -- what the server calls --

    def when_open(self, callback: Callable[[], object]) -> bool:
        """Return whether it is open; if not, `callback` is called once it is, in the thread that opens it."""
        with self._condition:
            self._reached += 1
            if not self._is_open:
                self._callbacks.append(callback)
            return self._is_open

    def release(self) -> None:
        """Let handlers go that wait now, as the server stops; what waits on the loop ends with its connection."""
        with self._condition:
            self._releases += 1
            self._callbacks.clear()
            bells = list(self._bells)
            self._condition.notify_all()
        for ring in bells:
            ring()


class GateAio:
    """The waits of a `Gate` as coroutines, for asyncio and trio."""

    __slots__ = ("_gate",)

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def wait(self) -> None:
        """See `Gate.wait`; it blocks nothing but the task that awaits it.

        Raises:
            UsageError: neither asyncio nor trio runs in this thread.
        """
        gate, bell = self._gate, make_bell()
        releases = gate._arrive()  # noqa: SLF001 - the same module
        if releases is None:
            return
        with gate._condition:  # noqa: SLF001
            gate._bells.append(bell.ring)  # noqa: SLF001
        try:
            while gate._is_closed(releases):  # noqa: SLF001
                await bell.wait(_A_DAY)
        finally:
            with gate._condition:  # noqa: SLF001
                gate._bells.remove(bell.ring)  # noqa: SLF001

    async def wait_reached(self, timeout: float = limits.WAIT_SECONDS) -> None:
        """See `Gate.wait_reached`."""
        __tracebackhide__ = True
        await self._gate._barrier.wait_async(*self._gate._reaching(timeout))  # noqa: SLF001 - the same module
