"""Answers that leave together: those to all requests that came in one read are one send.

While the cork is in, plain answers are collected; a large collection leaves before. Loop thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core import limits

if TYPE_CHECKING:
    from pytest_epoll._core.image import Image
    from pytest_epoll._eventloop.transport import Transport
    from pytest_epoll._serving.exchange import Exchange


class Cork:
    """Sends plain answers on a transport, at once or together."""

    __slots__ = ("_answers", "_size", "_transport", "is_in")

    def __init__(self, transport: Transport) -> None:
        self.is_in = False
        self._transport = transport
        self._answers: list[tuple[Exchange, Image]] = []
        self._size = 0

    def put_in(self) -> None:
        """From now on collect."""
        self.is_in = True

    def send(self, exchange: Exchange, image: Image) -> None:
        """Send an answer, now or with the others."""
        self._answers.append((exchange, image))
        self._size += image.size
        if not self.is_in or self._size >= limits.BATCH_SIZE:
            self.flush()

    def flush(self) -> None:
        """Send what was collected; go on collecting if the cork is in."""
        answers, self._answers, self._size = self._answers, [], 0
        if answers:
            self._transport.send([(view, exchange) for exchange, image in answers for view in image.segments()])

    def pull(self) -> None:
        """Send what was collected, and collect no more."""
        self.is_in = False
        self.flush()

    def drop(self) -> None:
        """Forget what was collected: nobody is there to have it."""
        self.is_in = False
        self._answers, self._size = [], 0
