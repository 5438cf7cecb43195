"""httpx without what costs it 34 ms a call: certificates and the environment."""

from __future__ import annotations

import httpx


def fetch(url, method="GET", **how):
    """Return httpx's answer to one request on a connection of its own."""
    with httpx.Client(trust_env=False, verify=False) as client:
        return client.request(method, url, **how)


def async_client():
    """Return an `httpx.AsyncClient` to enter."""
    return httpx.AsyncClient(trust_env=False, verify=False)
