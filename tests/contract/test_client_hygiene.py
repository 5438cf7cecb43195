"""The lines about the client below a timeline: they show for who leaves something behind, and for nobody else."""

import asyncio
import gc
import http.client
from contextlib import ExitStack

import aiohttp
import httpx
import pytest
import requests
import urllib3

from pytest_epoll import faults
from pytest_epoll._reporting import client_text
from pytest_epoll.testing import RawClient
from real_clients import CLIENTS_AND_CURL, read


@pytest.fixture(autouse=True)
def _no_log_keeps_exceptions(caplog):
    caplog.set_level("ERROR", logger="urllib3")
    yield
    gc.collect()  # the same for frames: a socket of a broken connection hangs on them


@pytest.fixture
def big(server):
    server.get("/big").respond(content=b"x" * 500_000)
    server.get("/chunked").respond(stream=[b"one", b"two"])
    server.get("/close").respond(text="bye", headers={"Connection": "close"})
    server.get("/none").respond(204)
    return server


def lines(server):
    return client_text.describe(server.facts())


@pytest.mark.slow
@pytest.mark.parametrize("name", CLIENTS_AND_CURL)
def test_who_reads_and_closes_is_not_mentioned(big, name):
    for path in ("/big", "/chunked", "/close", "/none", "/none"):
        read(name, big, path)

    assert [] == lines(big)


@pytest.mark.slow
def test_who_posts_the_same_twice_and_is_answered_is_not_mentioned(server):
    server.post("/events").respond(201)
    with requests.Session() as session:
        for _ in range(3):
            session.post(server.url + "/events", data=b"tick", timeout=5)

    assert [] == lines(server)


@pytest.mark.slow
def test_who_waits_to_be_asked_for_its_body_is_not_mentioned(server):
    server.put("/up").respond()

    async def upload():
        async with (
            aiohttp.ClientSession() as session,
            session.put(server.url + "/up", data=b"abc", expect100=True) as reply,
        ):
            await reply.read()

    asyncio.run(upload())

    assert [] == lines(server)


@pytest.mark.slow
def test_a_pool_that_keeps_its_connection_is_not_mentioned(big):
    with urllib3.PoolManager() as pool:
        pool.request("GET", big.url + "/none")

        assert [] == lines(big)


@pytest.mark.slow
def test_an_answer_that_a_fault_cuts_off_is_not_laid_at_the_clients_door(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=50))
    with pytest.raises(requests.RequestException), requests.Session() as session:
        session.get(server.url + "/x", timeout=5)

    assert [] == lines(server)


# -- who leaves something behind --


def leave_with_httpx(server):
    with httpx.Client(trust_env=False, verify=False) as client, client.stream("GET", server.url + "/big"):
        pass


def leave_with_requests(server):
    with requests.Session() as session, session.get(server.url + "/big", stream=True, timeout=5):
        pass


def leave_with_urllib3(server):
    with urllib3.PoolManager() as pool:
        pool.request("GET", server.url + "/big", preload_content=False).close()


def leave_with_http_client(server):
    client = http.client.HTTPConnection(*server.address, timeout=5)
    client.request("GET", "/big")
    client.getresponse().close()
    client.close()


def leave_with_aiohttp(server):
    async def main():
        async with aiohttp.ClientSession() as session:
            response = await session.get(server.url + "/big")
            response.close()

    asyncio.run(main())


@pytest.mark.slow
@pytest.mark.parametrize(
    "leave", [leave_with_httpx, leave_with_requests, leave_with_urllib3, leave_with_http_client, leave_with_aiohttp]
)
def test_who_closes_a_response_unread_is_named(big, leave):
    leave(big)
    (line,) = lines(big)

    assert line.startswith("c0.0 GET /big: the client reset the connection behind ")
    assert line.endswith(" bytes of the reply: closed before it was read?")


@pytest.mark.slow
def test_who_leaves_connections_open_is_named(big):
    with ExitStack() as stack:
        for _ in range(2):
            session = stack.enter_context(requests.Session())
            session.get(big.url + "/none", timeout=5)
        (line,) = lines(big)

    assert "2 connections are still open (c0, c1): is a response or a pool alive?" == line
    assert [] == lines(big)


@pytest.mark.slow
def test_who_repeats_a_post_is_named(server):
    server.post("/orders").respond_with(faults.HangUp()).respond(201)
    with urllib3.PoolManager(retries=urllib3.Retry(2, allowed_methods=None)) as pool:
        pool.request("POST", server.url + "/orders", body=b"tea")

    assert [
        "POST /orders came twice (c0.0, c1.0), the first without a whole answer: a retry of what is not idempotent?"
    ] == lines(server)


@pytest.mark.slow
def test_who_repeats_a_post_after_503_is_not_named(server):
    """It was told to come again."""
    server.post("/orders").respond(503, headers={"Retry-After": "0"}).respond(201)
    with urllib3.PoolManager(retries=urllib3.Retry(2, allowed_methods=None)) as pool:
        pool.request("POST", server.url + "/orders", body=b"tea")

    assert [] == lines(server)


@pytest.mark.slow
def test_who_does_not_wait_to_be_asked_is_named(server):
    server.put("/up").respond()
    with RawClient(server.address) as client:
        client.send(b"PUT /up HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc")
        client.recv()

    assert ["c0.0 PUT /up: said Expect: 100-continue and did not wait for it"] == lines(server)
