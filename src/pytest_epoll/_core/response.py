"""A reply's content, as a value: what to say, not when and not how badly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pytest_epoll._core.checks import checked_delay, checked_status
from pytest_epoll._core.content import BODY_MAKERS, cookie_fields, encoded, split_headers
from pytest_epoll._core.score import Score, is_fault
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterable, Callable

    from pytest_epoll._core.content import HeaderItems

    StreamSource = Iterable[Any] | AsyncIterable[Any] | Callable[[], Iterable[Any] | AsyncIterable[Any]]
    Informational = Iterable[int | tuple[int, HeaderItems] | "Response"]

ABSENT: Any = type("_Absent", (), {"__repr__": lambda _self: "<not given>"})()
"""Stands for `json=` that was not given: None is JSON null."""

_BODY_ARGUMENTS = (*BODY_MAKERS, "stream", "events")
_WRITTEN_INTO_RAW = ("reason", "headers", "cookies", "trailers", "http_version")

_FINAL_STATUS = 200
"""Below it a status is informational (RFC 9110 section 15.2)."""


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
        content: bytes, or a str as UTF-8, without a Content-Type.
        file: a path; its content is read now, and its type guessed from its name.
        stream: a score: an iterable, an async iterable, or a callable that returns one, of bytes (each one chunk),
            numbers (pauses in seconds), gates and faults. An iterator can be used for one request only.
        events: the same for server-sent events, as text/event-stream: a str is data; a dict has `event`, `id`, `retry`
            and `data`, written in that order; data that is no str becomes JSON.
        raw: these bytes as they are, in place of status line, headers and body; `status` is then only what is recorded.
        trailers: a mapping or pairs, sent behind the last chunk (RFC 9112 section 7.1.2); the body is then chunked.
        informational: interim responses that come before (RFC 9110 section 15.2): statuses below 200, `(status,
            headers)` pairs, or `Response`s.
        http_version: "1.1" or "1.0"; after a 1.0 reply the connection is closed unless the reply says keep-alive.

    Raises:
        UsageTypeError: more than one kind of body, `raw` with what should be written into it, or an argument of a wrong
            type.
        UsageError: a status, header, cookie or version that can't be written, or trailers without chunks.
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
        "informational",
        "raw",
        "reason",
        "removed",
        "score",
        "status",
        "trailers",
    )

    def __init__(
        self,
        status: int = 200,
        *,
        reason: str | None = None,
        headers: HeaderItems | None = None,
        cookies: Mapping[str, str] | None = None,
        json: object = ABSENT,
        text: str | None = None,
        html: str | None = None,
        content: bytes | str | None = None,
        file: str | os.PathLike[str] | None = None,
        stream: StreamSource | None = None,
        events: StreamSource | None = None,
        raw: bytes | None = None,
        trailers: HeaderItems | None = None,
        informational: Informational | None = None,
        http_version: str = "1.1",
    ) -> None:
        given = {
            "reason": reason,
            "headers": headers,
            "cookies": cookies,
            "text": text,
            "html": html,
            "content": content,
            "file": file,
            "stream": stream,
            "events": events,
            "raw": raw,
            "trailers": trailers,
            "informational": informational,
        }
        self._arguments: dict[str, object] = {name: value for name, value in given.items() if value is not None}
        if json is not ABSENT:
            self._arguments["json"] = json
        if http_version != "1.1":
            self._arguments["http_version"] = http_version
        if http_version not in ("1.0", "1.1"):
            message = f"http_version={http_version!r} can't be written; use '1.1' or '1.0', or raw= for anything else"
            raise UsageError(message) if isinstance(http_version, str) else UsageTypeError(message)
        self.http_version = http_version
        self.status = checked_status(status)
        self.reason = None if reason is None else encoded("reason", reason)
        self.headers, self.removed = split_headers("headers", headers)
        if cookies is not None:
            self.headers += cookie_fields(cookies)
        self.trailers = split_headers("trailers", trailers)[0]
        self.informational = _checked_informational(informational)
        self.body, self.content_type = self._make_body()
        self.faults: tuple[object, ...] = ()
        self.delay_ns = 0

    def _make_body(self) -> tuple[bytes, bytes | None]:
        given = [name for name in _BODY_ARGUMENTS if name in self._arguments]
        self.score: Score | None = None
        self.raw: bytes | None = None
        if len(given) > 1:
            message = f"a response has one body: {' and '.join(f'{name}=' for name in given)} were given together"
            raise UsageTypeError(message)
        self._check_framing(is_raw=given == ["raw"])
        if not given:
            return b"", None
        value = self._arguments[given[0]]
        if given[0] in {"stream", "events"}:
            is_events = given[0] == "events"
            self.score = Score(value, is_events=is_events)
            return b"", b"text/event-stream" if is_events else None
        body, content_type = BODY_MAKERS[given[0]](value)
        if given == ["raw"]:
            self.raw = body
            return b"", None
        return body, content_type

    def _check_framing(self, *, is_raw: bool) -> None:
        """Refuse what would be dropped in silence."""
        extra = [name for name in _WRITTEN_INTO_RAW if name in self._arguments]
        if is_raw and extra:
            message = f"raw= is sent as it is: write {' and '.join(f'{name}=' for name in extra)} into it"
            raise UsageTypeError(message)
        if not self.trailers:
            return
        framing = {name.lower() for name, _ in self.headers} | self.removed
        is_chunked = b"transfer-encoding" not in framing or {"stream", "events"} & self._arguments.keys()
        if b"content-length" in {name.lower() for name, _ in self.headers} or not is_chunked:
            message = "trailers= go behind the last chunk, and the headers say that there are none; use raw= for both"
            raise UsageError(message)

    def with_faults(self, *faults: object) -> Response:
        """Return a copy that carries these faults beside its content, applied from left to right.

        Raises:
            UsageTypeError: something that is not a fault.
        """
        for fault in faults:
            if not is_fault(fault):
                message = f"with_faults() takes faults of pytest_epoll.faults, not {fault!r}"
                raise UsageTypeError(message)
        copy = self._copy()
        copy.faults = self.faults + faults
        return copy

    def with_delay(self, seconds: float) -> Response:
        """Return a copy that is sent so many seconds after it was chosen.

        Raises:
            UsageTypeError: no number.
            UsageError: a negative one.
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

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - what IPython and Hypothesis call
        printer.text(repr(self))  # where it would show by which calls a value was made


def _checked_informational(given: Any) -> tuple[Response, ...]:
    if given is None:
        return ()
    if isinstance(given, (str, bytes, int, Response)) or not isinstance(given, Iterable):
        message = f"informational= takes a list of statuses, (status, headers) pairs or Responses, not {given!r}"
        raise UsageTypeError(message)
    interim = []
    for item in given:
        response = _interim(item)
        if response.body or response.score is not None or response.raw is not None or response.trailers:
            message = f"informational: {response!r} has a body, and interim responses have none (RFC 9110 section 15.2)"
            raise UsageError(message)
        if response.status >= _FINAL_STATUS:
            message = f"informational: {response.status} is final; interim responses have a status from 100 to 199"
            raise UsageError(message)
        interim.append(response)
    return tuple(interim)


def _interim(item: Any) -> Response:
    if isinstance(item, Response):
        return item
    pair: tuple[Any, Any] = item if isinstance(item, tuple) and len(item) == 2 else (item, None)  # noqa: PLR2004
    return Response(pair[0], headers=pair[1])
