"""One request and its answer: from the chosen reply to a stream of acts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core import clock, timeline
from pytest_epoll._core.acts import Drain, Fired, NextRequest, Note, ReadTo, Send, SendContinue, ShutdownWrite, Sleep

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.replies import Reply


class Exchange:
    """A request that is being read or answered. Loop thread only."""

    __slots__ = ("_journal", "head_size", "is_listed", "record", "refusal")

    def __init__(self, journal: Journal, record: RequestRecord) -> None:
        self._journal = journal
        self.record = record
        self.is_listed = False  # whether it is in the journal's list of requests
        self.head_size = 0  # of the answer; what is sent beyond it counts as its body
        self.refusal: Reply | None = None  # the answer to a request that can't be routed

    def note_sent(self, views: list[memoryview]) -> None:
        """Note bytes of the answer that the kernel has accepted."""
        record = self.record
        at_ns = clock.now_ns()
        before = record.sent.size
        for view in views:
            record.add_sent(view, at_ns)
        record.body_sent += max(0, record.sent.size - max(before, self.head_size))
        size = record.sent.size - before
        self._journal.note(at_ns, record, timeline.SENT, size, bytes(views[0][:_PREVIEW]))


_PREVIEW = 256
"""Bytes of a segment that its fact keeps: enough for a line of the timeline; the rest is in the record's window."""


def request_acts(answer: Callable[[], Acts]) -> Acts:
    """Return what happens to a request whose head has come, but not its body: read it, then choose the answer."""
    yield SendContinue()
    yield ReadTo("end")
    yield from answer()


def reply_acts(reply: Reply, image: Image, *, closes: bool, route: int | None) -> Acts:
    """Return what a reply does on the wire, its faults applied from left to right."""
    stream = _content_acts(reply, image, closes=closes)
    for place, fault in enumerate(reply.faults):
        stream = _noting(fault.through(stream), fault, (route or 0, reply.number, place, repr(fault)))
    return stream


def _content_acts(reply: Reply, image: Image, *, closes: bool) -> Acts:
    if reply.delay_ns:
        yield Sleep(reply.delay_ns)
    yield Send(image)
    if closes:
        yield ShutdownWrite()
        yield Drain()
    else:
        yield NextRequest()


def _noting(stream: Acts, fault: object, identity: tuple[int, int, int, str]) -> Acts:
    """Write down that a fault is armed, and turn its `Fired` into a fact that says which one it was."""
    try:
        yield Note(timeline.ARMED, identity)
        for act in stream:
            if isinstance(act, Fired) and act.fault is fault:
                yield Note(timeline.FAULT, identity)
            else:
                yield act
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
