"""A listening socket under a loop: it accepts, and survives what can happen to that.

Facts
- accept(2) fails with EMFILE when the process has no descriptor left; the connection stays in the queue, and a
  level-triggered loop would spin on it.
- While a forked child holds the listening socket, close(2) leaves a port that still connects: `shutdown` first.
- The file of a Unix domain socket outlives it; by the end another socket may have been bound at that path.

What we do. Level-triggered one accept an event, as a failed one costs more than a further turn; edge-triggered until
would-block. Out of descriptors we look again after a pause, and say so in the record. That a listener does something
else than accept is asked of its `Door`, which few servers have.

Loop thread only, but for `queue`.
"""

from __future__ import annotations

import errno
import select
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_epoll._core.showing import count
from pytest_epoll._eventloop import probes
from pytest_epoll._eventloop.poller import IN, SELECT_LIMIT
from pytest_epoll._eventloop.sockets import client_address, hear_again, show_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._eventloop.timers import Timer

NO_DESCRIPTORS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
"""accept(2): what fails for want of resources, not because of the connection."""

_OF_THE_CLIENT = frozenset(
    (
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EPERM,
    )
)
"""accept(2): errors of the new connection, and of firewall rules; the next one may be as good as any."""

_RETRY_NS = 10_000_000
"""How long to wait for a descriptor: 10 ms, a hundredth of the patience of the most impatient client."""

_ACCEPTS_A_TURN = 64

_QUIET = 0.0001
"""Seconds that a handshake may take to its end: on the loopback that is 20 us, within one system call of the client's.
Longer would be worse: who asks meanwhile is dropped, and asks again after a second."""

QUEUE = 4097
"""Connections that can wait in a queue: the longest one that Linux allows by default (somaxconn), and one."""


class Listener:
    """Accepts connections and hands them on."""

    __slots__ = (
        "_accept",
        "_inode",
        "_is_out_of_descriptors",
        "_loop",
        "_on_accepted",
        "_on_trouble",
        "_retry",
        "has_been_deaf",
        "index",
        "is_watched",
        "path",
        "sock",
        "suffix",
    )

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        on_accepted: Callable[[socket.socket, tuple[str, int], Listener], None],
        on_trouble: Callable[[OSError], None],
        index: int = 0,
    ) -> None:
        self.sock = sock
        self.index = index
        self._loop = loop
        self._accept = sock.accept
        self._on_accepted = on_accepted
        self._on_trouble = on_trouble
        self.is_watched = False
        self.has_been_deaf = False  # SYNs were dropped, and what is accepted may drop segments, too
        self._retry: Timer | None = None
        self._is_out_of_descriptors = False  # said once, until one could be accepted again
        name = sock.getsockname()
        self.path: str | None = name if isinstance(name, str) else None  # of a Unix domain socket
        self.suffix = f" on {show_address(sock)}" if index else ""  # where it is, if it is not the server's own
        self.note_file()

    def note_file(self) -> None:
        """Remember which file is ours."""
        self._inode = None if self.path is None else _inode_at(self.path)

    # -- accepting --

    def start(self) -> None:
        """Begin to accept."""
        self._loop.watch_fd(self.sock.fileno(), IN | self._loop.poller.edge, self.on_ready)
        self.is_watched = True

    def look_away(self) -> None:
        """Accept nobody until `start`."""
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._loop.forget_fd(self.sock.fileno())
        self.is_watched = False

    def on_ready(self, _mask: int) -> None:
        """Accept what is waiting."""
        try:
            is_empty = self.accept_some(_ACCEPTS_A_TURN if self._loop.poller.edge else 1)
        except OSError as error:
            if error.errno not in NO_DESCRIPTORS:
                raise
            self._pause(error)
            return
        if not is_empty and self._loop.poller.edge:
            self._loop.call_soon(self._accept_more)

    def accept_some(self, most: int = QUEUE) -> bool:
        """Accept so many at the most, and return whether nobody waits any more.

        Raises:
            OSError: there is no descriptor left, or a defect of ours.
        """
        for _ in range(most):
            try:
                sock, address = self._accept()
            except BlockingIOError:
                return True
            except OSError as error:
                if error.errno in _OF_THE_CLIENT:
                    continue
                raise
            self._is_out_of_descriptors = False
            sock.setblocking(False)
            if self.has_been_deaf:
                hear_again(sock)
            self._on_accepted(sock, address[:2] if self.path is None else client_address(sock), self)
        return False

    def _accept_more(self) -> None:
        if self.is_watched:  # it may have been closed, or asked for something else, in between
            self.on_ready(IN)

    def _pause(self, error: OSError) -> None:
        if not self._is_out_of_descriptors:
            self._is_out_of_descriptors = True
            self._on_trouble(error)
        self.look_away()
        self._retry = self._loop.call_later(_RETRY_NS, self.start)

    def accept_waiting(self) -> None:
        """Accept who waits in the queue, as far as there are descriptors."""
        try:
            self.accept_some()
        except OSError as error:
            if error.errno not in NO_DESCRIPTORS:
                raise
            self._on_trouble(error)

    def accept_until_quiet(self) -> None:
        """Accept who waits, and whoever is in mid-handshake: until nobody has come for a while.

        Raises:
            OSError: as `accept_some`.
        """
        fd = self.sock.fileno()
        watcher = select.poll()
        watcher.register(fd, select.POLLIN)
        while select.select((fd,), (), (), _QUIET)[0] if fd < SELECT_LIMIT else watcher.poll(1):
            self.accept_some()

    def queue(self) -> str:
        """Return how many wait to be accepted, in words, if that can be told; callable from any thread."""
        if self.path is not None or self.sock.fileno() < 0:
            return ""
        try:
            size = probes.waiting_connections(self.sock)
        except OSError:
            return ""  # it was closed just now, or this platform does not tell
        return f"; {count(size, 'connection')} {'waits' if size == 1 else 'wait'} there" if size else ""

    # -- the end --

    def shut_down(self) -> None:
        """Have whoever comes refused, and who is in the queue of a TCP socket reset."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # platforms that refuse it on a listening socket, and one that does not listen

    def close(self) -> None:
        """Stop listening; who is still in the queue is reset by the kernel. The file of a Unix socket is removed."""
        self.look_away()
        self.shut_down()
        self.sock.close()
        if self.path is not None and self._inode == _inode_at(self.path):  # not somebody else's
            Path(self.path).unlink(missing_ok=True)


def _inode_at(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None  # the test has removed it, or its directory
    return found.st_dev, found.st_ino
