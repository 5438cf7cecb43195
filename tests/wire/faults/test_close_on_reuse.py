import asyncio
import contextlib
import gc
import http.client
import subprocess
import sys

import aiohttp
import httpx
import pytest
import requests
import urllib3

from calling import curl, needs_curl
from pytest_epoll import EpollServer, faults, steps
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes
BODY = b"x" * 100


def ask(client):
    client.send(GET)
    return client.recv_exactly(140)


# -- rst: unread, unrecorded --


@pytest.mark.parametrize("again", [GET, GET[:1], POST, b"\r\n", b"nonsense\r\n\r\n"])
def test_by_rst_the_first_byte_is_enough_and_nothing_is_read_or_recorded(server, again):
    server.route(path="/x").respond(content=BODY, fault=faults.CloseOnReuse("rst"))
    with RawClient(server.address) as client:
        assert REPLY == ask(client)
        client.send(again)

        assert (b"", "rst") == client.read_to_end()
        [connection] = server.connections
        assert ("server", "rst", len(GET)) == (
            connection.closed_by,
            connection.closed_how,
            connection.bytes_received,
        )
    assert (["GET /x"], []) == ([str(request) for request in server.requests], server.findings())


@pytest.mark.parametrize("first", [GET, POST, CHUNKED])
@pytest.mark.parametrize("pieces", ["one segment", "byte by byte"])
def test_by_rst_a_pipelined_request_is_unread_too(server, first, pieces):
    server.route(path="/x").respond(content=BODY, fault=faults.CloseOnReuse("rst"))
    message = first + POST
    with RawClient(server.address) as client:
        with contextlib.suppress(OSError):  # the RST comes while we send
            for start in range(0, len(message), 1 if pieces == "byte by byte" else len(message)):
                client.send(message[start : start + (1 if pieces == "byte by byte" else len(message))])
        server.connections[0].wait_ended()

        assert REPLY == client.recv_exactly(140)
    [connection] = server.connections
    assert ("server", "rst", len(first)) == (connection.closed_by, connection.closed_how, connection.bytes_received)
    assert (1, []) == (len(server.requests), server.findings())


def test_by_rst_what_was_pipelined_behind_a_slower_answer_is_on_record(server):
    gate = server.gate()
    server.get("/x").respond(content=BODY, gate=gate, times=1).respond(content=BODY, fault=faults.CloseOnReuse("rst"))
    with RawClient(server.address) as client:
        client.send(GET * 3)
        gate.wait_reached()
        gate.open()

        assert (REPLY * 2, "rst") == client.read_to_end()
    assert (3, []) == (len(server.requests), server.findings())


@pytest.mark.parametrize("size", [1_000_000, 8_000_000])
def test_by_rst_a_large_reply_arrives_whole(server, size):
    server.get("/x").respond(content=b"x" * size, fault=faults.CloseOnReuse("rst"))
    with RawClient(server.address) as client:
        client.send(GET)
        client.send(GET)
        data, how = client.read_to_end()

    assert (size, "rst") == (len(data.partition(b"\r\n\r\n")[2]), how)


# -- fin: read whole, recorded, without a byte --


@pytest.mark.parametrize("again", [GET, POST, CHUNKED])
@pytest.mark.parametrize("is_pipelined", [False, True])
def test_by_fin_the_request_is_read_whole_and_gets_not_a_byte(server, again, is_pipelined):
    route = server.route(path="/x").respond(content=BODY, fault=faults.CloseOnReuse())
    with RawClient(server.address) as client:
        if is_pipelined:
            client.send(GET + again)
            assert REPLY == client.recv_exactly(140)
        else:
            assert REPLY == ask(client)
            client.send(again)

        assert (b"", "fin") == client.read_to_end()
        [_, request] = server.requests
        assert (again, True, None, 0) == (
            request.raw,
            request.complete,
            request.response_status,
            request.response_bytes_sent,
        )
        assert ("server", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)
    assert (1, []) == (route.call_count, server.findings())


def test_by_fin_a_request_that_comes_byte_by_byte_is_read_to_its_last_one(server):
    server.route(path="/x").respond(content=BODY, fault=faults.CloseOnReuse())
    with RawClient(server.address) as client:
        ask(client)
        for byte in CHUNKED[:-1]:
            client.send(bytes((byte,)))
        assert server.connections[0].is_open
        client.send(CHUNKED[-1:])

        assert (b"", "fin") == client.read_to_end()
    assert b"hello" == server.last_request.body


def test_by_fin_no_reply_of_any_route_is_used(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(), times=1).respond(204)
    server.post("/y").respond(fault=faults.Reset(after_reading="head"), times=1)
    server.allow("unused")
    with RawClient(server.address) as client:
        ask(client)
        client.send(POST.replace(b"/x", b"/y"))

        assert (b"", "fin") == client.read_to_end()
    with RawClient(server.address) as client:
        client.send(GET)
        assert b"HTTP/1.1 204 No Content\r\n\r\n" == client.recv_exactly(27)
    assert [] == server.findings()


def test_by_fin_a_client_that_waits_for_100_continue_gets_none(server):
    server.route(path="/x").respond(content=BODY, fault=faults.CloseOnReuse())
    with RawClient(server.address) as client:
        ask(client)
        client.send(b"PUT /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")

        assert (b"", "fin") == client.read_to_end()
        assert (False, None) == (server.last_request.complete, server.last_request.continued_at)
    assert [] == server.findings()


def test_by_fin_a_malformed_request_gets_no_400_either(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse())
    with RawClient(server.address) as client:
        ask(client)
        client.send(b"nonsense\r\n\r\n")

        assert (b"", "fin") == client.read_to_end()
    assert ["malformed"] == [finding.kind for finding in server.findings()]


# -- either way --


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("part", ["close", "shutdown", "reset"])
def test_a_client_that_never_comes_back_leaves_it_unfired(server, how, part):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(how))
    with RawClient(server.address) as client:
        ask(client)
        getattr(client, part)()
        server.connections[0].wait_ended()

    assert ("client", "rst" if part == "reset" else "fin") == (
        server.connections[0].closed_by,
        server.connections[0].closed_how,
    )
    [finding] = server.findings()
    assert "no connection was used again behind the reply" in finding.text


def test_a_client_that_leaves_within_its_request_leaves_it_unfired(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse())
    with RawClient(server.address) as client:
        ask(client)
        client.send(GET[:-1])

    server.connections[0].wait_ended()
    assert (False, "client") == (server.last_request.complete, server.connections[0].closed_by)
    assert ["unfired"] == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_while_it_waits_the_server_is_idle(server, how):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(how))
    with RawClient(server.address) as client:
        ask(client)
        server.wait_idle(timeout=0)

        assert 1 == server.close_connections(idle_only=True)
        assert (b"", "fin") == client.read_to_end()


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_stop_ends_it_at_once(trigger_mode, how):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(how))
        with RawClient(server.address) as client:
            ask(client)
            server.stop()

            assert (b"", "fin") == client.read_to_end()


def test_a_route_may_look_at_the_body(server):
    server.post("/x", body=b"hello").respond(content=BODY, fault=faults.CloseOnReuse("rst"))
    with RawClient(server.address) as client:
        client.send(POST + POST)

        assert (REPLY, "rst") == client.read_to_end()
    assert (1, []) == (len(server.requests), server.findings())


@pytest.mark.parametrize("poller", ["poll", "select"])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_other_pollers_keep_the_promise(poller, how):
    with EpollServer(poller=poller) as server:
        server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(how))
        with RawClient(server.address) as client:
            assert REPLY == ask(client)
            client.send(GET)

            assert (b"", how) == client.read_to_end()
        assert ({"fin": 2, "rst": 1}[how], []) == (len(server.requests), server.findings())


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_for_a_client_in_another_process(server, how):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(how))
    call = (
        "import sys\nfrom pytest_epoll.testing import RawClient\n"
        "with RawClient((sys.argv[1], int(sys.argv[2]))) as client:\n"
        f"    client.send({GET!r})\n    print(len(client.recv_exactly(140)))\n"
        f"    client.send({GET!r})\n    print(*client.read_to_end())\n"
    )
    command = [sys.executable, "-c", call, server.host, str(server.port)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)

    assert f"140\nb'' {how}\n" == finished.stdout


# -- real clients --


@pytest.mark.parametrize(("how", "error"), [("fin", http.client.RemoteDisconnected), ("rst", ConnectionResetError)])
def test_what_http_client_says(server, how, error):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(how))
    with contextlib.closing(http.client.HTTPConnection(*server.address, timeout=5)) as connection:
        connection.request("GET", "/x")
        connection.getresponse().read()
        with pytest.raises(error):
            connection.request("GET", "/x")
            connection.getresponse()
    assert [] == server.findings()


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_urllib3_repeats_it_only_if_it_is_told_to(server, monkeypatch, how):
    monkeypatch.setattr(urllib3.connectionpool.log, "disabled", True)  # pytest would keep the exception that it logs
    server.route(path="/x").respond(content=BODY, fault=faults.CloseOnReuse(how))
    with urllib3.PoolManager(retries=False) as pool:
        pool.request("GET", server.url + "/x")
        with pytest.raises(urllib3.exceptions.ProtocolError):
            pool.request("GET", server.url + "/x")
    with urllib3.PoolManager(retries=1) as pool:
        pool.request("GET", server.url + "/x")
        assert BODY == pool.request("GET", server.url + "/x").data
    with urllib3.PoolManager(retries=1) as pool:
        pool.request("GET", server.url + "/x")
        with pytest.raises(urllib3.exceptions.ProtocolError):
            pool.request("POST", server.url + "/x", body=b"hello")
    gc.collect()  # behind a retry the next connection is kept open by a cycle


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_what_requests_says(server, how):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(how))
    with requests.Session() as session:
        session.trust_env = False
        session.get(server.url + "/x", timeout=5)
        with pytest.raises(requests.ConnectionError):
            session.get(server.url + "/x", timeout=5)
    assert [] == server.findings()


@pytest.mark.parametrize(("how", "error"), [("fin", httpx.RemoteProtocolError), ("rst", httpx.ReadError)])
def test_what_httpx_says(server, how, error):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(how))
    with httpx.Client(trust_env=False, verify=False) as client:
        client.get(server.url + "/x")
        with pytest.raises(error):
            client.get(server.url + "/x")
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("how", "method", "outcome"),
    [
        ("fin", "GET", 200),
        ("rst", "GET", 200),
        ("fin", "POST", "ServerDisconnectedError"),
        ("rst", "POST", "ClientOSError"),
    ],
)
def test_aiohttp_silently_repeats_what_is_idempotent(server, how, method, outcome):
    server.route(path="/x").respond(content=BODY, fault=faults.CloseOnReuse(how))

    async def call(session, method):
        async with session.request(method, server.url + "/x") as answer:
            await answer.read()
            return answer.status

    async def main():
        async with aiohttp.ClientSession() as session:
            await call(session, "GET")
            try:
                return await call(session, method)
            except aiohttp.ClientError as error:
                return type(error).__name__

    assert outcome == asyncio.run(main())
    assert (2 if outcome == 200 else 1) == len(server.connections)


@needs_curl
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_curl_silently_repeats_it(server, how):
    server.get("/x").respond(content=BODY, fault=faults.CloseOnReuse(how), times=1).respond(content=BODY)
    finished = curl(server.url + "/x", server.url + "/x")

    assert (0, BODY * 2) == (finished.returncode, finished.stdout)
    assert (2, []) == (len(server.connections), server.findings())


@pytest.mark.parametrize(("how", "listed"), [("fin", 2), ("rst", 1)])
def test_on_an_answer_in_a_script_it_acts_on_what_the_routes_would_answer_next(server, how, listed):
    answer = steps.respond(content=BODY, fault=faults.CloseOnReuse(how))
    server.script(steps.read_request(), answer, steps.routes(), connection=0)
    server.get("/x", optional=True).respond()
    with RawClient(server.address) as client:
        assert REPLY == ask(client)
        client.send(GET)

        assert (b"", how) == client.read_to_end()
    assert (listed, []) == (len(server.requests), server.findings())
