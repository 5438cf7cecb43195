"""Where a server listens and what it does with who connects: the face of `EpollServer` and of its listeners."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from pytest_epoll._core.checks import checked_text, checked_whole
from pytest_epoll._eventloop.door import ACCEPT, PAUSE, REFUSE, STALL, Wish
from pytest_epoll._eventloop.sockets import check_path, close_listening_socket, open_listening_socket, open_unix_socket
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from pytest_epoll._serving.barrier import Barrier
    from pytest_epoll._serving.engine import Engine
    from pytest_epoll.server import EpollServer

_TRIES = 64
"""Ports that are tried until one is free on every address: each that is not costs four system calls."""

_STOPPED = "the server does not run, so nobody can connect; call start() first"


class Listener:
    """An address on which a server listens: the server's own, or one more of `EpollServer.also_listen()`.

    What is asked of the server is asked of each of its listeners; what is asked of a listener is asked of it alone.
    """

    __slots__ = ("_address", "_index", "_listening")

    def __init__(self, listening: Listening, index: int, address: tuple[str, int] | str) -> None:
        self._listening = listening
        self._index = index
        self._address = address

    def __repr__(self) -> str:
        where = self._address if isinstance(self._address, str) else self.url
        return f"<Listener {where}>"

    @property
    def address(self) -> tuple[str, int] | str:
        """(host, port), or the path of a Unix domain socket."""
        return self._address

    @property
    def url(self) -> str:
        """The base url, "http://[::1]:PORT", no slash at the end.

        Of a Unix domain socket it is "http://localhost": a client is told the path beside the url, as in
        `httpx.Client(transport=httpx.HTTPTransport(uds=listener.address), base_url=listener.url)`.
        """
        if isinstance(self._address, str):
            return "http://localhost"
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def accept_connections(self) -> None:
        """See `EpollServer.accept_connections()`; on this address alone."""
        self._listening.ask(ACCEPT, self._index)

    def pause_accepts(self) -> None:
        """See `EpollServer.pause_accepts()`; on this address alone."""
        self._listening.ask(PAUSE, self._index)

    def stall_connections(self) -> None:
        """See `EpollServer.stall_connections()`; on this address alone."""
        self._listening.ask(STALL, self._index)

    def refuse_connections(self) -> None:
        """See `EpollServer.refuse_connections()`; on this address alone."""
        self._listening.ask(REFUSE, self._index)

    def pausing_accepts(self) -> AbstractContextManager[None]:
        """See `EpollServer.pausing_accepts()`; on this address alone."""
        return self._listening.block(PAUSE, self._index)

    def stalling_connections(self) -> AbstractContextManager[None]:
        """See `EpollServer.stalling_connections()`; on this address alone."""
        return self._listening.block(STALL, self._index)

    def refusing_connections(self) -> AbstractContextManager[None]:
        """See `EpollServer.refusing_connections()`; on this address alone."""
        return self._listening.block(REFUSE, self._index)

    def close_connections(self, *, idle_only: bool = False, how: str = "fin") -> int:
        """See `EpollServer.close_connections()`; those that were accepted on this address alone."""
        return self._listening.part(self._index, how, idle_only=idle_only)


class Block:
    """A `with` block that has something in force, of one listener or (None) of all."""

    __slots__ = ("_index", "_listening", "_mode", "_wishes")

    def __init__(self, listening: Listening, mode: str, index: int | None) -> None:
        self._listening = listening
        self._mode = mode
        self._index = index
        self._wishes: list[Wish] = []  # it may be entered again, also within itself

    def __enter__(self) -> None:
        wish = Wish(self._mode)
        self._listening.enter(wish, self._index)
        self._wishes.append(wish)

    def __exit__(self, *_: object) -> None:
        self._listening.leave(self._wishes.pop())


class Listening:
    """One server's addresses, which outlive a restart, and what is asked of those who listen there."""

    __slots__ = ("_backlog", "_barrier", "_hosts", "_nodelay", "_port", "listeners")

    def __init__(self, barrier: Barrier, host: object, port: object, *, backlog: int, nodelay: bool) -> None:
        self._barrier = barrier
        self._hosts = _checked_hosts(host)
        self._port = checked_whole("port", port, least=0, most=65535)
        self._backlog = backlog
        self._nodelay = nodelay
        self.listeners: tuple[Listener, ...] = ()  # the server's own first; replaced, not changed

    # -- where --

    @property
    def address(self) -> tuple[str, int]:
        """Return the server's own address; raises `UsageError` before the first start."""
        if not self.listeners:
            message = "the server has no address yet; call start() first, or use it as a context manager"
            raise UsageError(message)
        address = self.listeners[0].address
        assert isinstance(address, tuple)
        return address

    @property
    def url(self) -> str:
        """Return the server's own base url."""
        self.address  # noqa: B018 - raises before the first start
        return self.listeners[0].url

    def open(self) -> list[socket.socket]:
        """Return sockets that listen on the addresses that were asked for, on a restart on those that it had before.

        Raises:
            OSError: an address can't be bound.
        """
        if self.listeners:
            return self._open_all([listener.address for listener in self.listeners])
        if len(self._hosts) == 1:
            return [self._open((self._hosts[0], self._port), is_alone=True)]
        if self._port:
            return self._open_all([(host, self._port) for host in self._hosts])
        for number in range(_TRIES):
            first = self._open((self._hosts[0], 0), is_alone=False)
            try:
                port = first.getsockname()[1]
                return [first, *self._open_all([(host, port) for host in self._hosts[1:]])]
            except OSError as error:
                close_listening_socket(first)
                if error.errno != errno.EADDRINUSE or number == _TRIES - 1:
                    raise
        raise AssertionError

    def opened(self, socks: list[socket.socket]) -> None:
        """Take the addresses over, when the server serves there."""
        if not self.listeners:
            self.listeners = tuple([Listener(self, index, _address_of(sock)) for index, sock in enumerate(socks)])

    def _open_all(self, addresses: list[tuple[str, int] | str] | list[tuple[str, int]]) -> list[socket.socket]:
        is_alone = len(addresses) == len(self._hosts) == 1
        socks: list[socket.socket] = []
        try:
            socks.extend(self._open(address, is_alone=is_alone) for address in addresses)
        except BaseException:
            for sock in socks:
                close_listening_socket(sock)
            raise
        return socks

    def _open(self, address: tuple[str, int] | str, *, is_alone: bool) -> socket.socket:
        if isinstance(address, str):
            return open_unix_socket(address, backlog=self._backlog)
        host, port = address
        return open_listening_socket(
            host, port, backlog=self._backlog, nodelay=self._nodelay, is_one_of_several=not is_alone
        )

    def also_listen(self, host_or_path: object, port: object) -> Listener:
        """Open one more; see `EpollServer.also_listen`."""
        engine = self._running_engine()
        address = self._checked_address(host_or_path, port)
        sock = self._open(address, is_alone=False)
        added: list[Listener] = []

        def add() -> None:
            listener = Listener(self, len(self.listeners), _address_of(sock))
            engine.listeners.add(sock)
            self.listeners += (listener,)
            added.append(listener)

        try:
            self._barrier.call(add)
        except BaseException:
            close_listening_socket(sock)
            raise
        return added[0]

    def _checked_address(self, host_or_path: object, port: object) -> tuple[str, int] | str:
        is_path = isinstance(host_or_path, os.PathLike)
        text = checked_text("host_or_path", os.fspath(host_or_path) if is_path else host_or_path)  # type: ignore[call-overload]
        _refuse_nul("host_or_path", text)
        if not is_path and "/" not in text:
            number = self.address[1] if port is None else checked_whole("port", port, least=0, most=65535)
            return text, number
        if port is not None:
            message = f"{text!r} is the path of a Unix domain socket, which has no port; leave port={port!r} out"
            raise UsageError(message)
        path = str(Path(text).absolute())  # the test may change its directory before the file is removed
        check_path(path)
        return path

    # -- what is asked of them --

    def ask(self, mode: str, index: int | None = None) -> None:
        """Have that in force, of one listener or of all, until the next such call."""
        engine = self._running_engine()
        self._barrier.call(lambda: engine.listeners.ask(mode, index))

    def block(self, mode: str, index: int | None = None) -> Block:
        """Return a block that has it in force from entering to leaving it."""
        return Block(self, mode, index)

    def enter(self, wish: Wish, index: int | None) -> None:
        """Begin a block."""
        engine = self._running_engine()
        self._barrier.call(lambda: engine.listeners.enter(wish, index))

    def leave(self, wish: Wish) -> None:
        """End a block; one whose server was stopped has ended already, and that of a forked child is the parent's."""
        engine = self._barrier.engine
        if engine is not None and not engine.is_in_fork:
            self._barrier.call(lambda: engine.listeners.leave(wish))

    def part(self, index: int, how: str, *, idle_only: bool) -> int:
        """Say goodbye on the connections of one listener; see `Barrier.part_all`."""
        return self._barrier.part_all(index, how, idle_only=idle_only)

    def accept_again(self) -> None:
        """Have a server that runs accept, whatever was asked for."""
        engine = self._barrier.engine
        if engine is not None:
            self._barrier.call(engine.listeners.accept_again)

    def _running_engine(self) -> Engine:
        self._barrier.refuse_in_fork()
        engine = self._barrier.engine
        if engine is None:
            raise UsageError(_STOPPED)
        return engine


def _checked_hosts(host: object) -> tuple[str, ...]:
    """Return the hosts that a caller gave: one, or several.

    Raises:
        UsageTypeError: something else than texts.
        UsageError: none, one twice, or the path of a Unix domain socket.
    """
    if isinstance(host, str):
        hosts: tuple[str, ...] = (checked_text("host", host),)
    elif isinstance(host, Iterable) and not isinstance(host, (bytes, bytearray)):
        hosts = tuple(checked_text("host", one) for one in host)
    else:
        message = f"host must be a str, or several such as ('127.0.0.1', '::1'), not {host!r}"
        raise UsageTypeError(message)
    if not hosts or len(set(hosts)) < len(hosts):
        message = f"host={host!r} must name at least one address, and none of them twice"
        raise UsageError(message)
    for one in hosts:
        _refuse_nul("host", one)
        if "/" in one:
            message = f"host={one!r} is a path; start the server and call also_listen({one!r})"
            raise UsageError(message)
    return hosts


def _refuse_nul(name: str, text: str) -> None:
    """Refuse what no host and no path has; it begins the address of an abstract socket (unix(7))."""
    if "\0" in text:
        message = (
            f"{name}={text!r} has a NUL byte; abstract Unix domain sockets are not served, use a path with a slash"
        )
        raise UsageError(message)


def _address_of(sock: socket.socket) -> tuple[str, int] | str:
    name = sock.getsockname()
    return name if isinstance(name, str) else name[:2]


def join(url: str, path: object, query: Mapping[str, object]) -> str:
    """Return the url of a path; see `EpollServer.url_for`."""
    if not checked_text("path", path).startswith("/"):
        message = f"path {path!r} must begin with a slash"
        raise UsageError(message)
    encoded = url + quote(str(path), safe="/%:@!$&'()*+,;=~")
    return f"{encoded}?{urlencode(query, doseq=True)}" if query else encoded


# -- methods of `EpollServer` --


def also_listen(self: EpollServer, host_or_path: str | os.PathLike[str], port: int | None = None) -> Listener:  # noqa: D417 - self
    """Listen on one more address, also after a restart, and return the listener.

    Args:
        host_or_path: an address such as "::1" or "127.0.0.2"; or the path of a Unix domain socket, which is told by
            its slash. Its file is removed by `stop()`.
        port: the port, if it is to be another one than the server's; 0 lets the kernel choose.

    Raises:
        OSError: the address can't be bound; EADDRINUSE if the port is taken, or if a file is there already.
        UsageTypeError: an argument of a wrong type.
        UsageError: a path that is too long, a path and a port, or the server does not run.
    """
    return self._listening.also_listen(host_or_path, port)


def refusing_connections(self: EpollServer) -> AbstractContextManager[None]:
    """Refuse whoever connects within this block: ECONNREFUSED, as if nobody listened; the port stays ours.

    Connections that exist live on, and who has connected before is accepted first. When the block is left, what was
    in force before it is in force again. Of several blocks the one that was entered last counts, whichever is left
    first; a plain call such as `accept_connections()` ends what the blocks around it have asked for.

    It may be entered, and the plain calls may be made, in any thread, also in handlers, predicates and hooks.

    Raises:
        UsageError: when it is entered: the server does not run, or this system can't do it.
        OSError: likewise: the process has no descriptor left.
    """
    return self._listening.block(REFUSE)


def stalling_connections(self: EpollServer) -> AbstractContextManager[None]:
    """Leave whoever connects within this block without an answer: the client's connect hangs until its timeout.

    Its SYN is not answered. A client that is still waiting when the block is left asks again, one second after its
    first SYN, then after two more, four and so on (tcp(7), tcp_syn_retries). Otherwise as `refusing_connections()`.

    Raises:
        UsageError: when it is entered: a listener is a Unix domain socket, or as `refusing_connections()`.
    """
    return self._listening.block(STALL)


def pausing_accepts(self: EpollServer) -> AbstractContextManager[None]:
    """Accept nobody within this block: the kernel completes the handshake, and then nothing happens.

    A connect succeeds, and so does sending a request; no answer comes, and the connection is not on record until
    the block is left: then who waits is accepted, and what has come is read. One more than `backlog` fit into the
    queue, whoever connects behind them is left without an answer. Otherwise as `refusing_connections()`.

    Raises:
        UsageError: when it is entered: the server does not run.
    """
    return self._listening.block(PAUSE)


def refuse_connections(self: EpollServer) -> None:
    """Refuse whoever connects from now on, until the next such call; see `refusing_connections()`."""
    self._listening.ask(REFUSE)


def stall_connections(self: EpollServer) -> None:
    """Leave connects without an answer from now on, until the next such call; see `stalling_connections()`."""
    self._listening.ask(STALL)


def pause_accepts(self: EpollServer) -> None:
    """Accept nobody from now on, until the next such call; see `pausing_accepts()`."""
    self._listening.ask(PAUSE)


def accept_connections(self: EpollServer) -> None:
    """Accept connections again, for instance from a client's retry hook; ends what blocks have asked for."""
    self._listening.ask(ACCEPT)
