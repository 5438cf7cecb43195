"""Bytes that nobody has to look at, moved from a socket to where they are kept by the kernel alone (splice(2)).

Facts
- Between two descriptors of which neither is a pipe nothing can be moved: one stands between them. What lies in it are
  references to the pages of the receive queue, so a byte is copied once, into the file, and not twice.
- tcp_splice_read() fills the pipe up to its 256 slots of a page or more each, and never waits if the socket does not.
- 64 MiB to a file took 19 ms of CPU time this way and 26 ms by way of `recv` and `pwritev`, most of it the file's.

What we do. While the body of a large request comes, its descriptor has a handler that moves what is there, up to the
last byte but one: the end, and whatever else is not plain (FIN, RST, a pause, a fault that acts on reading), is left to
the transport. The pipe is empty between two events, so one serves all connections of a loop; it is made at first use.
Only level-triggered: edge-triggered, who leaves something unread must know that there is nothing.

Loop thread only, but for `close` in a forked child.
"""

from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING, Final, Protocol

from pytest_epoll._eventloop.poller import IN
from pytest_epoll._eventloop.sockets import is_unix

if TYPE_CHECKING:
    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._eventloop.transport import Transport

_PIPE_SIZE: Final = 1024 * 1024
"""What an unprivileged process may ask for (pipe-max-size, pipe(7)); without it 64 KiB, which is 16 slots."""

_NOT_HERE: Final = frozenset((errno.EINVAL, errno.ENOSYS, errno.EPERM))
"""What systems say that know no splice(2), or not from there."""


class Keeper(Protocol):
    """Who keeps bytes that nobody looks at."""

    def room(self) -> int:
        """Return how many may come at once and unseen; 0: from now on all is looked at."""
        ...

    def keep_from(self, pipe: int, size: int) -> None:
        """Take so many bytes out of a pipe."""


class Chute:
    """One loop's pipe."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        self._ends: tuple[int, int] | None = None

    def ends(self) -> tuple[int, int]:
        """Return the descriptors to read from and to write to.

        Raises:
            OSError: the process has no descriptor left.
        """
        if self._ends is None:
            self._ends = os.pipe()
            try:
                fcntl.fcntl(self._ends[1], fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
            except OSError:
                pass  # the user has too many pages in pipes already (pipe-user-pages-soft)
        return self._ends

    def close(self) -> None:
        """Release the descriptors."""
        ends, self._ends = self._ends, None
        for fd in ends or ():
            os.close(fd)


def move_to(keeper: Keeper, loop: Loop, transport: Transport) -> None:
    """Have what comes on a connection moved to `keeper`, as long as it has room and nothing speaks against it."""
    if not hasattr(os, "splice") or loop.poller.edge or is_unix(transport.sock):
        return
    try:
        ends = loop.chute.ends()
    except OSError:
        return  # it is read the plain way
    loop.hand_over(transport.fd, _Mover(keeper, loop, transport, ends).on_ready)


class _Mover:
    """Handles readiness in a transport's place."""

    __slots__ = ("_bottom", "_keeper", "_loop", "_top", "_transport")

    def __init__(self, keeper: Keeper, loop: Loop, transport: Transport, ends: tuple[int, int]) -> None:
        self._keeper = keeper
        self._loop = loop
        self._transport = transport
        self._bottom, self._top = ends

    def on_ready(self, mask: int) -> None:
        """Move what is there, or let the transport read it."""
        transport = self._transport
        room = self._keeper.room()
        if room and mask == IN and transport.reads_freely:
            try:
                size = os.splice(transport.fd, self._top, room, flags=os.SPLICE_F_NONBLOCK)
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    transport.read_failed(error, mask)
                    return
                room = 0
            else:
                if size:
                    transport.record.bytes_received += size
                    self._keeper.keep_from(self._bottom, size)
                    return
        if not room:
            self._loop.hand_over(transport.fd, transport.on_ready)
        transport.on_ready(mask)
