import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes


@pytest.mark.parametrize(("after", "sizes"), [(0, [140]), (1, [1, 139]), ("head", [40, 100]), (139, [139, 1])])
def test_the_pause_lies_at_the_position_and_all_bytes_come(server, after, sizes):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Delay(0.01, after=after))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(140)
    paused = next(event.at for event in server.timeline if event.kind == "paused")
    sent = [event for event in server.timeline if event.kind == "sent"]

    assert sizes == [event.size for event in sent]
    assert sent[-1].at - paused >= 0.01
    assert [] == server.findings()


def test_at_the_end_the_connection_goes_on_after_it(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Delay(0.01, after="end"))
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(GET)

            assert REPLY == client.recv_exactly(140)
    assert [] == server.findings()


def test_the_client_can_read_what_came_before_the_pause(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Delay(3600, after=137))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY[:137] == client.recv_exactly(137)
        client.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv()


def test_past_the_end_it_does_not_fire_and_that_is_a_finding(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Delay(3600, after=141))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(140)
        assert ["unfired"] == [finding.kind for finding in server.findings()]


def test_a_client_that_leaves_in_the_pause_has_met_it(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Delay(3600, after=137))
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(137)
        client.reset()
        server.connections[0].wait_ended()
    assert [] == server.findings()


def test_stop_does_not_wait_for_it(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/x").respond(content=b"x" * 100, fault=faults.Delay(3600, after=137))
        with RawClient(server.address) as client:
            client.send(GET)
            client.recv_exactly(137)
            server.stop()

            assert (b"", "fin") == client.read_to_end()
