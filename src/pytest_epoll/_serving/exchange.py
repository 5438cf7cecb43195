"""One request and what is counted of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_epoll._core import clock, limits, timeline
from pytest_epoll._wire import http1_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.image import Image
    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._core.response import Response
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.replies import Reply

_WORTH_WAITING: Final = 2 * limits.WINDOW
"""Bytes of an answer up to which all of it is in the record's window anyway."""


class Exchange:
    """A request that is being read or answered. Loop thread only."""

    __slots__ = ("_announced", "_due", "_journal", "early", "head_size", "is_listed", "otherwise", "record", "refusal")

    def __init__(self, journal: Journal, record: RequestRecord) -> None:
        self._journal = journal
        self.record = record
        self.is_listed = False  # whether it is in the journal's list of requests
        self.head_size = 0  # of the answer; what is sent beyond it counts as its body
        self._due = 0  # bytes of the answer, if they are known
        self._announced: Image | None = None  # its first piece, as it was before any fault
        self.early: Reply | None = None  # the answer, chosen at the head, that acts while the request is read
        self.refusal: Reply | None = None  # the answer to a request that can't be routed
        self.otherwise: Callable[[], Response] | None = None  # the answer if a handler may return None, and does

    def note_sent(self, views: list[memoryview]) -> None:
        """Note bytes of the answer that the kernel has accepted."""
        record = self.record
        at_ns = clock.now_ns()
        before = record.sent.size
        has_more = before + sum(map(len, views)) < self._due
        for view in views:
            record.add_sent(view, at_ns, has_more=has_more)
        if self._due > _WORTH_WAITING:
            self._journal.watch_sent(record, has_more=has_more)
        record.body_sent += max(0, record.sent.size - max(before, self.head_size))
        size = record.sent.size - before
        self._journal.note(at_ns, record, timeline.SENT, size, bytes(views[0][: limits.PREVIEW]))

    def note_interim(self, views: list[memoryview]) -> None:
        """Note an interim response, which belongs to no answer's bytes."""
        record, at_ns = self.record, clock.now_ns()
        size = sum(map(len, views))
        data = bytes(views[0][: limits.PREVIEW])
        kind, detail = (
            (timeline.CONTINUE_SENT, None) if data.startswith(http1_writer.CONTINUE) else (timeline.SENT, data)
        )
        if kind == timeline.CONTINUE_SENT and record.continued_ns is None:
            record.continued_ns = at_ns
        record.interim += b"".join(views)
        self._journal.note(at_ns, record, kind, size, detail)

    def expect(self, image: Image) -> None:
        """Note what is about to be sent."""
        self.head_size, self._due = image.head_size, image.size

    def begin_answer(self, status: int, image: Image, size: int | None) -> None:
        """Note what is about to be sent; `size` of all of it, if that is known."""
        self.head_size = image.head_size
        self._announced = image
        self.record.status = status
        if size is not None:
            self._journal.note(clock.now_ns(), self.record, timeline.DUE, size)

    @property
    def has_begun(self) -> bool:
        """Whether it is known what answers it: a reply, and not bytes of a script."""
        return self.head_size > 0

    def change_answer(self, image: Image) -> None:
        """Note what faults have made of the first piece, before anything of it is sent."""
        if image is self._announced:
            return
        self.expect(image)
        is_own = self._announced is None  # the reply was not even begun, the answer is a fault's own
        if is_own:
            self.record.status = http1_writer.status_of(image.head) or self.record.status
        if image.rest is not None and (is_own or (self._announced is not None and self._announced.rest == ())):
            size = image.size + sum(piece.size for piece in image.rest)
            self._journal.note(clock.now_ns(), self.record, timeline.DUE, size)
