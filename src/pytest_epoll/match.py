"""Patterns as values: what criteria can be made of beside plain values.

A criterion's value matches by `==` (so objects with an `==` of their own work, such as those of dirty-equals), by
`re.Pattern` (`search`; anchor it where the whole value counts), or by a predicate: a function of the value. On top of
that, `absent` says that a name is not there, and `exactly()` and `contains()` turn the default of a criterion around:
`query`, `headers`, `cookies` and `form` are contained by default, `json` and `body` are exact.

Patterns are values: they compare, they print as the code that makes them, and `explain(actual)` tells in lines what
is different.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pytest_epoll._core.showing import shortened, shown
from pytest_epoll._core.summary import MISSING, Difference

__all__ = ("absent", "contains", "exactly")

_WIDTH = 60
"""Characters of a value that a line of an explanation shows."""


class Absent:
    """The type of `absent`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "match.absent"


absent: Final = Absent()
"""That a name is not there: `headers={"Authorization": match.absent}`."""


@dataclass(frozen=True, slots=True, eq=False)
class Contained:
    """What `contains()` and `exactly()` return: a value that equals what matches it."""

    expected: object
    is_partial: bool

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Contained):
            return self.is_partial == other.is_partial and bool(self.expected == other.expected)
        return is_match(self, other)

    def __hash__(self) -> int:
        return hash(self.is_partial)

    def __repr__(self) -> str:
        return f"match.{'contains' if self.is_partial else 'exactly'}({self.expected!r})"

    def explain(self, actual: object) -> Iterator[str]:
        """Yield what is different, "- name: expected" and "+ name: actual" in turn; nothing if it matches.

        Args:
            actual: a value such as parsed JSON, or a `Request`, whose body is then meant.
        """
        yield from diff(self, _body_of(actual, self.expected))


def exactly(expected: object) -> Contained:
    """Return a pattern for exactly this: no other name beside those of a mapping.

    Args:
        expected: for `query`, `headers`, `cookies` and `form` a mapping or pairs; elsewhere any value.
    """
    return Contained(expected, is_partial=False)


def contains(expected: object) -> Contained:
    """Return a pattern for this and perhaps more.

    Args:
        expected: for JSON an object of which each name must be there (recursively; arrays are exact); for a body or a
            text a part of it; for `query`, `headers`, `cookies` and `form` a mapping or pairs.
    """
    return Contained(expected, is_partial=True)


def is_predicate(expected: object) -> bool:
    """Whether it is called to find out. A class is not: those of dirty-equals compare without being called."""
    return callable(expected) and not isinstance(expected, type)


def is_plain(expected: object) -> bool:
    """Whether matching it gives the same answer for the same value every time and calls no code of the test's."""
    if expected is None or expected is absent or isinstance(expected, re.Pattern):
        return True
    if isinstance(expected, Contained):
        return is_plain(expected.expected)
    kind = type(expected)
    if kind in (str, bytes, int, float, bool):
        return True
    if kind in (list, tuple, set, frozenset):
        return all(map(is_plain, expected))  # type: ignore[call-overload]  # one of the four kinds of collections
    return kind is dict and all(is_plain(part) for item in expected.items() for part in item)  # type: ignore[attr-defined]  # a dict


# -- one value --


def is_match(expected: object, actual: object, *, is_partial: bool = False) -> bool:
    """Whether a value of a body matches; mappings and arrays are compared item by item."""
    return next(_differences(expected, actual, "", is_partial=is_partial), None) is None


def differences(expected: object, actual: object) -> Iterator[Difference]:
    """Yield every place that is different; a name that is not there is `MISSING`."""
    for path, wanted, found in _differences(expected, actual, "", is_partial=False):
        yield Difference(path, MISSING if wanted is absent else wanted, MISSING if found is absent else found)


def diff(expected: object, actual: object) -> Iterator[str]:
    """Yield what is different as lines, "- name: expected" and "+ name: actual" in turn."""
    for path, wanted, found in _differences(expected, actual, "", is_partial=False):
        name = f"{path}: " if path else ""
        if wanted is not absent:
            yield f"- {name}{show(wanted)}"
        yield f"+ {name}{'(absent)' if found is absent else show(found)}"


def _differences(expected: Any, actual: object, path: str, *, is_partial: bool) -> Iterator[tuple[str, object, object]]:
    """Yield (where, what was expected, what was there), depth first."""
    if isinstance(expected, Contained):
        expected, is_partial = expected.expected, expected.is_partial
    if isinstance(expected, dict) and isinstance(actual, Mapping):
        yield from _object_differences(expected, actual, path, is_partial=is_partial)
    elif isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        if len(expected) != len(actual):
            yield path, expected, actual
            return
        for index, (wanted, found) in enumerate(zip(expected, actual, strict=True)):
            yield from _differences(wanted, found, f"{path}[{index}]", is_partial=is_partial)
    elif not _is_scalar_match(expected, actual, is_partial=is_partial):
        yield path, expected, actual


def _object_differences(
    expected: dict[Any, Any], actual: Mapping[Any, Any], path: str, *, is_partial: bool
) -> Iterator[tuple[str, object, object]]:
    for name, wanted in expected.items():
        where = f"{path}.{name}" if path else json.dumps(str(name), ensure_ascii=False)
        found = actual.get(name, absent)
        if wanted is absent or found is absent:
            if wanted is not found:
                yield where, wanted, found
        else:
            yield from _differences(wanted, found, where, is_partial=is_partial)
    if not is_partial:
        for name, found in actual.items():
            if name not in expected:
                yield (f"{path}.{name}" if path else json.dumps(str(name), ensure_ascii=False)), absent, found


def _is_scalar_match(expected: Any, actual: Any, *, is_partial: bool) -> bool:
    if isinstance(expected, re.Pattern):
        return isinstance(actual, type(expected.pattern)) and expected.search(actual) is not None
    if is_predicate(expected):
        return bool(expected(actual))
    if is_partial and isinstance(expected, (str, bytes)) and isinstance(actual, type(expected)):
        return expected in actual  # type: ignore[operator]  # both are of the same type
    if isinstance(expected, bool) is not isinstance(actual, bool) and type(expected) in (bool, int, float):
        return False  # Python says True == 1; to JSON they are different things
    return bool(expected == actual)


# -- texts of a name: header fields, queries, cookies, forms --


def text_test(expected: object) -> Callable[[list[str]], bool]:
    """Return what tells whether the values of one name match; an empty list is a name that is not there."""
    if expected is absent:
        return lambda values: not values
    if isinstance(expected, (list, tuple)):
        tests = [text_test(item) for item in expected]
        return lambda values: (
            len(values) == len(tests) and all(test([v]) for test, v in zip(tests, values, strict=True))
        )
    if isinstance(expected, str):
        return lambda values: expected in values
    return lambda values: any(_is_text_match(expected, value) for value in values)


def _is_text_match(expected: Any, actual: str) -> bool:
    if isinstance(expected, Contained):
        if expected.is_partial and isinstance(expected.expected, str):
            return expected.expected in actual
        return text_test(expected.expected)([actual])
    if isinstance(expected, bool):
        return actual.lower() == str(expected).lower()  # "true" of httpx, "True" of requests
    if isinstance(expected, (int, float)):
        return actual == str(expected)
    if isinstance(expected, bytes):
        return actual.encode("latin-1", "replace") == expected
    return _is_scalar_match(expected, actual, is_partial=False)


# -- how values are shown --


def show(value: object) -> str:
    """Return a value on one line, as JSON where it is JSON, shortened."""
    return shortened(shown(value), _WIDTH)


def _body_of(actual: Any, expected: object) -> object:
    """Return the body of a request in the form in which `expected` can be compared with it; any other value as is."""
    if not (hasattr(actual, "raw_head") and callable(getattr(actual, "json", None))):
        return actual
    if isinstance(expected, bytes):
        return actual.body
    return actual.text if isinstance(expected, str) else actual.json()
