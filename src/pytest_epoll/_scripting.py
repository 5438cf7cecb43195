"""The server's face for what a connection or an attempt meets: scripts, attempts, marks."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_epoll._core import clock, limits
from pytest_epoll._core.checks import checked_flag, checked_text, checked_whole
from pytest_epoll._core.location import caller
from pytest_epoll._core.score import is_fault
from pytest_epoll._serving.route_entry import ATTEMPTS
from pytest_epoll._serving.scripts.book import Attempts, Script
from pytest_epoll._serving.scripts.step import Step
from pytest_epoll._serving.views import Mark
from pytest_epoll._serving.waits import runs_an_event_loop
from pytest_epoll.errors import UsageError, UsageTypeError, WaitTimeout
from pytest_epoll.faults._at_accept import AtAccept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_epoll._serving.barrier import Barrier
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.replies import GivenReply
    from pytest_epoll._serving.scripts.book import ScriptBook
    from pytest_epoll._serving.waits import WaitArguments
    from pytest_epoll.faults import Fault
    from pytest_epoll.route import Route
    from pytest_epoll.server import EpollServer


def attempts(self: EpollServer, *replies: GivenReply | AtAccept) -> Route:  # noqa: D417 - of EpollServer: no self
    """Say what the 1st, 2nd, 3rd attempt of a client meets, whatever it asks for.

    It is a route of the highest priority for every request: each reply is used once, the last one repeats, and one
    that is never used is a finding. An attempt is a request; `faults.at_accept(fault)` stands for one that gets no
    further than its connection. A refused or unanswered connect can't be counted.

    Args:
        *replies: as `Route.respond_with` takes them, and `faults.at_accept(fault)`: the connection that is accepted
            when it is its turn meets the fault.

    Returns:
        That route, for further replies and for what came.

    Raises:
        UsageError: no reply, or `attempts()` was called before and has not been cleared.
        UsageTypeError: something that is no reply.
    """
    answers = [reply for reply in replies if not isinstance(reply, AtAccept)]
    if not replies:
        message = "attempts() needs at least one reply"
        raise UsageError(message)
    if not answers:
        message = "attempts() needs at least one reply that is no at_accept(); to break every connection: script(fault)"
        raise UsageError(message)
    route = self.route(priority=float("inf"), optional=False)
    entry = route._entry  # noqa: SLF001 - one class in several files
    entry.name = entry.text = ATTEMPTS
    route.respond_with(*answers)
    if len(answers) < len(replies):  # the route itself would keep the server alive
        plan = Attempts(tuple(_scripts_of(replies, self._scripts.indexes)), lambda: entry.calls)
        self._barrier.call(lambda: self._scripts.plan(plan))
    return route


def _routed() -> tuple[Step, ...]:
    from pytest_epoll.steps import routes  # noqa: PLC0415 - few tests script anything

    return (routes(),)


def _scripts_of(replies: Sequence[GivenReply | AtAccept], indexes: Iterator[int]) -> Iterator[Script | None]:
    location = caller()
    for number, reply in enumerate(replies, 1):
        if isinstance(reply, AtAccept):
            title = f"attempt {number} of {len(replies)}, {reply!r}"
            yield Script(
                steps=_routed(),
                faults=(reply.fault,),
                connection=None,
                is_optional=False,
                location=location,
                index=next(indexes),
                title=title,
            )
        else:
            yield None


def script(  # noqa: D417 - likewise
    self: EpollServer, *steps_or_faults: Step | Fault, connection: int | None = None, optional: bool = False
) -> None:
    """Say what a connection meets, step by step, in place of routing; see `pytest_epoll.steps`.

    Faults among the steps act on the whole connection, and their numbers count its bytes: `script(faults.Reset(),
    connection=0)` resets it when it is accepted. A script of faults alone goes on with the routes; one that runs
    out ends in good form. `CloseIdle` and `CloseOnReuse` act between requests that routes answer: beside other steps
    give them to `steps.respond(fault=)`.

    Args:
        *steps_or_faults: what happens, in this order; faults are applied from left to right.
        connection: which one, by its index: 0 is the first one that is accepted; None: every one that has no
            script of its own.
        optional: whether the connection may never come, or leave early; otherwise a script never run is a finding
            "unused", and one that the client leaves unfinished a finding "script".

    Raises:
        UsageError: no step, one behind the end of the connection, a connection that has a script or was accepted.
        UsageTypeError: something that is neither step nor fault, or an argument of a wrong type.
    """
    book, journal = self._scripts, self._journal
    made = make_script(steps_or_faults, connection, optional=optional, index=next(book.indexes))
    self._barrier.call(lambda: book.add(made, journal.accepted))


def wait_for_mark(  # noqa: D417 - likewise
    self: EpollServer,
    name: str,
    *,
    times: int = 1,
    connection: int | None = None,
    timeout: float = limits.WAIT_SECONDS,
) -> list[Mark]:
    """Return the marks of that name, once scripts have come to them so often.

    Args:
        name: what `steps.mark()` was given.
        times: how often.
        connection: of which connection, by its index; None: of all of them.
        timeout: seconds.

    Raises:
        WaitTimeout: there are fewer after `timeout` seconds; the text says which there were.
        UsageTypeError: an argument of a wrong type.
        UsageError: an empty name, a number that can't be, or the wait would freeze an event loop of this thread.
    """
    __tracebackhide__ = True
    return self._received.wait_for_mark(name, times, connection, timeout)


def make_script(items: Iterable[object], connection: int | None, *, optional: bool, index: int) -> Script:
    """Return a script of steps and faults; one of faults alone goes on with the routes.

    Raises:
        UsageTypeError: something that is neither, or an argument of a wrong type.
        UsageError: nothing, a step behind one that ends the connection, or a negative number.
    """
    steps, faults = [], []
    for item in items:
        if isinstance(item, Step):
            steps.append(item)
        elif is_fault(item):
            faults.append(item)
        else:
            message = f"script() takes steps of pytest_epoll.steps and faults of pytest_epoll.faults, not {item!r}"
            raise UsageTypeError(message)
    if not (steps or faults):
        message = "script() needs at least one step or fault"
        raise UsageError(message)
    _refuse_behind_the_end(steps)
    _refuse_behind_our_fin(steps, has_sent_fin=False)
    if connection is not None:
        checked_whole("connection", connection, least=0)
    return Script(
        steps=tuple(steps) or _routed(),
        faults=tuple(faults),  # type: ignore[arg-type]  # is_fault() has looked
        connection=connection,
        is_optional=checked_flag("optional", optional),
        location=caller(),
        index=index,
    )


def _refuse_behind_the_end(steps: Iterable[Step]) -> Step | None:
    """Return the step that ends the connection, if one does; only marks may follow it."""
    end: Step | None = None
    for step in steps:
        if end is not None and step.mark is None:
            message = f"{step!r} stands behind {end!r}, which ends the connection; only mark() may follow it"
            raise UsageError(message)
        inner = _refuse_behind_the_end(step.parts * min(step.times, 2))
        end = end or inner or (step if step.is_last else None)
    return end


def _refuse_behind_our_fin(steps: Iterable[Step], *, has_sent_fin: bool) -> bool:
    """Return whether they, or what stands before them, shut the sending side down; nothing can be sent behind that."""
    for step in steps:
        if has_sent_fin and step.sends:
            message = f"{step!r} stands behind steps.half_close(), behind which nothing can be sent"
            raise UsageError(message)
        has_sent_fin = _refuse_behind_our_fin(step.parts * min(step.times, 2), has_sent_fin=has_sent_fin)
        has_sent_fin = has_sent_fin or step.is_half_close
    return has_sent_fin


def let_end(barrier: Barrier, scripts: ScriptBook) -> None:
    """Wait for scripts that stand at a pause and will come further by themselves; not for ever, and not for clients."""
    if scripts.is_empty or runs_an_event_loop():  # the client may live on that loop
        return
    if not barrier.call(scripts.is_pending):
        return
    with suppress(WaitTimeout):  # then that is what is found
        barrier.wait(lambda: not scripts.is_pending(), limits.WAIT_SECONDS, lambda: "scripts to end")


def awaiting_marks(
    journal: Journal, name: str, times: int, connection: int | None, timeout: float
) -> tuple[WaitArguments, list[Mark]]:
    """Return what is awaited, and the list that the marks are in once they are there.

    Raises:
        UsageTypeError: an argument of a wrong type.
        UsageError: an empty name, or a number that can't be.
    """
    checked_text("name", name)
    checked_whole("times", times, least=1)
    if connection is not None:
        checked_whole("connection", connection, least=0)
    marks: list[Mark] = []

    def are_there() -> bool:
        marks[:] = [
            Mark(name, at_connection, clock.seconds(at_ns))
            for marked, at_connection, at_ns in journal.marks
            if marked == name and connection in {None, at_connection}
        ]
        return len(marks) >= times

    def describe() -> str:
        where = "" if connection is None else f" on c{connection}"
        others = sorted({marked for marked, _, _ in journal.marks if marked != name})
        came = f"came {len(marks)} of {times} times" if marks else "did not come"
        return f"mark {name!r}{where}: it {came}" + (f"; there were {', '.join(map(repr, others))}" if others else "")

    return (are_there, timeout, describe), marks
