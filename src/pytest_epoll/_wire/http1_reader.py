"""From bytes to requests: llhttp validates, our own walker knows the offsets (RFC 9112).

llhttp tells no offsets and can't be stopped in the middle (see `llhttp`). So the end of the head is found here
(`b"\\r\\n\\r\\n"`), and llhttp is given exactly the head and has to agree. A body with Content-Length is counted and
not shown to llhttp; a chunked one is walked by `framing` and validated slice by slice by a parser that knows nothing
but that it is chunked. Heads that came whole are remembered, so that a repeated one is neither validated nor scanned
again.

A head that comes in pieces, or that something is wrong with, is read slowly: first its request line, which is ours,
then its fields, which are llhttp's. A method or version that llhttp would stumble over is shown to it as one that it
knows, so that the fields behind are validated, too.

The verdict on a stream of bytes depends on the bytes alone, never on the pieces in which they came: what is wrong
first is what counts. Nothing that a client sends raises: what is wrong with it is in `failure`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_epoll._core.limits import HEADS_REMEMBERED
from pytest_epoll._wire.framing import ChunkWalker
from pytest_epoll._wire.http1_head import REQUEST_LINE, examine_head
from pytest_epoll._wire.llhttp import Validator

if TYPE_CHECKING:
    from typing import Final

    from pytest_epoll._core.request_head import Head

BETWEEN: Final = 0
"""Nothing of the next request has come, but perhaps empty lines (RFC 9112 section 2.2)."""
HEAD: Final = 1
BODY: Final = 2
COMPLETE: Final = 3
FAILED: Final = 4

_REMEMBERED_SIZE = 4096
"""Bytes of a head that is remembered; larger ones are rare, and a memo must not keep megabytes."""

_METHOD_SIZE = 256
"""Bytes of a method; the longest that is registered has 17. RFC 9112 section 3 answers a longer one with 501."""

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
_VERSIONS = (b"1.0", b"1.1")

_CHUNKED_HEAD = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
"""What the parser of a chunked body has seen before it; whose head it was does not matter to the framing."""


class Failure:
    """Why a request is refused or broken off: a status, the reason in words, and the token that it is about."""

    __slots__ = ("reason", "status", "token")

    def __init__(self, status: int, reason: str, token: str | None = None) -> None:
        self.status = status
        self.reason = reason
        self.token = token


class RequestReader:
    """One connection's requests; see the module's docstring.

    `feed` takes bytes up to the next boundary: the end of a head, the end of a message, or the point where it failed.
    """

    __slots__ = (
        "_begin",
        "_body_left",
        "_heads",
        "_is_strange",
        "_line_end",
        "_max_body_size",
        "_max_head_size",
        "_raw_head",
        "_validator",
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
        self._raw_head: bytearray | None = None  # what has come of a head that is read slowly
        self._begin = -1  # where its request line begins: empty lines may stand before it
        self._line_end = -1  # where its fields begin
        self._is_strange = False  # its method is not one of llhttp's
        self._validator: Validator | None = None  # of a head that is read slowly, or of a chunked body
        self._body_left = 0
        self._walker: ChunkWalker | None = None

    # -- for those who look ahead --

    @property
    def walker(self) -> ChunkWalker | None:
        """What walks through the body, if it is chunked."""
        return self._walker

    @property
    def body_left(self) -> int:
        """Bytes that a body with Content-Length still wants."""
        return self._body_left

    @property
    def head_so_far(self) -> bytes:
        """What has come of a head that is read slowly."""
        return bytes(self._raw_head or b"")

    @property
    def raw_trailers(self) -> bytes:
        """The trailer section as received, without the blank line."""
        return b"" if self._walker is None else self._walker.raw_trailers

    def feed(self, data: bytes, start: int) -> int:
        """Take bytes from `start` on and return the index of the first one that was not taken."""
        if self.state <= HEAD:
            if self._raw_head is None and (end := self._take_whole_head(data, start)):
                return end
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

    def pass_over(self, size: int) -> None:
        """Count bytes of a body with Content-Length that nobody looks at; the last one must be fed."""
        self.content_size += size
        self._body_left -= size

    def end_of_stream(self) -> Failure | None:
        """Return why the request is incomplete if nothing more comes; None between two requests."""
        if self.state in (BETWEEN, COMPLETE, FAILED):
            return None
        if self.head is None:
            size = len(self._raw_head or b"")
            return Failure(400, f"the client closed inside the head, after {size} bytes")
        if self._walker is not None:
            return Failure(
                400, f"the client closed inside a chunked body, after {self._walker.content_size} bytes of content"
            )
        total = self.head.content_length
        return Failure(400, f"the client closed after {self.content_size} of {total} body bytes")

    # -- a head that came whole --

    def _take_whole_head(self, data: bytes, start: int) -> int:
        """Take a head that came in one piece and that nothing is wrong with; return its end, or 0."""
        end = data.find(b"\r\n\r\n", start) + 4
        size = end - start
        if end < 4 or size > self._max_head_size or data[start] == 0x0D:  # noqa: PLR2004 - find() + 4; an empty line
            return 0
        head = whole_head(self._heads, data[start:end])
        if head is None:
            return 0  # it is read once more, slowly, to say what is wrong with it
        self._begin_body(head)
        return end

    # -- a head in pieces, or a wrong one --

    def _feed_head(self, data: bytes, start: int) -> int:
        raw = self._raw_head
        if raw is None:
            raw = self._raw_head = bytearray()
        known = len(raw)
        taken = min(len(data), start + self._max_head_size - known)
        raw += data[start:taken]
        end = 0
        if self._has_begun(raw, known) and self._has_request_line(raw, known):
            # The blank line may begin with the end of the request line: there are no fields then.
            end = raw.find(b"\r\n\r\n", max(self._line_end - 2, known - 3)) + 4
            end = 0 if end < 4 else end  # noqa: PLR2004 - find() + 4
            self._validate(raw, known, end or len(raw))
        if self.failure is not None:
            # What stands behind the blank line, if there is one, is not this request's.
            end = raw.find(b"\r\n\r\n", max(self._begin, 0, known - 3)) + 4
            return max(start, start + end - known) if end >= 4 else taken  # noqa: PLR2004 - find() + 4
        if end:
            self._judge_head(bytes(raw[:end]))
            return start + end - known
        if len(raw) == self._max_head_size:
            self._fail(431, f"the head is larger than {self._max_head_size} bytes")
        return taken

    def _has_begun(self, raw: bytearray, known: int) -> bool:
        """Whether a request line has begun, behind what empty lines there are (RFC 9112 section 2.2)."""
        if self._begin < 0:
            rest = raw[known:].lstrip(b"\r\n")
            if not rest:
                return False
            begin = len(raw) - len(rest)
            if raw[:begin] != b"\r\n" * (begin // 2):
                self._fail(400, "malformed: before the request line there are a CR or LF that are no empty lines")
                return False
            self._begin = begin
            self.state = HEAD
        return True

    def _has_request_line(self, raw: bytearray, known: int) -> bool:
        """Whether the request line is complete and not malformed; what can't become one is refused at once."""
        if self._line_end >= 0:
            return True
        begin = self._begin
        token_match = _TOKEN.match(raw, begin, begin + _METHOD_SIZE + 1)
        assert token_match is not None  # it matches nothing, too
        end = token_match.end()
        size = end - begin
        if size > _METHOD_SIZE:
            token = raw[begin : begin + _METHOD_SIZE].decode("latin-1")
            self._fail(501, f"the method {token!r}... is not known", token)
            return False
        behind = bytes(raw[end : end + 2])
        if not ((size and behind[:1] == b" ") or behind in (b"", b"\r", b"\r\n") or behind[:1] == b"\n"):
            shown = bytes(raw[begin : end + 1])
            self._fail(400, f"malformed: the request line does not begin with a method: {shown!r}")
            return False
        newline = raw.find(b"\n", max(begin, known))
        if newline < 0:
            return False
        line = bytes(raw[: newline + 1])
        match = REQUEST_LINE.fullmatch(line)
        if match is None:
            self._fail(400, f"malformed: the request line is not 'method target HTTP/version': {line[begin:][:80]!r}")
            return False
        method, target, protocol, version = match.groups()
        if protocol != b"HTTP":
            self._fail(400, f"malformed: the protocol is {protocol.decode()[:80]}, not HTTP")
            return False
        self._line_end = newline + 1
        return self._show_request_line(method, target, version)

    def _show_request_line(self, method: bytes, target: bytes, version: bytes) -> bool:
        """Show the request line to llhttp, with a method and a version that it knows."""
        if version not in _VERSIONS:
            version = _VERSIONS[-1]
        validator = self._validator = Validator()
        # PRI begins HTTP/2 (RFC 9113 section 3.4); llhttp would wait for the rest of that preface.
        if method != b"PRI" and validator.accepts(b"%s %s HTTP/%s\r\n" % (method, target, version)):
            return True
        validator = self._validator = Validator()
        if validator.accepts(b"GET %s HTTP/%s\r\n" % (target, version)):
            self._is_strange = True
            return True
        self._fail(400, validator.objection)
        return False

    def _validate(self, raw: bytearray, known: int, end: int) -> None:
        """Show what is new of the fields to llhttp."""
        begin = max(known, self._line_end)
        validator = self._validator
        assert validator is not None
        if begin < end and not validator.accepts(bytes(raw[begin:end])) and not validator.progress.has_head:
            self._fail(400, validator.objection)

    def _judge_head(self, raw: bytes) -> None:
        """Say what is wrong with a complete head whose fields are well formed, or go on to its body."""
        validator, self._validator = self._validator, None
        assert validator is not None
        if not validator.progress.has_head:
            self._fail(400, "malformed: the head does not end where its blank line is")
            return
        self.head, problem = examine_head(raw)
        head = self.head
        if head.http_version not in ("1.0", "1.1"):
            self._fail(505, f"HTTP/{head.http_version} is not spoken here", head.http_version)
        elif self._is_strange:
            self._fail(501, f"the method {head.method!r} is not known", head.method)
        elif problem is not None:
            self._fail(*problem)
        elif validator.objection:
            self._fail(400, validator.objection)  # to the transfer coding, where our words are no better
        else:
            self._begin_body(head)

    # -- the body --

    def _begin_body(self, head: Head) -> None:
        self.head = head
        length = head.content_length or 0
        if self._max_body_size is not None and length > self._max_body_size:
            self._fail(413, f"the body of {length} bytes is larger than {self._max_body_size}")
        elif head.chunked:
            self._walker = ChunkWalker(
                self.content,
                self.chunk_sizes,
                max_content=self._max_body_size,
                max_trailers=self._max_head_size,
            )
            self._validator = Validator()
            self._validator.accepts(_CHUNKED_HEAD)
            self.state = BODY
        elif length:
            self._body_left = length
            self.state = BODY
        else:
            self.state = COMPLETE

    def _feed_chunked(self, data: bytes, start: int, walker: ChunkWalker) -> int:
        end = walker.walk(data, start)
        self.content_size = walker.content_size
        validator = self._validator
        assert validator is not None
        if not validator.accepts(data[start:end]):
            self._fail(400, validator.objection)
        elif walker.problem is not None:
            self._fail(*walker.problem)
        elif walker.is_done != validator.progress.is_done:
            self._fail(400, "malformed: the chunked body does not end where its last line is")
        elif walker.is_done:
            self.state = COMPLETE
        return end

    def _fail(self, status: int, reason: str, token: str | None = None) -> None:
        self.state = FAILED
        self.failure = Failure(status, reason, token)


def whole_head(heads: dict[bytes, Head], raw: bytes) -> Head | None:
    """Return the value of a head, which is remembered among the others, or None if anything is wrong with it."""
    head = heads.get(raw)
    if head is None:
        head = _read_head(raw)
        if head is not None and len(raw) <= _REMEMBERED_SIZE:
            if len(heads) >= HEADS_REMEMBERED:
                heads.clear()
            heads[raw] = head
    return head


def _read_head(raw: bytes) -> Head | None:
    """Return the value of a head, or None if anything is wrong with it."""
    validator = Validator()
    if not (validator.accepts(raw) and validator.progress.has_head):
        return None
    match = REQUEST_LINE.match(raw)
    if match is None or match[3] != b"HTTP" or match[4] not in _VERSIONS or match[1] == b"PRI":
        return None
    head, problem = examine_head(raw)
    return head if problem is None else None
