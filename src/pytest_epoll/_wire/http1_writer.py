"""From a response to bytes: status line, header, framing (RFC 9112 sections 4 to 7).

Headers go out in the order and case in which they were given. Added are only Content-Length (Transfer-Encoding for a
body of unknown length), Content-Type and Connection, each only if the response does not say it itself and has not
removed it; nothing else, so that a test sees in the client what it wrote.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import NamedTuple

from pytest_epoll._core.image import Image, Part
from pytest_epoll._core.response import Response

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_NO_CONTENT = frozenset((204, 304))
"""Beside 1xx the statuses whose responses have no content (RFC 9110 section 6.4.1)."""

_NOT_MODIFIED = 304

_STATUS = re.compile(rb"HTTP/\d\.\d (\d{3})\b")

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Asker(NamedTuple):
    """What an answer's bytes depend on: the kind of request that it answers."""

    method: str  # "HEAD" and "CONNECT" are framed differently from all others (RFC 9112 section 6.3)
    http_version: str
    keep_alive: bool  # whether the client wants to go on (RFC 9112 section 9.3)
    is_told: bool = True  # whether a Connection field says by itself what becomes of the connection


class Encoding(NamedTuple):
    """How a response is written for one kind of request."""

    head: bytes
    is_chunked: bool
    has_content: bool  # False: only announced, as for HEAD
    ends_itself: bool  # whether the end of the body can be told without our FIN
    closes: bool  # the connection ends with it: the request or the response said so, or only our FIN ends it


def encoding(response: Response, asker: Asker) -> Encoding:
    """Return how a response that is not `raw` answers a request of that kind."""
    status = response.status
    said = _said(response)
    unwanted = said.keys() | response.removed
    is_bare = status < 200 or status == 204 or _opens_tunnel(response, asker)  # noqa: PLR2004 - RFC 9110 section 8.6
    is_chunked = not is_bare and _wants_chunks(response, asker, said)
    has_length = b"content-length" in said
    lines = [_status_line(response), *(b"%s: %s" % header for header in response.headers)]
    if response.content_type is not None and b"content-type" not in unwanted:
        lines.append(b"Content-Type: " + response.content_type)
    if is_chunked and b"transfer-encoding" not in said:
        lines.append(b"Transfer-Encoding: chunked")
    elif not (is_bare or is_chunked) and _wants_length(response, said, unwanted):
        lines.append(b"Content-Length: %d" % len(response.body))
        has_length = True
    has_content = not (is_bare or status in _NO_CONTENT or asker.method == "HEAD")
    ends_itself = not has_content or _ends_itself(said, has_length=has_length, chunked=is_chunked)
    closes = _closes(response, asker, said, ends_itself=ends_itself)
    if b"connection" not in unwanted and asker.is_told:
        if closes:
            lines.append(b"Connection: close")
        elif asker.http_version == "1.0":
            lines.append(b"Connection: keep-alive")
    return Encoding(b"\r\n".join(lines) + b"\r\n\r\n", is_chunked, has_content, ends_itself, closes)


def whole(response: Response, form: Encoding) -> Image:
    """Return all of a response whose body is known."""
    if not form.has_content:
        return Image(form.head)
    if not form.is_chunked or b"transfer-encoding" in _said(response):
        return Image(form.head, response.body)
    start = len(form.head)
    parts = []
    body = b""
    if response.body:
        size_line = b"%x\r\n" % len(response.body)
        body = size_line + response.body + b"\r\n"
        parts.append(_chunk_part(start, len(size_line), len(response.body)))
    last = _last_chunk(response)
    parts.append(_last_part(start + len(body), len(last)))
    return Image(form.head, body + last, parts=tuple(parts))


def raw(response: Response) -> Image:
    """Return a response that is sent as it is; its head ends with the first blank line."""
    data = response.raw or b""
    head, blank, body = data.partition(b"\r\n\r\n")
    return Image(head + blank, body)


def interim(response: Response) -> Image:
    """Return an informational response (RFC 9110 section 15.2)."""
    lines = [_status_line(response), *(b"%s: %s" % header for header in response.headers)]
    return Image(b"\r\n".join(lines) + b"\r\n\r\n", is_interim=True)


def piece(form: Encoding, data: bytes, *, is_event: bool) -> Image:
    """Return a piece of a streamed body of at least one byte, as a chunk where the body is chunked."""
    if not form.is_chunked:
        return Image(b"", data, events=(len(data),) if is_event else ())
    size_line = b"%x\r\n" % len(data)
    part = _chunk_part(0, len(size_line), len(data))
    events = (part.stop,) if is_event else ()
    return Image(b"", b"%s%s\r\n" % (size_line, data), events=events, parts=(part,))


def last_piece(response: Response) -> Image:
    """Return what ends a chunked body: the last chunk and the trailers (RFC 9112 section 7.1)."""
    end = _last_chunk(response)
    return Image(b"", end, parts=(_last_part(0, len(end)),))


def _last_chunk(response: Response) -> bytes:
    return b"0\r\n" + b"".join(b"%s: %s\r\n" % pair for pair in response.trailers) + b"\r\n"


def _chunk_part(start: int, size_line: int, size: int) -> Part:
    begin = start + size_line
    return Part("chunk", start, begin, begin + size, begin + size + 2)


def _last_part(start: int, size: int) -> Part:
    begin = start + len(b"0\r\n")
    return Part("last", start, begin, begin, start + size)


def refusal(status: int, text: str) -> Response:
    """Return our own answer to a request after which the connection can't be used any more (RFC 9112 section 9.6)."""
    return Response(status, text=text, headers={"Connection": "close"})


def status_of(head: bytes) -> int | None:
    """Return the status that a head says, or None if it says none."""
    match = _STATUS.match(head)
    return None if match is None else int(match[1])


def unmatched(text: str, *, closes: bool) -> Response:
    """Return the answer to a request that no route wants; it closes if the request was not read to its end."""
    return refusal(501, text) if closes else Response(501, text=text)


def _status_line(response: Response) -> bytes:
    reason = _REASONS.get(response.status, b"") if response.reason is None else response.reason
    return b"HTTP/%s %d %s" % (response.http_version.encode(), response.status, reason)


def _opens_tunnel(response: Response, asker: Asker) -> bool:
    """Whether what follows is no content but the tunnel (RFC 9112 section 6.3)."""
    return asker.method == "CONNECT" and 200 <= response.status < 300  # noqa: PLR2004 - 2xx


def _wants_chunks(response: Response, asker: Asker, said: dict[bytes, bytes]) -> bool:
    """Whether the body goes out in chunks; an HTTP/1.0 client does not know them (RFC 9112 section 6.1)."""
    if b"transfer-encoding" in said:
        return response.score is not None
    return (
        (response.score is not None or bool(response.trailers))
        and b"content-length" not in said
        and b"transfer-encoding" not in response.removed
        and asker.http_version == response.http_version == "1.1"
    )


def _wants_length(response: Response, said: dict[bytes, bytes], unwanted: set[bytes]) -> bool:
    """Whether a Content-Length is added to a body that is not chunked (RFC 9110 section 8.6).

    A 304 announces the length that a 200 would have had; one for which no body was given says nothing about it.
    """
    return (
        response.score is None
        and b"content-length" not in unwanted
        and not said.get(b"transfer-encoding")
        and (response.status != _NOT_MODIFIED or bool(response.body))
    )


def _ends_itself(said: dict[bytes, bytes], *, has_length: bool, chunked: bool) -> bool:
    """Whether the body's end can be told without our FIN (RFC 9112 section 6.3)."""
    coding = said.get(b"transfer-encoding")
    if coding is not None:
        return coding.lower().rpartition(b",")[2].strip() == b"chunked"
    return chunked or has_length


def _closes(response: Response, asker: Asker, said: dict[bytes, bytes], *, ends_itself: bool) -> bool:
    tokens = [token.strip() for token in said.get(b"connection", b"").lower().split(b",")]
    if b"close" in tokens or not asker.keep_alive or not ends_itself:
        return True
    return response.http_version == "1.0" and b"keep-alive" not in tokens


def _said(response: Response) -> dict[bytes, bytes]:
    """Return what the response's own headers say, by their names in lower case; those of one name are joined."""
    said: dict[bytes, bytes] = {}
    for name, value in response.headers:
        key = name.lower()
        said[key] = b"%s, %s" % (said[key], value) if key in said else value
    return said
