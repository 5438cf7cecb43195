"""What can be waited for, once for both faces: `x.wait_closed()` blocks a thread, `await x.aio.wait_closed()` does not.

`WaitArguments` say what has to hold, for how long, and how an expiry reads; `Barrier.wait` and `Barrier.wait_async` do
the waiting. The async side asks the server's loop to look, and is told by what its own has for calls from other
threads.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_epoll.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._eventloop.watch import Bell

    WaitArguments = tuple[Callable[[], object], float, Callable[[], str]]
    """A condition, asked on the loop thread; seconds; and what an expiry says was awaited."""


class _AsyncioBell:
    def __init__(self) -> None:
        import asyncio  # noqa: PLC0415 - it runs, so it was imported long ago

        self._asyncio = asyncio
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def ring(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            pass  # the event loop was closed: nobody waits any more

    async def wait(self, timeout: float) -> None:
        waiter = self._asyncio.ensure_future(self._event.wait())
        try:
            await self._asyncio.wait((waiter,), timeout=timeout)
        finally:
            waiter.cancel()


class _TrioBell:
    def __init__(self, lowlevel: Any) -> None:
        import trio  # noqa: PLC0415 - it runs, so it was imported long ago

        self._trio = trio
        self._token = lowlevel.current_trio_token()
        self._event = trio.Event()

    def ring(self) -> None:
        try:
            self._token.run_sync_soon(self._event.set)
        except self._trio.RunFinishedError:
            pass  # the run is over: nobody waits any more

    async def wait(self, timeout: float) -> None:
        with self._trio.move_on_after(timeout):
            await self._event.wait()


def runs_an_event_loop() -> bool:
    """Whether this thread is inside asyncio or trio; what nobody has imported is not running."""
    return _runs_asyncio() or _trio_lowlevel() is not None


def make_bell() -> Bell:
    """Return what wakes the calling task.

    Raises:
        UsageError: neither asyncio nor trio runs in this thread.
    """
    lowlevel = _trio_lowlevel()
    if lowlevel is not None:
        return _TrioBell(lowlevel)
    if _runs_asyncio():
        return _AsyncioBell()
    message = "`.aio` needs a running event loop, asyncio's or trio's; without one call the method of the same name"
    raise UsageError(message)


def _runs_asyncio() -> bool:
    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None  # noqa: SLF001 - documented hook


def _trio_lowlevel() -> Any:
    lowlevel = sys.modules.get("trio.lowlevel")
    return lowlevel if lowlevel is not None and lowlevel.in_trio_run() else None
