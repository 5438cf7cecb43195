"""Two values that should have been the same, shown so that the eye falls on where they are not."""

from __future__ import annotations

from difflib import SequenceMatcher

from pytest_epoll._core.showing import count, printable, shortened

WIDTH = 88
"""Characters of a value that a line shows: with what stands before it, a line of a report stays within 120."""

_LINES_SHOWN = 12
"""Lines of a body's diff: what is longer is no near miss."""

_BEFORE = 160
_BEHIND = 640
"""Bytes of a text before and behind the first difference that its diff looks at: a megabyte differs in one place."""

_ROW = 16
"""Bytes of a row of a hex dump."""


def first_difference(one: bytes, other: bytes) -> int:
    """Return the index of the first byte that differs; the length of the shorter one if that begins the other."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while low < high:  # one[:low] is the same; slices are compared by memcmp(3), a loop in Python takes a second a MB
        middle = (low + high) // 2
        if one[low : middle + 1] == other[low : middle + 1]:
            low = middle + 1
        else:
            high = middle
    return low


def pair(wanted: str, found: str, width: int = WIDTH) -> tuple[str, str, int]:
    """Return two texts on a line each, shortened around the first place where they differ, and its column."""
    at = next((index for index, (a, b) in enumerate(zip(wanted, found, strict=False)) if a != b), None)
    if at is None:
        at = min(len(wanted), len(found))
    beyond = max(len(wanted), len(found)) - width
    start = min(max(0, at - width // 3), beyond + len("...")) if beyond > 0 else 0
    lead = "..." if start else ""
    one, other = (shortened(lead + text[start:], width) for text in (wanted, found))
    return one, other, at - start + len(lead)


def lines_of_pair(wanted: str, found: str, *, prefixes: tuple[str, str] = ("- ", "+ ")) -> list[str]:
    """Return two texts below each other, and a caret below the first difference where it is not plain to see."""
    one, other, column = pair(printable(wanted), printable(found))
    lines = [prefixes[0] + one, prefixes[1] + other]
    if column and max(len(one), len(other)) > _ROW:
        lines.append(" " * (len(prefixes[1]) + column) + "^")
    return lines


def bodies(wanted: bytes, found: bytes) -> list[str]:
    """Return how two bodies differ, first in a sentence: texts line by line, others as hex, around the first place."""
    at = first_difference(wanted, found)
    sizes = f"{count(len(wanted), 'byte')} expected, {len(found)} received"
    begin, end = max(0, at - _BEFORE), at + _BEHIND
    texts = as_text(wanted[begin:end]), as_text(found[begin:end])
    is_text = texts[0] is not None and texts[1] is not None
    diff = _text_diff(texts[0] or "", texts[1] or "") if is_text else _hex_diff(wanted, found, at)
    return [f"{sizes}; they differ from byte {at} on", *diff]


def as_text(data: bytes) -> str | None:
    """Return bytes as a text, if they are one that people read; the window may have cut a character at its ends."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if 3 <= error.start < len(data) - 3:  # noqa: PLR2004 - a character has four bytes at the most
            return None
        text = data.decode("utf-8", "replace").strip("\N{REPLACEMENT CHARACTER}")
        if not text and data:
            return None
    is_readable = all(letter.isprintable() or letter in "\r\n\t" for letter in text)
    return text if is_readable else None


def _text_diff(wanted: str, found: str) -> list[str]:
    one, other = wanted.splitlines(keepends=True), found.splitlines(keepends=True)
    if len(one) <= 1 and len(other) <= 1:
        return lines_of_pair(wanted, found)
    lines: list[str] = []
    for kind, begin, end, other_begin, other_end in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += [f"  {_line(text)}" for text in one[max(begin, end - 2) : end]] if not lines else []
            lines += [f"  {_line(text)}" for text in one[begin : begin + 1]] if lines and begin else []
        elif kind == "replace" and end - begin == other_end - other_begin:
            for a, b in zip(one[begin:end], other[other_begin:other_end], strict=True):
                lines += lines_of_pair(_ended(a, b), _ended(b, a))
        else:
            lines += [f"- {_line(text)}" for text in one[begin:end]]
            lines += [f"+ {_line(text)}" for text in other[other_begin:other_end]]
    return _at_most(lines)


def _line(text: str) -> str:
    return shortened(printable(text.rstrip("\r\n")), WIDTH)


def _ended(text: str, other: str) -> str:
    """Return a line without its end, unless the end is what differs."""
    bare = text.rstrip("\r\n")
    return text if bare == other.rstrip("\r\n") else bare


def _hex_diff(wanted: bytes, found: bytes, at: int) -> list[str]:
    row = at - at % _ROW
    lines = [f"  {_hex_row(wanted, row - _ROW)}"] if row else []
    for sign, data in (("-", wanted), ("+", found)):
        rows = [_hex_row(data, start) for start in (row, row + _ROW) if start < len(data)]
        lines += [f"{sign} {text}" for text in rows or [f"{row:08x}  (ends here)"]]
    return lines


def _hex_row(data: bytes, start: int) -> str:
    part = data[start : start + _ROW]
    letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)  # noqa: PLR2004 - printable ASCII
    return f"{start:08x}  {part[:8].hex(' '):<23}  {part[8:].hex(' '):<23}  |{letters}|"


def _at_most(lines: list[str]) -> list[str]:
    if len(lines) <= _LINES_SHOWN:
        return lines
    return [*lines[:_LINES_SHOWN], "..."]
