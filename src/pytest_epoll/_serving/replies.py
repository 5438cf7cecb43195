"""A reply in a route's list: content, faults and timing, how often it may be used, and its bytes once encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._wire import http1_writer

if TYPE_CHECKING:
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.request_head import Head
    from pytest_epoll._core.response import Response
    from pytest_epoll.faults import Fault


class Reply:
    """One entry of a route's list of replies. Counters: loop thread only."""

    __slots__ = ("_images", "delay_ns", "faults", "fired", "location", "number", "response", "times", "used")

    def __init__(
        self,
        response: Response,
        *,
        faults: tuple[Fault, ...] = (),
        delay_ns: int = 0,
        times: int | None = None,
        location: str = "",
    ) -> None:
        self.response = response
        self.faults = faults
        self.delay_ns = delay_ns
        self.times = times
        self.location = location
        self.number = 0  # its place in the route's list, from 0
        self.used = 0
        self.fired: set[int] = set()  # which of its faults have fired at least once
        self._images: dict[tuple[str, str, bool], Image] = {}

    @property
    def is_plain(self) -> bool:
        """Whether it is content alone: no fault, no delay."""
        return not (self.faults or self.delay_ns)

    def image(self, head: Head | None) -> Image:
        """Return the bytes that answer a request with that head (None: an unreadable one); encoded once a kind."""
        kind = _UNREADABLE if head is None else (_KINDS.get(head.method, "GET"), head.http_version, head.keep_alive)
        image = self._images.get(kind)
        if image is None:
            method, http_version, keep_alive = kind
            image = self._images[kind] = http1_writer.encode(
                self.response, method=method, http_version=http_version, keep_alive=keep_alive
            )
        return image

    def closes(self, head: Head | None) -> bool:
        """Whether the connection ends with this reply."""
        return head is None or http1_writer.closes(self.response, keep_alive=head.keep_alive)


_KINDS = {"HEAD": "HEAD", "CONNECT": "CONNECT"}
"""Methods whose answers are framed differently; all others are framed like GET's (RFC 9112 section 6.3)."""

_UNREADABLE = ("GET", "1.1", False)
