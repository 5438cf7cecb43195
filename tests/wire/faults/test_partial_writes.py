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


CHUNKS = b"3\r\nabc\r\n5\r\ndefgh\r\n"
STREAMED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"0\r\n\r\n"  # 47 + 18 + 5 bytes


@pytest.mark.parametrize("size", [7, 30, 50, 69])
def test_a_piece_that_lies_in_several_chunks_is_one_read(server, size):
    server.get("/x").respond(stream=[b"abc", b"defgh"], fault=faults.PartialWrites(size=size, until_read=True))
    with RawClient(server.address) as client:
        client.send(GET)

        assert [STREAMED[i : i + size] for i in range(0, 70, size)] == reads(client, len(STREAMED))
    assert [] == server.findings()


def test_each_item_of_a_live_stream_is_a_read(server):
    server.get("/x").respond(
        stream=lambda: [b"abc", b"defgh"], fault=faults.PartialWrites(cuts=(20, 50), until_read=True)
    )
    with RawClient(server.address) as client:
        client.send(GET)

        assert [STREAMED[:20], STREAMED[20:47], b"3\r\n", b"abc\r\n", CHUNKS[8:], b"0\r\n\r\n"] == reads(client, 70)


def test_interim_responses_are_reads_of_their_own(server):
    server.get("/x").respond(
        content=b"hello", informational=[103], fault=faults.PartialWrites(cuts=("head",), until_read=True)
    )
    with RawClient(server.address) as client:
        client.send(GET)

        assert [b"HTTP/1.1 103 Early Hints\r\n\r\n", REPLY[:38], REPLY[38:]] == reads(client, 28 + len(REPLY))


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
        (finding,) = server.findings()

        assert "unfired" == finding.kind
        assert "no reply had a byte behind its first 43 bytes" in str(finding)


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
