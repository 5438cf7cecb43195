"""Commands from other threads to the loop thread, in the order in which they were posted.

Facts
- Another thread may post while the loop waits, while it works, and while it ends. After it has ended, the number of the
  wake-up's descriptor may belong to a stranger.
- A signal handler may raise between any two lines of the main thread, or read the record there: then it posts, and
  waits for the loop, while the frame that it has interrupted may be inside `post`.
- A destructor may run between any two lines of *any* thread, also while that thread is inside `post`.

What follows. A lock keeps the descriptor alive while it is written to, its holder may take it again, and the loop never
waits for it: not when it takes commands, and at its end it carries out commands until it gets it. Every post wakes,
also a loop that is awake: a flag that saves the second wake-up is one that an interrupted post leaves set for ever.

What it costs: 1 us a post, most of it the wake-up.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from pytest_epoll._eventloop.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE = 0.001
"""Seconds that the end of a loop waits for somebody who is inside `post`, before it looks for commands again."""


class Mailbox:
    """Where other threads leave commands; `post` and `nudge` from any thread, the rest on the loop thread only."""

    __slots__ = ("_is_closed", "_lock", "_wakeup", "commands", "fd")

    def __init__(self) -> None:
        self.commands: deque[Callable[[], None]] = deque()
        self._lock = threading.RLock()  # guards _is_closed and the life of _wakeup
        self._is_closed = False
        self._wakeup = Wakeup()
        self.fd = self._wakeup.fd

    def post(self, command: Callable[[], None]) -> bool:
        """Leave a command and wake the loop; False, and nothing happens, if the loop has ended."""
        with self._lock:
            if self._is_closed:
                return False
            self.commands.append(command)
            self._wakeup.wake()
        return True

    def nudge(self) -> None:
        """Make the loop take one more turn, without waiting for anything: a destructor may call it.

        Who holds the lock meanwhile is about to wake the loop, or is the loop itself at its end.
        """
        if self._lock.acquire(blocking=False):
            try:
                if not self._is_closed:
                    self._wakeup.wake()
            finally:
                self._lock.release()

    def on_wakeup(self, _mask: int) -> None:
        """Take the wake-up; what is posted from here on wakes again, what was posted before is taken in this turn."""
        self._wakeup.clear()

    def refuse_more(self) -> bool:
        """From now on `post` returns False; False: somebody is inside `post`, look for commands and ask again."""
        if not self._lock.acquire(timeout=_PAUSE):
            return False
        self._is_closed = True
        self._lock.release()
        return True

    def close(self) -> None:
        """Release the descriptor; `refuse_more` must have come before, unless no other thread is left (a fork)."""
        self._wakeup.close()
