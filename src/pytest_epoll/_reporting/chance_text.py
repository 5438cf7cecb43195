"""What was left to chance, in words: the choices, and how to have them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tally(Protocol):
    """How often something was drawn for, and how often that was a hit."""

    what: str
    draws: int
    hits: int


def describe(tallies: Iterable[Tally], seed: int, *, is_default: bool) -> list[str]:
    """Return a line for each fault that was left to chance.

    Args:
        tallies: what was drawn.
        seed: what it started from.
        is_default: whether the seed is the one of the command line, so that this is where to repeat it.
    """
    how = f"rerun with --epoll-seed={seed}" if is_default else f"made with EpollServer(seed={seed})"
    return [f"chance: {one.what}: seed {seed}, {how} (drawn {one.hits} of {one.draws} times)" for one in tallies]
