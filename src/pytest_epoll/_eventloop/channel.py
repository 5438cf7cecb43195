"""The interpreter of acts: it pulls one act at a time and carries it out on a transport.

It knows acts and nothing of faults, routes or HTTP: what an act needs of the protocol (reading a request to a position,
`100 Continue`, the next request) it asks of the `Conversation` above it. An act that can't be finished now holds the
stream back; readiness, a timer or an answered question takes it up again. So whatever does not have to wait is done,
and recorded, within one turn of the loop.

Loop thread only.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_epoll._core import acts, clock, timeline
from pytest_epoll._core.limits import DRAIN_SECONDS
from pytest_epoll._eventloop import probes, unseen
from pytest_epoll._eventloop.sockets import is_unix

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.timeline import Fact
    from pytest_epoll._eventloop.conversation import Conversation
    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._eventloop.pieces import Sink
    from pytest_epoll._eventloop.probes import PeerProbe
    from pytest_epoll._eventloop.timers import Timer
    from pytest_epoll._eventloop.transport import Transport


_NO_RST = "a Unix domain socket has none, the connection was closed"
_NO_BUFFER = "a Unix domain socket has none, only the client's send buffer counts"


class Channel:
    """Carries out one stream of acts at a time."""

    __slots__ = (
        "_acts",
        "_conversation",
        "_exchange",
        "_goes_on",
        "_is_draining",
        "_is_peeking",
        "_loop",
        "_probe",
        "_question",
        "_reading",
        "_ticket",
        "_timer",
        "_transport",
        "facts",
        "is_stalled",
        "leaves_unread",
    )

    def __init__(
        self,
        loop: Loop,
        transport: Transport,
        conversation: Conversation,
        facts: list[Fact],
        probe: PeerProbe,
        *,
        goes_on: bool = False,
    ) -> None:
        self._goes_on = goes_on  # one stream is all of the connection's exchanges, not one of them
        self._loop = loop
        self._transport = transport
        self._conversation = conversation
        self.facts = facts
        self._probe = probe
        self._question: bytes | None = None  # what the probe asks about this connection
        self._acts: Acts | None = None
        self._exchange = timeline.NO_EXCHANGE
        self._timer: Timer | None = None
        self._is_draining = False
        self._reading: acts.ReadTo | None = None  # whose position is being read to
        self.is_stalled = False  # it will do nothing more on this connection
        self.leaves_unread = False  # whatever comes is left in the kernel's buffers, until an act reads again
        self._is_peeking = False  # it waits for the client to send something
        self._ticket = 0  # counts waits, so that an answer to an earlier one is not taken for this one's

    @property
    def is_busy(self) -> bool:
        """Whether a stream is being carried out."""
        return self._acts is not None

    @property
    def is_resting(self) -> bool:
        """Whether nothing happens here before the client does something."""
        return self.is_stalled or self._is_peeking

    def perform(self, stream: Acts, exchange: int) -> None:
        """Carry out a stream of acts; what waits is taken up again by itself, or by `resume`."""
        self._acts = stream
        self._exchange = exchange
        self.resume()

    def resume(self) -> None:
        """Go on: what the current act waited for is there."""
        self._ticket += 1
        self._is_peeking = False
        self._end_reading()
        while self._acts is not None:
            act = next(self._acts, None)
            if act is None:
                self._end(is_free=False)
            elif not self._CARRY_OUT[type(act)](self, act):
                return

    def abort(self) -> None:
        """Give the stream up, as the client is gone or the server stops; every stage of it is closed."""
        stream, self._acts = self._acts, None
        self._ticket += 1
        self._is_peeking = self.leaves_unread = False
        self._cancel_timer()
        _close(stream)

    def eof_received(self) -> None:
        """The client has sent FIN; a drain is over with that, nothing else is."""
        if self._is_draining:
            self._end_drain()

    def _end(self, *, is_free: bool) -> None:
        stream, self._acts = self._acts, None
        self.leaves_unread = False
        _close(stream)
        self._conversation.stream_ended(is_free=is_free)

    def _note(self, kind: str, size: int = 0, detail: object = None) -> None:
        self.facts.append((clock.now_ns(), self._transport.record.index, self._exchange, kind, size, detail))

    # -- one method an act; each returns whether the act is done --

    def _read_to(self, act: acts.ReadTo) -> bool:
        self.leaves_unread = False
        self._reading = act
        is_there = self._conversation.read_to(act.position, act.within, read_on=act.read_on)
        if is_there:
            self._end_reading()
        return is_there

    def _end_reading(self) -> None:
        """Go on with what happens instead, if the position that was read to was reached."""
        act, self._reading = self._reading, None
        if act is None:
            return
        if act.outcome is not None:
            act.outcome.holds, act.outcome.is_over = self._conversation.has_reached, self._conversation.is_over
        if act.instead is not None and self._conversation.has_reached:
            self._branch_to(act.instead)

    def _branch_to(self, branch: tuple[acts.Act, ...] | None) -> None:
        """Go on with this in place of the rest of the stream; None: with the rest."""
        if branch is not None:
            stream, self._acts = self._acts, iter(branch)
            _close(stream)

    def _wait_readable(self, act: acts.WaitReadable) -> bool:
        self.leaves_unread = True
        if self._conversation.has_read_ahead:
            self._branch_to(act.on_bytes)
            return True
        ticket = self._ticket

        def take_up(data: bytes | None) -> None:
            """Go on after the wait; None: nothing has come in time."""
            if ticket == self._ticket:
                self._cancel_timer()
                self._branch_to(act.on_silence if data is None else act.on_bytes if data else act.on_eof)
                self.resume()

        data = self._transport.peek(take_up)
        if data is not None:
            self._branch_to(act.on_bytes if data else act.on_eof)
            return True
        if ticket == self._ticket:  # else the client has reset the connection, and the stream was given up
            self._is_peeking = True
            if act.duration_ns is not None:
                # With a last look: what has come since the loop has looked is no silence.
                self._timer = self._loop.call_later(act.duration_ns, lambda: take_up(self._transport.peek(take_up)))
        return False

    def _set_option(self, act: acts.SetOption) -> bool:
        if act.name == "pace":
            self._conversation.set_pace(act.value)  # type: ignore[arg-type]  # the fault has made it
        elif act.name == "read_on":
            self.leaves_unread = False
            self._conversation.read_on()
        elif is_unix(self._transport.sock):
            if act.name == "receive_buffer":
                self._note(timeline.UNOBSERVED, detail=f"receive-buffer: {_NO_BUFFER}")
        else:
            self._transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(act.value))  # type: ignore[call-overload]  # likewise
        return True

    def _stall(self, _act: acts.Stall) -> bool:
        self._note(timeline.STALLED)
        self.is_stalled = self.leaves_unread = True
        self._transport.pause_reading()
        self._loop.look_at_barriers(unseen.fin_behind_closed_window(self._transport, self._probe, self._note))
        if self._transport.record.closed_by == "client":
            self._conversation.goodbye_noticed()  # it is no news, so the transport will not tell
        return False

    def _send_continue(self, act: acts.SendContinue) -> bool:
        is_due = self._conversation.wants_continue(act.unless_at)
        if act.outcome is not None:
            act.outcome.holds = is_due
        if is_due and not act.is_withheld:
            self._conversation.send_continue()
        return True

    def _send(self, act: acts.Send) -> bool:
        if self._transport.is_broken:
            return False  # the read side is about to tell that the client has gone; nothing behind this happens
        sink: Sink = self._conversation if act.image.is_interim else self._conversation.sink
        is_all_sent = self._transport.send([(segment, sink) for segment in act.image.segments()])
        return is_all_sent and not self._transport.is_broken

    def _sleep(self, act: acts.Sleep) -> bool:
        self._note(timeline.PAUSED, detail=act.duration_ns / 1e9)
        self._resume_after(act.duration_ns)
        return False

    def _resume_after(self, duration_ns: int) -> None:
        def resume() -> None:
            self._timer = None
            self.resume()

        self._timer = self._loop.call_later(duration_ns, resume)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hold_until(self, act: acts.HoldUntil) -> bool:
        ticket = self._ticket

        def go_on() -> None:
            if ticket == self._ticket:
                self._note(timeline.GATE, detail=(act.gate.name, "opened"))
                self.resume()

        self._note(timeline.GATE, detail=(act.gate.name, "reached"))
        return act.gate.when_open(lambda: self._loop.post_if_running(go_on))

    def _wait_delivered(self, act: acts.WaitDelivered) -> bool:
        return self._wait_until(lambda: self._is_delivered(exact=act.exact))

    def _wait_peer_read(self, act: acts.WaitPeerRead) -> bool:
        return self._wait_until(lambda: self._is_read(exact=act.exact))

    def _wait_until(self, condition: Callable[[], bool]) -> bool:
        if condition():
            return True
        ticket = self._ticket

        def ask() -> bool:
            if ticket != self._ticket:
                return True  # the stream has been given up
            if not condition():
                return False
            self.resume()
            return True

        self._loop.ask_until(ask)
        return False

    def _is_delivered(self, *, exact: bool) -> bool:
        """Nothing is unsent, and the client's kernel has counted as many bytes as we sent.

        Not "acknowledged": the client's delayed ACK would make that 44 ms on a reused connection.
        """
        if is_unix(self._transport.sock):  # send(2) has put it into the client's own queue
            self._note(timeline.DELIVERED, self._transport.record.bytes_sent)
            return True
        if probes.unsent_bytes(self._transport.fd):
            return False
        return self._is_seen(timeline.DELIVERED, exact=exact, must_be_read=False)

    def _is_read(self, *, exact: bool) -> bool:
        """The client's receive queue is empty, and what went through it is all that we sent.

        The queue alone is not enough: it is empty, too, before the bytes have reached it (once in a thousand).
        """
        return self._is_seen(timeline.PEER_READ, exact=exact, must_be_read=True)

    def _is_seen(self, kind: str, *, exact: bool, must_be_read: bool) -> bool:
        transport = self._transport
        if self._question is None:
            self._question = self._probe.question(transport.sock)
        if self._question is None:
            return True  # the client is gone, the read side is about to tell
        view = self._probe.look(transport.sock, self._question)
        sent = transport.record.bytes_sent
        if view is None:
            if exact:
                self._note(timeline.UNOBSERVED, sent, f"{kind}: {self._probe.why_blind()}")
            return True
        if view.is_gone:
            return True
        if view.received < sent + transport.has_shut_down or (must_be_read and view.unread):
            return False
        self._note(kind, sent)
        return True

    def _shutdown_write(self, act: acts.ShutdownWrite) -> bool:
        self._transport.shut_down(goodbye=act.goodbye)
        return True

    def _send_rst(self, act: acts.SendRst) -> bool:
        if not is_unix(self._transport.sock):
            self._transport.reset()
            return True
        if act.exact:
            self._note(timeline.UNOBSERVED, detail=f"{timeline.RST_SENT}: {_NO_RST}")
        self._transport.abandon()
        return True

    def _close(self, _act: acts.Close) -> bool:
        self._transport.close()
        return True

    def _drain(self, _act: acts.Drain) -> bool:
        """Wait for the client's FIN; the conversation discards what comes before it."""
        if self._transport.has_eof or not self._transport.is_open:
            self._transport.release()
            return True
        self._is_draining = True
        self.leaves_unread = False
        self._conversation.begin_drain()
        self._timer = self._loop.call_later(clock.to_ns(DRAIN_SECONDS), self._end_drain)
        return False

    def _end_drain(self) -> None:
        """Both sides have parted, or the client's has not come in time."""
        self._is_draining = False
        self._cancel_timer()
        if self._transport.has_eof:
            self._transport.release()
        else:
            self._transport.abandon()
        self.resume()

    def _take_note(self, act: acts.Note) -> bool:
        self._note(act.kind, detail=act.detail)
        if act.then is not None:
            act.then()
        return True

    def _pending(self, act: acts.Pending) -> bool:
        ticket = self._ticket

        def on_ready() -> None:
            if ticket == self._ticket:
                self.resume()

        act.when_ready(on_ready)
        return False

    def _next_request(self, act: acts.NextRequest) -> bool:
        if act.then is not None:
            self._conversation.preempt_next(act.then)
        if self._goes_on:
            return True
        self._end(is_free=True)
        return False

    _CARRY_OUT: ClassVar[dict[type, Callable[[Channel, Any], bool]]] = {
        acts.ReadTo: _read_to,
        acts.WaitReadable: _wait_readable,
        acts.SetOption: _set_option,
        acts.Stall: _stall,
        acts.SendContinue: _send_continue,
        acts.Send: _send,
        acts.Sleep: _sleep,
        acts.HoldUntil: _hold_until,
        acts.WaitDelivered: _wait_delivered,
        acts.WaitPeerRead: _wait_peer_read,
        acts.ShutdownWrite: _shutdown_write,
        acts.SendRst: _send_rst,
        acts.Close: _close,
        acts.Drain: _drain,
        acts.Note: _take_note,
        acts.Pending: _pending,
        acts.NextRequest: _next_request,
    }


def _close(stream: Acts | None) -> None:
    """Close a stream that is a generator, and with it every stage and every source that it was pulling from."""
    close = getattr(stream, "close", None)
    if close is not None:
        close()
