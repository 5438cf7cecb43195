"""The requests of a server or a route, as they were at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from pytest_epoll._serving.route_entry import Pattern

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from typing_extensions import Unpack

    from pytest_epoll._serving.criteria import Criteria
    from pytest_epoll._serving.paths import Path
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.views import Snapshot


class Requests(Sequence["Request"]):
    """A sequence of `Request`s, in order of arrival; it compares like a list."""

    __slots__ = ("_requests",)

    def __init__(self, requests: Snapshot[Request] | list[Request]) -> None:
        self._requests = requests

    def matching(
        self, method: str | Collection[str] = "*", path: Path = None, **criteria: Unpack[Criteria]
    ) -> Requests:
        """Return those that match, by the criteria that `server.route()` takes.

        A request whose body is still coming matches no criterion of the body.

        Raises:
            UsageError: a criterion that could not match.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        pattern = Pattern(method, path, criteria)
        return Requests([request for request in self._requests if is_match(pattern, request)])

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> Requests: ...
    def __getitem__(self, index: int | slice) -> Request | Requests:
        return Requests(self._requests[index]) if isinstance(index, slice) else self._requests[index]

    def __iter__(self) -> Iterator[Request]:
        return iter(self._requests)

    def __len__(self) -> int:
        return len(self._requests)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it compares like a list

    def __repr__(self) -> str:
        return repr(list(self))


def is_match(pattern: Pattern, request: Request) -> bool:
    """Whether a request is what a pattern asks for."""
    record = request._record  # noqa: SLF001 - one house
    if pattern.body_checks and (record.complete is None or not record.keeps_body):
        return False
    return pattern.holds(request, record.head)
