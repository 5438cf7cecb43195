"""What goes out on a scripted connection, counted twice: for the connection, and for the request that it answers.

Loop thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core import clock, limits, timeline
from pytest_epoll._wire import http1_writer

if TYPE_CHECKING:
    from pytest_epoll._core.messages import Transcript
    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.exchange import Exchange


class Outlet:
    """Counts what is sent: all of it in the transcript, and for the request that it answers."""

    __slots__ = ("_connection", "_context", "_transcript", "exchange")

    def __init__(self, context: Context, connection: int, transcript: Transcript) -> None:
        self._context = context
        self._connection = connection
        self._transcript = transcript
        self.exchange: Exchange | None = None  # the one that is answered

    def note_sent(self, views: list[memoryview]) -> None:
        """Note bytes that the kernel has accepted."""
        self._keep(views)
        if self.exchange is not None:
            is_continue = b"".join(views) == http1_writer.CONTINUE  # sent by hand it is what it is
            note = self.exchange.note_interim if is_continue else self.exchange.note_sent
            note(views)
            return
        size, begin = sum(map(len, views)), bytes(views[0][: limits.PREVIEW])
        where = self._connection, timeline.NO_EXCHANGE
        self._context.journal.facts.append((clock.now_ns(), *where, timeline.SENT, size, begin))

    def note_interim(self, views: list[memoryview]) -> None:
        """Note an interim response."""
        if self.exchange is None:
            self.note_sent(views)
            return
        self._keep(views)
        self.exchange.note_interim(views)

    def _keep(self, views: list[memoryview]) -> None:
        for view in views:
            self._transcript.sent.add(view)
