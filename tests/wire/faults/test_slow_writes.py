import itertools

import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes


def sent_sizes(server):
    return [event.size for event in server.timeline if event.kind == "sent"]


def test_the_bytes_are_the_same_and_leave_piece_by_piece(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.SlowWrites(30_000, size=30))
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(GET)

            assert REPLY == client.recv_exactly(140)
    assert [30, 30, 30, 30, 20] * 2 == sent_sizes(server)
    assert [] == server.findings()


def test_it_is_no_faster_than_the_rate(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.SlowWrites(2000, size=40))
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(140)
    times = [event.at for event in server.timeline if event.kind == "sent"]

    assert 4 == len(times)
    assert all(later - earlier >= 0.02 for earlier, later in itertools.pairwise(times))


def test_only_what_lies_behind_the_position_is_slow(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.SlowWrites(50_000, size=50, after="head"))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(140)
    assert [40, 50, 50] == sent_sizes(server)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.SlowWrites(1, size=140), "a first piece of 140 bytes;"),
        (faults.SlowWrites(1, size=1, after=139), "a first piece of 1 byte behind 139;"),
    ],
)
def test_a_rest_of_one_piece_is_not_slow_and_that_is_a_finding(server, fault, reason):
    server.get("/x").respond(content=b"x" * 100, fault=fault)
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(140)
        (finding,) = server.findings()

        assert "unfired" == finding.kind
        assert reason in str(finding)


def test_stop_does_not_wait_for_the_rest(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/x").respond(content=b"x" * 100, fault=faults.SlowWrites(0.01, size=50))
        with RawClient(server.address) as client:
            client.send(GET)

            assert REPLY[:50] == client.recv_exactly(50)
            server.stop()

            assert (b"", "fin") == client.read_to_end()
