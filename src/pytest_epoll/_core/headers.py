"""Names with values, as received: header fields, queries, forms.

A mapping of the first value of each name, and beside it everything that was sent: order, case and repetition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

Text: TypeAlias = "str | bytes"
Items: TypeAlias = "Mapping[str, str] | Sequence[tuple[Text, Text]]"


class Values(Mapping[str, str]):
    """Names and values of a query or a form; names are case-sensitive.

    It is a read-only mapping in which the first value of a repeated name wins; `get_list` has all values of a name and
    `multi_items` all pairs as they were sent. It equals a list or tuple of the same pairs in the same order, and a
    mapping if no name is repeated.

    Args:
        items: a mapping, or pairs of `str` or `bytes` (taken as Latin-1).
    """

    __slots__ = ("_first", "_pairs")

    def __init__(self, items: Items = ()) -> None:
        pairs: Iterable[tuple[Text, Text]] = list(items.items()) if isinstance(items, Mapping) else items
        self._pairs: tuple[tuple[str, str], ...] = tuple((_text(name), _text(value)) for name, value in pairs)
        self._first: dict[str, tuple[str, str]] = {}
        for name, value in self._pairs:
            self._first.setdefault(self._key(name), (name, value))

    @staticmethod
    def _key(name: str) -> str:
        """Return what makes two names the same."""
        return name

    def __getitem__(self, name: str) -> str:
        return self._first[self._key(name)][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._first.values())

    def __len__(self) -> int:
        return len(self._first)

    def get_list(self, name: str) -> list[str]:
        """Return all values of a name, in the order in which they were sent; empty if it was not."""
        key = self._key(name)
        return [value for other, value in self._pairs if self._key(other) == key]

    def multi_items(self) -> list[tuple[str, str]]:
        """Return all pairs as they were sent."""
        return list(self._pairs)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Values):
            return type(self) is type(other) and self._pairs == other._pairs
        if isinstance(other, Mapping):
            if len(self._first) != len(self._pairs):
                return False
            return {key: value for key, (_, value) in self._first.items()} == {
                self._key(name) if isinstance(name, str) else name: value for name, value in other.items()
            }
        if isinstance(other, (list, tuple)):
            return list(self._pairs) == list(other)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it equals lists and dicts, which have none

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self._pairs)!r})"


class Headers(Values):
    """Header or trailer fields as received; names are case-insensitive (RFC 9110 section 5.1).

    See `Values` for what it can do; `raw` has the pairs as bytes.
    """

    __slots__ = ()

    @staticmethod
    def _key(name: str) -> str:
        return name.lower()

    @property
    def raw(self) -> tuple[tuple[bytes, bytes], ...]:
        """All pairs as bytes, as they were sent (white space around values is no part of them)."""
        return tuple((_bytes(name), _bytes(value)) for name, value in self._pairs)


def _text(value: Text) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(value: str) -> bytes:
    return value.encode("latin-1", "replace")
