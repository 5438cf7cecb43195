import httpx
import pytest

from pytest_epoll import Response, faults
from pytest_epoll.testing import RawClient
from real_clients import reports

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"  # 38 + 5 bytes
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"  # 47 + 15 bytes
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FAULT = faults.ExtraBytes(b"xyz")


def test_they_stand_between_the_replies_of_a_connection_that_is_answered_on(server):
    server.get("/x").respond(content=b"hello", fault=FAULT)
    with RawClient(server.address) as client:
        client.send(GET * 3)

        assert (REPLY + b"xyz") * 3 == client.recv_exactly(3 * 46)
    assert [(46, 8)] * 3 == [(r.response_bytes_sent, r.response_body_bytes_sent) for r in server.requests]
    assert [] == server.findings()


def test_they_are_sent_in_one_piece_with_the_reply(server):
    server.get("/x").respond(content=b"hello", fault=FAULT)
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(46)
    assert [46] == [event.size for event in server.timeline if event.kind == "sent"]


def test_behind_a_pause_they_come_on_an_idle_connection(server):
    gate = server.gate()
    server.get("/x").respond(content=b"hello", fault=[faults.Wait(gate, after="end"), FAULT])
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(43)
        gate.wait_reached()
        gate.open()

        assert b"xyz" == client.recv_exactly(3)
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("method", "response", "wire"),
    [
        (b"GET", Response(204), b"HTTP/1.1 204 No Content\r\n\r\nxyz"),
        (b"GET", Response(304), b"HTTP/1.1 304 Not Modified\r\n\r\nxyz"),
        (b"HEAD", Response(content=b"hello"), REPLY[:38] + b"xyz"),
        (b"GET", Response(stream=[b"hello"]), CHUNKED + b"xyz"),
        (b"GET", Response(stream=lambda: [b"hello"]), CHUNKED + b"xyz"),
        (b"GET", Response(raw=REPLY), REPLY + b"xyz"),
        (b"GET", Response(content=b"hello").with_faults(faults.PartialWrites(size=10)), REPLY + b"xyz"),
    ],
)
def test_behind_every_kind_of_reply(server, method, response, wire):
    server.route(path="/x").respond_with(response, fault=FAULT)
    with RawClient(server.address) as client:
        client.send(GET.replace(b"GET", method) * 2)

        assert wire * 2 == client.recv_exactly(2 * len(wire))
    assert [] == server.findings()


def test_where_only_fin_ends_a_body_they_are_a_part_of_it(server):
    server.get("/x").respond(stream=[b"hello"], fault=FAULT)
    with RawClient(server.address) as client:
        client.send(GET.replace(b"1.1", b"1.0"))

        assert client.read_to_end()[0].endswith(b"\r\n\r\nhelloxyz")


@pytest.mark.parametrize(("fault", "how"), [(faults.HangUp, "fin"), (faults.Reset, "rst")])
@pytest.mark.parametrize(("after", "size"), [(43, 43), (44, 44), ("end", 46), (faults.before("end", 1), 45)])
def test_an_end_to_its_right_is_counted_in_them(server, fault, how, after, size):
    server.get("/x").respond(content=b"hello", fault=[FAULT, fault(after)])
    with RawClient(server.address) as client:
        client.send(GET)

        assert ((REPLY + b"xyz")[:size], how) == client.read_to_end()
    assert [] == server.findings()


@pytest.mark.parametrize(("fault", "how"), [(faults.HangUp, "fin"), (faults.Reset, "rst")])
def test_behind_a_cut_they_are_delivered_before_its_end(server, fault, how):
    server.get("/x").respond(content=b"hello", fault=[fault(10), FAULT])
    with RawClient(server.address) as client:
        client.send(GET)

        assert (REPLY[:10] + b"xyz", how) == client.read_to_end()
    assert [] == server.findings()


def test_pieces_to_its_right_are_reads_of_the_client_over_the_end_of_the_reply(server):
    server.get("/x").respond(content=b"hello", fault=[FAULT, faults.PartialWrites(sizes=(42,), until_read=True)])
    with RawClient(server.address) as client:
        client.send(GET)

        assert [REPLY[:42], b"oxyz"] == [client.recv(), client.recv()]
    assert [] == server.findings()


def test_a_reply_that_never_ends_is_a_finding(server):
    server.get("/x").respond(content=b"hello", fault=[faults.Stall(10), FAULT])
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(10)
        server.connections[0].wait_event("stalled")

    assert "no reply came to its end: in c0.0 10 bytes were sent" in server.findings()[0].text


@pytest.mark.parametrize(
    ("data", "expected"),
    [(b"xyz", [(200, b"hello")] * 4 + ["ClientResponseError"]), (EMPTY, [(200, b"hello")] * 5)],
)
def test_what_clients_report(server, data, expected):
    server.get("/x").respond(content=b"hello", fault=faults.ExtraBytes(data))

    assert expected == reports(server, expected)
    assert [] == server.findings()


def test_a_whole_reply_that_nobody_asked_for_may_poison_a_pool(server):
    """httpx reads it with the reply before, keeps the connection, and takes it for the answer to its next request."""
    server.get("/x").respond(
        content=b"hello", fault=faults.ExtraBytes(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), times=1
    )
    server.get("/x").respond(content=b"hello")
    with httpx.Client(trust_env=False, verify=False, base_url=server.url) as client:
        assert [b"hello", b"evil"] == [client.get("/x").content, client.get("/x").content]
    assert [] == server.findings()
