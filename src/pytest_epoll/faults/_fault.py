"""What a fault is to the rest of the house, and what all of ours have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from pytest_epoll.faults._explain import dry_run
from pytest_epoll.faults._show import code_of

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.response import Response


@runtime_checkable
class Fault(Protocol):
    """A frozen value that rewrites a stream of acts; its repr is code to paste."""

    def through(self, acts: Acts) -> Acts:
        """Return what the server does instead of `acts`."""
        ...


class FaultValue(Fault, Protocol):
    """How our faults print and explain themselves."""

    __slots__ = ()

    def __repr__(self) -> str:
        return code_of(self)

    def explain(self, response: Response) -> list[str]:
        """Return what would go on the wire, line by line: a dry run, of an answer to a plain GET.

        Raises:
            UsageTypeError: something that is no `Response`.
            UsageError: a position that it can't have.
        """
        return dry_run(self, response)
