"""Go silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core import acts as _acts
from pytest_epoll._core.acts import Fired
from pytest_epoll.faults._at_one_place import AtOnePlace, at_its_place, check_places

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True, repr=False)
class Stall(AtOnePlace):
    """Stay open and do nothing more, after `after` bytes of the reply or once the request was read to `after_reading`.

    When: at that place: of the reply a position such as 137, "head" or `faults.body(10)`; of the request likewise. If
    the reply or the request is shorter, the fault does not fire, which is a finding.

    On the wire: the bytes before the place, then nothing. When the client closes, a FIN of ours answers it.

    The kernel: what the client goes on sending fills our receive buffer, then its send buffer, then its `send` blocks.
    Its FIN and RST are noticed without reading (EPOLLRDHUP, epoll(7)); select(2) sees neither, and a FIN behind a
    closed window can't come. Of both the timeline says that they could not be seen.

    The client: waits until its own timeout, "read timed out", or for ever.

    Exact: the number of bytes, always. A stalled connection costs no wake-ups, and `server.stop()` ends it at once.

    Raises:
        UsageError: a position that can't be, or both places.
        UsageTypeError: something that is no position.
    """

    after: Position = 0
    after_reading: Position | None = None

    def __post_init__(self) -> None:
        check_places("Stall", self.after, self.after_reading)

    def through(self, acts: Acts) -> Acts:
        """Cut the reply or the reading, and stall."""
        then = (Fired(self), _acts.Stall())
        return at_its_place(self, acts, then)
