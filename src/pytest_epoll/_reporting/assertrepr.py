"""What pytest prints below `assert left == right` (or `in`) where our types are on one side: pytest_assertrepr_compare.

assert request.headers == {"Accept": "*/*", "X-Trace": "2"}

headers differ
- X-Trace: 1
+ X-Trace: 2
  (1 pair is the same)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_epoll._core.headers import Headers, Values
from pytest_epoll._core.secrets import SECRET_FIELDS, masked_value
from pytest_epoll._core.showing import count, printable, shortened
from pytest_epoll._reporting.contrast import WIDTH, lines_of_pair

_LISTED = 20
"""Pairs or requests that are shown at the most."""


def explain_compare(op: str, left: object, right: object) -> list[str] | None:
    """Return the lines that explain why a comparison does not hold, the first stands alone; None if it is not ours.

    Args:
        op: "==", "!=", "in" or "not in", as `pytest_assertrepr_compare` is given it.
        left: the left operand.
        right: the right operand.
    """
    if op in {"in", "not in"} and isinstance(right, Values):
        return _membership(op, left, right)
    if op != "==":
        return None
    for ours, other, is_left in ((left, right, True), (right, left, False)):
        if isinstance(ours, Values):
            pairs = _pairs_of(other)
            if pairs is not None:
                return _values(ours, other, pairs, is_left=is_left)
        elif _is_requests(ours) and isinstance(other, Sequence) and not isinstance(other, (str, bytes)):
            return _requests(list(ours), list(other), is_left=is_left)  # type: ignore[call-overload]  # _is_requests() has looked
    return None


# -- names with values --


def _membership(op: str, name: object, values: Values) -> list[str]:
    what = _name_of(values)
    if op == "in":
        there = ", ".join(dict.fromkeys(printable(name) for name, _ in values.multi_items())) or "none"
        lines = [f"{name!r} is no name of the {what}", f"the names are: {shortened(there, 2 * WIDTH)}"]
        near = _near(str(name), [other for other, _ in values.multi_items()])
        return [*lines, f"did you mean {near!r}?"] if near else lines
    return [
        f"{name!r} is a name of the {what}",
        *(_shown(values, str(name), value) for value in values.get_list(str(name))),
    ]


def _near(name: str, names: Sequence[str]) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a failing test

    folded = {other.casefold(): other for other in names}
    return next((folded[near] for near in get_close_matches(name.casefold(), folded, n=1)), None)


def _values(ours: Values, other: object, pairs: list[tuple[str, str]], *, is_left: bool) -> list[str]:
    """Return a diff, `-` what is on the left only, `+` what is on the right only, as pytest's are read."""
    lines = [f"{_name_of(ours)} differ"]
    is_mapping = isinstance(other, Mapping) and not isinstance(other, Values)
    mine = ours.multi_items()
    lower = isinstance(ours, Headers) and is_mapping
    left, right = (mine, pairs) if is_left else (pairs, mine)
    left_keys, right_keys = ([(_key(n, lower=lower), v) for n, v in items] for items in (left, right))
    if sorted(left_keys) == sorted(right_keys):
        repeated = [name for name, _ in mine if len(ours.get_list(name)) > 1]
        if is_mapping and repeated:
            return [
                *lines,
                f"{printable(repeated[0])} came {len(ours.get_list(repeated[0]))} times, which no dict can say",
            ]
        return [*lines, "the same pairs in another order:", f"  left:  {_names(left)}", f"  right: {_names(right)}"]
    same = 0
    for items, others, sign in ((left, right_keys, "-"), (right, left_keys, "+")):
        rest = list(others)
        for name, value in items:
            key = _key(name, lower=lower), value
            if key in rest:
                rest.remove(key)
                same += sign == "-"
            else:
                other_value = next((v for n, v in others if n.lower() == name.lower()), "")
                lines.append(f"{sign} {_shown(ours, name, value, other_value)}")
    if len(lines) > _LISTED:
        lines = [*lines[:_LISTED], f"... {count(len(lines) - _LISTED, 'more line')}"]
    if same:
        lines.append(f"  ({count(same, 'pair is', 'pairs are')} the same)")
    return lines


def _key(name: str, *, lower: bool) -> str:
    return name.lower() if lower else name


def _pairs_of(other: object) -> list[tuple[str, str]] | None:
    if isinstance(other, Values):
        return other.multi_items()
    items: Any = other.items() if isinstance(other, Mapping) else other
    if not isinstance(items, Iterable) or isinstance(items, (str, bytes)):
        return None
    pairs = list(items)
    if not all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):  # noqa: PLR2004 - a pair
        return None
    return [(str(name), str(value)) for name, value in pairs]


def _name_of(values: Values) -> str:
    return "headers" if isinstance(values, Headers) else "values"


def _names(pairs: Sequence[tuple[str, str]]) -> str:
    return shortened(", ".join(printable(name) for name, _ in pairs), WIDTH)


def _shown(values: Values, name: str, value: str, other: str = "") -> str:
    """Return a pair, a secret only up to where it differs from the other one."""
    if isinstance(values, Headers) and name.lower() in SECRET_FIELDS:
        value = masked_value(value, other)
    return shortened(f"{printable(name)}: {printable(value)}", WIDTH)


# -- lists of requests --


def _is_requests(value: object) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)) or not len(value):
        return False
    return all(hasattr(type(item), "exchange_index") for item in value)


def _requests(ours: list[Any], other: list[Any], *, is_left: bool) -> list[str]:
    left, right = ([_called(item) for item in items] for items in ((ours, other) if is_left else (other, ours)))
    lines = [f"{count(len(left), 'request')} on the left, {len(right)} on the right"]
    for place in range(max(len(left), len(right))):
        one = left[place] if place < len(left) else "(nothing)"
        two = right[place] if place < len(right) else "(nothing)"
        if len(lines) > _LISTED:
            return [*lines, f"... and {max(len(left), len(right)) - place} more"]
        lines += [f"  {one}"] if one == two else lines_of_pair(one, two)[:2]
    return lines


def _called(item: Any) -> str:
    if not hasattr(type(item), "exchange_index"):
        return shortened(printable(repr(item)), WIDTH)
    return shortened(printable(f"c{item.connection_index}.{item.exchange_index} {item}"), WIDTH)
