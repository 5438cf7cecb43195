"""What is written down of a fault: that it is armed, and that it has fired; whoever wants to hear of it is told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_epoll._core import timeline
from pytest_epoll._core.acts import Fired, Note, SendRst, WaitDelivered, with_branches
from pytest_epoll._serving.hooks import tell_of_fault
from pytest_epoll.faults._fault import FaultValue

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.context import Context


def changed_by(fault: Any, stream: Acts, place: tuple[int, int, int], context: Context, record: RequestRecord) -> Acts:
    """Return what a fault makes of a stream, if it acts this time.

    Args:
        fault: any fault.
        stream: what it acts on.
        place: which one it is: the number of its route or script, of its reply there, and its own among that one's.
        context: the server's parts.
        record: on whose behalf it acts.
    """
    acting = context.router.chance.draw(fault, place)
    if acting is None:
        return stream
    which = (*place, repr(fault))
    armed = Note(timeline.ARMED, (*which, getattr(fault, "unmet", "nothing came that it acts on")))
    fired = Note(timeline.FAULT, which, partial(tell_of_fault, context, record, acting))
    # What chance has chosen was not promised, so it need not fire.
    changed = _through(acting, stream, context, record)
    return _noted(changed, acting, fired, armed if acting is fault else None)


def _through(fault: Any, stream: Acts, context: Context, record: RequestRecord) -> Acts:
    """Return what a fault makes of a stream; one of the test's own may raise, which breaks the reply off."""
    if FaultValue in type(fault).__mro__:  # ours: what they raise is a defect, and nobody else's
        changed: Acts = fault.through(stream)
        return changed
    return _guarded(fault, stream, context, record)


def _guarded(fault: Any, stream: Acts, context: Context, record: RequestRecord) -> Acts:
    try:
        yield from fault.through(stream)
    except Exception as error:  # noqa: BLE001 - whatever a test's code raises is the test's to see
        context.calls.fails(f"fault {fault!r}", record, error)
        yield WaitDelivered(exact=False)
        yield SendRst(exact=False)


def _noted(stream: Acts, acting: object, fired: Note, armed: Note | None) -> Acts:
    """Write down that a fault is armed, and turn its `Fired` into a fact that says which one it was."""

    def noted(act: Act) -> Act:
        if isinstance(act, Fired) and act.fault is acting:
            return fired
        return with_branches(act, noted)

    try:
        if armed is not None:
            yield armed
        yield from map(noted, stream)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
