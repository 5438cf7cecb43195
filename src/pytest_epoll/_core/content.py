"""What callers give as headers and bodies, checked at the call and turned into bytes."""

from __future__ import annotations

import json as json_module
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from pytest_epoll._core.checks import checked_bytes
from pytest_epoll.errors import UsageError, UsageTypeError

HeaderItems: TypeAlias = "Mapping[str, str | None] | Iterable[tuple[str | bytes, str | bytes | None]]"
"""Headers as callers give them: a mapping or pairs, sent in that order; None removes one that would be added."""

RawPair: TypeAlias = tuple[bytes, bytes]


def encoded(name: str, text: object) -> bytes:
    """Return a header's text as bytes: Latin-1, and UTF-8 for what Latin-1 can't say (as browsers and curl do).

    Raises:
        UsageTypeError: neither str nor bytes.
        UsageError: a line break or a NUL in it.
    """
    if isinstance(text, bytes):
        data = text
    elif isinstance(text, str):
        try:
            data = text.encode("latin-1")
        except UnicodeEncodeError:
            data = text.encode("utf-8", "surrogateescape")
    else:
        message = f"{name} takes str or bytes, not {text!r}"
        raise UsageTypeError(message)
    if b"\r" in data or b"\n" in data or b"\0" in data:
        message = f"{name}: {text!r} has a line break or a NUL, which would end the line; to send it anyway use raw="
        raise UsageError(message)
    return data


def split_headers(name: str, headers: HeaderItems | None) -> tuple[tuple[RawPair, ...], frozenset[bytes]]:
    """Return the pairs to send and the (lower-case) names of those that must not be added.

    Raises:
        UsageTypeError: neither a mapping nor pairs, or a value that is no text.
        UsageError: an empty name, or one that can't be a line.
    """
    if headers is None:
        return (), frozenset()
    if isinstance(headers, (str, bytes)) or not isinstance(headers, Iterable):
        message = f"{name}= takes a mapping or (name, value) pairs, not {headers!r}"
        raise UsageTypeError(message)
    sent: list[RawPair] = []
    removed: set[bytes] = set()
    for item in headers.items() if isinstance(headers, Mapping) else headers:
        if not (isinstance(item, (tuple, list)) and len(item) == 2):  # noqa: PLR2004 - a pair
            message = f"{name}= takes a mapping or (name, value) pairs, not {item!r}"
            raise UsageTypeError(message)
        key = encoded(name, item[0])
        if not key or b":" in key:
            message = f"{name}: {item[0]!r} is no name of a field; to send such a line anyway use raw="
            raise UsageError(message)
        if item[1] is None:
            removed.add(key.lower())
        else:
            sent.append((key, encoded(f"{name}[{item[0]!r}]", item[1])))
    return tuple(sent), frozenset(removed)


def cookie_fields(cookies: object) -> tuple[RawPair, ...]:
    """Return a Set-Cookie field for each item of a mapping.

    Raises:
        UsageTypeError: not a mapping of texts.
        UsageError: a name or value that would end early.
    """
    if not isinstance(cookies, Mapping):
        message = f"cookies= takes a mapping of names to values, not {cookies!r}"
        raise UsageTypeError(message)
    fields = []
    for name, value in cookies.items():
        if not isinstance(name, str) or not isinstance(value, str):
            message = f"cookies= takes str, not {name!r}: {value!r}"
            raise UsageTypeError(message)
        if not name or set(name) & set("=; \t,"):
            message = f"cookies: {name!r} is no name of a cookie (RFC 6265 section 4.1.1)"
            raise UsageError(message)
        fields.append((b"Set-Cookie", encoded("cookies", f"{name}={value}")))
    return tuple(fields)


# -- bodies: each returns the bytes and the Content-Type to add, if any --


def _json_body(value: object) -> tuple[bytes, bytes]:
    try:
        return json_module.dumps(value).encode(), b"application/json"
    except (TypeError, ValueError, RecursionError) as error:
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
    return (value.encode() if isinstance(value, str) else checked_bytes("content", value)), None


def _file_body(value: Any) -> tuple[bytes, bytes]:
    import mimetypes  # noqa: PLC0415 - reads the system's tables, and few tests send files

    if not isinstance(value, str) and not hasattr(value, "__fspath__"):
        message = f"file= takes a path, not {value!r}"
        raise UsageTypeError(message)
    path = Path(value)
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return path.read_bytes(), kind.encode("latin-1")


def _raw_body(value: object) -> tuple[bytes, None]:
    return checked_bytes("raw", value), None


BODY_MAKERS: dict[str, Callable[[object], tuple[bytes, bytes | None]]] = {
    "json": _json_body,
    "text": _text_body,
    "html": _html_body,
    "content": _content_body,
    "file": _file_body,
    "raw": _raw_body,
}
