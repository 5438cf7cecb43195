"""Connection scripts over real sockets: every step, what the client's goodbye means to it, and what is found."""

import asyncio
import http.client
import threading
from contextlib import suppress

import pytest

from fetching import fetch
from pytest_epoll import EpollServer, errors, faults, match, steps
from pytest_epoll.testing import RawClient, in_thread

HEAD = b"POST /up HTTP/1.1\r\nHost: peer\r\nContent-Length: 5\r\n\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: peer\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def get(server, path="/"):
    return fetch(server.url + path)


def kinds(server):
    return [finding.kind for finding in server.findings()]


def texts(server):
    return [finding.text for finding in server.findings()]


# -- reading --


def test_a_head_is_read_to_its_blank_line_and_the_body_stays_in_the_kernel(server):
    server.script(steps.read_head(), steps.mark("head"), steps.stall())
    with RawClient(server.address) as client:
        client.send(HEAD + b"hello")
        server.wait_for_mark("head")
        request = server.requests[0]

        assert ("POST", "/up", None) == (request.method, request.path, request.complete)
        assert len(HEAD) == server.connections[0].bytes_received


def test_a_body_is_read_by_its_framing_also_behind_the_answer(server):
    server.script(steps.read_head(), steps.respond(200, text="early"), steps.read_body(), steps.close())
    with RawClient(server.address) as client:
        client.send(HEAD)

        assert client.recv_exactly(3) == b"HTT"
        client.send(b"hello")
        assert client.read_to_end()[1] == "fin"
    assert server.last_request.body == b"hello"
    assert server.last_request.complete is True


def test_a_chunked_body_is_read_to_its_last_chunk(server):
    server.script(steps.read_request(), steps.mark("read"), steps.stall())
    with RawClient(server.address) as client:
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nrest")
        server.wait_for_mark("read")

        assert server.last_request.body == b"abc"
        assert server.connections[0].raw_received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("n", [0, 1, 4, 5])
def test_exactly_so_many_bytes_are_taken(server, n):
    server.script(steps.read_exactly(n), steps.mark("read"), steps.stall())
    with RawClient(server.address) as client:
        client.send(b"12345")
        server.wait_for_mark("read")

        assert b"12345"[:n] == server.connections[0].raw_received


def test_bytes_up_to_a_mark_are_taken_however_they_come(server):
    server.script(steps.repeat(2, steps.read_until(b"\r\n"), steps.send(b"more")), steps.mark("two"), steps.stall())
    with RawClient(server.address) as client:
        for piece in (b"on", b"e\r", b"\ntw"):
            client.send(piece)
        assert client.recv() == b"more"
        client.send(b"o\r\nthree")
        assert client.recv() == b"more"
        server.wait_for_mark("two")

        assert server.connections[0].raw_received == b"one\r\ntwo\r\n"


def test_raw_bytes_behind_a_head_are_the_body_of_the_open_request(server):
    server.script(steps.read_head(), steps.read_exactly(3), steps.mark("three"), steps.read_to_eof())
    with RawClient(server.address) as client:
        client.send(HEAD + b"hel")
        server.wait_for_mark("three")
        request = server.last_request

        assert (b"hel", None) == (request.body_so_far, request.complete)
        client.send(b"lo, and more")
        client.shutdown()
        assert client.read_to_end() == (b"", "fin")
    assert (b"hello", True) == (request.body, request.complete)
    assert server.connections[0].raw_received == HEAD + b"hello, and more"


def test_a_body_that_ends_too_early_is_incomplete_and_says_why(server):
    server.script(steps.read_head(), steps.read_to_eof())
    with RawClient(server.address) as client:
        client.send(HEAD + b"he")
        client.shutdown()
        client.read_to_end()

    assert (False, b"he") == (server.last_request.complete, server.last_request.body_so_far)
    assert "2 of 5" in server.last_request.error
    assert kinds(server) == []


def test_what_a_script_reads_is_never_a_malformed_request(server):
    server.script(steps.read_head(), steps.respond(400))
    with RawClient(server.address) as client:
        client.send(b"NONSENSE\r\n\r\n")

        assert client.read_to_end()[0].startswith(b"HTTP/1.1 400 ")
    assert (False, []) == (server.last_request.complete, kinds(server))
    assert server.last_request.error


def test_a_head_behind_an_unread_body_is_a_mistake_that_is_found(server):
    server.script(steps.read_head(), steps.read_head())
    with RawClient(server.address) as client:
        client.send(HEAD)
        client.read_to_end()

    assert ["script"] == kinds(server)
    assert "read_body() comes first" in texts(server)[0]


def test_a_body_without_a_head_is_a_mistake_that_is_found(server):
    server.script(steps.read_body())
    with RawClient(server.address) as client:
        client.read_to_end()

    assert "read_head() comes first" in texts(server)[0]


# -- waiting for the client --


def test_a_byte_is_waited_for_and_left_unread(server):
    server.script(steps.wait_readable(), steps.mark("there"), steps.close(drain=False))
    with RawClient(server.address) as client:
        assert server.timeline[-1].kind == "step"
        client.send(b"x")
        server.wait_for_mark("there")

        assert client.read_to_end() == (b"", "rst")
    assert (0, "server", "rst") == (
        server.connections[0].bytes_received,
        server.connections[0].closed_by,
        server.connections[0].closed_how,
    )


def test_silence_that_holds_is_no_finding(server):
    server.script(steps.read_request(), steps.send(OK), steps.expect_silence(0.05), steps.mark("silent"))
    with RawClient(server.address) as client:
        client.send(GET)
        assert client.recv_exactly(len(OK)) == OK
        server.wait_for_mark("silent")

    assert kinds(server) == []


def test_a_byte_breaks_the_silence_and_the_finding_shows_it(server):
    server.script(steps.read_request(), steps.send(OK), steps.expect_silence(60))
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv()
        client.send(b"GET /again")
        client.read_to_end()

    assert ["script"] == kinds(server)
    assert "expect_silence(60): the client sent b'GET /again'" in texts(server)[0]


@pytest.mark.parametrize(
    ("eof", "leaves", "expected"),
    [
        ("allowed", "fin", []),
        ("allowed", "rst", []),
        ("required", "fin", []),
        ("required", "rst", []),
        ("required", None, ["script"]),
        ("forbidden", "fin", ["script"]),
        ("forbidden", "rst", ["script"]),
        ("forbidden", None, []),
        ("allowed", None, []),
    ],
)
def test_a_goodbye_during_silence_is_judged(server, eof, leaves, expected):
    seconds = 60 if leaves else 0.05
    server.script(steps.read_head(), steps.expect_silence(seconds, eof=eof), steps.mark("over"))
    client = RawClient(server.address)
    client.send(GET)
    server.wait_for_requests()
    if leaves == "fin":
        client.shutdown()
    elif leaves == "rst":
        client.reset()
    if not expected:
        server.wait_for_mark("over")
    elif leaves != "rst":
        client.read_to_end()

    assert expected == kinds(server)
    client.close()


# -- sending --


def test_each_item_is_a_recv_of_its_own_once_the_one_before_was_taken(server):
    server.script(steps.read_request(), steps.send(b"one", b"two", b"three", until_read=True), steps.mark("sent"))
    with RawClient(server.address) as client:
        client.send(GET)

        assert [b"one", b"two", b"three", b""] == [client.recv() for _ in range(4)]
    assert kinds(server) == []


def test_pauses_lie_between_the_items_only(server):
    server.script(steps.send(b"one", b"two", delay=0.03), steps.close())
    with RawClient(server.address) as client:
        assert client.read_to_end() == (b"onetwo", "fin")

    assert [0.03] == [event.detail for event in server.timeline if event.kind == "paused"]


def test_raw_bytes_count_for_the_request_that_they_answer(server):
    server.script(steps.read_request(), steps.send(OK))
    get(server)

    assert len(OK) == server.last_request.response_bytes_sent
    assert OK == server.connections[0].raw_sent


def test_nothing_is_said_by_itself(server):
    server.script(steps.read_head(), steps.expect_silence(0.05), steps.respond(200, text="x"), steps.read_to_eof())
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"Host", b"Expect: 100-continue\r\nHost"))
        answer = client.recv()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"100" not in answer[:12]
    assert b"Connection" not in answer


@pytest.mark.parametrize(
    "request_line", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"]
)
def test_the_script_alone_ends_the_connection(server, request_line):
    server.script(steps.repeat(2, steps.read_request(), steps.respond(200, text="x")))
    with RawClient(server.address) as client:
        client.send(request_line)
        first = client.recv()
        client.send(request_line)
        second, how = client.read_to_end()

    assert (first, "fin") == (second, how)
    assert b"Connection" not in first


def test_an_answer_says_close_if_it_is_told_to(server):
    server.script(steps.read_request(), steps.respond(200, headers={"Connection": "close"}), steps.read_to_eof())
    with RawClient(server.address) as client:
        client.send(GET)

        assert b"Connection: close" in client.recv()
    assert server.connections[0].closed_by == "client"


@pytest.mark.parametrize(
    "ask",
    [
        steps.send(b"HTTP/1.1 100 Continue\r\n\r\n"),
        steps.call(lambda conn: conn.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")),
    ],
    ids=["send", "call"],
)
def test_a_100_that_is_sent_by_hand_counts_as_one(server, ask):
    server.script(steps.read_head(), ask, steps.read_body(), steps.respond(200), steps.read_to_eof())
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"Host", b"Expect: 100-continue\r\nHost"))
        assert client.recv() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hello")
        client.recv()
    request = server.last_request

    assert request.head_received_at <= request.continued_at <= request.body_started_at
    assert [1] == [event.connection + 1 for event in server.timeline if event.kind == "continue-sent"]
    server.client.assert_honoured_expect()


def test_a_surplus_answer_goes_out_like_the_first(server):
    server.script(steps.read_request(), steps.respond(200), steps.respond(201))
    with RawClient(server.address) as client:
        client.send(GET)

        assert client.read_to_end()[0].count(b"HTTP/1.1 20") == 2
    assert server.last_request.response_status == 201


def test_a_head_request_is_answered_without_a_body(server):
    server.script(steps.read_request(), steps.respond(200, text="four"))
    response = fetch(server.url, "HEAD")

    assert ("4", b"") == (response.headers["content-length"], response.content)


def test_an_answer_may_be_given_to_nobody(server):
    server.script(steps.respond(400, text="who?"), steps.read_to_eof())
    with RawClient(server.address) as client:
        assert client.recv().startswith(b"HTTP/1.1 400 ")

    assert [] == list(server.requests)


def test_an_answer_has_faults_gates_and_streams_of_its_own(server):
    gate = server.gate()
    server.script(
        steps.read_request(),
        steps.respond(200, stream=[b"a", gate, b"b"], fault=faults.HangUp(after=faults.chunk(2))),
    )
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        assert client.recv_exactly(server.connections[0].bytes_sent).endswith(b"1\r\na\r\n")
        gate.open()

        assert client.read_to_end() == (b"1\r\nb\r\n", "fin")
    assert kinds(server) == []


def test_a_fault_of_an_answer_that_does_not_fire_is_found(server):
    server.script(steps.read_request(), steps.respond(200, fault=faults.Reset(after=9999)))
    get(server)

    assert ["unfired"] == kinds(server)
    assert "script for every connection, test_scripts.py" in texts(server)[0]


def test_a_large_answer_goes_to_a_reader_that_pauses(server):
    body = bytes(4 << 20)
    server.script(steps.read_request(), steps.send(body), steps.reset())
    with RawClient(server.address, receive_buffer=4096) as client:
        client.send(GET)
        server.connections[0].wait_event("send-blocked")
        received, how = client.read_to_end()

    assert (len(body), "rst") == (len(received), how)


# -- parting --


def test_a_script_that_runs_out_ends_in_good_form(server):
    server.script(steps.read_exactly(1))
    with RawClient(server.address) as client:
        client.send(b"1 and what nobody reads")

        assert client.read_to_end() == (b"", "fin")
    assert ("server", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)


def test_a_reset_comes_when_all_has_arrived_and_a_mark_behind_it(server):
    server.script(steps.read_request(), steps.send(b"x" * 137), steps.reset(), steps.mark("reset"))
    with RawClient(server.address) as client:
        client.send(GET)

        assert client.read_to_end() == (b"x" * 137, "rst")
    assert len(server.wait_for_mark("reset")) == 1
    assert kinds(server) == []


def test_a_half_close_goes_on_reading(server):
    server.script(steps.read_request(), steps.send(OK), steps.half_close(), steps.read_request(), steps.reset())
    with RawClient(server.address) as client:
        client.send(GET)
        assert client.read_to_end() == (OK, "fin")
        assert server.connections[0].is_open
        client.send(GET)

        assert len(server.wait_for_requests(2)) == 2
    assert ("server", "rst") == (server.connections[0].closed_by, server.connections[0].closed_how)


@pytest.mark.parametrize(("sends", "how"), [(b"x", "fin"), (b"xy", "rst")])
def test_closing_without_a_drain_is_the_kernels_choice_and_recorded(server, sends, how):
    server.script(steps.read_exactly(1), steps.wait(gate := server.gate()), steps.close(drain=False))
    with RawClient(server.address) as client:
        client.send(sends)
        gate.wait_reached()
        gate.open()

        assert client.read_to_end() == (b"", how)
    assert ("server", how) == (server.connections[0].closed_by, server.connections[0].closed_how)


def test_a_stall_ends_with_the_client_and_the_script_goes_on(server):
    server.script(steps.read_head(), steps.stall(), steps.mark("gone"))
    client = RawClient(server.address)
    client.send(GET)
    server.wait_for_requests()
    client.close()

    assert [("gone", 0)] == [(mark.name, mark.connection) for mark in server.wait_for_mark("gone")]
    assert kinds(server) == []


def test_after_a_reset_of_the_client_only_marks_are_left_to_do(server):
    server.script(steps.read_head(), steps.stall(), steps.half_close(), steps.mark("gone"), steps.close())
    client = RawClient(server.address)
    client.send(GET)
    server.wait_for_requests()
    client.reset()

    assert len(server.wait_for_mark("gone")) == 1
    assert kinds(server) == []


# -- what is found --


def test_a_script_never_run_is_found(server):
    server.script(steps.read_head(), connection=1)
    server.get("/").respond()
    get(server)

    assert ["unused"] == kinds(server)
    assert texts(server)[0].startswith("script for connection 1, test_scripts.py:")
    assert "1 connection came" in texts(server)[0]


def test_an_optional_script_may_never_run_or_be_left(server):
    server.script(steps.read_request(), steps.respond(), optional=True)
    with RawClient(server.address) as client:
        client.send(GET[:5])

    assert kinds(server) == []


def test_a_broken_silence_is_found_in_an_optional_script_too(server):
    server.script(steps.expect_silence(60), optional=True)
    with RawClient(server.address) as client:
        client.send(b"x")
        client.read_to_end()

    assert ["script"] == kinds(server)


def test_a_step_that_the_client_leaves_is_found_with_what_had_come(server):
    server.script(steps.read_exactly(10), steps.send(b"never"), connection=0)
    with RawClient(server.address) as client:
        client.send(b"1234")
        client.shutdown()
        client.read_to_end()
    text = texts(server)[0]

    assert "step 1: read_exactly(10): the client sent FIN after 4 bytes of it" in text
    assert "4 bytes had come: 1234; 0 bytes sent" in text


def test_a_step_that_the_client_resets_is_found(server):
    server.script(steps.read_head(), steps.read_exactly(10))
    client = RawClient(server.address)
    client.send(GET)
    server.wait_for_requests()
    client.reset()

    assert "step 2: read_exactly(10): the client reset the connection" in texts(server)[0]


def test_a_script_that_still_waits_at_the_verdict_is_found(server):
    server.script(steps.repeat(2, steps.read_request(), steps.respond(200)))
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv()

        assert "step 1, round 2 of 2, step 1: read_request(): it is still waiting" in texts(server)[0]


def test_a_step_that_never_came_is_found_with_where_the_script_stands(server):
    server.script(steps.read_request(), steps.wait(server.gate()), steps.respond(200))
    with RawClient(server.address) as client:
        client.send(GET)
        server.wait_for_requests()
        text = texts(server)[0]

    assert "step 3: respond(200): it never came" in text
    assert "the script stands at step 2: wait(gate 1)" in text


@pytest.mark.parametrize(
    "step", [steps.read_to_eof(), steps.stall(), steps.routes(), steps.expect_silence(60), steps.delay(60)]
)
def test_what_the_clients_goodbye_meets_is_no_finding_when_it_has_left(server, step):
    server.script(steps.read_request(), steps.send(OK), step)
    get(server)

    assert kinds(server) == []


def test_the_verdict_waits_for_a_pause_of_a_client_that_is_still_there(server):
    server.script(steps.read_request(), steps.send(OK), steps.delay(0.05), steps.send(b"x"), steps.read_to_eof())
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))

        assert kinds(server) == []
        assert client.recv() == b"x"


def test_the_verdict_does_not_wait_for_ever(server, monkeypatch):
    monkeypatch.setattr("pytest_epoll._serving.settings.wait_seconds", 0.05)
    server.script(steps.delay(60), steps.send(b"x"))
    with RawClient(server.address):
        server.wait_for_connections()

        assert "step 2: send(b'x'): it never came" in texts(server)[0]


def test_kinds_are_allowed_as_all_others_are(server):
    server.script(steps.read_exactly(10), connection=0)
    server.script(steps.read_head(), connection=5)
    server.allow("script", "unused")
    with RawClient(server.address) as client:
        client.shutdown()
        client.read_to_end()

    assert kinds(server) == []


def test_a_fault_that_ends_the_script_leaves_nothing_unmet(server):
    server.script(faults.Reset(after=5), steps.read_request(), steps.send(b"0123456789"), steps.read_request())
    with RawClient(server.address) as client:
        client.send(GET)

        assert client.read_to_end() == (b"01234", "rst")
    assert kinds(server) == []


# -- which connection --


def test_a_script_is_for_its_connection_and_the_rest_is_routed(server):
    server.script(steps.read_request(), steps.respond(503), connection=1)
    server.get("/").respond(text="routed")

    assert [200, 503, 200] == [get(server).status_code for _ in range(3)]


def test_a_script_without_a_connection_is_for_all_that_have_none(server):
    server.script(steps.read_request(), steps.respond(500))
    server.script(steps.read_request(), steps.respond(501), connection=1)

    assert [500, 501, 500] == [get(server).status_code for _ in range(3)]


def test_a_second_script_for_the_same_connection_is_refused(server):
    server.script(steps.stall(), connection=0)
    with pytest.raises(errors.UsageError, match=r"connection 0 has a script already, of test_scripts.py:\d+"):
        server.script(steps.stall(), connection=0)
    server.script(steps.stall())
    with pytest.raises(errors.UsageError, match="every other connection has a script already"):
        server.script(steps.stall())


def test_a_connection_that_was_accepted_gets_no_script_any_more(server):
    with RawClient(server.address):
        with pytest.raises(errors.UsageError, match=r"connection=0 was accepted already.*connection=1 is the next one"):
            server.script(steps.stall(), connection=0)
        server.script(steps.stall(), connection=1, optional=True)


def test_clear_forgets_scripts_and_marks(server):
    server.script(steps.mark("x"), steps.stall())
    with RawClient(server.address):
        server.wait_for_mark("x")
        server.clear()
        server.script(steps.stall(), optional=True)

        with pytest.raises(errors.WaitTimeout, match="mark 'x': it did not come"):
            server.wait_for_mark("x", timeout=0)
    assert kinds(server) == []


def test_scripts_of_many_connections_block_nobody(server):
    gate = server.gate()
    server.script(steps.read_request(), steps.mark("here"), steps.wait(gate), steps.respond(200, text="go"))
    calls = [in_thread(get, server) for _ in range(5)]
    server.wait_for_mark("here", times=5)
    server.script(steps.read_request(), steps.respond(204), connection=5)

    assert get(server).status_code == 204
    gate.open()
    assert ["go"] * 5 == [call.result(10).text for call in calls]


# -- faults on the whole connection --


def test_a_reset_at_byte_0_comes_with_the_accept(server):
    server.script(faults.Reset(), connection=0)
    with suppress(ConnectionResetError):  # so fast that connect() itself may report it
        with RawClient(server.address) as client:
            assert client.read_to_end() == (b"", "rst")

    assert ("server", "rst") == (server.connections[0].closed_by, server.connections[0].closed_how)
    assert (0, 0) == (server.connections[0].bytes_received, len(server.requests))
    assert kinds(server) == []


@pytest.mark.parametrize("n", [1, 60, 61, 62, 122, 150])
def test_a_number_counts_the_bytes_of_the_connection_over_all_answers(server, n):
    server.get("/x").respond(content=b"0123456789")
    server.script(faults.HangUp(after=n), connection=0)
    received = b""
    with RawClient(server.address) as client:
        while len(received) < n:
            with suppress(OSError):
                client.send(GET)
            piece = client.recv()
            if not piece:
                break
            received += piece

    assert n == len(received)
    assert n == server.connections[0].bytes_sent


@pytest.mark.parametrize("n", [1, len(GET) - 1, len(GET), len(GET) + 1, 2 * len(GET)])
def test_bytes_of_the_client_are_counted_over_all_requests(server, n):
    server.get("/x", optional=True).respond(content=b"0")
    server.script(faults.Stall(after_reading=n), connection=0)
    with RawClient(server.address) as client:
        client.send(GET * 3)
        server.wait_for_connections()
        server.connections[0].wait_event("stalled")

        assert n == len(server.connections[0].raw_received)
    assert kinds(server) == []


def test_faults_alone_go_on_with_the_routes(server):
    server.get("/").respond(text="routed")
    server.script(faults.PartialWrites(size=1), connection=0)

    assert "routed" == get(server).text
    assert kinds(server) == []


def test_slow_reads_last_for_the_whole_connection(server):
    server.post("/up").respond(200)
    server.script(faults.SlowReads(bytes_per_second=100_000, size=40), connection=0)
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(HEAD + b"hello")
            client.recv()

    assert [b"hello"] * 2 == [request.body for request in server.requests]


def test_slow_reads_hold_back_the_next_step_as_well(server):
    server.script(
        faults.SlowReads(bytes_per_second=40, size=2), steps.repeat(3, steps.read_exactly(1)), steps.mark("read")
    )
    with RawClient(server.address) as client:
        client.send(b"123")
        server.wait_for_mark("read")
    received = [event.at for event in server.timeline if event.kind == "received"]

    assert received[-1] - received[0] >= 0.045


def test_a_connections_fault_that_does_not_fire_is_found(server):
    server.get("/").respond(text="short")
    server.script(faults.Reset(after=100_000), connection=0)
    get(server)

    assert ["unfired"] == kinds(server)
    assert "faults.Reset(after=100000) on script for connection 0" in texts(server)[0]


# -- routing behind steps --


def test_the_routes_answer_a_request_that_the_script_has_read(server):
    server.post("/up", body=b"hello").respond(text="routed")
    server.script(steps.read_head(), steps.mark("head"), steps.routes())

    assert "routed" == fetch(server.url + "/up", "POST", content=b"hello").text


def test_the_routes_go_on_for_good(server):
    server.get("/x").respond(text="routed")
    server.script(steps.read_request(), steps.respond(200, text="scripted"), steps.routes())
    client = http.client.HTTPConnection(*server.address)
    bodies = []
    for _ in range(3):
        client.request("GET", "/x")
        bodies.append(client.getresponse().read())
    client.close()

    assert [b"scripted", b"routed", b"routed"] == bodies
    assert server.connections[0].closed_by == "client"
    assert kinds(server) == []


def test_the_routes_obey_what_they_always_obey(server):
    server.post("/up").respond(200)
    server.script(steps.routes())
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"Host", b"Expect: 100-continue\r\nHost"))
        assert client.recv() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hello")
        assert client.recv().startswith(b"HTTP/1.1 200 ")
        client.send(b"NONSENSE\r\n\r\n")

        assert client.read_to_end()[0].startswith(b"HTTP/1.1 400 ")
    assert ["malformed"] == kinds(server)


def test_pipelined_requests_are_routed_in_turn(server):
    server.get("/x").handler(lambda request: str(request.exchange_index))
    server.script(steps.routes())
    with RawClient(server.address) as client:
        client.send(GET * 3)
        client.shutdown()
        data, how = client.read_to_end()

    assert ([b"0", b"1", b"2"], "fin") == ([part[-1:] for part in data.split(b"HTTP/1.1 200 OK")[1:]], how)


def test_a_fault_of_a_route_acts_within_a_script(server):
    server.post("/up").respond(200, fault=faults.HangUp(after_reading=faults.body(2)))
    server.script(steps.routes())
    with RawClient(server.address) as client:
        client.send(HEAD + b"hello")
        client.read_to_end()

    assert b"he" == server.last_request.body_so_far
    assert kinds(server) == []


def test_a_request_that_is_broken_off_is_not_answered(server):
    server.post("/up", optional=True).respond(200)
    server.script(steps.routes())
    with RawClient(server.address) as client:
        client.send(HEAD + b"he")
        client.shutdown()

        assert client.read_to_end() == (b"", "fin")
    assert False is server.last_request.complete


# -- marks, waits, endings --


def test_marks_say_when_and_where(server):
    server.script(steps.mark("one"), steps.read_exactly(1), steps.mark("two"), steps.stall())
    with RawClient(server.address) as client:
        first = server.wait_for_mark("one")[0]
        client.send(b"x")
        second = server.wait_for_mark("two", connection=0)[0]

    assert ("one", 0, "two", 0) == (first.name, first.connection, second.name, second.connection)
    assert first.at <= second.at


def test_a_wait_for_a_mark_expires_and_says_which_there_were(server):
    server.script(steps.mark("other"), steps.stall())
    with RawClient(server.address), pytest.raises(errors.WaitTimeout) as caught:
        server.wait_for_mark("this", timeout=0.02)

    assert "waited 0.02 s for mark 'this': it did not come; there were 'other'" in str(caught.value)
    with pytest.raises(errors.WaitTimeout, match=r"mark 'other' on c3: it did not come"):
        server.wait_for_mark("other", connection=3, timeout=0)
    with pytest.raises(errors.WaitTimeout, match="it came 1 of 2 times"):
        server.wait_for_mark("other", times=2, timeout=0)


def test_an_async_test_awaits_marks(server):
    server.script(steps.mark("here"), steps.stall())

    async def wait():
        with RawClient(server.address):
            return await server.aio.wait_for_mark("here")

    assert ["here"] == [mark.name for mark in asyncio.run(wait())]


def test_a_script_in_progress_is_no_idleness_but_a_stall_is(server):
    gate = server.gate()
    server.script(steps.read_head(), steps.wait(gate), steps.mark("on"), steps.stall())
    with RawClient(server.address) as client:
        client.send(GET)
        server.wait_for_requests()
        with pytest.raises(errors.WaitTimeout):
            server.wait_idle(timeout=0.02)
        gate.open()
        server.wait_for_mark("on")
        server.wait_idle()


def test_the_test_may_close_a_scripted_connection_and_that_is_no_finding(server):
    server.script(steps.read_head(), steps.stall(), steps.send(b"never"))
    with RawClient(server.address) as client:
        client.send(GET)
        server.wait_for_requests()

        assert server.close_connections() == 1
        assert client.read_to_end() == (b"", "fin")
    assert kinds(server) == []


def test_the_test_may_reset_a_scripted_connection(server):
    server.script(steps.read_exactly(5))
    with RawClient(server.address) as client:
        server.wait_for_connections()

        server.connections[0].reset()
        assert client.read_to_end() == (b"", "rst")


def test_stopping_ends_a_script_wherever_it_stands(trigger_mode):
    threads = threading.active_count()
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        for index, step in enumerate(
            [
                steps.stall(),
                steps.delay(60),
                steps.wait(server.gate()),
                steps.read_to_eof(),
                steps.expect_silence(60),
                steps.send(bytes(8 << 20)),
            ]
        ):
            server.script(step, connection=index)
        clients = [RawClient(server.address, receive_buffer=4096) for _ in range(6)]
        server.wait_for_connections(6)
    for client in clients:
        client.read_to_end()
        client.close()

    assert threads == threading.active_count()
    assert all(connection.closed_by == "server" for connection in server.connections)


def test_everything_that_a_script_does_is_in_the_timeline(server):
    server.script(steps.read_request(), steps.mark("m"), steps.send(OK))
    get(server)
    server.connections[0].wait_ended()

    assert [
        "accepted", "step", "head", "request-ended", "mark", "step", "sent", "fin-sent", "fin-received", "ended",
    ] == [event.kind for event in server.timeline]  # fmt: skip
    assert ["read_request()", "m", f"send({OK!r})"] == [
        event.detail for event in server.timeline if event.kind in {"step", "mark"}
    ]


# -- at the call --


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ((), "at least one step or fault"),
        ((steps.close(), steps.send(b"x")), r"steps.send\(b'x'\) stands behind steps.close\(\)"),
        ((steps.reset(), steps.stall()), "which ends the connection"),
        ((steps.routes(), steps.read_head()), "which ends the connection"),
        ((steps.repeat(2, steps.close()),), "which ends the connection"),
        ((steps.repeat(1, steps.close()), steps.send(b"x")), "which ends the connection"),
    ],
)
def test_a_script_that_cannot_be_is_refused(server, items, says):
    with pytest.raises(errors.UsageError, match=says):
        server.script(*items)


@pytest.mark.parametrize("step", [steps.send(b"x"), steps.respond(200), steps.routes()])
def test_nothing_can_be_sent_behind_a_half_close(server, step):
    with pytest.raises(
        errors.UsageError, match=r"stands behind steps.half_close\(\), behind which nothing can be sent"
    ):
        server.script(steps.repeat(1, steps.half_close()), steps.mark("here"), step)
    with pytest.raises(errors.UsageError, match=r"stands behind steps.half_close\(\)"):
        server.script(steps.repeat(2, steps.send(b"y"), steps.half_close()))


def test_what_clear_lets_go_is_recorded(server):
    gate = server.gate()
    server.script(steps.mark("before"), steps.wait(gate), steps.mark("behind"), steps.close())
    with RawClient(server.address) as client:
        gate.wait_reached()
        server.clear()
        client.read_to_end()

        assert [0] == [mark.connection for mark in server.wait_for_mark("behind")]
    with pytest.raises(errors.WaitTimeout, match="did not come; there were 'behind'"):
        server.wait_for_mark("before", timeout=0.01)


def test_marks_may_follow_the_end(server):
    server.script(steps.close(), steps.mark("closed"))
    with RawClient(server.address) as client:
        client.read_to_end()
    server.wait_for_mark("closed")


@pytest.mark.parametrize("item", [200, b"bytes", faults.Reset, match, None])
def test_what_is_no_step_is_refused(server, item):
    with pytest.raises(errors.UsageTypeError, match=r"script\(\) takes steps"):
        server.script(item)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: steps.send(), "needs something to send"),
        (lambda: steps.send(b""), "empty"),
        (lambda: steps.send("text"), "takes bytes"),
        (lambda: steps.read_until(b""), "empty"),
        (lambda: steps.read_exactly(-1), "out of range"),
        (lambda: steps.repeat(0, steps.stall()), "out of range"),
        (lambda: steps.repeat(2), "at least one step"),
        (lambda: steps.repeat(2, 5), "takes steps"),
        (lambda: steps.wait("gate"), "server.gate"),
        (lambda: steps.expect_silence(1, eof="maybe"), "not known"),
        (lambda: steps.delay(-1), "no duration"),
        (lambda: steps.mark(""), "empty"),
        (lambda: steps.respond(200, fault=faults.StopReading()), "while the request is read"),
        (lambda: steps.respond(99), "status"),
    ],
)
def test_a_step_that_cannot_be_is_refused(make, says):
    with pytest.raises(errors.UsageError, match=says):
        make()


def outcome_of(server, *items):
    """Ask once, by a script; return what the client got, and what is found."""
    server.script(steps.read_request(), *items)
    with RawClient(server.address) as client:
        client.send(GET)
        got = client.read_to_end()
    return got, [(one.kind, one.text.partition("\n")[0].partition(", ")[2]) for one in server.findings()]


@pytest.mark.parametrize(("fault", "how"), [(faults.HangUp(after=5), "fin"), (faults.Reset(after=5), "rst")])
def test_a_step_behind_an_answer_that_ends_the_connection_is_a_finding(server, fault, how):
    got, found = outcome_of(server, steps.respond(200, fault=fault), steps.send(b"x"), steps.close())

    assert (b"HTTP/", how) == got
    assert ["script"] == [kind for kind, _ in found]
    assert found[0][1].endswith("step 3: send(b'x'): the answer before it has ended the connection")


@pytest.mark.parametrize("fault", [faults.HangUp(after=5), faults.Reset(after=5), faults.Stall(after=5)])
def test_marks_and_goodbyes_may_stand_behind_an_answer_that_ends_the_connection(server, fault):
    server.script(steps.read_request(), steps.respond(200, fault=fault), steps.mark("over"), steps.close())
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(5)
    server.wait_for_mark("over")

    assert [] == server.findings()


@pytest.mark.parametrize("step", [steps.send(b"x"), steps.respond(200)])
def test_what_stands_behind_a_fault_that_half_closes_says_that_it_cannot_be_sent(server, step):
    got, found = outcome_of(server, steps.respond(204, fault=faults.HalfClose(after=5)), step, steps.close())

    assert (b"HTTP/", "fin") == got
    assert ["script"] == [kind for kind, _ in found]
    assert "nothing can be sent, as the server's FIN has been" in found[0][1]


def test_behind_a_fault_that_half_closes_the_script_goes_on_reading(server):
    server.script(
        steps.read_request(),
        steps.respond(204, fault=faults.HalfClose()),
        steps.read_request(),
        steps.mark("second"),
        steps.close(),
    )
    with RawClient(server.address) as client:
        client.send(GET)
        client.read_to_end()
        client.send(GET)
        server.wait_for_mark("second")

    assert [] == server.findings()


@pytest.mark.parametrize("rest", [(steps.routes(),), (steps.read_request(), steps.respond(200), steps.close())])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_an_answer_of_a_script_closes_on_reuse(server, how, rest):
    server.script(steps.read_request(), steps.respond(204, fault=faults.CloseOnReuse(how=how)), *rest)
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(b"HTTP/1.1 204 No Content\r\n\r\n"))
        client.send(GET)

        assert (b"", how) == client.read_to_end()
    assert (2 if how == "fin" else 1) == len(server.requests)
    assert [] == server.findings()


def test_the_rest_of_the_answered_request_is_no_reuse(server):
    server.script(steps.read_head(), steps.respond(204, fault=faults.CloseOnReuse()), steps.read_body(), steps.routes())
    with RawClient(server.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: peer\r\nContent-Length: 4\r\n\r\n")
        client.recv_exactly(len(b"HTTP/1.1 204 No Content\r\n\r\n"))
        client.send(b"body" + GET)

        assert (b"", "fin") == client.read_to_end()
    assert [b"body", b""] == [request.body for request in server.requests]
    assert [] == server.findings()


def test_how_far_a_fault_came_that_never_fired_counts_each_byte_once(server):
    _, found = outcome_of(server, faults.Reset(after=100), steps.send(b"x" * 12), steps.close())

    assert ["unfired"] == [kind for kind, _ in found]
    assert "in c0 12 bytes were sent" in server.findings()[0].text


def test_a_step_prints_as_code():
    for code in (
        "steps.read_exactly(4)",
        "steps.read_until(b'\\r\\n')",
        "steps.send(b'a', b'b', until_read=True, delay=0.5)",
        "steps.expect_silence(1, eof='required')",
        "steps.repeat(2, steps.stall())",
        "steps.close(drain=False)",
        "steps.reset(discard=True)",
        "steps.respond(200, text='x')",
    ):
        assert code == repr(eval(code, {"steps": steps}))


def test_the_step_of_an_answer_prints_what_it_waits_for_and_its_faults(server):
    step = steps.respond(204, delay=0.5, gate=server.gate(), fault=faults.Reset(after=9))
    both = steps.respond(204, fault=(faults.Delay(1), faults.HangUp()))

    assert "steps.respond(204, delay=0.5, gate=gate 1, fault=faults.Reset(after=9))" == repr(step)
    assert "steps.respond(204, fault=[faults.Delay(seconds=1), faults.HangUp()])" == repr(both)
