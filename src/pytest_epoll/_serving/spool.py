"""Large request bodies, kept in a file that has no name.

An upload of a gigabyte must not stay in the memory of the test run. The file is made with O_TMPFILE where there is it
(open(2)), else it loses its name at once, so that nothing is left behind however the process ends. Its descriptor lives
as long as the record: `close` releases it at the end of a test, a finalizer when the record is dropped before.

Written on the loop thread, read by others behind the barrier.
"""

from __future__ import annotations

import os
import tempfile
import weakref

from pytest_epoll.errors import UsageError


class FileSpool:
    """Bytes in a file; appended, then read in any order.

    Raises:
        OSError: there is no place for the file, or no descriptor.
    """

    __slots__ = ("__weakref__", "_close", "_fd", "size")

    def __init__(self) -> None:
        with tempfile.TemporaryFile(buffering=0) as file:
            self._fd = os.dup(file.fileno())
        self._close = weakref.finalize(self, os.close, self._fd)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append bytes."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self._fd, view, self.size)
            self.size += written
            view = view[written:]

    def read(self, start: int = 0, stop: int | None = None) -> bytes:
        """Return the bytes from `start` up to `stop`.

        Raises:
            UsageError: the file was released at the end of the test.
        """
        if not self._close.alive:
            message = "this large body was released at the end of its test; look at it before"
            raise UsageError(message)
        pieces = []
        end = self.size if stop is None else min(stop, self.size)
        while start < end:
            pieces.append(os.pread(self._fd, end - start, start))
            start += len(pieces[-1])
        return b"".join(pieces)

    def close(self) -> None:
        """Release the file; what it held can't be read any more."""
        self._close()
