"""A route: which requests it takes, what it answers, what it has been asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core.location import caller
from pytest_epoll._core.response import Response, checked_delay
from pytest_epoll._serving.replies import Reply
from pytest_epoll.errors import UsageError, UsageTypeError
from pytest_epoll.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.router import RouteEntry
    from pytest_epoll.server import EpollServer

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

    def respond(
        self,
        status: int = 200,
        *,
        delay: float = 0.0,
        fault: Fault | Iterable[Fault] = (),
        times: int | None = None,
        **content: object,
    ) -> Route:
        """Append one reply made of these arguments; short for `respond_with(Response(...))`.

        Args:
            status: the status code.
            delay: seconds from the end of the request to the first byte of the reply.
            fault: a fault, or several that are applied from left to right.
            times: how often the reply is used; without it once, and the last one for ever.
            **content: what `Response` takes: reason, headers, cookies, json, text, html, content, file, raw,
                http_version.

        Returns:
            The route itself, so that calls can be chained.

        Raises:
            UsageError: a value that can't mean anything, or a route that could never be reached.
            UsageTypeError: an argument that there is not, or of a wrong type.
        """
        try:
            response = Response(status, **content)  # type: ignore[arg-type]  # it checks what it is given
        except UsageError:
            raise
        except TypeError as error:
            message = f"respond(): {str(error).removeprefix('Response.__init__() ')}"
            raise UsageTypeError(message) from None
        return self.respond_with(response, delay=delay, fault=fault, times=times)

    def respond_with(
        self,
        *replies: int | Response,
        delay: float = 0.0,
        fault: Fault | Iterable[Fault] = (),
        times: int | None = None,
    ) -> Route:
        """Append replies: an int is a status, a `Response` is itself; the keywords apply to each.

        Returns:
            The route itself, so that calls can be chained.

        Raises:
            UsageError: no reply at all, a `times` below 1, or a route that could never be reached.
            UsageTypeError: something that is no reply, or no fault.
        """
        self._server._barrier.refuse_in_fork()  # noqa: SLF001 - one class in two files
        if not replies:
            message = "respond_with() needs at least one reply"
            raise UsageError(message)
        if times is not None and (isinstance(times, bool) or not isinstance(times, int)):
            message = f"times must be a whole number, not {times!r}"
            raise UsageTypeError(message)
        if times is not None and times < 1:
            message = f"times={times} would never be used; leave the reply out, or use a number from 1 on"
            raise UsageError(message)
        delay_ns = checked_delay("delay", delay)
        faults = _checked_faults(fault)
        for given in replies:
            response = _checked_reply(given)
            reply = Reply(
                response,
                faults=(*response.faults, *faults),  # type: ignore[arg-type]  # with_faults() has checked them
                delay_ns=delay_ns + response.delay_ns,
                times=times,
                location=caller(),
            )
            self._server._router.add_reply(self._entry, reply)  # noqa: SLF001 - one class in two files
        return self

    # -- what it has been asked --

    @property
    def requests(self) -> Sequence[Request]:
        """The requests that it has answered, in order of arrival."""
        return self._server._requests_where(lambda record: record.route == self._entry.index)  # noqa: SLF001

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


def _checked_reply(given: object) -> Response:
    if isinstance(given, Response):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return Response(given)
    message = f"{given!r} is no reply; use a status or a Response"
    raise UsageTypeError(message)


def _checked_faults(given: object) -> tuple[Fault, ...]:
    faults = (given,) if isinstance(given, Fault) else given
    if isinstance(faults, (tuple, list)) and all(isinstance(fault, Fault) for fault in faults):
        return tuple(faults)
    message = f"fault= takes a fault of pytest_epoll.faults, or several in a list, not {given!r}"
    raise UsageTypeError(message)
