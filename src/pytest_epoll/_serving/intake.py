"""From bytes to requests: what a connection's client has sent, listed in the record as it becomes known.

A request is listed once its head is complete, or when it is refused or broken off before that. It is told of twice:
when it is listed, and when its reading has ended, whole or not. Loop thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_epoll._core import limits, timeline
from pytest_epoll._core.messages import RequestRecord, Window
from pytest_epoll._eventloop import chute
from pytest_epoll._serving.exchange import Exchange
from pytest_epoll._serving.hooks import tell_of_request
from pytest_epoll._serving.replies import Reply
from pytest_epoll._wire import http1_writer
from pytest_epoll._wire.http1_reader import BETWEEN, BODY, COMPLETE, FAILED, HEAD, RequestReader

if TYPE_CHECKING:
    from pytest_epoll._core.messages import ConnectionRecord
    from pytest_epoll._eventloop.transport import Transport
    from pytest_epoll._serving.context import Context


class Listener(Protocol):
    """Who is told of requests."""

    def request_listed(self, exchange: Exchange) -> None:
        """A request's head has come."""

    def request_ended(self, exchange: Exchange) -> None:
        """A request's reading has ended; `complete` and `error` of its record say how."""


class Intake:
    """Takes one connection's bytes apart."""

    __slots__ = (
        "_connection",
        "_context",
        "_left",
        "_listener",
        "_transport",
        "current",
        "is_lenient",
        "is_open",
        "reader",
    )

    def __init__(self, context: Context, transport: Transport, listener: Listener, *, is_lenient: bool = False) -> None:
        reading = context.reading
        self.is_lenient = is_lenient  # a malformed request is listed and no more: it is nobody's to answer
        self.current: Exchange | None = None  # the request that is being read
        self.is_open = True  # False: whatever else comes is discarded
        self._left = 0  # bytes of what was received last that are yet to be taken
        self._context = context
        self._transport = transport
        self._listener = listener
        self._connection: ConnectionRecord = transport.record
        self.reader = RequestReader(
            heads=reading.heads, max_head_size=reading.max_head_size, max_body_size=reading.max_body_size
        )

    def take(self, data: bytes, at_ns: int) -> None:
        """Take what was received; the listener hears of each request that it begins or ends."""
        start = 0
        while start < len(data) and self.is_open:
            exchange = self.current
            if exchange is None:
                exchange = self._begin(at_ns)
            end = self.reader.feed(data, start)
            record = exchange.record
            record.raw_size += end - start
            record.content_size = self.reader.content_size
            self._keep(record, data[start:end])  # all of it is no copy
            start = end
            self._left = len(data) - start
            self._progress(exchange, at_ns, self._left)
        if start < len(data):
            self._discard(data[start:])

    def has_more(self, than: Exchange) -> bool:
        """Whether something was received that stands behind a request."""
        return self._left > 0 or self.current not in (None, than)

    def _keep(self, record: RequestRecord, piece: bytes) -> None:
        """Keep what belongs to a request: in memory, in a file once it is large, or not at all."""
        if record.spool is not None:
            record.spool.write(piece)
            record.content.clear()
        elif not record.keeps_body:
            record.content.clear()
        else:
            record.raw.append(piece)
            if record.raw_size > limits.SPILL_SIZE:
                record.spool = self._context.journal.make_spool()
                for kept in record.raw:
                    record.spool.write(kept)
                record.raw.clear()
                record.content.clear()
                if self.reader.body_left > limits.SPILL_SIZE and self._connection.transcript is None:
                    chute.move_to(self, self._context.loop, self._transport)

    def room(self) -> int:
        """Return how much of the body may go to its file unseen: all but the last byte, with which the request ends."""
        exchange = self.current
        if exchange is None or exchange.record.spool is None or not self.is_open:
            return 0
        return max(min(self.reader.body_left - 1, exchange.record.spool.best_size), 0)

    def keep_from(self, pipe: int, size: int) -> None:
        """Keep bytes of the body that nobody has seen."""
        assert self.current is not None
        record = self.current.record
        assert record.spool is not None
        record.spool.write_from(pipe, size)
        self.reader.pass_over(size)
        record.raw_size += size
        record.content_size = self.reader.content_size

    def close(self, at_ns: int, reason: str) -> None:
        """Discard from now on; a request that was being read is incomplete for that reason."""
        self.is_open = False
        exchange = self.current
        if exchange is not None and exchange.is_listed:
            self._end(exchange, at_ns, reason)

    def break_off(self, at_ns: int, reason: str | None = None) -> Exchange | None:
        """Return the request that the client has broken off by its goodbye, if there is one."""
        self.is_open = False
        exchange = self.current
        if exchange is None:
            return None
        failure = self.reader.end_of_stream()
        if failure is None:
            self.current = None  # empty lines between two requests are no request
            return None
        if not exchange.is_listed:
            self._list(exchange, at_ns)
        self._end(exchange, at_ns, reason or failure.reason)
        return exchange

    def _begin(self, at_ns: int) -> Exchange:
        record = RequestRecord(self._connection.index, timeline.NO_EXCHANGE, at_ns)
        self.reader.content = record.content
        self.reader.chunk_sizes = record.chunk_sizes
        self._connection.unlisted = record
        self.current = Exchange(self._context.journal, record)
        return self.current

    def _progress(self, exchange: Exchange, at_ns: int, left: int) -> None:
        """Look at what the reader has made of the last bytes; so many are left of what was received with them."""
        reader = self.reader
        record = exchange.record
        state = reader.state
        if state in (BETWEEN, HEAD):
            return
        is_new = not exchange.is_listed
        if is_new:
            record.head = reader.head
            self._list(exchange, at_ns)
        head_size = 0 if record.head is None else len(record.head.raw)
        if record.body_started_ns is None and (record.raw_size > head_size > 0 or (left and state == BODY)):
            # Also if the body lies behind the head in the same bytes: it has begun, nobody wants a 100 for it.
            record.body_started_ns = at_ns
            self._transport.read_size = _read_size(reader)
        if state == FAILED:
            self._refuse(exchange, at_ns)
        elif state == COMPLETE:
            record.raw_trailers = reader.raw_trailers
            reader.next()
            self._end(exchange, at_ns, None)
        elif is_new and not self._ends_within(left):
            self._listener.request_listed(exchange)

    def _ends_within(self, left: int) -> bool:
        """Whether the whole request is there and nobody has to know its head before."""
        reader, router = self.reader, self._context.router
        is_whole = reader.walker is None and reader.body_left <= left
        return is_whole and not (router.has_early or router.has_unrecorded)

    def _refuse(self, exchange: Exchange, at_ns: int) -> None:
        """Answer a malformed request; what stands behind it is never answered (RFC 9112 section 2.2)."""
        failure = self.reader.failure
        assert failure is not None
        self.is_open = False
        if self.is_lenient:
            self._end(exchange, at_ns, failure.reason)
            return
        exchange.refusal = Reply(http1_writer.refusal(failure.status, f"{failure.reason}\n"))
        journal = self._context.journal
        journal.malformed.append(exchange.record)
        journal.note(at_ns, exchange.record, timeline.REFUSED, failure.status, failure.reason)
        self._end(exchange, at_ns, failure.reason)

    def _list(self, exchange: Exchange, at_ns: int) -> None:
        record = exchange.record
        journal = self._context.journal
        record.exchange = self._connection.exchanges
        self._connection.exchanges += 1
        exchange.is_listed = True
        self._connection.unlisted = None
        journal.requests.append(record)
        journal.reading.add(record)
        if record.head is not None:
            record.head_received_ns = at_ns
            journal.note(at_ns, record, timeline.HEAD, len(record.head.raw), record.head.raw)

    def _end(self, exchange: Exchange, at_ns: int, error: str | None) -> None:
        record = exchange.record
        journal = self._context.journal
        self.current = None
        self._transport.read_size = limits.READ_SIZE
        record.complete = error is None
        record.error = error
        record.body_received_ns = at_ns
        journal.reading.discard(record)
        if record.body_started_ns is not None and record.head is not None:
            journal.note(at_ns, record, timeline.BODY, record.raw_size - len(record.head.raw))
        journal.note(at_ns, record, timeline.REQUEST_ENDED, record.raw_size, error)
        tell_of_request(self._context, record)
        self._listener.request_ended(exchange)

    def _discard(self, data: bytes) -> None:
        if self._connection.discarded is None:
            self._connection.discarded = Window()
        self._connection.discarded.add(data)


def _read_size(reader: RequestReader) -> int:
    """Return what one `recv` asks for: one byte more than there is left, as a short read needs no second one."""
    if reader.walker is not None:
        return limits.BODY_READ_SIZE
    return max(limits.READ_SIZE, min(reader.body_left + 1, limits.BODY_READ_SIZE))
