"""HTTP/1.1 as a client meets it: persistence, pipelining, 100 Continue, upgrades, limits and refusals.

What exactly is malformed is in the table (`test_http_rules_table`); here is what becomes of a connection.
"""

import socket

import pytest

from pytest_epoll import EpollServer, errors
from pytest_epoll.testing import RawClient, in_thread
from reading import bytewise

GET = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTING = b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
EXPECTING_CHUNKS = b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


def kinds(server):
    return [finding.kind for finding in server.findings() if finding.kind != "unused"]


@pytest.fixture
def client(server):
    server.route("*", "/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        yield client


# -- 100 Continue (RFC 9110 section 10.1.1) --


@pytest.mark.parametrize(("head", "body"), [(EXPECTING, b"hi"), (EXPECTING_CHUNKS, CHUNKS)])
def test_a_client_that_waits_is_told_to_go_on_as_soon_as_its_body_is_wanted(server, client, head, body):
    client.send(head)
    assert CONTINUE == client.recv_exactly(len(CONTINUE))
    request = server.wait_for_requests(1, state="head")[0]
    assert (None, True) == (request.complete, request.continued_at is not None)
    client.send(body)

    assert OK == client.recv_exactly(len(OK))
    assert (True, head + body) == (request.complete, request.raw)


@pytest.mark.parametrize(
    "message",
    [
        EXPECTING + b"h",
        EXPECTING + b"hi",
        EXPECTING_CHUNKS + CHUNKS,
        EXPECTING_CHUNKS + b"5",
        b"POST /x HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n\r\nhi",
        b"POST /x HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: keep-alive\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: something-else\r\n\r\n",
    ],
)
def test_a_client_that_does_not_wait_is_not_told_to_go_on(server, client, message):
    client.send(message)
    request = server.wait_for_requests(1, state="head")[0]
    assert request.continued_at is None
    client.shutdown()
    answer, _ = client.read_to_end()

    assert b"100 Continue" not in answer
    assert request.continued_at is None


def test_a_body_that_begins_while_the_request_waits_for_its_turn_gets_no_100(server):
    server.get("/slow").respond(content=b"ok", delay=0.05)
    server.post("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n" + EXPECTING)
        server.wait_for_requests(2, state="head")
        client.send(b"h")
        assert b"h" == server.requests[1].body_so_far
        client.send(b"i")

        assert OK * 2 == client.recv_exactly(len(OK) * 2)


def test_100_is_sent_in_turn_after_the_answers_to_what_was_pipelined_before(server, client):
    client.send(GET + GET + EXPECTING)
    before = OK * 2 + CONTINUE
    assert before == client.recv_exactly(len(before))
    client.send(b"hi" + GET)

    assert OK * 2 == client.recv_exactly(len(OK) * 2)


@pytest.mark.parametrize("head", [EXPECTING, EXPECTING_CHUNKS])
def test_a_client_that_waits_with_what_no_route_can_match_gets_501_without_100(server, head):
    server.post("/y").respond(200)
    with RawClient(server.address) as client:
        client.send(head)
        answer, how = client.read_to_end()

    assert (b"HTTP/1.1 501 ", "fin") == (answer[:13], how)
    assert ["unmatched"] == kinds(server)
    assert (False, None) == (server.last_request.complete, server.last_request.continued_at)


def test_a_client_that_does_not_wait_with_what_no_route_can_match_keeps_its_connection(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(EXPECTING + b"hi" + GET)
        client.shutdown()
        answer, _ = client.read_to_end()

    assert (b"HTTP/1.1 501 ", True) == (answer[:13], answer.endswith(OK))
    assert [b"hi", b""] == [request.body for request in server.requests]


def test_a_body_that_is_announced_too_large_is_refused_without_100(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge", max_body_size=1) as server:
        server.post("/x").respond(200)
        with RawClient(server.address) as client:
            client.send(EXPECTING)
            answer, how = client.read_to_end()

    assert (b"HTTP/1.1 413 ", "fin") == (answer[:13], how)
    assert ["malformed"] == kinds(server)


# -- persistence and order --


def test_answers_to_head_have_no_body_and_the_connection_goes_on(server, client):
    head, _, _ = OK.partition(b"ok")
    client.send(b"HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n" * 2 + GET)

    assert head * 2 + OK == client.recv_exactly(len(head * 2 + OK))


def test_a_refused_head_gets_no_body_either(server, client):
    client.send(b"HEAD /x HTTP/1.1\r\n\r\n")
    answer, how = client.read_to_end()

    assert (b"HTTP/1.1 400 ", b"\r\n\r\n", "fin") == (answer[:13], answer[-4:], how)


def test_what_stands_behind_a_request_that_says_close_is_not_answered_and_no_finding(server, client):
    client.send(GET + b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n" + GET + b"nonsense\0")
    answer, how = client.read_to_end()

    assert (2, "fin") == (answer.count(b"HTTP/1.1 200 OK"), how)
    assert [] == kinds(server)


def test_absolute_targets_are_routed_by_their_path(server, client):
    client.send(b"GET http://elsewhere:1/x?y=z HTTP/1.1\r\nHost: t\r\n\r\n")

    assert OK == client.recv_exactly(len(OK))
    request = server.last_request
    assert ("/x", {"y": "z"}, "http://elsewhere:1/x?y=z", "http://elsewhere:1/x?y=z") == (
        request.path,
        request.query,
        request.target,
        request.url,
    )


def test_pipelined_requests_of_every_shape_are_answered_in_order(server):
    for name in "abcdef":
        server.route("*", f"/{name}").respond(content=name.encode())
    chunked = b"POST /%c HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS
    sized = b"PUT /%c HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello"
    bare = b"GET /%c HTTP/1.1\r\nHost: t\r\n\r\n"
    upgrade = b"GET /%c HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    shapes = [chunked, bare, sized, upgrade, b"\r\n" + bare, chunked]
    with RawClient(server.address) as client:
        client.send(b"".join(shape % name for shape, name in zip(shapes, b"abcdef")))
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%c"
        expected = b"".join(answer % name for name in b"abcdef")

        assert expected == client.recv_exactly(len(expected))
    assert [b"hello", b"", b"hello", b"", b"", b"hello"] == [request.body for request in server.requests]


def test_pipelining_is_bounded_while_an_answer_is_awaited(server):
    server.get("/slow").respond(200, delay=60)
    server.get("/x", optional=True).respond(content=b"ok")
    with RawClient(server.address) as client:
        sender = in_thread(client.send, b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n" + GET * 200_000)
        server.wait_for_requests(1024, state="head")

        assert len(server.requests) < 2048
        server.stop()
    with pytest.raises(OSError):
        sender.result(timeout=5)


# -- refusals --


def test_a_refusal_waits_for_the_slow_answer_before_it(server):
    server.get("/slow").respond(content=b"ok", delay=0.05)
    with RawClient(server.address) as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n" + b"GET /x HTTP/1.1\r\n\r\n" + GET)
        answer, how = client.read_to_end()

    assert answer.startswith(OK + b"HTTP/1.1 400 ")
    assert (1, 1, "fin") == (answer.count(b"HTTP/1.1 200 "), answer.count(b"HTTP/1.1 400 "), how)
    assert [True, False] == [request.complete for request in server.requests]


def test_a_refused_client_may_finish_its_upload_and_reads_answer_and_fin(server):
    with RawClient(server.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n")
        for _ in range(30):
            client.send(b"y" * 100_000)
        client.shutdown()
        answer, how = client.read_to_end()

    assert (b"HTTP/1.1 400 ", "fin") == (answer[:13], how)
    assert ("server", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)
    assert ["malformed"] == kinds(server)


def test_a_request_is_refused_as_soon_as_it_cannot_become_one(server):
    """The client keeps its side open and sends nothing more: a TLS client, or one that speaks HTTP/2 at once."""
    for beginning, status in [
        (b"\x16\x03\x01", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\n", b"505"),
        (b"GET / HTTP/1.1\r\nHost : t", b"400"),
        (b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nx", b"400"),
        (b"A" * 300, b"501"),
    ]:
        with RawClient(server.address) as client:
            client.send(beginning)
            answer, how = client.read_to_end()

        assert (status, "fin") == (answer[9:12], how)


@pytest.mark.parametrize(
    ("message", "status", "word"),
    [
        (b"BREW /x HTTP/1.1\r\nHost: t\r\n\r\n", 501, "'BREW'"),
        (b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: br, chunked\r\n\r\n", 501, "'br'"),
        (b"GET /x HTTP/3.0\r\nHost: t\r\n\r\n", 505, "HTTP/3.0"),
    ],
)
def test_what_is_not_known_is_recorded_with_its_token_and_its_head(server, message, status, word):
    with RawClient(server.address) as client:
        client.send(message)
        client.read_to_end()

    request = server.last_request
    assert (status, False, "/x", "t") == (
        request.response_status,
        request.complete,
        request.path,
        request.headers["host"],
    )
    assert word in request.error
    with pytest.raises(errors.EpollFindings, match=word):
        server.check()


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n0123456789", 200),
        (b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 11\r\n\r\n", 413),
        (
            b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
            200,
        ),
        (
            b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n",
            413,
        ),
        (CHUNKED + b"ffffffff\r\n", 413),
        (b"GET /x HTTP/1.1\r\nHost: t\r\nX: " + b"y" * 65 + b"\r\n\r\n", 200),
        (b"GET /x HTTP/1.1\r\nHost: t\r\nX: " + b"y" * 66 + b"\r\n\r\n", 431),
        (b"\r\nGET /x HTTP/1.1\r\nHost: t\r\nX: " + b"y" * 64 + b"\r\n\r\n", 431),
    ],
)
def test_the_limits_of_a_server_are_met_to_the_byte(trigger_mode, message, status):
    with EpollServer(edge_triggered=trigger_mode == "edge", max_head_size=98, max_body_size=10) as server:
        server.route("*", "/x", optional=True).respond(200)
        for pieces in ([message], bytewise(message)):
            with RawClient(server.address) as client:
                client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for piece in pieces:
                    client.send(piece)
                client.shutdown()
                answer, how = client.read_to_end()

            assert (status, "fin") == (int(answer[9:12]), how)
            assert status == server.last_request.response_status


# -- requests that are broken off --


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize(
    ("beginning", "reason"),
    [
        (b"GET /x", "the client closed inside the head, after 6 bytes"),
        (b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nabc", "the client closed after 3 of 9 body bytes"),
        (
            b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            "the client closed inside a chunked body, after 3 bytes of content",
        ),
    ],
)
def test_a_request_broken_off_is_incomplete_with_its_reason_and_no_finding(server, client, how, beginning, reason):
    client.send(GET)
    client.recv_exactly(len(OK))
    client.send(beginning)
    server.connections
    if how == "rst":
        client.reset()
        reason = "the client reset the connection"
    else:
        client.close()
    requests = server.wait_for_requests(2)

    assert (False, reason, beginning) == (requests[1].complete, requests[1].error, requests[1].raw)
    assert [] == kinds(server)


def test_empty_lines_and_then_nothing_are_no_request(server, client):
    client.send(GET + b"\r\n\r\n")
    client.shutdown()

    assert (OK, "fin") == client.read_to_end()
    assert 1 == len(server.requests)


# -- upgrades that nobody asked for --


@pytest.mark.parametrize(
    ("framing", "body"),
    [(b"", b""), (b"Content-Length: 2\r\n", b"hi"), (b"Transfer-Encoding: chunked\r\n", b"2\r\nhi\r\n0\r\n\r\n")],
)
@pytest.mark.parametrize(
    "fields",
    [
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n",
        b"Connection: upgrade\r\n",
        b"Upgrade: TLS/1.2\r\n",
    ],
)
def test_an_upgrade_is_ignored_with_its_body_and_what_is_behind_it_is_the_next_request(
    server, client, fields, framing, body
):
    upgrade = b"POST /x HTTP/1.1\r\nHost: t\r\n" + fields + framing + b"\r\n" + body
    for pieces in ([upgrade + GET], bytewise(upgrade + GET)):
        for piece in pieces:
            client.send(piece)

        assert OK * 2 == client.recv_exactly(len(OK) * 2)
    assert [upgrade, GET] * 2 == [request.raw for request in server.requests]
    assert [b"hi" if body else b"", b""] * 2 == [request.body for request in server.requests]


def test_connect_is_routed_like_any_other_method(server):
    with RawClient(server.address) as client:
        client.send(b"CONNECT t:80 HTTP/1.1\r\nHost: t\r\n\r\n" + GET)
        client.shutdown()
        answer, how = client.read_to_end()

    assert (2, "fin") == (answer.count(b"HTTP/1.1 501"), how)
    assert ["CONNECT t:80", "GET /x"] == [str(request) for request in server.requests]


# -- what a hostile request looks like to the test --


HOSTILE_HEADS = [
    b"GET /%ff%fe%00%zz%?%ff=%fe&&=&a=%zz;b HTTP/1.1\r\nHost: t\r\n\r\n",
    b"GET http://[::1/%ff?%ff HTTP/1.1\r\nHost: t\r\n\r\n",
    b"GET http://a%zz:99999/ HTTP/1.1\r\nHost: t\r\n\r\n",
    b'GET /"<>\\^`{|}#?# HTTP/1.1\r\nHost: t\r\n\r\n',
    b"OPTIONS * HTTP/1.1\r\nHost:\r\nCookie: =; ;a;=b;\xff=\xfe; a=1; a=2\r\nCookie:\r\nX:\xff\xfe\r\n\r\n",
    b"GET //[/ HTTP/1.0\r\nCookie: " + b";=" * 2000 + b"\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: t\r\n\r\n",
    b"\xff\xfe\0",
]
HOSTILE_BODIES = [
    (b"text/plain; charset=undefined", b"\xff"),
    (b"text/plain; charset=idna", b"\xff.xn--a"),
    (b"text/plain; charset=unicode_escape", b"\\d\\x\\N{"),
    (b"text/plain; charset=raw_unicode_escape", b"\\uzz"),
    (b"text/plain; charset=hex", b"zz"),
    (b"text/plain; charset=punycode", b"\xff-\xff"),
    (b"text/plain; charset=utf-7", b"+\xff"),
    (b"text/plain; charset=utf-16", b"\xff"),
    (b'text/plain; charset="', b"\xff"),
    (b"text/plain; charset=\xff", b"\xff"),
    (b"text/plain; charset=" + b"x" * 5000, b"\xff"),
    (b"text/plain; charset=../../etc/passwd", b"\xff"),
    (b"application/json", b"[" * 30000),
    (b"application/json", b'{"a":' * 30000),
    (b"application/json", b"1" * 10000),
    (b"application/json", b"\xff\xfe{"),
    (b"application/json", b"\xef\xbb\xbf{}"),
    (b"application/json", b""),
    (b"application/json", b'"\\ud800"'),
    (b"application/x-www-form-urlencoded", b"%ff=%zz&&&=&\xff\xfe=\0;a"),
    (b"application/x-www-form-urlencoded", b"&" * 20000),
    (b"application/x-www-form-urlencoded", b"a=" * 20000),
]
ATTRIBUTES = (
    *("method", "target", "path", "path_params", "query", "url", "http_version", "headers", "cookies"),
    *("body", "body_so_far", "text", "trailers", "chunk_sizes", "raw_head", "raw", "connection", "client_address"),
    *("route", "complete", "error", "response_status"),
)


def look_at_everything(server):
    """Read each attribute of each request and all that is printed of them; only json() may raise, a ValueError."""
    for request in server.requests:
        for name in ATTRIBUTES:
            repr(getattr(request, name))
        request.form()
        try:
            request.json()
        except ValueError:
            pass
        f"{request} {request!r}".encode("utf-8", "backslashreplace")
    str(server.timeline)
    for finding in server.findings():
        str(finding)


@pytest.mark.parametrize("head", HOSTILE_HEADS)
def test_a_hostile_head_raises_nowhere(server, head):
    with RawClient(server.address) as client:
        client.send(head)
        client.shutdown()
        answer, how = client.read_to_end()

    assert answer[9:12] in (b"501", b"400")
    assert "fin" == how
    look_at_everything(server)


@pytest.mark.parametrize(("content_type", "body"), HOSTILE_BODIES)
def test_a_hostile_body_raises_nowhere_and_a_value_error_from_json(server, client, content_type, body):
    head = b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
    client.send(head % (content_type, len(body)) + body)

    assert OK == client.recv_exactly(len(OK))
    assert body == server.last_request.body
    look_at_everything(server)


def test_hostile_trailers_and_extensions_raise_nowhere(server, client):
    client.send(
        b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'1;a="\xff"\r\n\0\r\n0;b\r\nA:\r\nA:\xff\xfe\r\nA: :::\r\nHost: u\r\n\r\n'
    )

    assert OK == client.recv_exactly(len(OK))
    assert [("A", ""), ("A", "\xff\xfe"), ("A", ":::"), ("Host", "u")] == server.last_request.trailers
    look_at_everything(server)
