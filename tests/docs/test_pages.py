"""`make docs`, as a test: whoever renames something in a docstring learns of it here."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_pages_build_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-n", "-q", "-d", tmp_path / "doctrees", "docs", tmp_path / "html"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)

    assert (0, "") == (finished.returncode, finished.stderr)
    assert (tmp_path / "html" / "tutorial.html").exists()
