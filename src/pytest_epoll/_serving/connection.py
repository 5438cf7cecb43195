"""What users hold of a connection: read behind the barrier."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core import clock, limits, timeline
from pytest_epoll._core.checks import checked_choice
from pytest_epoll._serving.views import Timeline, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll._core.messages import ConnectionRecord
    from pytest_epoll._core.timeline import Fact
    from pytest_epoll._listening import Listener
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.views import Desk, Event
    from pytest_epoll._serving.waits import WaitArguments


class Connection:
    """A connection that a client opened, and how it ended."""

    __slots__ = ("_desk", "_record")

    def __init__(self, desk: Desk, record: ConnectionRecord) -> None:
        self._desk = desk
        self._record = record

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and self._record is other._record

    def __hash__(self) -> int:
        return id(self._record)

    def __repr__(self) -> str:
        return (
            f"<Connection c{self._record.index} from {self._record.client_address[0]}:{self._record.client_address[1]}>"
        )

    def _fresh(self) -> ConnectionRecord:
        self._desk.barrier.settle()
        return self._record

    @property
    def index(self) -> int:
        """How many connections were accepted before it."""
        return self._record.index

    @property
    def client_address(self) -> tuple[str, int]:
        """The client's (host, port); on a Unix domain socket ("unix", process id), as it has no address there."""
        return self._record.client_address

    @property
    def listener(self) -> Listener:
        """The listener that has accepted it: the server's own, or one of `EpollServer.also_listen()`."""
        return self._desk.listener(self._record.index)

    @property
    def requests(self) -> list[Request]:
        """The requests that came on it, in order."""
        self._desk.barrier.settle()
        return [self._desk.request(record) for record in self._desk.journal.records_on(self._record.index)]

    @property
    def events(self) -> Timeline:
        """The part of the timeline that is about it."""
        self._desk.barrier.settle()
        index = self._record.index
        return Timeline(self._desk, [fact for fact in self._desk.journal.facts if fact[1] == index])

    @property
    def opened_at(self) -> float:
        """When it was accepted."""
        return clock.seconds(self._record.opened_ns)

    @property
    def closed_at(self) -> float | None:
        """When the first goodbye of either side was sent or seen."""
        return seconds(self._fresh().closed_ns)

    @property
    def is_open(self) -> bool:
        """Whether neither side has said goodbye."""
        return self._fresh().closed_by is None

    @property
    def closed_by(self) -> str | None:
        """Who said goodbye first: "client", "server" or None."""
        return self._fresh().closed_by

    @property
    def closed_how(self) -> str | None:
        """What that goodbye was on the wire: "fin", "rst" or None."""
        return self._fresh().closed_how

    @property
    def bytes_received(self) -> int:
        """Bytes that were read from it, drained ones included."""
        return self._fresh().bytes_received

    @property
    def bytes_sent(self) -> int:
        """Bytes that the kernel has accepted."""
        return self._fresh().bytes_sent

    @property
    def tls(self) -> None:
        """What is known of its TLS: None, as it is in plain text."""

    @property
    def raw_received(self) -> bytes:
        """What was read from it: the first and the last 256 KiB, with a line that says how much lies in between."""
        self._desk.barrier.settle()
        return self._desk.journal.received_on(self._record).as_bytes()

    @property
    def raw_sent(self) -> bytes:
        """What the kernel has accepted: the first and the last 256 KiB, with a line that says how much lies between."""
        self._desk.barrier.settle()
        return self._desk.journal.sent_on(self._record).as_bytes()

    # -- parting --

    def close(self) -> None:
        """Send FIN now, whatever is being answered, then read and discard until the client closes; no-op if it did.

        Returns when the FIN is on the wire; in a predicate or a hook, which run on the server's own thread, it is sent
        as soon as that has returned. What was received stays recorded, what comes now is no request any more.
        """
        self._desk.part(self._record.index, "fin")

    def reset(self) -> None:
        """Send RST now, whatever is being answered, unsent or unread; returns when it is, as `close()` does.

        Raises:
            UsageError: it came in on a Unix domain socket, where there is no RST.
        """
        self._desk.part(self._record.index, "rst")

    # -- waiting --

    @property
    def aio(self) -> ConnectionAio:
        """The waits as coroutines."""
        return ConnectionAio(self)

    def wait_closed(self, timeout: float = limits.WAIT_SECONDS) -> None:
        """Return once either side has said goodbye.

        Raises:
            WaitTimeout: nobody has, after `timeout` seconds.
            UsageTypeError: a timeout that is no number.
            UsageError: a negative one, or the wait would freeze an event loop of this thread.
        """
        __tracebackhide__ = True
        self._desk.barrier.wait(*self._closing(timeout))

    def wait_event(self, kind: str, timeout: float = limits.WAIT_SECONDS) -> Event:
        """Return the first event of that kind on this connection, at once if it has already happened.

        Raises:
            WaitTimeout: there is none after `timeout` seconds.
            UsageTypeError: an argument of a wrong type.
            UsageError: a kind that there is not, or the wait would freeze an event loop of this thread.
        """
        __tracebackhide__ = True
        self._desk.barrier.wait(*self._happening(kind, timeout))
        return self._first_event(kind)

    def wait_ended(self, timeout: float = limits.WAIT_SECONDS) -> None:
        """Return once both directions are over and the socket is released.

        Raises:
            WaitTimeout: they are not, after `timeout` seconds.
            UsageTypeError: a timeout that is no number.
            UsageError: a negative one, or the wait would freeze an event loop of this thread.
        """
        __tracebackhide__ = True
        self._desk.barrier.wait(*self._ending(timeout))

    def _closing(self, timeout: float) -> WaitArguments:
        def expired() -> str:
            for event in self.events:
                if event.kind == timeline.UNOBSERVED and str(event.detail).startswith(timeline.FIN_RECEIVED):
                    return f"{self!r} to close; not seen: {event.detail}"
            return f"{self!r} to close, but the client still holds it: is a response or a pool alive?"

        return lambda: self._record.closed_by is not None, timeout, expired

    def _ending(self, timeout: float) -> WaitArguments:
        return (
            lambda: self._record.ended_ns is not None,
            timeout,
            lambda: f"{self!r} to end, but the client has not closed it",
        )

    def _happening(self, kind: str, timeout: float) -> WaitArguments:
        checked_choice("kind", kind, timeline.KINDS)
        facts: list[Fact] = []
        seen = 0  # a wait must not go through the whole record at each turn

        def has_happened() -> bool:
            nonlocal facts, seen
            if facts is not self._desk.journal.facts:  # the first look, or the record was cleared
                facts, seen = self._desk.journal.facts, 0
            new, seen = facts[seen:], len(facts)
            return next(self._of_kind(kind, iter(new)), None) is not None

        return has_happened, timeout, lambda: f"an event {kind!r} on {self!r}, there was none"

    def _of_kind(self, kind: str, facts: Iterator[Fact]) -> Iterator[Fact]:
        index = self._record.index
        return (fact for fact in timeline.expand(fact for fact in facts if fact[1] == index) if fact[3] == kind)

    def _first_event(self, kind: str) -> Event:
        self._desk.barrier.settle()
        return Timeline(self._desk, [next(self._of_kind(kind, iter(self._desk.journal.facts)))])[0]


class ConnectionAio:
    """The waits of a `Connection` as coroutines, for asyncio and trio."""

    __slots__ = ("_connection", "_wait")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._wait = connection._desk.barrier.wait_async  # noqa: SLF001 - the same module

    async def wait_closed(self, timeout: float = limits.WAIT_SECONDS) -> None:
        """See `Connection.wait_closed`."""
        __tracebackhide__ = True
        await self._wait(*self._connection._closing(timeout))  # noqa: SLF001 - the same module

    async def wait_event(self, kind: str, timeout: float = limits.WAIT_SECONDS) -> Event:
        """See `Connection.wait_event`."""
        __tracebackhide__ = True
        await self._wait(*self._connection._happening(kind, timeout))  # noqa: SLF001 - the same module
        return self._connection._first_event(kind)  # noqa: SLF001 - the same module

    async def wait_ended(self, timeout: float = limits.WAIT_SECONDS) -> None:
        """See `Connection.wait_ended`."""
        __tracebackhide__ = True
        await self._wait(*self._connection._ending(timeout))  # noqa: SLF001 - the same module
