"""Arguments of callers that are one plain value, checked at the call."""

from __future__ import annotations

from pytest_epoll.errors import UsageError, UsageTypeError


def checked_flag(name: str, value: object, *, or_none: bool = False) -> bool | None:
    """Return a flag that a caller gave.

    Raises:
        UsageTypeError: not a bool (nor None, where that means something).
    """
    if isinstance(value, bool) or (or_none and value is None):
        return value
    message = f"{name} must be True{', False or None' if or_none else ' or False'}, not {value!r}"
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
