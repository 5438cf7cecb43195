"""One connection's conversation: who answers which request, in which order, and when the connection is over.

Two paths, one meaning. A request that is exactly one remembered head, whose answer is settled, on a connection that is
free: the bytes are sent and one fact is written (`data_received`). Everything else is taken apart by the intake,
becomes an `Exchange` in the queue, is matched when its turn has come, and is answered by one send if its reply is
plain, else by a stream of acts through the channel. A property test proves that both put the same bytes and facts on
the wire.

Loop thread only. HTTP's words (names of headers, codings) belong in `_wire`, not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core import clock, limits, timeline
from pytest_epoll._core.acts import Drain, ShutdownWrite
from pytest_epoll._eventloop.channel import Channel
from pytest_epoll._serving import chooser, settled
from pytest_epoll._serving.answers import answer_to
from pytest_epoll._serving.brake import Brake
from pytest_epoll._serving.cork import Cork
from pytest_epoll._serving.intake import Intake
from pytest_epoll._wire import http1_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll._core.pace import Pace
    from pytest_epoll._eventloop.transport import Transport
    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.exchange import Exchange


class Session:
    """What a connection's client and our routes have to say to each other."""

    __slots__ = (
        "_brake",
        "_channel",
        "_context",
        "_cork",
        "_facts",
        "_has_parted",
        "_intake",
        "_is_answering",
        "_is_free",
        "_is_gauging",
        "_on_end",
        "_preemption",
        "_queue",
        "_requests",
        "_settled",
        "record",
        "sink",
        "transport",
    )

    def __init__(self, context: Context, transport: Transport, on_end: Callable[[int], object]) -> None:
        self.transport = transport
        self.record = transport.record
        self.sink: Exchange  # who counts what the channel sends
        self._context = context
        self._on_end = on_end
        self._facts = context.journal.facts
        self._requests = context.journal.requests
        self._settled = context.router.settled
        self._is_free = True  # nothing is being read, answered or sent, and the client may still ask
        self._is_answering = False
        self._has_parted = False  # an answer has ended with a goodbye of ours
        self._queue: list[Exchange] = []  # in order of arrival, not yet answered; an empty deque takes 700 bytes
        self._is_gauging = False  # a fault acts on reading: looked before anything is read
        self._intake: Intake | None = None  # made for the first request that the fast path does not answer
        self._brake: Brake  # made with it
        self._cork: Cork  # likewise: answers that leave together at the end of a read
        self._preemption: tuple[Act, ...] | None = None  # what happens in place of the next answer
        self._channel: Channel | None = None  # made for the first answer that takes more than one send

    # -- what the transport reports --

    def data_received(self, data: bytes) -> None:
        """Take bytes; the fast path is here, in one frame."""
        if self._is_free:
            answer = self._settled.get(data)
            if answer is not None:
                at_ns = clock.now_ns()
                image = answer.image
                record = self.record
                exchange = record.exchanges
                record.exchanges = exchange + 1
                size = self.transport.send_some(image)
                fact = (
                    at_ns,
                    record.index,
                    exchange,
                    timeline.UNEVENTFUL,
                    size,
                    answer.raw_head,
                    answer.route_index,
                    answer.reply_number,
                    answer.status,
                    image,
                    clock.now_ns(),
                )
                answer.route.calls += 1
                answer.reply.used += 1
                if size == len(image):
                    self._facts.append(fact)
                    self._requests.append(fact)
                else:
                    self._is_free = False
                    settled.finish_sending(self._context.journal, self.transport, fact)
                return
            if not self._is_gauging:
                context = self._context
                answers = settled.find_settled(context.router, context.reading, data)
                if answers:
                    size, self._is_free = settled.answer_pipelined(context.journal, self.transport, answers)
                    data = data[size:]
                    if not data:
                        return
        self._take(data)

    def eof_received(self) -> None:
        """The client has sent FIN: what it was sending is broken off, what it is owed is still sent."""
        self._break_off(None)
        if self._channel is not None and self._channel.is_busy:
            self._channel.eof_received()
        else:
            self._rest()

    def goodbye_noticed(self) -> None:
        """The client has sent FIN while nothing is read: one that was stalled has given up."""
        if self._channel is not None and self._channel.is_stalled:
            self._break_off("the client gave up")
            self._give_up()
            self.transport.shut_down(goodbye=True)
            self.transport.release()

    def connection_lost(self) -> None:
        """The client is gone, nobody waits for an answer any more."""
        self._break_off("the client reset the connection")
        self._give_up()

    def all_sent(self) -> None:
        """The kernel has taken the rest: go on with the stream, or with the next answer."""
        if self._channel is not None and self._channel.is_busy:
            self._channel.resume()
        else:
            self._answer_queue()
            self._rest()

    def refresh(self) -> None:
        """Take up the lists anew after the record was cleared."""
        self._facts = self._context.journal.facts
        self._requests = self._context.journal.requests
        self.transport.facts = self._facts
        if self._channel is not None:
            self._channel.facts = self._facts

    @property
    def is_idle(self) -> bool:
        """Whether no exchange is in progress; what is only drained is none."""
        if self._has_parted or (self._channel is not None and self._channel.is_resting):
            return True
        is_reading = self._intake is not None and self._intake.current is not None
        return not (self._queue or is_reading or self._is_performing() or self.transport.has_unsent)

    @property
    def is_stalled(self) -> bool:
        """Whether a fault has it do nothing more, in the middle of an exchange or behind it."""
        return self._channel is not None and self._channel.is_stalled

    def part(self, how: str) -> None:
        """Say goodbye now, whatever is under way: "fin" and drain, or "rst"."""
        if not self.transport.can_part(how):
            return
        self._is_free, self._has_parted = False, True
        if self._intake is not None:
            self._brake.is_awaited = False
            self._intake.close(clock.now_ns(), "the test closed the connection")
        self._give_up()
        if how == "rst":
            self.transport.reset()
        else:
            self.transport.drop_unsent()
            self._channel_for_acts().perform(iter((ShutdownWrite(), Drain())), timeline.NO_EXCHANGE)

    def released(self) -> None:
        """The connection has ended."""
        self._is_free = False
        if self._intake is not None and self._intake.current is not None:
            self._brake.is_awaited, self._has_parted = False, True
            self._intake.close(clock.now_ns(), "the server broke the connection off")
        self._context.journal.connection_ended(self.record.index)
        self._on_end(self.record.index)

    def stop(self) -> None:
        """The server stops: end the connection at once."""
        self._break_off("the server stopped")
        self._give_up()
        self.transport.abandon()

    # -- reading --

    def _take(self, data: bytes) -> None:
        """Take bytes apart; what can be answered at once leaves together."""
        self._is_free = False
        intake = self._intake or self._begin_intake()
        self._cork.put_in()
        intake.take(data, clock.now_ns())
        self._cork.pull()
        if self._is_gauging:
            self._look_at_position()
        self._rest()

    def _begin_intake(self) -> Intake:
        intake = self._intake = Intake(self._context, self.transport, self)
        self._brake = Brake(self._context.loop, self.transport, intake, self._look_at_position)
        self._cork = Cork(self.transport)
        return intake

    def begin_gauging(self) -> None:
        """Look before reading from now on: a fault that acts on reading is registered."""
        self._is_gauging = True
        if self._intake is None:
            self._begin_intake()
        self._brake.begin_gauging()

    def _look_at_position(self) -> None:
        """Go on with the stream if the request has now been read as far as it asked."""
        brake = self._brake
        if brake.is_awaited and self._queue and brake.is_at_position(self._queue[0].record):
            self.transport.pause_reading()
            self._go_on_reading(has_reached=True)
        if not self.is_over:
            brake.rest()

    def _go_on_reading(self, *, has_reached: bool) -> None:
        self._brake.is_awaited, self._brake.has_reached = False, has_reached
        assert self._channel is not None
        self._channel.resume()

    def request_listed(self, exchange: Exchange) -> None:
        """A request's head has come, its body has not."""
        if self._context.router.has_unrecorded:
            exchange.record.keeps_body = chooser.records_body(self._context, exchange)
        if self._is_gauging and self._preemption is None:
            exchange.early = chooser.choose_early(self._context, exchange)
            self._brake.position = "end" if exchange.early is None else "head"
        self._queue.append(exchange)
        self._answer_queue()

    def request_ended(self, exchange: Exchange) -> None:
        """A request has been read to its end, or will not be."""
        brake = self._brake
        if brake.is_awaited and self._queue[0] is exchange:
            if exchange.early is None or exchange.refusal is None or exchange.record.sent.size:
                if not brake.may_read_on:
                    self.transport.pause_reading()
                self._go_on_reading(has_reached=brake.is_at_position(exchange.record))
                return
            exchange.early, brake.is_awaited = None, False  # malformed behind its head: that is answered now
            self._give_up_answer()
        if not (self._queue and self._queue[-1] is exchange):
            self._queue.append(exchange)
        self._answer_queue()

    def _break_off(self, reason: str | None) -> None:
        """The stream of requests has ended; one that was being read gets no answer."""
        self._is_free = False
        if self._intake is None or not self._intake.is_open:
            return
        was_awaited, self._brake.is_awaited = self._brake.is_awaited, False
        self._is_answering = True  # whatever is told of now is not to be answered
        exchange = self._intake.break_off(clock.now_ns(), reason)
        self._is_answering = False
        if exchange is None or (exchange is self._queue[0] and self._is_performing() and not was_awaited):
            return  # an answer that did not wait for all of the request is still sent
        self._queue.remove(exchange)
        if was_awaited:
            self._give_up_answer()

    def _give_up(self) -> None:
        self._queue.clear()
        if self._intake is not None:
            self._cork.drop()
        self._give_up_answer()

    def _give_up_answer(self) -> None:
        if self._channel is not None:
            self._channel.abort()

    def _rest(self) -> None:
        """Look where the connection stands when there is nothing more to do in this turn."""
        transport = self.transport
        if not transport.is_open:
            return
        if len(self._queue) >= limits.PIPELINE_DEPTH:
            transport.pause_reading()
            return
        if self._may_read():
            transport.resume_reading()
        if self._queue or transport.has_unsent:
            return
        intake = self._intake
        if transport.has_eof:
            transport.shut_down(goodbye=True)
            transport.release()
        else:
            is_between = intake is None or (intake.is_open and intake.current is None)
            self._is_free = is_between and self._preemption is None

    def _may_read(self) -> bool:
        """Whether nothing holds reading back: no stall, no wait, no position, no pace."""
        if self._channel is not None and self._channel.leaves_unread:
            return False
        return self._intake is None or self._brake.is_loose(within_request=bool(self._queue))

    # -- answering --

    def _answer_queue(self) -> None:
        """Answer what is there, in order; what has to wait takes the queue up again when it is done."""
        if self._is_answering or self._has_parted:
            return
        self._is_answering = True
        while self._queue and not self.transport.has_unsent and not self._is_performing():
            exchange = self._queue[0]
            preemption, self._preemption = self._preemption, None
            image, stream = answer_to(self._context, exchange, preemption)
            if image is not None:
                del self._queue[0]
                self._cork.send(exchange, image)
            elif stream is not None:
                self._perform(exchange, stream)
        self._is_answering = False

    def _is_performing(self) -> bool:
        return self._channel is not None and self._channel.is_busy

    # -- what the channel asks --

    def _perform(self, exchange: Exchange, stream: Acts) -> None:
        self._cork.flush()
        self.sink = exchange
        self._channel_for_acts().perform(stream, exchange.record.exchange)

    def _channel_for_acts(self) -> Channel:
        if self._channel is None:
            context = self._context
            self._channel = Channel(context.loop, self.transport, self, self._facts, context.probe)
        return self._channel

    def read_to(self, position: object, within: object, *, read_on: bool) -> bool:  # noqa: ARG002 - always a request
        """Have the current request read up to a position; without one reading goes on by itself."""
        return self._brake.read_to(self._queue[0].record, position, read_on=read_on)

    @property
    def has_reached(self) -> bool:
        """Whether the last position was reached, not only the end of the request before it."""
        return self._brake.has_reached

    @property
    def is_over(self) -> bool:
        """Whether the current request has ended; also if there is none."""
        return not self._queue or self._queue[0].record.complete is not None

    def read_on(self) -> None:
        """Have what is left of the current request read while later acts run."""
        self._brake.read_on()

    def preempt_next(self, then: tuple[Act, ...]) -> None:
        """Have this happen once the next request was read, in place of its answer."""
        self._preemption = then

    @property
    def has_read_ahead(self) -> bool:
        """Whether bytes were read that stand behind the current request."""
        intake = self._intake
        return len(self._queue) > 1 or (intake is not None and intake.has_more(self._queue[0]))

    def set_pace(self, pace: Pace | None) -> None:
        """Read so many bytes at once, with a pause behind them."""
        self._brake.set_pace(pace)

    def send_continue(self) -> None:
        """Ask for the body of the current request."""
        self.transport.send([(memoryview(http1_writer.CONTINUE), self)])

    def wants_continue(self, unless_at: tuple[object, ...]) -> bool:
        """Whether the client still waits for `100 Continue`, and the body is wanted."""
        return self._brake.wants_continue(self._queue[0].record, unless_at)

    def note_sent(self, views: list[memoryview]) -> None:
        """Note an interim response, which belongs to no answer's bytes."""
        self._queue[0].note_interim(views)

    def begin_drain(self) -> None:
        """From now on discard what the client sends."""
        self._has_parted = True
        self._queue.clear()
        intake = self._intake or self._begin_intake()  # nothing may have come yet
        intake.close(clock.now_ns(), "the answer did not wait for the rest of it")
        self._brake.let_go()
        self.transport.resume_reading()

    def stream_ended(self, *, is_free: bool) -> None:
        """The current exchange is over; behind a goodbye nothing is answered any more."""
        if self._intake is not None:
            self._brake.let_go()
        if not is_free:
            self._has_parted = True
            self._queue.clear()
            return
        del self._queue[0], self.sink  # a large body must not live on with it
        if not self._is_answering:
            self._answer_queue()
            if not self._cork.is_in:
                self._rest()
