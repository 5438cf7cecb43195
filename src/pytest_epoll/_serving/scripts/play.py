"""A script as a stream of acts: what its steps do, one after the other, and what becomes of it when the client leaves.

Loop thread only.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from pytest_epoll._core import acts, clock, timeline
from pytest_epoll._core.image import Image
from pytest_epoll._core.messages import RequestRecord
from pytest_epoll._core.showing import count
from pytest_epoll._serving import chooser
from pytest_epoll._serving.answers import answer_to
from pytest_epoll._serving.async_home import find_home
from pytest_epoll._serving.exchange import Exchange
from pytest_epoll._serving.fault_notes import changed_by
from pytest_epoll._serving.performance import Performance
from pytest_epoll._serving.scripts.calling import carry_out
from pytest_epoll._serving.scripts.conn import Conn
from pytest_epoll._serving.scripts.inbox import NextHead
from pytest_epoll._serving.scripts.step import (
    FAILS,
    LEFT,
    ClientLeftError,
    ConnectionOverError,
    ScriptBrokenError,
    StepFailedError,
    unrolled,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.replies import Reply
    from pytest_epoll._serving.scripts.book import Run
    from pytest_epoll._serving.scripts.handover import Handover
    from pytest_epoll._serving.scripts.inbox import Inbox
    from pytest_epoll._serving.scripts.stage import Stage


class Play:
    """One connection's way through its script."""

    def __init__(self, stage: Stage, context: Context, run: Run) -> None:
        self.stage = stage
        self.run = run
        self._context = context
        self._inbox: Inbox = stage.inbox
        self._steps = unrolled(run.script.steps)
        self._step_number = 0
        self._answered: Exchange | None = None

    def acts(self) -> Acts:
        """Return what the script does, the faults that act on the whole connection applied from left to right."""
        script, opened_ns = self.run.script, self.run.record.opened_ns
        stream = self._performed()
        if any(0 in getattr(fault, "positions", tuple)() for fault in script.faults):
            # Byte 0 of a connection is there at once, not when something is sent.
            stream = chain((acts.Send(Image(b"")),), stream)
        whole = RequestRecord(self.run.record.index, timeline.NO_EXCHANGE, opened_ns)  # they are no request's
        for place, fault in enumerate(script.faults):
            stream = changed_by(fault, stream, (script.index, 0, place), self._context, whole)
        return self._measured(stream) if script.faults else stream

    def _measured(self, stream: Acts) -> Acts:
        """Have what is counted as head and as body of each answer measured by what faults have made of it."""
        measured: Exchange | None = None
        for act in stream:
            if isinstance(act, acts.Send) and not act.image.is_interim and self.stage.sink.exchange is not measured:
                measured = self.stage.sink.exchange
                if measured is not None and measured.has_begun:
                    measured.change_answer(act.image.whole)
            yield act

    def _performed(self) -> Acts:
        """Yield what the steps do; where they end, an orderly goodbye."""
        run = self.run
        try:
            for where, step in self._steps:
                run.begin(where, step)
                if step.mark is None:
                    yield acts.Note(timeline.STEP, step.code)
                yield from step.acts(self)
        except StepFailedError as failure:
            run.fail(str(failure), has_lost_client=isinstance(failure, ClientLeftError))
        except ConnectionOverError as end:
            self._go_through_the_rest(str(end), has_lost_client=False)
        except ScriptBrokenError:
            run.is_cut = True  # what was raised is the finding; a fault's doing is none
        else:
            run.is_over = True
        yield acts.ShutdownWrite()
        yield acts.Drain()

    def client_left(self, how: str) -> None:
        """The connection is gone: go through the rest as far as that needs no client."""
        run = self.run
        if run.is_over or run.is_cut or run.failure is not None:
            return
        if run.step is not None and run.step.on_goodbye == FAILS:
            run.fail(how, has_lost_client=True)
            return
        self._go_through_the_rest(how, has_lost_client=True)

    def client_left_call(self, handover: Handover, how: str) -> Acts:
        """The connection is gone while a function has it, who is told: once it returns, go through the rest."""
        while handover.is_running:
            yield acts.Pending(handover.when_ready)
        if not handover.has_failed:
            self.client_left(how)

    def _go_through_the_rest(self, how: str, *, has_lost_client: bool) -> None:
        run = self.run
        for where, step in self._steps:
            if step.on_goodbye in {FAILS, LEFT}:
                run.where, run.step = where, step
                run.fail(how, has_lost_client=has_lost_client)
                return
            run.begin(where, step)
            if step.mark is not None:
                self.note_mark(step.mark)
        run.is_over = True

    # -- what steps are made of --

    def read(self, position: object) -> Acts:
        """Read up to a position, a new one each time.

        Raises:
            StepFailedError: the client's stream ended before.
        """
        yield acts.ReadTo(position, read_on=False, within=position)
        if not self._inbox.is_done:
            taken = self._inbox.taken
            message = (
                f"the client sent FIN after {count(taken, 'byte')} of it" if taken else "the client sent FIN instead"
            )
            raise ClientLeftError(message)

    def read_head(self) -> Acts:
        """Read the next request's head.

        Raises:
            StepFailedError: the client's stream ended before, or it can't come now.
        """
        if self._inbox.has_open_body:
            message = "the body of the request before it has not been read; read_body() comes first"
            raise StepFailedError(message)
        if not self._inbox.is_open and not self.stage.transport.has_eof:
            message = "the request before it was malformed: nobody can tell where the next one begins"
            raise StepFailedError(message)
        yield from self.read(NextHead())
        newest = self._inbox.newest
        if self.stage.transport.has_eof and newest is not None and newest.record.head is None:
            raise ClientLeftError(newest.record.error or "")

    def read_body(self) -> Acts:
        """Read the newest request to its end.

        Raises:
            StepFailedError: the client's stream ended before, or there is no request.
            ScriptBrokenError: a fault of the answer before has ended the connection instead of one to this request.
        """
        newest = self._inbox.newest
        if newest is None:
            message = "no request has been read; read_head() comes first"
            raise StepFailedError(message)
        was_read = newest.record.complete is not None
        yield from self.read("end")
        if newest.record.complete is False and not was_read and self.stage.transport.has_eof:
            raise ClientLeftError(newest.record.error or "")
        then = self.stage.preemption
        if then is not None and newest is not self._answered:
            self.stage.preemption = None
            yield from then
            raise ScriptBrokenError

    def send(self, data: bytes) -> Acts:
        """Send bytes as they are; whom they answer, if there is a request, is the newest one.

        Raises:
            StepFailedError: our sending side was shut down.
        """
        self._refuse_behind_our_fin()
        self.stage.answer_newest()
        yield acts.Send(Image(b"", data))

    def respond(self, reply: Reply) -> Acts:
        """Answer the newest request, or nobody.

        Raises:
            StepFailedError: our sending side was shut down.
            ConnectionOverError: a fault of the answer has ended the connection, or its stream by raising.
        """
        self._refuse_behind_our_fin()
        exchange = self._inbox.newest
        if exchange is None:
            record = RequestRecord(self.run.record.index, timeline.NO_EXCHANGE, clock.now_ns())
            exchange = Exchange(self._context.journal, record)
        self._step_number += 1
        self._answered = exchange
        self.stage.answer(exchange)
        if reply.status:
            exchange.record.status = reply.status
        performance = Performance(exchange, reply, self._context, script=(self.run.script.index, self._step_number))
        for act in performance.acts():
            if isinstance(act, acts.NextRequest):
                if act.then is not None:
                    self.stage.preempt_next(act.then)
                return
            yield act
        if not self.stage.transport.is_open:  # else a half-close, or a stall that the client has ended
            message = "the answer before it has ended the connection"
            raise ConnectionOverError(message)

    def _refuse_behind_our_fin(self) -> None:
        if self.stage.transport.has_shut_down:
            message = "nothing can be sent, as the server's FIN has been (half_close(), shutdown() or faults.HalfClose)"
            raise StepFailedError(message)

    def note_mark(self, name: str) -> None:
        """Write down that the script has come to a mark."""
        self._context.journal.note_mark(name, self.run.record.index)

    def call(self, function: Callable[[Conn], object], what: str) -> Acts:
        """Have a function use the connection until it returns.

        Raises:
            ConnectionOverError: it has ended the connection.
            ScriptBrokenError: it has raised.
        """
        stage, newest = self.stage, self._inbox.newest
        handover = stage.hand_over()
        record = (
            newest.record
            if newest is not None
            else RequestRecord(self.run.record.index, timeline.NO_EXCHANGE, clock.now_ns())
        )
        conn = Conn(handover, self._context, stage)
        work = partial(carry_out, function, is_optional=self.run.script.is_optional)
        call = self._context.calls.call(what, record, work, conn, find_home())
        call.when_done(lambda: stage.take_back(call.error))
        self.run.is_busy = handover.is_busy
        yield from handover.acts()
        if handover.has_failed:
            raise ScriptBrokenError
        if not stage.transport.is_open:
            message = "the function has closed the connection"
            raise ConnectionOverError(message)

    # -- routing --

    def routed(self) -> Acts:
        """Have the routes answer from now on, one request after the other, until either side says goodbye."""
        inbox = self._inbox
        inbox.intake.is_lenient = False
        exchange = inbox.newest
        if exchange is not None and exchange.record.status is None and exchange.record.sent.size == 0:
            yield from self._routed(exchange)
        while not self.stage.has_parted:
            head = NextHead()
            self.stage.is_between_requests = True
            yield acts.ReadTo(head, read_on=False, within=head)
            self.stage.is_between_requests = False
            if inbox.newest is exchange or inbox.newest is None:
                return
            exchange = inbox.newest
            yield from self._routed(exchange)

    def _routed(self, exchange: Exchange) -> Acts:
        """Answer a request whose head has come as its route says; nobody answers one that is broken off."""
        router, record, stage = self._context.router, exchange.record, self.stage
        stage.answer(exchange)
        preemption, stage.preemption = stage.preemption, None
        if record.complete is None:
            if router.has_unrecorded:
                record.keeps_body = chooser.records_body(self._context, exchange)
            if router.is_gauging and preemption is None:
                exchange.early = chooser.choose_early(self._context, exchange)
        while record.complete is not False or exchange.refusal is not None:
            for act in self._answer(exchange, preemption):
                yield act
                if isinstance(act, acts.NextRequest):
                    return
                if isinstance(act, acts.ReadTo) and _is_in_vain(exchange):
                    break
            else:
                stage.has_parted = True
                return
            exchange.early = None  # if it is malformed behind its head, that is answered now

    def _answer(self, exchange: Exchange, preemption: tuple[Act, ...] | None) -> Acts:
        image, stream = answer_to(self._context, exchange, preemption)
        if image is None:
            assert stream is not None  # it is one or the other
            return stream
        return iter((acts.Send(image.anew()), acts.NextRequest()))


def _is_in_vain(exchange: Exchange) -> bool:
    """Whether an answer has read its request and will not be sent: the client has broken off, or was malformed."""
    record = exchange.record
    return (
        record.complete is False and record.sent.size == 0 and (exchange.refusal is None or exchange.early is not None)
    )
