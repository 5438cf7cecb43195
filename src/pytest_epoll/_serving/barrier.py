"""How other threads look at a server: behind a barrier while it runs, directly when it does not.

Whoever reads a record from outside the loop thread passes through `Barrier.settle` first (law L1), and whoever waits
does so through `Barrier.wait` (law L4: every wait ends, and says what was awaited and what is there).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeVar

from pytest_epoll.errors import UsageError, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._serving.engine import Engine

T = TypeVar("T")

IN_FORK = "this is a forked child, the server runs in its parent: only url, host, port and address work here"


class Barrier:
    """One server's door for other threads; `engine` is None while the server is stopped."""

    __slots__ = ("engine",)

    def __init__(self) -> None:
        self.engine: Engine | None = None

    def refuse_in_fork(self) -> None:
        """Raise `UsageError` in a forked child of the process in which the server runs."""
        engine = self.engine
        if engine is not None and engine.is_in_fork:
            raise UsageError(IN_FORK)

    def settle(self) -> None:
        """Return once whatever the client's kernel had done is in the record.

        Raises:
            UsageError: in a forked child.
            InternalError: the loop has ended by a defect of ours.
        """
        engine = self.engine
        if engine is None:
            return
        if engine.is_in_fork:
            raise UsageError(IN_FORK)
        if not engine.loop.is_current_thread():
            engine.raise_failure()
            engine.loop.settle()

    def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns on the loop thread behind a barrier, or here if the server does not run."""
        engine = self.engine
        if engine is None:
            return function()
        if engine.is_in_fork:
            raise UsageError(IN_FORK)
        engine.raise_failure()
        return engine.loop.call(function, settled=True)

    def wait(self, condition: Callable[[], bool], timeout: float, describe: Callable[[], str]) -> None:
        """Return once `condition` holds; it is asked on the loop thread, or here if the server does not run.

        Raises:
            WaitTimeout: it does not hold after `timeout` seconds; the text is `describe()`.
            UsageError: called on the loop thread, in a forked child, or where it would freeze an event loop.
        """
        __tracebackhide__ = True
        if timeout < 0:
            message = f"timeout={timeout!r} is no duration; use seconds from 0 on"
            raise UsageError(message)
        engine = self.engine
        if engine is None:
            if not condition():
                message = f"the server is stopped, nothing more will come: {describe()}"
                raise WaitTimeout(message)
            return
        if engine.is_in_fork:
            raise UsageError(IN_FORK)
        engine.raise_failure()
        if engine.loop.is_current_thread():
            message = "a wait on the server's own thread would wait for itself; predicates and hooks must not block"
            raise UsageError(message)
        if _runs_an_event_loop():
            if engine.loop.call(condition, settled=True):
                return
            message = "this would freeze the client, as this thread runs an event loop; use `await server.aio.wait_...`"
            raise UsageError(message)
        if not engine.loop.wait(condition, timeout):
            engine.raise_failure()
            message = f"waited {timeout:g} s for {describe()}"
            raise WaitTimeout(message)


def _runs_an_event_loop() -> bool:
    """Whether this thread is inside asyncio or trio; what nobody has imported is not running."""
    asyncio_events = sys.modules.get("asyncio.events")
    if asyncio_events is not None and asyncio_events._get_running_loop() is not None:  # noqa: SLF001 - documented hook
        return True
    trio_lowlevel = sys.modules.get("trio.lowlevel")
    return trio_lowlevel is not None and trio_lowlevel.in_trio_run()
