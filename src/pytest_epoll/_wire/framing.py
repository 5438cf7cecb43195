"""Where things end in a chunked body (RFC 9112 section 7.1): the walker that knows offsets.

llhttp validates but tells no offsets, says nothing about the sizes of chunks and can't stop in mid-buffer. This walker
finds the boundaries; both see the same slices, and where they disagree the message is refused.

    5;ext=1\r\n hello\r\n 0\r\n Trailer: x\r\n \r\n
    | LINE     | DATA | END | LINE | TRAILERS     | done
"""

from __future__ import annotations

import re

_LINE, _DATA, _DATA_END, _TRAILERS, _DONE = range(5)

_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;|\r?$)")
"""A chunk's size line up to its extension; 16 digits are what llhttp takes, too."""

MAX_LINE = 16 * 1024
"""Bytes of a size line with its extensions; llhttp has no limit there, an endless line must not fill the memory."""


class ChunkWalker:
    """Walks through a chunked body, whatever pieces it comes in."""

    __slots__ = ("_left", "_line", "_state", "chunk_sizes", "content", "content_size", "problem", "raw_trailers")

    def __init__(self, content: list[bytes], chunk_sizes: list[int]) -> None:
        self.content = content  # decoded pieces, in order; the owner's list
        self.chunk_sizes = chunk_sizes  # of the chunks whose size line has come, without the final 0
        self.content_size = 0
        self.raw_trailers = b""
        self.problem: str | None = None
        self._state = _LINE
        self._line = bytearray()  # the part of a line, or of a CRLF, that has come
        self._left = 0

    @property
    def is_done(self) -> bool:
        """Whether the blank line behind the trailers has come."""
        return self._state == _DONE

    @property
    def pending_size(self) -> int:
        """Bytes of the line that is not complete yet."""
        return len(self._line)

    def walk(self, data: bytes, start: int) -> int:
        """Walk on from `start`; return the index behind the message's last byte, or `len(data)`."""
        size = len(data)
        while start < size and self._state != _DONE and self.problem is None:
            if self._state == _DATA:
                start = self._take_content(data, start)
            elif self._state == _DATA_END:
                # llhttp says whether it is a CRLF; here only the two bytes are counted.
                taken = min(2 - len(self._line), size - start)
                self._line += data[start : start + taken]
                start += taken
                if len(self._line) == 2:  # noqa: PLR2004 - CR, LF
                    self._line.clear()
                    self._state = _LINE
            else:
                start = self._take_line(data, start)
        return start

    def _take_content(self, data: bytes, start: int) -> int:
        end = min(start + self._left, len(data))
        self.content.append(data[start:end])
        self.content_size += end - start
        self._left -= end - start
        if not self._left:
            self._state = _DATA_END
        return end

    def _take_line(self, data: bytes, start: int) -> int:
        newline = data.find(b"\n", start)
        end = len(data) if newline < 0 else newline + 1
        self._line += data[start:end]
        if newline < 0:
            if len(self._line) > MAX_LINE:
                self.problem = f"a line of the chunked framing is longer than {MAX_LINE} bytes"
            return end
        line = bytes(self._line)
        self._line.clear()
        if self._state == _TRAILERS:
            if line in (b"\r\n", b"\n"):
                self._state = _DONE
            else:
                self.raw_trailers += line
        else:
            self._begin_chunk(line)
        return end

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE.match(line.rstrip(b"\n"))
        if match is None:
            self.problem = f"a chunk's size line is no hexadecimal number: {line[:40]!r}"
            return
        self._left = int(match[1], 16)
        if self._left:
            self.chunk_sizes.append(self._left)
            self._state = _DATA
        else:
            self._state = _TRAILERS
