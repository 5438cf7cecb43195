"""Several requests at once, on one connection or on many, and clients that change their mind."""

import asyncio
import re

import aiohttp
import httpx
import pytest

from pytest_epoll import faults, steps
from pytest_epoll.testing import RawClient, in_thread


def test_fp_182_of_three_connections_a_pool_of_two_keeps_two(server, make_pool):
    gates = [server.gate() for _ in range(3)]
    server.get("/{n:int}").respond_with(lambda request: gates[request.path_params["n"]].wait() or 200)

    pool = make_pool(maxsize=2)
    calls = [in_thread(pool.request, "GET", server.url_for(f"/{n}")) for n in range(3)]
    for gate in gates:
        gate.wait_reached()
    assert 3 == len(server.connections)
    for gate, call in zip(gates, calls):
        gate.open()
        call.result(timeout=30)

    assert 2 == sum(connection.is_open for connection in server.connections)


def test_fp_183_a_request_that_waits_is_sent_on_the_connection_that_becomes_free(server):
    gate = server.gate()
    server.get("/a").respond(text="a", fault=faults.Wait(gate, after="head"))
    server.get("/b").respond(text="b")

    limits = httpx.Limits(max_connections=1)
    with httpx.Client(base_url=server.url, trust_env=False, verify=False, limits=limits, timeout=30) as client:
        with client.stream("GET", "/a") as first:
            second = in_thread(client.get, "/b")
            server.assert_not_requested("GET", "/b")
            gate.open()
            first.read()
        assert "b" == second.result(timeout=30).text

    assert [0, 0] == [request.connection_index for request in server.requests]


def test_fp_185_ten_pipelined_requests_are_read_before_the_first_answer_and_answered_in_order(server):
    gate = server.gate()
    server.get("/0").respond_with(lambda request: request.path, gate=gate)
    server.route(path="/{n}").respond_with(lambda request: request.path)

    with RawClient(server.address) as client:
        for n in range(20):
            if n == 10:
                assert 10 == len(server.wait_for_requests(10))
                gate.open()
            client.send(f"GET /{n} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        answers = b""
        while not answers.endswith(b"/19"):
            answers += client.recv()

    assert [b"/%d" % n for n in range(20)] == re.findall(rb"\r\n\r\n(/\d+)", answers)


@pytest.mark.asyncio
async def test_fp_186_a_request_that_is_cancelled_while_it_waits_is_never_sent(server):
    gate = server.gate()
    server.get("/first").respond(gate=gate)

    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(server.url, connector=connector) as session:
        first = asyncio.create_task(session.get("/first"))
        await gate.aio.wait_reached()
        second = asyncio.create_task(session.get("/second"))
        await asyncio.sleep(0)
        second.cancel()
        gate.open()
        (await first).release()

    assert ["GET /first"] == [str(request) for request in server.requests]


@pytest.mark.asyncio
async def test_fp_188_a_call_that_is_cancelled_in_the_middle_of_its_head_closes_the_connection(server):
    server.script(steps.read_exactly(3), steps.mark("three bytes"), steps.stall())

    async with aiohttp.ClientSession() as session:
        call = asyncio.create_task(session.get(server.url))
        await server.aio.wait_for_mark("three bytes")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await server.connections[0].aio.wait_closed()

    assert [] == server.requests
    assert "client" == server.connections[0].closed_by


def test_fp_190_aborting_a_resumed_download_closes_its_connection(server):
    broken = [faults.Delay(0.1, after=faults.body(2**20)), faults.Reset(faults.body(2**20))]
    route = server.get("/").respond(content=b"x" * 2**22, fault=broken)
    rest = {"Content-Range": f"bytes {2**20}-{2**22 - 1}/{2**22}"}
    route.respond(206, headers=rest, content=b"x" * (2**22 - 2**20), fault=faults.Stall(faults.body(65536)))

    with httpx.Client(trust_env=False, verify=False, timeout=30) as client:
        with pytest.raises(httpx.ReadError), client.stream("GET", server.url) as answer:
            answer.read()
        with client.stream("GET", server.url, headers={"Range": f"bytes={2**20}-"}) as answer:
            pieces = answer.iter_raw(65536)
            received = len(next(pieces))
            assert server.connections[1].is_open

        assert ["server", "client"] == [connection.closed_by for connection in server.connections]
    assert 65536 == received
