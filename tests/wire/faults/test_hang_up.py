import os

import pytest

from pytest_epoll import faults
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"  # 40 bytes
REPLY = HEAD + b"x" * 100
POST = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n"


def cut(server, fault, content=b"x" * 100):
    server.get("/x").respond(content=content, fault=fault)
    with RawClient(server.address) as client:
        client.send(GET)
        return client.read_to_end()


@pytest.mark.parametrize("after", [0, 1, 39, 40, 41, 136, 137, 138, 139, 140])
def test_the_client_gets_exactly_so_many_bytes_then_end_of_file(server, after):
    assert (REPLY[:after], "fin") == cut(server, faults.HangUp(after=after))
    assert [("server", "fin", after)] == [(c.closed_by, c.closed_how, c.bytes_sent) for c in server.connections]
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("after", "size"),
    [
        ("head", 40),
        ("end", 140),
        (faults.body(0), 40),
        (faults.body(99), 139),
        (faults.content(100), 140),
        (faults.header("content-length"), 38),
        (faults.half_of("status-line"), 7),
        (faults.half_of("header:Content-Length"), 34),
        (faults.half_of("body"), 90),
        (faults.before("head", 3), 37),
        (faults.before("end", 1), 139),
    ],
)
def test_every_kind_of_position(server, after, size):
    assert (REPLY[:size], "fin") == cut(server, faults.HangUp(after=after))


@pytest.mark.parametrize("after", [141, faults.body(101), faults.chunk(1), "last-chunk", faults.header("X-No")])
def test_a_position_that_is_never_reached_is_a_finding_and_the_reply_goes_on(server, after):
    server.get("/x").respond(content=b"x" * 100, fault=faults.HangUp(after=after))
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(GET)

            assert REPLY == client.recv_exactly(140)
        assert ["unfired"] == [finding.kind for finding in server.findings()]


def test_four_mebibytes_reach_a_reader_that_pauses(server):
    content = os.urandom(4 * 2**20)
    server.get("/x").respond(content=content, fault=faults.HangUp(after=faults.body(4 * 2**20 - 1)))
    with RawClient(server.address, receive_buffer=4096) as client:
        client.send(GET)
        server.connections[0].wait_event("send-blocked")
        data, how = client.read_to_end()

    assert "fin" == how
    assert content[:-1] == data.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("position", "size"),
    [(0, 0), ("head", 0), (faults.body(0), 0), (faults.body(1), 1), (faults.content(99), 99), (len(POST) + 7, 7)],
)
def test_of_the_request_not_one_byte_beyond_the_position_is_in_the_record(server, position, size):
    server.post("/x").respond_with(faults.HangUp(after_reading=position))
    with RawClient(server.address) as client:
        client.send(POST + b"y" * 100)

        assert (b"", "fin") == client.read_to_end()
        request = server.last_request

        assert (size, False) == (len(request.body_so_far), request.complete)
        assert POST + b"y" * size == request.raw
        assert [] == server.findings()


def test_the_client_may_finish_its_upload_before_it_reads_end_of_file(server):
    server.post("/x").respond_with(faults.HangUp(after_reading=faults.body(10)))
    with RawClient(server.address) as client:
        client.send(POST.replace(b"100", b"4000000") + b"y" * 10)
        server.connections[0].wait_event("fin-sent")
        client.send(b"y" * 3_999_990)

        assert (b"", "fin") == client.read_to_end()
    connection = server.connections[0]
    connection.wait_ended()

    assert len(POST) + 4 + 4_000_000 == connection.bytes_received
    assert 10 == len(server.last_request.body_so_far)


def test_a_request_that_is_shorter_than_the_position_is_answered_and_that_is_a_finding(server):
    server.post("/x").respond(content=b"x" * 100, fault=faults.HangUp(after_reading=faults.body(101)))
    with RawClient(server.address) as client:
        client.send(POST + b"y" * 100)

        assert REPLY == client.recv_exactly(140)
        assert ["unfired"] == [finding.kind for finding in server.findings()]
        assert "faults.HangUp(after_reading=faults.body(101))" in server.findings()[0].text


def test_from_another_thread(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.HangUp(after=137))

    def call():
        with RawClient(server.address) as client:
            client.send(GET)
            return client.read_to_end()

    assert (REPLY[:137], "fin") == in_thread(call).result(timeout=5)
