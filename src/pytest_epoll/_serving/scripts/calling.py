"""Calling the function of a `call` step: on a worker thread, with what it raises made fit for a finding."""

from __future__ import annotations

import _thread
import errno
from inspect import isasyncgenfunction, isawaitable, iscoroutinefunction, isgenerator, isgeneratorfunction
from typing import TYPE_CHECKING, Any

from pytest_epoll._core.location import is_ours
from pytest_epoll.errors import UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from pytest_epoll._serving.scripts.conn import Conn


def checked_function(function: object) -> str:
    """Return what a function is called in timelines and findings.

    Raises:
        UsageTypeError: no function, or one that does not run when it is called.
    """
    if not callable(function):
        message = f"call(function) takes a function of a conn, not {function!r}"
        raise UsageTypeError(message)
    if iscoroutinefunction(function) or isgeneratorfunction(function) or isasyncgenfunction(function):
        message = (
            f"call(function) takes a plain function, as a conn blocks its thread; {function!r} does not run when it is"
            " called"
        )
        raise UsageTypeError(message)
    return getattr(function, "__name__", None) or type(function).__name__


def carry_out(function: Callable[[Conn], object], conn: Conn, *, is_optional: bool) -> None:
    """Call it; what it raises is the test's to see, unless it is only how the connection was taken from it.

    Raises:
        UsageTypeError: what it returned is still to be run: a coroutine or a generator.
        BaseException: what it raises.
    """
    conn._handover.thread = _thread.get_ident()  # noqa: SLF001 - one thing, seen from two sides
    try:
        result: Any = function(conn)
    except BaseException as error:
        if _without_our_end(error) and _is_excused(error, is_optional=is_optional):
            return
        raise
    if isawaitable(result) or isgenerator(result):
        close = getattr(result, "close", None)
        if close is not None:
            close()
        message = f"it returned {result!r}, which was never run; a conn blocks, so call() takes a plain function"
        raise UsageTypeError(message)


def _is_excused(error: BaseException, *, is_optional: bool) -> bool:
    """Whether a conn's own error is no finding: the connection has ended, or its client may leave early."""
    if isinstance(error, (ConnectionResetError, BrokenPipeError)):
        return is_optional
    return isinstance(error, OSError) and error.errno == errno.EBADF


def _without_our_end(error: BaseException) -> bool:
    """Have a traceback end in the test's code, and return whether it went on in ours."""
    last: TracebackType | None = None  # of the test's
    entry = error.__traceback__
    while entry is not None:
        if not is_ours(entry.tb_frame.f_code.co_filename):
            last = entry
        entry = entry.tb_next
    if last is None or last.tb_next is None:
        return False
    last.tb_next = None
    return True
