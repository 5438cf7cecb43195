"""`server.client`: what real clients did, said by a value or an assertion; each of them passes, and fails in words.

The clients are those of the users: http.client, urllib3, requests, httpx, aiohttp, curl, and sockets for the rest.
"""

import asyncio
import gc
import re
import socket

import aiohttp
import httpx
import pytest
import urllib3

from calling import curl, needs_curl
from fetching import async_client, fetch
from pytest_epoll import ClientView, faults
from pytest_epoll.testing import RawClient
from real_clients import CLIENTS, CLIENTS_AND_CURL, read

GET = b"GET /%s HTTP/1.1\r\nHost: t\r\n\r\n"


def failure(assertion, *args, **kwargs):
    """Return the lines with which an assertion fails, without those of the timeline, and with."""
    with pytest.raises(AssertionError) as caught:
        assertion(*args, **kwargs)
    lines = str(caught.value).splitlines()
    return [line for line in lines if not re.match(r"http://|\.\.\. |  +[0-9.]+ (ms)? +c", line)], str(caught.value)


@pytest.fixture
def plain(server):
    """A server with some answers."""
    for path in ("/a", "/b", "/c"):
        server.get(path).respond(text=path)
    server.get("/close").respond(text="bye", headers={"Connection": "close"})
    server.get("/big").respond(content=b"x" * 200_000)
    return server


@pytest.fixture
def pool():
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


@pytest.fixture
def retrying(caplog):
    """A function that asks with urllib3's retries."""
    caplog.set_level("ERROR", logger="urllib3")  # a warning of it would keep the exception and its socket

    def ask(url, method="GET", *, body=None, **how):
        with urllib3.PoolManager(retries=urllib3.Retry(3, **how)) as pool:
            return pool.request(method, url, body=body)

    yield ask
    gc.collect()  # urllib3 leaves the socket of a broken connection to it


# -- connections and reuse --


def test_a_view_is_annotated_by_a_public_name(plain):
    fetch(plain.url + "/a")

    assert isinstance(plain.client, ClientView)
    assert "<ClientView: 1 connections>" == repr(plain.client)


def test_without_a_request_values_are_empty(server):
    client = server.client

    assert ([], 0, []) == (client.requests_per_connection, client.pipeline_depth, client.gaps())
    assert ([], []) == (client.abandoned, client.hidden_retries)


def test_a_pool_uses_one_connection(plain, pool):
    for path in ("/a", "/b", "/a"):
        pool.request("GET", plain.url + path)
    client = plain.client

    client.assert_connections(1)
    client.assert_connections(at_most=1)
    client.assert_connections(at_least=1)
    client.assert_reused()
    client.assert_reused("GET", "/a")
    assert [3] == client.requests_per_connection


def test_without_a_pool_each_request_has_a_connection_of_its_own(plain):
    for path in ("/a", "/b"):
        fetch(plain.url + path)
    client = plain.client

    client.assert_connections(2)
    client.assert_not_reused()
    client.assert_not_reused("GET", "/b")
    client.assert_closed("client", "fin")
    assert [1, 1] == client.requests_per_connection


def test_too_many_connections_are_listed_with_why_each_was_opened(plain, pool):
    pool.request("GET", plain.url + "/a")
    pool.request("GET", plain.url + "/close")
    pool.request("GET", plain.url + "/b")
    lines, text = failure(plain.client.assert_connections, 1)

    assert [
        "the client opened 2 connections, expected exactly 1",
        "  c0  GET /a, GET /close  closed by the server, FIN",
        "  c1  GET /b              open",
        "                          opened when c0 had been closed by the server, FIN",
    ] == lines
    assert text.index(" c0   < FIN") < text.index(" c1     accepted")
    assert "c1.0" not in text


def test_too_few_connections_are_listed(plain, pool):
    pool.request("GET", plain.url + "/a")
    lines, text = failure(plain.client.assert_connections, at_least=2)

    assert ["the client opened 1 connection, expected at least 2", "  c0  GET /a  open"] == lines
    assert "c0.0 > GET /a" in text


def test_no_connection_at_all_has_no_timeline(server):
    assert "the client opened 0 connections, expected exactly 1" == failure(server.client.assert_connections, 1)[1]


def test_of_many_connections_some_are_listed(plain):
    for _ in range(15):
        fetch(plain.url + "/a")
    lines, _ = failure(plain.client.assert_connections, at_most=3)

    assert "the client opened 15 connections, expected at most 3" == lines[0]
    assert "  and 3 more" == lines[-1]


@pytest.mark.parametrize(("arguments", "words"), [({"at_least": 3, "at_most": 4}, "3 to 4"), ({"n": 0}, "none")])
def test_what_was_expected_is_said(plain, arguments, words):
    fetch(plain.url + "/a")

    lines, _ = failure(plain.client.assert_connections, **arguments)
    assert f"the client opened 1 connection, expected {words}" == lines[0]


def test_a_connection_that_could_have_been_reused_is_named(plain):
    with RawClient(plain.address) as first, RawClient(plain.address) as second:
        first.send(GET % b"a")
        first.recv()
        second.send(GET % b"b")
        second.recv()
        lines, _ = failure(plain.client.assert_reused, "GET", "/b")

    assert [
        "the request opened a connection instead of reusing one",
        "  c1.0 GET /b: c0 was open and idle",
    ] == (lines)


def test_a_connection_that_was_busy_is_named(server):
    gate = server.gate()
    server.get("/slow").respond(text="s", gate=gate)
    server.get("/b").respond(text="b")
    with RawClient(server.address) as busy:
        busy.send(GET % b"slow")
        gate.wait_reached()
        fetch(server.url + "/b")
        gate.open()
        busy.recv()
    lines, _ = failure(server.client.assert_reused, "GET", "/b")

    assert "  c1.0 GET /b: c0 was busy with GET /slow" == lines[1]


def test_the_first_request_of_all_can_reuse_nothing(plain):
    fetch(plain.url + "/a")
    lines, _ = failure(plain.client.assert_reused)

    assert ["only GET /a came, which was the first request and could reuse nothing"] == lines


def test_a_reused_connection_that_should_be_a_new_one_is_named(plain, pool):
    pool.request("GET", plain.url + "/a")
    pool.request("GET", plain.url + "/b")
    lines, _ = failure(plain.client.assert_not_reused, "GET", "/b")

    assert [
        "the request reused a connection, instead of a new one",
        "  c0.1 GET /b: came behind c0.0 GET /a",
    ] == (lines)


def test_after_a_broken_answer_urllib3_opens_a_connection(server, retrying):
    server.get("/x").respond(content=b"x" * 100, fault=faults.HangUp(after=50)).respond(text="whole")
    retrying(server.url + "/x")

    server.client.assert_not_reused("GET", "/x")


def test_an_aiohttp_session_reuses_its_connection(plain):
    async def main():
        async with aiohttp.ClientSession() as session:
            for path in ("/a", "/b"):
                async with session.get(plain.url + path) as response:
                    await response.read()
            plain.client.assert_reused()
        plain.client.assert_closed("client", "fin")
        assert [2] == plain.client.requests_per_connection

    asyncio.run(main())


def test_criteria_choose_among_requests_that_are_alike(plain, pool):
    pool.request("GET", plain.url + "/a", headers={"X": "1"})
    pool.request("GET", plain.url + "/a", headers={"X": "2"})

    plain.client.assert_not_reused("GET", "/a", headers={"X": "1"})
    plain.client.assert_reused("GET", "/a", headers={"X": "2"})


def test_on_a_connection_of_before_the_record_was_cleared_everything_is_reuse(plain, pool):
    pool.request("GET", plain.url + "/a")
    plain.clear_records()
    pool.request("GET", plain.url + "/b")
    pool.request("GET", plain.url + "/a")

    plain.client.assert_connections(0)
    plain.client.assert_reused()
    assert [2] == plain.client.requests_per_connection
    lines, _ = failure(plain.client.assert_not_reused, "GET", "/b")
    assert "  c0.1 GET /b: came behind what was cleared" == lines[1]


# -- how connections end --


def test_what_was_not_closed_as_it_should_be_is_listed(plain):
    with RawClient(plain.address) as left, RawClient(plain.address) as reset:
        left.send(GET % b"a")
        left.recv()
        reset.send(GET % b"b")
        reset.recv()
        reset.reset()
        lines, _ = failure(plain.client.assert_closed, "client", how="fin")

        assert [
            "2 of 2 connections were not closed by the client with FIN",
            "  c0  GET /a  open: is a response or a pool alive?",
            "  c1  GET /b  closed by the client, RST",
        ] == lines
    plain.client.assert_closed("client")


def test_the_server_may_be_meant_as_the_one_who_closes(plain):
    fetch(plain.url + "/close")

    plain.client.assert_closed("server", "fin")
    lines, _ = failure(plain.client.assert_closed)
    assert "  c0  GET /close  closed by the server, FIN" == lines[1]


def test_no_connection_was_not_closed(server):
    assert "the client opened no connection" == failure(server.client.assert_closed)[1]


# -- read to the end --


@pytest.mark.parametrize("kind", CLIENTS_AND_CURL)
def test_a_client_that_reads_and_closes_has_read_to_the_end(server, kind):
    server.get("/long").respond(content=b"x" * 3_000_000)
    server.get("/chunked").respond(stream=[b"one", b"two"])
    server.get("/closing").respond(content=b"ok", headers={"Connection": "close"})
    for path in ("/long", "/chunked", "/closing"):
        read(kind, server, path)
    server.wait_idle()
    for connection in server.connections:
        connection.wait_ended()

    server.client.assert_read_to_end()
    assert [] == server.client.abandoned


def test_a_response_that_is_closed_early_is_abandoned(plain):
    with httpx.Client(trust_env=False, verify=False) as client, client.stream("GET", plain.url + "/big") as response:
        next(response.iter_raw(100))
    (request,) = plain.client.abandoned

    assert "GET /big" == str(request)
    lines, text = failure(plain.client.assert_read_to_end, "GET", "/big")
    assert "the reply was not read to the end" == lines[0]
    assert re.fullmatch(
        r"  c0\.0 GET /big: abandoned, the client closed with bytes unread, or reset, after \d+ bytes of the reply",
        lines[1],
    )
    assert " c0   > RST" in text


def test_what_waits_in_the_clients_kernel_is_counted(plain):
    with RawClient(plain.address) as client:
        client.send(GET % b"a")
        size = len(client.recv())
        plain.client.assert_read_to_end()
        client.send(GET % b"a")
        client.recv_exactly(size - 7)
        lines, _ = failure(plain.client.assert_read_to_end)

        assert [] == plain.client.abandoned
        assert [
            "1 of 2 replies was not read to the end",
            f"  c0.1 GET /a: unread, 7 of {size} bytes wait unread",
        ] == lines
        client.recv()
        plain.client.assert_read_to_end()
    plain.client.assert_read_to_end()


def test_behind_a_goodbye_of_ours_the_clients_kernel_is_asked_too(plain):
    with RawClient(plain.address) as client:
        client.send(GET % b"close")
        client.recv(5)
        lines, _ = failure(plain.client.assert_read_to_end)

        assert "bytes wait unread" in lines[1]
        client.read_to_end()
        plain.client.assert_read_to_end()


def test_an_answer_that_the_server_cut_off_was_not_read_to_its_end(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=50))
    with pytest.raises(httpx.ReadError):
        fetch(server.url + "/x")
    lines, text = failure(server.client.assert_read_to_end)

    assert re.fullmatch(r"  c0\.0 GET /x: unfinished, the server broke it off after 50 of \d+ bytes", lines[1])
    assert "faults.Reset(after=50)" in text


def test_behind_a_reset_of_ours_nobody_knows(server):
    server.get("/x").respond(content=b"x", fault=faults.Reset(after="end"))
    with RawClient(server.address) as client:
        client.send(GET % b"x")
        client.read_to_end()
        lines, _ = failure(server.client.assert_read_to_end)

    assert "  c0.0 GET /x: unknown, what the client has read can't be seen any more" == lines[1]


def test_a_client_that_can_not_be_seen_is_not_known_to_have_read(plain, monkeypatch):
    with RawClient(plain.address) as client:
        client.send(GET % b"a")
        client.recv()
        monkeypatch.setattr("pytest_epoll._eventloop.probes.PeerProbe.look", lambda *_: None)
        lines, _ = failure(plain.client.assert_read_to_end)

        assert "  c0.0 GET /a: unknown, the client can't be seen" == lines[1]
    plain.client.assert_read_to_end()


def test_a_server_that_was_stopped_knows_what_it_saw(plain):
    with RawClient(plain.address) as client:
        client.send(GET % b"a")
        client.recv()
    with RawClient(plain.address) as open_client:
        open_client.send(GET % b"b")
        open_client.recv()
        plain.wait_idle()
        plain.stop()

        plain.client.assert_read_to_end("GET", "/a")
        lines, _ = failure(plain.client.assert_read_to_end, "GET", "/b")
        assert "can't be seen any more" in lines[1]


def test_nothing_passes_because_nothing_came(plain):
    fetch(plain.url + "/a")
    client = plain.client
    for assertion in (
        client.assert_read_to_end,
        client.assert_reused,
        client.assert_not_reused,
        client.assert_no_hidden_retries,
        client.assert_honoured_expect,
        client.assert_back_pressure,
    ):
        lines, _ = failure(assertion, "GET", "/other")

        assert 'get("/other") was never requested, expected at least once' == lines[0]
    plain.clear_records()

    assert "no request came" == failure(plain.client.assert_read_to_end)[1]


# -- pipelining --


def test_a_pipeline_is_seen_as_deep_as_it_is(plain):
    with RawClient(plain.address) as client:
        client.send(GET % b"a" + GET % b"b" + GET % b"c")
        client.recv()
        plain.wait_for_requests(3)

    assert 3 == plain.client.pipeline_depth
    lines, text = failure(plain.client.assert_not_pipelined)
    assert [
        "the client pipelined 2 requests",
        "  c0.1 GET /b: came while c0.0 was unanswered",
        "  c0.2 GET /c: came while c0.0, c0.1 were unanswered",
    ] == lines
    assert text.index("c0.1 > GET /b") < text.index("c0.0 < HTTP/1.1 200 OK")


def test_a_failure_shows_the_connections_that_it_is_about(plain):
    for asked in (GET % b"a", GET % b"b" + GET % b"c"):
        with RawClient(plain.address) as client:
            client.send(asked)
            client.shutdown()
            client.read_to_end()
    _, text = failure(plain.client.assert_not_pipelined)

    assert "c1     accepted" in text
    assert "c0     accepted" not in text


def test_a_held_answer_shows_how_far_a_client_goes(server):
    gate = server.gate()
    server.get("/a").respond(text="a", gate=gate)
    with RawClient(server.address) as client:
        client.send(GET % b"a")
        gate.wait_reached()
        client.send(GET % b"a")
        server.wait_for_requests(2)

        assert 2 == server.client.pipeline_depth
        gate.open()
        client.recv()


@pytest.mark.parametrize("kind", CLIENTS)
def test_clients_of_python_do_not_pipeline(plain, kind):
    for path in ("/a", "/b"):
        read(kind, plain, path)

    plain.client.assert_not_pipelined()
    assert 1 == plain.client.pipeline_depth


# -- Expect: 100-continue --


def upload_with_aiohttp(url):
    async def main():
        async with aiohttp.ClientSession() as session, session.put(url, data=b"abc", expect100=True) as response:
            await response.read()

    asyncio.run(main())


def test_aiohttp_waits_to_be_asked(server):
    server.put("/up").respond()
    upload_with_aiohttp(server.url + "/up")

    server.client.assert_honoured_expect("PUT", "/up")
    server.client.assert_honoured_expect()


@needs_curl
def test_curl_waits_to_be_asked(server):
    server.put("/up").respond()
    done = curl("-T-", "-H", "Expect: 100-continue", "--expect100-timeout", "15", server.url + "/up", body=b"abc")
    done.check_returncode()

    server.client.assert_honoured_expect()


PUT = b"PUT /up HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"


def test_a_body_in_one_piece_with_the_head_did_not_wait(server):
    server.put("/up").respond()
    with RawClient(server.address) as client:
        client.send(PUT + b"abc")
        client.recv()
    lines, text = failure(server.client.assert_honoured_expect)

    assert [
        'the request with "Expect: 100-continue" did not wait to be asked',
        "  c0.0 PUT /up: the body came together with the head, before any 100 Continue",
    ] == lines
    assert "c0.0 > body" in text


def test_where_no_100_is_sent_who_does_not_wait_is_seen_for_certain(server):
    """Else the 100 may be out before a body that comes in a piece of its own."""
    server.put("/up").respond(fault=faults.NoContinue())
    fetch(server.url + "/up", "PUT", content=b"abc", headers={"Expect": "100-continue"})
    lines, _ = failure(server.client.assert_honoured_expect)

    assert re.fullmatch(
        r"  c0\.0 PUT /up: the body came (together with|\d+\.\d{3} s behind) the head, before any 100 Continue",
        lines[1],
    )


def test_who_is_refused_and_sends_no_body_has_waited(server):
    """No route wants it, so no 100 is sent but a 501."""
    server.get("/other").respond()
    with RawClient(server.address) as client:
        client.send(PUT)
        client.recv()
        server.client.assert_honoured_expect()


def test_a_request_that_announces_nothing_is_not_taken_for_one_that_waits(plain):
    fetch(plain.url + "/a")
    lines, _ = failure(plain.client.assert_honoured_expect)

    assert ['no request says "Expect: 100-continue"'] == lines


# -- hidden retries --


def test_who_retries_a_post_after_a_reset_is_named(server, retrying):
    server.post("/orders").respond_with(faults.Reset()).respond(201)
    retrying(server.url + "/orders", "POST", body=b"tea", allowed_methods=None)
    (request,) = server.client.hidden_retries

    assert (1, b"tea") == (request.connection_index, request.body)
    lines, text = failure(server.client.assert_no_hidden_retries, "POST", "/orders")
    assert [
        "the client repeated 1 request of a method that is not idempotent",
        "  c1.0 POST /orders: the same as c0.0, which got no whole answer",
    ] == lines
    assert text.index("faults.Reset()") < text.index("c1.0 > POST /orders")


def test_who_retries_a_post_after_a_status_is_named(server, retrying):
    server.post("/orders").respond(503).respond(201)
    retrying(server.url + "/orders", "POST", body=b"tea", allowed_methods=None, status_forcelist=[503])
    lines, _ = failure(server.client.assert_no_hidden_retries)

    assert "  c0.1 POST /orders: the same as c0.0, which was answered 503" == lines[1]


def test_aiohttp_repeats_no_post_on_a_connection_that_went_stale(server):
    server.post("/orders").respond(201)

    async def main():
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.post(server.url + "/orders", data=b"tea") as response:
                    await response.read()

    asyncio.run(main())
    server.client.assert_no_hidden_retries()
    assert [] == server.client.hidden_retries


def test_posts_with_other_bodies_of_the_same_size_are_no_retries(server):
    server.post("/orders").respond_with(faults.Reset()).respond(201)
    for body in (b"tea", b"ale"):
        with RawClient(server.address) as client:
            client.send(b"POST /orders HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\n" + body)
            client.read_to_end() if body == b"tea" else client.recv()

    server.client.assert_no_hidden_retries()


@pytest.mark.parametrize("size", [3_000_000, 1], ids=["in a file", "in memory"])
def test_large_bodies_are_compared_too(server, size):
    server.post("/orders").respond_with(faults.Reset()).respond(201)
    for body in (b"a" * size, b"a" * size):
        with RawClient(server.address) as client:
            client.send(b"POST /orders HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % size + body)
            try:
                client.recv()
            except ConnectionResetError:
                pass

    assert 1 == len(server.client.hidden_retries)


def test_a_get_may_be_repeated(server, retrying):
    server.get("/a").respond_with(faults.Reset()).respond(text="a")
    retrying(server.url + "/a")

    server.client.assert_no_hidden_retries("GET", "/a")


# -- gaps --


BACKOFF = {"status_forcelist": [503], "backoff_factor": 0.05}


def test_gaps_are_what_the_client_waited_at_the_least(server, retrying):
    server.get("/a").respond(503, times=3).respond(text="a")
    retrying(server.url + "/a", **BACKOFF)
    first, second, third = server.client.gaps()

    assert first >= 0
    assert second >= 0.1
    assert third >= 0.2
    server.client.assert_gaps(at_least=[0, 0.1, 0.2])
    server.client.assert_gaps("GET", "/a", at_least=[0, 0.1, 0.2], growing=True)
    server.client.assert_gaps(at_least=0)
    server.client.assert_gaps(growing=True)


def test_a_gap_that_is_too_short_is_pointed_at(server, retrying):
    server.get("/a").respond(503, times=1).respond(text="a")
    retrying(server.url + "/a", **BACKOFF)
    lines, text = failure(server.client.assert_gaps, "GET", "/a", at_least=60)

    assert ["2 attempts, expected gaps of at least 60 s", "  c0.0 GET /a"] == lines[:2]
    assert re.fullmatch(r"  c0\.1 GET /a  \d+\.\d{3} s later, expected at least 60 s", lines[2])
    assert "c0.1 > GET /a" in text


def test_too_few_attempts_have_no_gap(server):
    server.get("/a").respond(text="a")
    fetch(server.url + "/a")
    lines, _ = failure(server.client.assert_gaps, at_least=0.1)
    other, _ = failure(server.client.assert_gaps, at_least=[0.1, 0.2], growing=True)

    assert ["1 attempt, expected gaps of at least 0.1 s", "  c0.0 GET /a"] == lines
    assert "1 attempt, expected 2 gaps of at least 0.1, 0.2 s, each longer than the one before" == other[0]
    assert "0 attempts, expected growing gaps" == failure(server.client.assert_gaps, "GET", "/b", growing=True)[0][0]


@pytest.mark.slow
def test_a_client_that_respects_retry_after_waits_that_long(server, retrying):
    server.get("/a").respond(503, headers={"Retry-After": "1"}).respond(text="a")
    retrying(server.url + "/a", **BACKOFF)

    server.client.assert_gaps(at_least=1.0)


# -- back-pressure --


def test_a_client_that_stops_reading_keeps_the_server_waiting(server):
    server.get("/feed").respond(content=b"x" * 16_000_000)
    server.get("/later").respond(delay=0.1)
    with httpx.Client(trust_env=False, verify=False) as client, client.stream("GET", server.url + "/feed") as response:
        pieces = response.iter_raw(100)
        next(pieces)
        server.connections[0].wait_event("send-blocked")
        fetch(server.url + "/later")

        server.client.assert_back_pressure("GET", "/feed")
        assert server.requests[0].response_bytes_sent < 16_000_000
    server.client.assert_back_pressure("GET", "/feed")


def test_a_small_reply_waits_for_nobody(plain):
    fetch(plain.url + "/a")
    lines, _ = failure(plain.client.assert_back_pressure, "GET", "/a")

    assert [
        "no reply had to wait 0.1 s for the client to read",
        "  c0.0 GET /a: never waited, 81 of 81 bytes sent",
        "  some 4 MB fit into the buffers of both kernels: is the reply larger than that?",
    ] == lines


def test_a_wait_that_was_too_short_is_shown(server):
    server.get("/feed").respond(content=b"x" * 16_000_000)
    with socket.create_connection(server.address, timeout=5) as client:
        client.sendall(GET % b"feed")
        server.wait_for_connections()
        server.connections[0].wait_event("send-blocked")
        lines, text = failure(server.client.assert_back_pressure, seconds=600)

    assert re.fullmatch(r"  c0\.0 GET /feed: waited \d+\.\d{3} s, \d+ of 160000\d\d bytes sent", lines[1])
    assert 2 == len(lines)
    assert "the client does not read" in text


# -- async tests --


def test_properties_may_be_read_in_an_async_test(server):
    server.get("/a").respond(text="a")

    async def main():
        async with async_client() as client:
            await client.get(server.url + "/a")
            await client.get(server.url + "/a")
            server.client.assert_connections(1)
            server.client.assert_read_to_end()
        return server.client.requests_per_connection

    assert [2] == asyncio.run(main())
