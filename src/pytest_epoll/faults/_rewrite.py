"""Changing the bytes of a reply: what every fault shares that sends others than it was given.

Faults to the left may have cut the images, and faults to the right count on what this one makes. So an edit is looked
for in the whole of an image, a new whole is made of it with its own landmarks, and each slice of the old one becomes
that slice of the new one:

    old whole    HTTP/1.1 200 OK.. Content-Length: 5.. .. hello
    slices       |------------------------------|-------------|
    new whole    HTTP/1.1 200 OK.. Content-Length: 105.. .. hello
    slices       |--------------------------------|-------------|

What follows the first image, as far as it is known (`Image.rest`), is rewritten with it, because places may be counted
from there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pytest_epoll._core.acts import Fired, Send
from pytest_epoll._core.image import Image, Part

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts


class Edit(NamedTuple):
    """Bytes in the place of those from `start` up to `stop`; both lie in the head, or both behind it."""

    start: int
    stop: int
    data: bytes


Editor: TypeAlias = Callable[[Image], tuple[Edit, ...]]
"""Is shown each whole image of a reply once, in their order, and says what changes in it, in ascending order."""


def rewrite(acts: Acts, fault: object, make_editor: Callable[[], Editor], behind: tuple[Image, ...] = ()) -> Acts:
    """Yield the acts with the images of the reply edited; interim responses are left alone.

    The fault fires before the first byte that is not what it was; an edit that changes nothing is none.

    Args:
        acts: what is rewritten.
        fault: who does it.
        make_editor: returns an editor for one reply.
        behind: what the fault itself will send behind a reply whose images are all known.
    """
    rewriting = _Rewriting(make_editor, behind)
    has_fired = False
    for act in acts:
        if not isinstance(act, Send) or act.image.is_interim:
            yield act
            continue
        rewriting.enter(act.image.whole)
        if not has_fired and rewriting.changes(act.image):
            has_fired = True
            yield Fired(fault)
        image = rewriting.made_of(act.image)
        if image is act.image:
            yield act
        elif image.size:
            yield Send(image)


class _Rewriting:
    """The whole that passes by, and what has become of it."""

    def __init__(self, make_editor: Callable[[], Editor], behind: tuple[Image, ...]) -> None:
        self._make_editor = make_editor
        self._behind = behind
        self._editor = make_editor()
        self._old: Image | None = None
        self._new: Image
        self._edits: tuple[Edit, ...] = ()

    def enter(self, whole: Image) -> None:
        if whole is self._old:
            return
        self._old = whole
        self._edits = _real(self._editor(whole), whole)
        rest = whole.rest
        if whole.head and rest is not None:
            rest = self._rest_of(whole, rest)
        self._new = whole if not self._edits and rest is whole.rest else edited(whole, self._edits, rest)

    def _rest_of(self, whole: Image, rest: tuple[Image, ...]) -> tuple[Image, ...]:
        """Return what follows a first image as it will be."""
        editor = self._make_editor()
        editor(whole)
        edits = [_real(editor(image), image) for image in rest]
        if not any(edits) and not self._behind:
            return rest
        images = [edited(image, changes) if changes else image for image, changes in zip(rest, edits, strict=True)]
        return (*(image for image in images if image.size), *self._behind)

    def changes(self, image: Image) -> bool:
        start, stop = image.offset, image.offset + image.size
        return any(
            edit.start < stop and start < edit.stop if edit.start < edit.stop else start <= edit.start < stop
            for edit in self._edits
        )

    def made_of(self, image: Image) -> Image:
        new = self._new
        if new is image.whole:
            return image
        start = _moved(image.offset, self._edits)
        stop = _moved(image.offset + image.size, self._edits)
        return new if stop - start == new.size else new.slice(start, stop)


def edited(whole: Image, edits: tuple[Edit, ...], rest: tuple[Image, ...] | None = ()) -> Image:
    """Return a whole image with changed bytes, and with its parts where they are now."""
    split = whole.head_size
    in_head = [edit for edit in edits if edit.start < split]
    in_body = [edit for edit in edits if edit.start >= split]
    places = [(part.kind, [_moved(offset, edits) for offset in part[1:]]) for part in whole.parts]
    parts = [Part(kind, *offsets) for kind, offsets in places]
    return Image(
        _patched(whole.head, in_head, 0) if in_head else whole.head,
        _patched(whole.body, in_body, split) if in_body else whole.body,
        events=tuple(_moved(offset, edits) for offset in whole.events),
        parts=tuple(part for part in parts if part.start < part.stop),
        rest=rest,
    )


def _real(edits: tuple[Edit, ...], whole: Image) -> tuple[Edit, ...]:
    return tuple(edit for edit in edits if b"".join(whole.segments(edit.start, edit.stop)) != edit.data)


def _patched(data: bytes, edits: list[Edit], offset: int) -> bytes:
    pieces = []
    at = 0
    for edit in edits:
        pieces += [data[at : edit.start - offset], edit.data]
        at = edit.stop - offset
    return b"".join((*pieces, data[at:]))


def _moved(offset: int, edits: tuple[Edit, ...]) -> int:
    """Return where a place is now; what is inserted at it lies behind it."""
    shift = 0
    for edit in edits:
        if offset <= edit.start:
            break
        if offset < edit.stop:
            return edit.start + shift + min(offset - edit.start, len(edit.data))
        shift += len(edit.data) - (edit.stop - edit.start)
    return offset + shift
