"""What has come and was not read yet: looked at, and emptied when a connection is given up."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from pytest_epoll._core import limits
from pytest_epoll._eventloop import probes

if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN_RST = frozenset((errno.ECONNRESET, errno.EPIPE))
"""What an RST is called: EPIPE if the client's FIN came before it (tcp(7))."""

_SHOWN = 40
"""Bytes of what is there that a text shows."""


def discard(fd: int, recv: Callable[[int], bytes]) -> int:
    """Read and discard what is there now, and return how much that was.

    Raises:
        OSError: the client has reset the connection.
    """
    unread = probes.unread_bytes(fd)
    size = 0
    try:
        while size < unread and (data := recv(limits.BODY_READ_SIZE)):
            size += len(data)
    except BlockingIOError:
        pass
    return size


def look(sock: socket.socket) -> bytes | None:
    """Return the first bytes of it, b"" if there is nothing before the client's FIN, None if nothing has come."""
    try:
        return sock.recv(_SHOWN, socket.MSG_PEEK)
    except OSError:  # EAGAIN; or the connection is dead, and its owner is about to hear of it
        return None


def take(sock: socket.socket) -> bytes:
    """Return all that is there; of a dead connection that is what came before its end."""
    pieces: list[bytes] = []
    try:
        while data := sock.recv(limits.BODY_READ_SIZE):
            pieces.append(data)
    except OSError:
        pass  # EAGAIN, or the error that the owner has been told
    return b"".join(pieces)


def why_lost(error: OSError) -> str | None:
    """Return in words why the kernel gave a connection up; None: the client has reset it."""
    return None if error.errno in _PLAIN_RST else error.strerror


def raise_error(sock: socket.socket, *, is_broken: bool) -> None:
    """Raise the error that the kernel holds ready for a connection, if there is one.

    Args:
        sock: the connection's socket.
        is_broken: whether a send has failed before, which has taken the error away.

    Raises:
        OSError: the client has reset the connection.
    """
    code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code or is_broken:
        raise OSError(code or errno.ECONNRESET, os.strerror(code or errno.ECONNRESET))
