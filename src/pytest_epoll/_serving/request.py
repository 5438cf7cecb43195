"""What users hold of a request: read behind the barrier.

A view has no state of its own: each attribute asks the record at the time it is read, so a `Request` that was taken
while its body was still coming shows it whole later on.
"""

from __future__ import annotations

import codecs
import json as json_module
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from pytest_epoll._core import clock, limits
from pytest_epoll._core.checks import checked_whole
from pytest_epoll._core.headers import Headers, Values
from pytest_epoll._core.request_head import split_fields
from pytest_epoll._serving.views import seconds
from pytest_epoll._wire.framing import decode_chunked
from pytest_epoll.errors import UsageError, WaitTimeout

if TYPE_CHECKING:
    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.connection import Connection
    from pytest_epoll._serving.multipart import Parts
    from pytest_epoll._serving.views import Desk
    from pytest_epoll._serving.waits import WaitArguments

_NO_CHARSETS = frozenset(("idna", "punycode", "undefined", "raw_unicode_escape", "unicode_escape"))
"""What Python calls encodings of text but no client can mean: some raise whatever they are told to replace."""


def _decode(body: bytes, charset: str) -> str:
    """Return a body as text; UTF-8 if the charset is none."""
    try:
        if codecs.lookup(charset).name.replace("-", "_") not in _NO_CHARSETS:
            return body.decode(charset, "replace")
    except LookupError:
        pass  # unknown, or no encoding of text
    return body.decode("utf-8", "replace")


class Request:
    """A request as the client sent it, and what became of it.

    Times are seconds since the process's first server started; sizes are bytes on the wire.
    """

    __slots__ = ("_desk", "_record")

    def __init__(self, desk: Desk, record: RequestRecord) -> None:
        self._desk = desk
        self._record = record

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Request) and self._record is other._record

    def __hash__(self) -> int:
        return id(self._record)

    def __str__(self) -> str:
        head = self._record.head
        return f"{head.method} {head.target}" if head is not None else "(no complete head)"

    def __repr__(self) -> str:
        return f"<Request c{self._record.connection}.{self._record.exchange} {self}>"

    def _fresh(self) -> RequestRecord:
        self._desk.barrier.settle()
        return self._record

    # -- the head --

    @property
    def method(self) -> str | None:
        """The method as sent, or None if the head never completed."""
        head = self._record.head
        return None if head is None else head.method

    @property
    def target(self) -> str | None:
        """The request target as sent (RFC 9112 section 3.2), or None if the head never completed."""
        head = self._record.head
        return None if head is None else head.target

    @property
    def path(self) -> str | None:
        """The decoded path, "*" for `OPTIONS *`, "" for CONNECT, None if the head never completed."""
        head = self._record.head
        return None if head is None else head.path

    @property
    def path_params(self) -> dict[str, object]:
        """What the route's template or pattern captured."""
        return dict(self._fresh().path_params or {})

    @property
    def query(self) -> Values:
        """The query's names and values, decoded, in the order in which they were sent."""
        head = self._record.head
        raw = "" if head is None else head.raw_query
        return Values(parse_qsl(raw, keep_blank_values=True))

    @property
    def url(self) -> str:
        """The url as the client meant it: the listener's and its target, or an absolute-form target as it is."""
        target = self.target or ""
        if self.method == "CONNECT":
            return ""
        return self._desk.listener(self._record.connection).url + target if target.startswith("/") else target

    @property
    def http_version(self) -> str | None:
        """The version, "1.0" or "1.1", or None if the head never completed."""
        head = self._record.head
        return None if head is None else head.http_version

    @property
    def headers(self) -> Headers:
        """The header fields as sent; empty if the head never completed."""
        head = self._record.head
        return Headers(()) if head is None else head.headers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of all Cookie fields (RFC 6265 section 4.2); of a repeated name the first wins."""
        cookies: dict[str, str] = {}
        for line in self.headers.get_list("Cookie"):
            for pair in line.split(";"):
                name, separator, value = pair.strip().partition("=")
                if separator:
                    cookies.setdefault(name, value)
        return cookies

    # -- the body --

    @property
    def complete(self) -> bool | None:
        """Whether the request was read whole; None while it is being read."""
        return self._fresh().complete

    @property
    def error(self) -> str | None:
        """Why the request is malformed or incomplete, in words, or None."""
        return self._fresh().error

    @property
    def body(self) -> bytes:
        """The decoded body, as far as it came.

        Raises:
            UsageError: it is still being read (use `body_so_far`, or wait for it), or its route says
                `record_body=False`.
        """
        record = self._fresh()
        if record.complete is None:
            message = f"the body of {self} is still being read; use body_so_far, or server.wait_for_requests() first"
            raise UsageError(message)
        return self._content(record)

    @property
    def body_so_far(self) -> bytes:
        """The decoded body, as far as it has been read.

        Raises:
            UsageError: it was not recorded, as the route says `record_body=False`.
        """
        return self._content(self._fresh())

    def _content(self, record: RequestRecord) -> bytes:
        if not record.keeps_body:
            message = f"the body of {self} was not recorded: its route says record_body=False"
            raise UsageError(message)
        if record.spool is None:
            return b"".join(record.content)
        head = record.head
        raw = record.spool.read(len(head.raw) if head is not None else 0)
        return decode_chunked(raw) if head is not None and head.chunked else raw

    @property
    def text(self) -> str:
        """The body as text, in the charset of Content-Type or UTF-8; what can't be decoded is replaced.

        Raises:
            UsageError: as of `body`.
        """
        _, _, parameters = self.headers.get("Content-Type", "").partition(";")
        charset = "utf-8"
        for parameter in parameters.split(";"):
            name, _, value = parameter.strip().partition("=")
            if name.lower() == "charset":
                charset = value.strip('"')
        return _decode(self.body, charset)

    def json(self) -> object:
        """Return the body as the value that its JSON describes.

        Raises:
            ValueError: the body is not JSON, or nested more deeply than Python can follow.
            UsageError: as of `body`.
        """
        try:
            return json_module.loads(self.body)
        except RecursionError:
            message = f"the JSON body of {self} is nested too deeply"
            raise ValueError(message) from None

    def form(self) -> Values:
        """Return the names and values of an application/x-www-form-urlencoded body, decoded, in order.

        Raises:
            UsageError: as of `body`.
        """
        return Values(parse_qsl(self.body.decode("utf-8", "surrogateescape"), keep_blank_values=True))

    def multipart(self) -> Parts:
        """Return the parts of a multipart body (RFC 2046 section 5.1, RFC 7578), in order and by name.

        Raises:
            ValueError: Content-Type names no boundary, or the body is not what it says.
            UsageError: as of `body`.
        """
        from pytest_epoll._serving.multipart import parse_parts  # noqa: PLC0415 - its library is loaded by who uploads

        return parse_parts(self.headers.get("Content-Type", ""), self.body)

    @property
    def trailers(self) -> Headers:
        """The trailer fields of a chunked body (RFC 9112 section 7.1.2)."""
        return Headers(split_fields(self._fresh().raw_trailers))

    @property
    def chunk_sizes(self) -> tuple[int, ...]:
        """The sizes of the chunks as they came, without the final 0."""
        return tuple(self._fresh().chunk_sizes)

    @property
    def raw_head(self) -> bytes:
        """The head as received, up to and including the blank line."""
        head = self._record.head
        return b"" if head is None else head.raw

    @property
    def raw(self) -> bytes:
        """Every byte of the request as received, framing included (with `record_body=False` the head alone)."""
        record = self._fresh()
        return b"".join(record.raw) if record.spool is None else record.spool.read()

    # -- waiting --

    def wait_received(self, body_bytes: int, timeout: float = limits.WAIT_SECONDS) -> None:
        """Return once so many bytes of the (decoded) body have come.

        Raises:
            WaitTimeout: fewer have, after `timeout` seconds, or the request has ended with fewer.
            UsageTypeError: an argument of a wrong type.
            UsageError: a negative number, or the wait would freeze an event loop of this thread.
        """
        __tracebackhide__ = True
        self._desk.barrier.wait(*self._receiving(body_bytes, timeout))
        self._check_received(body_bytes)

    @property
    def aio(self) -> RequestAio:
        """The waits as coroutines."""
        return RequestAio(self)

    def _receiving(self, body_bytes: int, timeout: float) -> WaitArguments:
        checked_whole("body_bytes", body_bytes, least=0)
        record = self._record
        return (
            lambda: record.content_size >= body_bytes or record.complete is not None,
            timeout,
            lambda: f"{body_bytes} body bytes of {self}, {record.content_size} have come",
        )

    def _check_received(self, body_bytes: int) -> None:
        __tracebackhide__ = True
        record = self._record
        if record.content_size < body_bytes:
            message = f"{self} has ended with {record.content_size} body bytes, {body_bytes} were awaited"
            raise WaitTimeout(f"{message}: {record.error}" if record.error else message)

    # -- where and when --

    @property
    def connection(self) -> Connection:
        """The connection on which it came."""
        return self._desk.connection(self._record.connection)

    @property
    def connection_index(self) -> int:
        """The index of that connection, from 0."""
        return self._record.connection

    @property
    def exchange_index(self) -> int:
        """How many requests came on that connection before it."""
        return self._record.exchange

    @property
    def client_address(self) -> tuple[str, int]:
        """The client's (host, port)."""
        return self.connection.client_address

    @property
    def route(self) -> object:
        """The route that answered it, or None."""
        index = self._fresh().route
        return None if index is None else self._desk.route(index)

    @property
    def received_at(self) -> float:
        """When its first byte was read."""
        return clock.seconds(self._record.received_ns)

    @property
    def head_received_at(self) -> float | None:
        """When its head was complete."""
        return seconds(self._fresh().head_received_ns)

    @property
    def continued_at(self) -> float | None:
        """When `100 Continue` was sent."""
        return seconds(self._fresh().continued_ns)

    @property
    def body_started_at(self) -> float | None:
        """When the first byte of its body was read."""
        return seconds(self._fresh().body_started_ns)

    @property
    def body_received_at(self) -> float | None:
        """When it was read to its end, or broken off."""
        return seconds(self._fresh().body_received_ns)

    @property
    def responded_at(self) -> float | None:
        """When the kernel had accepted the last byte of the answer so far."""
        return seconds(self._fresh().responded_ns)

    @property
    def tls(self) -> None:
        """What is known of the TLS under it: None, as it came in plain text."""

    @property
    def tunnel(self) -> Request | None:
        """The CONNECT request whose tunnel it came through (RFC 9110 section 9.3.6), or None."""
        record = self._fresh()
        journal = self._desk.journal
        before = [other for other in journal.records_on(record.connection) if other.exchange < record.exchange]
        for other in reversed(before):
            if other.head is not None and other.head.method == "CONNECT" and 200 <= (other.status or 0) < 300:  # noqa: PLR2004 - 2xx
                return self._desk.request(other)
        return None

    @property
    def response_status(self) -> int | None:
        """The status of the answer that was chosen."""
        return self._fresh().status

    @property
    def response_bytes_sent(self) -> int:
        """Bytes of the answer that the kernel has accepted."""
        return self._fresh().sent.size

    @property
    def response_body_bytes_sent(self) -> int:
        """Bytes of the answer's body, framing included, that the kernel has accepted."""
        return self._fresh().body_sent


class RequestAio:
    """The waits of a `Request` as coroutines, for asyncio and trio."""

    __slots__ = ("_request",)

    def __init__(self, request: Request) -> None:
        self._request = request

    async def wait_received(self, body_bytes: int, timeout: float = limits.WAIT_SECONDS) -> None:
        """See `Request.wait_received`."""
        __tracebackhide__ = True
        request = self._request
        await request._desk.barrier.wait_async(*request._receiving(body_bytes, timeout))  # noqa: SLF001 - the same module
        request._check_received(body_bytes)  # noqa: SLF001 - the same module
