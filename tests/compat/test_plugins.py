"""Beside other plugins: what they do to a test does not change what its server does, and the other way round."""

from __future__ import annotations

import pytest

ONE_GOOD_ONE_BAD = """
def test_good(epoll_server):
    epoll_server.get("/x").respond()
    assert b"HTTP/1.1 200 OK" == ask(epoll_server)

def test_bad(epoll_server):
    ask(epoll_server, "/nobody")
"""

FOUND = ["E   unmatched: c0.0 GET /nobody", "*epoll wire timeline (1 connection, 1 request)*"]


def test_alone(run_beside):
    """The reference for all that follows."""
    result = run_beside([], ONE_GOOD_ONE_BAD)

    assert {"passed": 1, "failed": 1} == result.counts
    result.lines.fnmatch_lines(FOUND)


@pytest.mark.parametrize("distribution", ["load", "worksteal"])
def test_xdist(run_beside, distribution):
    result = run_beside(["xdist.plugin"], ONE_GOOD_ONE_BAD, "-n2", f"--dist={distribution}")

    assert {"passed": 1, "failed": 1} == result.counts
    result.lines.fnmatch_lines(FOUND)


def test_randomly_shuffles_and_seeds_as_it_likes(run_beside):
    result = run_beside(["pytest_randomly"], ONE_GOOD_ONE_BAD)

    assert {"passed": 1, "failed": 1} == result.counts
    result.lines.fnmatch_lines(FOUND)


ASYNC_TESTS = """
import httpx
from pytest_epoll.testing import RawClient

{mark}
async def test_good(epoll_server, epoll_async_client):
    epoll_server.get("/x").respond()
    async with epoll_async_client as client:
        assert 200 == (await client.get("/x")).status_code
    [request] = await epoll_server.aio.wait_for_requests()
    assert "GET /x" == str(request)

{mark}
async def test_handler_on_the_loop_of_the_test(epoll_server, epoll_async_client):
    @epoll_server.get("/x").handler
    async def handler(request):
        await {sleep}(0)
        return 204
    async with epoll_async_client as client:
        assert 204 == (await client.get("/x")).status_code

{mark}
async def test_bad(epoll_server):
    ask(epoll_server, "/nobody")

{mark}
async def test_a_blocking_wait_would_freeze_the_loop(epoll_server):
    with pytest.raises(errors.UsageError, match="freeze"):
        epoll_server.wait_for_requests()
"""


@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_asyncio(run_beside, mode):
    mark = "@pytest.mark.asyncio" if mode == "strict" else ""
    source = "import asyncio\nfrom pytest_epoll import errors\n" + ASYNC_TESTS.format(mark=mark, sleep="asyncio.sleep")
    result = run_beside(["pytest_asyncio.plugin"], source, f"--asyncio-mode={mode}", "-Werror")

    assert {"passed": 3, "failed": 1} == result.counts
    result.lines.fnmatch_lines(FOUND)


def test_asyncio_with_a_fixture_that_asks_in_its_teardown(run_beside):
    result = run_beside(
        ["pytest_asyncio.plugin"],
        """
import pytest_asyncio

@pytest_asyncio.fixture
async def session(epoll_server, epoll_async_client):
    async with epoll_async_client as client:
        yield client
        await client.post("/logout")

@pytest.mark.asyncio
async def test_it(session):
    pass
""",
    )

    assert {"passed": 1, "errors": 1} == result.counts
    result.lines.fnmatch_lines(
        ["E   *EpollFindings: after the test had ended: 1 finding", "E   unmatched: c0.0 POST /logout"]
    )


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(run_beside, backend):
    pytest.importorskip(backend)
    source = (
        "import anyio\nfrom pytest_epoll import errors\n"
        f"@pytest.fixture\ndef anyio_backend():\n    return {backend!r}\n"
        + ASYNC_TESTS.format(mark="@pytest.mark.anyio", sleep="anyio.sleep")
    )
    result = run_beside(["anyio.pytest_plugin"], source, "-Werror")

    assert {"passed": 3, "failed": 1} == result.counts
    result.lines.fnmatch_lines(FOUND)


HANGING = """
from pytest_epoll.testing import RawClient

def test_in_the_client(epoll_server):
    epoll_server.get("/x").respond(fault=faults.Stall())
    with RawClient(epoll_server.address, timeout=60) as client:
        client.send(b"GET /x HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n")
        client.recv()

def test_in_a_wait(epoll_server):
    epoll_server.wait_for_requests(timeout=60)

def test_in_the_predicate(epoll_server):
    import time
    epoll_server.get("/x", where=lambda request: time.sleep(0.7)).respond()
    ask(epoll_server)

def test_after_that(epoll_server):
    epoll_server.get("/x").respond()
    assert b"HTTP/1.1 200 OK" == ask(epoll_server)
"""


def test_timeout_ends_a_test_that_hangs_and_shows_its_wire(run_beside):
    result = run_beside(["pytest_timeout"], HANGING, "--timeout=0.5", "--timeout-method=signal")

    assert {"passed": 1, "failed": 3} == result.counts
    result.lines.fnmatch_lines(
        [
            "*test_in_the_client*",
            "E*Failed: Timeout*",
            "*epoll wire timeline*",
            "*faults.Stall()*",
            "*test_in_a_wait*",
            "E*Failed: Timeout*",
            "*test_in_the_predicate*",
            "E*Failed: Timeout*",
        ]
    )


def test_timeout_by_thread_ends_the_run_and_shows_our_threads(run_beside):
    result = run_beside(["pytest_timeout"], HANGING, "--timeout=0.5", "--timeout-method=thread")

    assert "Stack of epoll-server-" in result.text


def test_rerunfailures_runs_a_test_with_findings_again_on_a_fresh_server(run_beside):
    result = run_beside(
        ["pytest_rerunfailures"],
        """
ports = []

def test_it(epoll_server):
    ports.append(epoll_server.port)
    assert 0 == len(epoll_server.requests)
    epoll_server.get("/x").respond()
    ask(epoll_server)
    if len(ports) < 3:
        ask(epoll_server, "/nobody")
""",
        "--reruns=3",
    )

    assert {"passed": 1, "rerun": 2} == result.counts


def test_socket_that_forbids_everything_is_named_with_the_way_out(run_beside):
    result = run_beside(["pytest_socket"], ONE_GOOD_ONE_BAD, "--disable-socket")

    assert {"errors": 2} == result.counts
    result.lines.fnmatch_lines(["E*UsageError: pytest-socket*", "E*--allow-hosts=127.0.0.1*enable_socket*"])


def test_socket_that_allows_the_loopback(run_beside):
    source = (
        ONE_GOOD_ONE_BAD
        + """
def test_reset(epoll_server):
    epoll_server.get("/x").respond(content=b"hello", fault=faults.Reset(after=7))
    assert b"HTTP/1." == ask(epoll_server)
    assert "server" == epoll_server.connections[0].closed_by

def test_elsewhere():
    import socket
    from pytest_socket import SocketConnectBlockedError
    with pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
"""
    )
    result = run_beside(["pytest_socket"], source, "--allow-hosts=127.0.0.1")

    assert {"passed": 3, "failed": 1} == result.counts
    result.lines.fnmatch_lines(FOUND)


def test_socket_that_one_test_enables(run_beside):
    source = ONE_GOOD_ONE_BAD.replace("def test", "@pytest.mark.enable_socket\ndef test")
    result = run_beside(["pytest_socket"], source, "--disable-socket")

    assert {"passed": 1, "failed": 1} == result.counts
    result.lines.fnmatch_lines(FOUND)


FROZEN = """
from pytest_epoll import errors

def test_it(epoll_server):
    epoll_server.get("/x").respond(delay=0.01).respond(fault=faults.Delay(0.01, after="head"))
    with {freeze}:
        assert b"HTTP/1.1 200 OK" == ask(epoll_server)
        assert b"HTTP/1.1 200 OK" == ask(epoll_server)
        with pytest.raises(errors.WaitTimeout):
            epoll_server.wait_for_requests(3, timeout=0.05)
        assert epoll_server.timeline[-1].at > epoll_server.timeline[0].at

def test_stops_in_frozen_time(request):
    with {freeze}:
        with EpollServer() as server:
            ask(server)

def test_bad(epoll_server):
    with {freeze}:
        ask(epoll_server, "/nobody")
"""


@pytest.mark.parametrize(
    ("library", "freeze"),
    [
        ("freezegun", 'freezegun.freeze_time("2000-01-01")'),
        ("time_machine", "time_machine.travel(0, tick=False)"),
        ("time_machine", "time_machine.travel(2e9)"),
    ],
)
def test_time_that_stands_still_or_travels(run_beside, library, freeze):
    pytest.importorskip(library)
    plugins = [library] if library == "time_machine" else []
    result = run_beside(plugins, f"import {library}\n" + FROZEN.format(freeze=freeze), "-Werror")

    assert {"passed": 2, "failed": 1} == result.counts
    result.lines.fnmatch_lines(FOUND)


def test_respx_passes_through_what_it_is_told_to(run_beside):
    result = run_beside(
        ["respx.plugin"],
        """
import httpx

def test_both(epoll_server, epoll_client, respx_mock):
    respx_mock.get("https://elsewhere.example/").respond(202)
    respx_mock.route(host="127.0.0.1").pass_through()
    epoll_server.get("/x").respond(201)

    assert 202 == httpx.get("https://elsewhere.example/").status_code
    assert 201 == epoll_client.get("/x").status_code
    assert 1 == len(epoll_server.requests)
""",
    )

    assert {"passed": 1} == result.counts


def test_httpserver_in_one_test(run_beside):
    result = run_beside(
        ["pytest_httpserver.pytest_plugin"],
        """
import httpx

def test_both(epoll_server, epoll_client, httpserver):
    httpserver.expect_request("/x").respond_with_json({"from": "httpserver"})
    epoll_server.get("/x").respond(json={"from": "epoll"})

    answers = [httpx.get(url, trust_env=False).json() for url in (httpserver.url_for("/x"), epoll_server.url + "/x")]
    assert [{"from": "httpserver"}, {"from": "epoll"}] == answers
""",
    )

    assert {"passed": 1} == result.counts
