import contextlib
import os
import subprocess
import sys

import pytest

from pytest_epoll import EpollServer


@pytest.fixture
def make_server(trigger_mode):
    """A function that makes a server in each trigger mode; what it made is stopped."""
    with contextlib.ExitStack() as stack:

        def make(**keywords):
            server = EpollServer(**{"edge_triggered": trigger_mode == "edge", **keywords})
            stack.callback(server.stop)
            return server

        yield make


@pytest.fixture
def server(make_server):
    """A running server in each trigger mode, judged by the test itself."""
    return make_server().start()


@pytest.fixture
def run_script(tmp_path):
    """A function that runs a script in its own interpreter, warnings being errors, and returns (code, out, err)."""

    def run(text, *arguments, options=("-W", "error"), timeout=60, measured=True):
        unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        script = tmp_path / "script.py"
        script.write_text(text)
        done = subprocess.run(
            [sys.executable, *options, str(script), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**(os.environ if measured else unmeasured), "PYTHONDEVMODE": ""},
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run
