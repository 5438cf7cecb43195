"""Which route answers a request, and with which of its replies.

Order: a higher `priority` first, then what the running test registered before what was there when it began, then in
order of registration.

Threads: routes are registered by the test's threads, by handlers and by predicates, under `_lock`; the loop thread
reads without it, because everything that it reads is replaced whole or only ever grows. A route is live once
`add_reply` has returned, so one registered before a request was sent always applies.

Speed: exact paths are found in a dict and templates by their first segment, so a thousand of them cost what one costs.
And an answer that can't come out differently next time (route and reply were chosen by the head alone, by plain
values, and the reply repeats) is *settled*: `settled` maps the head's exact bytes to it until anything is registered.
That is what the request path looks at first.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pytest_epoll._core import limits
from pytest_epoll._core.comparison import RouteLabel
from pytest_epoll._serving import paths, phases
from pytest_epoll._serving.chance import Chance
from pytest_epoll._serving.criteria import Facets
from pytest_epoll.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._core.request_head import Head
    from pytest_epoll._serving.replies import Reply
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.route_entry import RouteEntry


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
        self.status = reply.status


class Router:
    """All routes of a server.

    Args:
        view: makes of a record what criteria and predicates look at.
        seed: what everything random starts from.
    """

    def __init__(self, view: Callable[[RequestRecord], Request], *, seed: int = 0) -> None:
        self.chance = Chance(seed)
        self.routes: list[RouteEntry] = []
        self.forgotten: dict[int, RouteLabel] = {}  # how those were called that were cleared last
        self.settled: dict[bytes, Answer] = {}
        self.has_unrecorded = False  # whether any route says record_body=False
        self.has_early = False  # whether any reply acts while the request is read
        self.is_gauging = False  # whether any reply wants that it is looked before anything is read
        self.may_settle = True  # False: somebody wants to be told of every request
        self.view = view
        self.asked: RouteEntry | None = None  # whose criteria were looked at last; loop thread only
        self._registered = 0  # routes ever; their indexes go on counting when they are forgotten
        self._epoch = 0  # counts changes; guards what is about to be settled against what has just changed
        self._exact: dict[str, tuple[RouteEntry, ...]] = {}
        self._by_segment: dict[str, tuple[RouteEntry, ...]] = {}
        self._general: tuple[RouteEntry, ...] = ()
        self._alike: dict[Hashable, list[RouteEntry]] = {}  # by what they ask for, the method aside
        # Candidates in order, by exact path and first segment; only those that are keys of the two dicts above.
        self._merged: dict[tuple[str | None, str | None], tuple[RouteEntry, ...]] = {}
        self._lock = threading.Lock()
        phases.followers.add(self)

    # -- any thread --

    def add_route(self, entry: RouteEntry) -> None:
        """Register a route; it answers nothing before its first reply."""
        with self._lock:
            entry.index = self._registered
            self._registered += 1
            self.has_unrecorded = self.has_unrecorded or not entry.record_body
            self.routes.append(entry)

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
                self._go_live(entry)
            self._unsettle()

    def clear(self) -> None:
        """Forget all routes."""
        with self._lock:
            self.forget_calls()
            self.forgotten = self.labels()
            self.routes.clear()
            self.has_unrecorded = self.has_early = self.is_gauging = False
            self._exact, self._by_segment, self._general, self._alike = {}, {}, (), {}
            self._unsettle()

    def labels(self) -> dict[int, RouteLabel]:
        """Return how the routes are called in a timeline, by their indexes."""
        return {entry.index: RouteLabel(entry.text, entry.location, len(entry.replies)) for entry in list(self.routes)}

    def forget_calls(self) -> None:
        """Let the routes count from 0 again, as the record does; what is used up stays used up. Loop thread only."""
        for entry in self.routes:
            entry.calls = 0

    def phase_changed(self) -> None:
        """Another test has begun: what an earlier body registered has lost its precedence."""
        with self._lock:
            self._unsettle()

    def _go_live(self, entry: RouteEntry) -> None:
        self._alike.setdefault(entry.identity, []).append(entry)
        path = entry.path
        if path.exact is not None:
            self._exact[path.exact] = (*self._exact.get(path.exact, ()), entry)
        elif path.first_segment is not None:
            self._by_segment[path.first_segment] = (*self._by_segment.get(path.first_segment, ()), entry)
        else:
            self._general = (*self._general, entry)

    def _unsettle(self) -> None:
        self._epoch += 1
        self._merged = {}
        self.settled.clear()

    def _refuse_unreachable(self, entry: RouteEntry) -> None:
        for earlier in self._alike.get(entry.identity, ()):
            if earlier.shadows(entry) and earlier.never_runs_out:
                message = (
                    f"{entry.text} can never be reached: {earlier.text}, {earlier.location}, answers the same requests "
                    "and never runs out.\n"
                    "  Append the reply to that route (replies are used in order), or give its last reply times=."
                )
                raise UsageError(message)

    # -- loop thread --

    def candidates(self, record: RequestRecord, head: Head) -> Iterator[tuple[RouteEntry, bool]]:
        """Yield the live routes for the request's method, in order, each with whether it takes the path.

        Of one that does, what it captures is in the record while its criteria are asked: a predicate may look at it.
        """
        path = paths.subject(head)
        for entry in self._lookup(path):
            if entry.takes_method(head.method):
                self.asked = entry
                captures = entry.path.match(path)
                record.path_params = captures or None
                yield entry, captures is not None
        record.path_params = None

    def _lookup(self, path: str) -> tuple[RouteEntry, ...]:
        exact = path if path in self._exact else None
        segment = None
        if self._by_segment and path.count("/") > 1:
            segment = path.split("/", 2)[1]
            if segment not in self._by_segment:
                segment = None
        merged = self._merged.get((exact, segment))
        if merged is None:
            table = self._merged
            entries = [*self._exact.get(exact or "", ()), *self._by_segment.get(segment or "", ()), *self._general]
            entries.sort(key=_precedence)
            merged = table[exact, segment] = tuple(entries)
        return merged

    def could_match(self, record: RequestRecord, head: Head) -> bool:
        """Whether any route could answer a request with that head, whatever its body."""
        return self._first_by_head(record, head) is not None

    def records_body(self, record: RequestRecord, head: Head) -> bool:
        """Whether the body of a request is to be kept: the first route that its head decides for says so."""
        entry = self._first_by_head(record, head)
        return entry is None or entry.record_body or bool(entry.body_checks)

    def _first_by_head(self, record: RequestRecord, head: Head) -> RouteEntry | None:
        """Return the first route that has a reply for a request with that head, unless its body decides otherwise."""
        facets = Facets(self.view(record))
        found = None
        for entry, takes_path in self.candidates(record, head):
            if takes_path and entry.head_holds(facets) and entry.next_reply() is not None:
                found = entry
                break
        record.path_params = None
        return found

    def choose(self, record: RequestRecord) -> tuple[RouteEntry, Reply] | None:
        """Return the route and the reply for a complete request, and use the reply up; None if no route has one."""
        head = record.head
        if head is None:
            return None
        epoch = self._epoch
        facets: Facets | None = None
        is_plain = True  # whether the same head would come here again
        for entry, takes_path in self.candidates(record, head):
            if not takes_path:
                is_plain = is_plain and entry.path.is_plain
                continue
            is_plain = is_plain and entry.is_plain
            if entry.has_checks:
                facets = facets or Facets(self.view(record))
                if not (entry.head_holds(facets) and entry.body_holds(facets)):
                    continue
            entry.is_used = True
            reply = entry.next_reply()
            if reply is not None:
                reply.used += 1
                entry.calls += 1
                if is_plain and record.path_params is None:
                    self._settle(epoch, entry, reply, head)
                return entry, reply
        return None

    def settle(self, head: Head) -> Answer | None:
        """Settle the answer to a head, and use nothing up; None if it depends on more than method and path."""
        epoch = self._epoch
        path = paths.subject(head)
        for entry in self._lookup(path):
            if not entry.takes_method(head.method):
                continue
            if not entry.path.is_plain:  # code of the test's, which may raise: nothing is asked of it here
                return None
            captures = entry.path.match(path)
            if captures is None:
                continue
            if captures or entry.has_checks:
                return None
            entry.is_used = True
            reply = entry.next_reply()
            if reply is not None:
                return self._settle(epoch, entry, reply, head)
        return None

    def choose_early(self, record: RequestRecord, head: Head) -> tuple[RouteEntry, Reply] | None:
        """Return route and reply for a request whose head has come, if the reply acts while the rest is read.

        None if the route whose turn it is looks at the body, or if its reply can wait for it.
        """
        entry = self._first_by_head(record, head)
        if entry is None or entry.body_checks:
            return None
        reply = entry.next_reply()
        if reply is None or not reply.is_early:
            return None
        entry.is_used = True
        reply.used += 1
        entry.calls += 1
        captures = entry.path.match(paths.subject(head))
        record.path_params = captures or None
        return entry, reply

    def _settle(self, epoch: int, entry: RouteEntry, reply: Reply, head: Head) -> Answer | None:
        if not (self.may_settle and reply.is_plain and entry.repeats(reply)) or head.has_body:
            return None
        image, closes = reply.encoded(head)
        if closes or image.size > limits.SMALL_BODY:
            return None
        answer = Answer(head.raw, image.joined(), entry, reply)
        with self._lock:
            if epoch != self._epoch:
                return None
            if len(self.settled) >= limits.HEADS_REMEMBERED:
                self.settled.clear()
            self.settled[head.raw] = answer
        return answer


def _precedence(entry: RouteEntry) -> tuple[float, bool, int]:
    return -entry.priority, not phases.is_current_body(entry.phase), entry.index
