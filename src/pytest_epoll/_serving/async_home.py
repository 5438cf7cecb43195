"""Where a test's coroutines run: on the event loop that ran when they were registered, else on one of their own.

A coroutine belongs to a loop: it awaits that loop's futures and shares its objects with the test. So the loop is noted
at registration. A worker thread drives it from outside and blocks meanwhile, which is also what gives back-pressure:
the next item of an async iterable is asked for when there is room for it.

Neither asyncio nor trio is imported unless the test has done so.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable


class AsyncHome(Protocol):
    """Runs coroutines for a worker thread."""

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Return what it returns; blocks the calling worker."""
        ...

    def cancel(self) -> None:
        """Have `run` raise in its worker; callable from any thread."""

    def close(self) -> None:
        """Release what `run` has used; called by the worker when it is done."""


class _AsyncioHome:
    """An asyncio loop that runs on another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: Any = None
        self._is_cancelled = False

    def run(self, awaitable: Awaitable[Any]) -> Any:
        import asyncio  # noqa: PLC0415 - there is a loop, so it was imported long ago

        self._future = asyncio.run_coroutine_threadsafe(_awaited(awaitable), self._loop)
        if self._is_cancelled:
            self._future.cancel()
        return self._future.result()

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._future is not None:
            self._future.cancel()

    def close(self) -> None:
        """Nothing to release: the loop is the test's."""


class _OwnHome:
    """An asyncio loop of the worker's own."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: Any = None
        self._is_cancelled = False

    def run(self, awaitable: Awaitable[Any]) -> Any:
        import asyncio  # noqa: PLC0415 - 40 ms, and only a test with coroutines needs it

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(_awaited(awaitable))
        if self._is_cancelled:
            self._task.cancel()
        return self._loop.run_until_complete(self._task)

    def cancel(self) -> None:
        self._is_cancelled = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(task.cancel)

    def close(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


class _TrioHome:
    """A trio run on another thread."""

    def __init__(self, token: Any) -> None:
        self._token = token
        self._scope: Any = None
        self._is_cancelled = False

    def run(self, awaitable: Awaitable[Any]) -> Any:
        import trio  # noqa: PLC0415 - there is a run, so it was imported long ago

        async def scoped() -> Any:
            with trio.CancelScope() as self._scope:
                if self._is_cancelled:
                    self._scope.cancel()
                return await awaitable
            message = "the server stopped"
            raise ConnectionAbortedError(message)

        return trio.from_thread.run(scoped, trio_token=self._token)

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._scope is not None:
            self._token.run_sync_soon(self._scope.cancel)

    def close(self) -> None:
        """Nothing to release: the run is the test's."""


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def find_home() -> Callable[[], AsyncHome]:
    """Return what makes a home for each call, for coroutines that are registered in this place; callable anywhere."""
    asyncio_events = sys.modules.get("asyncio.events")
    loop = None if asyncio_events is None else asyncio_events._get_running_loop()  # noqa: SLF001 - documented hook
    if loop is not None:
        return lambda: _AsyncioHome(loop)
    trio_lowlevel = sys.modules.get("trio.lowlevel")
    if trio_lowlevel is not None and trio_lowlevel.in_trio_run():
        token = trio_lowlevel.current_trio_token()
        return lambda: _TrioHome(token)
    return _OwnHome
