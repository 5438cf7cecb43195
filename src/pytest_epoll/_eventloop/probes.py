"""What the kernel knows about a connection and the socket module does not ask: the one place with struct layouts.

Facts
- SIOCOUTQNSD: bytes that were never sent. SIOCOUTQ counts unacknowledged ones, too, and a client delays its ACK by up
  to 44 ms on a reused connection: not acknowledged does not mean not delivered.
- The client's socket on the same machine can be looked at: NETLINK_SOCK_DIAG finds a socket by its four addresses
  (sock_diag(7)) and gives its receive queue and its TCP_INFO, 7 to 8 us a look, also to an unprivileged process. It
  sees only its own network namespace.
- `tcpi_bytes_received` counts payload, and one more once a FIN has come; so does `idiag_rqueue`, what the process has
  not read yet, until the last byte before the FIN is read.
- A socket that is not found is gone, or lives in another network namespace. If it is gone, our own end has left
  ESTABLISHED, at the latest when the answer is there: on the loopback a FIN or RST is handled within the other side's
  system call.
- A client that has closed before we did may be a stub for a minute (FIN_WAIT2, TIME_WAIT): found, but without inode and
  TCP_INFO, as no process has it any more. Whether `close` leaves a stub or a socket is a race in the client's kernel
  (7 stubs in 3,000 closes); one that had sent a FIN before always leaves one.
- `connect()` with an AF_UNSPEC address disconnects a TCP socket (connect(2)): the kernel sends RST at once, whoever
  else holds the descriptor, and keeps what the other side has received readable. `close()` with SO_LINGER 0 sends it
  only when the last holder closes. Python's `connect` can't say AF_UNSPEC, so this goes through ctypes.

What we do. Each call looks once and never waits; who waits is the channel's business. The netlink socket is opened at
the first look, ctypes is imported at the first reset: a server that misbehaves in no such way pays for neither.

What it costs: 1 us for the ioctls, 8 us for a look at the client, some 3 ms once for ctypes.

Loop thread only.
"""

from __future__ import annotations

import array
import errno
import fcntl
import select
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_SIOCOUTQNSD = 0x894B
_FIONREAD = 0x541B
_TCPI_UNACKED = 24
"""Offset of `tcpi_unacked` in struct tcp_info; of a listening socket it is the length of the accept queue."""

_MSG_ERRQUEUE: int = getattr(socket, "MSG_ERRQUEUE", 0)
"""Linux only, and only there is an error queue."""

_SO_MEMINFO = 55
_RDHUP: int = getattr(select, "POLLRDHUP", 0)
"""Linux only; elsewhere POLLHUP, which is reported whether it is asked for or not, says the same."""

_ERRORS_AT_ONCE = 64
"""Entries that are dropped in one go; what is left raises EPOLLERR again."""

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_INET_DIAG_INFO = 2
_INTERNET = frozenset((socket.AF_INET, socket.AF_INET6))
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = 0xFFFFFFFF

_NLMSGHDR = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBxI")  # family, protocol, extensions, padding, states
_PORTS = struct.Struct("!HH")
_ID_TAIL = struct.Struct("=III")  # interface, cookie, cookie
_DIAG_MSG_SIZE = 72  # struct inet_diag_msg
_STATE_OFFSET = 1
_RQUEUE = struct.Struct("=I")
_RQUEUE_OFFSET = 4 + 48 + 4
_INODE = struct.Struct("=I")
_INODE_OFFSET = _RQUEUE_OFFSET + 12
_ATTRIBUTE = struct.Struct("=HH")
_BYTES_RECEIVED = struct.Struct("=Q")
_BYTES_RECEIVED_OFFSET = 128  # of tcpi_bytes_received in struct tcp_info

_PEER_MUST_EXIST = frozenset((1, 4, 5))
"""States of our end (ESTABLISHED, FIN_WAIT1, FIN_WAIT2) in which the other end is still there."""

_FIN_UNDER_WAY = frozenset((4, 9, 11))
"""States (FIN_WAIT1, LAST_ACK, CLOSING) in which a socket's FIN was not acknowledged yet."""


def unsent_bytes(fd: int) -> int:
    """Return how many bytes of the send queue were never sent (tcp(7), SIOCOUTQNSD)."""
    return _ask_int(fd, _SIOCOUTQNSD)


def unread_bytes(fd: int) -> int:
    """Return how many bytes wait to be read (tcp(7), FIONREAD)."""
    return _ask_int(fd, _FIONREAD)


def has_fin(sock: socket.socket) -> bool:
    """Return whether the other side has sent FIN, or is gone (poll(2), POLLRDHUP)."""
    poll = select.poll()
    poll.register(sock, _RDHUP)
    return bool(poll.poll(0))


def has_room(sock: socket.socket) -> bool:
    """Return whether most of the receive buffer is free, so that more can come; False where nobody can tell.

    SO_MEMINFO (linux/sock_diag.h) begins with what the queue takes, overhead included, and how much it may take.
    """
    try:
        taken, size = struct.unpack("II", sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 8))
    except OSError:
        return False
    return bool(taken * 4 < size)


def drop_errors(sock: socket.socket) -> None:
    """Empty the error queue (recv(2), MSG_ERRQUEUE), which raises EPOLLERR and which nobody here has asked for."""
    try:
        for _ in range(_ERRORS_AT_ONCE):
            sock.recvmsg(0, 512, _MSG_ERRQUEUE)
    except OSError:
        pass  # EAGAIN: it is empty


def waiting_connections(sock: socket.socket) -> int:
    """Return how many connections wait in a listening socket's accept queue (tcp(7), TCP_INFO)."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCPI_UNACKED + 4)
    return int.from_bytes(info[_TCPI_UNACKED:], sys.byteorder)


def _ask_int(fd: int, request: int) -> int:
    answer = array.array("i", (0,))
    fcntl.ioctl(fd, request, answer)
    return answer[0]


# -- RST --

_connect: Callable[[int, bytes, int], int] | None = None


def send_reset(sock: socket.socket) -> bool:
    """Send RST at once, whatever is unsent or unread and whoever else holds the descriptor.

    Returns:
        Whether one was sent: not if the other side has reset the connection before.
    """
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        return False
    connect = _libc_connect()
    unspecified = struct.pack("=H14x", socket.AF_UNSPEC)
    if connect is not None and connect(sock.fileno(), unspecified, len(unspecified)) == 0:
        return True
    # Without it the RST leaves with the last holder's close(2), which is the caller's next step.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return True


def _libc_connect() -> Callable[[int, bytes, int], int] | None:
    """Return libc's connect(2), or None where an AF_UNSPEC address means nothing."""
    global _connect  # noqa: PLW0603 - looked up once a process
    if _connect is None and sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - 3 ms, and few tests reset

        _connect = ctypes.CDLL(None, use_errno=True).connect
    return _connect


# -- the other side of a connection --


class PeerView(NamedTuple):
    """The client's side of a connection, as its kernel sees it."""

    received: int  # bytes that have reached the client's kernel, ever; a FIN counts as one
    unread: int  # of these, how many its process has not taken
    is_gone: bool  # there is no such socket any more
    is_parting: bool = False  # it has closed, or shut down its sending side, and its FIN has not arrived here


class PeerProbe:
    """Looks at the client's socket of a connection. Tests may replace it by one that sees nothing."""

    __slots__ = ("_problem", "_sequence", "_socket")

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._problem: str | None = None
        self._sequence = 0

    def question(self, sock: socket.socket) -> bytes | None:
        """Return what to give `look` for the other end of a connected socket; None if it is connected no more."""
        try:
            local, peer = sock.getsockname(), sock.getpeername()
        except OSError:
            return None
        if sock.family not in _INTERNET:
            return b""
        addresses = b"".join(socket.inet_pton(sock.family, name[0]).ljust(16, b"\0") for name in (peer, local))
        identity = _PORTS.pack(peer[1], local[1]) + addresses + _ID_TAIL.pack(0, _NO_COOKIE, _NO_COOKIE)
        extensions = 1 << (_INET_DIAG_INFO - 1)
        return _REQUEST.pack(sock.family, socket.IPPROTO_TCP, extensions, _ANY_STATE) + identity

    def look(self, sock: socket.socket, question: bytes) -> PeerView | None:
        """Return the client's side of the connection, or None if it can't be seen; `why_blind` says why."""
        if not question:
            self._problem = "a Unix domain socket"
            return None
        netlink = self._socket or self._open()
        if netlink is None:
            return None
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        size = _NLMSGHDR.size + len(question)
        header = _NLMSGHDR.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, self._sequence, 0)
        try:
            netlink.send(header + question)
            while True:
                answer = netlink.recv(8192, socket.MSG_DONTWAIT)
                if _NLMSGHDR.unpack_from(answer)[3] == self._sequence:  # not the late answer to an earlier look
                    break
        except OSError as error:
            self._problem = f"sock_diag: {error.strerror}"
            return None
        if _NLMSGHDR.unpack_from(answer)[1] == _NLMSG_ERROR:
            return self._read_error(sock, answer)
        return self._read(answer)

    def untaken_bytes(self, sock: socket.socket, sent: int) -> int | None:
        """Return how many of the sent bytes the client's process has not taken; None if that can't be seen."""
        question = self.question(sock)
        view = None if question is None else self.look(sock, question)
        return None if view is None or view.is_gone else max(0, sent - (view.received - view.unread))

    def _read_error(self, sock: socket.socket, answer: bytes) -> PeerView | None:
        code = -int.from_bytes(answer[_NLMSGHDR.size : _NLMSGHDR.size + 4], sys.byteorder, signed=True)
        if code != errno.ENOENT:
            self._problem = f"sock_diag: {errno.errorcode.get(code, code)}"
            return None
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        if state in _PEER_MUST_EXIST:
            self._problem = "the client's socket is in another network namespace"
            return None
        return PeerView(0, 0, is_gone=True)

    def _read(self, answer: bytes) -> PeerView | None:
        unread = _RQUEUE.unpack_from(answer, _NLMSGHDR.size + _RQUEUE_OFFSET)[0]
        at = _NLMSGHDR.size + _DIAG_MSG_SIZE
        while at + _ATTRIBUTE.size <= len(answer):
            length, kind = _ATTRIBUTE.unpack_from(answer, at)
            if kind == _INET_DIAG_INFO and length >= _ATTRIBUTE.size + _BYTES_RECEIVED_OFFSET + _BYTES_RECEIVED.size:
                received = _BYTES_RECEIVED.unpack_from(answer, at + _ATTRIBUTE.size + _BYTES_RECEIVED_OFFSET)[0]
                is_parting = answer[_NLMSGHDR.size + _STATE_OFFSET] in _FIN_UNDER_WAY
                return PeerView(received, unread, is_gone=False, is_parting=is_parting)
            at += max((length + 3) & ~3, _ATTRIBUTE.size)
        if not _INODE.unpack_from(answer, _NLMSGHDR.size + _INODE_OFFSET)[0]:
            return PeerView(0, 0, is_gone=True)
        self._problem = "sock_diag gave no tcp_info"
        return None

    def _open(self) -> socket.socket | None:
        family: Any = getattr(socket, "AF_NETLINK", None)
        if family is None:
            self._problem = "this platform has no sock_diag"
            return None
        try:
            self._socket = socket.socket(family, socket.SOCK_DGRAM, _NETLINK_SOCK_DIAG)
            self._socket.setblocking(False)  # whatever socket.setdefaulttimeout() says
        except OSError as error:
            self._problem = f"sock_diag: {error.strerror}"
        return self._socket

    def why_blind(self) -> str:
        """Return why the last look saw nothing, in words."""
        return self._problem or "the client's side can't be seen"

    def close(self) -> None:
        """Release the netlink socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
