"""The arguments of faults that slow something down."""

from __future__ import annotations

from pytest_epoll._core.checks import checked_number, checked_whole
from pytest_epoll.errors import UsageError


def check_rate(bytes_per_second: object, size: object, *, instead: str) -> None:
    """Check the two arguments; `instead` is what to use for no bytes at all.

    Raises:
        UsageTypeError: no number.
        UsageError: a rate that is not above 0 or has no end, or a size below 1.
    """
    if not 0 < checked_number("bytes_per_second", bytes_per_second) < float("inf"):
        message = f"bytes_per_second={bytes_per_second} is no rate; use a number above 0, or {instead}"
        raise UsageError(message)
    if size is not None:
        checked_whole("size", size, least=1)
