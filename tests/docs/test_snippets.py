"""Every piece of Python in README and docs runs, and what is shown as output is what comes out.

A comment above a fenced block says what the block is, if it is not simply a snippet:

    <!-- as: conftest.py -->       a file that the next snippet needs
    <!-- file: tests/x.py -->      the text of that file of this repository
    <!-- output: tests/x.py -->    what pytest prints for it
    <!-- tail: tests/x.py -->      the end of it: the error, and the sections below
    <!-- of: tests/x.py -->        lines of that file, on a page that is made from it

`python tests/docs/test_snippets.py` writes the outputs anew.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in path.parts
)
FENCED = re.compile(
    r"(?:^<!-- (?P<role>as|file|of|output|tail): (?P<path>\S+) -->\n)?"
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>\S*)(?P<argument>[^\n]*)\n(?P<text>.*?)^(?P=indent)(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
QUIET = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    role: str | None
    path: str | None
    language: str
    argument: str
    text: str

    @property
    def name(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page):
    source = page.read_text()
    for match in FENCED.finditer(source):
        line = source.count("\n", 0, match.start("fence")) + 1
        yield Block(
            page, line, match["role"], match["path"], match["language"], match["argument"].strip(), match["text"]
        )


BLOCKS = [block for page in PAGES for block in blocks(page)]


def of_roles(*roles):
    return [pytest.param(block, id=block.name) for block in BLOCKS if block.role in roles]


def snippets():
    """Yield each snippet with the files that stand above it for its sake."""
    files = []
    for block in BLOCKS:
        if block.role == "as":
            files.append(block)
        elif block.language == "python" and block.role is None:
            yield block, files
            files = []
    assert not files, "no snippet below them"


SNIPPETS = {block.name: (block, files) for block, files in snippets()}
IS_TEST = re.compile(r"^ *(?:async )?def (test_\w+)", re.MULTILINE)


def run_pytest(folder, *arguments):
    """Run pytest in a process of its own; inside ours it would load modules a second time, clients among them."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", *QUIET, *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80", "PY_COLORS": "0", "PYTEST_ADDOPTS": "", "TMPDIR": "/tmp"},
        capture_output=True,
        text=True,
        timeout=600,
    )


def passed_tests(folder):
    """Run a folder; return the names of the tests that passed, by the name of their file, and what was printed."""
    finished = run_pytest(folder, "-W", "error", "--import-mode=importlib", "--junitxml=report.xml")
    passed: dict[str, list[str]] = {}
    for case in ET.parse(folder / "report.xml").iter("testcase"):
        if len(case) == 0:
            file = next(part for part in case.get("classname").split(".") if part.startswith("test_"))
            names = passed.setdefault(file, [])
            names += [name for name in [case.get("name").partition("[")[0]] if name not in names]
    return passed, finished.stdout


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """What came out of the snippets that need no files beside them, run in one go, by one worker for all."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "snippets"
    folder.mkdir(exist_ok=True)
    result = folder / "result.json"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            for number, (block, files) in enumerate(SNIPPETS.values()):
                if not files and IS_TEST.search(block.text):
                    (folder / f"test_{number}.py").write_text(block.text)
            result.write_text(json.dumps(passed_tests(folder)))
    return json.loads(result.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", SNIPPETS)
def test_a_snippet_runs(tmp_path, together, name):
    block, files = SNIPPETS[name]
    tests = IS_TEST.findall(block.text)
    for file in files:
        (tmp_path / file.path).write_text(file.text)
    path = tmp_path / f"test_{list(SNIPPETS).index(name)}.py"
    path.write_text(block.text)
    if not tests:
        subprocess.run([sys.executable, "-W", "error", path], check=True, timeout=300)
        return
    passed, output = passed_tests(tmp_path) if files else together

    assert tests == passed.get(path.stem), output


@pytest.mark.parametrize("block", of_roles("file"))
def test_a_file_that_is_shown_is_the_file(block):
    assert block.text == (ROOT / block.path).read_text()


def real_output(block):
    """Return what pytest prints for a file of this repository when it is run alone, as test_<name>.py."""
    example = block.path
    with tempfile.TemporaryDirectory() as folder:
        name = f"test_{Path(example).name}"
        shutil.copy(ROOT / example, Path(folder, name))
        finished = run_pytest(folder, name)
    lines = [line.rstrip() for line in finished.stdout.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith("____"))
    end = next(number for number, line in enumerate(lines) if line.startswith("====") and "summary" in line)
    lines = lines[start:end]
    if block.role == "tail":
        errors = [number for number, line in enumerate(lines) if line == "E" or line.startswith("E  ")]
        first = next(number for number in reversed(errors) if number - 1 not in errors)
        sections = next(number for number, line in enumerate(lines) if number > first and line.startswith("----"))
        lines = [*(lines[number] for number in errors if number >= first), *lines[sections:]]
    return "\n".join(lines) + "\n"


def what_stays_the_same(text):
    """Return the lines without what differs from run to run, or from one release of a client to the next."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"^(E?) +\d+\.\d (ms|  )", r"\1 TIME", text, flags=re.MULTILINE)
    text = re.sub(r"\d+ bytes, \d+ headers", "HEAD", text)
    text = re.sub(r"(connectionpool\.py):\d+", r"\1", text)
    return text.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("block", of_roles("output", "tail"))
def test_a_shown_output_is_what_comes_out(block):
    """Where it is not, and the new one is better: `python tests/docs/test_snippets.py`."""
    if re.search(r"^E +wire: ", block.text, re.MULTILINE) and sys.version_info < (3, 11):
        pytest.skip("exceptions carry no notes before Python 3.11")

    assert what_stays_the_same(block.text) == what_stays_the_same(real_output(block))


def test_no_python_escapes():
    """A directive of Sphinx would not be run, nor would a block of a language that nobody looks for."""
    languages = {block.language for block in BLOCKS}

    assert languages <= {"python", "console", "text", "toml", "ini", "{literalinclude}", "{toctree}", "{eval-rst}"}


def test_only_a_page_that_is_made_from_files_shows_lines_of_them():
    assert {block.page.name for block in BLOCKS if block.role == "of"} == {"flaky-peers.md"}


def test_what_is_included_is_an_example_that_runs():
    included = [
        (block.page.parent / block.argument).resolve() for block in BLOCKS if block.language == "{literalinclude}"
    ]
    examples = (ROOT / "tests" / "examples").resolve()

    assert [] == [path for path in included if not (path.exists() and path.is_relative_to(examples))]


def write_outputs_anew():
    for block in BLOCKS:
        if block.role in {"output", "tail"}:
            output = real_output(block)
            if what_stays_the_same(output) != what_stays_the_same(block.text):
                block.page.write_text(block.page.read_text().replace(block.text, output))


if __name__ == "__main__":
    write_outputs_anew()
