"""Reading up to a place: what has come is looked at first, and only so much of it is received as may be taken.

Facts
- Bytes that were looked at (MSG_PEEK, recv(2)) stay readable. Level-triggered they are reported again and again;
  edge-triggered they are not, until more comes.
- SO_RCVLOWAT (socket(7)) makes a TCP socket readable only once so many bytes have come; poll(2), select(2) and epoll(7)
  respect it. Unix sockets know it, but are readable all the same.
- A FIN overrules that, and so does a receive buffer that is full: both report what is there, though it is too little.
  So does a kernel that is short of memory (tcp_under_memory_pressure), which says nothing about what may still come.

What we do. Who decides says how many bytes may be taken. None: reading is paused. More have to be seen before one may
be taken (the `0` of a last chunk can become `05`): the socket keeps quiet until there are more, so nobody spins. If
there can't be more, as a FIN has come or the buffer has no room, what was seen is all there is.

What it costs: a system call a read, another two where more has to be seen.

Loop thread only.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from pytest_epoll._eventloop import probes
from pytest_epoll._eventloop.sockets import is_unix

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._eventloop.transport import Transport

MORE: Final = -1
"""Instead of a number of bytes that may be taken: that depends on what comes next."""

_GRAIN_NS: Final = 1_000_000
"""Where a socket can't be told to keep quiet: the finest that a timer has."""


class GaugedReads:
    """Receives for a transport, as much as `gauge` says of what it is shown: 0 pauses reading, `MORE` waits."""

    __slots__ = ("_gauge", "_loop", "_seen", "_transport")

    def __init__(self, loop: Loop, transport: Transport, gauge: Callable[[bytes], int]) -> None:
        self._loop = loop
        self._transport = transport
        self._gauge = gauge
        self._seen = 0  # bytes that are there, and more of which were waited for

    def recv(self, size: int) -> bytes:
        """Return what may be taken, `size` bytes at the most.

        Raises:
            BlockingIOError: nothing may be taken now.
            OSError: what recv(2) says.
        """
        sock = self._transport.sock
        seen, self._seen = self._seen, 0
        if seen:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        is_all = False
        while True:
            data = sock.recv(size, socket.MSG_PEEK)
            room = self._gauge(data) if data else 0
            if room != MORE or is_all:
                break
            if not probes.has_fin(sock) and (len(data) > seen or probes.has_room(sock)):
                self._wait_for_more_than(len(data), is_false_alarm=len(data) <= seen)
                raise BlockingIOError
            is_all = True  # look once more: a FIN may have come behind something that was not seen yet
        if data and not room:
            self._transport.pause_reading()
            raise BlockingIOError
        return sock.recv(len(data) if room == MORE else max(room, 1))

    def _wait_for_more_than(self, size: int, *, is_false_alarm: bool) -> None:
        if is_false_alarm or is_unix(self._transport.sock):
            self._transport.pause_reading()
            self._loop.call_later(_GRAIN_NS, self._transport.resume_reading)
        else:
            self._seen = size
            self._transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size + 1)
