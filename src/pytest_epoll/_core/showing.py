"""Values as texts for people: on one line, and nothing in them that a terminal would obey."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping


def printable(text: str) -> str:
    """Return a text in which everything that does not print (control characters, lone surrogates) is escaped."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "backslashreplace").decode("ascii")
        for letter in text
    )


def shown(value: object) -> str:
    """Return a value on one line: as JSON where it is JSON, a function by its name, else its repr."""
    if isinstance(value, re.Pattern):
        return printable(f"re {value.pattern!r}")
    if callable(value) and not isinstance(value, type):
        return _name(value)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return printable(text)


def _name(function: object) -> str:
    return printable(getattr(function, "__qualname__", repr(function)).rpartition("<locals>.")[2])


def as_code(value: object) -> str:
    """Return a value as Python to paste, with the quotes that JSON has, too."""
    if isinstance(value, str):
        return printable(json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_code(name)}: {as_code(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_code, value)) + "]"
    if callable(value) and not isinstance(value, type):
        return _name(value)
    return repr(value)


def count(number: int, noun: str, plural: str = "") -> str:
    """Return "1 request", "2 requests"."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def shortened(text: str, width: int) -> str:
    """Return a text of at most that many characters."""
    return text if len(text) <= width else f"{text[: width - 3]}..."
