import asyncio
import contextlib
import http.client
import io
import subprocess
import sys

import aiohttp
import httpx
import pytest
import requests
import urllib3

from calling import curl, needs_curl
from pytest_epoll import EpollServer, errors, faults
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
PLAIN_HEAD = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\n"
PLAIN = b"hello world"
CHUNKED_HEAD = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: 1\r\n\r\n"
UPLOADS = {"length": (PLAIN_HEAD, PLAIN), "chunked": (CHUNKED_HEAD, CHUNKED)}
MIB = 2**20


@pytest.fixture(params=UPLOADS)
def upload(request):
    return UPLOADS[request.param]


def head_of(size):
    return b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size


# -- keep --


@pytest.mark.parametrize("is_early", [True, False], ids=["head first", "at once"])
def test_keep_answers_before_the_body_and_then_reads_it(server, upload, is_early):
    head, body = upload
    route = server.post("/x").respond(content=b"hi", fault=faults.RespondEarly())
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(head if is_early else head + body)
            assert OK == client.recv_exactly(len(OK))
            if is_early:
                assert (b"", None) == (server.last_request.body_so_far, server.last_request.complete)
                client.send(body)
        requests = route.wait_for_requests(2)

        assert [(PLAIN, True, 200)] * 2 == [
            (request.body, request.complete, request.response_status) for request in requests
        ]
        assert server.connections[0].is_open
    assert (1, []) == (len(server.connections), server.findings())


def test_keep_goes_on_with_what_was_pipelined_behind_the_body(server, upload):
    server.route(path="/x").respond(content=b"hi", fault=faults.RespondEarly(), times=2).respond(content=b"hi")
    with RawClient(server.address) as client:
        client.send(b"".join(upload) * 2 + GET)

        assert OK * 3 == client.recv_exactly(3 * len(OK))
    assert ([PLAIN, PLAIN, b""], []) == ([request.body for request in server.requests], server.findings())


@pytest.mark.parametrize(
    ("position", "taken"),
    [
        (faults.body(5), 5),
        (faults.content(7), 7),
        (len(PLAIN_HEAD) + 1, 1),
        (0, 0),
        (faults.half_of("body"), 5),
        (faults.before("end", 1), 10),
    ],
    ids=repr,
)
def test_not_one_byte_beyond_the_place_is_read_before_the_reply(server, position, taken):
    gate = server.gate()
    server.post("/x").respond(content=b"hi", gate=gate, fault=faults.RespondEarly(after_reading=position))
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD + PLAIN + PLAIN_HEAD + PLAIN)
        gate.wait_reached()

        assert PLAIN[:taken] == server.last_request.body_so_far
        gate.open()
        assert OK * 2 == client.recv_exactly(2 * len(OK))
    assert ([PLAIN, PLAIN], []) == ([request.body for request in server.requests], server.findings())


@pytest.mark.parametrize(
    ("position", "taken"),
    [
        (faults.chunk(1), 5),
        ("last-chunk", 11),
        ("trailers", 11),
        (faults.before("last-chunk", 2), 11),
        (faults.body(4), 1),
    ],
    ids=repr,
)
def test_places_in_chunks(server, position, taken):
    gate = server.gate()
    server.post("/x").respond(content=b"hi", gate=gate, fault=faults.RespondEarly(after_reading=position))
    with RawClient(server.address) as client:
        client.send(CHUNKED_HEAD + CHUNKED)
        gate.wait_reached()

        assert PLAIN[:taken] == server.last_request.body_so_far
        gate.open()
        assert OK == client.recv_exactly(len(OK))
        assert (PLAIN, {"T": "1"}) == (server.wait_for_requests()[0].body, server.last_request.trailers)
    assert [] == server.findings()


@pytest.mark.parametrize("reads", ["while it sends", "behind its upload"])
def test_keep_with_64_mib_up_and_a_large_reply_is_no_deadlock(server, reads):
    size = 64 * MIB
    server.post("/x").respond(content=b"z" * (8 * MIB), fault=faults.RespondEarly())
    with RawClient(server.address, timeout=20) as client:
        client.send(head_of(size))
        piece = b"y" * MIB

        def pour():
            for _ in range(size // MIB):
                client.send(piece)

        done = in_thread(pour)
        if reads == "behind its upload":
            done.result(timeout=20)
        answer = client.recv_exactly(8 * MIB + 44)
        done.result(timeout=20)

        assert (8 * MIB + 44, size) == (len(answer), len(server.wait_for_requests(timeout=20)[0].body))
    assert [] == server.findings()


def test_keep_behind_a_malformed_rest_sends_no_second_answer(server):
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly())
    with RawClient(server.address) as client:
        client.send(CHUNKED_HEAD)
        assert OK == client.recv_exactly(len(OK))
        client.send(b"nonsense\r\n\r\n")

        assert (b"", "fin") == client.read_to_end()
    assert (["malformed"], 200) == (
        [finding.kind for finding in server.findings()],
        server.last_request.response_status,
    )


@pytest.mark.parametrize("part", ["close", "shutdown", "reset"])
@pytest.mark.parametrize("then", ["keep", "linger"])
def test_a_client_that_breaks_its_upload_off_ends_it(server, then, part):
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly(then))
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD + PLAIN[:3])
        assert OK == client.recv_exactly(len(OK))
        if then == "linger":
            server.connections[0].wait_event("fin-sent")  # the client may be faster than our FIN
        getattr(client, part)()
        server.connections[0].wait_ended()

    assert (False, PLAIN[:3], []) == (
        server.last_request.complete,
        server.last_request.body_so_far,
        server.findings(),
    )
    assert {"keep": "client", "linger": "server"}[then] == server.connections[0].closed_by


def test_a_client_that_half_closes_within_its_body_still_gets_the_reply(server):
    gate = server.gate()
    server.post("/x").respond(content=b"z" * (8 * MIB), gate=gate, fault=faults.RespondEarly())
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD + PLAIN[:3])
        gate.wait_reached()
        client.shutdown()
        gate.open()
        data, how = client.read_to_end()

    assert (8 * MIB + 44, "fin", False) == (len(data), how, server.last_request.complete)
    assert [] == server.findings()


# -- linger --


def test_linger_parts_behind_the_reply_and_takes_the_rest_as_the_body(server, upload):
    head, body = upload
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly("linger"))
    with RawClient(server.address) as client:
        client.send(head)

        assert (OK, "fin") == client.read_to_end()
        client.send(body + GET)
        [request] = server.wait_for_requests()
        assert (PLAIN, True, "server", "fin") == (
            request.body,
            request.complete,
            server.connections[0].closed_by,
            server.connections[0].closed_how,
        )
    server.connections[0].wait_ended()
    assert (1, []) == (len(server.requests), server.findings())


def test_linger_with_64_mib_takes_all_of_them(server):
    server.post("/x").respond(413, content=b"hi", fault=faults.RespondEarly("linger"))
    size = 64 * MIB
    with RawClient(server.address, timeout=20) as client:
        client.send(head_of(size))
        for _ in range(64):
            client.send(b"y" * MIB)

        assert b"hi" == client.read_to_end()[0][-2:]
        assert size == len(server.wait_for_requests(timeout=20)[0].body)
    assert [] == server.findings()


# -- close --


@pytest.mark.parametrize(("body", "how"), [(b"", "fin"), (PLAIN, "rst")])
def test_close_is_fin_or_rst_by_what_is_unread(server, body, how):
    gate = server.gate()
    server.post("/x").respond(content=b"hi", gate=gate, fault=faults.RespondEarly("close"))
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD + body)
        gate.wait_reached()
        gate.open()

        assert (OK, how) == client.read_to_end()
    [request] = server.requests
    assert (False, b"", "the server broke the connection off") == (request.complete, request.body_so_far, request.error)
    assert ("server", how) == (server.connections[0].closed_by, server.connections[0].closed_how)
    assert [] == server.findings()


def test_close_breaks_a_64_mib_upload_and_the_reply_can_still_be_read(server):
    server.post("/x").respond(413, content=b"hi", fault=faults.RespondEarly("close"))
    with RawClient(server.address, timeout=20) as client:
        client.send(head_of(64 * MIB))
        with pytest.raises(OSError, match=r"Broken pipe|Connection reset"):
            for _ in range(64):
                client.send(b"y" * MIB)

        assert b"HTTP/1.1 413 " == client.recv_exactly(13)
    assert ("server", []) == (server.connections[0].closed_by, server.findings())


# -- hold --


def test_hold_reads_nothing_more_until_the_client_gives_up(server, upload):
    head, body = upload
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly("hold"))
    with RawClient(server.address) as client:
        client.send(head + body + GET)
        assert OK == client.recv_exactly(len(OK))
        server.connections[0].wait_event("stalled")
        server.wait_idle(timeout=0)

        assert (len(head), None) == (server.connections[0].bytes_received, server.last_request.complete)
    server.connections[0].wait_ended()
    assert (1, "client", []) == (len(server.requests), server.connections[0].closed_by, server.findings())


def test_hold_blocks_a_large_upload(server):
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly("hold"))
    with RawClient(server.address, timeout=0.3) as client:
        client.send(head_of(64 * MIB))
        with pytest.raises(TimeoutError):
            client.send(b"y" * (64 * MIB))

        client.socket.settimeout(10)
        assert OK == client.recv_exactly(len(OK))


# -- in general --


@pytest.mark.parametrize("then", ["keep", "linger", "close", "hold"])
def test_no_100_continue_is_sent(server, then):
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly(then))
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD[:-2] + b"Expect: 100-continue\r\n\r\n")

        assert OK == client.recv_exactly(len(OK))
    assert (None, []) == (server.last_request.continued_at, server.findings())


def test_a_place_in_the_body_needs_the_100(server):
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly(after_reading=faults.body(1)))
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD[:-2] + b"Expect: 100-continue\r\n\r\n")

        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv_exactly(25)
        client.send(PLAIN)
        assert OK == client.recv_exactly(len(OK))


@pytest.mark.parametrize("then", ["keep", "linger", "close", "hold"])
@pytest.mark.parametrize("message", [GET.replace(b"GET", b"POST"), head_of(0)])
def test_a_request_without_a_body_can_not_be_answered_early(server, then, message):
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly(then))
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(message)
            assert OK == client.recv_exactly(len(OK))
    [finding] = server.findings()
    assert "no request had anything left to read at 'head'" in finding.text


@pytest.mark.parametrize(("then", "end"), [("keep", None), ("linger", "fin"), ("close", "fin"), ("hold", None)])
def test_at_the_end_only_the_ending_is_left(server, then, end):
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly(then, after_reading="end"))
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD + PLAIN)
        assert OK == client.recv_exactly(len(OK))
        if end is not None:
            assert (b"", end) == client.read_to_end()

    assert (PLAIN, True, []) == (server.last_request.body, server.last_request.complete, server.findings())


@pytest.mark.parametrize("then", ["keep", "linger"])
def test_a_reply_that_our_fin_delimits_is_complete_before_the_upload_is(server, then):
    server.post("/x").respond(content=b"hi", headers={"Content-Length": None}, fault=faults.RespondEarly(then))
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD)
        data, how = client.read_to_end()
        assert (b"hi", "fin") == (data.partition(b"\r\n\r\n")[2], how)
        client.send(PLAIN)

        assert PLAIN == server.wait_for_requests()[0].body


def test_streams_handlers_and_interim_responses_are_early_too(server):
    server.post("/x").respond(stream=[b"a", b"b"], informational=[103], fault=faults.RespondEarly(), times=1)
    server.post("/x").respond_with(lambda request: f"{request.path} {request.complete}", fault=faults.RespondEarly())
    chunked = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD)
        expected = chunked + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
        assert expected == client.recv_exactly(len(expected))
        client.send(PLAIN + PLAIN_HEAD)

        answer = b""
        while not answer.endswith(b"\r\n\r\n/x None"):
            answer += client.recv()
        client.send(PLAIN)
        assert [PLAIN, PLAIN] == [request.body for request in server.wait_for_requests(2)]
    assert [] == server.findings()


@pytest.mark.parametrize("poller", ["poll", "select"])
@pytest.mark.parametrize("then", ["keep", "linger", "close", "hold"])
def test_other_pollers_keep_the_promise(poller, then):
    with EpollServer(poller=poller) as server:
        server.post("/x").respond(content=b"hi", fault=faults.RespondEarly(then))
        with RawClient(server.address) as client:
            client.send(PLAIN_HEAD + PLAIN)
            assert OK == client.recv_exactly(len(OK))
            if then in ("keep", "linger"):
                assert PLAIN == server.wait_for_requests()[0].body
        assert [] == server.findings()


@pytest.mark.parametrize("then", ["keep", "linger", "close", "hold"])
def test_stop_ends_it_at_once(trigger_mode, then):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.post("/x").respond(content=b"hi", fault=faults.RespondEarly(then))
        with RawClient(server.address) as client:
            client.send(PLAIN_HEAD + PLAIN[:3])
            assert OK == client.recv_exactly(len(OK))
            server.stop()

        assert server.last_request.complete is False


def test_it_is_chosen_at_the_head_and_needs_a_reply(server):
    with pytest.raises(errors.UsageError, match="json="):
        server.post("/x", json={}).respond(fault=faults.RespondEarly())
    with pytest.raises(errors.UsageError, match="needs a reply"):
        server.post("/x").respond_with(faults.RespondEarly())


@pytest.mark.parametrize("then", ["keep", "linger", "close", "hold"])
def test_for_a_client_in_another_process(server, then):
    server.post("/x").respond(content=b"hi", fault=faults.RespondEarly(then))
    call = (
        "import sys\nfrom pytest_epoll.testing import RawClient\n"
        "with RawClient((sys.argv[1], int(sys.argv[2]))) as client:\n"
        f"    client.send({PLAIN_HEAD!r})\n    print(client.recv_exactly({len(OK)}))\n"
    )
    command = [sys.executable, "-c", call, server.host, str(server.port)]

    assert f"{OK!r}\n" == subprocess.run(command, capture_output=True, text=True, check=True).stdout
    server.connections[0].wait_ended()
    assert [] == server.findings()


# -- real clients, with 16 MiB that they want to send before they read --

BODY = b"y" * (16 * MIB)


def with_http_client(server):
    with contextlib.closing(http.client.HTTPConnection(*server.address, timeout=5)) as connection:
        connection.request("POST", "/x", body=BODY)
        return connection.getresponse().status


def with_urllib3(server):
    with urllib3.PoolManager(retries=False) as pool:
        return pool.request("POST", server.url + "/x", body=BODY).status


def with_requests(server):
    with requests.Session() as session:
        session.trust_env = False
        return session.post(server.url + "/x", data=BODY, timeout=5).status_code


def with_httpx(server):
    with httpx.Client(trust_env=False, verify=False) as client:
        return client.post(server.url + "/x", content=BODY).status_code


def with_aiohttp(server):
    async def main():
        async with aiohttp.ClientSession() as session, session.post(server.url + "/x", data=io.BytesIO(BODY)) as answer:
            status = answer.status
        # A transport closes when it has sent what it holds, and not at all once its event loop has ended.
        await server.connections[0].aio.wait_ended()
        return status

    return asyncio.run(main())


CLIENTS = [with_http_client, with_urllib3, with_requests, with_httpx, with_aiohttp]


@pytest.mark.parametrize("call", CLIENTS)
@pytest.mark.parametrize("then", ["keep", "linger"])
def test_every_client_gets_an_answer_whose_server_reads_on(server, then, call):
    server.post("/x").respond(413, content=b"hi", fault=faults.RespondEarly(then))

    assert 413 == call(server)
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("call", "outcome"),
    [
        (with_http_client, "OSError"),
        (with_urllib3, 413),
        (with_requests, 413),
        (with_httpx, 413),
    ],
)
def test_what_clients_make_of_an_answer_whose_server_closes(server, call, outcome):
    server.post("/x").respond(413, content=b"hi", fault=faults.RespondEarly("close"))
    try:
        found = call(server)
    except (OSError, httpx.HTTPError) as error:
        found = "OSError" if isinstance(error, (ConnectionResetError, BrokenPipeError)) else type(error).__name__

    assert outcome == found


@needs_curl
def test_curl_reads_while_it_sends_and_stops_sending(server):
    server.post("/x").respond(413, content=b"hi", fault=faults.RespondEarly("linger"))
    answer = ("--write-out", "%{http_code}")
    finished = curl(*answer, "--header", "Expect:", "--data-binary", "@-", server.url + "/x", body=BODY)

    assert b"hi413" == finished.stdout


# -- beside other faults --


@pytest.mark.parametrize(
    ("plan", "answer", "how", "body"),
    [
        ([faults.RespondEarly(), faults.SlowReads(2_000_000, size=5000)], OK, None, 50_000),
        ([faults.RespondEarly(), faults.Delay(0.001, after="head"), faults.PartialWrites(size=7)], OK, None, 50_000),
        ([faults.RespondEarly("linger"), faults.PartialWrites(size=7, until_read=True)], OK, "fin", 50_000),
        ([faults.CloseIdle(), faults.RespondEarly()], OK, "fin", 50_000),
        ([faults.RespondEarly(), faults.CloseIdle()], OK, "fin", 50_000),
        ([faults.CloseIdle(0.001), faults.RespondEarly()], OK, "fin", 50_000),
        ([faults.RespondEarly(), faults.HangUp(after_reading=faults.body(7))], OK, "fin", 7),
        ([faults.RespondEarly(), faults.HangUp(after=faults.body(1))], OK[:-1], "fin", None),
        ([faults.RespondEarly(), faults.Reset(after="head")], OK[:-2], "rst", None),
        ([faults.HangUp(after=faults.body(1)), faults.RespondEarly()], OK[:-1], "fin", 50_000),
        ([faults.Sometimes(faults.RespondEarly(), 1)], OK, None, 50_000),
    ],
    ids=repr,
)
def test_beside_other_faults(server, plan, answer, how, body):
    server.post("/x").respond(content=b"hi", fault=plan)
    with RawClient(server.address) as client:
        client.send(head_of(50_000))
        if how is None:
            assert answer == client.recv_exactly(len(OK))
        else:
            got = in_thread(client.read_to_end)
        if body is not None or how == "fin":
            with contextlib.suppress(OSError):
                client.send(b"y" * 50_000)
        if how is not None:
            assert (answer, how) == got.result(timeout=5)
        if body is not None:
            assert [body] == [len(request.body) for request in server.wait_for_requests()]
    assert [] == server.findings()


@pytest.mark.parametrize(
    "plan",
    [[faults.RespondEarly(), faults.CloseOnReuse("rst")], [faults.CloseOnReuse("rst"), faults.RespondEarly()]],
    ids=repr,
)
def test_a_used_connection_may_be_reset_behind_an_early_answer(server, plan):
    """The rest of the upload is no reuse."""
    server.post("/x").respond(content=b"hi", fault=plan)
    with RawClient(server.address) as client:
        client.send(PLAIN_HEAD)
        assert OK == client.recv_exactly(len(OK))
        client.send(PLAIN)
        server.wait_for_requests()
        client.send(GET)

        assert (b"", "rst") == client.read_to_end()
    assert ([PLAIN], []) == ([request.body for request in server.requests], server.findings())
