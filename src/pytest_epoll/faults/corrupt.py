"""Flip bytes of the reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.checks import checked_bytes, checked_whole
from pytest_epoll.errors import UsageError, UsageTypeError
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._finder import Finder
from pytest_epoll.faults._positions import Place, checked_position, needs_length
from pytest_epoll.faults._rewrite import Edit, rewrite

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll.faults._positions import Position
    from pytest_epoll.faults._rewrite import Editor

_BYTE = 255


@dataclass(frozen=True, slots=True, repr=False)
class Corrupt(FaultValue):
    """The byte at `at` flipped: it is sent XORed with `xor`; with several bytes in `xor`, as many bytes from there on.

    When: a position is *after what*, and the byte is the next one: 137 is the byte with index 137, "head" the first one
    of the body, `faults.before("end", 1)` the very last. `faults.content(n)` is the byte with index n of the decoded
    body. It fires before the first byte that differs; a reply that ends before it does not fire, which is a finding.
    Behind "end" there is no byte, and interim responses are left alone: both are a `UsageError`.

    On the wire: a reply of the same length, with other bytes in that place; positions of the faults to the right are
    where they would have been. TCP's checksum is computed over what is sent, so nothing but the client can notice.

    The kernel: nothing special.

    The client: in content, nothing, unless it compares a checksum, decompresses or parses it; in framing or head, a
    parse error, a wrong length, another header.

    Exact: every byte.

    Raises:
        UsageError: a position that can't be or at which there is no byte, or an `xor` that flips nothing.
        UsageTypeError: something that is no position; an `xor` that is neither a number nor bytes.
    """

    at: Position
    xor: int | bytes = _BYTE

    def __post_init__(self) -> None:
        if checked_position("at", self.at) == "end":
            message = "at='end': there is no byte behind the end; the last one is faults.before('end', 1)"
            raise UsageError(message)
        if isinstance(self.at, Place) and self.at.kind == "interim":
            message = f"at={self.at!r}: interim responses are left alone; the reply begins at 0"
            raise UsageError(message)
        if isinstance(self.xor, int):
            checked_whole("xor", self.xor, least=1, most=_BYTE)
            return
        if not isinstance(self.xor, (bytes, bytearray, memoryview)):
            message = f"xor={self.xor!r} is no mask; use a number from 1 to 255, or bytes"
            raise UsageTypeError(message)
        object.__setattr__(self, "xor", checked_bytes("xor", self.xor))
        if not any(self.xor):
            message = f"xor={self.xor!r} flips nothing; use a number from 1 to 255, or bytes that are not all 0"
            raise UsageError(message)

    def positions(self) -> tuple[Position, ...]:
        """Return the places in the reply."""
        return (self.at,)

    def through(self, acts: Acts) -> Acts:
        """Flip the bytes."""
        return rewrite(acts, self, self._make_editor)

    def _make_editor(self) -> Editor:
        finder = _ByteFinder(self.at)
        left = bytes((self.xor,)) if isinstance(self.xor, int) else self.xor

        def edit(whole: Image) -> tuple[Edit, ...]:
            nonlocal left
            start = finder.find(whole)
            if start is None or not left:
                return ()
            old = b"".join(whole.segments(start, start + len(left)))
            mask, left = left, left[len(old) :]
            flips = enumerate(zip(old, mask, strict=False), start)
            return tuple(Edit(at, at + 1, bytes((byte ^ flip,))) for at, (byte, flip) in flips)

        return edit


class _ByteFinder:
    """Finds the byte behind a position: in the image in which that lies, or at the beginning of the next one."""

    def __init__(self, position: Position) -> None:
        self._position = position
        self._finder = Finder()
        self._is_found = False
        is_content = isinstance(position, Place) and position.kind == "content"
        self._content = int(str(position.value)) if isinstance(position, Place) and is_content else None

    def find(self, whole: Image) -> int | None:
        """Return where in this whole the byte is, 0 behind the whole in which it was; None if it is not reached."""
        if self._is_found:
            return 0
        offset = self._find(whole) if self._content is None else self._find_content(whole)
        self._is_found = offset is not None and 0 <= offset <= whole.size
        return offset if self._is_found else None

    def _find(self, whole: Image) -> int | None:
        self._finder.enter(whole)
        offset = self._finder.find(self._position, whole)
        if offset is not None and needs_length(self._position):
            # Found from the first image, counted from its beginning; it may be met in a later one.
            self._position = self._finder.sent + offset
        return offset

    def _find_content(self, whole: Image) -> int | None:
        """Return where a byte of the content is: framing may lie between it and the byte before."""
        assert self._content is not None
        for part in whole.parts:
            size = part.end - part.begin
            if self._content < size:
                return part.begin + self._content
            self._content -= size
        return None
