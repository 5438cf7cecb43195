"""Raw records of connections and requests: what the loop thread writes and the views behind the barrier read.

Plain slots, no behaviour but what keeps a record consistent. `# loop thread only` holds for every attribute: other
threads read after a barrier, when the loop thread stands still for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_epoll._core import limits

if TYPE_CHECKING:
    from pytest_epoll._core.request_head import Head


class Spool(Protocol):
    """Bytes that are kept outside of the memory."""

    size: int

    def write(self, data: bytes, /) -> None:
        """Append bytes."""

    @property
    def best_size(self) -> int:
        """How many bytes it had best be given next, if there are so many."""
        ...

    def write_from(self, pipe: int, size: int, /) -> None:
        """Append bytes that lie in a pipe."""

    def read(self, start: int = 0, stop: int | None = None, /) -> bytes:
        """Return the bytes from `start` up to `stop`."""
        ...


class Mishap(NamedTuple):
    """An exception of the test's own code, as texts."""

    connection: int
    exchange: int
    summary: str
    traceback: str


class Window:
    """The first and the last 256 KiB of a stream of bytes, and how long it was in all."""

    __slots__ = ("_first", "_first_room", "_last", "_last_size", "size")

    def __init__(self) -> None:
        self.size = 0
        self._first: list[bytes | memoryview] = []
        self._first_room = limits.WINDOW
        self._last: list[bytes | bytearray | memoryview] = []
        self._last_size = 0

    def add(self, data: bytes | memoryview, *, has_more: bool = False) -> None:
        """Take the next bytes of the stream.

        If there are more to come, copying what is probably not the last waits until they have, or until `settle`.
        """
        may_wait = has_more and isinstance(data, memoryview) and isinstance(data.obj, bytes)
        size = len(data)
        self.size += size
        room = self._first_room
        if room > 0:
            piece = data if size <= room else data[:room]
            self._first.append(_kept(piece))
            self._first_room = room - len(piece)
            if size <= room:
                return
            data = data[room:]
            size -= room
        if size >= limits.WINDOW:
            data = data[-limits.WINDOW :]
            if may_wait:
                self._last = [data]
                self._last_size = limits.WINDOW
            else:
                self._replace_last(data)
        elif size:
            self._last.append(data if may_wait else _kept(data))
            self._last_size += size
            while self._last_size - len(self._last[0]) >= limits.WINDOW:
                self._last_size -= len(self._last.pop(0))

    def settle(self) -> None:
        """Copy what waits for it: there is nothing more to come."""
        self._last = [_kept(piece) if isinstance(piece, memoryview) else piece for piece in self._last]

    def _replace_last(self, data: bytes | memoryview) -> None:
        """Take a whole window's bytes in place of the last ones, into the same memory if there is some."""
        last = self._last[0] if self._last else None
        if isinstance(last, bytearray):
            memoryview(last)[:] = data
            del self._last[1:]
        else:
            self._last = [data if isinstance(data, memoryview) and _may_stay(data) else bytearray(data)]
        self._last_size = limits.WINDOW

    def skip(self, size: int) -> None:
        """Count bytes that nobody has any more; the first ones end here, the last ones begin behind them."""
        if size:
            self.size += size
            self._first_room = 0
            self._last = []
            self._last_size = 0

    def add_window(self, other: Window) -> None:
        """Take another stream's bytes as the next ones."""
        first, missing, last = other.parts()
        self.add(first)
        self.skip(missing)
        self.add(last)

    def as_bytes(self) -> bytes:
        """Return the bytes, with a line in place of those that were not kept."""
        first, missing, last = self.parts()
        return first + b"\n[... %d bytes that were not kept ...]\n" % missing + last if missing else first + last

    def parts(self) -> tuple[bytes, int, bytes]:
        """Return the first bytes, how many are missing in between, and the last bytes."""
        first = b"".join(self._first)
        last = b"".join(self._last)[-limits.WINDOW :]
        return first, self.size - len(first) - len(last), last


_WORTH_A_VIEW = 1024
"""Bytes that are cheaper to copy than to hold a view of: a view alone takes 184."""

_WORTH_KEEPING = 4 * limits.WINDOW
"""Bytes that a view may keep in memory: twice what would be copied of them, and shared by all that is sent of them."""


def _kept(data: bytes | memoryview) -> bytes | memoryview:
    """Return bytes to keep, no copy where there need not be one."""
    if isinstance(data, bytes):
        return data
    whole = data.obj
    if isinstance(whole, bytes) and len(whole) == len(data):
        return whole
    return data if _may_stay(data) else bytes(data)


def _may_stay(view: memoryview) -> bool:
    """Whether a view is of something that can't change and is not so large that nobody should keep it in memory."""
    whole = view.obj
    return isinstance(whole, bytes) and len(whole) <= _WORTH_KEEPING and len(view) >= _WORTH_A_VIEW


class Transcript:
    """Everything that went over one connection, each direction in its order; of one that no routing takes apart."""

    __slots__ = ("received", "sent")

    def __init__(self) -> None:
        self.received = Window()
        self.sent = Window()


class ConnectionRecord:
    """What is known of one connection."""

    __slots__ = (
        "bytes_received",
        "bytes_sent",
        "client_address",
        "closed_by",
        "closed_how",
        "closed_ns",
        "discarded",
        "ended_ns",
        "exchanges",
        "index",
        "opened_ns",
        "transcript",
        "unlisted",
    )

    def __init__(self, index: int, client_address: tuple[str, int], opened_ns: int) -> None:
        self.index = index
        self.client_address = client_address
        self.opened_ns = opened_ns
        self.bytes_received = 0
        self.bytes_sent = 0
        self.exchanges = 0
        self.closed_by: str | None = None
        self.closed_how: str | None = None
        self.closed_ns: int | None = None
        self.ended_ns: int | None = None
        self.unlisted: RequestRecord | None = None  # a request of which too little has come to list it
        self.transcript: Transcript | None = None  # of a scripted connection
        self.discarded: Window | None = None  # bytes that belong to no request: drained after our goodbye

    def say_goodbye(self, who: str, how: str, at_ns: int) -> None:
        """Note a FIN or RST; only the first one of either side is the connection's goodbye."""
        if self.closed_by is None:
            self.closed_by = who
            self.closed_how = how
            self.closed_ns = at_ns


class RequestRecord:
    """What is known of one request and of the answer to it."""

    __slots__ = (
        "body_received_ns",
        "body_sent",
        "body_started_ns",
        "chunk_sizes",
        "complete",
        "connection",
        "content",
        "content_size",
        "continued_ns",
        "error",
        "exchange",
        "head",
        "head_received_ns",
        "interim",
        "keeps_body",
        "path_params",
        "raw",
        "raw_size",
        "raw_trailers",
        "received_ns",
        "responded_ns",
        "route",
        "sent",
        "spool",
        "status",
    )

    def __init__(self, connection: int, exchange: int, received_ns: int) -> None:
        self.connection = connection
        self.exchange = exchange
        self.received_ns = received_ns
        self.head: Head | None = None
        self.raw: list[bytes] = []  # as received, the head first
        self.raw_size = 0
        self.keeps_body = True  # False: the body is counted and dropped
        self.spool: Spool | None = None  # takes `raw` over when it has become large; `content` is then empty
        self.content: list[bytes] = []  # decoded body
        self.content_size = 0
        self.chunk_sizes: list[int] = []
        self.raw_trailers = b""
        self.complete: bool | None = None
        self.error: str | None = None
        self.head_received_ns: int | None = None
        self.continued_ns: int | None = None
        self.body_started_ns: int | None = None
        self.body_received_ns: int | None = None
        self.responded_ns: int | None = None
        self.route: int | None = None
        self.path_params: dict[str, object] | None = None
        self.status: int | None = None
        self.interim = b""  # interim responses; they belong to no answer's bytes
        self.sent = Window()
        self.body_sent = 0

    def add_sent(self, data: bytes | memoryview, at_ns: int, *, has_more: bool = False) -> None:
        """Note bytes of the answer that the kernel has accepted."""
        self.sent.add(data, has_more=has_more)
        self.responded_ns = at_ns
