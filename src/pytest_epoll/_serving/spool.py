"""Large request bodies, kept in a file that has no name.

Facts
- An upload of a gigabyte must not stay in the memory of the test run.
- Of a write(2) to a new file the larger part is its pages, not the copying; 64 MiB took 38 ms of CPU time in pieces of
  256 KiB that began behind a head of 60 bytes, and 20 ms in pieces that began at multiples of 64 KiB, where the kernel
  takes one large folio for many pages. New memory costs more than either: 40 ms.

What we do. The file is made with O_TMPFILE where there is it (open(2)), else it loses its name at once, so that nothing
is left behind however the process ends. It is written in whole blocks; what does not fill one stays in memory until
more comes. Its descriptor lives as long as the record: `close` releases it at the end of a test, a finalizer when the
record is dropped before.

Written on the loop thread, read by others behind the barrier.
"""

from __future__ import annotations

import os
import tempfile
import weakref

from pytest_epoll.errors import UsageError

_BLOCK = 64 * 1024
"""At multiples of this a write begins: 4 KiB would take a tenth longer, and a third where a read brings little."""

_FROM_PIPE = 15 * _BLOCK
"""Bytes that are taken out of a pipe of 1 MiB at once: slots that are not full make it hold less."""

_PIECES = 512
"""Of one pwritev(2), and of what is kept until there is a block; the kernel takes up to 1024 (UIO_MAXIOV)."""


class FileSpool:
    """Bytes in a file; appended, then read in any order.

    Raises:
        OSError: there is no place for the file, or no descriptor.
    """

    __slots__ = ("__weakref__", "_close", "_fd", "_state", "size")

    def __init__(self) -> None:
        with tempfile.TemporaryFile(buffering=0) as file:
            self._fd = os.dup(file.fileno())
        self._close = weakref.finalize(self, os.close, self._fd)
        self.size = 0
        # Bytes in the file, and what comes behind them: replaced together, as another thread may be reading.
        self._state: tuple[int, list[bytes]] = (0, [])

    def write(self, data: bytes) -> None:
        """Append bytes."""
        written, pending = self._state
        self.size += len(data)
        rest = (self.size - written) % _BLOCK
        end = self.size - rest
        if end > written:
            split = max(len(data) - rest, 0)
            self._write_blocks([*pending, memoryview(data)[:split]], written, end)
            self._state = (end, [data[split:]])
        elif len(pending) < _PIECES:
            pending.append(data)
        else:
            self._state = (written, [b"".join((*pending, data))])

    @property
    def best_size(self) -> int:
        """How many bytes of a pipe end at a block, and are not more than surely fit into it."""
        return _FROM_PIPE - self.size % _BLOCK

    def write_from(self, pipe: int, size: int) -> None:
        """Append bytes that lie in a pipe: whole blocks go from there to the file, and never through our memory."""
        size -= self._read_into_memory(pipe, min(-self.size % _BLOCK, size))
        blocks = size - size % _BLOCK
        if blocks:
            at = self.size
            end = self.size = at + blocks
            while at < end:
                at += os.splice(pipe, self._fd, end - at, offset_dst=at)
            self._state = (end, [])
        self._read_into_memory(pipe, size - blocks)

    def _read_into_memory(self, pipe: int, size: int) -> int:
        left = size
        while left:
            data = os.read(pipe, left)
            self.write(data)
            left -= len(data)
        return size

    def _write_blocks(self, pieces: list[bytes | memoryview], at: int, end: int) -> None:
        done = os.pwritev(self._fd, pieces, at)
        if done < end - at:  # the file system has its reasons: a signal, little room
            left = memoryview(b"".join(pieces))[done:]
            while left:
                left = left[os.pwrite(self._fd, left, end - len(left)) :]

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes from `start` up to `stop`.

        Raises:
            UsageError: the file was released at the end of the test.
        """
        if not self._close.alive:
            message = "this large body was released at the end of its test; look at it before"
            raise UsageError(message)
        written, pending = self._state
        pieces = []
        at, end = start, written if stop is None else min(stop, written)
        while at < end:
            pieces.append(os.pread(self._fd, end - at, at))
            at += len(pieces[-1])
        tail = b"".join(pending)
        pieces.append(tail[max(start - written, 0) : None if stop is None else max(stop - written, 0)])
        return b"".join(pieces)

    def close(self) -> None:
        """Release the file; what it held can't be read any more."""
        self._close()
