"""Listening sockets: how to bind an address that is ours alone, and how to say why it can't be.

Facts
- A port that was bound without SO_REUSEADDR and SO_REUSEPORT can't be bound by anybody else while it listens; after
  connections were closed by us they linger in TIME_WAIT, and binding the same port again needs SO_REUSEADDR. On Linux
  SO_REUSEADDR on both sides does not let two sockets listen on one port (socket(7)).
- TCP_NODELAY of the listening socket is inherited by the accepted ones: one system call a server, not one a connection.
- A socket that is bound to "::" takes the port of every IPv4 address, too, unless IPV6_V6ONLY is set (ipv6(7)).
- A TCP socket with IP_MINTTL (Linux; IPV6_MINHOPCOUNT) drops segments with a lower TTL than that before TCP sees them
  (RFC 5082 is what it is for), without an answer; it takes no rights. The greatest TTL is 255, and systems send with 64
  or 128. What was accepted before has its own setting, what is accepted from such a socket inherits it. A client whose
  SYN was dropped sends it again after a second.
- The file of a Unix domain socket outlives its socket, and then nothing can be bound there: bind(2) gives EADDRINUSE,
  whether somebody listens or not. A path has at most 107 bytes (unix(7)).

Any thread: nothing here waits.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Final

from pytest_epoll.errors import UsageError

_IP_MINTTL = 21
_IPV6_MINHOPCOUNT = 73
"""linux/in.h and linux/in6.h; the socket module has neither."""

_GREATEST_TTL = 255

_INTERNET = frozenset((socket.AF_INET, socket.AF_INET6))

LONGEST_PATH: Final = 106
"""Bytes of a Unix domain socket's path: sun_path has 108, one is the zero behind it, one the mark of `SPARE`."""

SPARE: Final = "~"
"""What is added to the path of a socket that is to take another one's place."""


def open_listening_socket(
    host: str, port: int, *, backlog: int, nodelay: bool, is_one_of_several: bool = False
) -> socket.socket:
    """Return a socket that listens on that address; port 0 lets the kernel choose.

    Args:
        host: an IPv4 or IPv6 address, or a name.
        port: the port.
        backlog: what `listen(2)` is given.
        nodelay: whether accepted sockets have TCP_NODELAY.
        is_one_of_several: whether "::" leaves IPv4 to another socket.

    Raises:
        OSError: the address can't be bound; EADDRINUSE if the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if nodelay:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if is_one_of_several and family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        raise _explained(error, f"{host}, port {port}") from error
    except BaseException:
        sock.close()
        raise
    return sock


def _explained(error: OSError, where: str) -> OSError:
    """Return the same error with the address in its text, which bind(2) leaves out."""
    if error.errno is None or isinstance(error, socket.gaierror):
        return error
    how = "; another socket is bound there: choose another port, or port=0" if error.errno == errno.EADDRINUSE else ""
    return OSError(error.errno, f"{error.strerror}: {where}{how}")


def check_path(path: str) -> None:
    """Raise `UsageError` where there are no Unix domain sockets, and for a path that is too long for one.

    There must be room for `SPARE`, too.
    """
    if not hasattr(socket, "AF_UNIX"):
        message = f"{sys.platform} has no Unix domain sockets, so {path!r} can't be one; listen on an address"
        raise UsageError(message)
    size = len(os.fsencode(path))
    if size > LONGEST_PATH:
        message = (
            f"the path of a Unix domain socket has at most {LONGEST_PATH} bytes (unix(7)), {path!r} has {size}; "
            "use a directory with a shorter name, such as one of tempfile.mkdtemp()"
        )
        raise UsageError(message)


def open_unix_socket(path: str, *, backlog: int) -> socket.socket:
    """Return a Unix domain socket that listens at that path.

    Raises:
        OSError: it can't be bound; EADDRINUSE if there is a file already.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.bind(path)
        sock.listen(backlog)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(errno.EADDRINUSE, f"{error.strerror}: {_what_is_there(path)}", path) from error
        raise OSError(error.errno, error.strerror, path) from error
    return sock


def _what_is_there(path: str) -> str:
    """Return in words what keeps a path from being bound. Nobody is called there: that would be a connection."""
    try:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return "there is a file that is no socket; choose another path"
        sockets = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()
    except OSError:
        sockets = []
    if any(line.endswith(f" {path}") for line in sockets):
        return "another socket is bound there; choose another path"
    return "a socket has left its file there; remove it"


def show_address(sock: socket.socket) -> str:
    """Return where a socket listens, as it stands in a url, or the path."""
    name = sock.getsockname()
    if isinstance(name, str):
        return name
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def deafen(sock: socket.socket) -> None:
    """Have the kernel drop whoever asks a listening socket for a connection; handshakes in mid-course are finished.

    Raises:
        UsageError: this system can't do it.
    """
    how = "which refusing and stalling take; use pause_accepts(), or stop()"
    if sys.platform != "linux":
        message = f"{sys.platform} has no IP_MINTTL as Linux has it, {how}"
        raise UsageError(message)
    if sock.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == _GREATEST_TTL:
        message = f"this system sends with a TTL of {_GREATEST_TTL} (ip_default_ttl), so IP_MINTTL can't hold, {how}"
        raise UsageError(message)
    try:
        _set_least_ttl(sock, _GREATEST_TTL)
    except OSError as error:
        message = f"this system does not take IP_MINTTL ({error.strerror}), {how}"
        raise UsageError(message) from error


def hear_again(sock: socket.socket) -> None:
    """Have it hear everybody again, or one that was accepted of a deaf one for the first time."""
    _set_least_ttl(sock, 0)


def _set_least_ttl(sock: socket.socket, ttl: int) -> None:
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MINHOPCOUNT, ttl)
    sock.setsockopt(socket.IPPROTO_IP, _IP_MINTTL, ttl)  # of "::", too: it may take IPv4


def is_unix(sock: socket.socket) -> bool:
    """Whether it is a Unix domain socket, which has no RST and no buffer on the receiving side."""
    return sock.family not in _INTERNET


def client_address(sock: socket.socket) -> tuple[str, int]:
    """Return who has connected to a Unix domain socket: ("unix", process id), as a client has no address there.

    The process is what SO_PEERCRED says (unix(7)), or 0 where nobody can tell.
    """
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return "unix", 0
    return "unix", int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, option, 12)[:4], sys.byteorder, signed=True)


def close_listening_socket(sock: socket.socket) -> None:
    """Close a socket that nobody has begun to serve, and remove its file; does nothing if it is closed already."""
    if sock.fileno() < 0:
        return
    name = sock.getsockname()
    sock.close()
    if isinstance(name, str):
        Path(name).unlink(missing_ok=True)
