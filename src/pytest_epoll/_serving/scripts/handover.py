"""A scripted connection in the hands of a function of the test's: the loop's side of a `Conn`.

Facts
- A function blocks, in any thread, and one of its threads may read while another writes. The script's stream of acts
  is one thing after the other.
- A socket's `recv` gives what is there, also of a connection that the client has reset since.

What we do. What the function sends, and how it parts, are acts of the script's stream, so faults on the connection act
on it as on every other step. Reading stands beside the stream: the stage reads while a `recv` waits, and only then, so
what nobody asks for stays in the kernel's buffers. If a fault on the connection acts on what is read, reading is an act
as well, as soon as there is something: then it takes its turn behind what is being sent. Each call of a conn is an
errand: posted to the loop, and waited for by the thread that has made it.

Loop thread only, but for `Errand.wait`.
"""

from __future__ import annotations

import _thread
import errno
import socket
from collections import deque
from typing import TYPE_CHECKING, Any

from pytest_epoll._core import acts
from pytest_epoll._core.image import Image
from pytest_epoll._serving.gate import waiting_threads
from pytest_epoll._serving.scripts.inbox import UpTo

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll._serving.scripts.stage import Stage

RETURNED = "its function has returned, the connection is the script's again"
CLOSED = "the connection was closed"
STOPPED = "the server has stopped"


def ended(why: str) -> OSError:
    """Return what a call raises on a connection that is no longer the function's; it is no finding."""
    return OSError(errno.EBADF, why)


class Errand:
    """One call that a thread waits for; it is over once, on the loop thread."""

    __slots__ = ("_done", "error", "is_goodbye", "is_over", "result", "size")

    def __init__(self, size: int = 0, *, is_goodbye: bool = False) -> None:
        self.size = size  # bytes that are wanted, or to be sent
        self.is_goodbye = is_goodbye  # it can't fail: what it wants is the end
        self.is_over = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._done = _thread.allocate_lock()
        self._done.acquire()

    def wait(self, timeout: float | None) -> bool:
        """Return whether it is over, in time. The calling thread."""
        if self._done.acquire(timeout=-1 if timeout is None else timeout):
            self._done.release()
            return True
        return False

    def finish(self, result: object = None) -> None:
        """It has come to this; nothing if it was over."""
        if not self.is_over:
            self.result, self.is_over = result, True
            self._done.release()

    def fail(self, error: BaseException) -> None:
        """It raises this; nothing if it was over."""
        if not self.is_over:
            self.error = None if self.is_goodbye else error
            self.is_over = True
            self._done.release()


class Handover:
    """One call of a function with a connection; see the module's docstring."""

    def __init__(self, stage: Stage, *, reads_in_turn: bool) -> None:
        self.reads_in_turn = reads_in_turn  # reading is an act of the stream
        self._stage = stage
        self._transport = stage.transport
        self.is_running = True  # the function has not returned
        self.thread: int | None = None  # which runs it, once it does
        self.has_failed = False  # it has raised
        self.lost: str | None = None  # how the client has left, if it has reset the connection
        self.sock_name: object = self._transport.sock.getsockname()
        self._why: str | None = None  # why the connection is not the function's any more
        # Whether the client's FIN has come, read or not.
        self._has_fin = self._transport.has_eof or self._transport.record.closed_by == "client"
        self._is_deaf = False  # the function has shut its reading side down
        self._is_cut = False  # the stream is gone: nothing of the function's is carried out any more
        self._is_told = False  # a call has raised that the client has reset the connection
        self._rest = b""  # what was read and not asked for: it came before that, or its `recv` had expired
        self._is_read_due = False  # an act of the stream is to read
        self._reads: deque[Errand] = deque()
        self._sends: deque[Errand] = deque()
        self._partings: list[Errand] = []
        self._todo: deque[Callable[[], Acts]] = deque()
        self._sending: tuple[Errand, int] | None = None  # and how many bytes had been sent before
        self._wake: Callable[[], None] | None = None

    @property
    def is_over(self) -> bool:
        """Whether the connection can't be used any more."""
        return self._why is not None or self.lost is not None

    @property
    def is_waiting(self) -> bool:
        """Whether a call of the function's waits for the client."""
        return bool(self._reads or self._sends or self._partings)

    def is_busy(self) -> bool:
        """Whether the function is about to do something by itself: it waits neither for its client nor at a gate."""
        return self.is_running and not self.is_waiting and self.thread not in waiting_threads

    # -- the script's stream --

    def acts(self) -> Acts:
        """Yield what the function does, until it has returned."""
        try:
            while self.is_running:
                if self._todo:
                    yield from self._todo.popleft()()
                else:
                    yield acts.Pending(self.when_ready)
        finally:
            self._is_cut = True

    def when_ready(self, callback: Callable[[], None]) -> None:
        """Have something called once there is more to do, or the function has returned."""
        self._wake = callback

    def _go_on(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    def returned(self, error: BaseException | None) -> None:
        """The function has returned or raised."""
        self.is_running, self.has_failed = False, error is not None
        self.end(RETURNED)
        self._go_on()

    # -- what the function asks --

    def recv(self, errand: Errand) -> None:
        """Give what has come, as soon as something has."""
        if self._rest:
            errand.finish(self._rest[: errand.size])
            self._rest = self._rest[errand.size :]
        elif self.is_over:
            self._refuse_read(errand)
        elif self._is_deaf or self._transport.has_eof:
            errand.finish(b"")
        else:
            self._reads.append(errand)
            if len(self._reads) == 1:
                self._read_next()

    def _refuse_read(self, errand: Errand) -> None:
        if self.lost is not None and self._has_fin:
            errand.finish(b"")  # what came first is what a reader meets first
        else:
            errand.fail(self.error())

    def _read_next(self) -> None:
        if not self._reads or self._is_cut:
            return
        if not self.reads_in_turn:
            self._stage.read_aside(UpTo(self._reads[0].size))
        elif not self._is_read_due and self._stage.look_for_bytes(self._read_in_turn):
            self._read_in_turn()

    def _read_in_turn(self) -> None:
        self._is_read_due = True
        self._todo.append(self._read)
        self._go_on()
        self._stage.read_now()

    def _read(self) -> Acts:
        wanted = UpTo(self._reads[0].size if self._reads else 0)
        if wanted.size:
            yield acts.ReadTo(wanted, read_on=False, within=wanted)
            if self._stage.inbox.taken:
                self._rest += self._stage.inbox.last
        self._is_read_due = False
        self._serve_reads()

    def _serve_reads(self) -> None:
        reads, self._reads = self._reads, deque()
        for read in reads:
            self.recv(read)

    def expire_recv(self, errand: Errand, error: BaseException) -> None:
        """The time is over: it raises this, unless it is over itself."""
        if errand in self._reads:
            is_first = errand is self._reads[0]
            self._reads.remove(errand)
            errand.fail(error)
            if is_first:
                self._rest_from_reading()

    def give_back(self, errand: Errand) -> None:
        """Nobody waits for what it has read: the next `recv` gets it."""
        if isinstance(errand.result, bytes) and self._why is None:
            self._rest = errand.result + self._rest
            self._serve_reads()

    def _rest_from_reading(self) -> None:
        if not (self._is_cut or self._is_read_due):  # else the stream decides whether anything is read
            self._transport.pause_reading()
        self._read_next()

    def send(self, errand: Errand, data: bytes) -> None:
        """Send all of it."""
        if self.is_over:
            errand.fail(self.error(is_sending=True))
        elif self._transport.has_shut_down:
            errand.fail(BrokenPipeError(errno.EPIPE, "the sending side was shut down"))
        else:
            self._sends.append(errand)
            self._todo.append(lambda: self._send(errand, data))
            self._go_on()

    def _send(self, errand: Errand, data: bytes) -> Acts:
        if errand.is_over:
            return
        self._stage.answer_newest()
        self._sending = errand, self._transport.record.bytes_sent
        yield acts.Send(Image(b"", data))
        self._sending = None
        if not errand.is_over:
            self._sends.remove(errand)
            errand.finish(errand.size)

    def expire_send(self, errand: Errand, error: BaseException, *, may_be_partial: bool) -> None:
        """The time is over: it has sent what the kernel has taken, or raises this, unless it is over itself."""
        if errand not in self._sends:
            return
        self._sends.remove(errand)
        taken = 0
        if self._sending is not None and self._sending[0] is errand:
            taken = min(self._transport.record.bytes_sent - self._sending[1], errand.size)
        if taken and may_be_partial:
            errand.finish(taken)
        else:
            errand.fail(error)
        if self._sending is not None and self._sending[0] is errand:
            self._drop_unsent()

    def _drop_unsent(self) -> None:
        if self._transport.has_unsent and not self._is_cut:
            self._transport.drop_unsent()
            self._stage.all_sent()

    def shut_down(self, errand: Errand, how: int) -> None:
        """Shut one side down, or both; sending, once everything is sent."""
        if self.is_over:
            errand.fail(self.error(is_sending=True))
            return
        if how != socket.SHUT_WR:
            self._is_deaf = True
            reads, self._reads = self._reads, deque()
            for read in reads:
                read.finish(b"")
            self._rest_from_reading()
        if how == socket.SHUT_RD:
            errand.finish()
        else:
            self._sends.append(errand)
            self._todo.append(lambda: self._shut_down(errand))
            self._go_on()

    def _shut_down(self, errand: Errand) -> Acts:
        yield acts.ShutdownWrite(goodbye=False)
        if not errand.is_over:
            self._sends.remove(errand)
            errand.finish()

    def part(self, errand: Errand, *how: Act) -> None:
        """Part in this way; whatever waits is over. The errand is over once it is on the wire."""
        if self.is_over or self._is_cut:
            errand.finish()
            return
        self._partings.append(errand)
        self.end(CLOSED)
        self._todo.clear()
        self._todo.append(lambda: self._part(errand, how))
        self._drop_unsent()
        self._go_on()

    def _part(self, errand: Errand, how: tuple[Act, ...]) -> Acts:
        for act in how:
            if isinstance(act, acts.Drain):
                self._parted(errand)  # that may take the client's time, in the background
            yield act
        self._parted(errand)

    def _parted(self, errand: Errand) -> None:
        if errand in self._partings:
            self._partings.remove(errand)
        errand.finish()

    # -- what becomes of the connection --

    def data_received(self) -> None:
        """The stage has taken what a read has asked for."""
        if self._reads:
            self._reads.popleft().finish(self._stage.inbox.last)
        self._rest_from_reading()

    def fin_received(self) -> None:
        """The client's FIN has come, read or not."""
        self._has_fin = True
        if self._transport.has_eof:
            reads, self._reads = self._reads, deque()
            for read in reads:
                read.finish(b"")

    def lose(self, how: str, rest: bytes) -> None:
        """The client has reset the connection, behind these bytes that nobody had read."""
        if self.is_over:
            self.end(how)
            return
        self.lost = how
        self._rest += rest
        self._serve_reads()
        sends, self._sends = self._sends, deque()
        for send in sends:
            send.fail(self.error(is_sending=True))

    def end(self, why: str) -> None:
        """The connection is not the function's any more; whatever waits raises that, but for its goodbyes."""
        if self._why is None:
            self._why = why
        self._rest = b""
        waiting = [*self._reads, *self._sends]
        if why != CLOSED:
            waiting += self._partings
            self._partings.clear()
        self._reads.clear()
        self._sends.clear()
        for errand in waiting:
            errand.fail(ended(why))

    def error(self, *, is_sending: bool = False) -> OSError:
        """Return what a call raises on a connection that is over."""
        if self._why is not None:
            return ended(self._why)
        if is_sending and (self._has_fin or self._is_told):
            return BrokenPipeError(errno.EPIPE, "the client has reset the connection")
        self._is_told = True
        return ConnectionResetError(errno.ECONNRESET, "the client has reset the connection")
