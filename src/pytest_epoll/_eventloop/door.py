"""What a listener does with who connects: accept, or refuse, stall or let wait on purpose.

Facts
- `shutdown` of a listening TCP socket resets who waits in its queue, and leaves it bound, if it was bound to that very
  port; if the kernel has chosen the port it is given up. A socket that is bound and does not listen refuses: the port
  stays taken, and `listen` revives it.
- Whether a stranger can bind the port of such a socket depends on SO_REUSEADDR and SO_REUSEPORT as they are now, and on
  what the kernel has remembered of earlier sockets on that port, which it forgets when one of them begins to listen.
- `shutdown` of a listening Unix domain socket refuses whoever comes and leaves the queue as it is; there is no way back
  but another socket in its place, and rename(2) puts it there without a gap.
- A Unix domain socket whose queue is full answers a client that has a timeout at once, with EAGAIN.

Refusing: accept who waits, make the socket deaf (`sockets.deafen`), accept whoever is in mid-handshake, stop listening;
so nobody is torn from a connection that was made before, and who asks in these 0.1 ms is refused when it asks again. A
port that the kernel has chosen is first bound once more, by a socket that then takes the old one's place and number;
for that SO_REUSEPORT is set on both until the old one is gone. Then SO_REUSEADDR is taken off, and no stranger can have
the port. Stalling: make it deaf. Pausing: accept who waits, then look away from the queue; the kernel goes on
completing handshakes until it is full.

Rejected: to stall by `listen(0)` and connections of our own that fill the queue: they are in everybody's way who counts
connections, and two are needed where one is counted. To stall by a filter (SO_ATTACH_FILTER): newer kernels take one on
a TCP socket from root only.

What is asked for. A block's wish holds from entering to leaving it; of several the one that was entered last counts,
whichever is left first. A plain call ends the wishes of all blocks and holds until the next one.

What it costs: 0.3 ms to refuse, 0.04 ms to stall or to pause; nothing until something is asked for.

Loop thread only.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_epoll._eventloop.sockets import SPARE, close_listening_socket, deafen, hear_again, open_unix_socket

if TYPE_CHECKING:
    from pytest_epoll._eventloop.listener import Listener

ACCEPT: Final = "accept"
PAUSE: Final = "pause"
STALL: Final = "stall"
REFUSE: Final = "refuse"

_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_REUSEADDR),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY),
    (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY),
)
"""What a socket that takes another's place has to have like it."""


class Wish:
    """What a block has asked of a listener."""

    __slots__ = ("mode",)

    def __init__(self, mode: str) -> None:
        self.mode = mode


class Door:
    """One listener's, from the first time that something was asked of it."""

    __slots__ = (
        "_asked",
        "_backlog",
        "_is_deaf",
        "_is_listening",
        "_is_port_held",
        "_wishes",
        "listener",
        "mode",
        "sock",
    )

    def __init__(self, listener: Listener, backlog: int) -> None:
        self.listener = listener
        self.sock = listener.sock
        self.mode = ACCEPT  # what is in force
        self._backlog = backlog
        self._asked = ACCEPT  # by the last plain call
        self._wishes: list[Wish] = []  # of the blocks that are entered, the last one counts
        self._is_listening = True
        self._is_deaf = False  # SYNs are dropped
        self._is_port_held = False  # it is bound to its port by number

    def ask(self, mode: str) -> bool:
        """Have that in force until the next plain call, whatever blocks have asked for; return whether it is news.

        Raises:
            UsageError: it can't be had on this socket or this system.
            OSError: there is no descriptor left.
        """
        is_news = self._change(mode)
        self._asked = mode
        self._wishes.clear()
        return is_news

    def enter(self, wish: Wish) -> bool:
        """Have a block's wish in force until it is left; returns and raises as `ask`."""
        is_news = self._change(wish.mode)
        self._wishes.append(wish)
        return is_news

    def leave(self, wish: Wish) -> bool:
        """Forget a block's wish, if no plain call has ended it before; return whether that changes anything."""
        if wish not in self._wishes:
            return False
        self._wishes.remove(wish)
        return self._change(self._wishes[-1].mode if self._wishes else self._asked)

    def _change(self, mode: str) -> bool:
        if mode == self.mode or self.sock.fileno() < 0:  # in force already, or the server was stopped
            return False
        listener = self.listener
        if mode == REFUSE:
            self._refuse()
        else:
            self._hear(is_deaf=mode == STALL)
            if mode == PAUSE:
                listener.accept_waiting()
                listener.look_away()
            elif not listener.is_watched:
                listener.look_away()  # a retry that is due would start it once more
                listener.start()
        self.mode = mode
        return True

    def _hear(self, *, is_deaf: bool) -> None:
        """Listen, and hear who asks for a connection or not."""
        if is_deaf:
            self._deafen()
        if not self._is_listening:
            if self.listener.path is None:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.sock.listen(self._backlog)
            else:
                self._replace_file(self.listener.path)
            self._is_listening = True
        if not is_deaf:
            self._hear_again()

    def _deafen(self) -> None:
        if not self._is_deaf:
            deafen(self.sock)
            self._is_deaf = self.listener.has_been_deaf = True

    def _hear_again(self) -> None:
        if self._is_deaf:
            hear_again(self.sock)
            self._is_deaf = False

    # -- refusing --

    def _refuse(self) -> None:
        if self.listener.path is None:
            self._refuse_syns()
        else:
            self.listener.accept_some()
            self.listener.shut_down()
            self.listener.accept_waiting()
        self.listener.look_away()
        self._is_listening = False

    def _refuse_syns(self) -> None:
        was_deaf, new = self._is_deaf, None
        self.listener.accept_some()
        try:
            new = None if self._is_port_held else self._bound_once_more()
            self._deafen()
            self.listener.accept_until_quiet()
        except BaseException:
            if new is not None:
                new.close()
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
            if not was_deaf:
                self._hear_again()
            raise
        if new is None:
            self.listener.shut_down()
        else:
            self._take_place(new)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
            self.sock.listen(1)  # deaf; the kernel forgets that the port was once shared
            self.listener.shut_down()
            self._is_port_held = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)

    def _bound_once_more(self) -> socket.socket:
        """Return a deaf socket that is bound to the port by number, and so keeps it when nobody listens.

        Raises:
            UsageError: this system can't do it.
            OSError: there is no descriptor left.
        """
        old = self.sock
        new = socket.socket(old.family, socket.SOCK_STREAM)
        try:
            new.setblocking(False)
            deafen(new)
            for level, option in _OPTIONS:
                if level != socket.IPPROTO_IPV6 or old.family == socket.AF_INET6:
                    new.setsockopt(level, option, old.getsockopt(level, option))
            for sock in (new, old):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            new.bind(old.getsockname())
        except BaseException:
            new.close()
            old.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
            raise
        return new

    def _replace_file(self, path: str) -> None:
        """Put a socket that listens in the place of one that can't any more; the path is never without a file."""
        new = open_unix_socket(path + SPARE, backlog=self._backlog)
        try:
            Path(path + SPARE).rename(path)
        except BaseException:
            close_listening_socket(new)
            raise
        self._take_place(new)
        self.listener.note_file()

    def _take_place(self, new: socket.socket) -> None:
        """Put another socket under our number: whoever knows it, a forked child's list of what to close, goes on."""
        self.listener.look_away()
        self.listener.shut_down()
        os.dup2(new.fileno(), self.sock.fileno(), inheritable=False)
        new.close()
