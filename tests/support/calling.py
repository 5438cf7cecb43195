"""Clients, each called as its users call it, without proxies of the environment and without certificates."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import closing
from http.client import HTTPConnection

import pytest

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on the path")


def curl(*arguments, body=None):
    """Return what `curl` came to, given a body as its input: `returncode`, `stdout` and `stderr`, the latter bytes."""
    command = ["curl", "--disable", "--silent", "--show-error", "--max-time", "20", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(command, env=environment, input=body, capture_output=True, check=False)


def connected(server, timeout=5):
    """Return an `http.client.HTTPConnection` to enter; it is closed at the end."""
    return closing(HTTPConnection(*server.address, timeout=timeout))


def ask(client, method="GET", target="/", **how):
    """Return status and body of one request of an `HTTPConnection`."""
    client.request(method, target, **how)
    with client.getresponse() as response:
        return response.status, response.read()
