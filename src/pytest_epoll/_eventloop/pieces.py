"""What waits to be sent, piece by piece, and who counts what was."""

from __future__ import annotations

from typing import Final, Protocol, TypeAlias

IOV_MAX: Final = 512
"""Pieces of one sendmsg(2); the kernel takes up to 1024 (UIO_MAXIOV)."""


class Sink(Protocol):
    """Who keeps count of what was sent."""

    def note_sent(self, views: list[memoryview]) -> None:
        """The kernel has taken these bytes."""


Piece: TypeAlias = "tuple[memoryview, Sink]"


def tell_sinks(pieces: list[Piece], size: int) -> list[Piece]:
    """Tell each sink what the kernel took of its pieces, in one call if they are neighbours; return what it left."""
    taken: list[memoryview] = []
    for place, (view, sink) in enumerate(pieces):
        if len(view) > size:
            if size:
                taken.append(view[:size])
            if taken:
                sink.note_sent(taken)
            return [(view[size:], sink), *pieces[place + 1 :]]
        taken.append(view)
        size -= len(view)
        if place + 1 == len(pieces) or pieces[place + 1][1] is not sink:
            sink.note_sent(taken)
            taken = []
    return []
