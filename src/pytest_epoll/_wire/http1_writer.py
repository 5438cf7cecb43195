"""From a response to bytes: status line, header, framing (RFC 9112 sections 4 to 7).

Headers go out in the order and case in which they were given. Added are only Content-Length, Content-Type and
Connection, each only if the response does not say it itself and has not removed it; nothing else, so that a test sees
in the client what it wrote.
"""

from __future__ import annotations

from http import HTTPStatus

from pytest_epoll._core.image import Image
from pytest_epoll._core.response import Response

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}
_NO_CONTENT = frozenset((204, 304))
"""Beside 1xx the statuses whose responses have no content (RFC 9110 section 6.4.1)."""

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def has_no_content(status: int) -> bool:
    """Whether a response of that status never has a body."""
    return status < 200 or status in _NO_CONTENT  # noqa: PLR2004 - 1xx


def closes(response: Response, *, keep_alive: bool) -> bool:
    """Whether the connection ends with this response: the request or the response said so, or only our FIN ends it.

    `keep_alive` is what the request asked for (RFC 9112 section 9.3).
    """
    if response.raw is not None:
        return False
    said = _said(response, b"connection")
    if said is not None:
        tokens = {token.strip().lower() for token in said.split(b",")}
        if b"close" in tokens:
            return True
        if b"keep-alive" in tokens:
            return not keep_alive or _ends_with_fin(response)
    return not keep_alive or response.http_version == "1.0" or _ends_with_fin(response)


def encode(response: Response, *, method: str, http_version: str, keep_alive: bool) -> Image:
    """Return the response as it goes on the wire in answer to a request of that method, version and persistence."""
    if response.raw is not None:
        head_size = response.raw.find(b"\r\n\r\n") + 4
        return Image(response.raw[:head_size], response.raw[head_size:]) if head_size >= 4 else Image(response.raw)  # noqa: PLR2004 - find() + 4
    status = response.status
    names = {name.lower() for name, _ in response.headers}
    unwanted = names | response.removed
    reason = _REASONS.get(status, b"") if response.reason is None else response.reason
    lines = [b"HTTP/%s %d %s" % (response.http_version.encode(), status, reason)]
    lines += [b"%s: %s" % header for header in response.headers]
    if response.content_type is not None and b"content-type" not in unwanted:
        lines.append(b"Content-Type: " + response.content_type)
    is_tunnel = method == "CONNECT" and 200 <= status < 300  # noqa: PLR2004 - 2xx; RFC 9112 section 6.3
    if (
        b"content-length" not in unwanted
        and b"transfer-encoding" not in names
        and not (status < 200 or status == 204)  # noqa: PLR2004 - RFC 9110 section 8.6
        and not is_tunnel
    ):
        lines.append(b"Content-Length: %d" % len(response.body))
    if b"connection" not in unwanted:
        if closes(response, keep_alive=keep_alive):
            lines.append(b"Connection: close")
        elif http_version == "1.0":
            lines.append(b"Connection: keep-alive")
    head = b"\r\n".join(lines) + b"\r\n\r\n"
    body = b"" if method == "HEAD" or has_no_content(status) or is_tunnel else response.body
    return Image(head, body)


def refusal(status: int, text: str) -> Response:
    """Return our own answer to a request after which the connection can't be used any more (RFC 9112 section 9.6)."""
    return Response(status, text=text, headers={"Connection": "close"})


def unmatched(text: str, *, closes: bool) -> Response:
    """Return the answer to a request that no route wants; it closes if the request was not read to its end."""
    return refusal(501, text) if closes else Response(501, text=text)


def _said(response: Response, name: bytes) -> bytes | None:
    values = [value for key, value in response.headers if key.lower() == name]
    return b", ".join(values) if values else None


def _ends_with_fin(response: Response) -> bool:
    """Whether nothing but the end of the connection delimits the body (RFC 9112 section 6.3)."""
    coding = _said(response, b"transfer-encoding")
    if coding is not None:
        return not coding.lower().rstrip().endswith(b"chunked")
    return (
        b"content-length" in response.removed
        and _said(response, b"content-length") is None
        and not has_no_content(response.status)
    )
