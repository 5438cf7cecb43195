"""Threads that run what a test has written: handlers, streams, whatever may block.

A job may block for as long as it likes, so there is always a thread for the next one: an idle one if there is one, the
one that became idle last, else a new one. They are daemons, for an interpreter that exits must not wait for a handler
that hangs.

Guarantees: a job runs once, on a thread that runs nothing else meanwhile; a job that was given away after `stop` is not
run; `stop` returns at its deadline at the latest and names the jobs that have not ended by then, with their stacks.

`run` is for the loop thread, `stop` for the test's.
"""

from __future__ import annotations

import sys
import threading
import traceback
from typing import TYPE_CHECKING

from pytest_epoll._core import clock
from pytest_epoll._core.location import is_ours

if TYPE_CHECKING:
    from collections.abc import Callable


class _Worker:
    """One thread and the job that it runs."""

    __slots__ = ("_job", "_pool", "_wake", "label", "thread")

    def __init__(self, pool: Workers, number: int) -> None:
        self._pool = pool
        self._job: Callable[[], None] | None = None
        self._wake = threading.Lock()
        self._wake.acquire()
        self.label = ""
        self.thread = threading.Thread(target=self._work, name=f"epoll-worker-{number}", daemon=True)

    def give(self, job: Callable[[], None] | None, label: str) -> None:
        """Have a job run; None ends the thread."""
        self._job = job
        self.label = label
        self._wake.release()

    def _work(self) -> None:
        while True:
            self._wake.acquire()
            job, self._job = self._job, None
            if job is None:
                return
            job()
            del job  # what it holds must not live until the next one comes
            if not self._pool.rejoin(self):
                return


class Workers:
    """The threads of one server, made when they are needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards everything below
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, None] = {}
        self._made = 0
        self._is_stopped = False

    def run(self, job: Callable[[], None], label: str) -> None:
        """Run a job, which must not raise; `label` is what it is called if it never ends."""
        with self._lock:
            if self._is_stopped:
                return
            worker = self._idle.pop() if self._idle else None
            if worker is None:
                self._made += 1
                worker = _Worker(self, self._made)
                worker.thread.start()
            self._busy[worker] = None
            worker.give(job, label)

    def rejoin(self, worker: _Worker) -> bool:
        """Take a thread back that has ended its job; False: it is not needed any more."""
        with self._lock:
            self._busy.pop(worker, None)
            if not self._is_stopped:
                self._idle.append(worker)
            return not self._is_stopped

    def stop(self, deadline_ns: int) -> list[tuple[str, str]]:
        """End all threads; return (label, stack) of each job that has not ended at the deadline."""
        with self._lock:
            self._is_stopped = True
            idle, self._idle = self._idle, []
            busy = list(self._busy)
        for worker in idle:
            worker.give(None, "")
        running = []
        for worker in (*idle, *busy):
            worker.thread.join(max(deadline_ns - clock.now_ns(), 0) / 1e9)
            if worker.thread.is_alive():
                running.append((worker.label, _stack_of(worker.thread)))
        return running


def _stack_of(thread: threading.Thread) -> str:
    """Return where a thread stands, innermost frame last, without the frames of ours that it begins with."""
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - documented, there is no other way
    if frame is None:
        return ""
    entries = traceback.extract_stack(frame)
    while entries and _is_above_the_job(entries[0].filename):
        del entries[0]
    return "".join(traceback.format_list(entries))


def _is_above_the_job(path: str) -> bool:
    return path == threading.__file__ or is_ours(path)
