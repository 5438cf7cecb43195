"""The bytes of a reply, with what there is to say about places in them.

    HTTP/1.1 200 OK\r\n Content-Length: 5\r\n \r\n hello
    |                                             |     |
    0                                    head_size      size

A reply is one image, or several: a streamed one has its head and then an image a chunk. What a fault cuts off stays a
part of its `whole`, so that places ("after the second chunk") are still found after other faults have cut before.
An image is a head and a body, kept apart: joining a head to a large body would copy the body for every request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Part(NamedTuple):
    """A part of a body with its framing; offsets count from the beginning of the whole image.

    5\r\n hello \r\n
    |     |    |    |
    start begin end stop
    """

    kind: str  # "plain": content without framing; "chunk"; "last": the last chunk with the trailers
    start: int
    begin: int  # of the content
    end: int  # of the content
    stop: int


class Image:
    """A piece of a reply as it goes on the wire: `head` up to and including the blank line, `body` with its framing.

    Args:
        head: the head, if it lies in this piece.
        body: what follows it.
        is_interim: an interim response (RFC 9110 section 15.2), which positions of the reply do not count.
        events: where server-sent events end, counted from the beginning of the whole.
        parts: what the body consists of; plain content if it is not given.
        rest: the images that follow, None while nobody knows them; of the first image of a reply.
    """

    __slots__ = (
        "_joined",
        "_parts",
        "body",
        "events",
        "head",
        "head_size",
        "is_interim",
        "offset",
        "rest",
        "size",
        "whole",
    )

    def __init__(
        self,
        head: bytes,
        body: bytes = b"",
        *,
        is_interim: bool = False,
        events: tuple[int, ...] = (),
        parts: tuple[Part, ...] | None = None,
        rest: tuple[Image, ...] | None = (),
    ) -> None:
        self.head = head
        self.body = body
        self.head_size = len(head)
        self.is_interim = is_interim
        self.events = events
        self.size = len(head) + len(body)
        self.rest = rest
        self.whole = self
        self.offset = 0  # in the whole
        self._parts = parts
        self._joined: bytes | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """What the body of a whole image consists of."""
        if self._parts is not None:
            return self._parts
        return (Part("plain", self.head_size, self.head_size, self.size, self.size),) if self.body else ()

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
        """Return the part from `start` up to `stop`; it knows of which whole it is a part."""
        end = self.size if stop is None else min(stop, self.size)
        part = Image(
            self.head[start:end],
            self.body[max(start - self.head_size, 0) : max(end - self.head_size, 0)],
            is_interim=self.is_interim,
        )
        part.whole = self.whole
        part.offset = self.offset + start
        return part

    def anew(self) -> Image:
        """Return the same bytes as another whole: a reply that is sent a second time on the same connection."""
        return Image(self.head, self.body, parts=self._parts, rest=self.rest)

    def joined(self) -> bytes:
        """Return all of it in one piece, always the same."""
        if self._joined is None:
            self._joined = self.head + self.body if self.body else self.head
        return self._joined
