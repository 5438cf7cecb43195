"""What is random on a server: each choice from the seed, from what it is made for, and from how often it was made.

So a choice does not depend on what else is random, and a run with the same seed and the same order of requests repeats
it. Loop thread only, but for `tallies`, which reports read behind the barrier.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable


class Tally:
    """How often something was drawn for, and how often that was a hit."""

    __slots__ = ("draws", "hits", "what")

    def __init__(self, what: str) -> None:
        self.what = what  # as code
        self.draws = 0
        self.hits = 0


class Chance:
    """One server's choices."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.tallies: dict[Hashable, Tally] = {}

    def draw(self, fault: Any, key: Hashable) -> Any:
        """Return the fault that acts this time: the fault itself, unless it is left to chance; None: not this time.

        Args:
            fault: any fault.
            key: what it is drawn for, as numbers and words that are the same in a rerun.
        """
        drawn = getattr(fault, "drawn", None)
        if drawn is None:
            return fault
        tally = self.tallies.setdefault(key, Tally(repr(fault)))
        # From text, which is hashed in full: neighbouring numbers as seeds give related first numbers.
        source = random.Random(f"{self.seed} {key!r} {tally.draws}")  # noqa: S311 - not meant to be secret
        found = drawn(source)
        tally.draws += 1
        tally.hits += found is not None
        return found
