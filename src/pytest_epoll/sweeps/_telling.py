"""What a call came to, in words that can be compared with those of its neighbours.

Facts
- Two calls that came to the same thing rarely print the same: exceptions and objects name addresses and ports, count
  bytes ("12 bytes read, 84 more expected") and quote what they got ("bad status line: HTT").
- A difference in a returned value matters, also if it is only a number: 200 is not 500.

What we do. A text is taken apart into words and what may differ. Addresses in memory and the server's port are left
out. In what was raised every number may differ, and the bytes that were delivered; in what was returned those that say
how much of the body is there, and those that move in step with the position, as a length does. What differs within a
range is shown as "first..last".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_epoll._core.showing import count, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SHOWN: Final = 240
"""Characters of a text that are shown: three lines of a terminal."""

_COMPARED: Final = 4000
"""Characters of a message that are compared; somebody's whole HTML page may be one."""

_LITERAL: Final = 24
"""Bytes of a body that are shown rather than counted."""

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_NUMBER = re.compile(r"([0-9]+)")

_BODIES = ("_content", "content", "_body", "body", "data")
"""Where responses keep a body that was read: requests and httpx, urllib3 and aiohttp, and what people write."""

_STATUSES = ("status", "status_code")


class Varying(NamedTuple):
    """What may differ within a text."""

    text: str
    is_free: bool  # it may be anything; otherwise it is a number that may move in step with the position

    @property
    def value(self) -> int:
        return int(self.text)


Text = tuple["str | Varying", ...]
"""Words, and what may differ."""


# -- from outcomes to texts --


def raised(error: BaseException, port: int, delivered: bytes = b"") -> Text:
    """Return what an exception says; each number in it is free, and so is a quotation of what was `delivered`."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    said = _clean(_safely(str, error), port)[:_COMPARED]
    if not said:
        return (f"raised {name}",)
    text: list[str | Varying] = [f"raised {name}: "]
    end = printable(delivered[-_SHOWN:].decode("latin-1"))
    for index, part in enumerate(_quotation(end).split(said)):
        quoted = part.lstrip("b")[1:-1]
        is_quoted = index % 2 and (part == end or end.endswith(quoted) or _BREAKS.sub("", end).endswith(quoted))
        text += [Varying(part, is_free=True)] if is_quoted else _numbered(part, is_free=True)
    return tuple(text)


_BREAKS = re.compile(r"(?:[: ]|\\r|\\n)+$")
"""What is sent between a name and a value, or behind a line, and belongs to neither; line breaks are escaped."""


def _quotation(end: str) -> re.Pattern[str]:
    """Return what finds in a message all that was delivered, and whatever stands in quotes."""
    everything = rf"(?<!\w){re.escape(end)}(?!\w)|" if 0 < len(end) <= _LITERAL else ""
    return re.compile(rf"""({everything}b?'[^']*'|b?"[^"]*")""")


def returned(value: object, port: int, whole: object) -> Text:
    """Return what a value is; `whole` is the one that the uncut response came to, or the value itself."""
    return ("returned ", *_value(value, port, whole))


def _value(value: object, port: int, whole: object) -> Iterator[str | Varying]:
    if isinstance(value, (bytes, bytearray, str)):
        yield from _content(value, whole)
    elif type(value) in {tuple, list}:
        yield from _items(value, port, whole)  # type: ignore[arg-type]  # what `type(value)` says
    else:
        text = _clean(_safely(repr, value), port)
        body = _attribute(value, _BODIES, (bytes, str))
        if "object at" in _safely(repr, value) and (status := _attribute(value, _STATUSES, (int,))) is not None:
            text += f", status {status}"  # a repr that says nothing
        yield from _numbered(shortened(text, _SHOWN), is_free=False)
        if body is not None:
            yield ", body "
            yield from _content(body, _attribute(whole, _BODIES, (bytes, str)))


def _items(value: Sequence[object], port: int, whole: Any) -> Iterator[str | Varying]:
    is_like = type(whole) is type(value) and len(whole) == len(value)
    models = whole if is_like else [None] * len(value)
    opening, closing = "()" if isinstance(value, tuple) else "[]"
    yield opening
    for index, (item, model) in enumerate(zip(value, models, strict=True)):
        if index:
            yield ", "
        yield from _value(item, port, model)
    yield "," + closing if isinstance(value, tuple) and len(value) == 1 else closing


def _content(value: bytes | bytearray | str, whole: object) -> Iterator[str | Varying]:
    unit = "character" if isinstance(value, str) else "byte"
    is_like = type(whole) is type(value)
    model: Any = whole if is_like else None
    if value and is_like and value != model and model.startswith(value):
        yield "the first "
        yield Varying(str(len(value)), is_free=True)
        yield f" of {count(len(model), unit)}"
    elif len(value) > _LITERAL and is_like and value == model:
        yield f"all {count(len(value), unit)}"
    elif len(value) > _SHOWN:
        yield f"{value[:_LITERAL]!r}... ({count(len(value), unit)})"
    else:
        yield repr(value)


def _attribute(value: object, names: tuple[str, ...], kinds: tuple[type, ...]) -> Any:
    """Return what an object keeps under one of these names; no property is asked, for it might read on."""
    kept = getattr(value, "__dict__", {})
    return next((kept[name] for name in names if isinstance(kept.get(name), kinds)), None)


def _safely(show: Any, value: object) -> str:
    try:
        return str(show(value))
    except Exception as error:  # noqa: BLE001 - a repr of the test's; the outcome is there all the same
        return f"<{type(value).__name__} that can't be shown: {type(error).__name__}>"


def _clean(text: str, port: int) -> str:
    return printable(re.sub(rf"\b{port}\b", "PORT", _ADDRESS.sub("", text)))


def _numbered(text: str, *, is_free: bool) -> Text:
    parts = _NUMBER.split(text)
    return tuple(Varying(part, is_free) if index % 2 else part for index, part in enumerate(parts) if part)


# -- comparing texts --


def steps(one: Text, other: Text, distance: int) -> tuple[int, ...] | None:
    """Return how each number of `one` moves towards `other`, `distance` positions on; None: it is another text."""
    if len(one) != len(other):
        return None
    found = []
    for mine, theirs in zip(one, other, strict=True):
        if not (isinstance(mine, Varying) and isinstance(theirs, Varying)):
            if mine != theirs:
                return None
        elif not (mine.is_free and theirs.is_free):
            moved = theirs.value - mine.value
            if moved and abs(moved) != distance:
                return None
            found.append(moved // distance if distance else 0)
    return tuple(found)


def is_same(one: Text, other: Text) -> bool:
    """Whether both say the same; free numbers may differ."""
    return steps(one, other, 0) is not None


def written(first: Text, last: Text) -> str:
    """Return the text of a range of texts that go from one to the other."""
    shown = []
    for mine, theirs in zip(first, last, strict=True):
        if isinstance(mine, Varying) and isinstance(theirs, Varying):
            shown.append(mine.text if mine.text == theirs.text else f"{mine.text}..{theirs.text}")
        else:
            shown.append(str(mine))
    return shortened("".join(shown), _SHOWN)
