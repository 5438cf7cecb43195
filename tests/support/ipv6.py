"""What a test that needs IPv6 says where there is none, as in many containers."""

from __future__ import annotations

import socket

import pytest


def _is_there():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not _is_there(), reason="there is no IPv6 here")
