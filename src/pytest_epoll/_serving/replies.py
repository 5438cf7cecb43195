"""A reply in a route's list: content or a handler, faults and timing, how often it may be used.

What is a reply: an int (a status), a `Response`, a fault that needs no reply, or a callable. The same kinds are what a
handler returns, and on top of them what is quick to write: `(status, body)`, a dict, a str, a generator.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_epoll import match
from pytest_epoll._core.checks import checked_delay
from pytest_epoll._core.location import caller
from pytest_epoll._core.response import Response
from pytest_epoll._core.score import is_fault
from pytest_epoll._serving.async_home import find_home
from pytest_epoll._serving.gate import Gate
from pytest_epoll._wire.http1_reply import encode
from pytest_epoll._wire.http1_writer import Asker
from pytest_epoll.errors import UsageError, UsageTypeError
from pytest_epoll.faults._fault import Fault

if TYPE_CHECKING:
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.request_head import Head
    from pytest_epoll._serving.async_home import AsyncHome
    from pytest_epoll._serving.request import Request

Handler: TypeAlias = "Callable[[Request], Any]"
GivenReply: TypeAlias = "int | Response | Fault | Handler"
"""What `route.respond_with()` takes."""


class Reply:
    """One entry of a route's list of replies. Counters: loop thread only."""

    __slots__ = (
        "_images",
        "_last",
        "_last_head",
        "delay_ns",
        "faults",
        "gate",
        "handler",
        "home",
        "is_early",
        "is_gauged",
        "is_plain",
        "is_whole",
        "location",
        "number",
        "response",
        "times",
        "used",
    )

    def __init__(
        self,
        response: Response,
        *,
        handler: Handler | None = None,
        home: Callable[[], AsyncHome] | None = None,
        faults: tuple[Fault, ...] = (),
        delay_ns: int = 0,
        gate: Gate | None = None,
        times: int | None = None,
        location: str = "",
    ) -> None:
        self.response = response  # what a handler's reply stands for is not known before it is called
        self.handler = handler
        self.home = home
        self.faults = faults
        self.delay_ns = delay_ns
        self.gate = gate
        self.times = times
        self.location = location
        self.number = 0  # its place in the route's list, from 0
        self.used = 0
        if handler is None:
            check_faults(response, faults)
        self.is_early = any(acts_on_reading(fault) for fault in faults)
        self.is_gauged = self.is_early or any(getattr(fault, "leaves_unread", False) for fault in faults)
        self.is_whole = handler is None and response.score is None  # its bytes are known beforehand: one image
        self.is_plain = self.is_whole and not (faults or delay_ns or gate is not None or response.informational)
        self._images: dict[Asker, tuple[Image, bool]] = {}
        self._last_head: Head | None = None
        self._last: tuple[Image, bool]

    @property
    def status(self) -> int:
        """The status, 0 if a handler has yet to say it."""
        return self.response.status if self.handler is None else 0

    @property
    def what(self) -> str:
        """How findings name it."""
        if self.handler is not None and not self.location:  # nobody has registered it
            return "the hook pytest_epoll_unmatched"
        if self.handler is not None:
            return f"handler {match.show(self.handler)} of {self.location}"
        return f"{self.response.score!r} of {self.location}"

    def encoded(self, head: Head | None) -> tuple[Image, bool]:
        """Return the bytes of a whole reply to a request with that head, and whether the connection ends with it.

        Encoded once a kind of request; `head` is None for one that can't be read.
        """
        if head is not None and head is self._last_head:
            return self._last  # a request asks several times
        asker = asker_of(head)
        encoded = self._images.get(asker)
        if encoded is None:
            encoded = self._images[asker] = encode(self.response, asker)
        self._last_head, self._last = head, encoded
        return encoded


def check_faults(response: Response, faults: Iterable[object]) -> None:
    """Refuse faults that have nothing to act on; one of the test's own need not tell.

    Raises:
        UsageError: the response has nothing that a fault could act on.
    """
    for fault in faults:
        check = getattr(fault, "check", None)
        if check is not None:
            check(response)


def check_places(response: Response, faults: Iterable[object]) -> None:
    """Refuse places that what a handler has returned can't have; that it has nothing to act on leaves a fault unfired.

    Raises:
        UsageError: a place that the response can't have.
    """
    for fault in faults:
        check = getattr(fault, "check_places", None)
        if check is not None:
            check(response)


def acts_on_reading(fault: object) -> bool:
    """Whether a fault acts while the request is read, and not on the reply alone."""
    return bool(getattr(fault, "acts_on_reading", False))


_FRAMED_DIFFERENTLY = {"HEAD": "HEAD", "CONNECT": "CONNECT"}

_UNREADABLE = Asker("GET", "1.1", keep_alive=False)
_NOBODY = Asker("GET", "1.1", keep_alive=True, is_told=False)


def asker_of(head: Head | None, *, is_told: bool = True) -> Asker:
    """Return the kind of a request with that head (None: an unreadable one)."""
    if head is None:
        return _UNREADABLE if is_told else _NOBODY
    return Asker(_FRAMED_DIFFERENTLY.get(head.method, "GET"), head.http_version, head.keep_alive, is_told)


# -- what callers give --


def as_reply(given: Any, **how: Any) -> Reply:
    """Return an entry of a route's list from what a caller gave.

    Raises:
        UsageTypeError: it is no reply.
        UsageError: a fault that needs a reply to act on.
    """
    if isinstance(given, Response):
        _refuse_repeating(given, how)
        how["faults"] = (*given.faults, *how.get("faults", ()))
        how["delay_ns"] = given.delay_ns + how.get("delay_ns", 0)
        return Reply(given, **how)
    if isinstance(given, int) and not isinstance(given, bool):
        return Reply(Response(given), **how)
    if is_fault(given):
        _refuse_dependent(given)
        how["faults"] = (given, *how.get("faults", ()))
        return Reply(Response(), **how)
    if callable(given) and not isinstance(given, type):
        return Reply(Response(), handler=given, **how)
    message = f"{given!r} is no reply; use a status, a Response, a fault that needs no reply, or a handler"
    raise UsageTypeError(message)


def checked_how(delay: object, gate: object, fault: object) -> dict[str, Any]:
    """Return the keywords of `as_reply` that a caller's `delay=`, `gate=` and `fault=` stand for, and where they stand.

    Raises:
        UsageTypeError: no number, no gate, no fault.
        UsageError: a delay that can't be.
    """
    if gate is not None and not isinstance(gate, Gate):
        message = f"gate= takes what server.gate() returns, not {gate!r}"
        raise UsageTypeError(message)
    return {
        "home": find_home(),
        "faults": checked_faults(fault),
        "delay_ns": checked_delay("delay", delay),
        "gate": gate,
        "location": caller(),
    }


def checked_faults(given: object) -> tuple[Fault, ...]:
    """Return a fault, or several in a list, as a tuple.

    Raises:
        UsageTypeError: something else.
    """
    if isinstance(given, tuple) and not given:
        return ()  # the rule, and to ask it for its protocols takes 8 us
    if is_fault(given) and isinstance(given, Fault):
        return (given,)
    if isinstance(given, Iterable):
        faults = tuple(given)
        if all(map(is_fault, faults)):
            return faults
    message = f"fault= takes a fault of pytest_epoll.faults, or several in a list, not {given!r}"
    raise UsageTypeError(message)


def _refuse_repeating(response: Response, how: dict[str, Any]) -> None:
    if response.score is None or not response.score.is_one_shot:
        return
    if how.get("times") not in {None, 1}:
        message = (
            f"times={how['times']}: {response.score!r} is an iterator, which can be used once; "
            "give a list or a callable that returns a new one"
        )
        raise UsageError(message)
    how["times"] = 1


def _refuse_dependent(fault: object) -> None:
    if getattr(fault, "needs_reply", True):
        message = f"{fault!r} needs a reply to act on; use respond(..., fault={fault!r})"
        raise UsageError(message)


# -- what handlers return --


def as_response(result: Any) -> Response:
    """Return what a handler returned as a response that carries its faults.

    Raises:
        UsageTypeError: it is nothing that a handler may return.
        UsageError: a fault that needs a reply to act on, or that acts while the request is read.
    """
    if isinstance(result, Response):
        _refuse_late(result)
        return result
    if isinstance(result, bool) or result is None:
        message = f"a handler returned {result!r}; it returns a reply, such as 200, Response(...), a dict or a str"
        raise UsageTypeError(message)
    if isinstance(result, int):
        return Response(result)
    if isinstance(result, tuple):
        return _from_tuple(result)
    if is_fault(result):
        _refuse_dependent(result)
        response = Response().with_faults(result)
        _refuse_late(response)
        return response
    return Response(**_body_argument(result))


def _refuse_late(response: Response) -> None:
    check_faults(response, response.faults)
    for fault in response.faults:
        if acts_on_reading(fault):
            message = (
                f"{fault!r} acts while the request is read, which is over when a handler returns; use fault= instead"
            )
            raise UsageError(message)


def _from_tuple(result: tuple[Any, ...]) -> Response:
    if len(result) not in {2, 3} or isinstance(result[0], bool) or not isinstance(result[0], int):
        message = f"a handler returned {result!r}; a tuple is (status, body) or (status, body, headers)"
        raise UsageTypeError(message)
    headers = result[2] if len(result) == 3 else None  # noqa: PLR2004 - with headers
    body = {} if result[1] is None else _body_argument(result[1])
    return Response(result[0], headers=headers, **body)


def _body_argument(body: Any) -> dict[str, Any]:
    """Return the keyword of `Response` that a body of that type is meant for."""
    if isinstance(body, (dict, list)):
        return {"json": body}
    if isinstance(body, str):
        return {"text": body}
    if isinstance(body, (bytes, bytearray, memoryview)):
        return {"content": bytes(body)}
    if isinstance(body, (Iterator, AsyncIterable, Iterable)):
        return {"stream": body}
    message = f"a handler returned {body!r}; it returns a reply, such as 200, Response(...), a dict or a str"
    raise UsageTypeError(message)
