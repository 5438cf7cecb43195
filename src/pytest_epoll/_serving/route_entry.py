"""A registered route as the router sees it: what it asks of a request, its replies and its counters."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING

from pytest_epoll._core import limits
from pytest_epoll._core.comparison import Criterion, RouteSummary
from pytest_epoll._core.showing import count
from pytest_epoll._serving import paths, phases
from pytest_epoll._serving.criteria import Facets, compile_criteria
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_epoll._core.request_head import Head
    from pytest_epoll._serving.replies import Reply
    from pytest_epoll._serving.request import Request

ATTEMPTS = "attempts()"
"""What the route of `EpollServer.attempts()` is called."""

_TOKEN_EXTRA = frozenset("!#$%&'*+-.^_`|~")


class Pattern:
    """Method, path and criteria: what is asked of a request.

    Raises:
        UsageError: a method or path that could not match.
        UsageTypeError: an unknown criterion, or an argument of a wrong type.
    """

    __slots__ = ("body_checks", "head_checks", "identity", "is_plain", "methods", "name", "path", "text")

    def __init__(self, method: object, path: object, criteria: Mapping[str, object]) -> None:
        self.methods = _checked_methods(method)  # None is every method
        self.path = paths.compile_path(path)
        self.head_checks, self.body_checks = compile_criteria(criteria)
        checks = (*self.head_checks, *self.body_checks)
        self.identity = self.path.identity, tuple(check.identity for check in checks)  # all but the method
        self.is_plain = self.path.is_plain and all(check.is_plain for check in checks)
        if self.methods is not None and len(self.methods) == 1:
            name, arguments = next(iter(self.methods)).lower(), [self.path.text]
        else:
            shown = '"*"' if self.methods is None else repr(sorted(self.methods))
            name, arguments = "route", [shown, self.path.text]
        self.name = f"{name}({', '.join(arguments)})"  # the text without the criteria
        self.text = f"{name}({', '.join([*arguments, *map(repr, checks)])})"

    def takes_method(self, method: str) -> bool:
        """Whether it is meant for requests with that method."""
        return self.methods is None or method in self.methods

    def head_holds(self, facets: Facets) -> bool:
        """Whether the criteria that look at the head hold; method and path are not looked at."""
        for check in self.head_checks:  # noqa: SIM110 - a generator for all() would double the price of a candidate
            if not check.holds(facets):
                return False
        return True

    def body_holds(self, facets: Facets) -> bool:
        """Whether the criteria that look at the body, or at everything, hold."""
        for check in self.body_checks:  # noqa: SIM110 - likewise
            if not check.holds(facets):
                return False
        return True

    def holds(self, request: Request, head: Head | None) -> bool:
        """Whether a request that was read is what is asked for."""
        if head is None or not self.takes_method(head.method) or self.path.match(paths.subject(head)) is None:
            return False
        facets = Facets(request)
        return self.head_holds(facets) and self.body_holds(facets)

    def explain(self, request: Request, head: Head | None) -> Iterator[Criterion]:
        """Yield each criterion beside what is there."""
        method = None if head is None else head.method
        path = None if head is None else paths.subject(head)
        shown = "any" if self.methods is None else " or ".join(sorted(self.methods))
        is_method = method is not None and self.takes_method(method)
        yield Criterion("method", shown, None if is_method else str(method), wanted=self.methods, found=method)
        is_path = path is not None and self.path.match(path) is not None
        text = self.path.text
        plain = text[1:-1] if text.startswith('"') else None
        shown = plain or ("any" if text == "None" else text)
        yield Criterion("path", shown, None if is_path else str(path), wanted=plain, found=path)
        facets = Facets(request)
        for check in (*self.head_checks, *self.body_checks):
            yield from check.explain(facets)


def pattern_of(method: object, path: object, criteria: Mapping[str, object]) -> Pattern:
    """Return a pattern; it can't change, so one of a method and a path alone is made once for all tests that use it.

    Raises:
        UsageError: as `Pattern`.
        UsageTypeError: as `Pattern`.
    """
    if not criteria and type(method) is str and type(path) is str:
        return _plain_pattern(method, path)
    return Pattern(method, path, criteria)


@lru_cache(maxsize=limits.HEADS_REMEMBERED)
def _plain_pattern(method: str, path: str) -> Pattern:
    return Pattern(method, path, {})


class RouteEntry:
    """A route of a server."""

    __slots__ = (
        "_is_optional",
        "_pattern",
        "body_checks",
        "body_holds",
        "calls",
        "cursor",
        "has_checks",
        "head_holds",
        "identity",
        "index",
        "is_plain",
        "is_used",
        "location",
        "name",
        "path",
        "phase",
        "priority",
        "record_body",
        "replies",
        "takes_method",
        "text",
    )

    def __init__(
        self, pattern: Pattern, location: str, *, optional: bool | None, priority: float, record_body: bool
    ) -> None:
        self._pattern = pattern
        self.path = pattern.path
        self.text = pattern.text
        self.name = pattern.name
        self.identity = pattern.identity
        self.is_plain = pattern.is_plain
        self.takes_method = pattern.takes_method
        self.head_holds = pattern.head_holds
        self.body_holds = pattern.body_holds
        self.body_checks = pattern.body_checks
        self.has_checks = bool(pattern.head_checks or pattern.body_checks)  # whether method and path are not enough
        self.location = location
        self.priority = priority
        self.record_body = record_body
        self.phase = phases.phase()
        self.index = -1  # its place among the server's routes, given by the router
        self.replies: list[Reply] = []
        self.calls = 0  # requests that it has answered; loop thread only
        self.cursor = 0  # the first reply that may still be used; loop thread only
        self._is_optional = optional
        self.is_used = False  # whether all its criteria have held at least once

    @property
    def is_required(self) -> bool:
        """Whether it has to be used: what an earlier test has left on a server that lives longer counts as set up."""
        if self._is_optional is None:
            return phases.is_current_body(self.phase)
        return not self._is_optional

    def shadows(self, later: RouteEntry) -> bool:
        """Whether it is tried before a later route and asks for no less."""
        mine, theirs = self._pattern, later._pattern
        return (
            self.phase == later.phase
            and (self.priority, later.index) > (later.priority, self.index)
            and (mine.methods is None or (theirs.methods is not None and mine.methods >= theirs.methods))
            and mine.identity == theirs.identity
        )

    @property
    def never_runs_out(self) -> bool:
        """Whether there is always a reply left."""
        return bool(self.replies) and self.replies[-1].times is None

    def explain(self, request: Request, head: Head | None) -> RouteSummary:
        """Return how it compares with a request."""
        criteria = tuple(self._pattern.explain(request, head))
        is_used_up = self.cursor >= len(self.replies) and all(criterion.got is None for criterion in criteria)
        return RouteSummary(self.name, self.location, criteria, self._used_up() if is_used_up else "")

    def _used_up(self) -> str:
        times = sum(reply.used for reply in self.replies)
        replies = "its one reply" if len(self.replies) == 1 else f"its {len(self.replies)} replies"
        return f"used up: {replies} answered {count(times, 'request')}"

    def misses(self, facets: Facets) -> int:
        """Return how many criteria beside method and path do not hold: cheap, where `explain` is thorough."""
        return sum(not check.holds(facets) for check in (*self._pattern.head_checks, *self._pattern.body_checks))

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


def _checked_methods(method: object) -> frozenset[str] | None:
    if method == "*":
        return None
    names = (method,) if isinstance(method, str) else method
    if isinstance(names, bytes) or not isinstance(names, Collection):
        message = f"method must be a str such as 'GET', or a collection of them, not {method!r}"
        raise UsageTypeError(message)
    checked = set()
    for name in names:
        if not isinstance(name, str):
            message = f"method must be a str such as 'GET', or a collection of them; {name!r} is neither"
            raise UsageTypeError(message)
        if not name or not all(letter.isascii() and (letter.isalnum() or letter in _TOKEN_EXTRA) for letter in name):
            message = f"method {name!r} is no token (RFC 9110 section 9.1); use a name such as 'GET', or '*' for all"
            raise UsageError(message)
        checked.add(name.upper())
    if not checked:
        message = "method is an empty collection, which no request could match; use '*' for every method"
        raise UsageError(message)
    return None if "*" in checked else frozenset(checked)
