"""Answers that come before the request is over, and requests that are never over."""

import aiohttp
import httpx
import pytest

from calling import connected
from pytest_epoll import faults, steps


def test_fp_129_an_answer_to_the_first_byte_is_returned_whatever_becomes_of_the_upload(server):
    gate = server.gate()
    server.script(
        steps.read_exactly(1), steps.respond(text="ok!"), steps.wait(gate), steps.close(drain=False), connection=0
    )

    def upload():
        yield b"x" * 2**20
        gate.open()
        while True:
            yield b"x" * 2**20

    with httpx.Client(trust_env=False, verify=False, timeout=30) as client:
        assert "ok!" == client.post(server.url, content=upload()).text

    assert ("server", "rst") == (server.connections[0].closed_by, server.connections[0].closed_how)


def test_fp_131_a_refusal_in_the_middle_of_an_upload_is_returned_though_the_rest_can_not_be_sent(server):
    early = faults.RespondEarly(then="close", after_reading=faults.body(1_000_000))
    server.post("/").respond(413, text="too much", fault=early)

    with httpx.Client(trust_env=False, verify=False, timeout=30) as client:
        answer = client.post(server.url, content=b"x" * 10_000_000)

    assert (413, "too much") == (answer.status_code, answer.text)
    assert 1_000_000 == len(server.last_request.body_so_far)


@pytest.mark.asyncio
async def test_fp_133_a_connection_whose_upload_was_answered_early_is_not_used_again(server):
    server.put("/").respond(text="early", fault=faults.RespondEarly())
    server.get("/").respond(text="fresh")

    async def upload():
        yield b"first"
        await server.connections[0].aio.wait_event("sent")
        yield b"second"

    async with aiohttp.ClientSession() as session:
        async with session.put(server.url, data=upload()) as answer:
            assert "early" == await answer.text()
        async with session.get(server.url) as answer:
            assert "fresh" == await answer.text()

    assert [0, 1] == [request.connection_index for request in server.requests]


@pytest.mark.parametrize("how", [{"text": "early"}, {"stream": [b"ea", b"rly"], "trailers": {"X-Trailer": "7"}}])
def test_fp_134_an_answer_to_a_long_upload_is_read_and_the_pool_goes_on(server, how):
    server.post("/").respond(**how, fault=faults.RespondEarly(then="close"))
    server.get("/").respond(text="healthy")

    def upload():
        yield b"x" * 2**20
        server.connections[0].wait_closed()
        yield from [b"x" * 2**20] * 1000

    with httpx.Client(trust_env=False, verify=False, timeout=30) as client:
        assert "early" == client.post(server.url, content=upload()).text
        assert "healthy" == client.get(server.url).text

    assert [0, 1] == [request.connection_index for request in server.requests]


def test_fp_136_an_upload_that_is_given_up_has_no_last_chunk(server):
    server.script(
        steps.read_head(),
        steps.read_until(b"first\r\n"),
        steps.mark("first chunk"),
        steps.expect_silence(30, eof="required"),
    )

    def upload():
        yield b"first"
        server.wait_for_mark("first chunk")
        raise RuntimeError("given up")

    with connected(server) as client, pytest.raises(RuntimeError, match="given up"):
        client.request("POST", "/", body=upload(), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})

    request = server.requests[0]
    assert (b"5\r\nfirst\r\n", False) == (request.raw[len(request.raw_head) :], request.complete)


@pytest.mark.parametrize("pieces", [[b"x"], [b"hello", b" world" * 1000, b"!"]])
def test_fp_140_an_upload_in_chunks_is_framed_as_chunks_and_as_nothing_else(server, make_pool, pieces):
    server.post("/").respond(fault=faults.HangUp("end"))

    make_pool(retries=False).request("POST", server.url, body=iter(pieces), chunked=True, headers={"X-First": "1"})

    request = server.requests[0]
    assert tuple(map(len, pieces)) == request.chunk_sizes
    assert [("Transfer-Encoding", "chunked")] == [
        pair for pair in request.headers.multi_items() if pair[0].lower() in {"transfer-encoding", "content-length"}
    ]
    assert request.raw_head.splitlines()[0] == b"POST / HTTP/1.1"
    assert request.raw.endswith(b"\r\n0\r\n\r\n")
