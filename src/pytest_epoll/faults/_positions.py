"""Positions: after what a fault acts.

A number counts bytes of the message on the wire, 0 is before its first byte; interim responses lie before 0. A name is
a landmark: "head" (right after the head's blank line), "last-chunk" (before the `0` line), "trailers" (before the first
of them), "end". `body(n)`, `chunk(n)` and their kin are values with a repr that is code. Positions count from 1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_epoll._core.checks import checked_text, checked_whole
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMED = ("head", "end", "last-chunk", "trailers")

_HALVES = re.compile(r"status-line|chunk-size|body|header:[^:\s]+|chunk:[1-9][0-9]*")


@dataclass(frozen=True, slots=True)
class Place:
    """A position that is neither a number nor a name; made by `faults.body(n)` and its kin."""

    kind: str
    value: object
    base: Position | None = None

    def __repr__(self) -> str:
        inner = repr(self.value) if self.base is None else f"{self.base!r}, {self.value!r}"
        return f"faults.{self.kind}({inner})"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - what IPython and Hypothesis call
        printer.text(repr(self))  # a position is code, too; see `FaultValue`


Position: TypeAlias = "int | str | Place"
"""Bytes of the message, one of `NAMED`, or what `faults.body(n)` and its kin return."""


def body(n: int) -> Place:
    """After `n` bytes of the body as on the wire, chunk framing included.

    Raises:
        UsageTypeError: no whole number.
        UsageError: a negative one.
    """
    return Place("body", checked_whole("body(n)", n, least=0))


def content(n: int) -> Place:
    """After `n` decoded bytes of the body.

    Raises:
        UsageTypeError: no whole number.
        UsageError: a negative one.
    """
    return Place("content", checked_whole("content(n)", n, least=0))


def chunk(n: int) -> Place:
    """After the `n`-th chunk, its CRLF included; the first one is 1.

    Raises:
        UsageTypeError: no whole number.
        UsageError: a number below 1.
    """
    return Place("chunk", checked_whole("chunk(n)", n, least=1))


def event(n: int) -> Place:
    """After the `n`-th server-sent event; the first one is 1.

    Raises:
        UsageTypeError: no whole number.
        UsageError: a number below 1.
    """
    return Place("event", checked_whole("event(n)", n, least=1))


def interim(n: int) -> Place:
    """After the `n`-th interim response; the first one is 1.

    Raises:
        UsageTypeError: no whole number.
        UsageError: a number below 1.
    """
    return Place("interim", checked_whole("interim(n)", n, least=1))


def header(name: str) -> Place:
    """After the line of that header field, its CRLF included; of a repeated one after the first.

    Raises:
        UsageTypeError: no str.
        UsageError: an empty one.
    """
    return Place("header", checked_text("header(name)", name))


def half_of(what: str) -> Place:
    """In the middle of something, rounded down.

    Args:
        what: "status-line" (without CRLF), "header:NAME" (its value), "chunk-size" (the first chunk's size line,
            without CRLF), "chunk:N" (the content of the N-th chunk) or "body" (up to the last chunk).

    Raises:
        UsageTypeError: no str.
        UsageError: nothing of these.
    """
    if not _HALVES.fullmatch(checked_text("half_of(what)", what)):
        message = f"half_of({what!r}): use 'status-line', 'header:NAME', 'chunk-size', 'chunk:N' or 'body'"
        raise UsageError(message)
    return Place("half_of", what)


def before(position: Position, n: int) -> Place:
    """So many bytes before another position.

    Raises:
        UsageTypeError: no position, or no whole number.
        UsageError: a position or a number that can't be.
    """
    return Place("before", checked_whole("before(position, n)", n, least=0), checked_position("before()", position))


def checked_position(argument: str, position: object) -> Position:
    """Return a position that a caller gave.

    Raises:
        UsageTypeError: no number, no name and no place.
        UsageError: a negative number, or a name that there is not.
    """
    if isinstance(position, Place):
        return position
    known = f"a number of bytes, {', '.join(map(repr, NAMED))}, or faults.body(n) and its kin"
    if isinstance(position, bool) or not isinstance(position, (int, str)):
        message = f"{argument}={position!r} is no position; use {known}"
        raise UsageTypeError(message)
    if isinstance(position, int) and position < 0:
        message = f"{argument}={position} lies before the first byte; positions count from 0"
        raise UsageError(message)
    if isinstance(position, str) and position not in NAMED:
        message = f"{argument}={position!r} is not known; use {known}"
        raise UsageError(message)
    return position


def checked_reading_position(argument: str, position: object) -> Position:
    """Return a position in a request that a caller gave.

    Raises:
        UsageTypeError: no position.
        UsageError: one that no request has, or that there is not.
    """
    checked = checked_position(argument, position)
    place: object = checked
    while isinstance(place, Place):
        if place.kind in {"event", "interim"} or place == Place("half_of", "status-line"):
            message = (
                f"{argument}={position!r} is no position of a request: only a reply has events, interim responses and "
                "a status line; for a place in the reply use after="
            )
            raise UsageError(message)
        place = place.base
    return checked


def looks_ahead(position: Position) -> bool:
    """Whether in a chunked request it is found only by looking at what lies behind it."""
    if not isinstance(position, Place):
        return position == "last-chunk"
    return position.kind == "before" or position == Place("half_of", "chunk-size")


def surely_lies_before(position: Position, other: Position) -> bool:
    """Whether a place of a request lies before another one, whatever is sent; False also if that depends on it."""
    if isinstance(position, int) and isinstance(other, int):
        return position < other
    if isinstance(other, Place) and other.kind in {"body", "content", "chunk"}:
        number = int(str(other.value))
        if isinstance(position, Place):
            return position.kind == other.kind and int(str(position.value)) < number
        return position == "head" and number > 0
    return other == "end" != position


def needs_length(position: Position) -> bool:
    """Whether it can be found only if everything that will be sent is known."""
    return isinstance(position, Place) and (position.kind == "before" or position == Place("half_of", "body"))


def is_about_chunks(position: Position) -> bool:
    """Whether it is found only in a chunked body."""
    if not isinstance(position, Place):
        return position in {"last-chunk", "trailers"}
    if position.kind == "before":
        return position.base is not None and is_about_chunks(position.base)
    return position.kind == "chunk" or (position.kind == "half_of" and str(position.value).startswith("chunk"))


def refuse_impossible(positions: Iterable[Position], fault: object, *, lengthless: str | None, is_raw: bool) -> None:
    """Raise if a position can't be found in a reply of that kind.

    Args:
        positions: the fault's.
        fault: the fault itself, for the message.
        lengthless: why nobody knows how long the reply will be: what it is.
        is_raw: its framing is the test's own.

    Raises:
        UsageError: a position that needs a length that nobody knows, or chunks in a `raw=` reply.
    """
    for position in positions:
        if lengthless is not None and needs_length(position):
            message = f"{fault!r} needs the reply's length, which {lengthless} does not have; count from its start"
            raise UsageError(message)
        if is_raw and is_about_chunks(position):
            message = f"{fault!r}: what raw= sends has no chunks that we know of; use a number of bytes"
            raise UsageError(message)
