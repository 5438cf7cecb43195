"""Arguments of callers that are one plain value, checked at the call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pytest_epoll._core import clock
from pytest_epoll.errors import UsageError, UsageTypeError

LONGEST_WAIT: Final = 9_223_372_036.0
"""Seconds that the system's clock can count in 64 bits of nanoseconds, which is what locks and timers take."""


def checked_flag(name: str, value: object) -> bool:
    """Return a flag that a caller gave.

    Raises:
        UsageTypeError: not a bool.
    """
    if isinstance(value, bool):
        return value
    message = f"{name} must be True or False, not {value!r}"
    raise UsageTypeError(message)


def checked_number(name: str, value: object) -> float:
    """Return a number that a caller gave.

    Raises:
        UsageTypeError: no number.
        UsageError: not a number in the sense of arithmetic.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        message = f"{name} must be a number, not {value!r}"
        raise UsageTypeError(message)
    if value != value:  # noqa: PLR0124 - what NaN is
        message = f"{name}={value!r} has no place in an order; use a number"
        raise UsageError(message)
    return value


def checked_status(status: object) -> int:
    """Return a status code that a caller gave.

    Raises:
        UsageTypeError: not an int.
        UsageError: it has not three digits.
    """
    if isinstance(status, bool) or not isinstance(status, int):
        message = f"status must be an int such as 200, not {status!r}"
        raise UsageTypeError(message)
    if not 100 <= status <= 999:  # noqa: PLR2004 - three digits, RFC 9112 section 4
        message = f"status={status} has not three digits (RFC 9112 section 4); use raw= to send another status line"
        raise UsageError(message)
    return int(status)


def checked_text(name: str, value: object) -> str:
    """Return a text that a caller gave.

    Raises:
        UsageTypeError: not a str.
        UsageError: it is empty.
    """
    if not isinstance(value, str):
        message = f"{name} must be a str, not {value!r}"
        raise UsageTypeError(message)
    if not value:
        message = f"{name} is empty; give it at least one character"
        raise UsageError(message)
    return value


def checked_whole(name: str, value: object, *, least: int | None = None, most: int | None = None) -> int:
    """Return a whole number that a caller gave, within bounds.

    Raises:
        UsageTypeError: not an int.
        UsageError: out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"{name} must be a whole number, not {value!r}"
        raise UsageTypeError(message)
    if (least is not None and value < least) or (most is not None and value > most):
        allowed = f"from {least} on" if most is None else f"from {least} to {most}"
        message = f"{name}={value} is out of range; use a number {allowed}"
        raise UsageError(message)
    return value


def checked_bytes(name: str, value: object) -> bytes:
    """Return bytes that a caller gave, as `bytes`.

    Raises:
        UsageTypeError: not bytes.
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    message = f"{name}= takes bytes, not {value!r}"
    raise UsageTypeError(message)


def checked_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Return one of several words that a caller gave.

    Raises:
        UsageTypeError: not a str.
        UsageError: another word.
    """
    word = checked_text(name, value)
    known = tuple(choices)
    if word not in known:
        message = f"{name}={word!r} is not known; use {', '.join(map(repr, known))}"
        raise UsageError(message)
    return word


def checked_words(name: str, values: object, choices: tuple[str, ...]) -> frozenset[str]:
    """Return a set of words that a caller gave; one word alone is meant as a set of it.

    Raises:
        UsageTypeError: no words.
        UsageError: an unknown one.
    """
    if not isinstance(values, Iterable) or isinstance(values, bytes):
        message = f"{name} takes {', '.join(map(repr, choices))}, not {values!r}"
        raise UsageTypeError(message)
    if values is choices:
        return frozenset(choices)
    words: Iterable[object] = (values,) if isinstance(values, str) else values
    return frozenset(checked_choice(name, word, choices) for word in words)


def checked_seconds(name: str, value: object) -> float:
    """Return a duration that a caller gave, in seconds.

    Raises:
        UsageTypeError: not a number.
        UsageError: negative, or not a number in the sense of arithmetic.
    """
    seconds = checked_number(name, value)
    if seconds < 0:
        message = f"{name}={value!r} is no duration; use seconds from 0 on"
        raise UsageError(message)
    return seconds


def checked_timeout(timeout: object) -> float:
    """Return a deadline that a caller gave, in seconds.

    Raises:
        UsageTypeError: not a number.
        UsageError: negative, not a number in the sense of arithmetic, or for ever.
    """
    seconds = checked_number("timeout", timeout)
    if not 0 <= seconds <= LONGEST_WAIT:
        message = f"timeout={timeout!r} is no duration; use seconds from 0 on, and not for ever"
        raise UsageError(message)
    return seconds


def checked_delay(name: str, seconds: object) -> int:
    """Return a duration that a caller gave in seconds as nanoseconds.

    Raises:
        UsageTypeError: not a number.
        UsageError: negative, or longer than the system's clock can count.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        message = f"{name} must be a number of seconds, not {seconds!r}"
        raise UsageTypeError(message)
    if not 0 <= seconds <= LONGEST_WAIT:
        message = f"{name}={seconds!r} is no duration; use a number of seconds from 0 on, and to wait for ever a gate"
        raise UsageError(message)
    return clock.to_ns(seconds)
