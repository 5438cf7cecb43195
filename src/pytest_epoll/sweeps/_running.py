"""Carrying a sweep out: a server, a thread and a deadline for each call.

Facts
- A call that hangs can't be ended from outside. It comes back when its connection ends, if it looks at it at all.
- A client may keep connections for later calls, and may try again on new ones.
- An exception holds the frames that it went through, and these the sockets of the client: thousands of them at once.

What we do. Each delivery has a server of its own, so its connection is fresh, no later call meets what an earlier one
has left, and stopping the server ends whatever the call still waits for. Each call runs on a thread of its own: when
the timeout is over the server is stopped, and a call that does not even come back then is left behind. Of exceptions
the tracebacks are dropped.

What it costs: a thread and a server for each call, half a millisecond.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from pytest_epoll._core.finding import Finding
from pytest_epoll._core.showing import count
from pytest_epoll._serving import registry
from pytest_epoll.errors import UsageError
from pytest_epoll.sweeps import _telling
from pytest_epoll.sweeps._outcomes import Outcome
from pytest_epoll.sweeps._plans import SPLIT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pytest_epoll.server import EpollServer
    from pytest_epoll.sweeps._plans import Plan

    Call = Callable[[str], Any]

GRACE_SECONDS: Final = 2.0
"""How long a call may take to notice that its server has gone, before it is left behind. A client that tries again
after a pause of a second is no defect; a thread that spins is one, and each second of it slows down all others."""

LOST_AT_MOST: Final = 3
"""Calls that are left behind before a sweep gives up: their threads run on, and the next ones will hang, too."""

WHOLE: Final = "whole"
"""How the uncut response is delivered."""


class Sent(NamedTuple):
    """What the server's record says about one delivery."""

    port: int
    requests: int
    sizes: tuple[int, ...]  # bytes of each answer
    beginning: bytes  # what the first connection was sent: all of it, unless it is long
    findings: tuple[Finding, ...]


class Conditions(NamedTuple):
    """What is the same for every delivery of a sweep."""

    call: Call
    timeout: float
    make_server: Callable[[], EpollServer]


class _Calling:
    """A call on a thread of its own. The server is none of its business: what it raises must not hold it."""

    def __init__(self, call: Call, url: str) -> None:
        self.value: object = None
        self.error: BaseException | None = None
        self._is_back = threading.Event()
        context = copy_context()
        threading.Thread(target=context.run, args=(self._run, call, url), name="sweep call", daemon=True).start()

    def _run(self, call: Call, url: str) -> None:
        try:
            value = call(url)
            if isawaitable(value):
                value = asyncio.run(_awaited(value))
            self.value = value
        except BaseException as error:  # noqa: BLE001 - it is an outcome, or raised in the thread that sweeps
            self.error = error
        self._is_back.set()

    def is_back_within(self, seconds: float) -> bool:
        return self._is_back.wait(seconds)


async def _awaited(value: Awaitable[object]) -> object:
    return await value


def deliver(plan: Plan, conditions: Conditions, whole: Outcome | None) -> tuple[Outcome, Sent]:
    """Deliver it to a call; return what that came to, and what the server has sent."""
    with conditions.make_server() as server:
        server.route().respond_with(plan.response)
        calling = _Calling(conditions.call, server.url)
        is_late = not calling.is_back_within(conditions.timeout)
        sent = _sent(server)
    registry.leave(server)  # a failing test shows the sweep, and not the timelines of hundreds of servers
    is_lost = is_late and not calling.is_back_within(GRACE_SECONDS)
    if is_lost:
        outcome = Outcome(
            plan.position, plan.how, None, None, True, True, sent.requests, plan.response, _told_lost(conditions)
        )
        return outcome, sent
    error = calling.error
    if error is not None and not isinstance(error, (Exception, SystemExit, asyncio.CancelledError)):
        raise error  # the test's own verdict, such as pytest.skip()
    text = _told(calling, sent, conditions, is_late=is_late, whole=whole)
    if whole is None and not sent.requests:
        _refuse(server, conditions, error)
    if error is not None:
        _drop_frames(error)
    return Outcome(
        plan.position, plan.how, calling.value, error, is_late, False, sent.requests, plan.response, text
    ), sent


def _sent(server: EpollServer) -> Sent:
    requests = server.requests
    return Sent(
        server.port,
        len(requests),
        tuple(request.response_bytes_sent for request in requests),
        server.connections[0].raw_sent if requests else b"",
        tuple(found for found in server.findings() if found.kind in {"inexact", "malformed"}),
    )


def _refuse(server: EpollServer, conditions: Conditions, error: BaseException | None) -> NoReturn:
    """Say that a call can't be swept, for it sends no request, not even when it gets the whole response."""
    name = name_of(conditions.call)
    how = f"it raised {error!r}" if error is not None else "it must ask the url that it is given"
    message = f"{name}({server.url!r}) has sent no request; {how}"
    raise UsageError(message) from error


def _told(
    calling: _Calling, sent: Sent, conditions: Conditions, *, is_late: bool, whole: Outcome | None
) -> _telling.Text:
    if calling.error is not None:
        text = _telling.raised(calling.error, sent.port, sent.beginning)
    else:
        text = _telling.returned(calling.value, sent.port, calling.value if whole is None else whole.value)
    if is_late:
        text = (f"{_late(conditions)}; when the server had stopped it ", *text)
    if sent.requests != 1:
        asked = f"asked {sent.requests} times and " if sent.requests else "sent no request and "
        text = (asked, *text)
    return text


def _late(conditions: Conditions) -> str:
    return f"did not come back within {conditions.timeout:g} s"


def _told_lost(conditions: Conditions) -> _telling.Text:
    return (f"{_late(conditions)}, not even when the server had stopped",)


def _drop_frames(error: BaseException) -> None:
    """Let go of the frames that an exception and those behind it hold, and with them of the client's sockets."""
    todo: list[BaseException | None] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop()
        if one is not None and id(one) not in seen:
            seen.add(id(one))
            one.__traceback__ = None
            todo += [one.__cause__, one.__context__, *getattr(one, "exceptions", ())]


def doubts(plan: Plan, sent: Sent, outcome: Outcome, size: int) -> list[Finding]:
    """Return in what a delivery was not what it should have been."""
    where = f"{plan.name}: "
    found = [Finding(one.kind, where + one.text) for one in sent.findings]
    due = size if plan.how == SPLIT else plan.position
    if not (outcome.is_late or due in sent.sizes or not sent.sizes):
        sizes = " and ".join(map(str, sent.sizes))
        text = f"{where}{sizes} of {count(due, 'byte')} were sent; is the response to this request a shorter one?"
        found.append(Finding("inexact", text))
    return found


def all_of(
    plans: Iterable[Plan], conditions: Conditions, whole: Outcome, size: int, at_once: int
) -> tuple[list[Outcome], list[Finding], int]:
    """Carry out all of it; return the outcomes, the doubts, and how many were given up."""
    lost: list[Outcome] = []  # appended to by several threads, which a list allows

    def one(plan: Plan) -> tuple[Outcome, list[Finding]] | None:
        if len(lost) >= LOST_AT_MOST:
            return None
        outcome, sent = deliver(plan, conditions, whole)
        if outcome.is_lost:
            lost.append(outcome)
        return outcome, doubts(plan, sent, outcome, size)

    if at_once == 1:
        results = [one(plan) for plan in plans]
    else:
        with ThreadPoolExecutor(at_once, thread_name_prefix="sweep") as pool:
            try:
                results = list(pool.map(one, plans))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    done = [result for result in results if result is not None]
    return [outcome for outcome, _ in done], [found for _, more in done for found in more], len(results) - len(done)


def name_of(call: object) -> str:
    """Return what the code to paste calls it."""
    name = getattr(call, "__name__", "")
    return name if name.isidentifier() else "call"
