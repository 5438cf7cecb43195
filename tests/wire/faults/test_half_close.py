import pytest

from pytest_epoll import faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes


@pytest.mark.parametrize(("after", "size"), [("end", 140), (0, 0), ("head", 40), (39, 39), (137, 137), (140, 140)])
def test_exactly_so_many_bytes_come_and_then_end_of_file(server, after, size):
    server.get("/x").respond(content=b"x" * 100, fault=faults.HalfClose(after=after))
    with RawClient(server.address) as client:
        client.send(GET)

        assert (REPLY[:size], "fin") == client.read_to_end()
        assert (None, True) == (server.connections[0].closed_by, server.connections[0].is_open)
    connection = server.connections[0]

    assert ("client", "fin") == (connection.closed_by, connection.closed_how)
    assert [] == server.findings()


def test_reading_goes_on_and_further_requests_are_listed_and_not_answered(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.HalfClose())
    with RawClient(server.address) as client:
        client.send(GET)

        assert (REPLY, "fin") == client.read_to_end()
        client.send(GET)

        assert [200, None] == [request.response_status for request in server.wait_for_requests(2)]
    assert [] == server.findings()


def test_past_the_end_it_does_not_fire_and_that_is_a_finding(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.HalfClose(after=141))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(140)
        assert ["unfired"] == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize("request_head", [GET, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")])
def test_the_clients_reset_behind_it_is_noticed(server, request_head):
    server.get("/x").respond(content=b"x" * 100, fault=faults.HalfClose(after="head"))
    with RawClient(server.address) as client:
        client.send(request_head)

        assert "fin" == client.read_to_end()[1]
        client.reset()
        server.connections[0].wait_ended()

        assert ("client", "rst") == (server.connections[0].closed_by, server.connections[0].closed_how)
