"""Connections that a client means to keep, and a server that closes them."""

from concurrent.futures import ThreadPoolExecutor

import aiohttp
import httpx
import pytest
import urllib3

from calling import ask, connected
from pytest_epoll import Response, faults, steps
from pytest_epoll.testing import in_thread


def test_fp_001_a_pool_recovers_from_a_server_that_has_closed_its_connection(server, make_pool):
    server.get("/").respond(text="first", fault=faults.HangUp("end")).respond(text="second")

    pool = make_pool(retries=False)
    assert b"first" == pool.request("GET", server.url).data
    server.connections[0].wait_closed()
    assert b"second" == pool.request("GET", server.url).data

    assert [0, 1] == [request.connection_index for request in server.requests]


@pytest.mark.parametrize("headers", [None, {"Connection": "close"}], ids=["unannounced", "announced"])
@pytest.mark.asyncio
async def test_fp_002_no_answer_is_lost_when_each_connection_closes_behind_it(server, headers):
    server.get("/").respond(content=b"ok", headers=headers, fault=faults.HangUp("end"))

    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(server.url) as answer:
                assert b"ok" == await answer.read()

    assert [0] * len(server.requests) == [request.exchange_index for request in server.requests]
    assert 2 == len(server.requests)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_fp_003_idle_connections_are_reused_until_the_server_closes_them(server, method):
    server.route(method, "/").respond_with(lambda request: str(request.client_address[1]))

    with httpx.Client(trust_env=False, verify=False) as client:
        ports = [client.request(method, server.url).text for _ in range(2)]
        assert 1 == server.close_connections(idle_only=True)
        ports.append(client.request(method, server.url).text)

    assert ports[0] == ports[1] != ports[2]


@pytest.mark.slow
def test_fp_004_every_one_of_500_calls_ends_though_each_connection_closes_behind_its_answer(server, make_pool):
    server.get("/").respond(content=b"hello", fault=faults.HangUp("end"))

    def call(pool):
        try:
            return pool.request("GET", server.url).data
        except urllib3.exceptions.ProtocolError:
            return b""  # the FIN was faster than the next request, and the caller is told

    pool = make_pool(maxsize=20, block=True, retries=False)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(call, [pool] * 500))

    assert 500 == answers.count(b"hello") + answers.count(b"")
    assert 20 <= answers.count(b"hello")


@pytest.mark.parametrize("size", [1024, 16384])
@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
def test_fp_007_a_post_is_sent_again_whole_when_its_reused_connection_closes(server, make_pool, size, is_chunked):
    server.get("/").respond()
    server.post("/").respond_with(faults.HangUp(), 200)

    body = b"x" * size
    pool = make_pool(retries=urllib3.Retry(1, allowed_methods=None))
    pool.request("GET", server.url)
    assert 200 == pool.request("POST", server.url, body=body, chunked=is_chunked).status

    attempts = server.requests[1:]
    assert [body, body] == [request.body for request in attempts]
    assert [(0, 1), (1, 0)] == [(request.connection_index, request.exchange_index) for request in attempts]


def test_fp_007_without_retries_the_error_surfaces_and_nothing_is_asked_again(server, make_pool):
    server.get("/").respond()
    server.post("/").respond_with(faults.HangUp())

    pool = make_pool(retries=False)
    pool.request("GET", server.url)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        pool.request("POST", server.url, body=b"x")

    server.assert_requested("POST", "/", times=1)


def test_fp_008_a_half_closed_connection_fails_the_post_and_is_not_used_again(server, make_pool):
    server.get("/").respond()
    server.post("/").respond(fault=faults.HalfClose(after=0))

    pool = make_pool(retries=3)
    pool.request("GET", server.url)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        pool.request("POST", server.url, body=b"x")
    pool.request("GET", server.url)

    assert [0, 0, 1] == [request.connection_index for request in server.requests]
    assert "client" == server.connections[0].closed_by


def test_fp_009_a_connection_that_was_half_closed_behind_an_answer_is_not_used_again(server, make_pool):
    server.get("/").respond(text="first", fault=faults.HalfClose("end")).respond(text="second")

    pool = make_pool(retries=False)
    assert b"first" == pool.request("GET", server.url).data
    server.connections[0].wait_event("fin-sent")
    assert b"second" == pool.request("GET", server.url).data

    assert [0, 1] == [request.connection_index for request in server.requests]


def test_fp_011_a_connection_that_is_counted_down_is_replaced_when_it_closes(server):
    endings = [{"Keep-Alive": "max=2"}, {"Keep-Alive": "max=1"}, {"Connection": "close"}]
    server.get("/").respond_with(lambda request: Response(headers=endings[request.exchange_index]))

    with httpx.Client(trust_env=False, verify=False) as client:
        for _ in range(5):
            client.get(server.url)

    assert [0, 0, 0, 1, 1] == [request.connection_index for request in server.requests]


def test_fp_014_a_client_closes_by_itself_when_the_server_says_that_it_will_and_does_not(server):
    server.script(steps.respond(headers={"Connection": "close"}), steps.stall(), connection=0)
    gate = server.gate()
    server.script(steps.wait(gate), steps.read_request(), steps.respond(), connection=1)

    with httpx.Client(trust_env=False, verify=False) as client:
        client.get(server.url)
        assert "client" == server.connections[0].closed_by
        gate.open()
        client.get(server.url)

    assert 2 == len(server.connections)


def test_fp_026_a_call_recovers_when_its_reused_connection_closes_after_the_request_was_sent(server, make_pool):
    gate = server.gate()
    server.get("/").respond().respond_with(faults.HangUp(), gate=gate).respond(text="recovered")

    pool = make_pool(retries=1)
    pool.request("GET", server.url)
    call = in_thread(pool.request, "GET", server.url)
    gate.wait_reached()
    gate.open()
    assert b"recovered" == call.result(timeout=5).data

    assert [0, 0, 1] == [request.connection_index for request in server.requests]


@pytest.mark.asyncio
async def test_fp_028_a_connection_on_which_a_read_timed_out_is_closed_and_not_reused(server):
    server.get("/").respond(delay=60, times=2).respond()

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=0.5)) as session:
        for _ in range(2):
            with pytest.raises(aiohttp.SocketTimeoutError):
                await session.get(server.url)
            await server.connections[-1].aio.wait_closed()

        assert ["client", "client"] == [connection.closed_by for connection in server.connections]

        for _ in range(2):
            async with session.get(server.url) as answer:
                assert 200 == answer.status

    assert [0, 1, 2, 2] == [request.connection_index for request in server.requests]


def test_fp_029_closing_a_response_closes_its_connection(server):
    server.get("/").respond()

    with urllib3.HTTPConnectionPool(*server.address) as pool:
        pool.request("GET", "/", preload_content=False).close()

        assert ("client", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)


@pytest.mark.parametrize("pieces", [[b"x" * 20_000], [b"x" * 100] * 200], ids=["in one write", "in many writes"])
def test_fp_030_a_body_that_ends_with_the_connection_is_delivered_whole(server, pieces):
    server.script(steps.read_request(), steps.send(b"HTTP/1.1 200 OK\r\n\r\n", *pieces), steps.close(drain=False))

    with connected(server) as client:
        assert (200, b"x" * 20_000) == ask(client)

    assert ("server", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)
