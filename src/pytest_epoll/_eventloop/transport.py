"""One connection's socket: reading, writing and the three ways to part.

Facts
- `recv` decides, flags are hints: HUP and ERR may come with data that is still to be read, an ERR with SO_ERROR == 0 is
  the error queue. A failed `recv` costs 2.1 to 2.6 us (an exception), so nobody reads again just to see EAGAIN.
- A `send` may be the first to learn of an RST (ECONNRESET once, EPIPE from then on); what the client had sent before is
  still in the receive queue, and behind it there is only an EOF, not the error again.
- close(2) sends RST instead of FIN if bytes were unread, and nothing at all while a forked child holds the descriptor.
- EPOLL_CTL_MOD reports what is ready at that moment, in both trigger modes.

What we do. Level-triggered one `recv` an event, edge-triggered until a short one (unless RDHUP came along). Send first,
ask for writability only after a short send. Reading is paused and resumed through the mask. RDHUP leaves the mask once
it was recorded, and a HUP on a connection that must not be read unregisters it, else a level-triggered loop spins; the
error queue, whose EPOLLERR can't be masked either, is emptied. select(2) shows neither FIN nor RST of a connection that
must not be read: that this could not be seen is noted when reading is paused.

FIN is always `shutdown(SHUT_WR)`, RST always `send_reset`; both act at once, whoever else holds the descriptor. Only
`abandon` leaves the choice to the kernel, and records what that means.

Loop thread only, all of it.
"""

from __future__ import annotations

import errno
import os
import socket
from functools import partial
from typing import TYPE_CHECKING

from pytest_epoll._core import clock, limits, timeline
from pytest_epoll._eventloop import probes, receive_queue
from pytest_epoll._eventloop.gauged_reads import GaugedReads
from pytest_epoll._eventloop.pieces import IOV_MAX, Piece, tell_sinks
from pytest_epoll._eventloop.poller import ERR, HUP, IN, OUT, RDHUP
from pytest_epoll._eventloop.sockets import is_unix

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.messages import ConnectionRecord
    from pytest_epoll._core.timeline import Fact
    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._eventloop.owner import Owner

_GOODBYE = IN | RDHUP


_UNSEEN_GOODBYE = f"{timeline.FIN_RECEIVED}: select(2) shows neither FIN nor RST while reading is paused"


class Transport:
    """A connected socket under a loop; see the module's docstring."""

    __slots__ = (
        "_edge",
        "_is_gauged",
        "_is_peeking",
        "_is_watched",
        "_loop",
        "_mask",
        "_may_read",
        "_on_readable",
        "_owner",
        "_source",
        "_unsent",
        "facts",
        "fd",
        "has_eof",
        "has_shut_down",
        "is_broken",
        "is_open",
        "read_size",
        "record",
        "sock",
    )

    def __init__(self, loop: Loop, sock: socket.socket, record: ConnectionRecord, facts: list[Fact]) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.record = record
        self.is_open = True  # the descriptor is ours and watched
        self.has_eof = False  # the client's FIN was read
        self.has_shut_down = False  # our FIN was sent
        self.is_broken = False  # a send has failed: the client has reset the connection, the read side will say so
        self.read_size = limits.READ_SIZE
        self._loop = loop
        self.facts = facts
        self._owner: Owner
        self._source: socket.socket | GaugedReads = sock  # whose methods aren't kept: that is an object to fetch
        self._is_gauged = False  # whether what has come is looked at before it is received
        self._unsent: list[Piece] = []  # not a deque: an empty one takes 700 bytes, for each idle connection
        self._may_read = True
        self._is_peeking = False  # what can be read is looked at and left alone; `_may_read` is False then
        self._on_readable: Callable[[bytes], object] | None = None  # who waits for something to look at
        self._edge = loop.poller.edge
        self._mask = _GOODBYE | self._edge

    def attach(self, owner: Owner) -> None:
        """Begin to watch the socket on behalf of `owner`."""
        self._owner = owner
        self._is_watched = True
        self._loop.watch_fd(self.fd, self._mask, self.on_ready)

    # -- what the loop reports --

    def on_ready(self, mask: int) -> None:
        """Handle readiness; spurious calls are harmless."""
        if mask & OUT:
            self._send_rest()
        if not (mask & ~OUT and self.is_open):
            return
        if self.has_eof or not self._may_read:
            self._look(mask)
            return
        size, reads = self.read_size, 1
        while True:
            try:
                data = self._source.recv(size)
            except OSError as error:
                self.read_failed(error, mask)
                return
            if not data:
                self._on_eof()
                return
            self.record.bytes_received += len(data)
            self._owner.data_received(data)
            # Level-triggered the next turn reports what is left.
            if not (self._edge and self._may_read and self.is_open):
                return
            if len(data) < size and not self._is_gauged and not mask & (RDHUP | HUP | ERR) and self._mask & RDHUP:
                return  # no FIN stands behind it: neither has one just come, nor was one noted while reading was paused
            if reads == limits.READS_A_TURN:
                # Not a closure: one would make `self` a cell of every call, which costs as much as a frame.
                self._loop.call_soon(partial(self.on_ready, mask & ~OUT))
                return
            reads += 1

    def read_failed(self, error: OSError, mask: int) -> None:
        """Find out what an error of a read means, whoever has read."""
        if not isinstance(error, BlockingIOError):
            self._lose(error)
        elif mask & ERR or not self._loop.poller.sees_hangup:  # select(2) calls an error "readable"
            probes.drop_errors(self.sock)

    def _on_eof(self) -> None:
        if self.is_broken:
            self._lose(None)
            return
        self.has_eof = True
        self._note_fin_received()
        self._owner.eof_received()
        if self.is_open:
            self._watch_for(self._mask & ~_GOODBYE)

    def _note_fin_received(self) -> None:
        if self._mask & RDHUP:
            self._mask &= ~RDHUP
            self.record.say_goodbye("client", "fin", clock.now_ns())
            self._note(timeline.FIN_RECEIVED, 0)

    def _look(self, mask: int) -> None:
        """Look at a connection that must not be read now, without taking a byte."""
        if self._on_readable is not None:
            self._tell_readable(mask, self._on_readable)
            if not self.is_open or (self._may_read and not self.has_eof):
                return  # whoever was told has ended it, or wants it read
        if mask & (HUP | ERR) or self.is_broken:
            code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code or self.is_broken:
                self._lose(OSError(code, os.strerror(code)) if code else None)
                return
            if mask & ERR:
                probes.drop_errors(self.sock)
        if mask & (RDHUP | HUP):
            is_news = self._mask & RDHUP
            self._note_fin_received()
            if mask & HUP:  # can't be masked: only leaving the poller keeps it from being reported for ever
                self._is_watched = False
                self._loop.forget_fd(self.fd)
            else:
                self._loop.poller.modify(self.fd, self._mask)
            if is_news:
                self._owner.goodbye_noticed()

    def _lose(self, error: OSError | None) -> None:
        """The connection is dead: the client has reset it, or the kernel gave up on it."""
        self._note_rst_received(error)
        self._owner.connection_lost()
        self.release()

    def _note_rst_received(self, error: OSError | None) -> None:
        if error is None and is_unix(self.sock):  # only a send has failed: there that is what closing does
            self._note_fin_received()
            return
        self.record.say_goodbye("client", "rst", clock.now_ns())
        self._note(timeline.RST_RECEIVED, 0, None if error is None else receive_queue.why_lost(error))

    def _watch_for(self, mask: int) -> None:
        if not self._is_watched:
            self._is_watched = True
            self._loop.watch_fd(self.fd, mask, self.on_ready)
        elif mask != self._mask:
            self._loop.poller.modify(self.fd, mask)
        self._mask = mask

    # -- reading --

    @property
    def reads_freely(self) -> bool:
        """Whether whatever comes is read, and by nobody who has to look at it before."""
        return self._may_read and not self._is_gauged and not self.has_eof

    def gauge_reads(self, gauge: Callable[[bytes], int]) -> None:
        """Look at what has come before it is received, and receive as much as `gauge` says; see `gauged_reads`.

        Callable from any thread, as nothing is changed but what the next read calls.
        """
        self._is_gauged = True
        self._source = GaugedReads(self._loop, self, gauge)

    def pause_reading(self) -> None:
        """Leave what comes to the kernel's buffers; FIN and RST are still noticed."""
        if self._may_read or self._is_peeking:
            self._may_read = self._is_peeking = False
            self._on_readable = None
            if self.is_open:
                self._watch_for(self._mask & ~IN)
                if not (self._loop.poller.sees_hangup or self.has_eof):
                    self._note(timeline.UNOBSERVED, 0, _UNSEEN_GOODBYE)

    def peek(self, on_readable: Callable[[bytes], object]) -> bytes | None:
        """Return the first byte that can be read, or b"" for the FIN, and leave it unread; reading is paused.

        If there is nothing yet, return None and call `on_readable` with it, once, unless reading is paused or resumed
        before. Of a connection that turns out to be dead only the owner is told.
        """
        self._may_read, self._is_peeking = False, True
        data = self._peek(0)
        if self.is_open:
            self._on_readable = on_readable if data is None else None
            self._watch_for(self._mask | IN if data is None else self._mask & ~IN)
        return data

    def _peek(self, mask: int) -> bytes | None:
        try:
            data = self.sock.recv(1, socket.MSG_PEEK)
        except OSError as error:
            self.read_failed(error, mask)
            return None
        if not data:
            self._note_fin_received()
        return data

    def _tell_readable(self, mask: int, on_readable: Callable[[bytes], object]) -> None:
        if (data := self._peek(mask)) is not None:
            self._on_readable = None  # level-triggered it would be reported for ever; who resumes asks for it anew
            self._watch_for(self._mask & ~IN)
            on_readable(data)

    def resume_reading(self) -> None:
        """Read again; what is there already is reported in the next turn, in both trigger modes."""
        if not self._may_read:
            self._may_read, self._is_peeking = True, False
            self._on_readable = None
            if self.is_open and not self.has_eof:
                self._watch_for(self._mask | IN)

    # -- writing --

    def send_some(self, data: bytes) -> int:
        """Send what the kernel takes at once and return how much that was; nothing may be waiting to be sent."""
        try:
            size = self.sock.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._on_send_error(error)
            return 0
        self.record.bytes_sent += size
        return size

    def send(self, pieces: list[Piece]) -> bool:
        """Send all of it, now or as soon as the kernel takes it; return whether nothing is left to be sent."""
        if self._unsent:
            self._unsent.extend(pieces)
            return False
        rest = self._send_pieces(pieces)
        if not rest:
            return True
        self.send_later(rest)
        return False

    def send_later(self, pieces: list[Piece]) -> None:
        """Send as soon as the kernel takes it; nothing may be waiting yet."""
        self._unsent.extend(pieces)
        self._note(timeline.SEND_BLOCKED, sum(len(view) for view, _ in pieces))
        self._watch_for(self._mask | OUT)

    def drop_unsent(self) -> None:
        """Forget what the kernel has not taken yet; what it has taken is still sent."""
        if self._unsent:
            self._unsent.clear()
            self._watch_for(self._mask & ~OUT)

    @property
    def has_unsent(self) -> bool:
        """Whether the kernel has yet to take something."""
        return bool(self._unsent)

    def _send_pieces(self, pieces: list[Piece]) -> list[Piece]:
        """Send until the kernel takes no more, tell the sinks, and return what is left (nothing, if sending failed)."""
        while pieces:
            batch = pieces[:IOV_MAX]
            try:
                if len(batch) == 1:
                    size = self.sock.send(batch[0][0])
                else:
                    size = self.sock.sendmsg([view for view, _ in batch])
            except BlockingIOError:
                return pieces
            except OSError as error:
                self._on_send_error(error)
                return []
            self.record.bytes_sent += size
            rest = tell_sinks(batch, size)
            pieces = rest + pieces[IOV_MAX:]
            if rest:
                return pieces
        return []

    def _send_rest(self) -> None:
        if not self._unsent:
            return
        rest = self._send_pieces(list(self._unsent))
        self._unsent = rest
        if rest or self.is_broken:
            return
        self._watch_for(self._mask & ~OUT)
        self._note(timeline.SEND_RESUMED, 0)
        self._owner.all_sent()

    def _on_send_error(self, error: OSError) -> None:
        """The client is gone; what it had sent before is still to be read, so the read side ends the connection."""
        self._unsent.clear()
        if not self.is_broken:
            self._note(timeline.SEND_FAILED, 0, errno.errorcode.get(error.errno or 0, str(error)))
        self.is_broken = True
        self._may_read = True
        self._watch_for((self._mask | IN) & ~OUT)

    def _note(self, kind: str, size: int, detail: str | None = None) -> None:
        self.facts.append((clock.now_ns(), self.record.index, timeline.NO_EXCHANGE, kind, size, detail))

    # -- parting --

    def can_part(self, how: str) -> bool:
        """Whether that goodbye of ours, "fin" or "rst", has not been said yet."""
        return self.is_open and (how == "rst" or not self.has_shut_down)

    def shut_down(self, *, goodbye: bool) -> None:
        """Send FIN, and go on reading."""
        if self.has_shut_down or not self.is_open:
            return
        self.has_shut_down = True
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            return  # ENOTCONN: the client has reset it; the read side will say so
        if goodbye:
            self.record.say_goodbye("server", "fin", clock.now_ns())
        self._note(timeline.FIN_SENT, 0, None if goodbye else "half-close")

    def reset(self) -> None:
        """Send RST at once, whatever is unsent or unread, and release the descriptor."""
        self._reset(None)

    def _reset(self, reason: str | None) -> None:
        if not self.is_open:
            return
        if not self.is_broken and probes.send_reset(self.sock):
            self.record.say_goodbye("server", "rst", clock.now_ns())
            self._note(timeline.RST_SENT, 0, reason)
        else:
            self._note_rst_received(None)  # the client was first, and nobody has read it yet
        self.release()

    def refuse(self, reason: str) -> None:
        """Reset a connection that can't be watched, and say why."""
        self._note(timeline.REFUSED, 0, reason)
        self._reset(None)

    def abandon(self) -> None:
        """Shut down, empty the receive queue once and close: RST if bytes were unread even then, else FIN."""
        self._leave(receive_queue.discard)

    def close(self) -> None:
        """Part, and leave what is there unread: by RST if anything is, else by FIN, as a plain close would."""
        self._leave(lambda _fd, _recv: 0)

    def _leave(self, discard: Callable[[int, Callable[[int], bytes]], int]) -> None:
        if not self.is_open:
            return
        try:
            self.record.bytes_received += discard(self.fd, self._source.recv)
            receive_queue.raise_error(self.sock, is_broken=self.is_broken)
        except OSError as error:
            self._note_rst_received(error)  # the client was first, and nobody has read it yet
            self.release()
            return
        if probes.unread_bytes(self.fd):
            self._reset("bytes were unread")
        else:
            self.shut_down(goodbye=True)
            self.release()

    def release(self) -> None:
        """Give the descriptor up; it is closed at the end of the turn."""
        if not self.is_open:
            return
        self.is_open = False
        self._unsent.clear()
        self._loop.forget_fd(self.fd)
        self._loop.close_later(self.sock)
        self.record.ended_ns = clock.now_ns()
        self._note(timeline.ENDED, 0)
        self._owner.released()
