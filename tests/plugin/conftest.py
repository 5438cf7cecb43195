"""Runs of pytest inside of a test, in this process; what they import stays imported between them."""

from __future__ import annotations

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


@pytest.fixture
def run(pytester):
    """A function that runs pytest on the source of a test module, with lines for its ini file and a conftest."""
    pytester.makepyfile(peer=PEER)

    def run(source, *arguments, ini="", conftest="", subprocess=False):
        pytester.makeini(INI + ini)
        pytester.makeconftest(conftest)
        pytester.makepyfile(test_it="import pytest\nfrom peer import ask\nfrom pytest_epoll import *\n\n" + source)
        start = pytester.runpytest_subprocess if subprocess else pytester.runpytest_inprocess
        without = [] if subprocess else [f"-pno:{name}" for name in UNWANTED]
        return start(*without, *arguments)

    return run
