"""The catalogue of flaky peers, and the code of the tests that play them.

A test of tests/flaky_peers begins with the peer: everything up to the first blank line is what the server was told. So
the page of the docs can show it, and a test can count its lines. (A blank line behind a function is the formatter's.)
"""

from __future__ import annotations

import ast
import re
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[1] / "flaky_peers"

COMMANDS = {
    "accept_connections",
    "close_connections",
    "open",
    "pausing_accepts",
    "refuse_connections",
    "refusing_connections",
    "stalling_connections",
}
"""What a test tells its peer later on; it is shown beside the peer."""


class Peer(NamedTuple):
    """A line of the catalogue."""

    theme: str
    id: str
    source: str
    does: str


class Code(NamedTuple):
    """A test that plays a peer, and what the server was told in it."""

    id: str
    name: str  # of the test
    path: Path
    line: int
    constants: list[str]  # and functions of the module that the peer is made of, as source
    variants: list[str]  # what the test is parametrized with, "name: [values]" as source
    peer: list[str]
    commands: list[str]


def peers() -> list[Peer]:
    """Return the catalogue."""
    found, theme = [], ""
    for line in (FOLDER / "catalogue.txt").read_text().splitlines():
        if line.startswith("# "):
            theme = line[2:]
        elif line.startswith("FP-"):
            found.append(Peer(theme, *line.split(" | ")))
    return found


def not_yet() -> dict[str, str]:
    """Return the ids that no test plays, and why."""
    lines = (FOLDER / "not_yet.txt").read_text().splitlines()
    return dict(line.split(" | ") for line in lines if line.startswith("FP-"))


def codes() -> list[Code]:
    """Return every test of the folder that plays a peer of the catalogue, in order of the ids."""
    return sorted(code for path in sorted(FOLDER.glob("test_*.py")) for code in _codes_in(path))


def _codes_in(path: Path) -> Iterator[Code]:
    source = path.read_text()
    lines = source.splitlines()
    constants: dict[str, list[str]] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            constants[ast.unparse(node.targets[0])] = lines[node.lineno - 1 : node.end_lineno]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if re.match(r"test_fp_\d{3}_", node.name):
                yield _code(node, path, lines, constants)
            else:
                constants[node.name] = ["", *lines[node.lineno - 1 : node.end_lineno], ""]


def _code(
    node: ast.FunctionDef | ast.AsyncFunctionDef, path: Path, lines: list[str], constants: dict[str, list[str]]
) -> Code:
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    last = body[0]
    for one, other in pairwise(body):
        is_function = isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
        if not is_function and not lines[other.lineno - 2].strip():
            break
        last = other
    end = last.end_lineno or last.lineno
    rest = [part for statement in body if statement.lineno > end for part in ast.walk(statement)]
    commands = [
        lines[part.lineno - 1].strip()
        for part in rest
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in COMMANDS
    ]
    variants = [
        line
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.parametrize"
        for line in _variants(decorator, lines)
    ]
    peer = [line[4:] for line in lines[body[0].lineno - 1 : end]]
    told = [part for part in (*node.decorator_list, *body) if part.lineno <= end]
    names = {part.id for statement in told for part in ast.walk(statement) if isinstance(part, ast.Name)}
    used = [line for name, text in constants.items() if name in names for line in text]
    peer_id = node.name[5:11].replace("_", "-").upper()
    return Code(peer_id, node.name, path, node.lineno, used, variants, peer, list(dict.fromkeys(commands)))


def _variants(decorator: ast.Call, lines: list[str]) -> list[str]:
    names = ast.literal_eval(decorator.args[0])
    values = decorator.args[1]
    text = ast.get_source_segment("\n".join(lines), values) or ""
    rows = textwrap.dedent(" " * values.col_offset + text).splitlines()
    return [f"{names if isinstance(names, str) else ', '.join(names)}: {rows[0]}", *rows[1:]]
