"""A route: which requests it takes, what it answers, what it has been asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pytest_epoll._assertions import check_count, checked_bounds
from pytest_epoll._core import limits
from pytest_epoll._core.checks import checked_whole
from pytest_epoll._core.response import ABSENT, Response
from pytest_epoll._reporting import comparison_text
from pytest_epoll._serving.replies import acts_on_reading, as_reply, checked_how
from pytest_epoll._serving.request import Request
from pytest_epoll._serving.route_entry import Pattern
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from typing_extensions import Unpack

    from pytest_epoll._core.content import HeaderItems
    from pytest_epoll._core.response import Informational, StreamSource
    from pytest_epoll._serving.criteria import Criteria
    from pytest_epoll._serving.gate import Gate
    from pytest_epoll._serving.replies import GivenReply, Reply
    from pytest_epoll._serving.requests import Requests
    from pytest_epoll._serving.route_entry import RouteEntry
    from pytest_epoll.faults import Fault
    from pytest_epoll.server import EpollServer

    H = TypeVar("H", bound=Callable[..., Any])

__all__ = ("Route",)


class Route:
    """What `server.route()` and its kin return: add replies to it, then ask it what came.

    A route is live from its first reply. Replies are used in the order in which they were added and the last one
    repeats, unless it says `times=`; when all are used up, the request goes on to the next route that matches.
    """

    __slots__ = ("_entry", "_server")

    def __init__(self, server: EpollServer, entry: RouteEntry) -> None:
        self._server = server
        self._entry = entry

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Route) and self._entry is other._entry

    def __hash__(self) -> int:
        return id(self._entry)

    def __repr__(self) -> str:
        return f"<Route {self._entry.text}, {self._entry.location}>"

    # -- what it answers --

    def respond(
        self,
        status: int = 200,
        *,
        reason: str | None = None,
        headers: HeaderItems | None = None,
        cookies: Mapping[str, str] | None = None,
        json: object = ABSENT,
        text: str | None = None,
        html: str | None = None,
        content: bytes | str | None = None,
        file: str | os.PathLike[str] | None = None,
        stream: StreamSource | None = None,
        events: StreamSource | None = None,
        raw: bytes | None = None,
        trailers: HeaderItems | None = None,
        informational: Informational | None = None,
        http_version: str = "1.1",
        delay: float = 0.0,
        gate: Gate | None = None,
        fault: Fault | Iterable[Fault] = (),
        times: int | None = None,
    ) -> Route:
        """Append one reply; short for `respond_with(Response(...), delay=, gate=, fault=, times=)`.

        Args:
            status: and all up to `http_version`: as `Response` takes them.
            reason: see `Response`.
            headers: see `Response`.
            cookies: see `Response`.
            json: see `Response`.
            text: see `Response`.
            html: see `Response`.
            content: see `Response`.
            file: see `Response`.
            stream: see `Response`.
            events: see `Response`.
            raw: see `Response`.
            trailers: see `Response`.
            informational: see `Response`.
            http_version: see `Response`.
            delay: seconds to wait before the first byte, behind the informational responses.
            gate: where to wait before the first byte, behind the delay.
            fault: a fault, or several that are applied from left to right.
            times: how often the reply is used; without it once, and the last one for ever.

        Returns:
            The route itself, so that calls can be chained.

        Raises:
            UsageError: a value that can't mean anything, or a route that could never be reached.
            UsageTypeError: an argument of a wrong type, or two kinds of body.
            OSError: `file` can't be read.
        """
        response = Response(
            status,
            reason=reason,
            headers=headers,
            cookies=cookies,
            json=json,
            text=text,
            html=html,
            content=content,
            file=file,
            stream=stream,
            events=events,
            raw=raw,
            trailers=trailers,
            informational=informational,
            http_version=http_version,
        )
        return self.respond_with(response, delay=delay, gate=gate, fault=fault, times=times)

    def respond_with(
        self,
        *replies: GivenReply,
        delay: float = 0.0,
        gate: Gate | None = None,
        fault: Fault | Iterable[Fault] = (),
        times: int | None = None,
    ) -> Route:
        """Append replies: an int is a status, a `Response` itself, a fault breaks off, a callable is asked.

        Args:
            replies: ints, `Response`s, faults that need no reply (such as `faults.Reset()`), and handlers: functions of
                the `Request` that return a reply; see `handler`.
            delay: for each of them, seconds to wait before the first byte.
            gate: for each of them, where to wait before the first byte.
            fault: for each of them, a fault or several that are applied from left to right.
            times: how often each of them is used; without it once, and the last one for ever.

        Returns:
            The route itself, so that calls can be chained.

        Raises:
            UsageError: no reply at all, a `times` below 1, a fault that needs a reply, or a route that could never be
                reached.
            UsageTypeError: something that is no reply, no fault or no gate.
        """
        self._server._barrier.refuse_in_fork()  # noqa: SLF001 - one class in two files
        if not replies:
            message = "respond_with() needs at least one reply"
            raise UsageError(message)
        how = checked_how(delay, gate, fault)
        how["times"] = None if times is None else checked_whole("times", times, least=1)
        entries = [as_reply(given, **how) for given in replies]
        if any(entry.is_gauged for entry in entries):
            self._prepare_reading(entries)
        for entry in entries:
            self._server._router.add_reply(self._entry, entry)  # noqa: SLF001 - one class in two files
        return self

    def _prepare_reading(self, entries: list[Reply]) -> None:
        """Have every connection look before it reads, before a fault goes live that wants something unread."""
        router = self._server._router  # noqa: SLF001 - one class in two files
        is_early = any(entry.is_early for entry in entries)
        if is_early and self._entry.body_checks:
            fault = next(fault for entry in entries for fault in entry.faults if acts_on_reading(fault))
            names = " and ".join(f"{check.name}=" for check in self._entry.body_checks)
            message = (
                f"{fault!r} cannot be combined with {names} on {self._entry.name}: the fault acts before the body is "
                "read.\n  Match on path, query or headers, or use after= to act on the reply."
            )
            raise UsageError(message)
        router.has_early = router.has_early or is_early
        router.is_gauging = True
        barrier = self._server._barrier  # noqa: SLF001
        if barrier.engine is not None:
            barrier.call(barrier.engine.begin_gauging)

    def handler(self, function: H) -> H:
        """Append a function as a reply and return it, so that it can be used as a decorator.

        It gets the `Request`, runs on a worker thread and may block without stalling anyone; an `async def` runs on the
        event loop that was running when it was registered, else on one of its own. It returns a reply (a status, a
        `Response`, a fault, another callable), `(status, body)`, `(status, body, headers)`, a dict or a list (as JSON),
        a str, bytes, or it is a generator of the body's pieces. What it raises is answered 500 and a finding; behind
        the head it breaks the reply off.

        Raises:
            UsageTypeError: it can't be called.
            UsageError: the route could never be reached.
        """
        if not callable(function):
            message = f"handler() takes a function of the request, not {function!r}"
            raise UsageTypeError(message)
        self.respond_with(function)
        return function

    # -- what it has been asked --

    def explain(self, request: Request) -> Iterator[str]:
        """Yield how it compares with a request, a line a criterion: what is asked, and "ok" or what came instead.

        Raises:
            UsageTypeError: something that is no `Request`.
        """
        if not isinstance(request, Request):
            message = f"request must be one of server.requests, not {request!r}"
            raise UsageTypeError(message)
        return comparison_text.lines(self._entry.explain(request, request._record.head).criteria)  # noqa: SLF001

    @property
    def requests(self) -> Requests:
        """The requests that it has answered, in order of arrival."""
        return self._server._received.requests_of(self._entry.index)  # noqa: SLF001

    @property
    def last_request(self) -> Request | None:
        """The last request that it has answered, or None."""
        requests = self.requests
        return requests[-1] if requests else None

    @property
    def called(self) -> bool:
        """Whether it has answered any request."""
        return self.call_count > 0

    @property
    def call_count(self) -> int:
        """How many requests it has answered."""
        self._server._barrier.settle()  # noqa: SLF001
        return self._entry.calls

    def wait_for_requests(
        self, n: int = 1, *, state: str = "ended", timeout: float = limits.WAIT_SECONDS
    ) -> list[Request]:
        """Return its requests, once there are at least `n`; as `server.wait_for_requests()`.

        A request belongs to a route once it was matched, which is after it was read.

        Raises:
            WaitTimeout: there are fewer after `timeout` seconds; the text lists what is there.
            UsageTypeError: an argument of a wrong type.
            UsageError: an unknown state, a negative number, or the wait would freeze an event loop of this thread.
        """
        __tracebackhide__ = True
        return self._server._received.wait_for_requests(n, state, self._entry.index, timeout)  # noqa: SLF001

    @property
    def aio(self) -> RouteAio:
        """The waits as coroutines, for asyncio and trio."""
        return RouteAio(self)

    def assert_requested(
        self,
        *,
        times: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        **criteria: Unpack[Criteria],
    ) -> Requests:
        """Return its requests that match, if there are as many as wanted; as `server.assert_requested()`.

        Raises:
            AssertionError: there are more or fewer; the text compares the closest ones.
            UsageError: a criterion or a number that can't mean anything.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        __tracebackhide__ = True
        bounds = checked_bounds(times, at_least, at_most)
        pattern = Pattern("*", None, criteria)
        requests = self.requests
        matching = requests.matching(**criteria)
        asked = self._entry.text + "".join(f", {check!r}" for check in (*pattern.head_checks, *pattern.body_checks))
        check_count(asked, matching, requests, pattern, bounds)
        return matching

    def assert_not_requested(self, **criteria: Unpack[Criteria]) -> None:
        """Raise if any request of its own matches; arguments and errors as of `assert_requested()`."""
        __tracebackhide__ = True
        self.assert_requested(times=0, **criteria)


class RouteAio:
    """The waits of a `Route` as coroutines, for asyncio and trio."""

    __slots__ = ("_route",)

    def __init__(self, route: Route) -> None:
        self._route = route

    async def wait_for_requests(
        self,
        n: int = 1,
        *,
        state: str = "ended",
        timeout: float = limits.WAIT_SECONDS,
    ) -> list[Request]:
        """See `Route.wait_for_requests`."""
        __tracebackhide__ = True
        route = self._route
        received = route._server._received  # noqa: SLF001 - one class in two files
        return await received.wait_for_requests_async(n, state, route._entry.index, timeout)  # noqa: SLF001
