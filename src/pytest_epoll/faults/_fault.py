"""What a fault is to the rest of the house, and what all of ours have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pytest_epoll._core.score import is_fault
from pytest_epoll.faults._explain import dry_run
from pytest_epoll.faults._positions import refuse_impossible
from pytest_epoll.faults._show import code_of

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.response import Response
    from pytest_epoll.faults._positions import Position


@runtime_checkable
class Fault(Protocol):
    """A frozen value that rewrites a stream of acts; its repr is code to paste."""

    def through(self, acts: Acts) -> Acts:
        """Return what the server does instead of `acts`."""
        ...


NEVER_REACHED = "its position was never reached"


class FaultValue(Fault, Protocol):
    """How our faults print and explain themselves, and what they say of a response that they can't act on."""

    __slots__ = ()

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        return NEVER_REACHED

    def __repr__(self) -> str:
        return code_of(self)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:  # noqa: FBT001 - what IPython and Hypothesis call
        printer.text(repr(self))  # they would show a dataclass by its fields, and a value by the call that made it

    def positions(self) -> tuple[Position, ...]:
        """Return the places in the reply."""
        return ()

    def check_places(self, response: Response) -> None:
        """Raise if a response is of a kind in which a place can't be found.

        Raises:
            UsageError: it is.
        """
        lengthless = None
        if response.score is not None and response.score.items is None:
            lengthless = "a live stream"
        elif response.score is not None and any(map(is_fault, response.score.items or ())):
            lengthless = "a stream with faults in it"
        refuse_impossible(self.positions(), self, lengthless=lengthless, is_raw=response.raw is not None)

    def check(self, response: Response) -> None:
        """Raise if it is plain from a response that it has nothing to act on.

        Raises:
            UsageError: it has not.
        """
        self.check_places(response)

    def explain(self, response: Response) -> list[str]:
        """Return what would go on the wire, line by line: a dry run, of an answer to a plain GET.

        Raises:
            UsageTypeError: something that is no `Response`.
            UsageError: it can't have what the fault acts on.
        """
        return dry_run(self, response)
