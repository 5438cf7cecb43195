"""The tree is the argument: imports point down, files stay small, and each module keeps to its trade."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "pytest_epoll"

FLOORS = {
    "errors": -1,
    "_core": 0,
    "_wire": 1,
    "faults": 1,
    "match": 1,
    "_eventloop": 2,
    "_serving": 3,
    "_reporting": 3,
    "_assertions": 4,
    "_client_view": 4,
    "_listening": 4,
    "_received": 4,
    "_scripting": 4,
    "route": 4,
    "server": 4,
    "steps": 4,
    "sweeps": 4,
    "types": 5,
    "hookspecs": 5,
    "plugin": 5,
    "_judgement": 5,
    "testing": 5,
}

STRANGERS = [("_eventloop", "_wire"), ("_eventloop", "faults"), ("_wire", "faults"), ("_serving", "_reporting")]
"""Pairs that share only what lies on floor 0; `_serving` may use `_wire` and `faults`, it is above them."""

EXEMPT = {("faults._beforehand", "_wire")}
"""What is known of a response beforehand is the bytes that would be written, so it asks who writes them."""

NOT_ALLOWED = {
    "socket": ("errors", "_core", "_wire", "faults", "match", "_reporting"),
    "select": ("errors", "_core", "_wire", "faults", "match", "_reporting", "_serving", "route", "server"),
    "threading": ("errors", "_core", "_wire", "faults", "match", "_reporting"),
    "os": ("errors", "_core", "_wire", "faults", "match", "_reporting"),
}

ONLY_IN = {
    "time": ("_core.clock",),
    "struct": ("_eventloop.probes", "testing"),
    "ctypes": ("_eventloop.probes",),
    "fcntl": ("_eventloop.chute", "_eventloop.probes"),
    "httptools": ("_wire.llhttp",),
    "pytest": ("plugin", "hookspecs", "_judgement", "testing", "sweeps"),
}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name.removesuffix(".__init__") or "__init__", path


MODULES = [name for name, _ in modules()]


def floor_of(module):
    return FLOORS[module.partition(".")[0]]


@cache
def tree_of(path):
    return ast.parse(path.read_text())


@cache
def imports_of(path):
    """Return (module, whether only for annotations) of every import, inside functions, too."""
    return tuple(_imports(path))


def _imports(path):
    tree = tree_of(path)
    annotations = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in annotations
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = (ROOT / "src" / Path(*inner.split("."))).with_suffix(".py").exists()
                yield (inner if is_module else node.module), node in annotations


def ours(imported):
    return imported.removeprefix("pytest_epoll").removeprefix(".") if imported.startswith("pytest_epoll") else None


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_a_module_imports_from_lower_floors_or_its_own_folder_only(module):
    path = dict(modules())[module]
    for imported, is_annotation in imports_of(path):
        target = ours(imported)
        if not target or is_annotation:
            continue
        same_folder = target.partition(".")[0] == module.partition(".")[0]
        if (module, target.partition(".")[0]) in EXEMPT:
            continue

        assert same_folder or floor_of(target) < floor_of(module) or floor_of(module) >= 4, f"{module} imports {target}"
        assert floor_of(target) <= floor_of(module), f"{module} imports {target}, which lies above it"


@pytest.mark.parametrize(("one", "other"), STRANGERS)
def test_neighbours_share_only_plain_values(one, other):
    for module, path in modules():
        for imported, is_annotation in imports_of(path):
            target = ours(imported)
            if not target or is_annotation:
                continue
            pair = (module.partition(".")[0], target.partition(".")[0])
            if (module, pair[1]) in EXEMPT:
                continue

            assert pair not in {(one, other), (other, one)}, f"{module} imports {target}"


@pytest.mark.parametrize(("library", "folders"), NOT_ALLOWED.items())
def test_pure_floors_do_no_io(library, folders):
    for module, path in modules():
        if module.partition(".")[0] in folders:
            names = {imported.partition(".")[0] for imported, is_annotation in imports_of(path) if not is_annotation}

            assert library not in names, f"{module} imports {library}"


@pytest.mark.parametrize(("library", "homes"), ONLY_IN.items())
def test_some_libraries_have_one_home(library, homes):
    users = {
        module
        for module, path in modules()
        for imported, is_annotation in imports_of(path)
        if not is_annotation and imported.partition(".")[0] == library
    }

    assert users <= set(homes)


@pytest.mark.parametrize("module", MODULES)
def test_a_file_has_at_most_400_lines(module):
    """Docstrings of public functions do not count: they are the reference, and `server` is little else."""
    text = dict(modules())[module].read_text()
    documentation = sum(
        node.body[0].end_lineno - node.body[0].lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and not node.name.startswith("_")
        and ast.get_docstring(node)
    )

    assert text.count("\n") - documentation <= 400


def functions():
    for module, path in modules():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield f"{module}.{node.name}", node


def test_a_function_has_at_most_50_lines():
    def body_size(node):
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        return body[-1].end_lineno - body[0].lineno + 1 if body else 0

    too_long = {name: body_size(node) for name, node in functions() if body_size(node) > 50}

    assert too_long == {}


def test_a_function_has_at_most_4_levels_of_indentation():
    def depth(node):
        inner = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.FunctionDef)]
        deepest = max((depth(child) for child in inner), default=0)
        return deepest + isinstance(node, (ast.If, ast.For, ast.While, ast.With, ast.Try)) * (
            not getattr(node, "is_elif", False)
        )

    def mark_elifs(node):
        for child in ast.walk(node):
            if isinstance(child, ast.If) and len(child.orelse) == 1 and isinstance(child.orelse[0], ast.If):
                child.orelse[0].is_elif = True

    too_deep = []
    for name, node in functions():
        mark_elifs(node)
        if depth(node) > 4:
            too_deep.append(name)

    assert too_deep == []


def fault_classes():
    package = ast.parse((PACKAGE / "faults" / "__init__.py").read_text())
    exported = next(
        ast.literal_eval(node.value)
        for node in package.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    for path in sorted((PACKAGE / "faults").glob("[a-z]*.py")):
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and node.name in exported:
                yield node.name, path


def test_nobody_asks_which_fault_it_is_outside_the_faults():
    names = {name for name, _ in fault_classes()}
    for module, path in modules():
        if module.startswith("faults"):
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
                asked = {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)} | {
                    part.attr for part in ast.walk(node.args[1]) if isinstance(part, ast.Attribute)
                }

                assert not asked & names, f"{module}:{node.lineno}"


def test_every_fault_has_a_unit_test_and_a_wire_test():
    for name, path in fault_classes():
        for folder in ("unit", "wire"):
            test = ROOT / "tests" / folder / "faults" / f"test_{path.stem}.py"

            assert test.exists(), f"{name} has no {test.relative_to(ROOT)}"


def test_the_session_knows_no_header_name():
    text = (PACKAGE / "_serving" / "session.py").read_text().lower()
    names = ("content-length", "transfer-encoding", '"connection"', "host:", "expect:", "keep-alive")

    assert [name for name in names if name in text] == []


@pytest.mark.parametrize(
    "page", [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "design").glob("*.md"))], ids=lambda page: page.stem
)
def test_the_files_that_a_page_for_contributors_names_are_there(page):
    ours = [f"/{path.relative_to(ROOT)}" for path in (*PACKAGE.rglob("*.py"), *ROOT.glob("[bst]*/**/*.py"))]
    named = [name for name in re.findall(r"`([\w/]+\.py)`", page.read_text()) if "stutter" not in name]

    assert [name for name in named if not any(path.endswith(f"/{name}") for path in ours)] == []
