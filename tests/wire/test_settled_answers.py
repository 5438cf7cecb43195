"""Settled answers leave by a short way, which puts the same bytes on the wire and into the record as the long one."""

import re

import pytest

from pytest_epoll import EpollServer
from pytest_epoll.faults import SlowReads
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


class Meagre:
    """Stands in for a transport's socket, takes a part of what is sent first, and goes."""

    def __init__(self, transport, room):
        self._transport = transport
        self._sock = transport.sock
        self._room = room

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def send(self, data):
        self._transport.sock = self._sock
        if not self._room:
            raise BlockingIOError
        return self._sock.send(data[: self._room])


@pytest.mark.parametrize("room", [0, 1, 500, len(BIG), len(BIG) + 1, 2 * len(BIG), 3 * len(BIG) - 1, 4 * len(BIG) - 1])
def test_a_send_that_took_only_a_part_is_continued_where_it_was_cut(server, room):
    server.get("/a").respond(content=b"y" * 1000)
    settle(server, "a")
    with RawClient(server.address) as client:
        client.send(get("a"))
        client.recv_exactly(len(BIG))
        transport = next(iter(server._barrier.engine._sessions.values())).transport
        transport.sock = Meagre(transport, room)
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


ROUTES = {
    "plain": lambda server: server.get("/a").respond(content=b"a"),
    "any method": lambda server: server.route("*", "/a").respond(201),
    "template": lambda server: server.get("/{name}").respond(content=b"a"),
    "pattern": lambda server: server.get(re.compile("/.")).respond(content=b"a"),
    "criterion": lambda server: server.get("/a", headers={"Host": "t"}).respond(content=b"a"),
    "criterion that does not hold": lambda server: (
        server.get("/a", query={"x": "1"}, optional=True).respond(404),
        server.get("/a").respond(content=b"a"),
    ),
    "several replies": lambda server: server.get("/a").respond(503).respond(429, times=1).respond(200),
    "used up": lambda server: (server.get("/a").respond(404, times=1), server.get("/a", priority=-1).respond(200)),
    "closes": lambda server: server.get("/a").respond(200, headers={"Connection": "close"}),
    "streams": lambda server: server.get("/a").respond(stream=[b"a", b"b"]),
    "large": lambda server: server.get("/a").respond(content=b"y" * 100_000),
    "handler": lambda server: server.get("/a").respond_with(lambda _: 204),
    "none": lambda server: server.get("/b", optional=True).respond(204),
}


def ask_four_times(server):
    with RawClient(server.address) as client:
        client.send(get("a"))
        server.wait_for_requests(1)
        for number in range(1, 4):
            if server.connections[0].is_open:
                client.send(get("a"))
                server.wait_for_requests(number + 1)
        client.shutdown()
        return client.read_to_end()


@pytest.mark.parametrize("is_gauging", [False, True], ids=["", "beside a fault that acts on reading"])
@pytest.mark.parametrize("routes", ROUTES.values(), ids=ROUTES)
def test_new_requests_leave_the_same_record_whether_they_settle_or_not(routes, is_gauging):
    stories = []
    for may_settle in (True, False):
        with EpollServer() as server:
            server._router.may_settle = may_settle
            if is_gauging:
                server.get("/slow", optional=True).respond(fault=SlowReads(10_000))
            routes(server)
            answer = ask_four_times(server)
            server.connections[0].wait_ended()
            told, requests, sent = story(server)
            calls = [entry.calls for entry in server._router.routes]
            findings = [finding.kind for finding in server.findings()]
            stories.append((answer, sorted(map(repr, told)), requests, sent, calls, findings))

    assert stories[1] == stories[0]


def test_an_answer_that_leaves_the_short_way_at_first_sight_is_settled_for_the_next(server):
    server.get("/a").respond(content=b"a")
    with RawClient(server.address) as client:
        client.send(get("a") * 2)
        client.recv_exactly(2 * len(ok("a")))

        assert 2 == len(server.requests)
        assert [get("a")] == list(server._router.settled)
        assert ["exchange", "exchange"] == [fact[3] for fact in server._journal.facts if fact[2] >= 0]


@pytest.mark.parametrize("data", [get("a")[:-1], get("a")[:-2] + b"X: y\r\n", b"\r\n\r\n"])
def test_what_is_no_whole_head_goes_the_long_way(server, data):
    server.get("/a", optional=True).respond(content=b"a")
    with RawClient(server.address) as client:
        client.send(data)
        client.shutdown()
        client.read_to_end()

    assert {} == server._router.settled


def test_a_head_beyond_the_limit_is_refused_even_if_it_is_whole(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge", max_head_size=100) as server:
        server.get("/a", optional=True).respond(content=b"a")
        with RawClient(server.address) as client:
            client.send(get("a")[:-2] + b"X: %s\r\n\r\n" % (b"y" * 100))

            assert client.recv().startswith(b"HTTP/1.1 431 ")


def test_a_body_that_came_with_its_head_leaves_the_same_record_as_one_that_came_behind_it(server):
    server.post("/a").respond(content=b"a")
    data = b"POST /a HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello"
    stories = []
    for pieces in ([data], [data[:-5], data[-5:]], [data[:-2], data[-2:]]):
        with RawClient(server.address) as client:
            client.send(pieces[0])
            for piece in pieces[1:]:
                server.connections[-1].wait_event("head")
                client.send(piece)
            client.recv_exactly(len(ok("a")))
        server.connections[-1].wait_ended()
        stories.append(story(server))

    assert [stories[0]] * 3 == stories
    assert b"hello" == server.requests[0].body


@pytest.mark.parametrize("behind", [b"", get("a")])
def test_a_body_in_the_read_of_its_head_is_answered_in_its_turn(server, behind):
    server.get("/a").respond(content=b"a")
    server.post("/b").respond(content=b"b")
    server.get("/c").respond(content=b"c", delay=0.01)
    post = b"POST /b HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello"
    expected = ok("a") + ok("c") + ok("b") * 2 + ok("a") * bool(behind)

    assert expected == exchange(server, get("a") + get("c") + post * 2 + behind, expected)


LARGE = 20 * 1024 * 1024


@pytest.mark.parametrize("is_cut", [False, True], ids=["sent whole", "cut off by the client"])
def test_a_large_answer_is_not_kept_in_memory_by_the_record_of_it(server, is_cut):
    server.get("/a").respond(content=b"y" * LARGE)
    with RawClient(server.address) as client:
        client.send(get("a"))
        if is_cut:
            server.connections[0].wait_event("send-blocked")
            client.reset()
        else:
            client.recv_exactly(LARGE + len(client_head(LARGE)))
    connection = server.connections[0]
    connection.wait_ended()
    request = server.requests[0]

    kept = request._record.sent
    assert [] == [piece for piece in (*kept._first, *kept._last) if isinstance(piece, memoryview)]
    assert is_cut == (request.response_bytes_sent < LARGE)
    sent = connection.raw_sent
    assert sent.startswith(client_head(LARGE))
    assert sent.endswith(b"y" * 256 * 1024)
    assert request.response_bytes_sent == connection.bytes_sent


def client_head(size):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size
