"""A route beside a request, criterion by criterion.

    method   POST                       ok
    headers  authorization: Bearer abc  got: (absent)
    json     {"sku": 7, "qty": 1}       got: {"sku": "7", "qty": 1}
                                        - "sku": 7
                                        + "sku": "7"

What does not fit beside each other stands below each other, shortened around the first difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core.comparison import MISSING
from pytest_epoll._core.secrets import SECRET_FIELDS, masked_value
from pytest_epoll._core.showing import as_code, count, printable, shortened, shown
from pytest_epoll._reporting import contrast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_epoll._core.comparison import Criterion, Difference, RouteSummary

_COLUMN = 44
"""Characters up to which what is expected stands beside what was received."""

_GOT = 60
"""Characters of what was received that stand beside what was expected."""

_DIFFERENCES_SHOWN = 8
"""Differences in a JSON that are shown; the rest is counted."""

_PASTEABLE = 240
"""Characters up to which a value is worth pasting into a test."""


def lines(criteria: Sequence[Criterion]) -> Iterator[str]:
    """Yield a table of criteria, what is asked and what came, and the differences."""
    widths = [len(printable(criterion.expected)) for criterion in criteria]
    width = max((width for width in widths if width <= _COLUMN), default=0)
    for criterion in criteria:
        yield from _row(criterion, width)


def _row(criterion: Criterion, width: int) -> Iterator[str]:
    name = f"{criterion.name:<8} "
    expected = printable(criterion.expected)
    if criterion.got is None:
        yield f"{name}{shortened(expected, contrast.WIDTH):<{width}}  ok"
        return
    got = printable(_got(criterion))
    below = _details(criterion)
    if len(expected) <= width and len(got) <= _GOT:
        yield f"{name}{expected:<{width}}  got: {got}"
        indent = len(name) + width + 2
    elif below:
        yield f"{name}{below.pop(0) if criterion.name == 'body' else 'differs:'}"
        indent = len(name)
    else:
        field = f"{criterion.field}: " if criterion.field and expected.startswith(f"{criterion.field}: ") else ""
        label = f"{'got:':<{max(len(field), 5)}}"
        first, *rest = contrast.lines_of_pair(expected[len(field) :], got, prefixes=(f"{field:<{len(label)}}", label))
        yield name + first
        below = rest
        indent = len(name)
    yield from (" " * indent + line for line in below)


def _got(criterion: Criterion) -> str:
    """Return what came, a body as text where it is one, a secret only as far as it tells something."""
    if criterion.name == "body" and isinstance(criterion.found, bytes):
        return contrast.as_text(criterion.found) or repr(criterion.found)
    if _is_secret(criterion) and criterion.found:
        return masked_value(criterion.got or "", criterion.expected.removeprefix(f"{criterion.field}: "))
    return criterion.got or ""


def _is_secret(criterion: Criterion) -> bool:
    return criterion.name == "cookies" or (criterion.name == "headers" and criterion.field in SECRET_FIELDS)


def _details(criterion: Criterion) -> list[str]:
    if isinstance(criterion.wanted, bytes) and isinstance(criterion.found, bytes):
        is_short = max(len(criterion.wanted), len(criterion.found)) <= contrast.WIDTH // 4
        if is_short or not criterion.wanted or not criterion.found:
            return []
        return contrast.bodies(criterion.wanted, criterion.found)
    if all(difference.where == "" for difference in criterion.differences):
        return []
    return list(_json_diff(criterion.differences))


def _json_diff(differences: Sequence[Difference]) -> Iterator[str]:
    for where, wanted, found in differences[:_DIFFERENCES_SHOWN]:
        name = f"{printable(where)}: "
        if wanted is MISSING:
            yield f"+ {name}{shortened(shown(found), contrast.WIDTH)}"
        elif found is MISSING:
            yield f"- {name}{shortened(shown(wanted), contrast.WIDTH)}"
            yield f"+ {name}(absent)"
        else:
            yield from contrast.lines_of_pair(shown(wanted), shown(found), prefixes=(f"- {name}", f"+ {name}"))
    if len(differences) > _DIFFERENCES_SHOWN:
        yield f"... and {count(len(differences) - _DIFFERENCES_SHOWN, 'more difference')}"


# -- what to change --


def misses_in_words(route: RouteSummary) -> str:
    """Return "headers and json differ"; "" if nothing does."""
    names = list(dict.fromkeys(criterion.name for criterion in route.missed))
    if not names:
        return ""
    *first, last = names
    joined = f"{', '.join(first)} and {last}" if first else last
    return f"{joined} {'differ' if len(names) > 1 or last in {'headers', 'cookies'} else 'differs'}"


def would_have_matched(route: RouteSummary) -> str:
    """Return what the route would have had to ask instead, as code where it can be code; "" if that can't be said."""
    by_name: dict[str, list[Criterion]] = {}
    for criterion in route.missed:
        by_name.setdefault(criterion.name, []).append(criterion)
    return ", ".join(part for criteria in by_name.values() for part in _remedies(criteria) if part)


def _remedies(criteria: Sequence[Criterion]) -> Iterator[str]:
    """Yield what would have to be asked instead of criteria of the same name."""
    name = criteria[0].name
    absent = [criterion.field for criterion in criteria if criterion.field and not criterion.found]
    if absent:
        yield f"{name} without {' and '.join(absent)}"
    fields = {criterion.field: criterion for criterion in criteria if criterion.field and criterion.found}
    if fields:
        pairs = ", ".join(f"{as_code(field)}: {_field_code(criterion)}" for field, criterion in fields.items())
        yield _keyword(name, f"{{{pairs}}}")
    for criterion in criteria:
        if not criterion.field:
            yield _remedy(criterion)


def _field_code(criterion: Criterion) -> str:
    values = criterion.found if isinstance(criterion.found, list) else [criterion.found]
    if len(values) > 1 and not _is_secret(criterion):
        return as_code(values)
    return as_code(_got(criterion))


def _remedy(criterion: Criterion) -> str:
    found = criterion.found
    if criterion.name in {"method", "path"}:
        return f"{criterion.name}={as_code(found)}" if isinstance(found, str) else ""
    if criterion.expected == "no others":
        return f"{criterion.name} with others (match.contains)"
    if criterion.name == "where":
        return "no where="
    if isinstance(found, bytes):
        text = contrast.as_text(found)
        return _keyword("body", repr(found) if text is None else as_code(text))
    return "" if found is None and not criterion.differences else _keyword(criterion.name, as_code(found))


def _keyword(name: str, code: str) -> str:
    return f"{name}={code}" if len(code) <= _PASTEABLE else f"{name}= as it came ({len(code)} characters)"
