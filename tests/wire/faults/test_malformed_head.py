import pytest

from pytest_epoll import Response, faults
from pytest_epoll.testing import RawClient
from real_clients import reports

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
CLOSE = b"GET /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
REST = b"Content-Length: 5\r\n\r\nhello"


@pytest.mark.parametrize(
    ("fault", "wire"),
    [
        (faults.MalformedHead(status_line=b"HTTP/0.5 200 OK"), b"HTTP/0.5 200 OK\r\n" + REST),
        (faults.MalformedHead(status_line=b""), b"\r\n" + REST),
        (faults.MalformedHead(line=b" folded"), b"HTTP/1.1 200 OK\r\n folded\r\n" + REST),
        (
            faults.MalformedHead(line=b"\tc", after=faults.header("Content-Length")),
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\tc\r\n\r\nhello",
        ),
    ],
    ids=repr,
)
def test_the_bytes_are_on_the_wire_and_the_connection_is_answered_on(server, fault, wire):
    server.get("/x").respond(content=b"hello", fault=fault)
    with RawClient(server.address) as client:
        client.send(GET * 3)

        assert wire * 3 == client.recv_exactly(3 * len(wire))
    sizes = {(request.response_bytes_sent, request.response_body_bytes_sent) for request in server.requests}

    assert ({(len(wire), 5)}, []) == (sizes, server.findings())


@pytest.mark.parametrize("size", [64_000, 1_000_000])
def test_a_line_of_a_megabyte(server, size):
    server.get("/x").respond(content=b"hello", fault=faults.MalformedHead(line=b"A: " + b"x" * size))
    with RawClient(server.address) as client:
        client.send(CLOSE)
        data, how = client.read_to_end()

    assert (size + len(b"HTTP/1.1 200 OK\r\nA: \r\nConnection: close\r\n" + REST), "fin") == (len(data), how)


def test_a_line_of_a_megabyte_is_not_shown_whole_in_a_finding(server):
    fault = faults.MalformedHead(line=b"x" * 1_000_000, after=faults.header("X-No"))
    server.get("/x").respond(content=b"hello", fault=fault)
    with RawClient(server.address) as client:
        client.send(CLOSE)
        client.read_to_end()

    assert len(server.findings()[0].text) < 1000


def test_a_head_is_cut_in_what_it_made(server):
    fault = [faults.MalformedHead(status_line=b"HTTP/1.1 2"), faults.HangUp(after=faults.half_of("status-line"))]
    server.get("/x").respond(content=b"hello", fault=fault)
    with RawClient(server.address) as client:
        client.send(GET)

        assert (b"HTTP/", "fin") == client.read_to_end()
    assert [] == server.findings()


def test_interim_responses_are_whole(server):
    server.get("/x").respond(content=b"hello", informational=[103], fault=faults.MalformedHead(status_line=b"HELLO"))
    with RawClient(server.address) as client:
        client.send(GET)
        wire = b"HTTP/1.1 103 Early Hints\r\n\r\nHELLO\r\n" + REST

        assert wire == client.recv_exactly(len(wire))
    assert [] == server.findings()


def test_of_what_a_handler_returns_head_and_live_streams(server):
    fault = faults.MalformedHead(status_line=b"HELLO")
    server.get("/x").respond_with(
        lambda _: Response(stream=lambda: [b"a"]).with_faults(fault), lambda _: 204, fault=[fault]
    )
    server.head("/x").respond(content=b"hello", fault=fault)
    with RawClient(server.address) as client:
        client.send(GET.replace(b"GET", b"HEAD") + GET + CLOSE)
        data, _ = client.read_to_end()

    assert 3 == data.count(b"HELLO\r\n")
    assert b"HTTP" not in data


def test_a_field_that_is_not_there_is_a_finding(server):
    fault = faults.MalformedHead(line=b"x", after=faults.header("X-No"))
    server.get("/x").respond(content=b"hello", fault=fault)
    with RawClient(server.address) as client:
        client.send(CLOSE)
        client.read_to_end()

    assert "no reply had the field" in server.findings()[0].text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            faults.MalformedHead(status_line=b"HTTP/0.5 200 OK"),
            ["UnknownProtocol", "ProtocolError", "ConnectionError", (200, b"hello"), "ClientResponseError"],
        ),
        (
            faults.MalformedHead(status_line=b"HTTP/1.1 001 OK"),
            ["BadStatusLine", "ProtocolError", "ConnectionError", "RemoteProtocolError", (1, b"hello")],
        ),
        (
            faults.MalformedHead(status_line=b"HELLO"),
            ["BadStatusLine", "ProtocolError", "ConnectionError", "RemoteProtocolError", "ClientResponseError"],
        ),
        (
            faults.MalformedHead(line=b"no colon"),
            ["TimeoutError", "ReadTimeoutError", "ConnectionError", "RemoteProtocolError", "ClientResponseError"],
        ),
        (
            faults.MalformedHead(line=b"\tfolded"),
            [(200, b"hello")] * 3 + ["RemoteProtocolError", "ClientResponseError"],
        ),
    ],
    ids=repr,
)
def test_what_clients_report(server, fault, expected):
    server.get("/x").respond(content=b"hello", fault=fault)

    assert expected == reports(server, expected)
    assert [] == server.findings()
