"""How much of a request may be taken: up to a position, and not one byte beyond it.

A fault that acts while a request is read needs the bytes behind its position untaken: they must stay in the kernel's
buffers and out of the record. So what is there is looked at first (MSG_PEEK, recv(2)), and only so much is received as
this module says. Routed connections use it only while a fault asks for it, as looking costs a system call a read;
scripted ones always.

Positions here count in the request's message. Three kinds:

- An offset is known from the head on: a number, "head", `body(n)`, `header(name)`; with Content-Length everything.
- In a chunked body the walker knows when `content(n)`, `chunk(n)`, "trailers" or the half of a chunk is reached.
- What lies before something that has not been seen yet is found by looking ahead: "last-chunk", half of the first size
  line, and `before(...)` of anything in chunks. As long as it can't be told, only what is certain may be taken.

A position inside the head means "head".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_epoll._core.limits import LOOKAHEAD
from pytest_epoll._eventloop.gauged_reads import MORE
from pytest_epoll._wire.framing import may_become_last_line, size_of_line
from pytest_epoll._wire.http1_reader import BODY, HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._core.request_head import Head
    from pytest_epoll._wire.framing import ChunkWalker
    from pytest_epoll._wire.http1_reader import RequestReader

NOWHERE: Final = 1 << 62
"""Farther than anybody sends."""


class Sight(NamedTuple):
    """How many bytes further on a position lies: `is_certain`, or not before that; 0 or less: it is reached."""

    distance: int
    is_certain: bool = True

    @property
    def is_reached(self) -> bool:
        return self.is_certain and self.distance <= 0


_UNSEEN: Final = Sight(NOWHERE)


def room(reader: RequestReader, record: RequestRecord | None, position: Any, data: bytes) -> tuple[int, bool]:
    """Return how many of these bytes, which come next, may be taken: up to the position or the end of the message.

    Args:
        reader: reads the request.
        record: the request that is being read, or None between two.
        position: where to stop.
        data: what was looked at.

    Returns:
        The number of bytes, `MORE` if none may be taken before more can be looked at, and whether the position is right
        behind them.
    """
    if reader.state <= HEAD or record is None or record.head is None:
        return _rest_of_head(reader, data), False
    if reader.state != BODY:
        return len(data), False
    sight = look(reader, record, position, data)
    if sight.distance <= 0 and not sight.is_certain:
        return MORE, False
    walker = reader.walker
    left = reader.body_left if walker is None else _rest_of_chunked(walker, data)
    size = max(min(left, sight.distance, len(data)), 0)
    return size, sight.is_certain and size == max(sight.distance, 0)


def look(reader: RequestReader, record: RequestRecord, position: Any, data: bytes = b"") -> Sight:
    """Return where a position of the request that is being read lies, as far as this data shows."""
    assert record.head is not None
    if position == "end":
        return _UNSEEN
    offset = _offset(record.head, position)
    if offset is not None:
        return Sight(offset - record.raw_size)
    walker = reader.walker
    if walker is None:
        return _UNSEEN  # what only a chunked body has, or a field that the head has not
    return _look_in_chunks(record, walker, position, data)


def wants_continue(
    reader: RequestReader, record: RequestRecord, unless_at: tuple[object, ...], *, has_more: bool
) -> bool:
    """Whether the client waits to be told to send its body, and none of the positions lies before it.

    Args:
        reader: reads the request.
        record: the request.
        unless_at: positions behind which the body is not wanted.
        has_more: something stands behind what was read: the body came with its head, and nobody waits.
    """
    if record.head is None or not record.head.expects_continue or record.body_started_ns is not None:
        return False
    if record.complete is None and has_more:
        return False
    return not any(look(reader, record, position).is_reached for position in unless_at)


def _rest_of_head(reader: RequestReader, data: bytes) -> int:
    known = reader.head_so_far
    end = (known + data).find(b"\r\n\r\n", max(len(known) - 3, 0))
    return len(data) if end < 0 else end + 4 - len(known)


def _rest_of_chunked(walker: ChunkWalker, data: bytes) -> int:
    return walker.clone().walk(data, 0)


# -- offsets --


def _offset(head: Head, position: Any) -> int | None:
    """Return how many bytes of the message lie before a position, if the head alone says so."""
    head_size = len(head.raw)
    if isinstance(position, int):
        return max(position, head_size)
    kind, value = _parts(position)
    if kind == "before":
        base = _offset(head, position.base)
        return None if base is None else max(base - int(value), head_size)
    if kind == "header":
        return head_size if value in head.headers else None
    beyond = {"head": 0, "body": value}
    if not head.chunked:
        length = head.content_length or 0
        beyond |= {"content": value, "half of body": length // 2, "end": length}
    size = beyond.get(kind)
    return None if size is None else head_size + int(size)


def _parts(position: Any) -> tuple[str, Any]:
    """Return a position's kind and what it counts or names; a half's kind says of what."""
    if isinstance(position, str):
        return position, None
    if position.kind != "half_of":
        return position.kind, position.value
    what, _, detail = str(position.value).partition(":")
    if what == "header":
        return what, detail
    return f"half of {what}", int(detail or 1)


# -- chunks --


def _look_in_chunks(record: RequestRecord, walker: ChunkWalker, position: Any, data: bytes) -> Sight:
    kind, value = _parts(position)
    if kind == "before":
        return _look_before(record, walker, position, data)
    if kind == "last-chunk":
        return _look_for_last_chunk(walker, data)
    if kind == "half of chunk-size":
        return _look_for_first_line(walker, data)
    test = _TESTS.get(kind)
    return _UNSEEN if test is None else Sight(_search(walker, data, test(value)))


_TESTS: dict[str, Callable[[Any], Callable[[ChunkWalker], bool]]] = {
    "content": lambda n: lambda walker: walker.content_size >= n,
    "chunk": lambda n: lambda walker: walker.chunks_done >= n,
    "half of chunk": lambda n: lambda walker: walker.is_behind_half_of(n),
    "trailers": lambda _: lambda walker: walker.is_behind_last_chunk,
    "end": lambda _: lambda walker: walker.is_done,
}
"""By kind: whether a walker is behind such a position."""


def _search(walker: ChunkWalker, data: bytes, is_reached: Callable[[ChunkWalker], bool]) -> int:
    """Return the smallest number of bytes after which the walker has reached something, or `NOWHERE`."""
    if is_reached(walker):
        return 0
    low, high = 0, len(data)
    if not is_reached(_walked(walker, data)):
        return NOWHERE
    while high - low > 1:
        middle = (low + high) // 2
        if is_reached(_walked(walker, data[:middle])):
            high = middle
        else:
            low = middle
    return high


def _walked(walker: ChunkWalker, data: bytes) -> ChunkWalker:
    clone = walker.clone()
    clone.walk(data, 0)
    return clone


def _look_for_last_chunk(walker: ChunkWalker, data: bytes) -> Sight:
    """Look for the beginning of the line that says 0; what can still become that line is not taken."""
    end = _search(walker, data, _TESTS["trailers"](None))
    if end == 0:
        return _UNSEEN  # it lies behind us: whoever asks has come too late
    is_seen = end != NOWHERE
    shown = data[: end - 1] if is_seen else data
    line = _walked(walker, shown).line_so_far or b""
    begin = len(shown) - len(line)
    if begin < 0 or not (is_seen or (len(line) <= LOOKAHEAD and may_become_last_line(line))):
        return _UNSEEN  # it lies behind us, or not here
    return Sight(begin, is_certain=is_seen)


def _look_for_first_line(walker: ChunkWalker, data: bytes) -> Sight:
    """Look for the middle of the first size line, whose length must be seen before one byte of it may be taken."""
    known = walker.line_so_far
    if walker.chunks_begun or known is None:
        return _UNSEEN
    line, newline, _ = (known + data).partition(b"\n")
    if not newline:
        return _UNSEEN if len(line) > LOOKAHEAD else Sight(0, is_certain=False)
    middle = (len(line) - 1) // 2 - len(known)
    return Sight(middle) if size_of_line(line + newline) and middle >= 0 else _UNSEEN


def _look_before(record: RequestRecord, walker: ChunkWalker, position: Any, data: bytes) -> Sight:
    """Look for what it lies before; as long as that is not seen so many bytes are not taken."""
    assert record.head is not None
    distance = int(position.value)
    if distance > LOOKAHEAD:
        return _UNSEEN
    base = _look_in_chunks(record, walker, position.base, data)
    if base == _UNSEEN or not base.is_certain:
        ahead = _walked(walker, data)
        if ahead.is_done or ahead.problem is not None:
            return _UNSEEN  # the request ends without it
        base = Sight(min(base.distance, len(data) + 1), is_certain=False)  # if it comes, then behind all this
    if base.distance < distance and base.is_certain and record.raw_size > len(record.head.raw):
        return _UNSEEN  # it lies behind us
    return Sight(max(base.distance - distance, 0), is_certain=base.is_certain)  # inside the head means its end


# -- of a request that was read to its end --


def is_within(record: RequestRecord, position: Any) -> bool:
    """Whether a request that was read to its end has a position that was not met before."""
    if record.head is None or not record.complete:
        return False
    if position == "end":
        return True
    offset = _offset(record.head, position)
    if offset is not None:
        return record.raw_size >= offset
    kind, value = _parts(position)
    if kind == "before":
        return not value and is_within(record, position.base)
    if kind == "content":
        return record.content_size >= int(value)
    if kind in ("chunk", "half of chunk"):
        return len(record.chunk_sizes) >= int(value)
    return kind == "trailers" and record.head.chunked
