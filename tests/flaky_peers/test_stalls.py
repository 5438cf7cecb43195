"""Peers that say nothing, or too little, and clients that have to give up."""

import asyncio
import itertools
import time

import aiohttp
import httpx
import pytest
import urllib3
from urllib3.contrib.socks import SOCKSProxyManager

from calling import curl, needs_curl
from pytest_epoll import faults, steps

LONG_ENOUGH = 0.5
"""Seconds of a read that ends in vain, of a client whose other reads have to succeed also on a busy machine."""

ENDLESS = {
    "with pauses": lambda: itertools.cycle([b"x" * 1000, 0.01]),
    "at full speed": lambda: itertools.repeat(b"x" * 65536),
}


def test_fp_033_the_timeout_of_a_connection_that_says_nothing_leads_to_a_second_one(server, make_pool):
    server.script(steps.stall(), connection=0)
    server.script(steps.read_request(), steps.respond(text="second"), steps.close(), connection=1)

    assert b"second" == make_pool(retries=1, timeout=urllib3.Timeout(read=LONG_ENOUGH)).request("GET", server.url).data

    assert ("client", 0) == (server.connections[0].closed_by, len(server.connections[0].requests))


def test_fp_034_a_head_arrives_and_reading_the_held_body_times_out(server, make_pool):
    gate = server.gate()
    server.get("/").respond(text="ok", fault=faults.Wait(gate, after="head"))

    pool = make_pool(retries=False, timeout=urllib3.Timeout(read=LONG_ENOUGH))
    answer = pool.request("GET", server.url, preload_content=False)
    assert 200 == answer.status
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        answer.read()


def test_fp_034_a_call_that_reads_the_body_at_once_times_out_as_a_whole(server, make_pool):
    server.get("/").respond(text="ok", fault=faults.Stall("head"))

    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        make_pool(retries=False, timeout=urllib3.Timeout(read=0.1)).request("GET", server.url)

    assert "client" == server.connections[0].closed_by


@pytest.mark.asyncio
async def test_fp_036_the_first_piece_is_readable_and_the_next_read_times_out(server):
    server.get("/").respond(stream=[b"first", b"second"], fault=faults.Stall(faults.chunk(1)))

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=LONG_ENOUGH)) as session:
        async with session.get(server.url) as answer:
            assert b"first" == await answer.content.readany()
            with pytest.raises(aiohttp.SocketTimeoutError):
                await answer.content.readany()
        await server.connections[0].aio.wait_closed()

    assert "client" == server.connections[0].closed_by


def test_fp_036_three_of_four_bytes_are_readable_and_the_next_read_times_out(server):
    server.get("/").respond(content=b"four", fault=faults.Stall(faults.body(3)))

    with httpx.Client(trust_env=False, verify=False, timeout=LONG_ENOUGH) as client:
        with client.stream("GET", server.url) as answer:
            pieces = answer.iter_raw()
            assert b"fou" == next(pieces)
            with pytest.raises(httpx.ReadTimeout):
                next(pieces)

        assert "client" == server.connections[0].closed_by


@pytest.mark.parametrize(
    "how",
    [
        {"pool": urllib3.Timeout(read=0.1)},
        {"pool": urllib3.Timeout(read=30), "request": urllib3.Timeout(read=0.1)},
        {"request": 0.1},
        {"request": urllib3.Timeout(total=0.1)},
    ],
    ids=["of the pool", "of the request", "a float", "in total"],
)
def test_fp_038_each_kind_of_timeout_ends_a_held_answer_and_no_other(server, make_pool, how):
    gates = [server.gate(), server.gate()]
    server.get("/").respond(gate=gates[0]).respond(gate=gates[1]).respond(text="now")

    pool = make_pool(retries=False, timeout=how.get("pool", 30))
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(urllib3.exceptions.ReadTimeoutError):
            pool.request("GET", server.url, **({"timeout": how["request"]} if "request" in how else {}))
        assert time.monotonic() - began >= 0.1
    assert b"now" == pool.request("GET", server.url, timeout=30).data


def test_fp_040_a_connection_that_is_never_accepted_runs_into_the_connect_timeout_of_socks(server):
    server.pause_accepts()

    url = server.url.replace("http", "socks5h")
    with SOCKSProxyManager(url, retries=False, timeout=urllib3.Timeout(connect=0.1)) as proxy:
        with pytest.raises(urllib3.exceptions.ConnectTimeoutError):
            proxy.request("GET", "http://origin.test")

    assert [] == list(server.connections)


@pytest.mark.slow
@pytest.mark.parametrize("body", ENDLESS.values(), ids=ENDLESS)
@pytest.mark.asyncio
async def test_fp_042_a_timeout_in_total_fires_although_bytes_keep_coming(server, body):
    server.get("/").respond(stream=body)

    with pytest.raises(asyncio.TimeoutError):
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.5)) as session:
            async with session.get(server.url) as answer:
                async for _ in answer.content.iter_any():
                    pass

    assert server.connections[0].bytes_sent > 1000


@pytest.mark.slow
@needs_curl
def test_fp_043_a_whole_body_that_never_ends_runs_into_the_timeout(server):
    server.get("/").respond(text="all of it", headers={"Content-Length": None}, fault=faults.Stall("end"))

    finished = curl("--max-time", "1", server.url)

    assert (28, b"all of it") == (finished.returncode, finished.stdout)


def test_fp_046_an_upload_that_nobody_reads_runs_into_the_write_timeout(server):
    server.post("/").respond(fault=faults.StopReading())

    with httpx.Client(trust_env=False, verify=False, timeout=httpx.Timeout(5, write=0.2)) as client:
        with pytest.raises(httpx.WriteTimeout):
            client.post(server.url, content=b"x" * 2**24)

    request = server.requests[0]
    assert (b"", None) == (request.body_so_far, request.complete)


def test_fp_046_an_upload_of_which_not_even_the_head_is_read_runs_into_the_write_timeout(server):
    server.script(steps.stall())

    with httpx.Client(trust_env=False, verify=False, timeout=httpx.Timeout(5, write=0.2)) as client:
        with pytest.raises(httpx.WriteTimeout):
            client.post(server.url, content=b"x" * 2**24)

    assert 0 == server.connections[0].bytes_received


@pytest.mark.asyncio
async def test_fp_048_the_target_of_a_redirect_is_fetched_without_waiting_for_its_slow_body(server):
    server.get("/").respond(301, headers={"Location": "/target"}, text="moved", fault=faults.Delay(60, after="head"))
    server.get("/target").respond(text="here")

    async with aiohttp.ClientSession() as session, session.get(server.url) as answer:
        assert "here" == await answer.text()

    assert [0, 1] == [request.connection_index for request in server.requests]


def test_fp_050_only_the_path_that_never_answers_times_out(server):
    server.get("/fast").respond()
    server.get("/slow").respond_with(faults.Stall())

    with httpx.Client(base_url=server.url, trust_env=False, verify=False) as client:
        assert 200 == client.get("/fast").status_code
        with pytest.raises(httpx.ReadTimeout):
            client.get("/slow", timeout=httpx.Timeout(5, read=0.1))

        assert "client" == server.last_request.connection.closed_by


@pytest.mark.slow
@pytest.mark.asyncio
async def test_fp_051_a_timeout_in_total_fires_while_the_body_behind_a_redirect_is_read(server):
    server.get("/1").respond(302, headers={"Location": "/2?nonce=7"})
    server.get("/2", query={"nonce": "7"}).respond(content=b"x" * 10, fault=faults.Stall(faults.body(5)))

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as session:
        async with session.get(server.url_for("/1")) as answer:
            with pytest.raises(asyncio.TimeoutError):
                await answer.read()

    assert b"x" * 5 == server.last_request.connection.raw_sent[-5:]


@pytest.mark.parametrize("after", [0, "head", faults.body(3)])
def test_fp_052_a_connection_that_timed_out_is_closed_without_another_byte(server, after):
    server.get("/").respond(content=b"x" * 100, fault=faults.Stall(after))

    with httpx.Client(trust_env=False, verify=False, timeout=httpx.Timeout(5, read=0.1)) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(server.url)

        connection = server.connections[0]
        assert "client" == connection.closed_by
        assert server.requests[0].raw == connection.raw_received
