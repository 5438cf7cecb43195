"""A streamed body as a score: bytes to send, pauses, gates to wait at, faults to act, in the order of performance.

    stream=[b"first", 0.2, gate, b"second", faults.Reset()]

A score is a list, any other iterable, an async iterable, or a callable that returns one. What is a list is checked at
the call and performed by the loop itself; anything else runs code of the test's, item by item, on a thread of its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from inspect import isawaitable
from typing import Any

from pytest_epoll._core.checks import checked_delay
from pytest_epoll.errors import UsageError, UsageTypeError

_EVENT_FIELDS = ("event", "id", "retry", "data")
"""Fields of a server-sent event, in the order in which they are written."""


def is_gate(item: object) -> bool:
    """Whether it is waited at."""
    return hasattr(item, "when_open") and not isinstance(item, type)


def is_fault(item: object) -> bool:
    """Whether it acts; the class of a fault does not, and that its arguments are missing must be said."""
    return hasattr(item, "through") and not isinstance(item, type)


class Score:
    """What `stream=` or `events=` was given: a value until it is opened.

    Raises:
        UsageTypeError: something that is no score, or an item in a list that is none of a score's.
        UsageError: a pause that is no duration, or a fault in a list that acts while the request is read.
    """

    __slots__ = ("_is_used_up", "_source", "is_events", "is_one_shot", "items")

    def __init__(self, source: Any, *, is_events: bool) -> None:
        self.is_events = is_events
        self._source = source
        self.items: tuple[object, ...] | None = None  # checked and encoded, if they are known already
        self.is_one_shot = isinstance(source, Iterator) or hasattr(source, "__anext__")
        self._is_used_up = False
        if not callable(source):
            self._check_source(source)
        if isinstance(source, (list, tuple)):
            self.items = tuple(self.encode(item) for item in source)

    @property
    def _name(self) -> str:
        return "events" if self.is_events else "stream"

    def _check_source(self, source: object) -> None:
        # Bytes are iterable, too, but as a score they would be pauses of so many seconds.
        is_text = isinstance(source, (str, bytes, bytearray, memoryview, Mapping))
        if is_text or not isinstance(source, (Iterable, AsyncIterable)):
            message = (
                f"{self._name}= takes an iterable, an async iterable or a callable that returns one, not {source!r}"
                + ("" if self.is_events else "; for one piece use content=")
            )
            raise UsageTypeError(message)

    def open(self, wait_for: Callable[[Any], object]) -> Iterable[object] | AsyncIterable[object]:
        """Return a run through the score; calls code of the test's.

        Args:
            wait_for: returns what an awaitable returns, for a callable that is a coroutine function.

        Raises:
            UsageTypeError: a callable has returned something that is no score.
            UsageError: an iterator that another reply has used up.
        """
        source: Any = self._source
        if callable(source) and not isinstance(source, (Iterable, AsyncIterable)):
            source = source()
            if isawaitable(source):
                source = wait_for(source)
            self._check_source(source)
        elif self.is_one_shot and self._is_used_up:
            message = (
                f"{self!r} is an iterator, which can be used once; give a list or a callable that returns a new one"
            )
            raise UsageError(message)
        self._is_used_up = True
        run: Iterable[object] | AsyncIterable[object] = source
        return run

    def encode(self, item: Any) -> object:
        """Return an item as what is performed: bytes, a pause in seconds, a gate or a fault.

        Raises:
            UsageTypeError: something else.
            UsageError: a pause that is no duration, or a fault that acts while the request is read.
        """
        if is_fault(item) and getattr(item, "acts_on_reading", False):
            message = (
                f"{self._name}=: {item!r} acts while the request is read, which is over when a stream is sent; "
                "use fault= instead"
            )
            raise UsageError(message)
        if is_gate(item) or is_fault(item):
            return item
        if isinstance(item, (int, float)) and not isinstance(item, bool):
            checked_delay("a pause in a stream", item)
            return item
        if isinstance(item, (bytes, bytearray, memoryview)):
            return bytes(item)
        if self.is_events:
            return event_bytes(item)
        message = f"stream= takes bytes, pauses in seconds, gates and faults, not {item!r}"
        raise UsageTypeError(message)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Score) and self.is_events == other.is_events and self._source == other._source

    __hash__ = None  # type: ignore[assignment]  # its source may have none

    def __repr__(self) -> str:
        name = getattr(self._source, "__qualname__", None)  # of a function or a generator: an address tells nobody much
        return f"{self._name}={self._source!r}" if name is None else f"{self._name}={name.rpartition('<locals>.')[2]}"


def event_bytes(item: Any) -> bytes:
    """Return one server-sent event (HTML, section 9.2.6: a line a field, a blank line at the end).

    Args:
        item: a str is data; a mapping has `event`, `id`, `retry` (str or int) and `data`, which is written as JSON if
            it is no str.

    Raises:
        UsageTypeError: neither, or a field that there is not.
        UsageError: a line break in a field other than data.
    """
    if isinstance(item, str):
        item = {"data": item}
    if not isinstance(item, Mapping):
        message = (
            f"events= takes str, dicts of {', '.join(_EVENT_FIELDS)}, bytes as they are, pauses, gates and faults, "
            f"not {item!r}"
        )
        raise UsageTypeError(message)
    unknown = [name for name in item if name not in _EVENT_FIELDS]
    if unknown:
        message = f"events: {unknown[0]!r} is no field of an event; use {', '.join(_EVENT_FIELDS)}"
        raise UsageTypeError(message)
    lines = []
    for name in _EVENT_FIELDS:
        if name not in item:
            continue
        text = _field_text(name, item[name])
        rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if name != "data" and len(rows) > 1:
            message = f"events: {name}={text!r} has a line break, which would end the field"
            raise UsageError(message)
        lines += [f"{name}: {row}" for row in rows]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "surrogateescape")


def _field_text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if name == "data":
        try:
            return json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            message = f"events: data={value!r} can't be written as JSON: {error}"
            raise UsageTypeError(message) from error
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    message = f"events: {name} must be a str or a whole number, not {value!r}; leave it out if there is none"
    raise UsageTypeError(message)
