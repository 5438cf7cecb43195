"""What the difference between a route and a request usually means, in one line each."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll._core.comparison import Criterion, RouteSummary
    from pytest_epoll._core.request_head import Head

_TYPO = 0.75
"""How alike two segments of a path are that are taken for the same word, misspelt."""


def hints(route: RouteSummary, head: Head | None = None) -> Iterator[str]:
    """Yield what is worth trying."""
    for criterion in route.missed:
        if criterion.name == "method":
            yield from _method(criterion)
        elif criterion.name == "path" and isinstance(criterion.found, str):
            yield from _path(criterion.wanted if isinstance(criterion.wanted, str) else None, criterion.found)
        elif criterion.name in {"json", "body"}:
            yield from _body(criterion, head)


def _method(criterion: Criterion) -> Iterator[str]:
    wanted = criterion.wanted if isinstance(criterion.wanted, frozenset) else frozenset()
    if criterion.found == "HEAD" and "GET" in wanted:
        yield 'GET does not answer HEAD: add a route with .head(...), or use method=["GET", "HEAD"]'
    elif criterion.found == "GET" and "POST" in wanted:
        yield "a GET where POST was meant: did the client follow a 301, 302 or 303?"


def _path(wanted: str | None, found: str) -> Iterator[str]:
    if wanted is None:
        return
    if wanted.rstrip("/") == found.rstrip("/"):
        yield f"only the slash at the end differs: the client asked {'with' if found.endswith('/') else 'without'} one"
    elif "%" in wanted and _unquoted(wanted) == found:
        yield "paths are compared decoded: write the path without percent-encoding"
    elif "%" in found and _unquoted(found) == wanted:
        yield "the client has encoded the path twice: it is still percent-encoded after decoding"
    elif wanted.casefold() == found.casefold():
        yield "only upper and lower case differ"
    elif found.replace("//", "/") == wanted:
        yield "the client's path has a double slash: was a base url joined to a path?"
    elif found.endswith(wanted) and wanted != "/":
        yield f"the client's path has {found[: -len(wanted)]!r} before it: is it part of the base url?"
    elif wanted.endswith(found) and found != "/":
        yield f"the client's path lacks {wanted[: -len(found)]!r} at its beginning: is it missing in the base url?"
    else:
        yield from _segments(wanted.split("/"), found.split("/"))


def _segments(wanted: list[str], found: list[str]) -> Iterator[str]:
    if len(wanted) != len(found):
        return
    for one, other in zip(wanted, found, strict=True):
        if "{" in one:
            kind = one.strip("{}").partition(":")[2]
            if kind in {"int", "float"} and not other.lstrip("-").replace(".", "", 1).isdigit():
                yield f"{one} takes {'digits' if kind == 'int' else 'a number'}, not {other!r}"
        elif one != other and SequenceMatcher(None, one, other).ratio() >= _TYPO:
            yield f"{other!r} for {one!r}: a typo?"


def _unquoted(path: str) -> str:
    from urllib.parse import unquote  # noqa: PLC0415 - rare

    return unquote(path)


def _body(criterion: Criterion, head: Head | None) -> Iterator[str]:
    kind = "" if head is None else head.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if criterion.name == "json" and kind == "application/x-www-form-urlencoded":
        yield "the client has sent a form: form= compares it name by name"
    elif criterion.name == "body" and kind.endswith("json"):
        yield "the client has sent JSON: json= compares values, whatever their order and white space"
    if criterion.name == "json" and any("[" in d.where or "]" in d.where for d in criterion.differences):
        return
    if criterion.differences and all(_is_same_but_text(d.wanted, d.found) for d in criterion.differences):
        yield "only types differ: a text where a number is expected, or the other way round"


def _is_same_but_text(wanted: object, found: object) -> bool:
    return type(wanted) is not type(found) and str(wanted) == str(found)
