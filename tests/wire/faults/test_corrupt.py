import gzip
import hashlib

import pytest

from pytest_epoll import Response, errors, faults
from pytest_epoll.testing import RawClient
from real_clients import report, reports

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"  # 38 + 5 bytes
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n"  # 47 + 26 bytes
)


def flipped(data, at, mask=0xFF):
    return data[:at] + bytes((data[at] ^ mask,)) + data[at + 1 :]


@pytest.mark.parametrize("at", [0, 1, 37, 38, 39, 42])
def test_exactly_that_byte_is_another_one_and_the_connection_is_answered_on(server, at):
    server.get("/x").respond(content=b"hello", fault=faults.Corrupt(at))
    with RawClient(server.address) as client:
        client.send(GET * 3)

        assert flipped(REPLY, at) * 3 == client.recv_exactly(3 * 43)
    assert [(43, 5)] * 3 == [(r.response_bytes_sent, r.response_body_bytes_sent) for r in server.requests]
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("at", "offset"),
    [("head", 47), (faults.content(5), 60), (faults.chunk(1), 57), ("last-chunk", 68), (faults.half_of("chunk:2"), 63)],
)
@pytest.mark.parametrize("stream", [[b"hello", b"world!"], lambda: [b"hello", b"world!"]], ids=["a list", "live"])
def test_of_a_stream(server, stream, at, offset):
    server.get("/x").respond(stream=stream, fault=faults.Corrupt(at))
    with RawClient(server.address) as client:
        client.send(GET * 2)

        assert flipped(CHUNKED, offset) * 2 == client.recv_exactly(2 * 73)
    assert [] == server.findings()


def test_of_a_stream_whose_length_is_known_the_last_byte(server):
    server.get("/x").respond(stream=[b"hello", b"world!"], fault=faults.Corrupt(faults.before("end", 1)))
    with RawClient(server.address) as client:
        client.send(GET)

        assert flipped(CHUNKED, 72) == client.recv_exactly(73)
    assert [] == server.findings()


def test_of_four_mebibytes_one_byte(server):
    content = b"x" * 2**22
    server.get("/x").respond(content=content, fault=faults.Corrupt(faults.content(3_000_001)))
    with RawClient(server.address, receive_buffer=4096) as client:
        client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        body = client.read_to_end()[0].partition(b"\r\n\r\n")[2]

    assert hashlib.sha256(flipped(content, 3_000_001)).digest() == hashlib.sha256(body).digest()


def test_of_what_a_handler_returns_of_raw_bytes_and_of_events(server):
    server.get("/x").respond_with(lambda _: b"hello", fault=faults.Corrupt(38), times=1)
    server.get("/x").respond(raw=b"HELLO", fault=faults.Corrupt(4, xor=0x20), times=1)
    fault = faults.Corrupt(faults.content(6), xor=2)
    server.get("/x").respond_with(lambda _: Response(events=["a"]).with_faults(fault))
    with RawClient(server.address) as client:
        client.send(GET * 3)

        assert flipped(REPLY, 38) + b"HELLo" == client.recv_exactly(48)
        client.shutdown()

        assert b"data: c\n\n" in client.read_to_end()[0]
    assert [] == server.findings()


def test_a_cut_to_its_right_is_where_it_would_have_been(server):
    server.get("/x").respond(content=b"hello", fault=[faults.Corrupt(37), faults.HangUp(after="head")])
    with RawClient(server.address) as client:
        client.send(GET)

        assert (flipped(REPLY, 37)[:38], "fin") == client.read_to_end()
    assert [] == server.findings()


def test_pieces_to_its_right_are_reads_of_the_client(server):
    server.get("/x").respond(
        content=b"hello", fault=[faults.Corrupt(39), faults.PartialWrites(size=20, until_read=True)]
    )
    wire = flipped(REPLY, 39)
    with RawClient(server.address) as client:
        client.send(GET)

        assert [wire[:20], wire[20:40], wire[40:]] == [client.recv() for _ in range(3)]
    assert [] == server.findings()


@pytest.mark.parametrize("at", [43, faults.content(5), faults.chunk(1)])
def test_where_there_is_no_byte_is_a_finding(server, at):
    server.get("/x").respond(content=b"hello", fault=faults.Corrupt(at))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(43)
        (finding,) = server.findings()

        assert ("unfired", True) == (finding.kind, "its position was never reached" in finding.text)


def test_a_live_stream_has_no_last_byte_beforehand(server):
    with pytest.raises(errors.UsageError, match="length"):
        server.get("/x").respond(stream=lambda: [b"a"], fault=faults.Corrupt(faults.before("end", 1)))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (0, ["BadStatusLine", "ProtocolError", "ConnectionError", "RemoteProtocolError", "ClientResponseError"]),
        (
            "head",
            ["IncompleteRead", "ProtocolError", "ChunkedEncodingError", "RemoteProtocolError", "ClientResponseError"],
        ),
        (faults.content(0), [(200, b"\x97ello")] * 5),
        (
            faults.before(faults.chunk(1), 2),
            [(200, b"hello")] * 3 + ["RemoteProtocolError", "ClientResponseError"],
        ),
    ],
)
def test_what_clients_report(server, at, expected):
    """Of one piece: what aiohttp makes of a malformed chunk depends on whether it comes with the head."""
    server.get("/x").respond(content=b"hello", trailers={"A": "b"}, fault=faults.Corrupt(at))

    assert expected == reports(server, expected)
    assert [] == server.findings()


def test_a_checksum_of_gzip_finds_it(server):
    content = gzip.compress(b"hello" * 100, mtime=0)
    server.get("/x").respond(
        content=content, headers={"Content-Encoding": "gzip"}, fault=faults.Corrupt(faults.before("end", 8))
    )

    assert ["DecodeError", "ContentDecodingError", "DecodingError", "ClientPayloadError"] == [
        report(client, server) for client in ("urllib3", "requests", "httpx", "aiohttp")
    ]
