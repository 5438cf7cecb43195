"""The client fixtures, and that nobody pays for what was not asked for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def test_epoll_client_asks_the_tests_server_and_no_proxy(run, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    result = run("""
import httpx

def test_it(epoll_server, epoll_client):
    epoll_server.get("/x").respond(json={"a": 1})
    assert isinstance(epoll_client, httpx.Client)
    assert {"a": 1} == epoll_client.get("/x").json()
    assert epoll_server.url == str(epoll_client.base_url).rstrip("/")
""")

    result.assert_outcomes(passed=1)


def test_epoll_client_is_closed_before_the_server_stops(run):
    result = run("""
seen = []

def test_one(epoll_server, epoll_client):
    epoll_server.get("/x").respond()
    epoll_client.get("/x")
    seen.append(epoll_server.connections[0])
    assert seen[0].is_open

def test_two():
    assert ("client", "fin") == (seen[0].closed_by, seen[0].closed_how)
""")

    result.assert_outcomes(passed=2)


@pytest.mark.parametrize("runner", ["asyncio.run", "trio.run"])
def test_epoll_async_client_needs_no_async_plugin(run, runner):
    result = run(
        f"""
import {runner.partition(".")[0]}
import httpx

def test_it(epoll_server, epoll_async_client):
    epoll_server.get("/x").respond(json=[1])

    async def main():
        async with epoll_async_client as client:
            assert isinstance(client, httpx.AsyncClient)
            return (await client.get("/x")).json()

    assert [1] == {runner}(main)
""".replace("asyncio.run(main)", "asyncio.run(main())"),
        "-p",
        "no:asyncio",
        "-p",
        "no:anyio",
    )

    result.assert_outcomes(passed=1)


def test_epoll_async_client_that_nobody_enters_leaves_nothing_behind(run):
    result = run("def test_it(epoll_async_client): pass", "-W", "error")

    result.assert_outcomes(passed=1)


def test_a_client_trusts_nobody_rather_than_everybody(run):
    """Certificates are not loaded; a client that is sent elsewhere must fail there and not be fooled."""
    result = run("""
import ssl

def test_it(epoll_client, epoll_async_client):
    for client in (epoll_client, epoll_async_client):
        context = client._transport._pool._ssl_context
        assert (ssl.CERT_REQUIRED, True, []) == (context.verify_mode, context.check_hostname, context.get_ca_certs())
""")

    result.assert_outcomes(passed=1)


HEAVY = ("httpx", "ssl", "asyncio", "http.client", "email", "httptools", "pytest_epoll.server")


@pytest.mark.parametrize(
    ("test", "loaded"),
    [
        ("def test_it(): pass", []),
        ("def test_it(epoll_server): pass", ["httptools", "pytest_epoll.server"]),
    ],
    ids=["nothing", "the server"],
)
def test_only_what_a_test_asks_for_is_loaded(pytester, test, loaded):
    pytester.makepyfile(test_it=test)
    script = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "assert 0 == pytest.main(['-q', '-p', 'pytest_epoll.plugin', '-p', 'no:cacheprovider'])\n"
        f"print('loaded:', *[name for name in {HEAVY} if name in sys.modules and name not in before])\n"
    )
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # what other plugins load is their business
    output = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    ).stdout

    assert ["loaded:", *loaded] == output.splitlines()[-1].split()
