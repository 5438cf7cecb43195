"""Where a test's coroutines run: on the event loop that ran when they were registered, else on one of their own.

A coroutine belongs to a loop: it awaits that loop's futures and shares its objects with the test. So the loop is noted
at registration. A worker thread drives it from outside and blocks meanwhile, which is also what gives back-pressure:
the next item of an async iterable is asked for when there is room for it.

Neither asyncio nor trio is imported unless the test has done so.
"""

from __future__ import annotations

import sys
import threading
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    OnError = Callable[[BaseException], object]


class AsyncHome(Protocol):
    """Runs coroutines for a worker thread, one at a time."""

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Return what it returns; blocks the calling worker."""
        ...

    def cancel(self) -> None:
        """Have `run` raise in its worker, now or at once when it is called; callable from any thread."""

    def finish(self, source: Any, on_error: OnError) -> None:
        """See to it that the `finally` of a source runs to its end in spite of `cancel`.

        A loop of the test's is not waited for: it may be the one that stops the server just now.
        """

    def close(self) -> None:
        """Release what `run` has used; called by the worker when it is done."""


class _AsyncioHome:
    """An asyncio loop that runs on another thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: Future[Any] | None = None
        self._is_cancelled = False
        self._cancelling = threading.Lock()  # held until that loop has been asked
        self._has_begun = False  # the last run; this and what follows: that loop's thread only
        self._is_running = False
        self._closing: Callable[[], Awaitable[None]] | None = None
        self._task: asyncio.Task[None] | None = None  # a loop holds its tasks by weak references only

    def run(self, awaitable: Awaitable[Any]) -> Any:
        self._has_begun = False
        self._future = future = self._start(self._tracked(awaitable), awaitable)
        future.add_done_callback(lambda done: self._drop_unstarted(awaitable) if done.cancelled() else None)
        if self._is_cancelled:
            future.cancel()
        return future.result()

    def _drop_unstarted(self, awaitable: Awaitable[Any]) -> None:
        """Close what was cancelled before its first step; behind the cancellation, on that loop."""

        def drop() -> None:
            if not self._has_begun:
                _close_unstarted(awaitable)

        try:
            self._loop.call_soon_threadsafe(drop)
        except RuntimeError:
            pass  # the loop is closed, and asyncio has closed what was open in it

    def _start(self, tracked: Any, inside: Any) -> Future[Any]:
        import asyncio  # noqa: PLC0415 - there is a loop, so it was imported long ago

        try:
            return asyncio.run_coroutine_threadsafe(tracked, self._loop)
        except RuntimeError:  # the loop is closed
            tracked.close()
            _close_unstarted(inside)
            raise

    async def _tracked(self, awaitable: Awaitable[Any]) -> Any:
        self._has_begun = self._is_running = True
        try:
            return await awaitable
        finally:
            self._is_running = False
            if self._closing is not None:
                await self._closing()

    def cancel(self) -> None:
        self._is_cancelled = True
        with self._cancelling:
            if self._future is not None:
                self._future.cancel()

    def finish(self, source: Any, on_error: OnError) -> None:
        # `run` returns at once when it is cancelled, its coroutine does not. Then that one closes the source: a task of
        # its own might be made when the loop is just ending its tasks, and be destroyed with it.
        async def closing() -> None:
            if _is_over(source):
                return
            try:
                await source.aclose()
            except BaseException as error:  # noqa: BLE001 - whatever a test's code raises is the test's to see
                on_error(error)

        def close_it() -> None:
            if self._is_running:
                self._closing = closing
            elif not _is_over(source):
                self._task = self._loop.create_task(closing())

        if _is_over(source):
            return
        with self._cancelling:  # first what ends the coroutine, then what is for its end
            try:
                self._loop.call_soon_threadsafe(close_it)
            except RuntimeError:
                pass  # the loop is closed, and asyncio has closed what was open in it

    def close(self) -> None:
        """Nothing to release: the loop is the test's."""


class _OwnHome:
    """An asyncio loop of the worker's own."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_cancelled = False

    def run(self, awaitable: Awaitable[Any]) -> Any:
        return self._run(awaitable, may_be_cancelled=True)

    def _run(self, awaitable: Awaitable[Any], *, may_be_cancelled: bool) -> Any:
        import asyncio  # noqa: PLC0415 - 40 ms, and only a test with coroutines needs it

        has_started = False

        async def awaited() -> Any:
            nonlocal has_started
            has_started = True
            return await awaitable

        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        task = self._loop.create_task(awaited())
        if may_be_cancelled:
            self._task = task  # `cancel` sets its flag first and then looks for a task
            if self._is_cancelled:
                task.cancel()
        try:
            return self._loop.run_until_complete(task)
        except asyncio.CancelledError:
            if not has_started:  # a started one has been told
                _close_unstarted(awaitable)
            raise

    def cancel(self) -> None:
        self._is_cancelled = True
        loop, task = self._loop, self._task
        if loop is not None and task is not None:
            try:
                loop.call_soon_threadsafe(task.cancel)
            except RuntimeError:
                pass  # closed: the worker is just done with it

    def finish(self, source: Any, on_error: OnError) -> None:
        if _is_over(source):
            return
        try:
            self._run(source.aclose(), may_be_cancelled=False)
        except BaseException as error:  # noqa: BLE001 - whatever a test's code raises is the test's to see
            on_error(error)

    def close(self) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        try:
            loop.run_until_complete(_end_tasks())
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()


class _TrioHome:
    """A trio run on another thread.

    `trio.from_thread.run` can't be given up, and `stop()` may be called by the very thread that it waits for. So a task
    of ours hands the outcome over.
    """

    def __init__(self, token: Any) -> None:
        self._token = token
        self._future: Future[Any] | None = None
        self._scope: Any = None
        self._has_ended: Any = None  # an event: the last run, whose caller may long have been told
        self._is_cancelled = False

    def run(self, awaitable: Awaitable[Any]) -> Any:
        self._future = future = Future[Any]()
        self._start(awaitable, future)
        if self._is_cancelled:
            future.cancel()
        return future.result()

    def _start(self, awaitable: Awaitable[Any], future: Future[Any], *, is_finishing: bool = False) -> None:
        import trio  # noqa: PLC0415 - there is a run, so it was imported long ago

        has_ended = trio.Event()
        if not is_finishing:
            self._has_ended = has_ended

        async def scoped() -> None:
            try:
                with trio.CancelScope() as scope:
                    if not is_finishing:
                        self._scope = scope
                        if self._is_cancelled:
                            scope.cancel()
                    result = await awaitable
                    _settle(future, result, None)
            except trio.Cancelled:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever a test's code raises is the test's to see
                _settle(future, None, error)
            finally:
                has_ended.set()
                future.cancel()  # does nothing if there is an outcome

        try:
            self._token.run_sync_soon(trio.lowlevel.spawn_system_task, scoped)
        except trio.RunFinishedError:
            _close_unstarted(awaitable)
            raise

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._future is not None:
            self._future.cancel()
        if self._scope is not None:
            try:
                self._token.run_sync_soon(self._scope.cancel)
            except RuntimeError:
                pass  # RunFinishedError: there is nothing left to cancel

    def finish(self, source: Any, on_error: OnError) -> None:
        if _is_over(source):
            return
        future: Future[Any] = Future()

        async def closing() -> None:
            if self._has_ended is not None:
                await self._has_ended.wait()
            await source.aclose()

        def report(done: Future[Any]) -> None:
            error = None if done.cancelled() else done.exception()
            if error is not None:
                on_error(error)

        future.add_done_callback(report)
        try:
            self._start(closing(), future, is_finishing=True)
        except RuntimeError:
            pass  # the run is over, and trio has closed what was open in it

    def close(self) -> None:
        """Nothing to release: the run is the test's."""


def _is_over(source: Any) -> bool:
    """Whether a generator has run to its end; of anything else it is not known."""
    return getattr(source, "ag_frame", source) is None


def _settle(future: Future[Any], result: Any, error: BaseException | None) -> None:
    try:
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
    except (InvalidStateError, CancelledError):
        pass  # nobody waits for it any more


async def _end_tasks() -> None:
    """Cancel what a coroutine has started and not awaited, as `asyncio.run` does."""
    import asyncio  # noqa: PLC0415 - this is a coroutine of it

    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _close_unstarted(awaitable: Any) -> None:
    """Close a coroutine that nobody will run, before Python warns that it was never awaited."""
    close = getattr(awaitable, "close", None)
    if close is not None:
        close()


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
