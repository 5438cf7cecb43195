"""Answer before the request has been read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pytest_epoll._core.acts import (
    Close,
    Drain,
    Fired,
    NextRequest,
    Outcome,
    ReadTo,
    Send,
    SendContinue,
    SetOption,
    ShutdownWrite,
    Stall,
    WaitReadable,
    branches,
)
from pytest_epoll._core.checks import checked_choice
from pytest_epoll.faults._at_one_place import room_to_look
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._positions import checked_reading_position

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll.faults._positions import Position

_ENDS: Final = ("keep", "linger", "close", "hold")


@dataclass(frozen=True, slots=True, repr=False)
class RespondEarly(FaultValue):
    """The reply as soon as the request was read to `after_reading`, and then the rest of the request, or not.

    With `then="keep"` the rest is read as this request's body, and the connection stays usable. With "linger" our FIN
    follows the reply, and the rest is read as this request's body, until the client closes, too. With "close" the
    connection is closed behind the reply, without reading, as naive servers do. With "hold" it stays open, and nothing
    more is read.

    When: at that place of the request, if the request is not over there: one without a body can't be answered early,
    and then the reply comes as ever and the fault does not fire, which is a finding. With "end", which is early for
    nobody, what becomes of the connection is the same.

    On the wire: no `100 Continue` where the place is the end of the head; the reply as it is. It says `Connection:
    close` only if you say so.

    The kernel: "keep" and "linger" read on while a large reply is being sent, so a client that sends all before it
    reads is not deadlocked; with "hold" it is. With "close" it is close(2) that decides: RST if anything is unread at
    that moment, and then what the client has not received yet of the reply is lost; else FIN, and an RST answers what
    the client sends on.

    The client: one that reads while it sends has the answer before its upload is over. One that does not finds it
    behind a failed `send` ("broken pipe", "connection reset"), or never looks.

    Exact: that not one byte beyond the place is read before the reply has begun, with "hold" ever. Not exact: whether
    "close" is FIN or RST, which depends on how much the client has sent by then; `closed_how` says which it was.

    Raises:
        UsageError: another `then`, or a position that can't be.
        UsageTypeError: an argument of a wrong type.
    """

    then: str = "keep"
    after_reading: Position = "head"

    acts_on_reading = True

    def __post_init__(self) -> None:
        checked_choice("then", self.then, _ENDS)
        checked_reading_position("after_reading", self.after_reading)

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        return f"no request had anything left to read at {self.after_reading!r}"

    def through(self, acts: Acts) -> Acts:
        """Answer at the place, if the request goes on there."""
        for act in acts:
            if isinstance(act, SendContinue):
                yield replace(act, unless_at=(*act.unless_at, self.after_reading))
            elif isinstance(act, ReadTo) and act.position == "end":
                yield from room_to_look(self.after_reading)
                outcome = Outcome()
                yield ReadTo(self.after_reading, read_on=False, outcome=outcome)
                if outcome.holds and (self.after_reading == "end" or not outcome.is_over):
                    yield Fired(self)
                    yield from self._early(acts)
                else:
                    yield act
                    yield from acts
                return
            else:
                yield act

    def _early(self, acts: Acts) -> Acts:
        """Pass the reply on, and see to the rest of the request where the reply ends."""
        must_read_on = self.then in {"keep", "linger"}
        for act in acts:
            if isinstance(act, Send) and not act.image.is_interim and must_read_on:
                must_read_on = False
                yield SetOption("read_on", value=True)
            is_goodbye = isinstance(act, ShutdownWrite) and act.goodbye
            if is_goodbye or isinstance(act, NextRequest) or (isinstance(act, WaitReadable) and any(branches(act))):
                yield from self._end(act)
                if self.then != "keep" or is_goodbye:
                    return
            else:
                yield act

    def _end(self, act: Act) -> Acts:
        if self.then == "close":
            yield Close()
        elif self.then == "hold":
            yield Stall()
        elif self.then == "keep" and not isinstance(act, ShutdownWrite):
            outcome = Outcome()
            yield ReadTo("end", outcome=outcome)
            if outcome.holds:
                yield act
            else:  # broken off, or malformed: nobody knows where a next request would begin
                yield ShutdownWrite()
                yield Drain()
        else:
            yield ShutdownWrite()
            yield ReadTo("end")
            yield Drain()
