import socket

import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient, in_thread

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def post(size):
    return b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size


def small_sender(server, timeout=5.0):
    client = RawClient(server.address, timeout=timeout)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return client


def test_the_body_is_taken_in_pieces_of_that_size(server):
    server.post("/x").respond(fault=faults.SlowReads(50_000, size=50))
    with RawClient(server.address) as client:
        client.send(post(200) + b"y" * 200)

        assert OK == client.recv_exactly(len(OK))
    assert b"y" * 200 == server.last_request.body
    assert [] == server.findings()


def test_reading_is_no_faster_than_the_rate(server):
    server.post("/x").respond(fault=faults.SlowReads(5000, size=50))
    with RawClient(server.address) as client:
        client.send(post(200) + b"y" * 200)
        client.recv_exactly(len(OK))
    request = server.last_request

    assert request.body_received_at - request.head_received_at >= 0.03


def test_the_head_costs_no_pause(server):
    server.post("/x").respond(fault=faults.SlowReads(1, size=1))
    with RawClient(server.address) as client:
        client.send(post(100) + b"y" * 100)
        server.wait_for_requests(1, state="head")
        server.last_request.wait_received(1)

        assert 1 <= len(server.last_request.body_so_far)


def test_the_connection_reads_fast_again_for_the_next_request(server):
    server.post("/x").respond(times=1, fault=faults.SlowReads(50_000, size=50))
    server.post("/x").respond()
    with RawClient(server.address) as client:
        for _ in range(3):
            client.send(post(200) + b"y" * 200)

            assert OK == client.recv_exactly(len(OK))
    assert [200, 200, 200] == [len(request.body) for request in server.requests]


def test_the_clients_send_blocks_and_the_test_sees_how_far_it_came(server):
    server.post("/x").respond(fault=faults.SlowReads(1, size=1, receive_buffer=4096))
    with small_sender(server, timeout=0.3) as client:
        client.send(post(8_000_000))
        with pytest.raises(TimeoutError):
            client.send(b"y" * 8_000_000)

        assert server.last_request.complete is None
    assert [] == server.findings()


def test_all_of_a_large_upload_arrives_in_the_end(server):
    server.post("/x").respond(fault=faults.SlowReads(400_000_000, size=400_000, receive_buffer=65536))
    with small_sender(server) as client:
        client.send(post(2_000_000))
        client.send(b"y" * 2_000_000)

        assert OK == client.recv_exactly(len(OK))
    assert 2_000_000 == len(server.last_request.body)


def test_a_slow_reader_holds_back_nobody_else(server):
    server.post("/x").respond(fault=faults.SlowReads(1, size=1))
    server.get("/y").respond()
    with RawClient(server.address) as slow, RawClient(server.address) as other:
        slow.send(post(100) + b"y" * 100)
        server.wait_for_requests(1, state="head")
        other.send(b"GET /y HTTP/1.1\r\nHost: test\r\n\r\n")

        assert OK == other.recv_exactly(len(OK))


def test_stop_ends_it_at_once(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.post("/x").respond(fault=faults.SlowReads(1, size=1))
        with RawClient(server.address) as client:
            client.send(post(100) + b"y" * 100)
            server.wait_for_requests(1, state="head")
            server.stop()

            assert b"" == client.read_to_end()[0]


def test_from_another_thread(server):
    server.post("/x").respond(fault=faults.SlowReads(50_000, size=50))

    def call():
        with RawClient(server.address) as client:
            client.send(post(200) + b"y" * 200)
            return client.recv_exactly(len(OK))

    assert OK == in_thread(call).result(timeout=5)
