import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"  # 38 + 5 bytes


def reads(client, total):
    pieces = []
    while sum(map(len, pieces)) < total and (piece := client.recv()):
        pieces.append(piece)
    return pieces


@pytest.mark.parametrize("cut", [1, 2, 37, 38, 39, 42])
def test_until_read_makes_pieces_the_clients_reads(server, cut):
    server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(sizes=(cut,), until_read=True))
    with RawClient(server.address) as client:
        client.send(GET)

        assert [REPLY[:cut], REPLY[cut:]] == reads(client, len(REPLY))


def test_byte_by_byte(server):
    server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(size=1, until_read=True))
    with RawClient(server.address) as client:
        client.send(GET)

        assert [REPLY[i : i + 1] for i in range(len(REPLY))] == reads(client, len(REPLY))


def test_the_connection_goes_on_afterwards(server):
    server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(cuts=("head",), until_read=True))
    with RawClient(server.address) as client:
        for _ in range(3):
            client.send(GET)

            assert [REPLY[:38], REPLY[38:]] == reads(client, len(REPLY))
    assert [0, 1, 2] == [request.exchange_index for request in server.requests]
    assert [] == server.findings()


def test_a_client_on_another_thread_reads_the_same_pieces(server):
    server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(size=7, until_read=True))

    def call():
        with RawClient(server.address) as client:
            client.send(GET)
            return reads(client, len(REPLY))

    assert [7, 7, 7, 7, 7, 7, 1] == [len(piece) for piece in in_thread(call).result(timeout=5)]


def test_a_delay_alone_keeps_the_bytes_and_the_order(server):
    server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(size=20, delay=0.001))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(len(REPLY))
    assert [20, 20, 3] == [event.size for event in server.timeline if event.kind == "sent"]


def test_a_reply_without_a_second_piece_is_a_finding(server):
    server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(size=43))
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(REPLY))

        assert ["unfired"] == [finding.kind for finding in server.findings()]


def test_a_client_that_never_reads_holds_back_nobody_else(server):
    server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(size=1, until_read=True))
    server.get("/y").respond(content=b"hello")
    with RawClient(server.address) as idle, RawClient(server.address) as other:
        idle.send(GET)
        server.wait_for_requests(1)
        other.send(b"GET /y HTTP/1.1\r\nHost: test\r\n\r\n")

        assert REPLY == other.recv_exactly(len(REPLY))
        assert 1 == server.connections[0].bytes_sent


def test_pieces_without_until_read_need_no_look_at_the_client(monkeypatch):
    def look(*_):
        raise AssertionError("looked")

    monkeypatch.setattr("pytest_epoll._eventloop.probes.PeerProbe.look", look)
    with EpollServer() as server, RawClient(server.address) as client:
        server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(size=4))
        client.send(GET)

        assert REPLY == client.recv_exactly(len(REPLY))
