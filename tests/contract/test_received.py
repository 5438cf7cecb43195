"""What a test can ask of the record: attributes, waits, assertions."""

import asyncio
import json

import httpx
import pytest

from pytest_epoll import EpollServer, errors, faults, steps
from pytest_epoll._serving.barrier import Barrier
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.url, trust_env=False, verify=False) as client:
        yield client


# -- requests --


def test_matching_takes_the_criteria_of_a_route(server, client):
    server.route().respond(200)
    client.get("/a?page=1")
    client.get("/a?page=2")
    client.post("/a", json={"n": 1})

    assert ["GET /a?page=2"] == [str(request) for request in server.requests.matching("GET", "/a", query={"page": 2})]
    assert 1 == len(server.requests.matching(json={"n": 1}))
    assert 3 == len(server.requests.matching(path="/a"))


def test_matching_refuses_what_is_no_criterion(server):
    with pytest.raises(TypeError, match="'qeury' is no criterion"):
        server.requests.matching(qeury={})


def test_requests_are_a_snapshot(server, client):
    server.get("/x").respond(200)
    client.get("/x")
    before = server.requests
    client.get("/x")

    assert (1, 2) == (len(before), len(server.requests))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_whole_and_kept_in_a_file(server, client, chunked):
    server.post("/up").respond(200)
    content = bytes(range(256)) * (3 * 2**12)  # 3 MiB
    client.post("/up", content=iter((content[:1000], content[1000:])) if chunked else content)
    request = server.last_request

    assert request._record.spool is not None
    assert [] == request._record.raw
    assert (len(content), True) == (len(request.body), content == request.body)
    assert request.raw.startswith(request.raw_head)
    assert (len(request.raw), True) == (request._record.raw_size, request.complete)


def test_a_body_that_is_not_recorded_is_counted(server, client):
    server.post("/up", record_body=False).respond(200)
    client.post("/up", content=b"x" * 100_000)
    request = server.last_request

    assert (True, request.raw_head) == (request.complete, request.raw)
    assert request.connection.bytes_received == len(request.raw_head) + 100_000
    with pytest.raises(errors.UsageError, match="record_body=False"):
        request.body


def test_multipart_has_parts_in_order_and_by_name(server, client):
    server.post("/up").respond(200)
    client.post("/up", data={"title": "a"}, files=[("doc", ("a.txt", b"one", "text/plain")), ("doc", ("b", b"\x00"))])
    parts = server.last_request.multipart()

    assert ["title", "doc", "doc"] == [part.name for part in parts]
    assert ("a", None) == (parts["title"].text, parts["title"].filename)
    assert ("a.txt", "text/plain", b"one") == (parts["doc"].filename, parts["doc"].content_type, parts["doc"].content)
    assert [b"one", b"\x00"] == [part.content for part in parts.get_list("doc")]
    with pytest.raises(KeyError):
        parts["absent"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b"--b\r\n"),
        ("multipart/form-data", b"--b\r\n"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx"),
        ("multipart/form-data; boundary=b", b"nonsense"),
    ],
)
def test_what_is_no_multipart_body_is_a_value_error(server, client, content_type, body):
    server.post("/up").respond(200)
    client.post("/up", content=body, headers={"Content-Type": content_type})
    with pytest.raises(ValueError):
        server.last_request.multipart()


def test_what_comes_through_a_tunnel_names_its_connect(server):
    server.route("CONNECT", "origin:443").respond(200)
    server.route("CONNECT", "other:443").respond(407)
    server.get("/x").respond(content=b"ok")
    established = b"HTTP/1.1 200 OK\r\n\r\n"
    with RawClient(server.address) as client:
        client.send(b"CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n")
        client.recv()
        client.send(b"CONNECT origin:443 HTTP/1.1\r\nHost: origin:443\r\n\r\n")

        assert established == client.recv_exactly(len(established))
        client.send(GET)
        assert OK == client.recv_exactly(len(OK))
    refused, connect, inside = server.requests

    assert [None, None, connect] == [refused.tunnel, connect.tunnel, inside.tunnel]
    assert (None, None) == (inside.tls, inside.connection.tls)


# -- connections --


def test_a_connection_has_every_byte_of_both_directions(server):
    server.get("/x").respond(content=b"ok")
    server.get("/y").respond(content=b"ok", informational=[103])
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    other = b"GET /y HTTP/1.1\r\nHost: test\r\n\r\n"
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        client.send(other)
        client.recv_exactly(len(early + OK))
        client.send(b"GET /x HTT")
        connection = server.connections[0]

        assert GET + other + b"GET /x HTT" == connection.raw_received
        assert OK + early + OK == connection.raw_sent
    assert (len(GET + other) + 10, len(OK + early + OK)) == (connection.bytes_received, connection.bytes_sent)


def test_what_a_connection_does_not_keep_is_marked(server):
    server.post("/up").respond(200)
    body = b"a" * 2**20 + b"b" * 2**20
    head = b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % len(body)
    with RawClient(server.address) as client:
        client.send(head + body)
        client.recv()
    raw = server.connections[0].raw_received

    missing = len(head + body) - 2 * 256 * 1024
    assert raw.startswith(head + b"aaa")
    assert raw.endswith(b"b" * 256 * 1024)
    assert b"\n[... %d bytes that were not kept ...]\n" % missing in raw


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_connection_can_be_parted_from_in_mid_answer(server, how):
    gate = server.gate()
    server.get("/x").respond(stream=[b"one", gate, b"two"])
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        connection = server.connections[0]
        connection.close() if how == "fin" else connection.reset()

        assert ("server", how, False) == (connection.closed_by, connection.closed_how, connection.is_open)
        data, end = client.read_to_end()
    assert (how, True) == (end, data.endswith(b"3\r\none\r\n"))


@pytest.mark.parametrize("earlier", [0, 1])
def test_what_comes_behind_our_goodbye_is_no_request(server, earlier):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        for _ in range(earlier):
            client.send(GET)
            client.recv_exactly(len(OK))
        assert 1 == server.close_connections()
        client.send(GET)

        assert (earlier, (earlier + 1) * len(GET)) == (len(server.requests), server.connections[0].bytes_received)


def test_close_connections_leaves_busy_ones_alone_if_asked(server):
    gate = server.gate()
    server.get("/x").respond(content=b"ok")
    server.get("/slow").respond(content=b"ok", gate=gate)
    with RawClient(server.address) as idle, RawClient(server.address) as busy:
        idle.send(GET)
        idle.recv_exactly(len(OK))
        busy.send(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
        gate.wait_reached()

        assert 1 == server.close_connections(idle_only=True)
        assert (b"", "fin") == idle.read_to_end()
        assert 1 == server.close_connections(how="rst")
        assert (b"", "rst") == busy.read_to_end()
        assert 0 == server.close_connections(how="rst")


@pytest.mark.parametrize("fault", [faults.Stall(), faults.Stall(after="head"), faults.Stall(after_reading="head")])
def test_close_connections_leaves_those_alone_that_stall_if_asked(server, fault):
    server.get("/x").respond(content=b"ok")
    server.get("/stall").respond(content=b"ok", fault=fault)
    with RawClient(server.address) as idle, RawClient(server.address) as stalled:
        idle.send(GET)
        idle.recv_exactly(len(OK))
        stalled.send(b"GET /stall HTTP/1.1\r\nHost: test\r\n\r\n")
        server.connections[1].wait_event("stalled")

        assert 1 == server.close_connections(idle_only=True)
        assert [False, True] == [connection.is_open for connection in server.connections]
        assert 1 == server.close_connections()


def test_close_connections_leaves_a_script_alone_that_stalls_if_asked(server):
    server.script(steps.mark("here"), steps.stall())
    with RawClient(server.address):
        server.wait_for_mark("here")

        assert 0 == server.close_connections(idle_only=True)
        assert 1 == server.close_connections()


@pytest.mark.parametrize("is_scripted", [False, True])
@pytest.mark.parametrize(
    ("part", "how"),
    [
        (lambda server, _: server.close_connections(), "fin"),
        (lambda server, _: server.close_connections(how="rst"), "rst"),
        (lambda _, connection: connection.close(), "fin"),
        (lambda _, connection: connection.reset(), "rst"),
    ],
)
def test_a_predicate_may_end_the_connection_that_it_looks_at(server, part, how, is_scripted):
    server.get("/x", where=lambda request: part(server, request.connection) or True).respond(content=b"ok")
    if is_scripted:
        server.script(steps.routes())
    with RawClient(server.address) as client:
        client.send(GET)

        assert (OK, how) == client.read_to_end()
    assert [("server", how)] == [(one.closed_by, one.closed_how) for one in server.connections]
    assert [] == server.findings()


def test_close_connections_knows_two_goodbyes(server):
    with pytest.raises(errors.UsageError, match="how='FIN'"):
        server.close_connections(how="FIN")


# -- waits --


def test_wait_received_shows_progress_inside_a_body(server):
    server.post("/up").respond(200)
    with RawClient(server.address) as client:
        client.send(b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n1234")
        (request,) = server.wait_for_requests(state="head")
        request.wait_received(4)

        assert (b"1234", None) == (request.body_so_far, request.complete)
        with pytest.raises(errors.WaitTimeout, match="5 body bytes of POST /up, 4 have come"):
            request.wait_received(5, timeout=0)
        client.send(b"567890")
        request.wait_received(10)
    with pytest.raises(errors.WaitTimeout, match="ended with 10 body bytes, 11 were awaited"):
        request.wait_received(11)


def test_a_route_waits_for_its_own_requests(server):
    route = server.get("/x").respond(content=b"ok")
    server.get("/y").respond(content=b"ok")

    def call():
        with RawClient(server.address) as client:
            for path in (b"/y", b"/x"):
                client.send(b"GET %s HTTP/1.1\r\nHost: test\r\n\r\n" % path)
                client.recv_exactly(len(OK))

    done = in_thread(call)

    assert ["GET /x"] == [str(request) for request in route.wait_for_requests()]
    done.result(timeout=5)
    with pytest.raises(errors.WaitTimeout, match="2 requests, 1 has ended"):
        route.wait_for_requests(2, timeout=0)


def test_wait_idle_waits_for_answers_and_not_for_connections(server):
    gate = server.gate()
    server.get("/x").respond(content=b"ok", gate=gate)
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        with pytest.raises(errors.WaitTimeout, match="some are in progress"):
            server.wait_idle(timeout=0)
        gate.open()
        server.wait_idle()

        assert OK == client.recv_exactly(len(OK))
        assert server.connections[0].is_open


@pytest.mark.parametrize("fault", [faults.Stall(), faults.Stall(after_reading="head"), faults.StopReading("end")])
def test_wait_idle_does_not_wait_for_stalls(server, fault):
    server.get("/x").respond(fault=fault)
    with RawClient(server.address) as client:
        client.send(GET)
        server.wait_for_connections()[0].wait_event("stalled")
        server.wait_idle(timeout=0)

        assert server.connections[0].is_open


@pytest.mark.parametrize("timeout", ["5", None, True])
def test_a_timeout_is_a_number(server, timeout):
    with pytest.raises(TypeError, match="timeout must be a number"):
        server.wait_idle(timeout)


def test_an_event_is_awaited_however_many_others_come_before(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        waiting = in_thread(server.connections[0].wait_event, "fin-received")
        for _ in range(20):
            client.send(GET)
            client.recv_exactly(len(OK))

    assert "fin-received" == waiting.result(timeout=5).kind


# -- waits as coroutines --


def asyncio_run(function, *args):
    asyncio.run(function(*args))


def trio_run(function, *args):
    import trio

    trio.run(function, *args)


@pytest.fixture(params=[asyncio_run, trio_run], ids=["asyncio", "trio"])
def run(request):
    return request.param


def test_every_wait_has_a_twin_that_is_a_coroutine(server, run):
    gate = server.gate()
    route = server.post("/up").respond(200, gate=gate)

    async def main():
        with RawClient(server.address) as client:
            (connection,) = await server.aio.wait_for_connections()
            client.send(b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n12")
            (request,) = await server.aio.wait_for_requests(state="head")
            await request.aio.wait_received(2)
            client.send(b"34")
            await gate.aio.wait_reached()
            assert [request] == await route.aio.wait_for_requests()
            gate.open()
            await server.aio.wait_idle()
            client.recv()
            assert "sent" == (await connection.aio.wait_event("sent")).kind
        await connection.aio.wait_closed()
        await connection.aio.wait_ended()

    run(main)


def test_a_wait_as_a_coroutine_expires_and_says_what_is_there(server, run):
    async def main():
        with pytest.raises(errors.WaitTimeout, match="1 request, 0 have ended"):
            await server.aio.wait_for_requests(timeout=0.01)

    run(main)


def test_a_cancelled_wait_leaves_nothing_behind(server):
    async def main():
        task = asyncio.ensure_future(server.aio.wait_for_requests())
        await asyncio.wait((task,), timeout=0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert [] == server._barrier.call(lambda: list(server._barrier.engine.loop._watches))


def test_a_blocking_wait_would_freeze_an_event_loop(server, run):
    async def main():
        with pytest.raises(errors.UsageError, match=r"await server\.aio"):
            server.wait_for_requests()
        assert [] == server.wait_for_requests(0)

    run(main)


def test_a_twin_needs_an_event_loop(server):
    with pytest.raises(errors.UsageError, match="needs a running event loop"):
        server.aio.wait_idle().send(None)


# -- assertions --


def test_assert_requested_returns_what_matches(server, client):
    route = server.post("/orders").respond(201)
    client.post("/orders", json={"sku": 7})

    assert [server.last_request] == server.assert_requested("POST", "/orders", json={"sku": 7})
    assert [server.last_request] == route.assert_requested(times=1)
    server.assert_not_requested("GET")
    route.assert_not_requested(json={"sku": 8})


def failure(function, *args, **kwargs):
    with pytest.raises(AssertionError) as caught:
        function(*args, **kwargs)
    return str(caught.value)


def test_a_failing_assert_requested_compares_the_closest(server, client):
    server.post("/orders").respond(201)
    client.post("/orders", json={"sku": 7, "qty": 2})
    text = failure(server.assert_requested, "POST", "/orders", json={"sku": 7, "qty": 1})

    assert "was never requested, expected at least once" in text
    assert '- "qty": 1' in text
    assert '+ "qty": 2' in text
    assert "1 request came, in order:" in text


@pytest.mark.parametrize(
    ("bounds", "wanted"),
    [
        ({"times": 2}, "exactly twice"),
        ({"times": 0}, "never"),
        ({"at_least": 2}, "at least twice"),
        ({"at_most": 0}, "never"),
        ({"at_least": 2, "at_most": 3}, "2 to 3 times"),
    ],
)
def test_bounds_of_an_assertion(server, client, bounds, wanted):
    server.get("/x").respond(200)
    client.get("/x")

    assert f"was requested once, expected {wanted}" in failure(server.assert_requested, "GET", "/x", **bounds)


@pytest.mark.parametrize(
    ("bounds", "error"),
    [
        ({"times": -1}, "times=-1 is out of range"),
        ({"times": 1, "at_least": 1}, "give at_least= and at_most= without it"),
        ({"at_least": 2, "at_most": 1}, "lies above"),
        ({"times": "1"}, "times must be a whole number"),
    ],
)
def test_bounds_that_cannot_hold_are_refused(server, bounds, error):
    with pytest.raises(errors.UsageError, match=error):
        server.assert_requested("GET", "/x", **bounds)


def test_order_is_a_subsequence_of_texts_and_routes(server, client):
    first = server.get("/a").respond(200)
    server.route().respond(200)
    for path in ("/a", "/b", "/c?x=1", "/d"):
        client.get(path)
    server.assert_requested_in_order(["GET /a", "GET /c?x=1"])
    server.assert_requested_in_order([first, "GET /d"])
    text = failure(server.assert_requested_in_order, ["GET /b", first])

    assert text.startswith('get("/a") did not come behind GET /b')
    with pytest.raises(TypeError, match="takes a list"):
        server.assert_requested_in_order("GET /a")
    with pytest.raises(TypeError, match="not 3"):
        server.assert_requested_in_order([3])


def test_a_misspelt_assertion_is_an_attribute_error(server):
    with pytest.raises(AttributeError):
        server.assert_reqeusted("GET", "/x")


def test_events_are_what_users_can_read(server, client):
    server.get("/x").respond(json={"a": 1})
    client.get("/x")
    events = server.timeline

    assert ["accepted", "head", "request-ended", "matched", "sent"] == [event.kind for event in events]
    assert 'get("/x")' == events[3].detail
    assert {"a": 1} == json.loads(server.connections[0].raw_sent.partition(b"\r\n\r\n")[2])


def test_events_can_be_read_after_the_routes_were_forgotten(server, client):
    server.get("/x").respond(200)
    client.get("/x")
    before = server.timeline
    server.clear()
    server.get("/y").respond(200)
    client.get("/y")

    assert "a forgotten route" == before[3].detail
    assert ["head", "request-ended", "matched", "sent"] == [event.kind for event in server.timeline]
    assert 'get("/y")' == server.timeline[2].detail


def test_the_record_survives_the_server():
    with EpollServer() as server:
        server.get("/x").respond(content=b"ok")
        with RawClient(server.address) as client:
            client.send(GET)
            client.recv_exactly(len(OK))
    requests = server.requests
    del server

    assert "client" == requests[0].connection.closed_by


@pytest.mark.parametrize("is_route", [True, False])
def test_waiting_for_many_requests_takes_one_barrier_and_not_one_each(server, monkeypatch, is_route):
    """Beside a client that floods, a barrier is not cheap, and there may be ten thousand requests."""
    route = server.get("/x").respond(204)
    with RawClient(server.address) as client:
        for _ in range(50):
            client.send(b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n")
            client.recv()
    barriers = []
    settle = Barrier.settle
    monkeypatch.setattr(Barrier, "settle", lambda barrier: barriers.append(1) or settle(barrier))
    requests = (route if is_route else server).wait_for_requests(50)

    assert (50, True) == (len(requests), len(barriers) <= 3)


def test_the_connection_of_a_request_from_before_a_clear_is_gone_with_a_word(server):
    server.get("/").respond()
    with RawClient(server.address) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        client.read_to_end()
    request = server.last_request
    request.connection.wait_ended()
    server.clear_records()

    with pytest.raises(errors.UsageError, match="c0 had ended when the records were cleared"):
        request.connection.is_open
