"""The reference leaves nothing out."""

import inspect
import re
import textwrap
from pathlib import Path

import pytest

import pytest_epoll
from pytest_epoll import errors, faults, hookspecs, match
from pytest_epoll._core.finding import KINDS

ROOT = Path(__file__).parents[2]
REFERENCE = "\n".join(path.read_text() for path in sorted((ROOT / "docs" / "reference").glob("*.md")))
WHOLE_MODULES = {"errors": errors, "hookspecs": hookspecs}


@pytest.mark.parametrize("name", [name for name in pytest_epoll.__all__ if name[0].isupper()])
def test_every_public_class_has_a_place(name):
    assert f"autoclass:: pytest_epoll.{name}\n" in REFERENCE


@pytest.mark.parametrize("name", faults.__all__)
def test_every_fault_has_a_place(name):
    assert re.search(rf":: pytest_epoll\.faults\.{name}$", REFERENCE, re.MULTILINE)


def test_every_fault_has_a_row_in_the_table():
    page = (ROOT / "docs" / "reference" / "faults.md").read_text()
    rows = re.findall(r"^\| \[`(\w+)`\]\(#pytest_epoll\.faults\.(\w+)\) \|", page, re.MULTILINE)
    classes = {name for name in faults.__all__ if inspect.isclass(getattr(faults, name)) and name != "Fault"}

    assert [(name, name) for name, _ in rows] == rows
    assert classes == {name for name, _ in rows}


def test_every_position_has_a_row_in_the_table():
    page = (ROOT / "docs" / "reference" / "faults.md").read_text()
    rows = re.findall(r"^\| `faults\.(\w+)\(", page, re.MULTILINE)

    functions = {name for name in faults.__all__ if not inspect.isclass(getattr(faults, name))}

    assert functions - {"at_accept"} == set(rows)


@pytest.mark.parametrize("name", match.__all__)
def test_every_pattern_has_a_place(name):
    assert f"pytest_epoll.match.{name}\n" in REFERENCE


@pytest.mark.parametrize("name", WHOLE_MODULES)
def test_a_module_that_is_shown_whole_has_its_members(name):
    assert f"automodule:: pytest_epoll.{name}\n   :members:\n" in REFERENCE


def test_every_kind_of_finding_has_a_row():
    page = (ROOT / "docs" / "how-to" / "findings.md").read_text().partition("## Accept")[0]

    assert list(KINDS) == re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)


def test_every_fixture_and_option_is_explained():
    source = (ROOT / "src" / "pytest_epoll" / "plugin.py").read_text()
    names = [
        *re.findall(r'addini\(\s*"(\w+)"', source),
        *re.findall(r'addoption\(\s*"([\w-]+)"', source),
        *re.findall(r"^(?:async )?def (epoll_\w+)", source, re.MULTILINE),
    ]

    assert len(names) >= 9
    assert [name for name in names if name not in REFERENCE] == []


def examples_in_docstrings():
    """Yield the indented blocks behind a double colon in the docstrings of public classes."""
    for name in pytest_epoll.__all__:
        for line in re.finditer(r"::\n\n((?: {4}.*\n|\n)+)", inspect.getdoc(getattr(pytest_epoll, name)) or ""):
            yield pytest.param(textwrap.dedent(line[1]), id=name)


@pytest.mark.parametrize("example", list(examples_in_docstrings()))
def test_examples_in_docstrings_run(example, epoll_server):
    epoll_server.allow("unused")
    exec(example, {**vars(pytest_epoll), "EpollServer": pytest_epoll.EpollServer, "server": epoll_server})
