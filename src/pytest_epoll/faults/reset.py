"""Break the connection off with RST after exactly so many bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, SendRst, WaitDelivered
from pytest_epoll._core.checks import checked_flag
from pytest_epoll.faults._at_one_place import AtOnePlace, at_its_place, check_places

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True, repr=False)
class Reset(AtOnePlace):
    """RST after exactly `after` bytes of the reply, once the client's kernel has them.

    When: at that place: of the reply a position such as 137 (0: before the first byte), "head" or `faults.body(10)`; of
    the request likewise (`after_reading`). If the reply or the request is shorter, the fault does not fire, which is a
    finding.

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
    `exact=False` accepts it; so it is on a Unix domain socket, where there is no RST and the connection is closed. Not
    exact: with `discard=True`, how many of the bytes arrive.

    Raises:
        UsageError: a position that can't be, or both places.
        UsageTypeError: something that is no position.
    """

    after: Position = 0
    after_reading: Position | None = None
    discard: bool = False
    exact: bool = True

    def __post_init__(self) -> None:
        check_places("Reset", self.after, self.after_reading)
        checked_flag("discard", self.discard)
        checked_flag("exact", self.exact)

    def through(self, acts: Acts) -> Acts:
        """Cut the reply or the reading, and reset."""
        then: tuple[Act, ...] = (Fired(self), SendRst(exact=self.exact))
        if not self.discard:
            then = (Fired(self), WaitDelivered(exact=self.exact), SendRst(exact=self.exact))
        return at_its_place(self, acts, then)
