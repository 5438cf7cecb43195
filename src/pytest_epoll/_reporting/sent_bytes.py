"""What was sent, as far as its facts keep it: the status line, chunks by their content, and no secret.

A fact keeps the first bytes of what one send has put on the wire. Header fields are never shown, only first lines and
what lies behind the blank line: where a fault cuts the head in the middle of a Set-Cookie, its rest would have no name
by which it could be masked.
"""

from __future__ import annotations

import re

from pytest_epoll._core.secrets import masked
from pytest_epoll._core.showing import printable

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(?:;[^\r\n]*)?\r\n")

BLANK = b"\r\n\r\n"

MORE = "... more"
MORE_OF_THE_HEAD = "... more of the head"
"""What is said of bytes that are not shown."""

_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)[0-9][0-9][ \r]")


def is_interim(data: bytes) -> bool:
    """Whether bytes begin an informational response, which belongs to no answer."""
    return _INTERIM.match(data) is not None


def first_line(data: bytes) -> str:
    """Return the first line of a message, masked and with everything that does not print escaped."""
    return printable(masked(data.lstrip(b"\r\n").split(b"\r\n", 1)[0].decode("latin-1")))


def text_of(data: bytes) -> str:
    """Return bytes as a text on one line, masked and with everything that does not print escaped."""
    return printable(masked(data.decode("utf-8", "backslashreplace")))


class Answer:
    """What has been sent of one answer so far."""

    __slots__ = ("_has_gap", "_head", "due", "is_head_over", "sent")

    def __init__(self) -> None:
        self.due = 0  # size of the whole answer, 0 if it is not known
        self.sent = 0
        self.is_head_over = False
        self._head = b""
        self._has_gap = False  # the first bytes of a send are known, but not its last: it may have ended the head

    def add(self, preview: bytes, size: int) -> str:
        """Take the next send and return what it has put on the wire, in words.

        Args:
            preview: its first bytes.
            size: how many bytes it had.
        """
        begins = self.sent == 0
        self.sent += size
        if not (begins or self.is_head_over):
            self.is_head_over = content_of_chunk(preview, size) is not None
        if self.is_head_over:
            return self._body(preview, size)
        self._head += preview
        self.is_head_over = BLANK in self._head
        if begins:
            self._has_gap = size > len(preview)
            return first_line(preview)
        self._has_gap = self._has_gap or size > len(preview)
        return MORE if self._has_gap else MORE_OF_THE_HEAD

    def _body(self, preview: bytes, size: int) -> str:
        chunk = content_of_chunk(preview, size)
        if chunk is None:
            return f"... {text_of(preview)}"
        return f"chunk: {text_of(chunk)}" if chunk else "last chunk"


def content_of_chunk(preview: bytes, size: int) -> bytes | None:
    """Return the content of a send that is exactly one chunk, b"" of the last one, or None if it is none."""
    found = _CHUNK.match(preview)
    if found is None:
        return None
    length = int(found[1], 16)
    if not length:
        return b"" if preview.endswith(b"\r\n") or size > len(preview) else None
    if found.end() + length + 2 != size:
        return None
    return preview[found.end() : found.end() + length]
