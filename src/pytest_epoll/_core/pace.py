"""So many bytes a second: pieces of a size, and a pause for each."""

from __future__ import annotations

from typing import Final, NamedTuple

_PIECES_A_SECOND: Final = 20
"""Without a size: a piece every 50 ms looks continuous to whoever is at the other end and costs next to nothing."""


class Pace(NamedTuple):
    """A piece, and the pause that makes a rate of it."""

    size: int  # bytes
    pause_ns: int

    def pause_after(self, taken: int) -> int:
        """Return the pause, in nanoseconds, behind so many bytes: a part of a piece costs a part of it."""
        return self.pause_ns * taken // self.size


def pace_of(bytes_per_second: float, size: int | None) -> Pace:
    """Return the pace of a rate, in pieces of the size that was given or of one that suits it."""
    piece = size or max(1, round(bytes_per_second / _PIECES_A_SECOND))
    return Pace(piece, round(piece / bytes_per_second * 1e9))
