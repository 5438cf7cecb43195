"""The bytes of a reply, with what there is to say about places in them.

    HTTP/1.1 200 OK\r\n Content-Length: 5\r\n \r\n hello
    |                                             |     |
    0                                    head_size      size

Positions of faults ("head", `body(n)`) are offsets into this. An image is a head and a body, kept apart: joining a
head to a large body would copy the body for every request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Image:
    """A reply as it goes on the wire: `head` up to and including the blank line, `body` with its framing.

    An interim response (RFC 9110 section 15.2) is an image of its own; positions of the reply do not count it.
    """

    __slots__ = ("body", "head", "head_size", "is_interim", "size")

    def __init__(self, head: bytes, body: bytes = b"", *, is_interim: bool = False) -> None:
        self.head = head
        self.body = body
        self.head_size = len(head)
        self.is_interim = is_interim
        self.size = len(head) + len(body)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and self.head == other.head and self.body == other.body

    __hash__ = None  # type: ignore[assignment]  # two images may be equal and lie in different places

    def __repr__(self) -> str:
        return f"Image(head={self.head!r}, body={self.body!r})"

    def segments(self, start: int = 0, stop: int | None = None) -> Iterator[memoryview]:
        """Yield the bytes from `start` up to `stop` as at most two views; nothing is copied."""
        end = self.size if stop is None else min(stop, self.size)
        if start < min(end, self.head_size):
            yield memoryview(self.head)[start : min(end, self.head_size)]
        if end > max(start, self.head_size):
            yield memoryview(self.body)[max(start - self.head_size, 0) : end - self.head_size]

    def slice(self, start: int, stop: int | None = None) -> Image:
        """Return the part from `start` up to `stop` as an image of its own."""
        end = self.size if stop is None else min(stop, self.size)
        return Image(
            self.head[start:end],
            self.body[max(start - self.head_size, 0) : max(end - self.head_size, 0)],
        )

    def joined(self) -> bytes:
        """Return all of it in one piece."""
        return self.head + self.body if self.body else self.head
