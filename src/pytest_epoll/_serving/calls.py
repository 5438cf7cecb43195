"""Calling what a test has written: handlers and sources of streams, each on a worker thread.

The loop thread starts a call and goes on; the worker posts when there is a result. Whatever is raised is kept with its
traceback, for the finding "handler-error", also if nobody waits for the result any more.

Threads: calls and feeds are made and asked on the loop thread, their `_run` is a worker's, `release` the test's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final

from pytest_epoll._core import limits
from pytest_epoll._serving.mishaps import note_mishap

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._core.score import Score
    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._eventloop.workers import Workers
    from pytest_epoll._serving.async_home import AsyncHome
    from pytest_epoll._serving.journal import Journal

    MakeHome = Callable[[], AsyncHome]


class _Sentinel:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


NOTHING_YET: Final = _Sentinel("NOTHING_YET")
THE_END: Final = _Sentinel("THE_END")


class _ReleasedError(BaseException):
    """Ends a worker's run through a source that nobody listens to any more; no `except Exception` may stop it."""


class Calls:
    """What one running server has under way on its workers."""

    def __init__(self, loop: Loop, workers: Workers, journal: Journal) -> None:
        self.loop = loop
        self.journal = journal
        self._workers = workers
        self._lock = threading.Lock()  # guards the two below
        self._under_way: dict[Call | Feed, None] = {}
        self.is_released = False  # nobody is told any more what goes wrong

    def call(
        self, what: str, record: RequestRecord, function: Callable[[Any], object], argument: object, home: MakeHome
    ) -> Call:
        """Start a call; `what` is how a finding names it."""
        call = Call(self, what, record, home())
        self._start(call, lambda: call.run(function, argument), what)
        return call

    def feed(self, what: str, record: RequestRecord, score: Score, home: MakeHome) -> Feed:
        """Start to run through a score that is no list."""
        feed = Feed(self, what, record, home())
        self._start(feed, lambda: feed.run(score), what)
        return feed

    def _start(self, under_way: Call | Feed, job: Callable[[], None], what: str) -> None:
        with self._lock:
            if self.is_released:
                return
            self._under_way[under_way] = None
        self._workers.run(job, what)

    def ended(self, under_way: Call | Feed, what: str, record: RequestRecord, home: AsyncHome) -> None:
        """Forget what a worker is done with, and end what it has left in its home. Worker threads."""
        try:
            home.close()
        except BaseException as error:  # noqa: BLE001 - a task of the test's that does not let itself be cancelled
            self.fails(what, record, error)
        with self._lock:
            self._under_way.pop(under_way, None)

    def fails(self, what: str, record: RequestRecord, error: BaseException) -> None:
        """Keep what was raised; after the release it is only how a worker was let go."""
        if not self.is_released:
            note_mishap(self.journal, self.loop, what, record, error)

    def release(self) -> None:
        """Let every worker go that waits for us; the server stops."""
        with self._lock:
            self.is_released = True
            under_way = list(self._under_way)
        for entry in under_way:
            entry.cancel()


class Call:
    """One call of a handler."""

    __slots__ = ("_callback", "_calls", "_home", "_record", "_what", "error", "is_done", "result")

    def __init__(self, calls: Calls, what: str, record: RequestRecord, home: AsyncHome) -> None:
        self._calls = calls
        self._what = what
        self._record = record
        self._home = home
        self._callback: Callable[[], None] | None = None
        self.is_done = False
        self.result: Any = None
        self.error: BaseException | None = None

    def when_done(self, callback: Callable[[], None]) -> None:
        """Have something called on the loop thread once there is a result."""
        self._callback = callback

    def cancel(self) -> None:
        """Interrupt it if it is a coroutine. Any thread."""
        self._home.cancel()

    def run(self, function: Callable[[Any], object], argument: object) -> None:
        """Call the handler, and what it returns if that can be called in its turn. Worker thread."""
        result: Any = function
        error = None
        try:
            while callable(result) and not isinstance(result, type):
                result = result(argument)
                if isawaitable(result):
                    result = self._home.run(result)
        except BaseException as raised:  # noqa: BLE001 - whatever a test's code raises is the test's to see
            error = raised
            self._calls.fails(self._what, self._record, raised)
        self._calls.ended(self, self._what, self._record, self._home)
        if error is None or not self._calls.is_released:  # else it was we who interrupted it, and that is no answer
            self._calls.loop.post_if_running(lambda: self._finish(result, error))

    def _finish(self, result: object, error: BaseException | None) -> None:
        self.result, self.error, self.is_done = result, error, True
        if self._callback is not None:
            self._callback()


class Feed:
    """A run through a source of a stream: the worker is at most a few items ahead of the connection."""

    __slots__ = (
        "_callback",
        "_calls",
        "_condition",
        "_has_ended",
        "_home",
        "_is_closed",
        "_items",
        "_record",
        "_what",
        "error",
    )

    def __init__(self, calls: Calls, what: str, record: RequestRecord, home: AsyncHome) -> None:
        self._calls = calls
        self._what = what
        self._record = record
        self._home = home
        self._condition = threading.Condition()  # guards everything below
        self._items: deque[object] = deque()
        self._callback: Callable[[], None] | None = None
        self._has_ended = False
        self._is_closed = False
        self.error: BaseException | None = None

    # -- loop thread --

    def take(self) -> object:
        """Return the next item, `NOTHING_YET` or `THE_END`."""
        with self._condition:
            if self._items:
                self._condition.notify()
                return self._items.popleft()
            # Of a source that was told to stop nothing comes any more: its end must not complete the reply.
            return THE_END if self._has_ended and not self._is_closed else NOTHING_YET

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Have something called on the loop thread once `take` has more to say."""
        with self._condition:
            if self._is_closed or not (self._items or self._has_ended):
                self._callback = callback
                return
        self._calls.loop.call_soon(callback)

    # -- any thread --

    def cancel(self) -> None:
        """Nobody listens any more: the source is closed at its next item, a coroutine is interrupted."""
        with self._condition:
            self._is_closed = True
            self._items.clear()
            self._condition.notify()
        self._home.cancel()

    # -- worker thread --

    def run(self, score: Score) -> None:
        """Run through the source and put what it gives."""
        iterator: Any = None
        try:
            source = score.open(self._home.run)
            if isinstance(source, AsyncIterable):
                iterator = source.__aiter__()
                self._run_async(score, iterator)
            else:
                iterator = iter(source)
                for item in iterator:
                    self._put(score.encode(item))
        except _ReleasedError:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever a test's code raises is the test's to see
            if not self._is_closed:
                self.error = error
                self._fails(error)
        self._close(iterator)
        self._calls.ended(self, self._what, self._record, self._home)
        with self._condition:
            self._has_ended = True
        self._notify()

    def _run_async(self, score: Score, iterator: AsyncIterator[object]) -> None:
        while True:
            try:
                item = self._home.run(_next_item(iterator))
            except StopAsyncIteration:
                return
            self._put(score.encode(item))

    def _put(self, item: object) -> None:
        with self._condition:
            while len(self._items) >= limits.FEED_DEPTH and not self._is_closed:
                self._condition.wait()
            if self._is_closed:
                raise _ReleasedError
            self._items.append(item)
        self._notify()

    def _notify(self) -> None:
        with self._condition:
            callback, self._callback = self._callback, None
            if self._is_closed:
                return
        if callback is not None:
            self._calls.loop.post_if_running(callback)

    def _fails(self, error: BaseException) -> None:
        self._calls.fails(self._what, self._record, error)

    def _close(self, source: Any) -> None:
        """Close a generator here, where it ran: its `finally` may block, too."""
        try:
            if hasattr(source, "aclose"):
                self._home.finish(source, self._fails)
            elif hasattr(source, "close"):
                source.close()
        except BaseException as error:  # noqa: BLE001 - likewise
            self._fails(error)


async def _next_item(iterator: AsyncIterator[object]) -> object:
    """Ask for an item once this runs: what `__anext__` returns may be closed unrun only at the generator's expense."""
    return await iterator.__anext__()
