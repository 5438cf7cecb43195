"""Helpers for tests that talk to a server by hand: a raw client, and a call on another thread."""

from __future__ import annotations

import socket
import struct
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from pytest_epoll._core.checks import checked_timeout, checked_whole
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import ParamSpec, Self

    P = ParamSpec("P")

__all__ = ("RawClient", "in_thread")

T = TypeVar("T")


class RawClient:
    """A client that sends what it is told and says how the connection ended.

    Its calls are those of a socket: `OSError` if the connection has ended, `TimeoutError` when the time is over.

    Args:
        address: (host, port), as `server.address`, or the path of a Unix domain socket, as `listener.address` may be.
        timeout: seconds after which a call gives up with `TimeoutError`.
        receive_buffer: bytes of SO_RCVBUF (socket(7)), set before connecting, for a reader that takes little.

    Raises:
        OSError: the connection can't be made.
        UsageError: a url in place of an address, or a number that can't be meant.
        UsageTypeError: an argument of a wrong type.
    """

    def __init__(
        self, address: tuple[str, int] | str, *, timeout: float = 5.0, receive_buffer: int | None = None
    ) -> None:
        family = _family_of(address)
        checked_timeout(timeout)
        if receive_buffer is not None:
            checked_whole("receive_buffer", receive_buffer, least=1)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self.socket.settimeout(timeout)
            if receive_buffer is not None:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.connect(address)
        except BaseException:
            self.socket.close()
            raise

    def send(self, data: bytes) -> None:
        """Send all of it; raises `UsageTypeError` if it is not bytes."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            message = f"data must be bytes, not {data!r}"
            raise UsageTypeError(message)
        self.socket.sendall(data)

    def recv(self, size: int = 65536) -> bytes:
        """Return what one `recv` returns, at most so many bytes; raises `UsageError` if that is less than one."""
        return self.socket.recv(checked_whole("size", size, least=1))

    def recv_exactly(self, size: int) -> bytes:
        """Return so many bytes, or fewer if the stream ends before; raises `UsageError` for a negative number."""
        size = checked_whole("size", size, least=0)
        pieces: list[bytes] = []
        while size > 0 and (piece := self.socket.recv(min(size, 262144))):
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    def read_to_end(self) -> tuple[bytes, str]:
        """Return everything that comes until the end, and how that was: "fin" or "rst"."""
        pieces: list[bytes] = []
        while True:
            try:
                piece = self.socket.recv(262144)
            except ConnectionResetError:
                return b"".join(pieces), "rst"
            if not piece:
                return b"".join(pieces), "fin"
            pieces.append(piece)

    def shutdown(self) -> None:
        """Send FIN and go on reading."""
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close: FIN if everything was read, else RST."""
        self.socket.close()

    def reset(self) -> None:
        """Send RST, whatever was read."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _family_of(address: object) -> socket.AddressFamily:
    """Return the family of an address that a caller gave.

    Raises:
        UsageTypeError: neither (host, port) nor a path.
        UsageError: a url.
    """
    if isinstance(address, str):
        if "://" in address:
            message = f"address={address!r} is a url; use server.address"
            raise UsageError(message)
        return socket.AF_UNIX
    if isinstance(address, tuple) and len(address) >= 2 and isinstance(address[0], str):  # noqa: PLR2004 - a pair
        checked_whole("port", address[1], least=0, most=65535)
        return socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    message = f"address must be (host, port) or the path of a Unix domain socket, not {address!r}; use server.address"
    raise UsageTypeError(message)


def in_thread(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Call a function on a thread of its own and return its future: for a test that must hold a call open.

    Raises:
        UsageTypeError: it can't be called.
    """
    if not callable(fn):
        message = f"fn must be a function, not {fn!r}; in_thread(fn, *args) calls it on the other thread"
        raise UsageTypeError(message)
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asks the future
            future.set_exception(error)

    threading.Thread(target=run, name=f"in_thread {getattr(fn, '__name__', fn)}", daemon=True).start()
    return future
