"""Where things end in a chunked body (RFC 9112 section 7.1): the walker that knows offsets.

Facts
- llhttp validates but tells no offsets, says nothing about the sizes of chunks and can't stop in mid-buffer.
- It has no limit for a size line's extensions, for the number of chunks or for the trailers.

What we do. This walker finds the boundaries and enforces the limits; llhttp is shown the same slices, and where the two
disagree the message is refused. Whole chunks are taken in a tight loop, 0.8 us each: a body may come in a hundred
thousand of them. What lies across two reads goes through the states.

    5;ext=1\r\n hello\r\n 0\r\n Trailer: x\r\n \r\n
    | LINE     | DATA | END | LINE | TRAILERS     | done

Wherever the walker stops with a problem depends on the bytes alone, never on the pieces in which they came.
"""

from __future__ import annotations

import re

_LINE, _DATA, _DATA_END, _TRAILERS, _DONE = range(5)

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[^"\\\r\n]|\\[^\r\n])*"'
_SIZE_LINE = re.compile(rb"0*([0-9A-Fa-f]{1,16})(?:;" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*\r\n")
"""A chunk's size line; 64 bits are what llhttp takes, too. The size comes without white space (RFC 9112 section 7.1),
as llhttp wants it."""

MAX_LINE = 16 * 1024
"""Bytes of a size line with its extensions; node has the same limit, for a body's extensions in all."""

_LAST_LINE = re.compile(rb"(?:0+(?:[;\r].*)?)?")
"""What the last chunk's size line begins with, as far as it has come."""

_ENDLESS = 1 << 80
"""More than any size line can announce."""

Problem = tuple[int, str]
"""A status and the reason in words."""


def size_of_line(line: bytes) -> int | None:
    """Return the size that a chunk's size line announces, its CRLF included; None if it is no such line."""
    match = _SIZE_LINE.fullmatch(line)
    return None if match is None else int(match[1], 16)


def may_become_last_line(line: bytes) -> bool:
    """Whether what has come of a size line can become that of the last chunk."""
    return _LAST_LINE.fullmatch(line) is not None


def decode_chunked(raw: bytes) -> bytes:
    """Return the content of a chunked body that was walked through before, as far as it has come."""
    content: list[bytes] = []
    ChunkWalker(content, [], max_content=None, max_trailers=len(raw)).walk(raw, 0)
    return b"".join(content)


class ChunkWalker:
    """Walks through a chunked body, whatever pieces it comes in.

    Args:
        content: where decoded pieces go, in order.
        chunk_sizes: where the sizes of the chunks go whose size line has come, without the final 0.
        max_content: bytes that the content may have.
        max_trailers: bytes that the trailer section may have, its blank line included.
    """

    __slots__ = (
        "_chunk_sizes",
        "_chunks_before",
        "_content",
        "_left",
        "_max_content",
        "_max_trailers",
        "_pending",
        "_state",
        "content_size",
        "problem",
    )

    def __init__(
        self, content: list[bytes], chunk_sizes: list[int], *, max_content: int | None, max_trailers: int
    ) -> None:
        self.content_size = 0
        self.problem: Problem | None = None
        self._content = content
        self._chunk_sizes = chunk_sizes
        self._chunks_before = 0  # that are not in the list: a clone has only the last one
        self._max_content = _ENDLESS if max_content is None else max_content
        self._max_trailers = max_trailers
        self._state = _LINE
        self._pending = bytearray()  # what has come of a size line, or of the trailer section
        self._left = 0  # bytes that the chunk's content, or the CRLF behind it, still wants

    def clone(self) -> ChunkWalker:
        """Return one that stands at the same place and keeps nothing: to look ahead."""
        clone = ChunkWalker([], [], max_content=self._max_content, max_trailers=self._max_trailers)
        clone._chunk_sizes = self._chunk_sizes[-1:]
        clone._chunks_before = self.chunks_begun - len(clone._chunk_sizes)
        clone._state = self._state
        clone._pending = bytearray(self._pending)
        clone._left = self._left
        clone.content_size = self.content_size
        return clone

    @property
    def chunks_begun(self) -> int:
        """How many chunks there are whose size line has come, without the last one of size 0."""
        return self._chunks_before + len(self._chunk_sizes)

    @property
    def chunks_done(self) -> int:
        """How many chunks have come whole."""
        return self.chunks_begun - (self._state in (_DATA, _DATA_END))

    @property
    def line_so_far(self) -> bytes | None:
        """What has come of the next chunk's size line; None inside a chunk and behind the last one's line."""
        return bytes(self._pending) if self._state == _LINE else None

    def is_behind_half_of(self, number: int) -> bool:
        """Whether half of that chunk's content has come, rounded down; the first chunk is 1."""
        if self._state != _DATA or self.chunks_begun != number:
            return self.chunks_begun >= number
        size = self._chunk_sizes[-1]
        return size - self._left >= size // 2

    @property
    def is_behind_last_chunk(self) -> bool:
        """Whether the line of the last chunk has come."""
        return self._state in (_TRAILERS, _DONE)

    @property
    def is_done(self) -> bool:
        """Whether the blank line behind the trailers has come."""
        return self._state == _DONE

    @property
    def raw_trailers(self) -> bytes:
        """The trailer section as received, without the blank line."""
        return bytes(self._pending[:-2]) if self._state == _DONE else b""

    def walk(self, data: bytes, start: int) -> int:
        """Walk on from `start`; return the index behind the message's last byte, or behind what was looked at."""
        size = len(data)
        pieces: list[bytes] = []
        while start < size and self.problem is None and self._state != _DONE:
            if self._state == _LINE:
                if not self._pending:
                    start = self._take_whole_chunks(data, start, pieces)
                start = self._take_line(data, start)
            elif self._state == _TRAILERS:
                start = self._take_trailers(data, start)
            else:
                start = self._take_rest(data, start, pieces)
        if pieces:
            # One piece a read: a body of one-byte chunks must not become as many objects.
            self._content.append(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        return start

    def _take_whole_chunks(self, data: bytes, start: int, pieces: list[bytes]) -> int:
        """Take the chunks that are there from the size line to the CRLF; return where the next line begins."""
        match_line = _SIZE_LINE.match
        sizes = self._chunk_sizes
        last = len(data) - 2
        room = self._max_content - self.content_size
        while (match := match_line(data, start)) is not None:
            length = int(match[1], 16)
            begin = match.end()
            end = begin + length
            if not length or end > last or length > room or begin - start > MAX_LINE:
                break
            room -= length
            pieces.append(data[begin:end])
            sizes.append(length)
            start = end + 2
        self.content_size = self._max_content - room
        return start

    def _take_rest(self, data: bytes, start: int, pieces: list[bytes]) -> int:
        """Take what has come of a chunk's content, or of the CRLF behind it."""
        end = min(start + self._left, len(data))
        self._left -= end - start
        if self._state == _DATA:
            pieces.append(data[start:end])
            self.content_size += end - start
            if not self._left:
                self._state, self._left = _DATA_END, 2
        elif not self._left:
            self._state = _LINE  # llhttp says whether it was a CRLF; here only the two bytes are counted
        return end

    def _take_line(self, data: bytes, start: int) -> int:
        room = MAX_LINE - len(self._pending)
        newline = data.find(b"\n", start, start + room)
        end = min(start + room, len(data)) if newline < 0 else newline + 1
        self._pending += data[start:end]
        if newline >= 0:
            line = bytes(self._pending)
            self._pending.clear()
            self._begin_chunk(line)
        elif len(self._pending) == MAX_LINE:
            self.problem = (400, f"malformed: a chunk's size line is longer than {MAX_LINE} bytes")
        return end

    def _begin_chunk(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            self.problem = (400, f"malformed: a chunk's size line is no hexadecimal number: {line[:40]!r}")
            return
        self._left = int(match[1], 16)
        if not self._left:
            self._state = _TRAILERS
        elif self.content_size + self._left > self._max_content:
            self.problem = (413, f"the body is larger than {self._max_content} bytes")
        else:
            self._chunk_sizes.append(self._left)
            self._state = _DATA

    def _take_trailers(self, data: bytes, start: int) -> int:
        section = self._pending
        known = len(section)
        section += data[start : start + self._max_trailers - known]
        if section[:2] == b"\r\n":
            size = 2
        else:
            at = section.find(b"\r\n\r\n", max(known - 3, 0))
            size = at + 4 if at >= 0 else 0
        if size:
            del section[size:]
            self._state = _DONE
        elif len(section) == self._max_trailers:
            self.problem = (431, f"the trailers are larger than {self._max_trailers} bytes")
        return start + len(section) - known
