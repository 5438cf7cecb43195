"""What a route asks of a request beside method and path: query, headers, cookies, body, json, form, where.

Those that look at the head can refuse a request before its body is read. Each criterion is a value: it has an
`identity` (two routes with the same ones shadow each other), tells whether it `holds`, and `explain`s itself beside a
request, name by name. What is expected is made into functions once, at registration; what a request has is taken apart
once for all routes, at the first look (`Facets`).
"""

from __future__ import annotations

import json as json_module
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypedDict

from pytest_epoll import match
from pytest_epoll._core.comparison import Criterion
from pytest_epoll._core.showing import as_code
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from pytest_epoll._core.headers import Values
    from pytest_epoll._serving.request import Request

Fields: TypeAlias = "Mapping[str, Any] | Iterable[tuple[str, Any]] | Callable[[Any], object] | match.Contained"


class Criteria(TypedDict, total=False):
    """What `server.route()`, `server.assert_requested()` and `requests.matching()` take."""

    query: Fields | str
    headers: Fields
    cookies: Fields
    body: Any
    json: Any
    form: Fields
    where: Callable[[Any], object]


HEAD_CRITERIA = ("query", "headers", "cookies")
BODY_CRITERIA = ("body", "json", "form", "where")
NAMES = HEAD_CRITERIA + BODY_CRITERIA

_DIFFERENCES = 1000
"""Differences in a JSON that are looked for: a report shows a few and counts the rest."""


class NotJson:
    """Stands in for the value of a body that is not JSON; `str()` of it is the reason."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __repr__(self) -> str:
        return f"not JSON: {self._reason}"


class Facets:
    """A request taken apart, each part at the first look. Loop thread only, or behind the barrier."""

    def __init__(self, request: Request) -> None:
        self.request = request

    @cached_property
    def query(self) -> dict[str, list[str]]:
        return _lists(self.request.query)

    @cached_property
    def headers(self) -> dict[str, list[str]]:
        lists: dict[str, list[str]] = {}
        for name, value in self.request.headers.multi_items():
            lists.setdefault(name.lower(), []).append(value)
        return lists

    @cached_property
    def cookies(self) -> dict[str, list[str]]:
        return {name: [value] for name, value in self.request.cookies.items()}

    @cached_property
    def form(self) -> dict[str, list[str]]:
        return _lists(self.request.form())

    @cached_property
    def body(self) -> bytes:
        return self.request.body

    @cached_property
    def json(self) -> object:
        try:
            return json_module.loads(self.body)
        except (ValueError, RecursionError) as error:
            return NotJson(str(error) if self.body else "the body is empty")


def _lists(values: Values) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for name, value in values.multi_items():
        lists.setdefault(name, []).append(value)
    return lists


class Check(Protocol):
    """One criterion."""

    name: str
    is_plain: bool
    identity: Hashable

    def holds(self, facets: Facets, /) -> bool:
        """Whether a request satisfies it."""
        ...

    def explain(self, facets: Facets, /) -> Iterator[Criterion]:
        """Yield what it asks beside what is there."""
        ...


class FieldsCheck:
    """`query`, `headers`, `cookies` or `form`: names with values."""

    def __init__(self, name: str, expected: object) -> None:
        self.name = name
        self._expected = expected
        self._is_exact = isinstance(expected, match.Contained) and not expected.is_partial
        pairs = _pairs(name, expected.expected if isinstance(expected, match.Contained) else expected)
        wanted: dict[str, list[Any]] = {}
        for key, value in pairs:
            wanted.setdefault(key.lower() if name == "headers" else key, []).append(value)
        self._wanted = {key: values[0] if len(values) == 1 else values for key, values in wanted.items()}
        self._tests = [(key, match.text_test(value)) for key, value in self._wanted.items()]
        self.is_plain = all(map(match.is_plain, self._wanted.values()))
        self.identity: Hashable = name, self._is_exact, match.identity(self._wanted)

    def holds(self, facets: Facets) -> bool:
        lists: dict[str, list[str]] = getattr(facets, self.name)
        for key, test in self._tests:
            if not test(lists.get(key, [])):
                return False
        return not self._is_exact or len(lists) == sum(key in lists for key in self._wanted)

    def explain(self, facets: Facets) -> Iterator[Criterion]:
        lists: dict[str, list[str]] = getattr(facets, self.name)
        for key, test in self._tests:
            values = lists.get(key, [])
            got = None if test(values) else ", ".join(values) if values else "(absent)"
            wanted = self._wanted[key]
            yield Criterion(self.name, f"{key}: {_shown(wanted)}", got, field=key, wanted=wanted, found=values)
        if self._is_exact:
            others = [key for key in lists if key not in self._wanted]
            yield Criterion(self.name, "no others", ", ".join(others) or None)

    def __repr__(self) -> str:
        return f"{self.name}={as_code(self._expected)}"


class ValueCheck:
    """`body` or `json`, or a predicate of any part: one value."""

    def __init__(self, name: str, expected: object) -> None:
        self.name = name
        self._expected = expected
        self._wanted = _body_pattern(expected) if name == "body" else expected
        self._test = match.value_test(self._wanted)
        self.is_plain = match.is_plain(expected)
        self.identity: Hashable = name, match.identity(expected)

    def _actual(self, facets: Facets) -> object:
        name = self.name
        if name == "json":
            return facets.json
        if name == "body":
            return facets.body
        return facets.request.form() if name == "form" else getattr(facets.request, name)

    def holds(self, facets: Facets) -> bool:
        actual = self._actual(facets)
        return not isinstance(actual, NotJson) and self._test(actual)

    def explain(self, facets: Facets) -> Iterator[Criterion]:
        actual = self._actual(facets)
        expected, wanted = _shown(self._expected), self._wanted
        if isinstance(actual, NotJson):
            yield Criterion(self.name, expected, repr(actual), found=facets.body)
        elif self._test(actual):
            yield Criterion(self.name, expected)
        else:
            is_json = self.name == "json" and not match.is_predicate(wanted)
            differences = tuple(islice(match.differences(wanted, actual), _DIFFERENCES)) if is_json else ()
            yield Criterion(
                self.name, expected, match.show(actual), wanted=wanted, found=actual, differences=differences
            )

    def __repr__(self) -> str:
        return f"{self.name}={as_code(self._expected)}"


class WhereCheck:
    """A predicate of the whole request."""

    name = "where"
    is_plain = False

    def __init__(self, predicate: Callable[[Request], object]) -> None:
        self._predicate = predicate
        self.identity: Hashable = self.name, match.identity(predicate)

    def holds(self, facets: Facets) -> bool:
        return bool(self._predicate(facets.request))

    def explain(self, facets: Facets) -> Iterator[Criterion]:
        try:
            got = None if self.holds(facets) else "False"
        except Exception as error:  # noqa: BLE001 - it is the test's, and this is only the explanation
            got = f"raised {error!r}"
        yield Criterion(self.name, match.show(self._predicate), got)

    def __repr__(self) -> str:
        return f"where={match.show(self._predicate)}"


def compile_criteria(criteria: Mapping[str, object]) -> tuple[tuple[Check, ...], tuple[Check, ...]]:
    """Return the checks that need the head alone, and those that need the whole request.

    Raises:
        UsageTypeError: an unknown criterion, or a value of a kind that it does not take.
        UsageError: a value that can't mean anything.
    """
    for name in criteria:
        if name not in NAMES:
            message = f"{name!r} is no criterion; use method, path, {', '.join(NAMES)}"
            raise UsageTypeError(message)
    checks = {name: _compile(name, criteria[name]) for name in NAMES if name in criteria}
    return (
        tuple(checks[name] for name in HEAD_CRITERIA if name in checks),
        tuple(checks[name] for name in BODY_CRITERIA if name in checks),
    )


def _compile(name: str, expected: Any) -> Check:
    if name == "where":
        if not callable(expected):
            message = f"where= takes a predicate of the request, not {expected!r}"
            raise UsageTypeError(message)
        return WhereCheck(expected)
    if expected is match.absent:
        message = f"{name}=match.absent means nothing: absent is said of a name, such as headers={{'X': match.absent}}"
        raise UsageError(message)
    if name in {"body", "json"}:
        return ValueCheck(name, expected)
    if match.is_predicate(expected) or not _is_pairs(name, expected):
        return ValueCheck(name, expected)
    return FieldsCheck(name, expected)


def _is_pairs(name: str, expected: object) -> bool:
    """Whether names with values were given; an object with an `==` of its own is compared with the whole part."""
    inner = expected.expected if isinstance(expected, match.Contained) else expected
    if inner is None or isinstance(inner, (bool, int, float, bytes)) or (isinstance(inner, str) and name != "query"):
        message = f"{name}= takes a mapping, (name, value) pairs or a predicate, not {expected!r}"
        raise UsageTypeError(message)
    return isinstance(inner, (Mapping, list, tuple, str))


def _pairs(name: str, expected: Any) -> list[tuple[str, Any]]:
    if isinstance(expected, str):
        from urllib.parse import parse_qsl  # noqa: PLC0415 - the one use, and rare

        return parse_qsl(expected.removeprefix("?"), keep_blank_values=True)
    items = list(expected.items()) if isinstance(expected, Mapping) else list(expected)
    for item in items:
        if not (isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)):  # noqa: PLR2004 - a pair
            message = f"{name}= takes a mapping, (name, value) pairs or a predicate; {item!r} is no pair with a str"
            raise UsageTypeError(message)
        _check_text(f"{name}[{item[0]!r}]", item[1])
    return items


def _check_text(where: str, expected: object, *, is_item: bool = False) -> None:
    """Refuse what no text can be: it would never match, and nobody would know why."""
    if isinstance(expected, match.Contained):
        expected = expected.expected
    if expected is None or (is_item and expected is match.absent):
        message = f"{where}={expected!r} can't match a text; for a name that must not be there: match.absent"
        raise UsageError(message)
    is_pattern_of_bytes = isinstance(expected, re.Pattern) and isinstance(expected.pattern, bytes)
    is_list = isinstance(expected, (list, tuple))
    if isinstance(expected, (Mapping, set, frozenset)) or is_pattern_of_bytes or (is_item and is_list):
        message = (
            f"{where}={expected!r} can't match a text; use a str, a number, a re.Pattern of str, a predicate, or a "
            "list of these for all values in order"
        )
        raise UsageTypeError(message)
    if isinstance(expected, (list, tuple)):
        for item in expected:
            _check_text(where, item, is_item=True)


def _body_pattern(expected: Any) -> object:
    """Return a body's pattern in bytes: what was given as text is meant in UTF-8."""
    if isinstance(expected, str):
        return expected.encode()
    if isinstance(expected, match.Contained):
        return match.Contained(_body_pattern(expected.expected), expected.is_partial)
    if isinstance(expected, re.Pattern) and isinstance(expected.pattern, str):
        return lambda body: expected.search(body.decode("utf-8", "replace"))
    if expected is None or isinstance(expected, (bool, int, float, dict, list)):
        message = f"body= takes bytes, str, a re.Pattern or a predicate, not {expected!r}; for JSON use json="
        raise UsageTypeError(message)
    return bytes(expected) if isinstance(expected, (bytearray, memoryview)) else expected


def _shown(expected: object) -> str:
    return expected if isinstance(expected, str) else match.show(expected)
