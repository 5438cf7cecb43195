"""A conn as a file, as `socket.makefile` has it: a raw file, and the standard library's buffers over it."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Protocol, cast

from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from typing_extensions import Buffer


class ByteStream(Protocol):
    """What reads and sends."""

    def recv_into(self, buffer: Buffer, nbytes: int = 0) -> int: ...

    def send(self, data: Buffer) -> int: ...


class _RawFile(io.RawIOBase):
    """A conn's bytes without a buffer; where the timeout is 0, None stands for "not now", as `io.RawIOBase` says."""

    def __init__(self, conn: ByteStream, *, reads: bool, writes: bool) -> None:
        super().__init__()
        self._conn = conn
        self._reads = reads
        self._writes = writes

    def readable(self) -> bool:
        return self._reads and not self.closed

    def writable(self) -> bool:
        return self._writes and not self.closed

    def readinto(self, buffer: Buffer, /) -> int | None:
        if not self.readable():
            message = "it is closed" if self.closed else "not readable"
            raise io.UnsupportedOperation(message)
        try:
            return self._conn.recv_into(buffer)
        except BlockingIOError:
            return None

    def write(self, data: Buffer, /) -> int | None:
        if not self.writable():
            message = "it is closed" if self.closed else "not writable"
            raise io.UnsupportedOperation(message)
        try:
            return self._conn.send(data)
        except BlockingIOError:
            return None


def open_file(
    conn: ByteStream,
    mode: str,
    buffering: int | None,
    *,
    encoding: str | None,
    errors: str | None,
    newline: str | None,
) -> IO[bytes] | IO[str]:
    """Return a file over a conn.

    Raises:
        UsageTypeError: an argument of a wrong type.
        UsageError: a mode that there is not, or a text file without a buffer.
    """
    letters = set(mode) if isinstance(mode, str) else None
    if letters is None:
        message = f"mode must be a str, not {mode!r}"
        raise UsageTypeError(message)
    if not letters <= set("rwb") or len(letters) != len(mode):
        message = f"mode={mode!r} is not known; use 'r', 'w', 'rw', each with or without 'b'"
        raise UsageError(message)
    if buffering is not None and (isinstance(buffering, bool) or not isinstance(buffering, int)):
        message = f"buffering must be a whole number, not {buffering!r}"
        raise UsageTypeError(message)
    writes = "w" in letters
    reads = "r" in letters or not writes
    is_binary = "b" in letters
    raw = _RawFile(conn, reads=reads, writes=writes)
    if buffering == 0:
        if not is_binary:
            message = "buffering=0 is for bytes; a text file needs a buffer"
            raise UsageError(message)
        return cast("IO[bytes]", raw)  # it has the methods, but no common base
    buffered = _buffered(raw, buffering, reads=reads, writes=writes)
    if is_binary:
        return cast("IO[bytes]", buffered)  # likewise
    return io.TextIOWrapper(cast("io.BufferedReader", buffered), encoding, errors, newline)  # any of the three will do


def _buffered(
    raw: _RawFile, buffering: int | None, *, reads: bool, writes: bool
) -> io.BufferedReader | io.BufferedWriter | io.BufferedRWPair:
    size = io.DEFAULT_BUFFER_SIZE if buffering is None or buffering < 0 else buffering
    if reads and writes:
        return io.BufferedRWPair(raw, raw, size)
    return io.BufferedReader(raw, size) if reads else io.BufferedWriter(raw, size)
