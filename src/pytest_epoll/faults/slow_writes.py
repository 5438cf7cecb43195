"""Write the reply slowly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, Send, Sleep
from pytest_epoll._core.pace import pace_of
from pytest_epoll._core.showing import count
from pytest_epoll.faults._cut import Here, mark
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._pieces import as_one, joined
from pytest_epoll.faults._positions import checked_position
from pytest_epoll.faults._rate import check_rate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True, repr=False)
class SlowWrites(FaultValue):
    """The reply at so many bytes a second, from `after` on, in pieces of `size` bytes.

    When: from that place on; the first piece goes out at once, each further one after a pause. It fires with the first
    pause; a rest that is no larger than one piece has none, and then it does not fire, which is a finding.

    On the wire: the same bytes as without it, one `send` a piece.

    The kernel: nothing special; TCP_NODELAY makes each piece leave at once.

    The client: a timeout for the whole call fires, one for each read does not, as long as a piece comes in time.

    Exact: the bytes, and that it is no faster than this; pauses are a lower bound, with a grain of a millisecond.

    Raises:
        UsageError: a rate or a size that is no positive number, or a position that can't be.
        UsageTypeError: something that is no number or no position.
    """

    bytes_per_second: float
    size: int | None = None
    after: Position = 0

    def __post_init__(self) -> None:
        check_rate(self.bytes_per_second, self.size, instead="faults.Stall()")
        checked_position("after", self.after)

    def positions(self) -> tuple[Position, ...]:
        """Return the places in the reply."""
        return (self.after,)

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        size = count(pace_of(self.bytes_per_second, self.size).size, "byte")
        behind = "" if self.after == 0 else f" behind {self.after!r}"
        return f"no reply had more than a first piece of {size}{behind}; a smaller size= has more pieces"

    def through(self, acts: Acts) -> Acts:
        """Cut what lies behind the place into pieces, and pause between them."""
        size, pause_ns = pace_of(self.bytes_per_second, self.size)
        pause = Sleep(pause_ns)
        is_behind = has_fired = False
        left = size  # of the piece that is being sent
        for act in joined(mark(as_one(acts), iter((self.after,)))):
            if isinstance(act, Here):
                is_behind = True
                continue
            if not (is_behind and isinstance(act, Send)) or act.image.is_interim:
                yield act
                continue
            for piece in _pieces(act.image, left, size):
                if not left:
                    yield from (pause,) if has_fired else (Fired(self), pause)
                    has_fired = True
                    left = size
                left -= piece.size
                yield Send(piece)


def _pieces(image: Image, first: int, size: int) -> Iterator[Image]:
    """Yield an image in pieces of `size` bytes, the first one of what is left of one that was begun before."""
    start = 0
    end = first or size
    while start < image.size:
        yield image.slice(start, end)
        start, end = end, end + size
