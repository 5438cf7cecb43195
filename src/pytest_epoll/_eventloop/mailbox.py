"""Commands from other threads to the loop thread, in the order in which they were posted.

Facts
- Another thread may post while the loop waits, while it works, and while it ends. After it has ended, the number of the
  wake-up's descriptor may belong to a stranger.
- A signal handler may raise between any two lines of the main thread.
- A destructor may run between any two lines of *any* thread, also while that thread is inside `post`.

What follows. Waking happens inside the lock that `close` takes, and before the flag that saves the next wake-up is set:
an interrupted `post` costs a wake-up too many, never one too few. `nudge` takes the lock only if it is free: who holds
it is about to wake the loop, or is the loop itself and awake.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from pytest_epoll._eventloop.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable


class Mailbox:
    """Where other threads leave commands; `post` and `nudge` from any thread, the rest on the loop thread only."""

    __slots__ = ("_is_awake", "_is_closed", "_lock", "_wakeup", "commands", "fd")

    def __init__(self) -> None:
        self.commands: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()  # guards _is_awake, _is_closed and the life of _wakeup
        self._is_awake = False  # whether the loop has been woken and has not yet looked
        self._is_closed = False
        self._wakeup = Wakeup()
        self.fd = self._wakeup.fd

    def post(self, command: Callable[[], None]) -> bool:
        """Leave a command and wake the loop; False, and nothing happens, if the loop has ended."""
        with self._lock:
            if self._is_closed:
                return False
            self.commands.append(command)
            if not self._is_awake:
                self._wakeup.wake()
                self._is_awake = True
        return True

    def nudge(self) -> None:
        """Make the loop take one more turn, without waiting for anything: a destructor may call it."""
        if self._lock.acquire(blocking=False):
            try:
                if not self._is_closed:
                    self._wakeup.wake()
            finally:
                self._lock.release()

    def on_wakeup(self, _mask: int) -> None:
        """Note that the loop is awake; it is cleared before the commands are taken, so a later one wakes it again."""
        self._wakeup.clear()
        with self._lock:
            self._is_awake = False

    def refuse_more(self) -> None:
        """From now on `post` returns False; what was posted before is still there."""
        with self._lock:
            self._is_closed = True

    def close(self) -> None:
        """Release the descriptor; `refuse_more` must have come before, unless no other thread is left (a fork)."""
        self._wakeup.close()
