"""How much of a request may be taken: up to a position, and not one byte beyond it.

A fault that acts while a request is read needs the bytes behind its position untaken: they must stay in the kernel's
buffers and out of the record. So what is there is looked at first (MSG_PEEK, recv(2)), and only so much is received as
this module says. It is used only while such a fault is registered: looking costs a system call a read.

Positions here count in the request's message: bytes on the wire, "head", "end", "trailers", `body(n)`, `content(n)`,
`chunk(n)`. A position inside the head means "head".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_epoll._wire.http1_reader import BODY, HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._wire.framing import ChunkWalker
    from pytest_epoll._wire.http1_reader import RequestReader

NOWHERE: Final = 1 << 62
"""Farther than anybody sends."""


def room(reader: RequestReader, record: RequestRecord | None, position: Any, data: bytes) -> int:
    """Return how many of these bytes, which come next, may be taken: up to the position or the end of the message.

    Args:
        reader: reads the request.
        record: the request that is being read, or None between two.
        position: where to stop.
        data: what was looked at.
    """
    if reader.state <= HEAD or record is None or record.head is None:
        return _rest_of_head(reader, data)
    if reader.state != BODY:
        return len(data)
    walker = reader.walker
    left = reader.body_left if walker is None else _rest_of_chunked(walker, data)
    return max(min(left, distance(reader, record, position, data), len(data)), 0)


def distance(reader: RequestReader, record: RequestRecord, position: Any, data: bytes) -> int:
    """Return how many bytes further on the position lies; 0 or less: it is reached; `NOWHERE`: not in this data."""
    assert record.head is not None
    head_size = len(record.head.raw)
    if position == "end":
        return NOWHERE
    if position == "head":
        return 0
    if isinstance(position, int):
        return max(position, head_size) - record.raw_size
    kind = position if isinstance(position, str) else position.kind
    value = 0 if isinstance(position, str) else position.value
    if kind == "body":
        return int(value) - (record.raw_size - head_size)
    walker = reader.walker
    if walker is None:
        return int(value) - record.content_size if kind == "content" else NOWHERE
    return _search(walker, data, _REACHED[kind](value))


_REACHED: dict[str, Callable[[int], Callable[[ChunkWalker], bool]]] = {
    "content": lambda n: lambda walker: walker.content_size >= n,
    "chunk": lambda n: lambda walker: walker.chunks_done >= n,
    "trailers": lambda _: lambda walker: walker.is_behind_last_chunk,
}


def _rest_of_head(reader: RequestReader, data: bytes) -> int:
    known = reader.head_so_far
    end = (known + data).find(b"\r\n\r\n", max(len(known) - 3, 0))
    return len(data) if end < 0 else end + 4 - len(known)


def _rest_of_chunked(walker: ChunkWalker, data: bytes) -> int:
    return walker.clone().walk(data, 0)


def _search(walker: ChunkWalker, data: bytes, is_reached: Callable[[ChunkWalker], bool]) -> int:
    """Return the smallest number of bytes after which the walker has reached something, or `NOWHERE`."""
    if is_reached(walker):
        return 0
    low, high = 0, len(data)
    if not _is_reached_after(walker, data, high, is_reached):
        return NOWHERE
    while high - low > 1:
        middle = (low + high) // 2
        if _is_reached_after(walker, data, middle, is_reached):
            high = middle
        else:
            low = middle
    return high


def _is_reached_after(walker: ChunkWalker, data: bytes, size: int, is_reached: Callable[[ChunkWalker], bool]) -> bool:
    clone = walker.clone()
    clone.walk(data[:size], 0)
    return is_reached(clone)


def is_within(record: RequestRecord, position: Any) -> bool:
    """Whether a request that was read to its end has a position."""
    if record.head is None or not record.complete:
        return False
    if position in ("head", "end"):
        return True
    if isinstance(position, int):
        return record.raw_size >= position
    kind, value = (position, 0) if isinstance(position, str) else (position.kind, int(position.value))
    reached = {
        "body": record.raw_size - len(record.head.raw) >= value,
        "content": record.content_size >= value,
        "chunk": len(record.chunk_sizes) >= value,
        "trailers": record.head.chunked,
    }
    return reached[kind]
