"""A fault that comes and goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_epoll._core.checks import checked_number
from pytest_epoll._core.score import is_fault
from pytest_epoll.errors import UsageError, UsageTypeError
from pytest_epoll.faults._fault import Fault, FaultValue

if TYPE_CHECKING:
    import random

    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.response import Response
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True, repr=False)
class Sometimes(FaultValue):
    """Another fault, each time with a probability: what a flaky server does.

    When: it is drawn when the reply is about to be performed, from the server's seed, the route and the reply, and how
    often it was drawn for before. The same seed and the same order of requests give the same choices; the report of a
    failing test says the seed, and `--epoll-seed=` or `EpollServer(seed=)` sets it.

    On the wire: what the fault does if it was drawn, else the reply as it is.

    The kernel: as with the fault.

    The client: meets the fault in about that share of its requests. Of a few requests it may be none, or all.

    Exact: that the choices can be repeated, for one client that asks one thing after the other; with several at once
    the order of their requests decides. It is armed only when it was drawn, and that it has not fired is no finding.

    Raises:
        UsageError: a probability below 0 or above 1.
        UsageTypeError: something that is no fault or no number.
    """

    fault: Fault
    probability: float

    def __post_init__(self) -> None:
        if not is_fault(self.fault) or not isinstance(self.fault, Fault):
            message = f"Sometimes(fault=) takes a fault such as faults.Reset(), not {self.fault!r}"
            raise UsageTypeError(message)
        if not 0 <= checked_number("probability", self.probability) <= 1:
            message = f"probability={self.probability!r} is none; use a number from 0 (never) to 1 (always)"
            raise UsageError(message)

    @property
    def acts_on_reading(self) -> bool:
        """Whether the fault acts while the request is read."""
        return bool(getattr(self.fault, "acts_on_reading", False))

    @property
    def leaves_unread(self) -> bool:
        """Whether the fault wants something left in the kernel's buffers."""
        return bool(getattr(self.fault, "leaves_unread", False))

    def positions(self) -> tuple[Position, ...]:
        """Return the places of the fault in the reply."""
        positions: tuple[Position, ...] = getattr(self.fault, "positions", tuple)()
        return positions

    def check(self, response: Response) -> None:
        """Raise if the fault has nothing to act on in a response.

        Raises:
            UsageError: it has not.
        """
        check: Any = getattr(self.fault, "check", None)
        if check is not None:
            check(response)

    def drawn(self, source: random.Random) -> Fault | None:
        """Return the fault that acts this time, or None; one number is drawn, whatever comes of it."""
        if source.random() >= self.probability:
            return None
        draw: Any = getattr(self.fault, "drawn", None)
        return self.fault if draw is None else draw(source)

    def through(self, acts: Acts) -> Acts:
        """Apply the fault, as if it had been drawn."""
        return self.fault.through(acts)

    def explain(self, response: Response) -> list[str]:
        """Return what the fault would do, and how probable that is.

        Raises:
            UsageTypeError: something that is no `Response`, or a fault of the test's own that has no dry run.
            UsageError: the response can't have what the fault acts on.
        """
        explain: Any = getattr(self.fault, "explain", None)
        if explain is None:
            message = f"{self.fault!r} has no explain(response) that could be asked"
            raise UsageTypeError(message)
        return [f"with a probability of {self.probability:g}", *explain(response)]
