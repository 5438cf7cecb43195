"""Refusing, stalling and pausing under pytest: what a test is told, and what it is judged by."""

import pytest

from ipv6 import needs_ipv6


@pytest.mark.parametrize(
    ("block", "error"),
    [
        ("refusing_connections", "httpx.ConnectError"),
        ("stalling_connections", "httpx.ConnectTimeout"),
        ("pausing_accepts", "httpx.ReadTimeout"),
    ],
)
@pytest.mark.parametrize("how", ["block", "plain"])
def test_a_client_that_could_not_connect_leaves_no_finding(run, block, error, how):
    plain = {"refusing_connections": "refuse_connections", "stalling_connections": "stall_connections"}
    ask = f"with epoll_server.{block}():" if how == "block" else "if True:"
    call = "" if how == "block" else f"epoll_server.{plain.get(block, 'pause_accepts')}()"
    result = run(f"""
import httpx, pytest

def test_it(epoll_server, epoll_client):
    epoll_server.get("/x", optional=True).respond()
    {call}
    {ask}
        with pytest.raises({error}):
            epoll_client.get("/x", timeout=0.1)
""")

    result.assert_outcomes(passed=1)


@pytest.mark.skipif(not hasattr(BaseException, "add_note"), reason="exceptions take notes from Python 3.11 on")
@pytest.mark.parametrize(
    ("block", "note"),
    [
        ("refusing_connections", "refused connections until then"),
        ("stalling_connections", "left connects unanswered until then"),
    ],
)
def test_a_client_that_stumbles_over_it_is_told_what_it_was(run, block, note):
    result = run(f"""
def test_it(epoll_server, epoll_client):
    with epoll_server.{block}():
        epoll_client.get("/x", timeout=0.1)
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *wire: no connection reached the server at http://*, which {note}"])


def test_the_timeline_of_a_failing_test_says_when_nobody_could_connect(run):
    result = run("""
def test_it(epoll_server, epoll_client):
    epoll_server.get("/x").respond()
    epoll_client.get("/x")
    with epoll_server.refusing_connections():
        assert False
""")

    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [
            r" +\d+\.\d +- +! the listener refuses connections who connects now is not on record$",
            r" +\d+\.\d +- +the listener accepts connections$",
        ]
    )


def test_a_request_that_comes_out_of_the_queue_is_judged_like_any_other(run):
    """The client had given up, but it had asked: a server that was only busy would have read it, too."""
    result = run("""
import httpx, pytest

def test_it(epoll_server, epoll_client):
    with epoll_server.pausing_accepts(), pytest.raises(httpx.ReadTimeout):
        epoll_client.get("/nowhere", timeout=0.1)
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E * unmatched: c0.0 GET /nowhere"])


@needs_ipv6
def test_the_mark_takes_several_hosts(run):
    result = run("""
import httpx, pytest

@pytest.mark.epoll_server(host=("127.0.0.1", "::1"))
def test_it(epoll_server):
    epoll_server.get("/x").respond(text="here")

    assert ["here", "here"] == [httpx.get(listener.url + "/x").text for listener in epoll_server.listeners]
    assert ["127.0.0.1", "::1"] == [connection.client_address[0] for connection in epoll_server.connections]
""")

    result.assert_outcomes(passed=1)


def test_the_next_test_finds_a_listener_that_accepts(run):
    result = run("""
import httpx, pytest

@pytest.fixture(scope="module")
def server():
    from pytest_epoll import EpollServer
    with EpollServer() as server:
        yield server

@pytest.mark.parametrize("number", [0, 1])
def test_it(server, number):
    server.clear()
    server.get("/x").respond(text="here")
    assert "here" == httpx.get(server.url + "/x").text
    server.refuse_connections()
""")

    result.assert_outcomes(passed=2)
