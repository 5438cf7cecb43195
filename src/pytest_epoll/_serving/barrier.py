"""How other threads look at a server: behind a barrier while it runs, directly when it does not.

Whoever reads a record from outside the loop thread passes through `Barrier.settle` first (law L1), and whoever waits
does so through `Barrier.wait` (law L4: every wait ends, and says what was awaited and what is there).

A server may be stopped, by another thread, while somebody asks: then the record is read once its thread has ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeVar

from pytest_epoll._core import limits
from pytest_epoll._core.checks import checked_choice, checked_flag, checked_timeout
from pytest_epoll._eventloop.loop import LoopBlocked, LoopEnded
from pytest_epoll._serving import settings
from pytest_epoll._serving.waits import make_bell, runs_an_event_loop
from pytest_epoll.errors import InternalError, UsageError, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._serving.engine import Engine

T = TypeVar("T")

IN_FORK = "this is a forked child, the server runs in its parent: only url, host, port and address work here"

_ON_LOOP = "on the server's own thread this would wait for itself; predicates and hooks must not block"


class Barrier:
    """One server's door for other threads; `engine` is None while the server is stopped.

    Args:
        render: the wire timeline as text, for defects of ours; it must not ask for a barrier.
    """

    __slots__ = ("_render", "engine")

    def __init__(self, render: Callable[[], str]) -> None:
        self.engine: Engine | None = None
        self._render = render

    def refuse_in_fork(self) -> None:
        """Raise `UsageError` in a forked child of the process in which the server runs."""
        engine = self.engine
        if engine is not None and engine.is_in_fork:
            raise UsageError(IN_FORK)

    def is_loop_thread(self) -> bool:
        """Whether the caller is the server's own thread."""
        engine = self.engine
        return engine is not None and engine.loop.is_current_thread()

    def nudge(self) -> None:
        """Have the conditions of all waits looked at, as something has changed outside of the loop."""
        engine = self.engine
        if engine is not None:
            engine.loop.post_if_running(_nothing)

    def settle(self) -> None:
        """Return once whatever the client's kernel had done is in the record.

        Raises:
            UsageError: in a forked child.
            WaitTimeout: a predicate or a hook of the test blocks the server's thread.
            InternalError: the loop has ended, or hangs, by a defect of ours.
        """
        engine = self._running_engine()
        if engine is None or engine.loop.is_current_thread():
            return
        try:
            engine.loop.settle()
        except LoopEnded:
            self._let_it_end(engine)
        except LoopBlocked as error:
            self._raise_blocked(engine, error)

    def settle_if_possible(self) -> None:
        """The same for reports: of a server that is dead or blocked they show what is there."""
        try:
            self.settle()
        except (InternalError, WaitTimeout):
            pass  # the report is about this, or stands beside it

    def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns on the loop thread behind a barrier, or here if the server does not run.

        Raises:
            UsageError, WaitTimeout, InternalError: as `settle`.
        """
        engine = self._running_engine()
        if engine is None:
            return function()
        try:
            return engine.loop.call(function, settled=True)
        except LoopEnded:
            self._let_it_end(engine)
            return function()
        except LoopBlocked as error:
            self._raise_blocked(engine, error)

    def wait(self, condition: Callable[[], object], timeout: float, describe: Callable[[], str]) -> None:
        """Return once `condition` holds; it is asked on the loop thread, or here if the server does not run.

        Raises:
            WaitTimeout: it does not hold after `timeout` seconds; the text is `describe()`.
            UsageTypeError: a timeout that is no number.
            UsageError: a negative one; called on the loop thread, in a forked child, or where it would freeze an event
                loop.
            InternalError: the loop has ended, or hangs, by a defect of ours.
        """
        __tracebackhide__ = True
        timeout = _checked_timeout(timeout)
        engine = self._running_engine()
        if engine is not None:
            try:
                if self._holds(engine, condition, timeout):
                    return
            except LoopEnded:
                self._let_it_end(engine)
            except LoopBlocked as error:
                self._raise_blocked(engine, error)
            else:
                raise WaitTimeout(self.expired(timeout, describe))
        if not condition():
            raise WaitTimeout(_stopped(describe))

    async def wait_async(self, condition: Callable[[], object], timeout: float, describe: Callable[[], str]) -> None:
        """Return once `condition` holds, without blocking the event loop of the calling task (asyncio's or trio's).

        Raises:
            WaitTimeout, InternalError: as `wait`.
            UsageError: no event loop runs in this thread; otherwise as `wait`.
        """
        __tracebackhide__ = True
        timeout = _checked_timeout(timeout)
        bell = make_bell()
        engine = self._running_engine()
        if engine is not None:
            if engine.loop.is_current_thread():
                raise UsageError(_ON_LOOP)
            try:
                if await engine.loop.wait_async(condition, bell, timeout):
                    return
            except LoopEnded:
                self._let_it_end(engine)
            except LoopBlocked as error:
                self._raise_blocked(engine, error)
            else:
                raise WaitTimeout(self.expired(timeout, describe))
        if not condition():
            raise WaitTimeout(_stopped(describe))

    def part(self, index: int, how: str) -> None:
        """Say goodbye on a connection, if it is there and the server runs; errors as of `settle`."""
        engine = self._running_engine()
        if engine is not None:
            soon = engine.loop.is_current_thread()
            self.call(lambda: engine.part(index, how, soon=soon))

    def part_all(self, listener: int | None, how: str, *, idle_only: bool) -> int:
        """Say goodbye on all connections, or on those of a listener; return on how many, once it is on the wire.

        Raises:
            UsageError: a `how` that is neither "fin" nor "rst"; otherwise as `settle`.
            UsageTypeError: an argument of a wrong type.
        """
        checked_choice("how", how, ("fin", "rst"))
        checked_flag("idle_only", idle_only)
        engine = self._running_engine()
        if engine is None:
            return 0
        soon = engine.loop.is_current_thread()
        return self.call(lambda: engine.part_all(listener, how, idle_only=idle_only, soon=soon))

    def stop(self, let_go: Callable[[], None]) -> list[str]:
        """Stop the server, if it runs; from then on the record is read directly.

        Returns:
            What still runs, a text for each; see `Engine.stop`.

        Raises:
            UsageError: in a forked child, or on the server's own thread.
            InternalError: the loop had ended before by a defect of ours, or its thread does not end.
        """
        self.refuse_in_fork()
        engine = self.engine
        if engine is None:
            return []
        if engine.loop.is_current_thread():
            raise UsageError(_ON_LOOP)
        try:
            still_running = engine.stop(let_go)
        finally:
            self.engine = None
        self._raise_failure(engine)
        return still_running

    def _running_engine(self) -> Engine | None:
        """Return the engine to ask, or None where the record is read directly."""
        self.refuse_in_fork()
        engine = self.engine
        if engine is not None:
            self._raise_failure(engine)
        return engine

    def _holds(self, engine: Engine, condition: Callable[[], object], timeout: float) -> bool:
        if engine.loop.is_current_thread():
            raise UsageError(_ON_LOOP)
        if not runs_an_event_loop():
            return engine.loop.wait(condition, timeout)
        if engine.loop.call(condition, settled=True):
            return True
        message = "this would freeze the client, as this thread runs an event loop; use `await server.aio.wait_...`"
        raise UsageError(message)

    def _let_it_end(self, engine: Engine) -> None:
        """Another thread has stopped the server while we asked, or it has failed."""
        self._raise_failure(engine)
        engine.join()

    def _raise_failure(self, engine: Engine) -> None:
        try:
            engine.raise_failure()
        except InternalError as error:
            message = f"{error}\n{self._render()}"
            raise InternalError(message) from error.__cause__

    def expired(self, timeout: float, describe: Callable[[], str]) -> str:
        """Return what was awaited, what is there, and how it came to that (law L4)."""
        return f"waited {timeout:g} s for {describe()}\n{self._render()}"

    def _raise_blocked(self, engine: Engine, error: LoopBlocked) -> NoReturn:
        self._raise_failure(engine)
        place, is_our_code = engine.where_it_stands()
        if is_our_code:
            message = f"{error}; {place}\n{self._render()}"
            raise InternalError(message) from error
        message = f"{error}; {place}\npredicates and hooks run on the server's thread and must not block"
        raise WaitTimeout(message) from error


def _nothing() -> None:
    """A command that only wakes the loop."""


def _checked_timeout(timeout: object) -> float:
    return settings.wait_seconds if isinstance(timeout, limits.Default) else checked_timeout(timeout)


def _stopped(describe: Callable[[], str]) -> str:
    return f"the server is stopped, nothing more will come: {describe()}"
