"""What a test's own code raised while the server called it: handlers, predicates, streams, hooks.

Texts are made at once: a traceback that is kept keeps every local variable alive until the end of the test.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from pytest_epoll._core import clock, timeline
from pytest_epoll._core.location import is_ours
from pytest_epoll._core.messages import Mishap
from pytest_epoll.errors import UsageError

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._serving.journal import Journal


def note_mishap(journal: Journal, loop: Loop, what: str, record: RequestRecord, error: BaseException) -> None:
    """Keep an exception for the finding and put a fact into the timeline; callable from any thread."""
    summary = f"{what} raised {describe(error)}"
    mishap = Mishap(record.connection, record.exchange, summary, format_foreign(error))
    at_ns = clock.now_ns()

    def note() -> None:
        journal.mishaps.append(mishap)
        journal.note(at_ns, record, timeline.HANDLER_ERROR, 0, summary)

    if loop.is_current_thread() or not loop.post_if_running(note):
        note()


def describe(error: BaseException) -> str:
    """Return an exception's type and text."""
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def format_foreign(error: BaseException) -> str:
    """Return an exception's traceback without the frames of ours that it begins with; of a mistake without any."""
    if isinstance(error, UsageError):
        foreign = [entry for entry in traceback.extract_tb(error.__traceback__) if not is_ours(entry.filename)]
        head = ["Traceback (most recent call last):\n", *traceback.format_list(foreign)] if foreign else []
        return "".join((*head, *traceback.format_exception_only(type(error), error)))
    begin: TracebackType | None = error.__traceback__
    while begin is not None and is_ours(begin.tb_frame.f_code.co_filename):
        begin = begin.tb_next
    return "".join(traceback.format_exception(type(error), error, begin or error.__traceback__))
