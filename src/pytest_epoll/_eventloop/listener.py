"""The listening socket: accepts, and knows how to bind a port that is ours alone.

Facts
- A port that was bound without SO_REUSEADDR and SO_REUSEPORT can't be bound by anybody else while it listens; after
  connections were closed by us they linger in TIME_WAIT, and binding the same port again needs SO_REUSEADDR. On Linux
  SO_REUSEADDR on both sides does not let two sockets listen on one port (socket(7)).
- TCP_NODELAY of the listening socket is inherited by the accepted ones: one system call a server, not one a connection.
- accept(2) fails with EMFILE when the process has no descriptor left; the connection stays in the queue, and a
  level-triggered loop would spin on it.
- While a forked child holds the listening socket, close(2) leaves a port that still connects: `shutdown` first.

What we do. Level-triggered one accept an event, as a failed one costs more than a further turn; edge-triggered until
would-block. Out of descriptors we look again after a pause, and say so in the record.

Loop thread only, but for `open_listening_socket`.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from pytest_epoll._eventloop.poller import IN

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._eventloop.loop import Loop

_NO_DESCRIPTORS = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
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


def open_listening_socket(host: str, port: int, *, backlog: int, nodelay: bool) -> socket.socket:
    """Return a socket that listens on that address; port 0 lets the kernel choose.

    Raises:
        OSError: the address can't be bound; EADDRINUSE if the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if nodelay:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind((host, port))
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


class Listener:
    """Accepts connections and hands them on."""

    __slots__ = ("_accept", "_is_out_of_descriptors", "_loop", "_on_accepted", "_on_trouble", "_sock")

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        on_accepted: Callable[[socket.socket, tuple[str, int]], None],
        on_trouble: Callable[[OSError], None],
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._accept = sock.accept
        self._on_accepted = on_accepted
        self._on_trouble = on_trouble
        self._is_out_of_descriptors = False  # said once, until one could be accepted again

    def start(self) -> None:
        """Begin to accept."""
        self._loop.watch_fd(self._sock.fileno(), IN | self._loop.poller.edge, self.on_ready)

    def on_ready(self, _mask: int) -> None:
        """Accept what is waiting."""
        for _ in range(_ACCEPTS_A_TURN if self._loop.poller.edge else 1):
            try:
                sock, address = self._accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OF_THE_CLIENT:
                    continue
                if error.errno not in _NO_DESCRIPTORS:
                    raise
                self._pause(error)
                return
            self._is_out_of_descriptors = False
            sock.setblocking(False)
            self._on_accepted(sock, address[:2])
        if self._loop.poller.edge:
            self._loop.call_soon(self._accept_more)

    def _accept_more(self) -> None:
        if self._sock.fileno() >= 0:  # it may have been closed in between
            self.on_ready(IN)

    def _pause(self, error: OSError) -> None:
        if not self._is_out_of_descriptors:
            self._is_out_of_descriptors = True
            self._on_trouble(error)
        self._loop.forget_fd(self._sock.fileno())
        self._loop.call_later(_RETRY_NS, self._resume)

    def _resume(self) -> None:
        if self._sock.fileno() >= 0:
            self.start()

    def close(self) -> None:
        """Stop listening; clients that are still in the queue are reset by the kernel."""
        self._loop.forget_fd(self._sock.fileno())
        try:
            self._sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # platforms that refuse it on a listening socket
        self._sock.close()
