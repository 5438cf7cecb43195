"""The server that a test holds: thin, it hands every call on to the part that knows."""

from __future__ import annotations

import warnings
import weakref
from typing import TYPE_CHECKING

from pytest_epoll import _listening, _scripting
from pytest_epoll._assertions import check_count, check_order, checked_bounds
from pytest_epoll._core import clock, limits
from pytest_epoll._core.checks import checked_flag, checked_number, checked_whole
from pytest_epoll._core.location import caller
from pytest_epoll._core.messages import Mishap
from pytest_epoll._eventloop.poller import check_poller
from pytest_epoll._received import Received, ServerAio, explainer, make_desk, viewer
from pytest_epoll._reporting import findings_text, timeline_text
from pytest_epoll._serving import registry, verdict
from pytest_epoll._serving.barrier import Barrier
from pytest_epoll._serving.context import checked_reading
from pytest_epoll._serving.engine import Engine
from pytest_epoll._serving.gate import Gate
from pytest_epoll._serving.hooks import Hooks
from pytest_epoll._serving.journal import Journal
from pytest_epoll._serving.route_entry import Pattern, RouteEntry, pattern_of
from pytest_epoll._serving.router import Router
from pytest_epoll._serving.scripts.book import ScriptBook
from pytest_epoll._wire.http1_head import parse_head
from pytest_epoll.errors import EpollFindings, HandlerStillRunning
from pytest_epoll.route import Route

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from typing_extensions import Self, Unpack

    from pytest_epoll._client_view import ClientView
    from pytest_epoll._core.finding import Finding
    from pytest_epoll._core.timeline import Fact
    from pytest_epoll._serving.connection import Connection
    from pytest_epoll._serving.criteria import Criteria
    from pytest_epoll._serving.paths import Path
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.requests import Requests
    from pytest_epoll._serving.views import Timeline

    class HowToRoute(Criteria, total=False):
        """The keywords of `route()` beside method and path."""

        optional: bool | None
        priority: float
        record_body: bool


__all__ = ("EpollServer",)


class EpollServer:
    """A real HTTP server for tests, on a thread of its own and a port of its own.

    It answers from routes, records what every client did on the wire, and misbehaves on purpose::

        with EpollServer() as server:
            server.get("/users").respond(json=[])
            ...

    A server that was made by hand raises nothing by itself: `check()` does. Under pytest the fixture `epoll_server`
    starts, judges and stops one for each test.

    Args:
        host: the address to listen on, or several, such as ("127.0.0.1", "::1"), which then have the same port.
        port: the port; 0 lets the kernel choose one that is free on all of them, which a restart keeps.
        poller: "epoll", "poll" or "select"; the last two also serve where epoll does not exist.
        edge_triggered: register with EPOLLET (epoll(7)); every promise is kept in both modes.
        backlog: what `listen(2)` is given: connections that may wait to be accepted.
        nodelay: set TCP_NODELAY (tcp(7)), so that small writes leave at once.
        max_head_size: bytes of a request's head; a larger one is answered 431.
        max_body_size: bytes of a request's body; a larger one is answered 413; None is no limit.
        strict: which findings `check()` raises: True all of them, False none, or a set of kinds.
        seed: what everything random starts from.

    Raises:
        UsageError: a value that can't mean anything, such as an unknown poller.
        UsageTypeError: a value of another type.
    """

    def __init__(
        self,
        *,
        host: str | Iterable[str] = "127.0.0.1",
        port: int = 0,
        poller: str = "epoll",
        edge_triggered: bool = False,
        backlog: int = 128,
        nodelay: bool = True,
        max_head_size: int = 65536,
        max_body_size: int | None = None,
        strict: bool | Iterable[str] = True,
        seed: int = 0,
    ) -> None:
        check_poller(poller, edge_triggered=edge_triggered)
        self._poller = poller
        self._edge_triggered = edge_triggered
        self._backlog = checked_whole("backlog", backlog, least=0, most=2**31 - 1)
        checked_flag("nodelay", nodelay)
        self._reading = checked_reading(max_head_size, max_body_size)
        self._allowance = verdict.Allowance(strict)
        self._seed = checked_whole("seed", seed)
        self._barrier = Barrier(lambda: timeline_text.last_lines(self.render(list(self._journal.facts))))
        self._listening = _listening.Listening(self._barrier, host, port, backlog=self._backlog, nodelay=nodelay)
        self._journal = Journal(parse_head)
        self._scripts = ScriptBook()
        self._routes: dict[int, Route] = {}
        self._gates: list[Gate] = []
        self._desk = make_desk(self)
        self._received = Received(self._desk)
        self._router = Router(viewer(weakref.ref(self)), seed=self._seed)
        self._hooks = Hooks(explainer(self._router))  # the plugin replaces them before the start

    # -- life --

    def start(self) -> Self:
        """Bind the port and begin to serve; does nothing if it runs already. A restart takes the same port again.

        Returns:
            The server itself.

        Raises:
            OSError: the address can't be bound; EADDRINUSE if the port is taken.
        """
        self._barrier.refuse_in_fork()
        if self._barrier.engine is None:
            clock.start_epoch()
            self._router.may_settle = self._hooks.request is None
            socks = self._listening.open()
            self._barrier.engine = Engine(
                socks,
                journal=self._journal,
                router=self._router,
                reading=self._reading,
                hooks=self._hooks,
                scripts=self._scripts,
                poller=self._poller,
                edge_triggered=self._edge_triggered,
                backlog=self._backlog,
            )
            self._listening.opened(socks)
            registry.enter(self)
        return self

    def stop(self) -> None:
        """End every connection and stop serving, within a second; routes and records stay. Does nothing if stopped.

        A handler that still runs then is named with its stack, by a `HandlerStillRunning` warning and a finding.

        Raises:
            InternalError: the server had ended before, by a defect of pytest-epoll.
            UsageError: in a forked child, or on the server's own thread (by a predicate).
        """
        for still_running in self._barrier.stop(self._let_go):
            self._journal.mishaps.append(Mishap(-1, -1, still_running.partition("\n")[0], still_running))
            warnings.warn(HandlerStillRunning(still_running), stacklevel=2)

    def _let_go(self) -> None:
        registry.note_stop(self)
        for gate in self._gates:
            gate.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, exc_type: object, exc: object, traceback: object) -> None:
        engine = self._barrier.engine
        if engine is None or not engine.is_in_fork:  # a child that leaves the block leaves the parent's server alone
            self.stop()

    def __del__(self) -> None:
        # Like a socket: what nobody can use any more is released, and that nobody released it is said.
        engine = self._barrier.engine if hasattr(self, "_barrier") else None
        if engine is not None and engine.let_go():
            warnings.warn(f"unclosed {self!r}: call stop()", ResourceWarning, source=self, stacklevel=2)

    # -- where --

    @property
    def address(self) -> tuple[str, int]:
        """(host, port); raises `UsageError` before `start()`."""
        return self._listening.address

    @property
    def host(self) -> str:
        """The address that it listens on; raises `UsageError` before `start()`."""
        return self.address[0]

    @property
    def port(self) -> int:
        """The port that it listens on; raises `UsageError` before `start()`."""
        return self.address[1]

    @property
    def url(self) -> str:
        """The base url, "http://127.0.0.1:PORT", no slash at the end; raises `UsageError` before `start()`."""
        return self._listening.url

    def url_for(self, path: str, **query: object) -> str:
        """Return the url of a path, percent-encoded where it must be, with this query.

        Raises:
            UsageTypeError: a path that is no str.
            UsageError: a path that does not begin with a slash, or the server was never started.
        """
        return _listening.join(self.url, path, query)

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        state = "running" if self._barrier.engine is not None else "stopped"
        return f"<EpollServer {self.url if self.listeners else 'never started'}, {state}>"

    # -- listening --

    @property
    def listeners(self) -> Sequence[_listening.Listener]:
        """Where it listens, its own address first; empty before `start()`."""
        return self._listening.listeners

    also_listen = _listening.also_listen
    refusing_connections = _listening.refusing_connections
    stalling_connections = _listening.stalling_connections
    pausing_accepts = _listening.pausing_accepts
    refuse_connections = _listening.refuse_connections
    stall_connections = _listening.stall_connections
    pause_accepts = _listening.pause_accepts
    accept_connections = _listening.accept_connections

    # -- routes --

    def route(
        self,
        method: str | Collection[str] = "*",
        path: Path = None,
        *,
        optional: bool | None = None,
        priority: float = 0,
        record_body: bool = True,
        **criteria: Unpack[Criteria],
    ) -> Route:
        """Register a route; it is live from its first reply.

        Args:
            method: the method that it takes, or several; "*" is every one. GET does not answer HEAD.
            path: an exact, decoded path; a template such as "/users/{id:int}" or "/files/{rest:path}"; a `re.Pattern`
                (fullmatch) or a predicate of the decoded path; None is any target.
            optional: whether a test may leave it unused; None: only if it was registered before the test's body began.
            priority: a higher one is tried before a lower one.
            record_body: False reads request bodies and drops them; counts stay exact.
            **criteria: `query`, `headers`, `cookies`, `form` (contained), `json`, `body` (exact) and `where` (a
                predicate of the `Request`); all must hold. See `pytest_epoll.match` for what values can be.

        Raises:
            UsageError: a method, path or criterion that could not match.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        self._barrier.refuse_in_fork()
        entry = RouteEntry(
            pattern_of(method, path, criteria),
            caller(),
            optional=None if optional is None else checked_flag("optional", optional),
            priority=checked_number("priority", priority),
            record_body=checked_flag("record_body", record_body),
        )
        self._router.add_route(entry)
        route = Route(self, entry)
        self._routes[entry.index] = route
        return route

    def get(self, path: Path, **how: Unpack[HowToRoute]) -> Route:
        """`route("GET", path, ...)`."""
        return self.route("GET", path, **how)

    def post(self, path: Path, **how: Unpack[HowToRoute]) -> Route:
        """`route("POST", path, ...)`."""
        return self.route("POST", path, **how)

    def put(self, path: Path, **how: Unpack[HowToRoute]) -> Route:
        """`route("PUT", path, ...)`."""
        return self.route("PUT", path, **how)

    def patch(self, path: Path, **how: Unpack[HowToRoute]) -> Route:
        """`route("PATCH", path, ...)`."""
        return self.route("PATCH", path, **how)

    def delete(self, path: Path, **how: Unpack[HowToRoute]) -> Route:
        """`route("DELETE", path, ...)`."""
        return self.route("DELETE", path, **how)

    def head(self, path: Path, **how: Unpack[HowToRoute]) -> Route:
        """`route("HEAD", path, ...)`."""
        return self.route("HEAD", path, **how)

    def options(self, path: Path, **how: Unpack[HowToRoute]) -> Route:
        """`route("OPTIONS", path, ...)`."""
        return self.route("OPTIONS", path, **how)

    attempts = _scripting.attempts
    script = _scripting.script

    def gate(self) -> Gate:
        """Return a gate at which replies, streams and handlers wait until the test opens it."""
        gate = Gate(self._barrier, len(self._gates) + 1, caller())
        self._gates.append(gate)
        return gate

    # -- what was received --

    @property
    def requests(self) -> Requests:
        """Every request, in order of arrival, as of now."""
        return self._received.requests()

    @property
    def last_request(self) -> Request | None:
        """The request that came last, or None."""
        requests = self.requests
        return requests[-1] if requests else None

    @property
    def unmatched(self) -> Requests:
        """The requests that no route answered."""
        return self._received.unmatched()

    @property
    def connections(self) -> Sequence[Connection]:
        """Every connection, in the order in which they were accepted, as of now."""
        return self._received.connections()

    @property
    def timeline(self) -> Timeline:
        """What happened on the wire, as of now; `str()` of it is the text that a failing test shows."""
        return self._received.timeline()

    @property
    def client(self) -> ClientView:
        """What the clients did with their connections: reuse, pipelining, retries, gaps, answers left unread."""
        from pytest_epoll._client_view import ClientView  # noqa: PLC0415 - few tests ask

        return ClientView(self._desk, self._received)

    def wait_for_requests(
        self, n: int = 1, *, state: str = "ended", timeout: float = limits.WAIT_SECONDS
    ) -> list[Request]:
        """Return the requests, once there are at least `n` of them whose reading has ended.

        Args:
            n: how many.
            state: "ended": read whole, or broken off; "head": whose head has come.
            timeout: seconds.

        Raises:
            WaitTimeout: there are fewer after `timeout` seconds; the text lists what is there.
            UsageTypeError: an argument of a wrong type.
            UsageError: an unknown state, a negative number, or the wait would freeze an event loop of this thread.
        """
        __tracebackhide__ = True
        return self._received.wait_for_requests(n, state, None, timeout)

    def wait_for_connections(self, n: int = 1, *, timeout: float = limits.WAIT_SECONDS) -> list[Connection]:
        """Return the connections, once at least `n` were accepted.

        Raises:
            WaitTimeout: there are fewer after `timeout` seconds.
            UsageTypeError: an argument of a wrong type.
            UsageError: a negative number, or the wait would freeze an event loop of this thread.
        """
        __tracebackhide__ = True
        return self._received.wait_for_connections(n, timeout)

    wait_for_mark = _scripting.wait_for_mark

    def wait_idle(self, timeout: float = limits.WAIT_SECONDS) -> None:
        """Return once no exchange is in progress: nothing is being read, answered or waited for.

        Open connections don't count.

        Raises:
            WaitTimeout: something still is, after `timeout` seconds.
            UsageTypeError: a timeout that is no number.
            UsageError: a negative one, or the wait would freeze an event loop of this thread.
        """
        __tracebackhide__ = True
        self._received.wait_idle(timeout)

    @property
    def aio(self) -> ServerAio:
        """The waits as coroutines, for asyncio and trio: `await server.aio.wait_for_requests()`."""
        return ServerAio(self._received)

    def close_connections(self, *, idle_only: bool = False, how: str = "fin") -> int:
        """Say goodbye on every open connection, also in mid-answer; return how many, once it is on the wire.

        While accepts are paused, who waits in the queue is accepted to be told, unless `idle_only`. In a predicate or a
        hook, which run on the server's own thread, it is said as soon as that has returned.

        Args:
            idle_only: leave those alone on which a request is being read or answered, and those that stall.
            how: "fin", then what the client still sends is read and discarded; or "rst".

        Raises:
            UsageTypeError: an argument of a wrong type.
            UsageError: another `how`, or "rst" on a Unix domain socket, which has no RST.
        """
        return self._barrier.part_all(None, how, idle_only=idle_only)

    # -- assertions --

    def assert_requested(
        self,
        method: str | Collection[str] = "*",
        path: Path = None,
        *,
        times: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        **criteria: Unpack[Criteria],
    ) -> Requests:
        """Return the requests that match, if there are as many as wanted: at least one, unless said otherwise.

        Args:
            method: and `path` and the criteria: as `route()` takes them.
            path: see `route()`.
            times: exactly so many.
            at_least: so many or more.
            at_most: so many or fewer.
            **criteria: see `route()`.

        Raises:
            AssertionError: there are more or fewer; the text compares the closest ones.
            UsageError: a criterion or a number that can't mean anything.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        __tracebackhide__ = True
        bounds = checked_bounds(times, at_least, at_most)
        pattern = Pattern(method, path, criteria)
        requests = self.requests
        matching = requests.matching(method, path, **criteria)
        check_count(pattern.text, matching, requests, pattern, bounds)
        return matching

    def assert_not_requested(
        self, method: str | Collection[str] = "*", path: Path = None, **criteria: Unpack[Criteria]
    ) -> None:
        """Raise if any request matches; arguments and errors as of `assert_requested()`."""
        __tracebackhide__ = True
        self.assert_requested(method, path, times=0, **criteria)

    def assert_requested_in_order(self, requests: Iterable[str | Route]) -> None:
        """Raise unless these came in this order, whatever came in between.

        Args:
            requests: texts such as "GET /users?page=2", as `str(request)` gives them, and routes.

        Raises:
            AssertionError: one did not come behind those before it.
            UsageTypeError: something else than texts and routes.
        """
        __tracebackhide__ = True
        check_order(requests, self.requests)

    # -- the verdict --

    def _all_findings(self) -> list[Finding]:
        return self._barrier.call(lambda: verdict.findings(self._journal, self._router.routes, self._scripts))

    def findings(self) -> list[Finding]:
        """Return what was left unmet so far, of the kinds that count and were not allowed."""
        _scripting.let_end(self._barrier, self._scripts)
        return self._allowance.apply(self._all_findings())

    def check(self) -> None:
        """Raise everything that was left unmet, at once.

        Raises:
            EpollFindings: there is at least one finding of a kind that counts and was not allowed.
        """
        __tracebackhide__ = True
        found = self.findings()
        if found:
            raise EpollFindings(found, findings_text.describe(found))

    def allow(self, *kinds: str) -> None:
        """Accept findings of these kinds from now on, because the test provokes them.

        A request or an error that came before still counts. What is judged in the end is accepted wherever this is
        called: "unused", "unfired" and "script".

        Raises:
            UsageTypeError: something that is no str.
            UsageError: an unknown kind.
        """
        self._barrier.refuse_in_fork()
        self._allowance.extend(kinds, self._all_findings)

    def clear(self) -> None:
        """Forget routes, records, findings and allowed kinds, open the gates and accept; open connections live on."""
        self._listening.accept_again()
        self._allowance.clear()
        gates, self._gates = self._gates, []
        self._router.clear()
        self._routes.clear()
        self._barrier.call(self._scripts.clear)
        self.clear_records()
        for gate in gates:  # last: what they let go is recorded
            gate.open()

    def clear_records(self) -> None:
        """Forget what was recorded and keep the routes; open connections live on, indexes go on counting."""
        engine = self._barrier.engine
        clear = self._journal.clear if engine is None else engine.clear_records

        def forget() -> None:
            clear()
            self._router.forget_calls()

        self._barrier.call(forget)

    # -- texts --

    def facts(self) -> list[Fact]:
        """Return the raw facts, for reports; see `timeline` for what users read."""
        self._barrier.settle_if_possible()
        return list(self._journal.facts)

    def render(self, facts: Sequence[Fact]) -> str:
        """Return these facts as text."""
        where = self.url if self.listeners else "not started yet"
        return timeline_text.render(facts, url=where, routes=self._router.forgotten | self._router.labels())
