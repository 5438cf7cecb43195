"""Positions in a request that comes over a Unix domain socket, which reports what it has however little that is."""

import time

import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient

HEAD = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY = b"5\r\nhello\r\n0\r\n\r\n"
PLACES = [
    ("last-chunk", 10),
    (faults.half_of("chunk-size"), 0),
    (faults.half_of("chunk:1"), 5),
    (faults.before("end", 1), 14),
    (faults.body(7), 7),
]


@pytest.fixture
def server(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        yield server


@pytest.fixture
def path(server, socket_folder):
    return server.also_listen(str(socket_folder / "s")).address


@pytest.mark.parametrize(("position", "size"), PLACES)
@pytest.mark.parametrize("step", [1, 100])
def test_what_is_taken_is_exact(server, path, position, size, step):
    server.post("/x").respond_with(faults.Stall(after_reading=position))
    with RawClient(path) as client:
        for start in range(0, len(HEAD + BODY), step):
            client.send((HEAD + BODY)[start : start + step])
        server.wait_for_connections()[0].wait_event("stalled")

        assert HEAD + BODY[:size] == server.last_request.raw
    assert [] == server.findings()


@pytest.mark.parametrize("left", [b"0", b"0\r"])
def test_a_client_that_leaves_before_more_can_be_seen_has_broken_its_request_off(server, path, left):
    server.post("/x").respond_with(faults.Stall(after_reading="last-chunk"))
    with RawClient(path) as client:
        client.send(HEAD + left)
        server.wait_for_requests(state="head")
        client.shutdown()
        server.connections[0].wait_ended()

    assert [(False, HEAD + left)] == [(request.complete, request.raw) for request in server.requests]


def test_more_is_looked_for_in_vain_without_a_spin(server, path):
    server.post("/x").respond_with(faults.Stall(after_reading="last-chunk"))
    with RawClient(path) as client:
        client.send(HEAD + b"0")
        server.wait_for_requests(state="head")
        turns = []
        begin = time.monotonic()

        assert not server._barrier.engine.loop.wait(lambda: turns.append(1), 0.05)
        assert len(turns) <= 10 + 2000 * (time.monotonic() - begin), "a look a millisecond"
        client.send(BODY[11:])
        server.connections[0].wait_event("stalled")

        assert HEAD == server.last_request.raw


def test_a_goodbye_behind_unread_bytes_is_seen_however_much_that_is(server, path):
    server.post("/x").respond(fault=faults.StopReading())
    with RawClient(path) as client:
        client.send(HEAD)
        client.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                client.socket.send(bytes(65536))
        client.shutdown()
        [connection] = server.connections

        assert ("client", "fin") == (connection.closed_by, connection.closed_how)
        assert "unobserved" not in [event.kind for event in connection.events]
