import pytest

from pytest_epoll import Response, errors, faults
from pytest_epoll.testing import RawClient
from real_clients import reports

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WIRE = HEAD + b"5\r\nhello\r\n6\r\nworld!\r\n"
PIECES = [b"hello", b"world!"]
FAULT = faults.MissingFinalChunk()


def read(server, request=GET):
    with RawClient(server.address) as client:
        client.send(request)
        return client.read_to_end()


@pytest.mark.parametrize("stream", [PIECES, lambda: iter(PIECES)], ids=["a list", "live"])
@pytest.mark.parametrize("trailers", [None, {"A": "b"}])
def test_all_chunks_come_and_then_fin(server, stream, trailers):
    server.get("/x").respond(stream=stream, trailers=trailers, fault=FAULT)

    assert (WIRE, "fin") == read(server)
    assert [("server", "fin", len(WIRE))] == [(c.closed_by, c.closed_how, c.bytes_sent) for c in server.connections]
    assert [] == server.findings()


def test_what_was_asked_behind_it_stays_unanswered_and_is_no_finding(server):
    server.get("/x").respond(stream=PIECES, fault=FAULT)

    assert (WIRE, "fin") == read(server, GET * 3)
    assert [] == server.findings()


def test_the_next_connection_may_get_the_whole_reply(server):
    server.get("/x").respond(stream=PIECES, fault=FAULT, times=1).respond(stream=PIECES)
    request = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    assert [False, True] == [read(server, request)[0].endswith(b"0\r\n\r\n") for _ in range(2)]
    assert [] == server.findings()


@pytest.mark.parametrize(("ending", "how"), [(faults.Reset(after="end"), "rst"), (faults.HalfClose(), "fin")])
def test_another_ending_stands_to_its_right(server, ending, how):
    server.get("/x").respond(stream=PIECES, fault=[FAULT, ending])

    assert (WIRE, how) == read(server)
    assert [] == server.findings()


def test_a_stall_to_its_right_lets_the_client_wait(server):
    server.get("/x").respond(stream=PIECES, fault=[FAULT, faults.Stall(after="end")])
    with RawClient(server.address) as client:
        client.send(GET)

        assert WIRE == client.recv_exactly(len(WIRE))
        server.connections[0].wait_event("stalled")
    assert [] == server.findings()


def test_of_a_body_that_is_one_chunk_of_what_a_handler_yields_and_of_events(server):
    server.get("/x").respond(content=b"hello", trailers={"A": "b"}, fault=FAULT, times=1)
    server.get("/x").respond_with(lambda _: iter(PIECES), fault=FAULT, times=1)
    server.get("/x").respond_with(lambda _: Response(events=["a"]).with_faults(FAULT))

    assert [WIRE[: -len(b"6\r\nworld!\r\n")], WIRE] == [read(server)[0], read(server)[0]]
    assert read(server)[0].endswith(b"9\r\ndata: a\n\n\r\n")
    assert [] == server.findings()


def test_a_live_stream_that_was_taken_is_closed(server):
    closed = []

    def source():
        try:
            yield b"hello"
        finally:
            closed.append(True)

    server.get("/x").respond(stream=source, fault=FAULT)
    read(server)
    server.stop()

    assert [True] == closed


@pytest.mark.parametrize("response", [Response(content=b"a"), Response(204), Response(raw=WIRE)])
def test_what_is_not_chunked_is_refused_at_the_call(server, response):
    with pytest.raises(errors.UsageError, match="chunk"):
        server.get("/x").respond_with(response, fault=FAULT)


@pytest.mark.parametrize("method", [b"HEAD /x HTTP/1.1", b"GET /x HTTP/1.0"])
def test_a_reply_that_turns_out_to_have_none_is_a_finding(server, method):
    server.route(path="/x").respond(stream=PIECES, fault=FAULT)
    read(server, method + b"\r\nHost: test\r\nConnection: close\r\n\r\n")

    assert "no reply came to a last chunk" in server.findings()[0].text


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            FAULT,
            ["IncompleteRead", "ProtocolError", "ChunkedEncodingError", "RemoteProtocolError", "ClientPayloadError"],
        ),
        pytest.param(
            [FAULT, faults.Stall(after="end")],
            ["TimeoutError", "ReadTimeoutError", "ConnectionError", "ReadTimeout", "SocketTimeoutError"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=repr,
)
def test_what_clients_report(server, fault, expected):
    server.get("/x").respond(stream=PIECES, fault=fault)

    assert expected == reports(server, expected)
    assert [] == server.findings()
