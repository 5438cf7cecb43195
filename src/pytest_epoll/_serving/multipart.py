"""A multipart body as its parts; the library python-multipart takes it apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from pytest_epoll._core.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body.

    Attributes:
        name: of the form's field, or "".
        filename: as the client named the file, or None.
        content_type: its own Content-Type as sent, or None.
        headers: all of its header fields.
        content: its bytes.
    """

    name: str
    filename: str | None
    content_type: str | None
    headers: Headers
    content: bytes

    @property
    def text(self) -> str:
        """The content as UTF-8; what can't be decoded is replaced."""
        return self.content.decode("utf-8", "replace")


class Parts(Sequence[Part]):
    """The parts in the order in which they came; `parts["name"]` is the first one of that name."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)

    @overload
    def __getitem__(self, key: int | str) -> Part: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Part]: ...
    def __getitem__(self, key: int | str | slice) -> Part | Sequence[Part]:
        if not isinstance(key, str):
            return self._parts[key]
        for part in self._parts:
            if part.name == key:
                return part
        raise KeyError(key)

    def get_list(self, name: str) -> list[Part]:
        """Return all parts of a name."""
        return [part for part in self._parts if part.name == name]

    def __len__(self) -> int:
        return len(self._parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (Parts, list, tuple)) and list(self._parts) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it compares like a list

    def __repr__(self) -> str:
        return repr(list(self._parts))


def parse_parts(content_type: str, body: bytes) -> Parts:
    """Return the parts of a body of that Content-Type.

    Raises:
        ValueError: it is no multipart type, has no boundary, or the body is malformed or ends too early.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not kind.startswith(b"multipart/") or not boundary:
        message = f"Content-Type {content_type!r} is no multipart type with a boundary"
        raise ValueError(message)
    builder = _Builder()
    try:
        parser = MultipartParser(boundary, builder.callbacks)  # type: ignore[arg-type]  # a plain dict of the same keys
        parser.write(body)
        parser.finalize()
    except MultipartParseError as error:
        message = f"the body is not {content_type}: {error}"
        raise ValueError(message) from error
    if not builder.has_ended:
        message = f"the body is not {content_type}: it ends before its last boundary"
        raise ValueError(message)
    return Parts(builder.parts)


class _Builder:
    """Puts together what the parser calls out."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.has_ended = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._name = self._value = b""
        self._pieces: list[bytes] = []
        self.callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin,
            "on_header_field": self._add_name,
            "on_header_value": self._add_value,
            "on_header_end": self._end_header,
            "on_part_data": self._add_content,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._headers = []
        self._pieces = []

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers.append((self._name, self._value))
        self._name = self._value = b""

    def _add_content(self, data: bytes, start: int, end: int) -> None:
        self._pieces.append(data[start:end])

    def _end_part(self) -> None:
        headers = Headers(self._headers)
        _, options = parse_options_header(headers.get("Content-Disposition", ""))
        filename = options.get(b"filename")
        self.parts.append(
            Part(
                options.get(b"name", b"").decode("utf-8", "replace"),
                None if filename is None else filename.decode("utf-8", "replace"),
                headers.get("Content-Type"),
                headers,
                b"".join(self._pieces),
            )
        )

    def _end(self) -> None:
        self.has_ended = True
