import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes


@pytest.mark.parametrize(("after", "size"), [(0, 0), (1, 1), ("head", 40), (137, 137), (139, 139)])
def test_the_reply_is_held_at_the_position_until_the_gate_opens(server, after, size):
    gate = server.gate()
    server.get("/x").respond(content=b"x" * 100, fault=faults.Wait(gate, after=after))
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()

        assert size == server.connections[0].bytes_sent
        assert REPLY[:size] == client.recv_exactly(size)
        gate.open()

        assert REPLY[size:] == client.recv_exactly(140 - size)
    assert [] == server.findings()


def test_an_open_gate_holds_nothing(server):
    gate = server.gate()
    gate.open()
    server.get("/x").respond(content=b"x" * 100, fault=faults.Wait(gate, after="head"))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(140)
    assert [] == server.findings()


def test_past_the_end_it_does_not_fire_and_that_is_a_finding(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Wait(server.gate(), after=141))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(140)
        assert ["unfired"] == [finding.kind for finding in server.findings()]


def test_a_client_that_leaves_at_the_gate_has_met_it(server):
    gate = server.gate()
    server.get("/x").respond(content=b"x" * 100, fault=faults.Wait(gate, after="head"))
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        client.reset()
        server.connections[0].wait_ended()
    assert [] == server.findings()


def test_stop_releases_the_gate(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        gate = server.gate()
        server.get("/x").respond(content=b"x" * 100, fault=faults.Wait(gate, after="head"))
        with RawClient(server.address) as client:
            client.send(GET)
            gate.wait_reached()
            server.stop()

            assert (REPLY[:40], "fin") == client.read_to_end()
