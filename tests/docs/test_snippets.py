"""Every piece of Python in README and docs runs, and what is shown as output is what comes out.

A comment above a fenced block says what the block is, if it is not simply a snippet:

    <!-- as: conftest.py -->       a file that the next snippet needs
    <!-- file: tests/x.py -->      the text of that file of this repository
    <!-- output: tests/x.py -->    what pytest prints for it

`python tests/docs/test_snippets.py` writes the outputs anew.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    if "_build" not in path.parts
)
FENCED = re.compile(
    r"(?:^<!-- (?P<role>as|file|output): (?P<path>\S+) -->\n)?"
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


def of_role(role):
    return [pytest.param(block, id=block.name) for block in BLOCKS if block.role == role]


def snippets():
    """Yield each snippet with the files that stand above it for its sake."""
    files = []
    for block in BLOCKS:
        if block.role == "as":
            files.append(block)
        elif block.language == "python" and block.role is None:
            yield pytest.param(files, block, id=block.name)
            files = []
    assert not files, "no snippet below them"


@pytest.mark.parametrize(("files", "block"), list(snippets()))
def test_a_snippet_runs(pytester, files, block):
    for file in files:
        pytester.path.joinpath(file.path).write_text(file.text)
    tests = len(re.findall(r"^ *(?:async )?def test_", block.text, re.MULTILINE))
    if not tests:
        script = pytester.makepyfile(script=block.text)
        subprocess.run([sys.executable, "-W", "error", script], check=True, timeout=60)
        return
    pytester.makepyfile(test_snippet=block.text)

    assert {"passed": tests} == pytester.runpytest_inprocess(*QUIET, "-W", "error").parseoutcomes()


@pytest.mark.parametrize("block", of_role("file"))
def test_a_file_that_is_shown_is_the_file(block):
    assert block.text == (ROOT / block.path).read_text()


def real_output(example):
    """Return what pytest prints for a file of this repository when it is run alone, as test_<name>.py."""
    with tempfile.TemporaryDirectory() as folder:
        name = f"test_{Path(example).name}"
        shutil.copy(ROOT / example, Path(folder, name))
        finished = subprocess.run(
            [sys.executable, "-m", "pytest", *QUIET, name],
            cwd=folder,
            env={**os.environ, "COLUMNS": "80", "PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            timeout=60,
        )
    lines = [line.rstrip() for line in finished.stdout.splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith("____"))
    end = next(number for number, line in enumerate(lines) if line.startswith("====") and "summary" in line)
    return "\n".join(lines[start:end]) + "\n"


def what_stays_the_same(text):
    """Return the lines without what differs from run to run, or from one release of a client to the next."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"^ +\d+\.\d (ms|  )", "TIME", text, flags=re.MULTILINE)
    text = re.sub(r"\d+ bytes, \d+ headers", "HEAD", text)
    text = re.sub(r"(connectionpool\.py):\d+", r"\1", text)
    return text.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("block", of_role("output"))
def test_a_shown_output_is_what_comes_out(block):
    """Where it is not, and the new one is better: `python tests/docs/test_snippets.py`."""
    assert what_stays_the_same(block.text) == what_stays_the_same(real_output(block.path))


def test_no_python_escapes():
    """A directive of Sphinx would not be run, nor would a block of a language that nobody looks for."""
    languages = {block.language for block in BLOCKS}

    assert languages <= {"python", "console", "text", "toml", "ini", "{literalinclude}", "{toctree}", "{eval-rst}"}


def test_what_is_included_is_an_example_that_runs():
    included = [
        (block.page.parent / block.argument).resolve() for block in BLOCKS if block.language == "{literalinclude}"
    ]
    examples = (ROOT / "tests" / "examples").resolve()

    assert [] == [path for path in included if not (path.exists() and path.is_relative_to(examples))]


def write_outputs_anew():
    for block in BLOCKS:
        if block.role == "output":
            block.page.write_text(block.page.read_text().replace(block.text, real_output(block.path)))


if __name__ == "__main__":
    write_outputs_anew()
