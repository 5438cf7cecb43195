"""What a route says of the path: exactly this one, a template, a pattern, a predicate, or anything.

    "/users"              exact, compared with the decoded path
    "/users/{id:int}"     a template: literal parts and captures of one segment, converted
    "/files/{rest:path}"  `path` takes the rest, slashes included; it may be empty
    re.compile(...)       fullmatch on the decoded path, named groups are captured
    lambda path: ...      asked with the decoded path

A path is compared decoded (RFC 3986 section 2.1); a CONNECT has no path, its target ("host:443") stands in.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from pytest_epoll import match
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from pytest_epoll._core.request_head import Head

Path: TypeAlias = "str | re.Pattern[str] | Callable[[str], object] | None"
"""What `server.route()` takes as a path."""

Captures: TypeAlias = "dict[str, Any]"

_NOTHING: Captures = {}

_CONVERTERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "str": (r"[^/]+", str),
    "int": (r"-?[0-9]+", int),
    "float": (r"-?[0-9]+(?:\.[0-9]+)?", float),
    "path": (r".*", str),
}
"""Kind of a capture: what it takes, and what is made of it."""

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_CAPTURE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?::([a-z]+))?")
_CAPTURE_NAME = re.compile(r"\(\?P<\w+>")
"""What two templates that take the same paths may differ in; a literal parenthesis is escaped and never meant."""


def _quoted(path: str) -> str:
    """Return a path as it stands in code."""
    return json.dumps(path, ensure_ascii=False)


def subject(head: Head) -> str:
    """Return what a path is compared with."""
    return head.target if head.method == "CONNECT" else head.path


class AnyPath:
    """`None`: whatever the target is."""

    exact: str | None = None
    first_segment: str | None = None
    is_plain = True
    text = "None"
    identity: Hashable = None

    @staticmethod
    def match(_path: str) -> Captures | None:
        return _NOTHING


class ExactPath:
    """One path and no other."""

    first_segment: str | None = None
    is_plain = True

    def __init__(self, path: str) -> None:
        self.exact: str | None = path
        self.identity: Hashable = path
        self.text = _quoted(path)

    def match(self, path: str) -> Captures | None:
        return _NOTHING if path == self.exact else None


class PathTemplate:
    """Literal parts and captures."""

    exact: str | None = None
    is_plain = True

    def __init__(self, template: str) -> None:
        self.text = _quoted(template)
        self._converters: dict[str, Callable[[str], object]] = {}
        pattern = self._pattern(template)
        self._fullmatch = re.compile(pattern, re.DOTALL).fullmatch
        self.identity: Hashable = PathTemplate, _CAPTURE_NAME.sub("(", pattern)
        literal = template.partition("{")[0]
        # The first segment is literal only if the slash that ends it is literal, too.
        self.first_segment = literal.split("/", 2)[1] if literal.count("/") > 1 else None

    @property
    def has_captures(self) -> bool:
        """Whether it captures anything; a template of literal braces alone is one path."""
        return bool(self._converters)

    def _pattern(self, template: str) -> str:
        pattern, end = "", 0
        for place in _PLACE.finditer(template):
            pattern += self._literal(template, template[end : place.start()])
            end = place.end()
            pattern += re.escape(place[0][0]) if place[1] is None else self._capture(template, place[1])
        return pattern + self._literal(template, template[end:])

    def _literal(self, template: str, text: str) -> str:
        if "{" in text or "}" in text:
            message = f"path {template!r} has a brace without its partner; write {{{{ or }}}} for a literal one"
            raise UsageError(message)
        return re.escape(text)

    def _capture(self, template: str, inside: str) -> str:
        found = _CAPTURE.fullmatch(inside)
        if found is None:
            message = f"path {template!r}: {{{inside}}} is no capture; write {{name}} or {{name:int}}"
            raise UsageError(message)
        name, kind = found[1], found[2] or "str"
        if kind not in _CONVERTERS:
            message = f"path {template!r}: {kind!r} is no kind of capture; use {', '.join(map(repr, _CONVERTERS))}"
            raise UsageError(message)
        if name in self._converters:
            message = f"path {template!r} captures {name!r} twice"
            raise UsageError(message)
        takes, self._converters[name] = _CONVERTERS[kind]
        return f"(?P<{name}>{takes})"

    def match(self, path: str) -> Captures | None:
        found = self._fullmatch(path)
        if found is None:
            return None
        try:
            return {name: convert(found[name]) for name, convert in self._converters.items()}
        except ValueError:
            return None  # an int of more digits than Python converts (sys.set_int_max_str_digits)


class PathPattern:
    """A regular expression."""

    exact: str | None = None
    first_segment: str | None = None
    is_plain = True

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern
        self.identity: Hashable = pattern
        self.text = f"re.compile({pattern.pattern!r})"

    def match(self, path: str) -> Captures | None:
        found = self._pattern.fullmatch(path)
        return None if found is None else found.groupdict()


class PathPredicate:
    """A function of the decoded path."""

    exact: str | None = None
    first_segment: str | None = None
    is_plain = False

    def __init__(self, predicate: Callable[[str], object]) -> None:
        self._predicate = predicate
        self.identity: Hashable = match.identity(predicate)
        self.text = match.show(predicate)

    def match(self, path: str) -> Captures | None:
        return _NOTHING if self._predicate(path) else None


CompiledPath: TypeAlias = AnyPath | ExactPath | PathTemplate | PathPattern | PathPredicate


def compile_path(path: object) -> CompiledPath:
    """Return what a caller gave as a path, ready to be compared.

    Raises:
        UsageError: a path that could not match.
        UsageTypeError: none of the accepted kinds.
    """
    if path is None:
        return AnyPath()
    if isinstance(path, str):
        return _compile_text(path)
    if isinstance(path, re.Pattern) and isinstance(path.pattern, str):
        return PathPattern(path)
    if match.is_predicate(path):
        return PathPredicate(path)  # type: ignore[arg-type]  # is_predicate() has found that it can be called
    message = f"path must be a str such as '/users/{{id}}', a re.Pattern of str, a predicate or None, not {path!r}"
    raise UsageTypeError(message)


def _compile_text(path: str) -> CompiledPath:
    if "?" in path:
        plain, _, query = path.partition("?")
        message = f"path {path!r} has a query, but is matched without it; use {plain!r} and query={query!r}"
        raise UsageError(message)
    if "://" in path and not path.startswith("/"):
        message = f"path {path!r} is a url; a route is matched by its path alone, such as '/users'"
        raise UsageError(message)
    is_authority = ":" in path and "/" not in path
    if not (path.startswith("/") or path == "*" or is_authority):
        message = f"path {path!r} must begin with a slash, or be '*' (OPTIONS) or 'host:port' (CONNECT)"
        raise UsageError(message)
    if "{" in path or "}" in path:
        template = PathTemplate(path)
        if template.has_captures:
            return template
        return ExactPath(path.replace("{{", "{").replace("}}", "}"))
    return ExactPath(path)
