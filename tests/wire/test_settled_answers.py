"""Settled answers leave by a short way, which puts the same bytes on the wire and into the record as the long one."""

import pytest

from pytest_epoll.testing import RawClient

PATHS = "abcaabbbb"
COUNT = 4
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"y" * 1000


def get(path):
    return f"GET /{path} HTTP/1.1\r\nHost: t\r\n\r\n".encode()


def ok(path):
    return f"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{path}".encode()


def settle(server, *paths):
    """Ask each path once, so that its answer is settled, and forget that it was asked."""
    with RawClient(server.address) as client:
        for path in paths:
            client.send(get(path))
            client.recv()
    server.connections[0].wait_ended()
    server.clear_records()


def exchange(server, data, expected):
    """Send bytes in one piece and return the answer of that size."""
    with RawClient(server.address) as client:
        client.send(data)
        answer = client.recv_exactly(len(expected))
    server.connections[-1].wait_ended()
    return answer


def story(server):
    """Return what the record says, all but the times and the client's address."""
    events = [
        (event.kind, event.exchange, event.size, None if event.kind == "sent" else event.detail)
        for event in server.connections[-1].events
    ]
    requests = [
        (
            request.raw,
            request.response_status,
            request.response_bytes_sent,
            request.response_body_bytes_sent,
            request.complete,
            request.exchange_index,
        )
        for request in server.connections[-1].requests
    ]
    return events[1:], requests, server.connections[-1].raw_sent


@pytest.mark.parametrize("behind", [b"", get("d"), get("d") + get("a"), get("a")[:-2]], ids=["", "new", "more", "part"])
def test_pipelined_requests_leave_the_same_record_whether_they_are_settled_or_not(server, behind):
    for path in "abcd":
        server.get(f"/{path}").respond(content=path.encode())
    data = b"".join(map(get, PATHS)) + behind
    expected = b"".join(map(ok, PATHS + "da"[: behind.count(b"\r\n\r\n")]))
    settle(server, *"abc")
    fast = exchange(server, data, expected), story(server)
    server.clear_records()
    server._router.may_settle = False
    server._router.settled.clear()
    slow = exchange(server, data, expected), story(server)

    assert expected == fast[0] == slow[0]
    assert slow[1][1:] == fast[1][1:]
    if not behind:
        assert slow[1][0] == fast[1][0]


def test_the_events_of_pipelined_requests_come_in_the_order_of_time(server):
    for path in "abc":
        server.get(f"/{path}").respond(content=path.encode())
    settle(server, *"abc")
    exchange(server, b"".join(map(get, PATHS)), b"".join(map(ok, PATHS)))
    times = [event.at for event in server.timeline]

    assert sorted(times) == times


def test_calls_of_settled_pipelined_requests_are_counted(server):
    route = server.get("/a").respond(content=b"a")
    settle(server, "a")
    exchange(server, get("a") * 5, ok("a") * 5)

    assert 5 == route.call_count


def test_what_is_registered_applies_to_the_next_pipelined_requests(server):
    server.get("/a").respond(content=b"a")
    settle(server, "a")
    server.get("/a", priority=1).respond(content=b"b", times=1)

    assert ok("b") + ok("a") * 2 == exchange(server, get("a") * 3, ok("a") * 3)


@pytest.mark.parametrize("room", [0, 1, 500, len(BIG), len(BIG) + 1, 2 * len(BIG), 3 * len(BIG) - 1, 4 * len(BIG) - 1])
def test_a_send_that_took_only_a_part_is_continued_where_it_was_cut(server, room):
    server.get("/a").respond(content=b"y" * 1000)
    settle(server, "a")
    with RawClient(server.address) as client:
        client.send(get("a"))
        client.recv_exactly(len(BIG))
        transport = next(iter(server._barrier.engine._sessions.values())).transport
        send = transport._send

        def send_a_part(data):
            transport._send = send
            if not room:
                raise BlockingIOError
            return send(data[:room])

        transport._send = send_a_part
        client.send(get("a") * COUNT)
        answer = client.recv_exactly(len(BIG) * COUNT)
    server.connections[0].wait_ended()

    assert BIG * COUNT == answer
    requests = list(server.requests)[1:]
    assert [len(BIG)] * COUNT == [request.response_bytes_sent for request in requests]
    assert BIG * (COUNT + 1) == server.connections[0].raw_sent
    events = [event for event in server.timeline if event.exchange not in (None, 0)]
    for number in range(1, COUNT + 1):
        kinds = [event.kind for event in events if event.exchange == number]
        assert ["head", "request-ended", "matched"] == kinds[:3]
        assert {"sent"} == set(kinds[3:])
        assert len(BIG) == sum(event.size for event in events if event.exchange == number and event.kind == "sent")
    times = [event.at for event in server.timeline]
    assert sorted(times) == times
    assert ["send-blocked"] == [event.kind for event in server.timeline if event.kind == "send-blocked"]
