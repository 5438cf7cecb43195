"""One `send` a piece, also where a piece of a reply lies in several of its images.

A streamed reply has its head and then an image a chunk, each of which is a `Send` of its own. A piece that begins in
one and ends in another would be two segments, and what the client's `recv()` returns a matter of luck:

    images        |---- head ----|-- chunk --|-- chunk --|-- last --|
    pieces        |-------- 30 --------|-------- 30 --------|-- 9 --|

So as far as a reply is known beforehand (`Image.rest`), its images become slices of one, with all their landmarks, and
slices that follow each other are joined again once they have been cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, Note, Send
from pytest_epoll._core.image import Image, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll.faults._cut import Here


def as_one(acts: Acts) -> Acts:
    """Yield the acts with the images of a reply that is known beforehand as slices of a single one."""
    one: Image | None = None
    passed = 0  # bytes of it
    for act in acts:
        if not isinstance(act, Send) or act.image.is_interim:
            yield act
            continue
        image = act.image
        if image.head and image.offset == 0:
            one, passed = (_merged(image.whole, image.whole.rest) if image.whole.rest else None), 0
        if one is not None:
            piece = one.slice(passed, passed + image.size)
            passed += image.size
            if b"".join(piece.segments()) == b"".join(image.segments()):
                yield Send(piece)
                continue
            one = None  # a fault to the left has ended the reply before, and this is something else
        yield act


def joined(acts: Iterable[Act | Here]) -> Iterator[Act | Here]:
    """Yield the acts with slices of one image that follow each other as one; what is only noted does not part them."""
    held: Image | None = None  # a slice, of whose whole more may follow at once
    stop = 0  # in the whole: where what has been joined to it ends
    notes: list[Act] = []
    for act in acts:
        image = act.image if isinstance(act, Send) else None
        if held is not None:
            if isinstance(act, (Note, Fired)):
                notes.append(act)
                continue
            if image is not None and image.whole is held.whole and image.offset == stop:
                yield from notes
                notes, stop = [], stop + image.size
                continue
            yield Send(held.whole.slice(held.offset, stop))
            yield from notes
            held, notes = None, []
        if image is not None and image.offset + image.size < image.whole.size:
            held, stop = image, image.offset + image.size
        else:
            yield act
    if held is not None:
        yield Send(held.whole.slice(held.offset, stop))
    yield from notes


def _merged(first: Image, rest: tuple[Image, ...]) -> Image:
    parts = list(first.parts)
    events = list(first.events)
    size = first.size
    for image in rest:
        parts += [Part(part.kind, *(offset + size for offset in part[1:])) for part in image.parts]
        events += [offset + size for offset in image.events]
        size += image.size
    body = b"".join((first.body, *(image.joined() for image in rest)))
    return Image(first.head, body, parts=tuple(parts), events=tuple(events))
