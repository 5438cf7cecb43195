"""What a fault is to the rest of the house."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts


@runtime_checkable
class Fault(Protocol):
    """A frozen value that rewrites a stream of acts; its repr is code to paste."""

    def through(self, acts: Acts) -> Acts:
        """Return what the server does instead of `acts`."""
        ...
