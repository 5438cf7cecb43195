"""Readiness: epoll, level- or edge-triggered, poll and select behind one contract.

Facts
- epoll(7): an edge-triggered descriptor reports a change once; what was there and was not read is not reported again.
  Data and FIN that arrive together make one edge, `IN|RDHUP`.
- EPOLLERR and EPOLLHUP cannot be masked. A level-triggered loop that keeps a reset descriptor registered, or leaves
  EPOLLRDHUP armed on a reader that has stopped reading, spins: 900 wake-ups a millisecond, measured.
- `epoll.poll` rounds its timeout up to whole milliseconds. An epoll descriptor can itself be watched, and select(2)
  takes microseconds: where a finer wait is worth it (`nap`), that is how to get it without a timerfd.
- `select.poll` knows POLLRDHUP; `select.select` knows only readable and writable, and no descriptor beyond 1023.
- epoll reports a descriptor once with all its flags; select reports it in up to three lists.

What follows: handlers are written to the edge-triggered contract (read until short or would-block) and treat every
flag as a hint; the read decides. Then both trigger modes and all three system calls keep the same promises.

What we do: each poller speaks in epoll's flags. `select` reports no RDHUP, so a FIN behind unread data is seen only
when the data is read, and a FIN on a connection that must not be read is not seen at all (`sees_hangup` is False).

What it costs: nothing on epoll, whose own event list is handed on; a pass over the list for the other two.
"""

from __future__ import annotations

import math
import select
from typing import Protocol

from pytest_epoll._core.checks import checked_choice, checked_flag
from pytest_epoll.errors import UsageError

IN = 0x001
OUT = 0x004
ERR = 0x008
HUP = 0x010
RDHUP = 0x2000
EDGE = 1 << 31

NAMES = ("epoll", "poll", "select")
SELECT_LIMIT = 1024
"""FD_SETSIZE: `select` can't watch descriptor 1024 and above (select(2))."""


class Poller(Protocol):
    """What the loop asks of a way to wait for readiness; masks are epoll's flags. Loop thread only."""

    edge: int
    sees_hangup: bool

    def register(self, fd: int, mask: int, /) -> None:
        """Watch a descriptor that is not watched yet."""

    def modify(self, fd: int, mask: int, /) -> None:
        """Change what a watched descriptor is watched for; 0 leaves only what can't be masked."""

    def unregister(self, fd: int, /) -> None:
        """Stop watching a descriptor."""

    def poll(self, timeout: float, /) -> list[tuple[int, int]]:
        """Return what is ready, after at most `timeout` seconds; -1 waits for ever, 0 only looks."""
        ...

    def nap(self, seconds: float) -> None:
        """Return once something is ready, or after `seconds`, which may be fractions of a millisecond."""

    def close(self) -> None:
        """Release the poller's own descriptor."""


def to_milliseconds(seconds: float) -> int:
    """Return whole milliseconds, rounded up: a wait that ends early would be begun again, over and over."""
    return math.ceil(seconds * 1000)


class EpollPoller:
    """Readiness as the epoll facility of Linux reports it."""

    sees_hangup = True

    def __init__(self, *, edge_triggered: bool = False) -> None:
        self._epoll = select.epoll()
        self.edge = EDGE if edge_triggered else 0
        self.poll = self._epoll.poll  # the bound method itself: no frame of ours around it
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.register = self._epoll.register

    def nap(self, seconds: float) -> None:
        """Wait on the epoll descriptor itself, so that no event is taken and lost."""
        fd = self._epoll.fileno()
        if fd < SELECT_LIMIT:
            select.select((fd,), (), (), seconds)
        else:  # poll(2) rounds up to a millisecond, but has no limit
            watcher = select.poll()
            watcher.register(fd, IN)
            watcher.poll(to_milliseconds(seconds))

    def close(self) -> None:
        """Close the epoll descriptor."""
        self._epoll.close()


class PollPoller:
    """poll(2): the whole list goes to the kernel at each call, so its cost grows with idle connections."""

    sees_hangup = True
    edge = 0

    def __init__(self) -> None:
        self._poll = select.poll()
        self.register = self._poll.register
        self.modify = self._poll.modify
        self.unregister = self._poll.unregister

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """Return what is ready, after at most so long; a fraction of a millisecond is rounded up, like epoll's."""
        return self._poll.poll(None if timeout < 0 else to_milliseconds(timeout))

    def nap(self, seconds: float) -> None:
        """Wait; poll(2) rounds up to a millisecond."""
        self.poll(seconds)

    def close(self) -> None:
        """Nothing to release: poll(2) keeps no descriptor."""


class SelectPoller:
    """select(2): readable and writable only."""

    sees_hangup = False
    edge = 0

    def __init__(self) -> None:
        self._masks: dict[int, int] = {}

    def register(self, fd: int, mask: int) -> None:
        """Watch a descriptor; one beyond 1023 is refused with the way out."""
        if fd >= SELECT_LIMIT:
            message = (
                f"select(2) cannot watch descriptor {fd}, its limit is {SELECT_LIMIT - 1}; "
                "use poller='epoll' or 'poll', or close some files"
            )
            raise UsageError(message)
        self._masks[fd] = mask

    def modify(self, fd: int, mask: int) -> None:
        """Change what is watched for."""
        self._masks[fd] = mask

    def unregister(self, fd: int) -> None:
        """Stop watching."""
        del self._masks[fd]

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """Look, or wait, and fold the two lists into one mask a descriptor."""
        readers = [fd for fd, mask in self._masks.items() if mask & IN]
        writers = [fd for fd, mask in self._masks.items() if mask & OUT]
        readable, writable, _ = select.select(readers, writers, (), None if timeout < 0 else timeout)
        events = dict.fromkeys(readable, IN)
        for fd in writable:
            events[fd] = events.get(fd, 0) | OUT
        return list(events.items())

    def nap(self, seconds: float) -> None:
        """Wait; select(2) takes microseconds."""
        self.poll(seconds)

    def close(self) -> None:
        """Nothing to release: select(2) keeps no descriptor."""


def check_poller(name: str, *, edge_triggered: bool) -> None:
    """Refuse what `make_poller` could not make, without making one.

    Raises:
        UsageTypeError: not a str, or a flag that is no bool.
        UsageError: an unknown name, a name that this platform lacks, or edge-triggering with anything but epoll.
    """
    checked_choice("poller", name, NAMES)
    checked_flag("edge_triggered", edge_triggered)
    if edge_triggered and name != "epoll":
        message = f"edge_triggered=True needs poller='epoll', not {name!r}: {name}(2) knows only levels"
        raise UsageError(message)
    if not hasattr(select, name):
        message = f"poller={name!r} does not exist on this platform; use poller='poll' or 'select'"
        raise UsageError(message)


def make_poller(name: str, *, edge_triggered: bool = False) -> Poller:
    """Return the poller of that name.

    Raises:
        UsageError: as `check_poller` does.
        OSError: the process has no descriptor left (EMFILE, epoll only).
    """
    check_poller(name, edge_triggered=edge_triggered)
    if name == "epoll":
        return EpollPoller(edge_triggered=edge_triggered)
    return PollPoller() if name == "poll" else SelectPoller()
