"""From bytes to requests: llhttp validates, our own walker knows the offsets (RFC 9112).

Facts
- httptools tells no offsets: not where a head ends, not how large a chunk is, not where in a buffer a message is over.
  It can't be stopped in mid-buffer, and fires once for each message of pipelined input.
- A callback for each header costs 2 us a request. Without one llhttp validates and frames at the same price for any
  number of headers.
- It accepts what RFC 9112 does not: a request line without a version, HTTP/2.0, RTSP/1.0, two spaces, no Host. It
  refuses a method that it does not know at its first wrong letter.

What we do. The end of the head is found here (`b"\\r\\n\\r\\n"`), llhttp is given exactly the head and has to agree.
One scan of the head's bytes finds the fields that matter for every request; the rest stays raw. A body with
Content-Length is counted and not shown to llhttp; a chunked one is walked by `framing` and validated slice by slice.
Heads that came whole are remembered, so that a repeated one is neither validated nor scanned again.

Nothing that a client sends raises: what is wrong with it is in `failure`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import httptools

from pytest_epoll._core.limits import HEADS_REMEMBERED
from pytest_epoll._core.request_head import Head
from pytest_epoll._wire.framing import ChunkWalker

if TYPE_CHECKING:
    from typing import Final

BETWEEN: Final = 0
"""Nothing of the next request has come, but perhaps empty lines (RFC 9112 section 2.2)."""
HEAD: Final = 1
BODY: Final = 2
COMPLETE: Final = 3
FAILED: Final = 4

_REMEMBERED_SIZE = 4096
"""Bytes of a head that is remembered; larger ones are rare, and a memo must not keep megabytes."""

_REQUEST_LINE = re.compile(rb"(?:\r?\n)*([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^ \r\n]+) ([A-Z]+)/(\d)\.(\d)\r\n")
_AUTHORITY = re.compile(r"[^:]*://[^/?]*")
_METHOD_SO_FAR = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]*(?: [^\r\n]*)?\Z")


class Failure:
    """Why a request is refused or broken off: a status, the reason in words, and the token that it is about."""

    __slots__ = ("reason", "status", "token")

    def __init__(self, status: int, reason: str, token: str | None = None) -> None:
        self.status = status
        self.reason = reason
        self.token = token


class _Events:
    """What llhttp calls back: only that the head is complete."""

    __slots__ = ("has_head",)

    def __init__(self) -> None:
        self.has_head = False

    def on_headers_complete(self) -> None:
        self.has_head = True


class RequestReader:
    """One connection's requests; see the module's docstring.

    `feed` takes bytes up to the next boundary: the end of a head, the end of a message, or the point where it failed.
    """

    __slots__ = (
        "_body_left",
        "_events",
        "_has_bad_method",
        "_has_started",
        "_heads",
        "_max_body_size",
        "_max_head_size",
        "_parser",
        "_pieces",
        "_tail",
        "_taken",
        "_walker",
        "chunk_sizes",
        "content",
        "content_size",
        "failure",
        "head",
        "state",
    )

    def __init__(self, *, heads: dict[bytes, Head], max_head_size: int, max_body_size: int | None) -> None:
        self.content: list[bytes] = []  # decoded pieces of the body; the owner gives its own list for each message
        self.chunk_sizes: list[int] = []  # likewise
        self._heads = heads
        self._max_head_size = max_head_size
        self._max_body_size = max_body_size
        self.next()

    def next(self) -> None:
        """Get ready for the next message of the connection."""
        self.state = BETWEEN
        self.head: Head | None = None
        self.failure: Failure | None = None
        self.content_size = 0
        self._parser: httptools.HttpRequestParser | None = None  # made when a head is not a remembered one
        self._events = _Events()
        self._has_started = False  # a byte of the request line has come
        self._has_bad_method = False
        self._pieces: list[bytes] = []  # of a head that comes in several
        self._taken = 0
        self._tail = b""  # the last three bytes taken: the end of the head may lie across two pieces
        self._body_left = 0
        self._walker: ChunkWalker | None = None

    @property
    def raw_trailers(self) -> bytes:
        """The trailer section as received, without the blank line."""
        return b"" if self._walker is None else self._walker.raw_trailers

    def feed(self, data: bytes, start: int) -> int:
        """Take bytes from `start` on and return the index of the first one that was not taken."""
        if self.state <= HEAD:
            return self._feed_head(data, start)
        if self.state != BODY:
            return start
        if self._walker is not None:
            return self._feed_chunked(data, start, self._walker)
        end = min(start + self._body_left, len(data))
        self.content.append(data[start:end])
        self.content_size += end - start
        self._body_left -= end - start
        if not self._body_left:
            self.state = COMPLETE
        return end

    def end_of_stream(self) -> Failure | None:
        """Return why the request is incomplete if nothing more comes; None between two requests."""
        if self.state in (BETWEEN, COMPLETE, FAILED):
            return None
        if self.state == HEAD or self.head is None:
            return Failure(400, f"the client closed inside the head, after {self._taken} bytes")
        if self._walker is not None:
            return Failure(
                400, f"the client closed inside a chunked body, after {self._walker.content_size} bytes of content"
            )
        total = self.head.content_length
        return Failure(400, f"the client closed after {self.content_size} of {total} body bytes")

    # -- the head --

    def _feed_head(self, data: bytes, start: int) -> int:
        begin = start
        if not self._has_started:
            while begin < len(data) and data[begin] in b"\r\n":
                begin += 1
            if begin < len(data):
                self._has_started = True
                self.state = HEAD
        end = self._find_end(data, start, begin) if self._has_started else -1
        taken = len(data) if end < 0 else end
        self._taken += taken - start
        if self._taken > self._max_head_size:
            self._fail(431, f"the head is larger than {self._max_head_size} bytes")
            return taken
        piece = data[start:taken]
        raw = piece if not self._pieces else b""
        if end >= 0 and raw and (known := self._heads.get(raw)) is not None:
            self._begin_body(known)
            return taken
        self._pieces.append(piece)
        if self._validate(piece, is_head=True) and end >= 0:
            self._take_head(raw or b"".join(self._pieces), is_whole=bool(raw))
        elif self._has_bad_method:
            self._look_at_method(b"".join(self._pieces), is_complete=end >= 0)
        return taken

    def _find_end(self, data: bytes, start: int, begin: int) -> int:
        """Return the index behind the blank line, or -1 if it has not come."""
        tail = self._tail
        if tail:
            joint = tail + data[start : start + 3]
            at = joint.find(b"\r\n\r\n")
            if at >= 0:
                return start + at + 4 - len(tail)
        at = data.find(b"\r\n\r\n", begin)
        if at >= 0:
            return at + 4
        # Empty lines before the request line must not look like the end of a head.
        self._tail = (tail + data[begin:])[-3:]
        return -1

    def _validate(self, piece: bytes, *, is_head: bool) -> bool:
        """Show a slice to llhttp; return whether it has nothing against it."""
        if self._has_bad_method:
            return False
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpRequestParser(self._events)
        try:
            parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            return True  # an Upgrade that nobody asked for is ignored (RFC 9110 section 7.8)
        except httptools.HttpParserInvalidMethodError:
            self._has_bad_method = True
            return False
        except httptools.HttpParserError as error:
            if is_head and self._events.has_head:
                return True  # it objects to the transfer coding, and so do we, with better words
            self._fail(400, f"malformed: {error}")
            return False
        return True

    def _look_at_method(self, raw: bytes, *, is_complete: bool) -> None:
        """Tell a method that we don't know (501) from bytes that are none (400), as soon as that is sure."""
        match = _REQUEST_LINE.match(raw)
        if match is None:
            line, newline, _ = raw.lstrip(b"\r\n").partition(b"\r\n")
            if newline or not _METHOD_SO_FAR.match(line):
                self._fail(400, f"malformed: the request line does not begin with a method: {line[:40]!r}")
            return
        if is_complete:
            self.head = parse_head(raw)
            token = match[1].decode("latin-1")
            self._fail(501, f"the method {token!r} is not known", token)

    def _take_head(self, raw: bytes, *, is_whole: bool) -> None:
        match = _REQUEST_LINE.match(raw)
        if match is None:
            line = raw.lstrip(b"\r\n").partition(b"\r\n")[0]
            self._fail(400, f"malformed: the request line is not 'method target HTTP/version': {line[:80]!r}")
            return
        if match[3] != b"HTTP":
            self._fail(400, f"malformed: the protocol is {match[3].decode()}, not HTTP")
            return
        version = b"%s.%s" % (match[4], match[5])
        if version not in (b"1.0", b"1.1"):
            self._fail(505, f"HTTP/{version.decode()} is not spoken here", version.decode())
            return
        if not self._events.has_head:
            self._fail(400, "malformed: the head does not end where its blank line is")
            return
        head = parse_head(raw)
        self.head = head
        if (problem := _framing_problem(head)) is not None:
            self._fail(*problem)
            return
        if is_whole and not head.chunked and len(raw) <= _REMEMBERED_SIZE:
            if len(self._heads) >= HEADS_REMEMBERED:
                self._heads.clear()
            self._heads[raw] = head
        self._begin_body(head)

    # -- the body --

    def _begin_body(self, head: Head) -> None:
        self.head = head
        length = head.content_length or 0
        if self._max_body_size is not None and length > self._max_body_size:
            self._fail(413, f"the body of {length} bytes is larger than {self._max_body_size}")
        elif head.chunked:
            self._walker = ChunkWalker(self.content, self.chunk_sizes)
            self.state = BODY
        elif length:
            self._body_left = length
            self.state = BODY
        else:
            self.state = COMPLETE

    def _feed_chunked(self, data: bytes, start: int, walker: ChunkWalker) -> int:
        end = walker.walk(data, start)
        self.content_size = walker.content_size
        if not self._validate(data[start:end], is_head=False):
            return end
        if walker.problem is not None:
            self._fail(400, f"malformed: {walker.problem}")
        elif self._max_body_size is not None and walker.content_size > self._max_body_size:
            self._fail(413, f"the body is larger than {self._max_body_size} bytes")
        elif len(walker.raw_trailers) + walker.pending_size > self._max_head_size:
            self._fail(431, f"the trailers are larger than {self._max_head_size} bytes")
        elif walker.is_done:
            self.state = COMPLETE
        return end

    def _fail(self, status: int, reason: str, token: str | None = None) -> None:
        self.state = FAILED
        self.failure = Failure(status, reason, token)


def parse_head(raw: bytes) -> Head:
    """Return the value of a head whose request line is well formed."""
    match = _REQUEST_LINE.match(raw)
    if match is None:
        message = f"not a request head: {raw[:80]!r}"
        raise ValueError(message)
    method = match[1].decode("latin-1")
    target = match[2].decode("latin-1")
    http_version = f"{match[4].decode()}.{match[5].decode()}"
    path, raw_query = _split_target(method, target)
    lowered = raw.lower()
    length = _value(lowered, b"\r\ncontent-length:")
    connection = _value(lowered, b"\r\nconnection:")
    keep_alive = http_version == "1.1"
    if connection is not None:
        tokens = {token.strip() for line in _values(lowered, b"\r\nconnection:") for token in line.split(b",")}
        keep_alive = b"close" not in tokens and (keep_alive or b"keep-alive" in tokens)
    return Head(
        raw,
        method=method,
        target=target,
        path=path,
        raw_query=raw_query,
        http_version=http_version,
        keep_alive=keep_alive,
        content_length=int(length) if length is not None and length.isdigit() else None,
        chunked=b"\r\ntransfer-encoding:" in lowered,
        expects_continue=http_version == "1.1" and _value(lowered, b"\r\nexpect:") == b"100-continue",
    )


def _framing_problem(head: Head) -> tuple[int, str, str | None] | None:
    """Return what RFC 9112 has against a head that llhttp lets pass."""
    lowered = head.raw.lower()
    hosts = lowered.count(b"\r\nhost:")
    if head.http_version == "1.1" and hosts != 1:
        how = "has no Host" if not hosts else f"has {hosts} Host fields"
        return 400, f"malformed: an HTTP/1.1 request {how} (RFC 9112 section 3.2)", None
    if not head.chunked:
        return None
    if head.http_version == "1.0":
        return 400, "malformed: Transfer-Encoding in an HTTP/1.0 request (RFC 9112 section 6.1)", None
    codings = [coding.strip() for line in _values(lowered, b"\r\ntransfer-encoding:") for coding in line.split(b",")]
    if b"chunked" in codings[:-1]:
        return 400, "malformed: chunked is not the last transfer coding (RFC 9112 section 6.1)", None
    for coding in codings:
        if coding != b"chunked":
            token = coding.decode("latin-1")
            return 501, f"the transfer coding {token!r} is not known", token
    return None


def _split_target(method: str, target: str) -> tuple[str, str]:
    """Return the decoded path and the raw query of a request target (RFC 9112 section 3.2)."""
    if method == "CONNECT":
        return "", ""
    if not target.startswith("/") and "://" in target:
        rest = _AUTHORITY.sub("", target, count=1)
        target = rest if rest.startswith("/") else f"/{rest}"
    path, _, query = target.partition("?")
    return (unquote(path, errors="surrogateescape") if "%" in path else path), query


def _value(lowered: bytes, name: bytes) -> bytes | None:
    """Return the first value of a field in a lower-cased head; `name` is b"\\r\\nname:"."""
    at = lowered.find(name)
    if at < 0:
        return None
    begin = at + len(name)
    return lowered[begin : lowered.index(b"\r\n", begin)].strip(b" \t")


def _values(lowered: bytes, name: bytes) -> list[bytes]:
    return [part.partition(b"\r\n")[0].strip(b" \t") for part in lowered.split(name)[1:]]
