"""What users can see is one short list, written down and compared."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_epoll

ROOT = Path(__file__).parents[2]
SURFACE = Path(__file__).with_name("public_api.txt")

PUBLIC_MODULES = [
    info.name
    for info in pkgutil.walk_packages(pytest_epoll.__path__, "pytest_epoll.")
    if not any(part.startswith("_") for part in info.name.split(".")[1:])
]


@pytest.mark.parametrize("name", ["pytest_epoll", *PUBLIC_MODULES])
def test_all_is_what_a_public_module_defines(name):
    module = importlib.import_module(name)
    if name.startswith("pytest_epoll.faults."):
        pytest.skip("the package faults says what is public in it")

    assert isinstance(module.__all__, tuple)
    assert list(module.__all__) == sorted(module.__all__)
    assert [entry for entry in module.__all__ if not hasattr(module, entry)] == []


def surface():
    """Return the public names with their signatures, a line each."""
    lines = []
    for name in sorted(pytest_epoll.__all__):
        lines += describe(name, getattr(pytest_epoll, name))
    return "\n".join(lines) + "\n"


def describe(name, value):
    if inspect.ismodule(value):
        for entry in value.__all__:
            yield from describe(f"{name}.{entry}", getattr(value, entry))
        return
    if not inspect.isclass(value):
        yield f"{name}{inspect.signature(value) if callable(value) else ''}"
        return
    bases = ", ".join(base.__name__ for base in value.__bases__)
    yield f"class {name}({bases})" if bases != "object" else f"class {name}"
    for entry, member in sorted(vars(value).items()):
        if entry.startswith("_") and entry != "__init__":
            continue
        if inspect.isfunction(member):
            text = str(inspect.signature(member))
            yield f"  {name}.{entry}{re.sub(r'<not given>', '...', text)}"
        elif isinstance(member, property):
            yield f"  {name}.{entry}"


def test_the_public_surface_is_what_is_written_down():
    """After a change that is meant: `python tests/architecture/test_surface.py` writes it down anew."""
    assert SURFACE.read_text() == surface()


ALIASES = {"Acts", "AtAccept", "Contained", "GivenReply", "H", "HeaderItems", "HowToRoute", "Informational", "Place",
           "Position", "StreamSource"}  # fmt: skip
"""What stands for several types that the text beside it names, or is handed on and never looked at."""

OURS = {"EpollServer.facts", "EpollServer.render"}


def annotations():
    """Yield the words of each annotation of what is public, with where they stand; of what is ours alone none."""
    for value in public_values().values():
        for name, member in vars(value).items() if inspect.isclass(value) else ((value, value),):
            function = member.fget if isinstance(member, property) else member
            is_inner = f"{getattr(value, '__name__', '')}.{name}" in OURS or str(name).startswith("_")
            if inspect.isfunction(function) and not is_inner:
                for text in map(str, function.__annotations__.values()):
                    yield from ((word, function.__qualname__) for word in re.findall(r"\b[A-Z]\w+", text))


def public_values():
    found = {}
    for module in map(importlib.import_module, ["pytest_epoll", *PUBLIC_MODULES]):
        found |= {entry: getattr(module, entry) for entry in getattr(module, "__all__", ())}
    return found


def test_what_a_public_signature_names_can_be_imported():
    """From here, or from a library that has it: `pytest_epoll.types` is the place for what nobody makes."""
    ours = {
        name
        for path in (ROOT / "src" / "pytest_epoll").rglob("*.py")
        for found in re.finditer(r"^ *(?:class (\w+)|(\w+) = |(\w+): TypeAlias)", path.read_text(), re.MULTILINE)
        for name in found.groups("")
        if name[:1].isupper()
    }
    missing = {(word, place) for word, place in annotations() if word in ours - public_values().keys() - ALIASES}

    assert set() == missing


def test_loading_the_plugin_loads_nothing_heavy():
    script = (
        "import sys, pytest; before = set(sys.modules)\n"
        "import pytest_epoll.plugin\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()

    serving = ["pytest_epoll._serving", "pytest_epoll._serving.phases", "pytest_epoll._serving.settings"]
    assert loaded == ["pytest_epoll", *serving, "pytest_epoll.plugin"]


def tracked_files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    return [ROOT / line for line in listed.stdout.splitlines()]


def test_tests_never_sleep():
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in {"time.sleep", "sleep"}, f"{path}:{node.lineno}"


def test_the_tree_speaks_of_itself_alone():
    words = re.compile(r"/wo" r"rk/|/ro" r"ot/|TO" r"DO|FIX" r"ME")
    for path in tracked_files():
        if path.suffix in {".py", ".md", ".toml", ""} and path.is_file():
            found = words.search(path.read_text(errors="replace"))

            assert found is None, f"{path}: {found and found[0]}"


@pytest.mark.parametrize("respond", [pytest_epoll.Route.respond, pytest_epoll.steps.respond])
def test_respond_takes_what_a_response_takes_and_then_what_is_about_timing(respond):
    """Written out three times, as users and type checkers read signatures; this keeps them the same."""
    content = list(inspect.signature(pytest_epoll.Response).parameters.values())
    taken = [item for item in inspect.signature(respond).parameters.values() if item.name != "self"]

    assert content == taken[: len(content)]
    assert ["delay", "gate", "fault", "times"][: len(taken) - len(content)] == [
        item.name for item in taken[len(content) :]
    ]


if __name__ == "__main__":
    SURFACE.write_text(surface())
