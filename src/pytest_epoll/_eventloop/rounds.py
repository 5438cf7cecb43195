"""When a barrier has done enough: how often a loop has to look again before a reader may be let go.

Facts
- Level-triggered a handler takes one `recv` of at least `READ_SIZE` bytes an event; edge-triggered it takes up to
  `READS_A_TURN` of them.
- What a client has sent may lie in its own kernel buffer: as we read, it comes. It holds at most the third value of
  tcp_wmem, 4 MiB (tcp(7)).
- A client that sends, or connects, without pause keeps every round busy for ever.

What follows. The first rounds just go on until one finds nothing, which is the case in all but a few tests. Whoever is
still ready then is owed as many events as it takes to read what it can have sent before, and one more for a FIN behind
it; once all have used theirs up the reader is let go, whatever else has come in the meantime. New connections count
like the others, so clients that connect without pause are ended by the clock: law L4 is the stronger one.

What it costs: nothing in the first rounds; then one ioctl(2) for each descriptor that is still ready, and the clock.
"""

from __future__ import annotations

from pytest_epoll._core import clock, limits
from pytest_epoll._eventloop import probes

_FREE_ROUNDS = 8
"""Rounds that are not counted: to accept, to read, to answer, to see the FIN, and the same once more."""

_SPARE_ROUNDS = 256
"""Rounds in which no descriptor is owed anything but something was done: edge-triggered, what is left in a receive
buffer is read by callbacks, without a further event, `READS_A_TURN` times 16 KiB a round; 16 MiB in all."""

_ON_THE_WAY = 4 * 2**20
"""Bytes in the client's send buffer, at the most."""

_QUEUE = 4096
"""Events that a listening socket is owed: the longest queue that Linux allows by default (somaxconn)."""


class Rounds:
    """Counts the rounds of one barrier. Loop thread only."""

    __slots__ = ("_begun_ns", "_bytes_an_event", "_done", "_mail_fd", "_owed", "_spare")

    def __init__(self, mail_fd: int, *, edge_triggered: bool) -> None:
        self._bytes_an_event = limits.READ_SIZE * (limits.READS_A_TURN if edge_triggered else 1)
        self._mail_fd = mail_fd  # another thread that posts is no reason to look again
        self._done = 0
        self._begun_ns = 0
        self._owed: dict[int, int] = {}  # events still owed, by descriptor
        self._spare = _SPARE_ROUNDS

    def may_go_on(self, most_ns: int) -> bool:
        """Whether there is time for another round; the clock is not read before the second one."""
        if self._done <= 1:
            if self._done:
                self._begun_ns = clock.now_ns()
            return True
        return clock.now_ns() - self._begun_ns < most_ns

    def must_go_on(self, events: list[tuple[int, int]], *, also: bool) -> bool:
        """Whether a round that has handled these events, and perhaps done something else, calls for another one."""
        self._done += 1
        if not events and not also:
            return False
        if self._done <= _FREE_ROUNDS:
            return True
        is_owed = False
        for fd, _ in events:
            owed = self._owed.get(fd)
            if owed is None:
                owed = self._events_owed(fd)
            if owed > 0:
                is_owed = True
            self._owed[fd] = owed - 1
        if not is_owed:
            self._spare -= 1
        return is_owed or (also and self._spare > 0)

    def _events_owed(self, fd: int) -> int:
        if fd == self._mail_fd:
            return 0
        try:
            return (probes.unread_bytes(fd) + _ON_THE_WAY) // self._bytes_an_event + 2
        except OSError:
            return _QUEUE  # EINVAL: a listening socket
