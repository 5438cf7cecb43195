"""Sweeps: one response, cut off or split at each of its bytes, and what a client makes of it.

`cuts()` and `splits()` call a client for each position and return a `Sweep`; `parametrize()` makes a test of each
position. `sweeps.strategies` has what Hypothesis needs to look for failing combinations.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_epoll._core.checks import checked_text, checked_timeout, checked_whole
from pytest_epoll.errors import UsageError, UsageTypeError
from pytest_epoll.faults._beforehand import sent_bytes
from pytest_epoll.server import EpollServer
from pytest_epoll.sweeps import _plans, _running
from pytest_epoll.sweeps._outcomes import Outcome, Range, Sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pytest

    from pytest_epoll._core.response import Response
    from pytest_epoll.sweeps import strategies

__all__ = ("Outcome", "Range", "Sweep", "cuts", "parametrize", "splits", "strategies")


def __getattr__(name: str) -> object:
    """Load the strategies when they are first asked for: only they need Hypothesis."""
    if name == "strategies":
        return import_module("pytest_epoll.sweeps.strategies")
    message = f"module 'pytest_epoll.sweeps' has no attribute {name!r}"
    raise AttributeError(message)


def cuts(
    response: Response,
    call: Callable[[str], Any],
    *,
    how: str | Iterable[str] = ("fin", "rst", "stall"),
    timeout: float = 1.0,
    at_once: int = 1,
    make_server: Callable[[], EpollServer] = EpollServer,
) -> Sweep:
    """Deliver every proper prefix of a response to `call(url)`, end it so, and return what came of it.

    First the whole response is delivered: it tells how many bytes there are for the request that `call` sends, and what
    a good answer looks like. Then, for each way to end, the response is cut after 0 bytes, after 1, up to the last but
    one. Each call has a fresh server, a fresh connection and a thread of its own, with the context variables of the
    caller; the calls come one after the other.

    A call that has not come back after `timeout` seconds is noted as late, and its server is stopped, so that it comes
    back; if not even that helps it is noted as lost, and its thread is left behind. After a few of these the sweep is
    given up, and says so. A stall lasts until the client's own timeout is over: make that a short one.

    Args:
        response: what to cut; its length must be known. It can be of any kind: with interim responses, chunked,
            delimited by FIN, `raw=`. One that carries faults is delivered as the bytes that they make of it.
        call: the client, as a function of a url ("http://127.0.0.1:PORT") that sends a request to it and returns what
            it made of the answer. If it returns an awaitable, this is awaited on an event loop of its own.
        how: "fin", "rst", "stall", or several of them.
        timeout: seconds that a call may take.
        at_once: how many calls may run at the same time, for clients that can be called from several threads.
        make_server: returns a server; `functools.partial(EpollServer, edge_triggered=True)`, for instance.

    Raises:
        UsageTypeError: an argument of a wrong type.
        UsageError: a response of unknown length, or without or of too many bytes; a `call` that sends no request even
            for the whole response.
    """
    checked = _plans.to_cut(_plans.checked_response(response))
    ways = _plans.checked_how(how)
    return _swept(
        checked,
        _conditions(call, timeout, make_server),
        lambda size: _plans.cuts(checked, ways, range(size)),
        checked_whole("at_once", at_once, least=1),
    )


def splits(
    response: Response,
    call: Callable[[str], Any],
    *,
    timeout: float = 1.0,
    at_once: int = 1,
    make_server: Callable[[], EpollServer] = EpollServer,
) -> Sweep:
    """Deliver every two-way split of a response to `call(url)`, as exactly two `recv()`s, and return what came of it.

    The second piece is sent when the client has read the first. What one `recv()` returns depends on its buffer, too: a
    client that reads less at a time than a piece has needs more of them.

    Args:
        response: as `cuts()` takes it.
        call: as `cuts()` takes it.
        timeout: as `cuts()` takes it.
        at_once: as `cuts()` takes it.
        make_server: as `cuts()` takes it.

    Raises:
        UsageTypeError: see `cuts()`.
        UsageError: see `cuts()`.
    """
    checked = _plans.to_split(_plans.checked_response(response))
    return _swept(
        checked,
        _conditions(call, timeout, make_server),
        lambda size: _plans.splits(checked, range(size)),
        checked_whole("at_once", at_once, least=1),
    )


def parametrize(
    response: Response, how: str | Iterable[str] = ("fin", "rst", "stall"), *, argname: str = "cut"
) -> pytest.MarkDecorator:
    """Return a `pytest.mark.parametrize` that makes a test of each cut of a response.

    Such as::

        @sweeps.parametrize(Response(content=b"hello"), how="fin")
        def test_cut(epoll_server, cut):
            epoll_server.get("/").respond_with(cut)

    The test gets a `Response` that carries the fault, and its name is the way to end and the number of bytes, such as
    `fin-12`. The response is cut as an answer to a GET of a client that keeps connections. One that does not is told
    `Connection: close`: then positions in the body lie behind that line, and the line itself is not cut.

    Args:
        response: as `cuts()` takes it.
        how: "fin", "rst", "stall" as in `cuts()`, "split" as in `splits()`, or several of them.
        argname: the name of the test's argument.

    Raises:
        UsageTypeError: an argument of a wrong type.
        UsageError: a response of unknown length, or without or of too many bytes; an unknown way to end.
    """
    import pytest  # noqa: PLC0415 - a sweep without pytest needs none

    checked = _plans.checked_response(response)
    ways = _plans.checked_how(how, (*_plans.ENDINGS, _plans.SPLIT))
    image = sent_bytes(checked)
    _plans.checked_size(len(image))
    places = _plans.places_in(image)
    plans = list(_plans.cuts(_plans.to_cut(checked), tuple(way for way in ways if way in _plans.ENDINGS), places))
    if _plans.SPLIT in ways:
        plans += _plans.splits(_plans.to_split(checked), places)
    name = checked_text("argname", argname)
    return pytest.mark.parametrize(name, [pytest.param(plan.response, id=plan.name) for plan in plans])


def _conditions(
    call: Callable[[str], Any], timeout: float, make_server: Callable[[], EpollServer]
) -> _running.Conditions:
    for name, value in (("call", call), ("make_server", make_server)):
        if not callable(value):
            message = f"{name} must be a function, not {value!r}"
            raise UsageTypeError(message)
    if not checked_timeout(timeout):
        message = f"timeout={timeout!r} gives a call no time; use seconds above 0"
        raise UsageError(message)
    return _running.Conditions(call, timeout, make_server)


def _swept(
    response: Response,
    conditions: _running.Conditions,
    plans: Callable[[int], Iterable[_plans.Plan]],
    at_once: int,
) -> Sweep:
    first = _plans.Plan(0, _running.WHOLE, _plans.uncut(response))
    whole, sent = _running.deliver(first, conditions, None)
    size = _plans.checked_size(max(sent.sizes, default=0))
    found = _running.all_of(plans(size), conditions, whole, size, at_once)
    return Sweep(_running.name_of(conditions.call), whole, *found)
