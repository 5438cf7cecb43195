import pytest

from pytest_epoll import Response, errors, faults
from pytest_epoll.testing import RawClient
from real_clients import reports

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
CLOSE = b"GET /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
HUNDRED = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 100  # 41 + 100 bytes


def test_the_head_lies_and_the_connection_is_answered_on(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.WrongContentLength(value=1000))
    with RawClient(server.address) as client:
        client.send(GET * 3)

        assert HUNDRED * 3 == client.recv_exactly(3 * 141)
    assert [(141, 100)] * 3 == [(r.response_bytes_sent, r.response_body_bytes_sent) for r in server.requests]
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("after", "size"), [("head", 41), ("end", 141), (137, 137), (faults.body(1), 42), (faults.before("end", 1), 140)]
)
def test_a_fin_to_its_right_is_counted_in_what_it_made(server, after, size):
    server.get("/x").respond(
        content=b"x" * 100, fault=[faults.WrongContentLength(value=1000), faults.HangUp(after=after)]
    )
    with RawClient(server.address) as client:
        client.send(GET)

        assert (HUNDRED[:size], "fin") == client.read_to_end()
    assert [] == server.findings()


@pytest.mark.parametrize("times", [1, 2])
def test_in_pieces_that_the_client_reads(server, times):
    """Twice: the same reply makes the same wholes of the same images."""
    fault = [faults.WrongContentLength(delta=900), faults.PartialWrites(sizes=(33, 4, 4), until_read=True)]
    server.get("/x").respond(content=b"x" * 100, fault=fault)
    with RawClient(server.address) as client:
        for _ in range(times):
            client.send(GET)

            assert [b"1000", b"\r\n\r\n", b"x" * 100] == [
                client.recv_exactly(33) and client.recv(),
                client.recv(),
                client.recv(),
            ]
    assert [] == server.findings()


def test_of_what_a_handler_returns_and_of_a_response_that_carries_it(server):
    lie = faults.WrongContentLength(delta=1)
    server.get("/x").respond_with(lambda _: {"a": 1}, times=1, fault=lie)
    server.get("/x").respond_with(
        lambda _: Response(content=b"hello").with_faults(lie), Response(text="").with_faults(lie)
    )
    with RawClient(server.address) as client:
        client.send(GET * 2 + CLOSE)
        data, _ = client.read_to_end()

    assert [b"9", b"6", b"1"] == [part.partition(b"\r\n")[0] for part in data.split(b"Content-Length: ")[1:]]
    assert [] == server.findings()


def test_head_is_told_the_lie_too(server):
    server.head("/x").respond(content=b"hello", fault=faults.WrongContentLength(value=7))
    with RawClient(server.address) as client:
        client.send(CLOSE.replace(b"GET", b"HEAD"))

        assert b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n" == client.read_to_end()[0]
    assert [] == server.findings()


def test_a_live_stream_gets_the_line_beside_its_chunks(server):
    server.get("/x").respond(stream=lambda: [b"hello"], fault=faults.WrongContentLength(value=0))
    with RawClient(server.address) as client:
        client.send(GET)
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"

        assert head + b"5\r\nhello\r\n0\r\n\r\n" == client.recv_exactly(len(head) + 15)
    assert [] == server.findings()


def test_the_right_length_is_a_finding(server):
    server.get("/x").respond(content=b"hello", fault=faults.WrongContentLength(value=5))
    with RawClient(server.address) as client:
        client.send(CLOSE)
        client.read_to_end()
    (finding,) = server.findings()

    assert "the reply announced no other length with it than without it: in c0.0 62 bytes were sent" in finding.text


def test_delta_without_a_length_is_refused_at_the_call_and_a_handlers_error(server):
    lie = faults.WrongContentLength(delta=1)
    with pytest.raises(errors.UsageError, match="use value="):
        server.get("/x").respond(stream=[b"a"], fault=lie)
    server.get("/y").respond_with(lambda _: Response(204).with_faults(lie))
    with RawClient(server.address) as client:
        client.send(CLOSE.replace(b"/x", b"/y"))

        assert client.read_to_end()[0].startswith(b"HTTP/1.1 500")
    assert "use value=" in server.findings()[-1].text


def test_of_a_handler_that_streams_delta_does_not_fire(server):
    server.get("/x").respond_with(lambda _: [b"a"].__iter__(), fault=faults.WrongContentLength(delta=1))
    with RawClient(server.address) as client:
        client.send(CLOSE)
        client.read_to_end()
    assert ["unfired"] == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            [faults.WrongContentLength(delta=1), faults.HangUp("end")],
            ["IncompleteRead", "ProtocolError", "ChunkedEncodingError", "RemoteProtocolError", "ClientPayloadError"],
        ),
        pytest.param(
            faults.WrongContentLength(delta=1),
            ["TimeoutError", "ReadTimeoutError", "ConnectionError", "ReadTimeout", "SocketTimeoutError"],
            marks=pytest.mark.slow,
        ),
        (faults.WrongContentLength(delta=-1), [(200, b"hell")] * 4 + ["ClientResponseError"]),
        (
            [faults.WrongContentLength(value="-5"), faults.HangUp("end")],
            [(200, b"hello")] * 3 + ["RemoteProtocolError", "ClientResponseError"],
        ),
    ],
    ids=repr,
)
def test_what_clients_report(server, fault, expected):
    server.get("/x").respond(content=b"hello", fault=fault)

    assert expected == reports(server, expected)
    assert [] == server.findings()
