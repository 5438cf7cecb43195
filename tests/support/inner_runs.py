"""Runs of pytest inside of a test; what those in this process import stays imported between them."""

from __future__ import annotations

import os
import subprocess
import sys

import httpcore  # noqa: F401 - as httpx
import httpx  # noqa: F401 - pytester takes away what a run imports; a second import costs 0.1 s, and makes other classes
import pytest

from pytest_epoll import _judgement, testing  # noqa: F401 - as above

PEER = '''
from pytest_epoll.testing import RawClient

def ask(server, path="/x", method="GET"):
    """Send one request and return the first line of the answer."""
    with RawClient(server.address) as client:
        client.send(f"{method} {path} HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n".encode())
        return client.recv().partition(b"\\r\\n")[0]
'''

UNWANTED = ("randomly", "cacheprovider", "hypothesispytest", "rerunfailures", "socket")
"""Plugins that these runs do without: the last but one leaves a socket behind, the last one blocks them."""

INI = """
[pytest]
asyncio_default_fixture_loop_scope = function
xfail_strict = true
"""


TELLING = ("CI", "BUILD_NUMBER", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "PYTEST_ADDOPTS", "PYTEST_PLUGINS")
"""What makes runs look otherwise: on a CI machine pytest cuts no line of its summary, and Hypothesis prints more."""


def look_as_everywhere(monkeypatch):
    """Let runs know nothing of the machine, and of a terminal that it has 80 columns."""
    for name in TELLING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def run(pytester, monkeypatch):
    """A function that runs pytest on the source of a test module, with lines for its ini file and a conftest."""
    pytester.makepyfile(peer=PEER)
    look_as_everywhere(monkeypatch)

    def run(source, *arguments, ini="", conftest="", subprocess=False):
        pytester.makeini(INI + ini)
        pytester.makeconftest(conftest)
        pytester.makepyfile(test_it="import pytest\nfrom peer import ask\nfrom pytest_epoll import *\n\n" + source)
        start = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        return start(*(f"-pno:{name}" for name in UNWANTED), *arguments)

    return run


@pytest.fixture
def run_beside(pytester, monkeypatch):
    """A function that runs pytest in a process of its own, with our plugin and those that it is given, no others."""
    pytester.makepyfile(peer=PEER)
    look_as_everywhere(monkeypatch)

    def run_beside(plugins, source, *arguments, ini="", conftest="", environment=(), timeout=60):
        for plugin in plugins:
            if not plugin.startswith("no:"):
                pytest.importorskip(plugin.partition(".")[0])
        scope = "asyncio_default_fixture_loop_scope = function\n" if "pytest_asyncio.plugin" in plugins else ""
        pytester.makeini("[pytest]\n" + scope + ini)
        pytester.makeconftest(conftest)
        pytester.makepyfile(test_it="import pytest\nfrom peer import ask\nfrom pytest_epoll import *\n\n" + source)
        names = ["no:cacheprovider", *(["pytest_epoll.plugin"] if "no:epoll" not in plugins else []), *plugins]
        command = [sys.executable, "-m", "pytest", *(f"-p{name}" for name in names), *arguments]
        everything = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **dict(environment)}
        everything.pop("PYTEST_ADDOPTS", None)
        done = subprocess.run(
            command, cwd=pytester.path, env=everything, capture_output=True, timeout=timeout, check=False
        )
        text = (done.stdout + done.stderr).decode(errors="replace")
        print(text)
        return Outcome(text)

    return run_beside


class Outcome:
    """What a run in another process has printed."""

    def __init__(self, text):
        self.text = text
        self.lines = pytest.LineMatcher(text.splitlines())

    @property
    def counts(self):
        """How many tests ended how, as the last line says."""
        counts = pytest.RunResult.parse_summary_nouns(self.text.splitlines())
        counts.pop("warnings", None)  # other plugins warn of what they like
        return counts
