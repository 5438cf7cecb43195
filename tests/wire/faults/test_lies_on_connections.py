"""Faults that change bytes, given to a whole connection: each reply of it passes through them."""

import re

import pytest

from pytest_epoll import faults, steps
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"  # 38 bytes
REPLY = HEAD + b"hello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GARBAGE = faults.Garbage(size=9)


def read_three(server, fault, **content):
    server.get("/x").respond(**content)
    server.script(fault, connection=0)
    with RawClient(server.address) as client:
        client.send(GET * 3)
        client.shutdown()
        return client.read_to_end()


@pytest.mark.parametrize(
    ("fault", "wire", "bodies"),
    [
        (faults.Corrupt(39, xor=1), HEAD + b"hdllo" + REPLY * 2, [5, 5, 5]),
        (faults.Corrupt(82, xor=1), REPLY + HEAD + b"hdllo" + REPLY, [5, 5, 5]),
        (faults.WrongContentLength(value=1000), REPLY.replace(b": 5", b": 1000") * 3, [5, 5, 5]),
        (faults.MalformedHead(line=b"x" * 50), REPLY.replace(b"OK", b"OK\r\n" + b"x" * 50) * 3, [5, 5, 5]),
        (faults.ExtraBytes(b"xyz"), REPLY + b"xyz" + REPLY * 2, [8, 5, 5]),
    ],
    ids=repr,
)
def test_every_reply_passes_and_is_counted_as_it_went_out(server, fault, wire, bodies):
    assert (wire, "fin") == read_three(server, fault, content=b"hello")
    assert bodies == [request.response_body_bytes_sent for request in server.requests]
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("fault", "wire"),
    [
        (faults.MalformedChunk(1), [b"1\r\na\r\n0\r\n\r\n", b"zz\r\na\r\n0\r\n\r\n", b"1\r\na\r\n0\r\n\r\n"]),
        (faults.ChunkExtensions(b";a"), [b"1;a\r\na\r\n0\r\n\r\n"] * 3),
        (faults.MissingFinalChunk(), [b"1\r\na\r\n"]),
    ],
    ids=repr,
)
def test_chunks_are_counted_over_the_replies(server, fault, wire):
    assert (b"".join(CHUNKED + body for body in wire), "fin") == read_three(server, fault, stream=[b"a"])
    assert [] == server.findings()


def test_garbage_is_all_that_the_connection_sends(server):
    data, how = read_three(server, GARBAGE, content=b"hello")

    assert (9, "fin", b"\r\n\r\n") == (len(data), how, data[-4:])


def test_of_an_answer_in_a_script_as_of_any(server):
    lie = faults.WrongContentLength(value=1000)
    server.script(steps.read_request(), steps.respond(content=b"hello", fault=lie), steps.close(), connection=0)
    with RawClient(server.address) as client:
        client.send(GET)

        assert (REPLY.replace(b": 5", b": 1000"), "fin") == client.read_to_end()
    assert 5 == server.requests[0].response_body_bytes_sent
    assert [] == server.findings()


def test_the_timeline_tells_how_much_was_due_of_what_they_made(server):
    read_three(server, faults.MalformedHead(line=b"x" * 50), content=b"hello")

    assert 3 == len(re.findall(r"  95 bytes$", server.render(server.facts()), re.MULTILINE))
    assert "95 of" not in server.render(server.facts())
