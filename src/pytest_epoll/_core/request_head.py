"""A request's head as a value: the raw bytes, and what every request needs of them."""

from __future__ import annotations

from pytest_epoll._core.headers import Headers


class Head:
    """One distinct head. Made once for many requests that were alike, so it is never changed after that.

    The header fields stay raw until somebody asks for them: to split them for every request would cost as much as the
    rest of the request path together.
    """

    __slots__ = (
        "_headers",
        "chunked",
        "content_length",
        "expects_continue",
        "http_version",
        "keep_alive",
        "method",
        "path",
        "raw",
        "raw_query",
        "target",
    )

    def __init__(
        self,
        raw: bytes,
        *,
        method: str,
        target: str,
        path: str,
        raw_query: str,
        http_version: str,
        keep_alive: bool,
        content_length: int | None,
        chunked: bool,
        expects_continue: bool,
    ) -> None:
        self.raw = raw  # as received, up to and including the blank line, empty lines before the request line included
        self.method = method
        self.target = target  # as sent
        self.path = path  # decoded; "*" for `OPTIONS *`, "" for CONNECT
        self.raw_query = raw_query  # what follows the first "?", undecoded
        self.http_version = http_version  # "1.0" or "1.1"
        self.keep_alive = keep_alive  # RFC 9112 section 9.3
        self.content_length = content_length
        self.chunked = chunked
        self.expects_continue = expects_continue
        self._headers: Headers | None = None

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        return self.chunked or bool(self.content_length)

    @property
    def headers(self) -> Headers:
        """The header fields, split at the first look."""
        if self._headers is None:
            self._headers = Headers(split_fields(self.raw.lstrip(b"\r\n").partition(b"\r\n")[2]))
        return self._headers


def split_fields(raw: bytes) -> list[tuple[bytes, bytes]]:
    """Return the fields of a header or trailer section (RFC 9112 section 5), values without surrounding white space."""
    fields = []
    for line in raw.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            fields.append((name, value.strip(b" \t")))
    return fields
