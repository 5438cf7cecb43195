import pytest

from pytest_epoll import errors, faults
from pytest_epoll.testing import RawClient
from real_clients import reports

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"  # 47 bytes
WIRE = HEAD + b"5;a=b\r\nhello\r\n6;a=b\r\nworld!\r\n0;c\r\nA: b\r\n\r\n"
PIECES = [b"hello", b"world!"]
FAULT = faults.ChunkExtensions(b";a=b", last=b";c")


@pytest.mark.parametrize("stream", [PIECES, lambda: iter(PIECES)], ids=["a list", "live"])
def test_they_are_on_the_wire_and_the_connection_is_answered_on(server, stream):
    server.get("/x").respond(stream=stream, trailers={"A": "b"}, fault=FAULT)
    with RawClient(server.address) as client:
        client.send(GET * 3)

        assert WIRE * 3 == client.recv_exactly(3 * len(WIRE))
    assert {(len(WIRE), len(WIRE) - 47)} == {
        (request.response_bytes_sent, request.response_body_bytes_sent) for request in server.requests
    }
    assert [] == server.findings()


@pytest.mark.parametrize(("after", "size"), [(faults.chunk(1), 61), ("last-chunk", 76), ("trailers", 81), (50, 50)])
def test_an_rst_to_its_right_is_counted_in_what_it_made(server, after, size):
    server.get("/x").respond(stream=PIECES, trailers={"A": "b"}, fault=[FAULT, faults.Reset(after)])
    with RawClient(server.address) as client:
        client.send(GET)

        assert (WIRE[:size], "rst") == client.read_to_end()
    assert [] == server.findings()


def test_every_piece_is_a_read_of_the_client(server):
    fault = [FAULT, faults.PartialWrites(size=30, until_read=True)]
    server.get("/x").respond(content=b"helloworld!", trailers={"A": "b"}, fault=fault)
    wire = HEAD + b"b;a=b\r\nhelloworld!\r\n0;c\r\nA: b\r\n\r\n"
    with RawClient(server.address) as client:
        client.send(GET)

        assert [wire[:30], wire[30:60], wire[60:]] == [client.recv() for _ in range(3)]
    assert [] == server.findings()


def test_what_is_not_chunked_is_refused_at_the_call(server):
    with pytest.raises(errors.UsageError, match="acts on chunks"):
        server.get("/x").respond(json={}, fault=FAULT)


def test_a_client_that_gets_no_chunks_leaves_a_finding(server):
    server.get("/x").respond(stream=PIECES, fault=FAULT)
    with RawClient(server.address) as client:
        client.send(GET.replace(b"1.1", b"1.0"))

        assert client.read_to_end()[0].endswith(b"\r\n\r\nhelloworld!")
    assert "no reply had a chunk to write it into" in server.findings()[0].text


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (FAULT, [(200, b"hello")] * 5),
        (
            faults.ChunkExtensions(b"junk"),
            ["IncompleteRead", "ProtocolError", "ChunkedEncodingError", "RemoteProtocolError", "ClientResponseError"],
        ),
    ],
    ids=repr,
)
def test_what_clients_report(server, fault, expected):
    """Of one piece: what aiohttp makes of a malformed chunk depends on whether it comes with the head."""
    server.get("/x").respond(content=b"hello", trailers={"A": "b"}, fault=fault)

    assert expected == reports(server, expected)
    assert [] == server.findings()
