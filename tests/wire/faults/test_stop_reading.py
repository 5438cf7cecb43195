import socket

import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def post(size, more=b""):
    return b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n%s\r\n" % (size, more)


@pytest.mark.parametrize(("position", "size"), [("head", 0), (faults.body(1), 1), (faults.content(99), 99)])
def test_not_one_byte_beyond_the_position_is_taken(server, position, size):
    server.post("/x").respond(fault=faults.StopReading(after_reading=position))
    with RawClient(server.address) as client:
        client.send(post(100) + b"y" * 100)
        server.wait_for_connections()[0].wait_event("stalled")

        assert (size, None) == (len(server.last_request.body_so_far), server.last_request.complete)
    assert [] == server.findings()


def test_at_the_end_the_answer_comes_and_the_next_request_stays_unread(server):
    server.post("/x").respond(fault=faults.StopReading(after_reading="end"))
    with RawClient(server.address) as client:
        client.send(post(3) + b"abc")

        assert OK == client.recv_exactly(len(OK))
        client.send(post(3) + b"abc")

        assert [b"abc"] == [request.body for request in server.requests]
        assert len(post(3)) + 3 == server.connections[0].bytes_received
    assert [] == server.findings()


def test_a_large_upload_blocks_until_the_client_gives_up(server):
    server.post("/x").respond(fault=faults.StopReading())
    with RawClient(server.address, timeout=0.3) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        client.send(post(8_000_000))
        with pytest.raises(TimeoutError):
            client.send(b"y" * 8_000_000)

        assert 0 == len(server.last_request.body_so_far)
        client.reset()
        server.connections[0].wait_ended()

        assert ("client", "rst") == (server.connections[0].closed_by, server.connections[0].closed_how)
    assert [] == server.findings()


def test_at_the_head_no_100_continue_is_sent(server):
    server.post("/x").respond(fault=faults.StopReading())
    with RawClient(server.address) as client:
        client.send(post(100, b"Expect: 100-continue\r\n"))
        server.wait_for_connections()[0].wait_event("stalled")

        assert 0 == server.connections[0].bytes_sent


def test_stop_ends_it_at_once(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.post("/x").respond(fault=faults.StopReading())
        with RawClient(server.address) as client:
            client.send(post(100) + b"y" * 100)
            server.wait_for_connections()[0].wait_event("stalled")
            server.stop()

            assert b"" == client.read_to_end()[0]
