"""What a function of a `call` step has of its connection: used like a socket, from any thread.

A call is posted to the loop, and its thread waits. It is over when the loop says so: one that expires asks the loop to
give it up, so that what has come at that moment is neither lost nor given twice.
"""

from __future__ import annotations

import errno
import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

from pytest_epoll._core import acts
from pytest_epoll._core.checks import LONGEST_WAIT, checked_flag, checked_number, checked_text, checked_whole
from pytest_epoll._serving.barrier import IN_FORK
from pytest_epoll._serving.scripts.conn_file import open_file
from pytest_epoll._serving.scripts.handover import STOPPED, Errand, ended
from pytest_epoll._serving.waits import runs_an_event_loop
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import IO, Literal

    from typing_extensions import Buffer, Self

    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.scripts.handover import Handover
    from pytest_epoll._serving.scripts.stage import Stage

T = TypeVar("T")

_NOT_OFFERED = {
    "accept": "it is a connection, not a listener; server.script(connection=n) is about the n-th one",
    "detach": "the socket stays the server's, which records what goes over it",
    "dup": "the socket stays the server's, which records what goes over it",
    "recvfrom": "a stream has one sender: use recv()",
    "recvmsg": "there is no ancillary data: use recv()",
    "sendfile": "use sendall(file.read())",
    "sendto": "a stream has one receiver: use sendall()",
}

_WAYS = {socket.SHUT_RD: "SHUT_RD", socket.SHUT_WR: "SHUT_WR", socket.SHUT_RDWR: "SHUT_RDWR"}


class Conn:
    """A connection that `steps.call()` has handed to a function; used like a `socket.socket`, from any thread.

    One thread may read while another writes. What goes over it is recorded, as everything that a script does. Once the
    function has returned the connection is the script's again.
    """

    __slots__ = ("_context", "_handover", "_pid", "_stage", "_timeout", "client_address", "index")

    def __init__(self, handover: Handover, context: Context, stage: Stage) -> None:
        self._handover = handover
        self._context = context
        self._stage = stage
        self._pid = os.getpid()
        self._timeout: float | None = None
        self.index: int = stage.record.index
        self.client_address: tuple[str, int] = stage.record.client_address

    def __repr__(self) -> str:
        return f"<Conn c{self.index} from {self.client_address[0]}:{self.client_address[1]}>"

    def __getattr__(self, name: str) -> NoReturn:
        why = _NOT_OFFERED.get(name)
        message = f"a conn has no {name!r}" if why is None else f"a conn has no {name}(): {why}"
        raise AttributeError(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # -- whose it is --

    @property
    def request(self) -> Request | None:
        """The request that was read last on this connection, by steps before this one; None if none was.

        Its body grows by what `recv` returns.
        """
        newest = self._stage.inbox.newest
        return None if newest is None else self._context.router.view(newest.record)

    def fileno(self) -> int:
        """Return the descriptor, for `select` and its kin: readable when `recv` has something; -1 once it is over.

        What is read or written past the conn is in no record, and reading past it takes bytes from the script.
        """
        transport = self._stage.transport
        return transport.fd if transport.is_open and not self._handover.is_over else -1

    def getpeername(self) -> tuple[str, int]:
        """Return `client_address`."""
        return self.client_address

    def getsockname(self) -> object:
        """Return the server's address on this connection, as a socket does."""
        return self._handover.sock_name

    # -- reading --

    def recv(self, n: int) -> bytes:
        """Return what has come, at least one byte and at most `n`; b"" behind the client's FIN.

        Nothing is read from the socket while no `recv` waits: what comes meanwhile stays in the kernel's buffers.

        Raises:
            ConnectionResetError: the client has reset the connection, and what came before was read.
            TimeoutError: nothing has come in time, if `settimeout` has set one.
            BlockingIOError: nothing is there, and the timeout is 0.
            OSError: the connection was closed, or the server was stopped.
            UsageTypeError: no whole number.
            UsageError: a negative one, or called on the server's own thread or that of an event loop.
        """
        size = checked_whole("n", n, least=0)
        errand = Errand(size)
        handover = self._handover
        if not size:
            return b""
        data: bytes = self._run(errand, handover.recv, handover.expire_recv)
        return data

    def recv_into(self, buffer: Buffer, nbytes: int = 0) -> int:
        """Write what has come into a buffer, at most `nbytes` (0: as many as it has room for); return how many.

        Raises:
            UsageTypeError: an argument of a wrong type.
            UsageError: a number that is negative or larger than the buffer; otherwise as `recv`.
            OSError: as `recv`.
        """
        view = _writable(buffer)
        data = self.recv(checked_whole("nbytes", nbytes, least=0, most=len(view)) or len(view))
        view[: len(data)] = data
        return len(data)

    # -- writing --

    def send(self, data: Buffer) -> int:
        """Send, and return how much of it the kernel has taken; without a timeout all of it.

        Raises:
            ConnectionResetError: the client has reset the connection.
            BrokenPipeError: it had said goodbye before, or our side was shut down.
            TimeoutError: the kernel has taken nothing in time, if `settimeout` has set one.
            BlockingIOError: it takes nothing now, and the timeout is 0.
            OSError: the connection was closed, or the server was stopped.
            UsageTypeError: no bytes.
            UsageError: called on the server's own thread or that of an event loop.
        """
        return self._send(data, may_be_partial=True)

    def sendall(self, data: Buffer) -> None:
        """Send all of it, and return once the kernel has taken it; raises what `send` does.

        After an error nobody can say how much was sent, but the record: `Connection.bytes_sent`.
        """
        self._send(data, may_be_partial=False)

    def sendmsg(self, buffers: Iterable[Buffer]) -> int:
        """Send several pieces as one; as `send`."""
        return self._send(b"".join(_checked_bytes(piece) for piece in buffers), may_be_partial=True)

    def _send(self, given: Buffer, *, may_be_partial: bool) -> int:
        data = _checked_bytes(given)
        handover = self._handover
        errand = Errand(len(data))
        if not data:
            return 0
        begin = partial(handover.send, data=data)
        sent: int = self._run(errand, begin, partial(handover.expire_send, may_be_partial=may_be_partial))
        return sent

    # -- how long --

    def settimeout(self, timeout: float | None) -> None:
        """Have every later call that reads or sends give up after so many seconds; None: never, 0: at once.

        Raises:
            UsageTypeError: no number.
            UsageError: a negative one.
        """
        if timeout is not None and not 0 <= checked_number("timeout", timeout) <= LONGEST_WAIT:
            message = f"timeout={timeout!r} is no duration; use seconds from 0 on, or None for no end"
            raise UsageError(message)
        self._timeout = timeout

    def gettimeout(self) -> float | None:
        """Return what `settimeout` was given."""
        return self._timeout

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - a socket's has it so
        """`settimeout(None)`, or `settimeout(0)`."""
        self._timeout = None if flag else 0.0

    # -- parting --

    def shutdown(self, how: int) -> None:
        """End one direction or both (shutdown(2)): `socket.SHUT_WR` sends FIN, `SHUT_RD` is the end of reading.

        Raises:
            UsageError: another way.
            OSError: as `send`.
        """
        if how not in _WAYS:
            message = f"how={how!r} is not known; use socket.SHUT_WR, SHUT_RD or SHUT_RDWR"
            raise UsageError(message)
        self._run(Errand(), partial(self._handover.shut_down, how=how), None)

    def close(self, *, drain: bool = True) -> None:
        """End the connection in good form: FIN, then what the client still sends is discarded in the background.

        It does not wait for the client, and wakes every call that waits. On one that has ended it does nothing.

        Args:
            drain: False closes at once, and the kernel decides: RST if bytes were unread, else FIN.

        Raises:
            UsageTypeError: no bool.
        """
        if checked_flag("drain", drain):
            self._part(acts.ShutdownWrite(), acts.Drain())
        else:
            self._part(acts.Close())

    def reset(self, *, discard: bool = False) -> None:
        """Break the connection off with RST, once the client's kernel has what was sent.

        Args:
            discard: do it at once, whatever is lost.

        Raises:
            UsageTypeError: no bool.
        """
        if checked_flag("discard", discard):
            self._part(acts.SendRst())
        else:
            self._part(acts.WaitDelivered(), acts.SendRst())

    def _part(self, *how: acts.Act) -> None:
        handover = self._handover
        self._run(Errand(is_goodbye=True), lambda errand: handover.part(errand, *how), None)

    # -- what a socket has not --

    def mark(self, name: str) -> None:
        """Write a mark into the timeline, for `server.wait_for_mark(name)`.

        Raises:
            UsageTypeError: no str.
            UsageError: an empty one.
        """
        checked_text("name", name)
        self._ask(lambda: self._stage.note_mark(name))

    # -- files --

    @overload
    def makefile(
        self,
        mode: Literal["rb", "br", "wb", "bw", "rwb", "rbw", "wrb", "wbr", "brw", "bwr"],
        buffering: int | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[bytes]: ...
    @overload
    def makefile(
        self,
        mode: Literal["r", "w", "rw", "wr"] = "r",
        buffering: int | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[str]: ...
    def makefile(
        self,
        mode: str = "r",
        buffering: int | None = None,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[bytes] | IO[str]:
        """Return the connection as a file; the arguments are those of `socket.makefile`.

        Closing the file does not close the connection; closing the connection ends the file.

        Raises:
            UsageTypeError: an argument of a wrong type.
            UsageError: a mode that there is not, or a text file without a buffer.
        """
        return open_file(self, mode, buffering, encoding=encoding, errors=errors, newline=newline)

    # -- options --

    def setsockopt(self, level: int, optname: int, value: int | Buffer) -> None:
        """Set an option of the socket (socket(7), tcp(7)).

        Raises:
            UsageError: SO_LINGER, which changes what closing means; use `reset()`.
            OSError: the kernel refuses it, or the connection has ended.
        """
        if (level, optname) == (socket.SOL_SOCKET, socket.SO_LINGER):
            message = "SO_LINGER would change what goodbyes mean; conn.reset(discard=True) sends RST at once"
            raise UsageError(message)
        self._ask(lambda: self._stage.transport.sock.setsockopt(level, optname, value))

    def getsockopt(self, level: int, optname: int, buflen: int = 0) -> int | bytes:
        """Return an option of the socket.

        Raises:
            OSError: the kernel knows none, or the connection has ended.
        """
        sock = self._stage.transport.sock
        return self._ask(lambda: sock.getsockopt(level, optname, buflen) if buflen else sock.getsockopt(level, optname))

    # -- errands --

    def _ask(self, function: Callable[[], T]) -> T:
        """Return what a function returns on the loop thread, if the connection is still there."""

        def ask(errand: Errand) -> None:
            if self._handover.is_over:
                errand.fail(self._handover.error())
                return
            try:
                errand.finish(function())
            except OSError as error:
                errand.fail(error)

        answer: T = self._run(Errand(), ask, None)
        return answer

    def _run(
        self,
        errand: Errand,
        begin: Callable[[Errand], None],
        expire: Callable[[Errand, BaseException], None] | None,
    ) -> Any:
        """Have the loop begin an errand, and return how it has ended; `expire` is how it is given up, if it can be."""
        self._refuse_to_freeze()
        loop = self._context.loop
        timeout = None if expire is None else self._timeout

        def go() -> None:
            begin(errand)
            if timeout == 0 and expire is not None:
                expire(errand, BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)))

        try:
            if not loop.post_if_running(go):
                errand.fail(ended(STOPPED))
            if timeout and expire is not None and not errand.wait(timeout):
                loop.post_if_running(partial(expire, errand, TimeoutError("timed out")))
            errand.wait(None)  # the loop has it, and ends it in any case
        except BaseException as error:  # a signal, here or in `post`: what nobody waits for must not take what comes
            if expire is not None:
                loop.post_if_running(partial(expire, errand, error))
                loop.post_if_running(partial(self._handover.give_back, errand))
            raise
        if errand.error is not None:
            raise errand.error
        return errand.result

    def _refuse_to_freeze(self) -> None:
        if os.getpid() != self._pid:
            raise UsageError(IN_FORK)
        if self._context.loop.is_current_thread():
            message = "on the server's own thread this would wait for itself; predicates and hooks must not block"
            raise UsageError(message)
        if runs_an_event_loop():
            message = "a conn would stop the event loop of this thread; use it in a thread of its own"
            raise UsageError(message)


def _writable(buffer: object) -> memoryview:
    try:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]  # it says so itself
    except TypeError:
        view = memoryview(b"")
    if view.readonly:
        message = f"buffer must be writable bytes, such as a bytearray, not {buffer!r}"
        raise UsageTypeError(message)
    return view


def _checked_bytes(data: object) -> bytes:
    if isinstance(data, bytes):
        return data
    try:
        return bytes(memoryview(data))  # type: ignore[arg-type]  # it says so itself
    except TypeError:
        message = f"data must be bytes, not {data!r}"
        raise UsageTypeError(message) from None
