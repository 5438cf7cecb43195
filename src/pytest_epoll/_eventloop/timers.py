"""Deadlines: a heap whose cancelled entries are dropped lazily.

A heap gives the next deadline in O(1) and takes one in O(log n); removing from its middle would be O(n), so a
cancelled timer stays until it comes up, or until more than half of the heap is dead and it is pruned in one go.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PRUNE_FROM = 64
"""Below this many entries a heap is not worth pruning."""


class Timer:
    """One deadline; `cancel` may be called at any time, also after it ran. Loop thread only."""

    __slots__ = ("_timers", "callback", "due_ns")

    def __init__(self, timers: Timers, due_ns: int, callback: Callable[[], None]) -> None:
        self._timers = timers
        self.due_ns = due_ns
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Make sure that it never runs (again)."""
        if self.callback is not None:
            self.callback = None
            self._timers.count_cancelled()


class Timers:
    """All deadlines of a loop. Loop thread only."""

    __slots__ = ("_cancelled", "_order", "heap")

    def __init__(self) -> None:
        # Not empty while anything is to be done, or was cancelled; looked at each turn, which a call would make dearer.
        self.heap: list[tuple[int, int, Timer]] = []
        self._order = 0  # breaks ties, so that equal deadlines run in the order in which they were set
        self._cancelled = 0

    def __len__(self) -> int:
        return len(self.heap) - self._cancelled

    def at(self, due_ns: int, callback: Callable[[], None]) -> Timer:
        """Have `callback` called once the clock has reached `due_ns`."""
        timer = Timer(self, due_ns, callback)
        self._order += 1
        heapq.heappush(self.heap, (due_ns, self._order, timer))
        return timer

    def next_due_ns(self) -> int | None:
        """Return the earliest deadline, or None."""
        heap = self.heap
        while heap and heap[0][2].callback is None:
            heapq.heappop(heap)
            self._cancelled -= 1
        return heap[0][0] if heap else None

    def run(self, now_ns: int) -> int:
        """Call what is due, in order of deadline, and return how many; what a callback sets waits for the next run."""
        ran = 0
        last = self._order
        while self.heap and self.heap[0][0] <= now_ns and self.heap[0][1] <= last:
            timer = heapq.heappop(self.heap)[2]
            callback, timer.callback = timer.callback, None
            if callback is None:
                self._cancelled -= 1
            else:
                callback()
                ran += 1
        return ran

    def count_cancelled(self) -> None:
        """Take note of a cancelled timer and prune the heap when most of it is dead."""
        self._cancelled += 1
        if len(self.heap) > _PRUNE_FROM and self._cancelled * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2].callback is not None]
            heapq.heapify(self.heap)
            self._cancelled = 0
