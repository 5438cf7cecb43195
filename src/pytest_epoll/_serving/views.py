"""What the views of one server share: snapshots, the timeline, and the desk at which they ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pytest_epoll._core import clock, timeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_epoll._core.messages import ConnectionRecord, RequestRecord
    from pytest_epoll._core.timeline import Fact
    from pytest_epoll._listening import Listener
    from pytest_epoll._serving.barrier import Barrier
    from pytest_epoll._serving.connection import Connection
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.request import Request

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the wire timeline.

    Attributes:
        at: seconds since the process's first server started.
        connection: the index of the connection, or None for what belongs to the server as a whole.
        exchange: the index of the exchange on that connection, or None for what belongs to the connection.
        kind: what happened, such as "head", "sent", "rst-received".
        size: bytes, where the kind has any.
        detail: more about it, depending on the kind, or None.
    """

    at: float
    connection: int | None
    exchange: int | None
    kind: str
    size: int
    detail: object


@dataclass(frozen=True, slots=True)
class Mark:
    """A place that a connection script has come to.

    Attributes:
        name: what `steps.mark()` was given.
        connection: the index of the connection.
        at: seconds since the process's first server started.
    """

    name: str
    connection: int
    at: float


@dataclass(frozen=True, slots=True)
class Desk:
    """Where every view of one server asks: the record, the way to it, and the other views."""

    barrier: Barrier
    journal: Journal
    request: Callable[[RequestRecord], Request]
    connection: Callable[[int], Connection]
    connection_of: Callable[[ConnectionRecord], Connection]
    route: Callable[[int], object]
    route_text: Callable[[int], str]
    calls_of: Callable[[int], int]
    part: Callable[[int, str], object]
    listener: Callable[[int], Listener]
    render: Callable[[Sequence[Fact]], str]


class Timeline(Sequence[Event]):
    """What happened on the wire, in order; `str()` of it is the text that a failing test shows."""

    __slots__ = ("_desk", "_events", "_facts")

    def __init__(self, desk: Desk, facts: Sequence[Fact]) -> None:
        self._desk = desk
        self._facts = facts
        self._events: list[Event] | None = None

    def _all(self) -> list[Event]:
        if self._events is None:
            self._events = [
                Event(
                    clock.seconds(at_ns), _index(connection), _index(exchange), kind, size, self._detail(kind, detail)
                )
                for at_ns, connection, exchange, kind, size, detail in timeline.expand(self._facts)
                if kind not in timeline.INTERNAL
            ]
        return self._events

    def _detail(self, kind: str, detail: Any) -> object:
        """Return a fact's detail as users read it: routes and faults by what they are called."""
        if kind == timeline.MATCHED:
            return self._desk.route_text(detail[0])
        return detail[-1] if kind == timeline.FAULT else detail

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        return self._all()[index]

    def __iter__(self) -> Iterator[Event]:
        return iter(self._all())  # not by index: an IndexError of ours would pass for the end

    def __len__(self) -> int:
        return len(self._all())

    def __str__(self) -> str:
        return self._desk.render(self._facts)

    def __repr__(self) -> str:
        return f"<Timeline of {len(self)} events>"


class Snapshot(Sequence[T_co]):
    """A sequence as it was at one moment; its items are made when they are looked at, so taking it costs nothing."""

    __slots__ = ("_indexes", "_make")

    def __init__(self, make: Callable[[int], T_co], indexes: Sequence[int]) -> None:
        self._make = make
        self._indexes = indexes

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Snapshot[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Snapshot[T_co]:
        if isinstance(index, slice):
            return Snapshot(self._make, self._indexes[index])
        return self._make(self._indexes[index])

    def __iter__(self) -> Iterator[T_co]:
        return map(self._make, self._indexes)

    def __len__(self) -> int:
        return len(self._indexes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it compares like a list

    def __repr__(self) -> str:
        return repr(list(self))


def _index(number: int) -> int | None:
    return None if number < 0 else number


def seconds(at_ns: int | None) -> float | None:
    return None if at_ns is None else clock.seconds(at_ns)
