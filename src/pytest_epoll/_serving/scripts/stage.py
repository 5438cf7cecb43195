"""A scripted connection: what a session is to routing, this is to a script.

The script, wrapped in the faults that act on the whole connection, is one stream of acts, and the channel carries it
out. Nothing is read but what an act asks for, nothing is sent but what a step says. Between two acts the client's FIN
and RST are noticed all the same; an RST ends the script, a FIN is met by whoever reads next, as it may be a half-close.

Loop thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core import clock, timeline
from pytest_epoll._core.acts import Drain, ShutdownWrite
from pytest_epoll._core.messages import Transcript
from pytest_epoll._eventloop import probes, receive_queue
from pytest_epoll._eventloop.channel import Channel
from pytest_epoll._eventloop.gauged_reads import MORE
from pytest_epoll._eventloop.poller import IN
from pytest_epoll._serving import gauge
from pytest_epoll._serving.replies import acts_on_reading
from pytest_epoll._serving.scripts.handover import STOPPED, Handover
from pytest_epoll._serving.scripts.inbox import Inbox
from pytest_epoll._serving.scripts.outlet import Outlet
from pytest_epoll._serving.scripts.play import Play
from pytest_epoll._wire import http1_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.acts import Act
    from pytest_epoll._core.pace import Pace
    from pytest_epoll._eventloop.transport import Transport
    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.exchange import Exchange
    from pytest_epoll._serving.scripts.book import Run


class Stage:
    """One scripted connection; see the module's docstring."""

    def __init__(self, context: Context, transport: Transport, run: Run, on_end: Callable[[int], object]) -> None:
        self.transport = transport
        self.record = transport.record
        self.record.transcript = Transcript()
        self.inbox = Inbox(context, transport, self.record.transcript)
        self.sink = Outlet(context, self.record.index, self.record.transcript)
        self.has_parted = False  # an answer of the routes, or the test, has said goodbye
        self.is_between_requests = False  # the routes wait for the next one
        self.has_reached = False
        self.preemption: tuple[Act, ...] | None = None  # what happens to the next request in place of an answer
        self.handover: Handover | None = None  # a function that runs has the connection, or had it
        self._context = context
        self._on_end = on_end
        self._run = run
        self._is_reading = False  # an act waits for what the client sends
        self._is_draining = False
        self._pace: Pace | None = None
        self._rested_ns = 0  # when the pace allows the next read
        self._play = Play(self, context, run)
        self._channel = Channel(context.loop, transport, self, context.journal.facts, context.probe, goes_on=True)

    def begin(self) -> None:
        """Begin the script; the transport is attached."""
        self.transport.pause_reading()
        self.transport.gauge_reads(self._room)
        self._channel.perform(self._play.acts(), timeline.NO_EXCHANGE)

    # -- what the transport reports --

    def _room(self, data: bytes) -> int:
        if self._is_draining:
            return len(data)
        room = self.inbox.room(data)
        if room == MORE:
            return MORE
        if not room:  # the position is here: nothing is taken, so nobody else will tell
            self._context.loop.call_soon(self._look)
        return room if self._pace is None else min(room, self._pace.size)

    def data_received(self, data: bytes) -> None:
        """Take what an act has asked for."""
        if self._is_draining:
            self.inbox.discard(data)
            return
        self.inbox.take(data)
        rest_ns = 0 if self._pace is None else self._pace.pause_after(len(data))
        self._rested_ns = clock.now_ns() + rest_ns
        if self.handover is not None and not self.handover.reads_in_turn:
            self.handover.data_received()
        elif self.inbox.is_done and self._is_reading:
            self._go_on()
        elif self.inbox.is_done:
            self.transport.pause_reading()
        elif rest_ns:
            self.transport.pause_reading()
            self._context.loop.call_later(rest_ns, self._read_on)

    def _look(self) -> None:
        if self._is_reading and self.inbox.is_done:
            self._go_on()

    def _read_on(self) -> None:
        if self._is_reading:
            self.transport.resume_reading()

    def _go_on(self) -> None:
        self._is_reading, self.has_reached = False, self.inbox.has_reached
        self.transport.pause_reading()
        self._channel.resume()

    def eof_received(self) -> None:
        """The client has sent FIN, and everything before it has been read."""
        self.inbox.end(None)
        if self.handover is not None:
            self.handover.fin_received()
        if self._is_draining:
            self._channel.eof_received()
        elif self._is_reading:
            self._go_on()

    def goodbye_noticed(self) -> None:
        """The client has sent FIN while nothing is read; one that was stalled has given up."""
        if self.handover is not None:
            self.handover.fin_received()
        if self._channel.is_stalled:
            self._channel.is_stalled = False
            self._channel.resume()

    def connection_lost(self) -> None:
        """The client has reset the connection: nothing of the script can meet anybody any more."""
        how = "the client reset the connection"
        handover = self.handover
        if handover is not None:
            handover.lose(how, b"" if handover.is_over else self._take_rest())
        self.inbox.end(how)
        self._is_reading = False
        self._channel.abort()
        if handover is None:
            self._play.client_left(how)
        else:
            self._channel.perform(self._play.client_left_call(handover, how), timeline.NO_EXCHANGE)

    def _take_rest(self) -> bytes:
        """Take what had come before the client's RST, as whoever reads the socket would."""
        rest = receive_queue.take(self.transport.sock)
        if rest:
            self.record.bytes_received += len(rest)
            self.inbox.take(rest)
        return rest

    def all_sent(self) -> None:
        """The kernel has taken the rest."""
        self._channel.resume()

    def refresh(self) -> None:
        """Take up the list of facts anew after the record was cleared."""
        self.transport.facts = self._channel.facts = self._context.journal.facts

    def released(self) -> None:
        """The connection has ended."""
        self.inbox.close("the server broke the connection off")
        self._context.journal.connection_ended(self.record.index)
        if self.handover is None:
            self._on_end(self.record.index)
        elif not self.handover.is_over:
            self.handover.end("the connection has ended")

    # -- what the engine asks --

    @property
    def is_idle(self) -> bool:
        """Whether the script does nothing: it stalls, it is over, or its routes wait for a request."""
        if self.handover is not None:
            return False
        return self._channel.is_stalled or self._is_draining or not self._channel.is_busy or self.is_between_requests

    @property
    def is_stalled(self) -> bool:
        """Whether a fault or a step has it do nothing more."""
        return self._channel.is_stalled

    def begin_gauging(self) -> None:
        """Look before reading: it always does."""

    def part(self, how: str) -> None:
        """Say goodbye now, whatever the script is at: "fin" and drain, or "rst"."""
        if not self.transport.can_part(how):
            return
        self._cut("the test closed the connection")
        if how == "rst":
            self.transport.reset()
        else:
            self.transport.drop_unsent()
            self._channel.perform(iter((ShutdownWrite(), Drain())), timeline.NO_EXCHANGE)

    def stop(self) -> None:
        """The server stops: end the connection at once."""
        self.inbox.end("the server stopped")
        if self.handover is not None:
            self.handover.end(STOPPED)
        self._is_reading = False
        self._is_draining = True  # whatever is there may be read
        self._channel.abort()
        self.transport.abandon()

    def _cut(self, reason: str) -> None:
        self._run.is_cut = True
        self.has_parted = True
        self._is_reading = self._channel.is_stalled = False
        if self.handover is not None:
            self.handover.end(reason)
        self.inbox.close(reason)
        self._channel.abort()

    # -- what the script asks --

    def look_ahead(self) -> bytes | None:
        """Return the first bytes that came and were not read, b"" if there is the client's FIN, None for nothing."""
        return receive_queue.look(self.transport.sock)

    def hand_over(self) -> Handover:
        """Have a function use the connection, until `take_back`."""
        reads_in_turn = any(map(acts_on_reading, self._run.script.faults))
        self.handover = Handover(self, reads_in_turn=reads_in_turn)
        return self.handover

    def take_back(self, error: BaseException | None) -> None:
        """The function has returned, or raised; the script goes on."""
        handover, self.handover = self.handover, None
        assert handover is not None  # a function ends once
        was_open = self.transport.is_open
        handover.returned(error)
        if not was_open:
            self._on_end(self.record.index)

    def read_aside(self, within: object) -> None:
        """Read for the function that has the connection, beside the script's acts: at once if anything is there."""
        if self._channel.is_stalled:
            return
        self.inbox.want(within, within)
        self.transport.resume_reading()
        self.transport.on_ready(IN)

    def look_for_bytes(self, then: Callable[[], None]) -> bool:
        """Return whether there is something to read, be it the FIN; if not, `then` is called once there is."""
        return not self._channel.is_stalled and self.transport.peek(lambda _data: then()) is not None

    def read_now(self) -> None:
        """Read at once what an act waits for, if it is there."""
        if self._is_reading:
            self.transport.on_ready(IN)

    def answer_newest(self) -> None:
        """Count what is sent from now on for the newest request, if there is one."""
        if self.inbox.newest is not None:
            self.answer(self.inbox.newest)

    def note_mark(self, name: str) -> None:
        """Write down that the script has come to a mark."""
        self._play.note_mark(name)

    def answer(self, exchange: Exchange) -> None:
        """Count what is sent from now on for that request, if it is one."""
        self.sink.exchange = exchange if exchange.is_listed else None

    # -- what the channel asks --

    def read_to(self, position: object, within: object, *, read_on: bool) -> bool:  # noqa: ARG002 - nobody reads on here
        """Read up to a position, or to the end of what it lies in."""
        is_there = self.inbox.want(position, within)
        self.has_reached = self.inbox.has_reached
        if is_there or self.transport.has_eof or not self.transport.is_open:
            return True
        self._is_reading = True
        pause_ns = self._rested_ns - clock.now_ns() if self._rested_ns else 0
        if pause_ns > 0:
            self._context.loop.call_later(pause_ns, self._read_on)
        else:
            self.transport.resume_reading()
        return False

    @property
    def is_over(self) -> bool:
        """Whether the newest request has ended; also if there is none."""
        return self.inbox.newest is None or self.inbox.newest.record.complete is not None

    @property
    def has_read_ahead(self) -> bool:
        """Whether bytes were read that nobody asked for: never."""
        return False

    def read_on(self) -> None:
        """Have what is left of the newest request read while later acts run."""
        if not self.inbox.want("end", "end"):
            self.transport.resume_reading()

    def preempt_next(self, then: tuple[Act, ...]) -> None:
        """Have this happen once the routes have the next request, in place of its answer."""
        self.preemption = then

    def set_pace(self, pace: Pace | None) -> None:
        """Read so many bytes at once, with a pause behind them."""
        self._pace = pace
        self._rested_ns = 0

    def send_continue(self) -> None:
        """Ask for the body of the newest request."""
        self.transport.send([(memoryview(http1_writer.CONTINUE), self)])

    def wants_continue(self, unless_at: tuple[object, ...]) -> bool:
        """Whether the client still waits for `100 Continue`, and the body is wanted."""
        exchange = self.inbox.newest
        if exchange is None:
            return False
        has_more = probes.unread_bytes(self.transport.fd) > 0
        return gauge.wants_continue(self.inbox.intake.reader, exchange.record, unless_at, has_more=has_more)

    def note_sent(self, views: list[memoryview]) -> None:
        """Note an interim response, which belongs to no answer's bytes."""
        self.sink.note_interim(views)

    def begin_drain(self) -> None:
        """From now on discard what the client sends."""
        self._is_draining = True
        if self.handover is not None:
            self.handover.end("a fault has ended the connection")  # unless the function has, which is known
        self.inbox.close("the script did not wait for the rest of it")
        self.transport.resume_reading()

    def stream_ended(self, *, is_free: bool) -> None:  # noqa: ARG002 - a script is never free for the next one
        """The script is over, or a fault has ended it."""
        run = self._run
        run.is_cut = not run.is_over and run.failure is None
        if self.transport.is_open:  # a stall that the client has ended
            self.transport.shut_down(goodbye=True)
            self.transport.release()
