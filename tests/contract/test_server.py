"""The server's life, its address, and what it does with the requests of one connection."""

import errno
import socket
import threading

import pytest

from pytest_epoll import EpollServer, errors, faults
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_address_url_and_str_agree(server):
    host, port = server.address

    assert ("127.0.0.1", f"http://127.0.0.1:{port}") == (host, server.url)
    assert (server.host, server.port, server.url) == (host, port, str(server))


def test_url_for_encodes_path_and_query(server):
    assert server.url + "/a%20b/c?page=1&q=x+y" == server.url_for("/a b/c", page=1, q="x y")


def test_url_for_wants_a_slash(server):
    with pytest.raises(errors.UsageError, match="slash"):
        server.url_for("users")


@pytest.mark.parametrize("name", ["url", "host", "port", "address"])
def test_before_start_there_is_no_address(name):
    with pytest.raises(errors.UsageError, match="start"):
        getattr(EpollServer(), name)


def test_before_start_the_timeline_says_so():
    assert "not started yet" == str(EpollServer().timeline)


def test_start_and_stop_are_idempotent_and_a_restart_keeps_port_routes_and_records():
    server = EpollServer()
    server.get("/x").respond(content=b"ok")
    assert server.start() is server.start()
    port = server.port
    for _ in range(2):
        with RawClient(server.address) as client:
            client.send(GET)
            assert OK == client.recv_exactly(len(OK))
        server.stop()
        server.stop()
        server.start()
    server.stop()

    assert (port, 2, 2) == (server.port, len(server.requests), len(server.connections))


def test_a_taken_port_is_refused():
    with EpollServer() as server, pytest.raises(OSError) as caught:
        EpollServer(port=server.port).start()

    assert errno.EADDRINUSE == caught.value.errno


def test_nobody_else_can_bind_the_port(server):
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError):
            stranger.bind(server.address)
            stranger.listen()


@pytest.mark.parametrize(
    "keywords", [{"poller": "kqueue"}, {"poller": "poll", "edge_triggered": True}, {"strict": {"unmached"}}]
)
def test_keywords_that_cannot_mean_anything_are_refused(keywords):
    with pytest.raises(errors.UsageError):
        EpollServer(**keywords)


@pytest.mark.parametrize("poller", ["epoll", "poll", "select"])
def test_every_poller_serves_and_sees_the_goodbye(poller):
    with EpollServer(poller=poller) as server:
        server.get("/x").respond(content=b"ok")
        with RawClient(server.address) as client:
            client.send(GET)

            assert OK == client.recv_exactly(len(OK))
        assert ("client", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)


def test_keep_alive_requests_are_recorded_in_order(server):
    route = server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        for _ in range(3):
            client.send(GET)
            client.recv_exactly(len(OK))

        assert [(0, 0), (0, 1), (0, 2)] == [(r.connection_index, r.exchange_index) for r in server.requests]
        assert server.connections[0].is_open
    assert (3, True, list(server.requests)) == (route.call_count, route.called, list(route.requests))
    assert server.connections[0].requests == list(server.requests)


def test_replies_are_used_in_order_and_the_last_repeats(server):
    server.get("/x").respond(503).respond(429, times=2).respond(200)
    with RawClient(server.address) as client:
        for _ in range(6):
            client.send(GET)
            client.recv()

    assert [503, 429, 429, 200, 200, 200] == [request.response_status for request in server.requests]


def test_used_up_replies_fall_through_to_the_next_route(server):
    server.get("/x").respond(201, times=1)
    server.route("*", "/x").respond(202)
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(GET)
            client.recv()

    assert [201, 202] == [request.response_status for request in server.requests]


def test_pipelined_requests_are_answered_in_order_by_one_send(server):
    for path in "abc":
        server.get(f"/{path}").respond(content=path.encode())
    with RawClient(server.address) as client:
        client.send(b"".join(b"GET /%c HTTP/1.1\r\nHost: t\r\n\r\n" % path for path in b"cab"))
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%c"

        assert b"".join(answer % path for path in b"cab") == client.recv()


def test_ten_thousand_pipelined_requests_are_all_answered(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address, timeout=30) as client:
        sender = in_thread(client.send, GET * 10_000)
        answers = client.recv_exactly(len(OK) * 10_000)
        sender.result(timeout=30)

    assert OK * 10_000 == answers
    assert 10_000 == len(server.requests)


def test_a_client_that_pipelines_and_does_not_read_meets_back_pressure_and_loses_nothing(server):
    server.get("/x").respond(content=b"y" * 60_000)
    count = 200
    with RawClient(server.address, receive_buffer=65536) as client:
        client.send(GET * count)
        server.connections[0].wait_event("send-blocked")
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"
        answers = client.recv_exactly((len(head) + 60_000) * count)

    assert (head + b"y" * 60_000) * count == answers
    assert [60_000 + len(head)] * count == [request.response_bytes_sent for request in server.requests]


def test_a_body_is_read_whatever_pieces_it_comes_in(server):
    route = server.post("/x").respond(content=b"ok")
    message = b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello"
    with RawClient(server.address) as client:
        for byte in message:
            client.send(bytes((byte,)))
        client.recv_exactly(len(OK))

    assert (b"hello", message, True) == (
        route.last_request.body,
        route.last_request.raw,
        route.last_request.complete,
    )


def test_a_chunked_body_is_decoded_and_its_framing_kept(server):
    server.post("/x").respond(content=b"ok")
    head = b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
    body = b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n"
    with RawClient(server.address) as client:
        client.send(head + body)
        client.recv_exactly(len(OK))

    request = server.last_request
    assert (b"abcde", (3, 2), head + body) == (request.body, request.chunk_sizes, request.raw)
    assert {"x-sum": "5"} == request.trailers


def test_expect_continue_is_answered_before_the_body_is_sent(server):
    server.post("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")

        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv()
        client.send(b"hi")
        assert OK == client.recv_exactly(len(OK))
    assert b"hi" == server.last_request.body
    assert server.last_request.continued_at is not None


def test_expect_continue_without_a_route_gets_its_answer_at_once(server):
    with RawClient(server.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        answer, how = client.read_to_end()

    assert (b"HTTP/1.1 501", "fin") == (answer[:12], how)


def test_connection_close_is_honoured_with_a_fin(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        answer, how = client.read_to_end()

        assert b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok" == answer
        assert ("fin", "server", "fin") == (how, server.connections[0].closed_by, server.connections[0].closed_how)
    server.connections[0].wait_ended()


def test_http_1_0_is_closed_unless_it_asked_to_be_kept(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        kept = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
        assert kept == client.recv_exactly(len(kept))
        client.send(b"GET /x HTTP/1.0\r\n\r\n")

        closed = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
        assert (closed, "fin") == client.read_to_end()


@pytest.mark.parametrize(
    ("message", "status", "reason"),
    [
        (b"GET /x HTTP/1.1\r\n\r\n", b"400", "Host"),
        (b"GET /x\r\n\r\n", b"400", "request line"),
        (b"BREW /x HTTP/1.1\r\nHost: t\r\n\r\n", b"501", "'BREW'"),
        (b"\x16\x03\x01\x02\x00", b"400", "malformed"),
        (b"GET /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n", b"501", "'gzip'"),
        (b"GET /x HTTP/2.0\r\nHost: t\r\n\r\n", b"505", "HTTP/2.0"),
        (b"GET /x HTTP/1.1\r\nHost: t\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", b"431", "65536"),
    ],
)
def test_a_malformed_request_is_answered_recorded_and_a_finding(server, message, status, reason):
    with RawClient(server.address) as client:
        client.send(message)
        answer, how = client.read_to_end()

    assert (status, "fin") == (answer[9:12], how)
    assert ["malformed"] == [finding.kind for finding in server.findings()]
    assert reason in server.last_request.error
    assert False is server.last_request.complete


def test_a_malformed_request_is_answered_after_those_before_it_and_nothing_behind_it(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(GET + b"GET /x\r\n\r\n" + GET)
        answer, how = client.read_to_end()

    assert answer.startswith(OK + b"HTTP/1.1 400")
    assert (1, "fin") == (answer.count(b"200 OK"), how)


def test_a_request_that_the_client_breaks_off_is_recorded_and_no_finding(server):
    server.post("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n" + b"y" * 40)
    request = server.wait_for_requests(1)[0]

    assert (False, "the client closed after 40 of 100 body bytes", b"y" * 40) == (
        request.complete,
        request.error,
        request.body,
    )
    assert [] == [finding for finding in server.findings() if finding.kind != "unused"]


def test_a_client_that_half_closes_still_gets_its_answer(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(GET)
        client.shutdown()

        assert (OK, "fin") == client.read_to_end()
    assert ("client", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)


def test_an_upgrade_that_nobody_asked_for_is_ignored(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + GET)

        assert OK * 2 == client.recv_exactly(len(OK) * 2)


def test_a_large_reply_goes_out_whole_while_others_are_served(server):
    content = b"0123456789abcdef" * 2**18  # 4 MiB
    server.get("/big").respond(content=content)
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as slow, RawClient(server.address) as quick:
        slow.send(b"GET /big HTTP/1.1\r\nHost: t\r\n\r\n")
        server.connections[0].wait_event("send-blocked")
        quick.send(GET)
        assert OK == quick.recv_exactly(len(OK))

        head = b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n"
        assert head + content == slow.recv_exactly(len(head) + len(content))


def test_an_unmatched_request_is_answered_501_and_a_finding(server):
    server.get("/users").respond(json=[])
    with RawClient(server.address) as client:
        client.send(b"GET /user HTTP/1.1\r\nHost: t\r\n\r\n")
        answer = client.recv()

    assert answer.startswith(b"HTTP/1.1 501 Not Implemented\r\n")
    assert b'get("/users")' in answer
    assert ["unmatched", "unused"] == [finding.kind for finding in server.findings()]
    with pytest.raises(errors.EpollFindings, match=r"unmatched: c0\.0 GET /user"):
        server.check()


def test_allowed_findings_do_not_count(server):
    server.get("/users").respond(json=[])
    server.allow("unused")

    assert [] == server.findings()


PROVOKE = {
    "unmatched": b"GET /nobody HTTP/1.1\r\nHost: t\r\n\r\n",
    "handler-error": b"GET /broken HTTP/1.1\r\nHost: t\r\n\r\n",
    "malformed": b"BREW /x HTTP/1.1\r\nHost: t\r\n\r\n",
}


def provoke(server, message):
    with RawClient(server.address) as client:
        client.send(message)
        client.recv()


@pytest.mark.parametrize("kind", PROVOKE)
def test_allow_accepts_what_comes_after_it_and_nothing_that_came_before(server, kind):
    server.get("/broken", optional=True).respond_with(lambda request: 1 / 0)
    provoke(server, PROVOKE[kind])
    server.allow(kind)
    provoke(server, PROVOKE[kind])
    server.allow(kind)  # once more changes nothing

    [finding] = server.findings()
    assert (kind, 0, 0) == (finding.kind, finding.connection, finding.exchange)
    assert f'it came before server.allow("{kind}"), which accepts what comes after it' in finding.text


@pytest.mark.parametrize("kind", ["unused", "unfired"])
def test_what_is_judged_in_the_end_may_be_allowed_at_any_time(server, kind):
    server.get("/short").respond(fault=faults.HangUp(after=10_000)).respond(200)
    provoke(server, b"GET /short HTTP/1.1\r\nHost: t\r\n\r\n")

    assert ["unused", "unfired"] == [finding.kind for finding in server.findings()]
    server.allow(kind)
    assert kind not in [finding.kind for finding in server.findings()]


def test_allow_of_a_stopped_server_and_before_the_start(server):
    fresh = EpollServer()
    fresh.allow("unmatched")
    with fresh:
        provoke(fresh, PROVOKE["unmatched"])
    provoke(server, PROVOKE["unmatched"])
    server.stop()
    server.allow("unmatched")

    assert [[], ["unmatched"]] == [[finding.kind for finding in one.findings()] for one in (fresh, server)]


def test_clear_forgets_what_was_allowed(server):
    server.allow("unmatched")
    server.clear()
    provoke(server, PROVOKE["unmatched"])

    assert ["unmatched"] == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize(
    ("strict", "kinds"), [(True, ["unused"]), (False, []), ({"unmatched"}, []), ({"unused"}, ["unused"])]
)
def test_strict_says_what_counts(strict, kinds):
    server = EpollServer(strict=strict)
    server.get("/users").respond(json=[])

    assert kinds == [finding.kind for finding in server.findings()]


def test_a_route_that_could_never_be_reached_is_refused_naming_its_shadow(server):
    server.get("/x").respond(200)

    with pytest.raises(errors.UsageError, match=r"test_server\.py:\d+"):
        server.get("/x").respond(201)


def test_a_route_without_a_reply_is_a_finding_and_not_live(server):
    server.get("/x")
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv()

    assert ["unmatched", "unused"] == [finding.kind for finding in server.findings()]


def test_a_route_registered_before_a_request_was_sent_applies(server):
    with RawClient(server.address) as client:
        for number in range(50):
            server.clear()
            server.get("/x").respond(content=b"%02d" % number)
            client.send(GET)

            assert b"%02d" % number == client.recv_exactly(len(OK))[-2:]


def test_clear_records_keeps_the_routes_and_indexes_go_on(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        before = server.requests
        server.clear_records()
        assert (0, 0, 1) == (len(server.requests), len(server.connections), len(before))
        client.send(GET)
        client.recv_exactly(len(OK))

        assert [1] == [request.exchange_index for request in server.requests]


def test_a_wait_that_expires_says_what_is_there(server):
    server.post("/x").respond(200)
    with RawClient(server.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\n" + b"y" * 40)
        server.wait_for_requests(1, state="head")
        with pytest.raises(errors.WaitTimeout) as caught:
            server.wait_for_requests(2, timeout=0.01)

    assert "waited 0.01 s for 2 requests, 0 have ended" in str(caught.value)
    assert "c0.0 POST /x" in str(caught.value)
    assert "40 of 100 body bytes" in str(caught.value)


@pytest.mark.parametrize("wait", ["wait_closed", "wait_ended"])
def test_waiting_for_a_connection_that_stays_open_expires(server, wait):
    with RawClient(server.address), pytest.raises(errors.WaitTimeout, match="client"):
        getattr(server.wait_for_connections(1)[0], wait)(timeout=0.01)


def test_waiting_for_connections_expires(server):
    with pytest.raises(errors.WaitTimeout, match="1 connection, 0 were accepted"):
        server.wait_for_connections(1, timeout=0.01)


def test_a_wait_for_what_another_thread_will_do_ends_as_soon_as_it_is_done(server):
    server.get("/x").respond(content=b"ok")
    may_go = threading.Event()

    def call():
        may_go.wait(5)
        with RawClient(server.address) as client:
            client.send(GET)
            client.recv_exactly(len(OK))

    future = in_thread(call)
    waiting = in_thread(server.wait_for_requests, 1)
    may_go.set()

    assert ["GET /x"] == [str(request) for request in waiting.result(timeout=5)]
    future.result(timeout=5)


def test_a_blocking_wait_inside_an_event_loop_is_refused_unless_it_holds_already(server):
    import asyncio

    server.get("/x").respond(content=b"ok")

    async def main():
        with RawClient(server.address) as client:
            with pytest.raises(errors.UsageError, match="freeze"):
                server.wait_for_requests(1)
            client.send(GET)
            client.recv_exactly(len(OK))
            return server.wait_for_requests(1)

    assert 1 == len(asyncio.run(main()))


def test_stop_ends_open_connections_with_a_fin():
    server = EpollServer().start()
    with RawClient(server.address) as client:
        server.wait_for_connections(1)
        server.stop()

        assert (b"", "fin") == client.read_to_end()
    assert ("server", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)


def test_a_defect_of_ours_reaches_the_test(monkeypatch, server):
    """Not a client's doing and not the author's: the next read says so, and so does stop()."""

    def broken(*_):
        raise RuntimeError("a defect")

    monkeypatch.setattr("pytest_epoll._serving.session.Session.data_received", broken)
    with RawClient(server.address) as client:
        client.send(GET)
        client.read_to_end()
        with pytest.raises(errors.InternalError, match="a defect"):
            server.requests
        with pytest.raises(errors.InternalError, match="a defect"):
            server.stop()
