"""What a server has received: snapshots behind the barrier, and waits, for `EpollServer` and its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core import limits
from pytest_epoll._core.checks import checked_choice, checked_whole
from pytest_epoll._reporting import near_miss, received_text
from pytest_epoll._scripting import awaiting_marks
from pytest_epoll._serving.closest import closest_routes
from pytest_epoll._serving.connection import Connection
from pytest_epoll._serving.request import Request
from pytest_epoll._serving.requests import Requests
from pytest_epoll._serving.views import Desk, Mark, Snapshot, Timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.router import Router
    from pytest_epoll._serving.waits import WaitArguments
    from pytest_epoll.server import EpollServer


class Received:
    """One server's record as its users read it; every method but `awaiting_*` passes the barrier."""

    __slots__ = ("_desk", "_journal")

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._journal = desk.journal

    def requests(self) -> Requests:
        """Return every request."""
        self._desk.barrier.settle()
        entries, record_at, view = self._journal.requests, self._journal.record_at, self._desk.request
        return Requests(Snapshot(lambda index: view(record_at(entries, index)), range(len(entries))))

    def requests_of(self, route: int) -> Requests:
        """Return the requests that a route has answered."""
        self._desk.barrier.settle()
        return Requests([self._desk.request(record) for record in self._journal.records() if record.route == route])

    def unmatched(self) -> Requests:
        """Return the requests that no route answered."""
        self._desk.barrier.settle()
        return Requests([self._desk.request(record) for record, _ in self._journal.unmatched])

    def connections(self) -> Snapshot[Connection]:
        """Return every connection."""
        self._desk.barrier.settle()
        records, view = self._journal.connections, self._desk.connection_of
        return Snapshot(lambda index: view(records[index]), range(len(records)))

    def timeline(self) -> Timeline:
        """Return what happened on the wire."""
        self._desk.barrier.settle()
        facts = self._journal.facts
        return Timeline(self._desk, facts[: len(facts)])

    # -- waits --

    def wait_for_requests(self, n: int, state: str, route: int | None, timeout: float) -> list[Request]:
        """Return the requests of the server, or of a route, once there are as many as wanted."""
        __tracebackhide__ = True
        self._desk.barrier.wait(*self._awaiting_requests(n, state, route, timeout))
        return self._in_state(state, route)

    def wait_for_connections(self, n: int, timeout: float) -> list[Connection]:
        """Return the connections, once there are as many as wanted."""
        __tracebackhide__ = True
        self._desk.barrier.wait(*self._awaiting_connections(n, timeout))
        return list(self.connections())

    def wait_for_mark(self, name: str, times: int, connection: int | None, timeout: float) -> list[Mark]:
        """Return the marks of that name, once there are as many as wanted."""
        __tracebackhide__ = True
        awaited, marks = awaiting_marks(self._journal, name, times, connection, timeout)
        self._desk.barrier.wait(*awaited)
        return marks

    def wait_idle(self, timeout: float) -> None:
        """Return once no exchange is in progress."""
        __tracebackhide__ = True
        self._desk.barrier.wait(*self._awaiting_idleness(timeout))

    async def wait_for_requests_async(self, n: int, state: str, route: int | None, timeout: float) -> list[Request]:
        """The same, without blocking the event loop of this thread."""
        __tracebackhide__ = True
        await self._desk.barrier.wait_async(*self._awaiting_requests(n, state, route, timeout))
        return self._in_state(state, route)

    async def wait_for_connections_async(self, n: int, timeout: float) -> list[Connection]:
        """The same, without blocking the event loop of this thread."""
        __tracebackhide__ = True
        await self._desk.barrier.wait_async(*self._awaiting_connections(n, timeout))
        return list(self.connections())

    async def wait_for_mark_async(self, name: str, times: int, connection: int | None, timeout: float) -> list[Mark]:
        """The same, without blocking the event loop of this thread."""
        __tracebackhide__ = True
        awaited, marks = awaiting_marks(self._journal, name, times, connection, timeout)
        await self._desk.barrier.wait_async(*awaited)
        return marks

    async def wait_idle_async(self, timeout: float) -> None:
        """The same, without blocking the event loop of this thread."""
        __tracebackhide__ = True
        await self._desk.barrier.wait_async(*self._awaiting_idleness(timeout))

    def _in_state(self, state: str, route: int | None) -> list[Request]:
        requests: Sequence[Request] = self.requests() if route is None else self.requests_of(route)
        # The records, not the views: one barrier was enough, and beside a flood each of a thousand more takes its time.
        return [request for request in requests if state == "head" or request._record.complete is not None]  # noqa: SLF001

    def _awaiting_requests(self, n: int, state: str, route: int | None, timeout: float) -> WaitArguments:
        checked_whole("n", n, least=0)
        checked_choice("state", state, ("ended", "head"))
        journal = self._journal

        def records() -> list[RequestRecord]:
            return [record for record in journal.records() if route is None or record.route == route]

        def have_come() -> bool:
            if route is not None:
                if self._desk.calls_of(route) < n:
                    return False  # without a look at each record
                return sum(state == "head" or record.complete is not None for record in records()) >= n
            return (journal.ended if state == "ended" else len(journal.requests)) >= n

        return have_come, timeout, lambda: self._and_why(received_text.describe_requests(n, state, records()))

    def _awaiting_connections(self, n: int, timeout: float) -> WaitArguments:
        checked_whole("n", n, least=0)
        journal = self._journal
        return (
            lambda: len(journal.connections) >= n,
            timeout,
            lambda: self._and_why(received_text.describe_connections(n, len(journal.connections))),
        )

    def _and_why(self, text: str) -> str:
        """Add what keeps clients from being accepted."""
        engine = self._desk.barrier.engine
        why = [] if engine is None else [f"  {line}" for line in engine.listeners.describe()]
        return "\n".join([text, *why])

    def _awaiting_idleness(self, timeout: float) -> WaitArguments:
        def is_idle() -> bool:
            engine = self._desk.barrier.engine
            return engine is None or engine.is_idle()

        return is_idle, timeout, lambda: "every exchange to end, but some are in progress"


class ServerAio:
    """The waits of an `EpollServer` as coroutines, for asyncio and trio."""

    __slots__ = ("_received",)

    def __init__(self, received: Received) -> None:
        self._received = received

    async def wait_for_requests(
        self,
        n: int = 1,
        *,
        state: str = "ended",
        timeout: float = limits.WAIT_SECONDS,
    ) -> list[Request]:
        """See `EpollServer.wait_for_requests`."""
        __tracebackhide__ = True
        return await self._received.wait_for_requests_async(n, state, None, timeout)

    async def wait_for_connections(
        self,
        n: int = 1,
        *,
        timeout: float = limits.WAIT_SECONDS,
    ) -> list[Connection]:
        """See `EpollServer.wait_for_connections`."""
        __tracebackhide__ = True
        return await self._received.wait_for_connections_async(n, timeout)

    async def wait_for_mark(
        self, name: str, *, times: int = 1, connection: int | None = None, timeout: float = limits.WAIT_SECONDS
    ) -> list[Mark]:
        """See `EpollServer.wait_for_mark`."""
        __tracebackhide__ = True
        return await self._received.wait_for_mark_async(name, times, connection, timeout)

    async def wait_idle(self, timeout: float = limits.WAIT_SECONDS) -> None:
        """See `EpollServer.wait_idle`."""
        __tracebackhide__ = True
        await self._received.wait_idle_async(timeout)


def make_desk(server: EpollServer) -> Desk:
    """Return the desk at which the views of a server ask."""
    journal, routes = server._journal, server._routes  # noqa: SLF001 - one class in several files
    barrier, listening = server._barrier, server._listening  # noqa: SLF001 - likewise
    desk: Desk
    desk = Desk(
        barrier=barrier,
        journal=journal,
        request=lambda record: Request(desk, record),
        connection=lambda index: Connection(desk, journal.connection(index)),
        connection_of=lambda record: Connection(desk, record),
        route=routes.get,
        route_text=lambda index: routes[index]._entry.text if index in routes else "a forgotten route",  # noqa: SLF001 - likewise
        calls_of=lambda index: routes[index]._entry.calls if index in routes else 0,  # noqa: SLF001 - likewise
        part=barrier.part,
        listener=lambda connection: listening.listeners[journal.elsewhere.get(connection, 0)],
        render=server.render,
    )
    return desk


# -- what the loop thread is given of a server --


def viewer(server: Callable[[], EpollServer | None]) -> Callable[[RequestRecord], Request]:
    """Return what makes views for the loop thread, which must not keep a server alive that its owner has dropped."""

    def view(record: RequestRecord) -> Request:
        owner = server()
        if owner is None:
            message = "the server was dropped while it ran"
            raise ReferenceError(message)
        return owner._desk.request(record)  # noqa: SLF001 - one class in several files

    return view


def explainer(router: Router) -> Callable[[RequestRecord], str]:
    """Return what explains an unmatched request; it holds the router, not the server."""
    return lambda record: near_miss.explain(record, closest_routes(router.routes, router.view, record))
