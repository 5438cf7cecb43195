"""Which route answers a request, and with which of its replies.

Threads: routes are registered by the test's threads, by handlers and by predicates, under `_lock`; the loop thread
reads without it, because everything that it reads is replaced whole or only ever grows. A route is live once
`add_reply` has returned, so one registered before a request was sent always applies.

Speed: exact paths are found in a dict, so a thousand of them cost what one costs. And an answer that can't come out
differently next time (route and reply were chosen by the head alone, and the reply repeats) is *settled*: `settled`
maps the head's exact bytes to it until anything is registered. That is what the request path looks at first.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pytest_epoll._core import limits
from pytest_epoll._core.summary import Criterion, RouteSummary
from pytest_epoll.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._core.request_head import Head
    from pytest_epoll._serving.replies import Reply


class Answer:
    """A settled answer: the same bytes for the same head, until the routes change."""

    __slots__ = ("image", "raw_head", "reply", "reply_number", "route", "route_index", "status")

    def __init__(self, raw_head: bytes, image: bytes, route: RouteEntry, reply: Reply) -> None:
        self.raw_head = raw_head  # what the record keeps: one object for all requests that were alike
        self.image = image
        self.route = route
        self.route_index = route.index
        self.reply = reply
        self.reply_number = reply.number
        self.status = reply.response.status


class RouteEntry:
    """A registered route: what it asks of a request, its replies and its counters."""

    __slots__ = ("calls", "cursor", "index", "is_required", "is_used", "location", "method", "path", "replies", "text")

    def __init__(self, index: int, method: str, path: str, location: str, *, is_required: bool) -> None:
        self.index = index
        self.method = method  # "*" is every method
        self.path = path
        self.location = location
        self.text = f'{method.lower()}("{path}")' if method != "*" else f'route("*", "{path}")'
        self.replies: list[Reply] = []
        self.calls = 0  # requests that it has answered; loop thread only
        self.cursor = 0  # the first reply that may still be used; loop thread only
        self.is_required = is_required  # whether a test that never uses it has a finding
        self.is_used = False  # whether all its criteria have held at least once

    def matches(self, head: Head) -> bool:
        """Whether all its criteria hold."""
        return self.method in ("*", head.method)

    def explain(self, record: RequestRecord) -> RouteSummary:
        """Return how it compares with a request."""
        head = record.head
        method = None if head is not None and self.matches(head) else str(head and head.method)
        path = None if head is not None and head.path == self.path else repr(head and head.path)
        criteria = (Criterion("method", self.method, method), Criterion("path", repr(self.path), path))
        is_used_up = method is path is None and self.cursor >= len(self.replies)
        state = f"used up, all {len(self.replies)} replies have been sent" if is_used_up else ""
        return RouteSummary(self.text, self.location, criteria, state)

    def next_reply(self) -> Reply | None:
        """Return the reply whose turn it is, without using it up; None if all are used up. Loop thread only."""
        replies = self.replies
        while self.cursor < len(replies):
            reply = replies[self.cursor]
            if reply.times is None:
                is_last = self.cursor == len(replies) - 1
                if is_last or not reply.used:
                    return reply
            elif reply.used < reply.times:
                return reply
            self.cursor += 1
        return None

    def repeats(self, reply: Reply) -> bool:
        """Whether that reply is what every further request gets."""
        return reply.times is None and reply is self.replies[-1]


class Router:
    """All routes of a server."""

    def __init__(self) -> None:
        self.routes: list[RouteEntry] = []
        self.settled: dict[bytes, Answer] = {}
        self._epoch = 0  # counts changes; guards what is about to be settled against what has just changed
        self._exact: dict[str, tuple[RouteEntry, ...]] = {}
        self._lock = threading.Lock()

    # -- any thread --

    def add_route(self, method: str, path: str, location: str, *, is_required: bool) -> RouteEntry:
        """Register a route; it answers nothing before its first reply."""
        with self._lock:
            entry = RouteEntry(len(self.routes), method, path, location, is_required=is_required)
            self.routes.append(entry)
            return entry

    def add_reply(self, entry: RouteEntry, reply: Reply) -> None:
        """Append a reply to a route; with its first the route goes live.

        Raises:
            UsageError: another route answers everything that this one could.
        """
        with self._lock:
            if not entry.replies:
                self._refuse_unreachable(entry)
            reply.number = len(entry.replies)
            entry.replies.append(reply)
            if reply.number == 0:
                self._exact[entry.path] = (*self._exact.get(entry.path, ()), entry)
            self._unsettle()

    def clear(self) -> None:
        """Forget all routes."""
        with self._lock:
            self.routes.clear()
            self._exact = {}
            self._unsettle()

    def _unsettle(self) -> None:
        self._epoch += 1
        self.settled.clear()

    def _refuse_unreachable(self, entry: RouteEntry) -> None:
        for earlier in self._exact.get(entry.path, ()):
            if earlier.method in ("*", entry.method) and earlier.replies[-1].times is None:
                message = (
                    f"{entry.text} can never be reached: {earlier.text}, {earlier.location}, answers the same requests "
                    "and never runs out.\n"
                    "  Append the reply to that route (replies are used in order), or give its last reply times=."
                )
                raise UsageError(message)

    # -- loop thread --

    def candidates(self, head: Head) -> Iterator[RouteEntry]:
        """Yield the live routes that a request with that head could mean, in the order in which they are tried."""
        for entry in self._exact.get(head.path, ()):
            if entry.matches(head):
                yield entry

    def could_match(self, head: Head) -> bool:
        """Whether any route could answer a request with that head."""
        return any(True for _ in self.candidates(head))

    def choose(self, record: RequestRecord) -> tuple[RouteEntry, Reply] | None:
        """Return the route and the reply for a complete request, and use the reply up; None if no route has one."""
        head = record.head
        if head is None:
            return None
        epoch = self._epoch
        for entry in self.candidates(head):
            entry.is_used = True
            reply = entry.next_reply()
            if reply is not None:
                reply.used += 1
                entry.calls += 1
                self._settle(epoch, entry, reply, head)
                return entry, reply
        return None

    def _settle(self, epoch: int, entry: RouteEntry, reply: Reply, head: Head) -> None:
        if not (reply.is_plain and entry.repeats(reply)) or head.has_body or reply.closes(head):
            return
        image = reply.image(head)
        if image.size > limits.SMALL_BODY:
            return
        with self._lock:
            if epoch != self._epoch:
                return
            if len(self.settled) >= limits.HEADS_REMEMBERED:
                self.settled.clear()
            self.settled[head.raw] = Answer(head.raw, image.joined(), entry, reply)
