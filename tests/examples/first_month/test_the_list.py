"""The list of what can't run yet holds nothing that can."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NOT_YET = runpy.run_path(str(HERE / "conftest.py"))["NOT_YET"]


def test_it_names_files_that_exist():
    assert [] == [name for name in NOT_YET if not (HERE / name).exists()]


@pytest.mark.slow
@pytest.mark.parametrize("name", NOT_YET)
def test_what_it_names_cannot_run_yet(tmp_path, name):
    """If it passes without our conftest.py, its entry has to go."""
    (tmp_path / name).write_text((HERE / name).read_text())
    finished = subprocess.run([sys.executable, "-m", "pytest", name], cwd=tmp_path, stdout=subprocess.DEVNULL)

    assert finished.returncode in {pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED}
