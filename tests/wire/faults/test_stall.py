import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes
POST = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n"


@pytest.mark.parametrize(
    ("after", "size"), [(0, 0), (1, 1), (39, 39), ("head", 40), (faults.body(97), 137), (139, 139), ("end", 140)]
)
def test_exactly_so_many_bytes_come_and_then_nothing(server, after, size):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Stall(after=after))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY[:size] == client.recv_exactly(size)
        server.connections[0].wait_event("stalled")
        client.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv()
        assert (size, True) == (server.connections[0].bytes_sent, server.connections[0].is_open)
    assert [] == server.findings()


def test_past_the_end_it_does_not_fire_and_that_is_a_finding(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Stall(after=141))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(140)
        assert ["unfired"] == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize(("part", "how"), [("close", "fin"), ("shutdown", "fin"), ("reset", "rst")])
def test_the_clients_goodbye_is_noticed_and_ends_it(server, part, how):
    server.get("/x").respond_with(faults.Stall())
    with RawClient(server.address) as client:
        client.send(GET)
        connection = server.wait_for_connections()[0]
        connection.wait_event("stalled")
        getattr(client, part)()
        connection.wait_ended()

        assert ("client", how) == (connection.closed_by, connection.closed_how)
    assert [] == server.findings()


def test_what_the_client_sends_meanwhile_stays_unread(server):
    server.get("/x").respond_with(faults.Stall())
    with RawClient(server.address) as client:
        client.send(GET)
        server.wait_for_connections()[0].wait_event("stalled")
        client.send(GET)

        assert (1, len(GET)) == (len(server.requests), server.connections[0].bytes_received)


@pytest.mark.parametrize(("position", "size"), [("head", 0), (faults.body(10), 10), (faults.content(99), 99)])
def test_in_the_request_it_reads_to_the_position_and_no_further(server, position, size):
    server.post("/x").respond_with(faults.Stall(after_reading=position))
    with RawClient(server.address) as client:
        client.send(POST + b"y" * 100)
        server.wait_for_connections()[0].wait_event("stalled")
        request = server.last_request

        assert (size, None) == (len(request.body_so_far), request.complete)
        assert len(POST) + size == server.connections[0].bytes_received


def test_closing_the_connections_ends_it(server):
    server.get("/x").respond_with(faults.Stall())
    with RawClient(server.address) as client:
        client.send(GET)
        server.wait_for_connections()[0].wait_event("stalled")

        assert 1 == server.close_connections()
        assert (b"", "fin") == client.read_to_end()


def test_stop_ends_many_stalled_connections(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/x").respond(content=b"x" * 100, fault=faults.Stall(after=137))
        clients = [RawClient(server.address) for _ in range(20)]
        for client in clients:
            client.send(GET)

            assert REPLY[:137] == client.recv_exactly(137)
        server.stop()

        assert {(b"", "fin")} == {client.read_to_end() for client in clients}
        for client in clients:
            client.close()


@pytest.mark.parametrize("fault", [faults.Stall(after="head"), faults.StopReading(after_reading="end")])
@pytest.mark.parametrize("part", ["shutdown", "close", "reset"])
def test_a_client_that_has_given_up_before_ends_it_at_once(server, fault, part):
    gate = server.gate()
    server.get("/x").respond(content=b"x" * 100, gate=gate, fault=fault)
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        getattr(client, part)()
        connection = server.connections[0]
        gate.open()
        connection.wait_ended()

        assert "client" == connection.closed_by
