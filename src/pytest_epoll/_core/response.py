"""A reply's content, as a value: what to say, not when and not how badly."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_epoll._core import clock
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    import os

HeaderItems: TypeAlias = "Mapping[str, str | None] | Iterable[tuple[str | bytes, str | bytes | None]]"
"""Headers as callers give them: a mapping or pairs, sent in that order; None removes one that would be added."""

RawPair: TypeAlias = tuple[bytes, bytes]

BODY_ARGUMENTS = ("json", "text", "html", "content", "file", "raw")
_ABSENT: Any = type("_Absent", (), {"__repr__": lambda _self: "<not given>"})()


class Response:
    """A reply as a value: status, header and one kind of body; it can be used for any number of requests.

    Args:
        status: the status code, 100 to 999.
        reason: the reason phrase; the standard one (RFC 9110 section 15) if it is not given.
        headers: a mapping or pairs, of `str` (as Latin-1, or UTF-8 where that can't say it) or `bytes`; order, case and
            repetition are kept. None as a value removes a header that we would add.
        cookies: a mapping, each item a `Set-Cookie: name=value`.
        json: any value that `json.dumps` takes, `None` included, as application/json.
        text: as text/plain, in UTF-8.
        html: as text/html, in UTF-8.
        content: bytes, without a Content-Type.
        file: a path; its content is read now, and its type guessed from its name.
        raw: these bytes as they are, in place of status line, headers and body.
        http_version: "1.1" or "1.0"; after a 1.0 reply the connection is closed unless the reply says keep-alive.

    Raises:
        UsageTypeError: more than one kind of body, or an argument of a wrong type.
        UsageError: a status, header or version that can't be written; lies about framing are faults.
        OSError: `file` can't be read.
    """

    __slots__ = (
        "_arguments",
        "body",
        "content_type",
        "delay_ns",
        "faults",
        "headers",
        "http_version",
        "raw",
        "reason",
        "removed",
        "status",
    )

    def __init__(
        self,
        status: int = 200,
        *,
        reason: str | None = None,
        headers: HeaderItems | None = None,
        cookies: Mapping[str, str] | None = None,
        json: object = _ABSENT,
        text: str | None = None,
        html: str | None = None,
        content: bytes | str | None = None,
        file: str | os.PathLike[str] | None = None,
        raw: bytes | None = None,
        http_version: str = "1.1",
    ) -> None:
        self._arguments: dict[str, object] = {
            name: value
            for name, value in (
                ("reason", reason),
                ("headers", headers),
                ("cookies", cookies),
                ("text", text),
                ("html", html),
                ("content", content),
                ("file", file),
                ("raw", raw),
            )
            if value is not None
        }
        if json is not _ABSENT:
            self._arguments["json"] = json
        if http_version != "1.1":
            self._arguments["http_version"] = http_version
        self.status = _checked_status(status)
        self.reason = None if reason is None else _encoded("reason", reason)
        self.http_version = http_version
        if http_version not in {"1.0", "1.1"}:
            message = f"http_version={http_version!r} can't be written; use '1.1' or '1.0', or raw= for anything else"
            raise UsageError(message)
        self.headers, self.removed = _split_headers(headers)
        if cookies is not None:
            self.headers += tuple((b"Set-Cookie", _encoded("cookies", f"{k}={v}")) for k, v in cookies.items())
        self.raw = _checked_bytes("raw", raw) if raw is not None else None
        self.body, self.content_type = self._make_body()
        self.faults: tuple[object, ...] = ()
        self.delay_ns = 0

    def _make_body(self) -> tuple[bytes, bytes | None]:
        given = [name for name in BODY_ARGUMENTS if name in self._arguments]
        if len(given) > 1:
            message = f"a response has one body: {' and '.join(f'{name}=' for name in given)} were given together"
            raise UsageTypeError(message)
        if not given or given == ["raw"]:
            return b"", None
        make = _BODY_MAKERS[given[0]]
        return make(self._arguments[given[0]])

    def with_faults(self, *faults: object) -> Response:
        """Return a copy that carries these faults beside its content, applied from left to right.

        Raises:
            UsageTypeError: something that is not a fault.
        """
        for fault in faults:
            if not hasattr(fault, "through"):
                message = f"with_faults() takes faults of pytest_epoll.faults, not {fault!r}"
                raise UsageTypeError(message)
        copy = self._copy()
        copy.faults = self.faults + faults
        return copy

    def with_delay(self, seconds: float) -> Response:
        """Return a copy that is sent so many seconds after it was chosen.

        Raises:
            UsageError: a negative number.
        """
        copy = self._copy()
        copy.delay_ns = checked_delay("seconds", seconds)
        return copy

    def _copy(self) -> Response:
        copy = object.__new__(Response)
        for name in Response.__slots__:
            setattr(copy, name, getattr(self, name))
        return copy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Response) and all(
            getattr(self, name) == getattr(other, name) for name in Response.__slots__ if name != "_arguments"
        )

    def __hash__(self) -> int:
        return hash((self.status, self.headers, self.body, self.raw))

    def __repr__(self) -> str:
        arguments = [str(self.status), *(f"{name}={value!r}" for name, value in self._arguments.items())]
        text = f"Response({', '.join(arguments)})"
        if self.faults:
            text += f".with_faults({', '.join(map(repr, self.faults))})"
        if self.delay_ns:
            text += f".with_delay({self.delay_ns / 1e9:g})"
        return text


def checked_delay(name: str, seconds: float) -> int:
    """Return a duration that a caller gave in seconds as nanoseconds.

    Raises:
        UsageTypeError: not a number.
        UsageError: negative or not finite.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        message = f"{name} must be a number of seconds, not {seconds!r}"
        raise UsageTypeError(message)
    if not 0 <= seconds < float("inf"):
        message = f"{name}={seconds!r} is no duration; use a number of seconds from 0 on"
        raise UsageError(message)
    return clock.to_ns(seconds)


def _checked_status(status: int) -> int:
    if isinstance(status, bool) or not isinstance(status, int):
        message = f"status must be an int such as 200, not {status!r}"
        raise UsageTypeError(message)
    if not 100 <= status <= 999:  # noqa: PLR2004 - three digits, RFC 9112 section 4
        message = f"status={status} has not three digits (RFC 9112 section 4); use raw= to send another status line"
        raise UsageError(message)
    return int(status)


def _checked_bytes(name: str, value: object) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    message = f"{name}= takes bytes, not {value!r}"
    raise UsageTypeError(message)


def _encoded(name: str, text: object) -> bytes:
    """Return a header's text as bytes: Latin-1, and UTF-8 for what Latin-1 can't say (as browsers and curl do)."""
    if isinstance(text, bytes):
        data = text
    elif isinstance(text, str):
        try:
            data = text.encode("latin-1")
        except UnicodeEncodeError:
            data = text.encode()
    else:
        message = f"{name} takes str or bytes, not {text!r}"
        raise UsageTypeError(message)
    if b"\r" in data or b"\n" in data or b"\0" in data:
        message = f"{name}: {text!r} has a line break or a NUL, which would end the line; to send it anyway use raw="
        raise UsageError(message)
    return data


def _split_headers(headers: HeaderItems | None) -> tuple[tuple[RawPair, ...], frozenset[bytes]]:
    """Return the pairs to send and the (lower-case) names of those that must not be added."""
    if headers is None:
        return (), frozenset()
    items = headers.items() if isinstance(headers, Mapping) else headers
    sent: list[RawPair] = []
    removed: set[bytes] = set()
    for item in items:
        if not (isinstance(item, tuple) and len(item) == 2):  # noqa: PLR2004 - a pair
            message = f"headers= takes a mapping or (name, value) pairs, not {item!r}"
            raise UsageTypeError(message)
        name = _encoded("headers", item[0])
        if not name:
            message = "headers: a header needs a name"
            raise UsageError(message)
        if item[1] is None:
            removed.add(name.lower())
        else:
            sent.append((name, _encoded("headers", item[1])))
    return tuple(sent), frozenset(removed)


def _json_body(value: object) -> tuple[bytes, bytes]:
    try:
        return json_module.dumps(value).encode(), b"application/json"
    except (TypeError, ValueError) as error:
        message = f"json={value!r} can't be written as JSON: {error}"
        raise UsageTypeError(message) from error


def _text_body(value: object) -> tuple[bytes, bytes]:
    return _checked_text("text", value), b"text/plain; charset=utf-8"


def _html_body(value: object) -> tuple[bytes, bytes]:
    return _checked_text("html", value), b"text/html; charset=utf-8"


def _checked_text(name: str, value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    message = f"{name}= takes str, not {value!r}; use content= for bytes"
    raise UsageTypeError(message)


def _content_body(value: object) -> tuple[bytes, None]:
    return (value.encode() if isinstance(value, str) else _checked_bytes("content", value)), None


def _file_body(value: object) -> tuple[bytes, bytes]:
    import mimetypes  # noqa: PLC0415 - reads the system's tables, and few tests send files

    path = Path(value)  # type: ignore[arg-type]  # Path says what is wrong with it
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return path.read_bytes(), kind.encode("latin-1")


_BODY_MAKERS: dict[str, Callable[[object], tuple[bytes, bytes | None]]] = {
    "json": _json_body,
    "text": _text_body,
    "html": _html_body,
    "content": _content_body,
    "file": _file_body,
}
