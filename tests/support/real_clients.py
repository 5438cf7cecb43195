"""What the HTTP clients of Python, and curl, make of an answer, each on a connection of its own."""

from __future__ import annotations

import asyncio
import http.client
import logging

import aiohttp
import httpx
import pytest
import requests
import urllib3

from calling import curl, needs_curl

# What it logs of a malformed head are exceptions, and a kept record keeps their connections alive.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)

WAITS = frozenset(("TimeoutError", "ReadTimeoutError", "ConnectionError", "ReadTimeout", "SocketTimeoutError"))
"""What a client may report when it has waited in vain; requests gives that and a malformed answer the same name."""

PATIENCE, IMPATIENCE = 10.0, 0.5
"""Seconds of a read: where an answer is expected also on a busy machine, and where a client is expected to give up.

The latter must still see the head: requests calls a body that does not come by another name than an answer.
"""


def _http_client(url, timeout):
    address, slash, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        connection.request("GET", slash + path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _urllib3(url, timeout):
    with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
        answer = pool.request("GET", url)
        return answer.status, answer.data


def _requests(url, timeout):
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, timeout=timeout)
        return answer.status_code, answer.content


def _httpx(url, timeout):
    with httpx.Client(trust_env=False, verify=False, timeout=timeout) as client:
        answer = client.get(url)
        return answer.status_code, answer.content


def _aiohttp(url, timeout):
    async def call():
        read = aiohttp.ClientTimeout(total=4 * timeout, sock_read=timeout)
        async with aiohttp.ClientSession(timeout=read) as session, session.get(url) as answer:
            return answer.status, await answer.read()

    return asyncio.run(call())


def _curl(url, timeout):
    done = curl("--max-time", str(timeout), "--write-out", "%{http_code}", url)
    done.check_returncode()
    return int(done.stdout[-3:]), done.stdout[:-3]


CLIENTS = {
    "http.client": _http_client,
    "urllib3": _urllib3,
    "requests": _requests,
    "httpx": _httpx,
    "aiohttp": _aiohttp,
}
"""Those of Python."""

CLIENTS_AND_CURL = [*CLIENTS, pytest.param("curl", marks=needs_curl)]


def read(client, server, path):
    """Let a client fetch a path, read the whole answer and close."""
    (_curl if client == "curl" else CLIENTS[client])(server.url + path, PATIENCE)


def report(client, server, timeout=PATIENCE):
    """Return the name of what a client raises for /x, or its status and body."""
    try:
        return CLIENTS[client](server.url + "/x", timeout)
    except Exception as error:
        return type(error).__name__


def reports(server, expected):
    """Return what each client reports, in the order of `CLIENTS`; who is expected to give up does so soon."""
    waits = WAITS if "ReadTimeoutError" in expected else ()
    return [
        report(client, server, IMPATIENCE if word in waits else PATIENCE)
        for client, word in zip(CLIENTS, expected, strict=True)
    ]
