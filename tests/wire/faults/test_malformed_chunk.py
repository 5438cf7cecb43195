import pytest

from pytest_epoll import Response, errors, faults
from pytest_epoll.testing import RawClient
from real_clients import report, reports

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"  # 47 bytes
FIRST = HEAD + b"zz\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n"
SECOND = HEAD + b"5\r\nhello\r\nzz\r\nworld!\r\n0\r\n\r\n"
PIECES = [b"hello", b"world!"]


def pieces():
    yield from PIECES


@pytest.mark.parametrize("stream", [PIECES, pieces], ids=["a list", "live"])
@pytest.mark.parametrize(("index", "wire"), [(0, FIRST), (1, SECOND)])
def test_the_line_is_on_the_wire_and_the_connection_is_answered_on(server, stream, index, wire):
    server.get("/x").respond(stream=stream, fault=faults.MalformedChunk(index))
    with RawClient(server.address) as client:
        client.send(GET * 3)

        assert wire * 3 == client.recv_exactly(3 * len(wire))
    sizes = {(request.response_bytes_sent, request.response_body_bytes_sent) for request in server.requests}

    assert ({(len(wire), len(wire) - 47)}, []) == (sizes, server.findings())


def test_a_chunk_of_what_a_generator_yields_and_of_an_event_stream(server):
    server.get("/x").respond_with(lambda _: pieces(), times=1, fault=faults.MalformedChunk())
    server.get("/x").respond(events=["a", "b"], fault=faults.MalformedChunk(1))
    with RawClient(server.address) as client:
        client.send(GET)

        assert FIRST == client.recv_exactly(len(FIRST))
        client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

        assert b"9\r\ndata: a\n\n\r\nzz\r\ndata: b\n\n\r\n0\r\n\r\n" in client.read_to_end()[0]
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("after", "size"), [(faults.chunk(1), 58), (faults.half_of("chunk-size"), 48), ("last-chunk", 69), (57, 57)]
)
def test_a_fin_to_its_right_is_counted_in_what_it_made(server, after, size):
    server.get("/x").respond(stream=PIECES, fault=[faults.MalformedChunk(), faults.HangUp(after)])
    with RawClient(server.address) as client:
        client.send(GET)

        assert (FIRST[:size], "fin") == client.read_to_end()
    assert [] == server.findings()


@pytest.mark.parametrize("response", [Response(content=b"a"), Response(204), Response(raw=HEAD), Response(stream=[])])
def test_what_is_not_chunked_is_refused_at_the_call(server, response):
    with pytest.raises(errors.UsageError, match="chunk"):
        server.get("/x").respond_with(response, fault=faults.MalformedChunk())


@pytest.mark.parametrize(
    ("request_bytes", "stream", "index"),
    [
        (GET.replace(b"GET", b"HEAD"), PIECES, 0),
        (GET.replace(b"1.1", b"1.0"), PIECES, 0),
        (GET, pieces, 2),
    ],
    ids=["HEAD", "HTTP/1.0", "fewer chunks"],
)
def test_a_reply_that_turns_out_to_have_no_such_chunk_is_a_finding(server, request_bytes, stream, index):
    server.route(path="/x").respond(stream=stream, fault=faults.MalformedChunk(index))
    with RawClient(server.address) as client:
        client.send(request_bytes.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

        assert b"zz" not in client.read_to_end()[0]
    (finding,) = server.findings()

    assert ("unfired", True) == (
        finding.kind,
        f"no reply had a chunk with index {index} and another size line" in finding.text,
    )


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            faults.MalformedChunk(),
            ["IncompleteRead", "ProtocolError", "ChunkedEncodingError", "RemoteProtocolError", "ClientResponseError"],
        ),
        pytest.param(
            faults.MalformedChunk(size_line=b"ff"),
            ["TimeoutError", "ReadTimeoutError", "ConnectionError", "ReadTimeout", "SocketTimeoutError"],
            marks=pytest.mark.slow,
        ),
        (
            [faults.MalformedChunk(size_line=b"ff"), faults.HangUp("end")],
            ["IncompleteRead", "ProtocolError", "ChunkedEncodingError", "RemoteProtocolError", "ClientPayloadError"],
        ),
    ],
    ids=repr,
)
def test_what_clients_report(server, fault, expected):
    """Of one piece: what aiohttp makes of a malformed chunk depends on whether it comes with the head."""
    server.get("/x").respond(content=b"hello", trailers={"A": "b"}, fault=fault)

    assert expected == reports(server, expected)
    assert [] == server.findings()


@pytest.mark.slow
def test_aiohttp_reads_for_ever_what_is_malformed_behind_the_head(server):
    """Neither an error nor the timeout of a read comes: only one for the whole call ends it."""
    fault = [faults.MalformedChunk(), faults.PartialWrites(cuts=("head",), until_read=True)]
    server.get("/x").respond(content=b"hello", trailers={"A": "b"}, fault=fault)

    assert "TimeoutError" == report("aiohttp", server, timeout=0.5)
    assert [] == server.findings()
