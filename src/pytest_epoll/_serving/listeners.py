"""All listeners of a running server: what is asked of it is asked of each of them."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pytest_epoll._core import clock, timeline
from pytest_epoll._eventloop.door import ACCEPT, PAUSE, REFUSE, STALL, Door, Wish
from pytest_epoll._eventloop.listener import Listener
from pytest_epoll.errors import UsageError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._serving.journal import Journal

WORDS = {
    ACCEPT: "accepts connections",
    PAUSE: "leaves connections in the queue",
    STALL: "leaves connects unanswered",
    REFUSE: "refuses connections",
}
"""What the timeline says of each."""


class Listeners:
    """A running server's listeners, its own first. Loop thread only, but for `close_in_child` and `describe`."""

    __slots__ = ("_all", "_backlog", "_doors", "_journal", "_loop", "_on_accepted")

    def __init__(
        self,
        loop: Loop,
        journal: Journal,
        on_accepted: Callable[[socket.socket, tuple[str, int], Listener], None],
        backlog: int,
    ) -> None:
        self._loop = loop
        self._journal = journal
        self._backlog = backlog
        self._on_accepted = on_accepted
        self._all: list[Listener] = []
        self._doors: dict[int, Door] = {}  # by listener; of those of which something was asked

    def __iter__(self) -> Iterator[Listener]:
        return iter(self._all)

    def add(self, sock: socket.socket) -> None:
        """Begin to accept on one more socket, which is closed if that fails."""
        listener = Listener(self._loop, sock, self._on_accepted, self._on_trouble, len(self._all))
        self._all.append(listener)
        try:
            listener.start()
        except BaseException:  # epoll_ctl(2) is out of memory, select(2) at its end
            self._all.remove(listener)
            listener.close()
            raise

    def close(self) -> None:
        """Stop listening everywhere."""
        for listener in self._all:
            self._loop.attempt(listener.close)

    def close_in_child(self) -> None:
        """Close what a forked child has inherited, and nothing but that."""
        for listener in self._all:
            listener.sock.close()

    # -- what is asked for; by index, or of all --

    def ask(self, mode: str, index: int | None = None) -> None:
        """Have that in force until the next such call; errors as of `Door.ask`."""
        for door in self._doors_of(mode, index):
            if door.ask(mode):
                self._on_change(door)

    def enter(self, wish: Wish, index: int | None = None) -> None:
        """Have a block's wish in force until it is left, everywhere or nowhere; errors as of `Door.ask`."""
        entered = []
        try:
            for door in self._doors_of(wish.mode, index):
                is_news = door.enter(wish)
                entered.append(door)
                if is_news:
                    self._on_change(door)
        except BaseException:
            for door in entered:
                if door.leave(wish):
                    self._on_change(door)
            raise

    def leave(self, wish: Wish) -> None:
        """Forget a block's wish."""
        for door in self._doors.values():
            if door.leave(wish):
                self._on_change(door)

    def accept_again(self) -> None:
        """Have everybody accept, who was asked for something else."""
        if self._doors:
            self.ask(ACCEPT)

    def accept_waiting(self, index: int | None = None) -> None:
        """Accept who waits where accepts are paused: it is to hear from us that the connection ends."""
        for door in self._doors.values():
            if door.mode == PAUSE and index in {None, door.listener.index}:
                door.listener.accept_waiting()

    def _doors_of(self, mode: str, index: int | None) -> list[Door]:
        asked = self._all if index is None else [self._all[index]]
        for listener in asked:
            if mode == STALL and listener.path is not None:
                message = (
                    f"{listener.path} is a Unix domain socket: a client that has a timeout is answered EAGAIN at once "
                    "there, nothing can keep it waiting; use pausing_accepts(), or stall the other listeners one by one"
                )
                raise UsageError(message)
        for listener in asked:
            if listener.index not in self._doors:
                self._doors[listener.index] = Door(listener, self._backlog)
        return [self._doors[listener.index] for listener in asked]

    # -- what they tell --

    def describe(self) -> list[str]:
        """Return what keeps clients from being accepted, a line for each listener; callable from any thread."""
        return [
            f"the listener {WORDS[door.mode]}{door.listener.suffix}{door.listener.queue()}"
            for door in list(self._doors.values())
            if door.mode != ACCEPT
        ]

    def _on_trouble(self, error: OSError) -> None:
        """Note that accepting has failed for want of resources: clients are there that we can't see yet."""
        why = f"{error.strerror} ({errno.errorcode.get(error.errno or 0, error.errno)})"
        self._note(timeline.UNOBSERVED, f"{timeline.ACCEPTED}: {why}")

    def _on_change(self, door: Door) -> None:
        self._note(timeline.LISTENER, WORDS[door.mode] + door.listener.suffix)

    def _note(self, kind: str, text: str) -> None:
        nobody = timeline.NO_CONNECTION, timeline.NO_EXCHANGE
        self._journal.facts.append((clock.now_ns(), *nobody, kind, 0, text))
