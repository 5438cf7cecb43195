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
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any, Final

from pytest_epoll._core.comparison import MISSING, Difference
from pytest_epoll._core.showing import shortened, shown

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
        return value_test(self)(other)

    def __hash__(self) -> int:
        return hash(self.is_partial)

    def __repr__(self) -> str:
        return f"match.{'contains' if self.is_partial else 'exactly'}({self.expected!r})"

    def explain(self, actual: object) -> Iterator[str]:
        """Yield what is different, "- name: expected" and "+ name: actual" in turn; nothing if it matches.

        Args:
            actual: a value such as parsed JSON, or a `Request`, whose body is then meant: bytes, text or JSON as the
                pattern is. Of a body that is not JSON the one line says why.
        """
        try:
            body = _body_of(actual, self.expected)
        except ValueError as error:
            yield f"+ not JSON: {error}"
            return
        yield from diff(self, body)


def exactly(expected: object) -> Contained:
    """Return a pattern for exactly this: no other name beside those of a mapping.

    Args:
        expected: for `query`, `headers`, `cookies` and `form` a mapping or pairs; elsewhere any value. As the value of
            a name it means all values of that name: `query={"tag": match.exactly("a")}` wants "a" alone.
    """
    return Contained(expected, is_partial=False)


def contains(expected: object) -> Contained:
    """Return a pattern for this and perhaps more.

    Args:
        expected: for JSON an object of which each name must be there (recursively; arrays have no other items, texts
            and numbers are whole); for a body or a text a part of it; for `query`, `headers`, `cookies` and `form` a
            mapping or pairs. As the value of a name a list means these values among others, in any order.
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


def identity(expected: object) -> Hashable:
    """Return what two criteria have in common exactly if they say the same, which `==` does not tell.

    To `==` a pattern equals what matches it and 1 is True, but a route for `{"a": 1}` leaves something over for one
    with `{"a": IsInt()}`. Of what runs code of the test's only the same object is the same.
    """
    if isinstance(expected, Contained):
        return Contained, expected.is_partial, identity(expected.expected)
    if isinstance(expected, MethodType):  # each look at a method makes another object
        return MethodType, id(expected.__self__), expected.__func__
    kind = type(expected)
    if kind in (list, tuple):
        return kind, tuple(map(identity, expected))  # type: ignore[call-overload]  # one of the two
    if kind is dict:
        return dict, frozenset((identity(name), identity(value)) for name, value in expected.items())  # type: ignore[attr-defined]  # a dict
    if kind not in (set, frozenset) and is_plain(expected):
        return kind, expected
    return object, id(expected)


# -- one value --


def value_test(expected: object, *, is_partial: bool = False) -> Callable[[Any], bool]:
    """Return what tells whether a value of a body matches; mappings and arrays are compared item by item.

    It says of each value what `diff` shows line by line, a hundred times as fast.
    """
    if isinstance(expected, Contained):
        inner, is_partial = expected.expected, expected.is_partial
        return _part_test(inner) if _is_part(expected) else value_test(inner, is_partial=is_partial)
    if isinstance(expected, Mapping):
        return _object_test(expected, is_partial=is_partial)
    if isinstance(expected, (list, tuple)):
        tests = [value_test(item) for item in expected]  # arrays are exact, also in `contains`
        return lambda actual: (
            isinstance(actual, (list, tuple))
            and len(actual) == len(tests)
            and all(test(item) for test, item in zip(tests, actual, strict=True))
        )
    return _scalar_test(expected)


def _is_part(expected: Contained) -> bool:
    """Whether it is a part of a text; a text inside an object that is contained is whole."""
    return expected.is_partial and isinstance(expected.expected, (str, bytes))


def _part_test(part: Any) -> Callable[[Any], bool]:
    kind: type[Any] = str if isinstance(part, str) else bytes
    return lambda actual: isinstance(actual, kind) and part in actual


def _object_test(expected: Mapping[Any, Any], *, is_partial: bool) -> Callable[[Any], bool]:
    tests = [(name, value_test(wanted, is_partial=is_partial)) for name, wanted in expected.items()]
    unwanted = {name for name, wanted in expected.items() if wanted is absent}

    def holds(actual: object) -> bool:
        if not isinstance(actual, dict) and not isinstance(actual, Mapping):
            return False
        for name, test in tests:
            if name in unwanted:
                if name in actual:
                    return False
            elif name not in actual or not test(actual[name]):
                return False
        return is_partial or len(actual) == len(tests) - len(unwanted)

    return holds


def _scalar_test(expected: Any) -> Callable[[Any], bool]:
    if isinstance(expected, re.Pattern):
        text_type, search = type(expected.pattern), expected.search
        return lambda actual: isinstance(actual, text_type) and search(actual) is not None
    if is_predicate(expected):
        return lambda actual: bool(expected(actual))
    if isinstance(expected, (bool, int, float)):
        # Python says True == 1; to JSON they are different things.
        is_bool = isinstance(expected, bool)
        return lambda actual: isinstance(actual, bool) is is_bool and expected == actual
    return lambda actual: bool(expected == actual)


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
        if _is_part(expected):
            if not _part_test(expected.expected)(actual):
                yield path, expected, actual
            return
        expected, is_partial = expected.expected, expected.is_partial
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        yield from _object_differences(expected, actual, path, is_partial=is_partial)
    elif isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        if len(expected) != len(actual):
            yield path, expected, actual
            return
        for index, (wanted, found) in enumerate(zip(expected, actual, strict=True)):
            yield from _differences(wanted, found, f"{path}[{index}]", is_partial=False)
    elif isinstance(expected, (Mapping, list, tuple)) or not _scalar_test(expected)(actual):
        yield path, expected, actual


def _object_differences(
    expected: Mapping[Any, Any], actual: Mapping[Any, Any], path: str, *, is_partial: bool
) -> Iterator[tuple[str, object, object]]:
    for name, wanted in expected.items():
        found = actual.get(name, absent)
        if wanted is absent or found is absent:
            if wanted is not found:
                yield _below(path, name), wanted, found
        else:
            yield from _differences(wanted, found, _below(path, name), is_partial=is_partial)
    if not is_partial:
        for name, found in actual.items():
            if name not in expected:
                yield _below(path, name), absent, found


def _below(path: str, name: object) -> str:
    return f"{path}.{name}" if path else json.dumps(str(name), ensure_ascii=False)


# -- texts of a name: header fields, queries, cookies, forms --


def text_test(expected: object) -> Callable[[list[str]], bool]:
    """Return what tells whether the values of one name match; an empty list is a name that is not there."""
    if expected is absent:
        return lambda values: not values
    if isinstance(expected, Contained) and not isinstance(expected.expected, str):
        items = expected.expected if isinstance(expected.expected, (list, tuple)) else [expected.expected]
        if not expected.is_partial:
            return text_test(list(items))
        some = [text_test(item) for item in items]
        return lambda values: all(test(values) for test in some)
    if isinstance(expected, Contained) and not expected.is_partial:
        return text_test([expected.expected])
    if isinstance(expected, (list, tuple)):
        tests = [text_test(item) for item in expected]
        return lambda values: (
            len(values) == len(tests) and all(test([v]) for test, v in zip(tests, values, strict=True))
        )
    return _any_text_test(expected)


def _any_text_test(expected: Any) -> Callable[[list[str]], bool]:
    """Return what tells whether any of the values is what is expected."""
    if isinstance(expected, bool):
        word = str(expected).lower()  # "true" of httpx, "True" of requests
        return lambda values: any(value.lower() == word for value in values)
    if isinstance(expected, (str, int, float)):
        text = expected if isinstance(expected, str) else str(expected)  # str() of an enum's member is its name
        return lambda values: text in values
    if isinstance(expected, bytes):
        texts = {expected.decode("latin-1"), expected.decode("utf-8", "replace")}
        return lambda values: not texts.isdisjoint(values)
    if isinstance(expected, re.Pattern):
        search = expected.search
        return lambda values: any(search(value) is not None for value in values)
    test = value_test(expected)
    return lambda values: any(map(test, values))


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
