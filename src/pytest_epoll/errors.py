"""What can go wrong, by whose fault it is.

The test's author made a mistake: `UsageError`, at the call. An expectation was not met: `EpollFindings` or
`WaitTimeout`, which are `AssertionError`s. We made a mistake: `InternalError`. What a *client* does is never an
exception: it is recorded and answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_epoll._core.finding import Finding

__all__ = (
    "EpollError",
    "EpollFindings",
    "HandlerStillRunning",
    "InternalError",
    "UsageError",
    "UsageTypeError",
    "WaitTimeout",
)


class EpollError(Exception):
    """The root of every exception that pytest-epoll raises."""


class UsageError(EpollError, ValueError):
    """A call that can't mean anything, raised at the call in the caller's thread; it names the argument and the fix."""


class UsageTypeError(UsageError, TypeError):
    """A `UsageError` about a wrong keyword or a wrong type; also a `TypeError`, as callers expect."""


class EpollFindings(EpollError, AssertionError):
    """Everything that a test left unmet, at once: its text lists each finding, `findings` has them as values."""

    def __init__(self, findings: Sequence[Finding], text: str) -> None:
        super().__init__(text)
        self.findings = tuple(findings)


class WaitTimeout(EpollError, AssertionError, TimeoutError):
    """A wait that ran out of time; its text says what was awaited and what is there instead."""


class HandlerStillRunning(RuntimeWarning):
    """A handler that would not end although its server has stopped; the text has the stack it stands in."""


class InternalError(EpollError, RuntimeError):
    """A defect of pytest-epoll itself, never of the test or of the client; please report it with its text."""
