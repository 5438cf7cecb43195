"""Break the connection off with RST after exactly so many bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, SendRst, WaitDelivered
from pytest_epoll._core.checks import checked_flag
from pytest_epoll.faults._cut import Here, mark
from pytest_epoll.faults._positions import checked_position

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True)
class Reset:
    """RST after exactly `after` bytes of the reply, once the client's kernel has them.

    When: after `after` bytes of the reply: a number (0: before the first byte), "head" (right after the blank line) or
    "end" (after the last byte). If the reply is shorter, the fault does not fire, which is a finding.

    On the wire: the first `after` bytes, then a segment with the RST flag; nothing else of the reply.

    The kernel: an RST throws away what is unsent and what the client's kernel has not got yet, so it is sent only when
    nothing is unsent and the client's kernel has counted every byte (tcp(7), `tcpi_bytes_received` of the client's
    socket); acknowledgements are not waited for. It is sent by `connect(AF_UNSPEC)`, which acts at once even while a
    forked child holds the descriptor. With `discard=True` it goes out right after the bytes were handed to the kernel,
    whatever of them is lost.

    The client: reads the `after` bytes, then gets ECONNRESET ("Connection reset by peer") from its next call; one that
    is just sending gets it there, or EPIPE.

    Exact: the number of bytes that the client's kernel has, also on a reused connection and to a reader that pauses.
    Where the client's side can't be seen (another network namespace, no sock_diag) that is a finding "inexact", unless
    `exact=False` accepts it. Not exact: with `discard=True`, how many of the bytes arrive.

    Raises:
        UsageError: a negative or unknown position.
        UsageTypeError: a position that is neither a number nor a name, a flag that is no bool.
    """

    after: Position = 0
    discard: bool = False
    exact: bool = True

    def __post_init__(self) -> None:
        checked_position("after", self.after)
        checked_flag("discard", self.discard)
        checked_flag("exact", self.exact)

    @property
    def needs_reply(self) -> bool:
        """Whether there must be a reply to act on: not if it is reset before its first byte."""
        return self.after != 0

    def __repr__(self) -> str:
        options = "".join(
            f", {name}={value}"
            for name, value, default in (("discard", self.discard, False), ("exact", self.exact, True))
            if value != default
        )
        return f"faults.Reset(after={self.after!r}{options})"

    def through(self, acts: Acts) -> Acts:
        """Cut the reply and reset."""
        for act in mark(acts, iter((self.after,))):
            if not isinstance(act, Here):
                yield act
                continue
            yield Fired(self)
            if not self.discard:
                yield WaitDelivered(exact=self.exact)
            yield SendRst()
            return
