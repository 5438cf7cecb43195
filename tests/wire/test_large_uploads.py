"""A large body goes to its file unseen, and nobody can tell: the same bytes and facts, whatever happens on the way."""

import os
import random

import pytest

from pytest_epoll._eventloop import chute
from pytest_epoll.faults import SlowReads, StopReading
from pytest_epoll.testing import RawClient

BODY = random.Random(0).randbytes(5 * 2**20 + 12_345)
HEAD = b"POST /up HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % len(BODY)
SLOW = b"POST /slow HTTP/1.1\r\nHost: t\r\nContent-Length: 10000\r\n\r\n" + b"s" * 10_000
TAKEN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\ntaken"
NEXT = TAKEN.replace(b"5", b"4").replace(b"taken", b"next")
GET = b"GET /next HTTP/1.1\r\nHost: t\r\n\r\n"


@pytest.fixture
def unseen(monkeypatch):
    """How many bytes each splice(2) has taken from a socket."""
    real, sizes = os.splice, []

    def watch(source, target, count, **keywords):
        size = real(source, target, count, **keywords)
        if "offset_dst" not in keywords:
            sizes.append(size)
        return size

    monkeypatch.setattr(chute.os, "splice", watch)
    return sizes


@pytest.fixture
def asked(server):
    """A server that takes uploads."""
    server.post("/up").respond(text="taken")
    server.get("/next", optional=True).respond(text="next")
    return server


def test_most_of_it_is_never_looked_at(asked, trigger_mode, unseen):
    with RawClient(asked.address) as client:
        client.send(HEAD + BODY)

        assert TAKEN == client.recv_exactly(len(TAKEN))
    request = asked.last_request

    assert (BODY, HEAD + BODY, True) == (request.body, request.raw, request.complete)
    assert len(HEAD + BODY) == asked.connections[0].bytes_received
    assert (trigger_mode == "level") == (sum(unseen) > len(BODY) / 2)


@pytest.mark.parametrize("piece", [1000, 65536, 100_000, 2**20])
def test_in_pieces_it_is_the_same(asked, piece):
    whole = HEAD + BODY
    with RawClient(asked.address) as client:
        for start in range(0, len(whole), piece):
            client.send(whole[start : start + piece])

        assert TAKEN == client.recv_exactly(len(TAKEN))
    assert [("head", len(HEAD)), ("body", len(BODY)), ("request-ended", len(whole))] == [
        (event.kind, event.size) for event in asked.timeline if event.kind in {"head", "body", "request-ended"}
    ]
    assert BODY == asked.last_request.body


def test_what_stands_behind_it_is_the_next_request(asked):
    with RawClient(asked.address) as client:
        client.send((HEAD + BODY) * 2 + GET)

        assert TAKEN + TAKEN + NEXT == client.recv_exactly(len(TAKEN + TAKEN + NEXT))
    assert [BODY, BODY, b""] == [request.body for request in asked.requests]


def test_how_much_has_come_is_known_to_the_byte(asked):
    with RawClient(asked.address) as client:
        client.send(HEAD)
        for end in (1_500_000, 1_500_001, 3_000_000, len(BODY) - 1):
            client.send(BODY[len(asked.requests[0].body_so_far) : end])

            assert BODY[:end] == asked.requests[0].body_so_far
        asked.requests[0].wait_received(len(BODY) - 1)
        client.send(BODY[-1:])
        client.recv_exactly(len(TAKEN))

    assert BODY == asked.last_request.body


@pytest.mark.parametrize(("how", "error"), [("close", "the client closed after"), ("reset", "reset the connection")])
def test_one_that_breaks_off_keeps_what_came(asked, how, error):
    with RawClient(asked.address) as client:
        client.send(HEAD + BODY[:3_000_000])
        asked.wait_for_requests(state="head")[0].wait_received(3_000_000)
        getattr(client, how)()
    asked.connections[0].wait_ended()
    request = asked.last_request

    assert (BODY[:3_000_000], False) == (request.body, request.complete)
    assert error in request.error
    assert ("client", "fin" if how == "close" else "rst") == (
        asked.connections[0].closed_by,
        asked.connections[0].closed_how,
    )


def test_a_fault_that_acts_on_it_does_so_to_the_byte(server):
    server.post("/up").respond(text="taken", fault=StopReading(after_reading=3 * 2**20))
    with RawClient(server.address) as client:
        client.send(HEAD + BODY[: 3 * 2**20 + 100_000])
        server.wait_for_requests(state="head")[0].wait_received(3 * 2**20 - len(HEAD))

        assert (HEAD + BODY)[: 3 * 2**20] == server.requests[0].raw


def test_a_fault_that_is_registered_meanwhile_is_heeded(asked):
    with RawClient(asked.address) as client:
        client.send(HEAD + BODY[:3_000_000])
        asked.wait_for_requests(state="head")[0].wait_received(3_000_000)
        asked.post("/slow").respond(fault=SlowReads(bytes_per_second=2**30, size=1000))
        client.send(BODY[3_000_000:] + SLOW)
        client.recv_exactly(len(TAKEN))
        asked.wait_for_requests(2)

    assert [BODY, b"s" * 10_000] == [request.body for request in asked.requests]
    assert ["faults.SlowReads"] == [
        str(event.detail).partition("(")[0] for event in asked.timeline if event.kind == "fault"
    ]
