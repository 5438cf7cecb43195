"""Faults that act while the request is read: not one byte beyond their position is taken into the record."""

import pytest

from pytest_epoll import errors, faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
HEAD = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\n"
PLAIN = b"hello world"
CHUNKED_HEAD = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: 1\r\n\r\n"  # 10 + 15 + 3 + 6 + 2 bytes
EXTENDED = b"000B;a=b\r\nhello world\r\n000;c=d\r\n\r\n"  # 10 + 13 + 9 + 2 bytes

# position, head, body, bytes of the body's wire form and of its content that are taken
PLACES = [
    (0, HEAD, PLAIN, 0, 0),
    (20, HEAD, PLAIN, 0, 0),
    ("head", HEAD, PLAIN, 0, 0),
    (len(HEAD), HEAD, PLAIN, 0, 0),
    (len(HEAD) + 1, HEAD, PLAIN, 1, 1),
    (faults.body(0), HEAD, PLAIN, 0, 0),
    (faults.body(10), HEAD, PLAIN, 10, 10),
    (faults.content(0), HEAD, PLAIN, 0, 0),
    (faults.content(5), HEAD, PLAIN, 5, 5),
    ("head", CHUNKED_HEAD, CHUNKED, 0, 0),
    (len(CHUNKED_HEAD) + 4, CHUNKED_HEAD, CHUNKED, 4, 1),
    (faults.body(1), CHUNKED_HEAD, CHUNKED, 1, 0),
    (faults.body(10), CHUNKED_HEAD, CHUNKED, 10, 5),
    (faults.body(35), CHUNKED_HEAD, CHUNKED, 35, 11),
    (faults.content(5), CHUNKED_HEAD, CHUNKED, 8, 5),
    (faults.content(6), CHUNKED_HEAD, CHUNKED, 18, 6),
    (faults.chunk(1), CHUNKED_HEAD, CHUNKED, 10, 5),
    (faults.chunk(2), CHUNKED_HEAD, CHUNKED, 25, 11),
    ("trailers", CHUNKED_HEAD, CHUNKED, 28, 11),
    ("last-chunk", CHUNKED_HEAD, CHUNKED, 25, 11),
    (faults.header("host"), HEAD, PLAIN, 0, 0),
    (faults.half_of("header:Host"), CHUNKED_HEAD, CHUNKED, 0, 0),
    (faults.half_of("body"), HEAD, PLAIN, 5, 5),
    (faults.half_of("chunk-size"), CHUNKED_HEAD, CHUNKED, 0, 0),
    (faults.half_of("chunk:1"), CHUNKED_HEAD, CHUNKED, 5, 2),
    (faults.half_of("chunk:2"), CHUNKED_HEAD, CHUNKED, 20, 8),
    (faults.before("end", 1), HEAD, PLAIN, 10, 10),
    (faults.before("end", 11), HEAD, PLAIN, 0, 0),
    (faults.before("end", 500), HEAD, PLAIN, 0, 0),
    (faults.before("head", 3), HEAD, PLAIN, 0, 0),
    (faults.before(faults.body(7), 4), HEAD, PLAIN, 3, 3),
    (faults.before(faults.half_of("body"), 2), HEAD, PLAIN, 3, 3),
    (faults.before("end", 1), CHUNKED_HEAD, CHUNKED, 35, 11),
    (faults.before("end", 9), CHUNKED_HEAD, CHUNKED, 27, 11),
    (faults.before("end", 500), CHUNKED_HEAD, CHUNKED, 0, 0),
    (faults.before("last-chunk", 1), CHUNKED_HEAD, CHUNKED, 24, 11),
    (faults.before("last-chunk", 0), CHUNKED_HEAD, CHUNKED, 25, 11),
    (faults.before("trailers", 1), CHUNKED_HEAD, CHUNKED, 27, 11),
    (faults.before(faults.chunk(2), 3), CHUNKED_HEAD, CHUNKED, 22, 10),
    (faults.before(faults.half_of("chunk:2"), 1), CHUNKED_HEAD, CHUNKED, 19, 7),
    (faults.before(faults.content(5), 5), CHUNKED_HEAD, CHUNKED, 3, 0),
    (faults.before(faults.before("end", 8), 1), CHUNKED_HEAD, CHUNKED, 27, 11),
    (faults.before(faults.body(20), 1), CHUNKED_HEAD, CHUNKED, 19, 7),
    ("last-chunk", CHUNKED_HEAD, EXTENDED, 23, 11),
    ("trailers", CHUNKED_HEAD, EXTENDED, 32, 11),
    (faults.half_of("chunk-size"), CHUNKED_HEAD, EXTENDED, 4, 0),
    (faults.half_of("chunk:1"), CHUNKED_HEAD, EXTENDED, 15, 5),
    (faults.before(faults.half_of("chunk-size"), 1), CHUNKED_HEAD, EXTENDED, 3, 0),
    (faults.before("last-chunk", 23), CHUNKED_HEAD, EXTENDED, 0, 0),
]

SENDERS = {
    "at once": lambda client, message: client.send(message),
    "byte by byte": lambda client, message: [client.send(message[i : i + 1]) for i in range(len(message))],
    "with a request behind it": lambda client, message: client.send(message + GET),
}


@pytest.mark.parametrize("send", SENDERS.values(), ids=SENDERS)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_taken_is_exact(server, place, send):
    position, head, body, on_wire, content = place
    server.post("/x").respond_with(faults.Stall(after_reading=position))
    with RawClient(server.address) as client:
        send(client, head + body)
        server.wait_for_connections()[0].wait_event("stalled")
        [request] = server.requests

        assert head + body[:on_wire] == request.raw
        assert (PLAIN[:content], None) == (request.body_so_far, request.complete)
        assert len(head) + on_wire == server.connections[0].bytes_received
    assert [] == server.findings()


@pytest.mark.parametrize("fault", [faults.HangUp, faults.Reset, faults.Stall, faults.StopReading])
@pytest.mark.parametrize(
    ("position", "message"),
    [
        (len(HEAD) + 12, HEAD + PLAIN),
        (faults.body(12), HEAD + PLAIN),
        (faults.content(12), HEAD + PLAIN),
        (faults.chunk(1), HEAD + PLAIN),
        ("trailers", HEAD + PLAIN),
        (faults.body(37), CHUNKED_HEAD + CHUNKED),
        (faults.content(12), CHUNKED_HEAD + CHUNKED),
        (faults.chunk(3), CHUNKED_HEAD + CHUNKED),
        (faults.body(1), GET.replace(b"GET", b"POST")),
        (faults.header("X-No"), HEAD + PLAIN),
        (faults.header("X-No"), CHUNKED_HEAD + CHUNKED),
        (faults.half_of("header:X-No"), HEAD + PLAIN),
        ("last-chunk", HEAD + PLAIN),
        (faults.half_of("chunk-size"), HEAD + PLAIN),
        (faults.half_of("chunk:1"), HEAD + PLAIN),
        (faults.before("last-chunk", 1), HEAD + PLAIN),
        (faults.half_of("body"), CHUNKED_HEAD + CHUNKED),
        (faults.before(faults.half_of("body"), 1), CHUNKED_HEAD + CHUNKED),
        (faults.half_of("chunk:3"), CHUNKED_HEAD + CHUNKED),
        (faults.half_of("chunk-size"), CHUNKED_HEAD + b"0\r\n\r\n"),
        (faults.before(faults.chunk(3), 5), CHUNKED_HEAD + CHUNKED),
        (faults.before("end", 10_000), CHUNKED_HEAD + CHUNKED),
    ],
)
def test_beyond_the_request_it_is_unfired_and_the_reply_goes_on(server, fault, position, message):
    server.post("/x").respond(fault=fault(after_reading=position))
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(message)

            assert OK == client.recv_exactly(len(OK))
        assert ["unfired"] == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize("position", [faults.header("Host"), faults.half_of("body"), faults.before("end", 1), 5])
def test_without_a_body_what_lies_in_it_is_the_end_of_the_head(server, position):
    server.get("/x").respond_with(faults.HangUp(after_reading=position))
    with RawClient(server.address) as client:
        client.send(GET)

        assert (b"", "fin") == client.read_to_end()
    assert [] == server.findings()


UNDECIDED = [
    ("last-chunk", CHUNKED[:-11], b"00"),
    (faults.half_of("chunk-size"), b"", b"000"),
    (faults.before("end", 5), b"", b"5\r\n"),
]
"""A position, what is taken, and what is left until more of it can be seen."""


@pytest.mark.parametrize(("position", "taken", "left"), UNDECIDED)
def test_what_may_still_lie_before_the_position_wakes_nobody_until_more_comes(server, position, taken, left):
    server.post("/x").respond_with(faults.Stall(after_reading=position))
    with RawClient(server.address) as client:
        client.send(CHUNKED_HEAD + taken + left)
        server.wait_for_requests(state="head")
        turns = []

        assert not server._barrier.engine.loop.wait(lambda: turns.append(1), 0.05)
        assert len(turns) <= 4
        assert len(CHUNKED_HEAD + taken) == server.connections[0].bytes_received
        client.send((CHUNKED_HEAD + CHUNKED)[len(CHUNKED_HEAD + taken + left) :])
    server.connections[0].wait_ended()


@pytest.mark.parametrize("part", ["shutdown", "reset"])
@pytest.mark.parametrize(("position", "taken", "left"), UNDECIDED)
def test_a_client_that_leaves_before_that_has_broken_its_request_off(server, position, taken, left, part):
    server.post("/x").respond_with(faults.Stall(after_reading=position))
    with RawClient(server.address) as client:
        client.send(CHUNKED_HEAD + taken + left)
        server.wait_for_requests(state="head")
        getattr(client, part)()
        server.connections[0].wait_ended()

    assert [False] == [request.complete for request in server.requests]
    assert ["unfired"] == [finding.kind for finding in server.findings()]
    if part == "shutdown":
        assert CHUNKED_HEAD + taken + left == server.last_request.raw


@pytest.mark.parametrize("position", ["last-chunk", faults.before("end", 1), faults.before("trailers", 4000)])
def test_a_large_chunked_upload_is_cut_to_the_byte(server, position):
    chunk = b"fff0\r\n" + b"y" * 0xFFF0 + b"\r\n"
    body = chunk * 64 + b"0\r\n\r\n"
    beyond = {"last-chunk": 5, faults.before("end", 1): 1}.get(position, 2 + 4000)
    server.post("/x").respond_with(faults.HangUp(after_reading=position))
    with RawClient(server.address) as client:
        client.send(CHUNKED_HEAD + body)

        assert (b"", "fin") == client.read_to_end()
        assert CHUNKED_HEAD + body[:-beyond] == server.last_request.raw
    assert [] == server.findings()


@pytest.mark.parametrize("message", [HEAD + PLAIN, CHUNKED_HEAD + CHUNKED, GET.replace(b"GET", b"POST")])
@pytest.mark.parametrize("position", ["end", faults.before("end", 0)])
def test_end_is_the_end_of_the_request(server, message, position):
    server.post("/x").respond_with(faults.HangUp(after_reading=position))
    with RawClient(server.address) as client:
        client.send(message + GET)

        assert (b"", "fin") == client.read_to_end()
    [request] = server.requests

    assert (message, True) == (request.raw, request.complete)
    assert [] == server.findings()


@pytest.mark.parametrize("position", [0, "head", 10])
def test_at_the_head_the_client_that_waits_for_100_gets_none(server, position):
    server.post("/x").respond_with(faults.HangUp(after_reading=position))
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))

        assert (b"", "fin") == client.read_to_end()


def test_in_the_body_the_client_that_waits_for_100_gets_it(server):
    server.post("/x").respond_with(faults.HangUp(after_reading=faults.body(5)))
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))

        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv_exactly(25)
        client.send(PLAIN)

        assert (b"", "fin") == client.read_to_end()
    assert b"hello" == server.last_request.body_so_far


def test_a_body_that_came_with_its_head_needs_no_100(server):
    """As without a fault: it has begun, nobody waits (RFC 9110 section 10.1.1)."""
    server.post("/x").respond(fault=faults.SlowReads(1_000_000))
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n") + PLAIN)

        assert OK == client.recv_exactly(len(OK))
    assert server.last_request.continued_at is None


def test_on_an_idle_connection_that_was_open_before_the_fault_was_registered(server):
    server.get("/x").respond()
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        server.post("/x").respond_with(faults.Stall(after_reading=faults.body(3)))
        client.send(HEAD + PLAIN)
        server.connections[0].wait_event("stalled")

        assert b"hel" == server.last_request.body_so_far


def test_the_connection_goes_on_with_exact_reading_behind_one_that_did_not_fire(server):
    server.post("/x").respond_with(200, fault=faults.Stall(after_reading=faults.body(50)), times=1)
    server.post("/x").respond_with(faults.Stall(after_reading=faults.body(3)))
    with RawClient(server.address) as client:
        client.send((HEAD + PLAIN) * 2)

        assert OK == client.recv_exactly(len(OK))
        server.connections[0].wait_event("stalled")

        assert [PLAIN, b"hel"] == [request.body_so_far for request in server.requests]


def test_behind_a_reply_that_is_slow_the_next_request_is_read_to_its_position(server):
    gate = server.gate()
    server.get("/x").respond(gate=gate)
    server.post("/x").respond_with(faults.Stall(after_reading=faults.body(3)))
    with RawClient(server.address) as client:
        client.send(GET + HEAD + PLAIN)
        gate.wait_reached()

        assert len(GET + HEAD) == server.connections[0].bytes_received
        gate.open()

        assert OK == client.recv_exactly(len(OK))
        server.connections[0].wait_event("stalled")

        assert b"hel" == server.last_request.body_so_far


def test_requests_of_other_routes_are_read_as_ever_meanwhile(server):
    server.post("/x").respond_with(faults.Stall(after_reading=faults.body(3)))
    server.get("/x").respond()
    server.post("/y").respond()
    with RawClient(server.address) as client:
        client.send(GET * 3 + (CHUNKED_HEAD + CHUNKED).replace(b"/x", b"/y") + GET)

        assert OK * 5 == client.recv_exactly(5 * len(OK))
        server.clear()
        server.get("/x").respond()
        client.send(GET)

        assert OK == client.recv_exactly(len(OK))


def test_the_fault_in_which_the_client_leaves_is_not_met_before_its_position(server):
    server.post("/x").respond_with(faults.HangUp(after_reading=faults.body(10)))
    with RawClient(server.address) as client:
        client.send(HEAD + PLAIN[:5])
        client.shutdown()
        client.read_to_end()
        server.connections[0].wait_ended()

        assert ["unfired"] == [finding.kind for finding in server.findings()]
        assert (False, PLAIN[:5]) == (server.last_request.complete, server.last_request.body_so_far)


def test_a_large_body_in_a_file_is_cut_to_the_byte(server):
    server.post("/x").respond_with(faults.HangUp(after_reading=faults.body(3_000_001)))
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"11", b"4000000"))
        client.send(b"y" * 4_000_000)

        assert (b"", "fin") == client.read_to_end()
        assert 3_000_001 == len(server.last_request.body_so_far)


@pytest.mark.parametrize(
    "faults_in_order",
    [
        (faults.SlowReads(1_000_000, size=2), faults.Stall(after_reading=faults.body(5))),
        (faults.Stall(after_reading=faults.body(5)), faults.SlowReads(1_000_000, size=2)),
    ],
)
def test_slow_reading_up_to_a_position(server, faults_in_order):
    server.post("/x").respond(fault=faults_in_order)
    with RawClient(server.address) as client:
        client.send(HEAD + PLAIN)
        server.wait_for_connections()[0].wait_event("stalled")

        assert b"hello" == server.last_request.body_so_far
    assert [] == server.findings()


BEFORE = [
    (faults.body(3), faults.body(6)),
    (len(HEAD) + 3, len(HEAD) + 6),
    (faults.content(3), faults.content(6)),
    (faults.body(3), "end"),
    ("head", faults.body(3)),
]


@pytest.mark.parametrize(("first", "second"), BEFORE)
@pytest.mark.parametrize("is_first_left", [True, False])
def test_of_two_places_the_first_one_is_met_in_whatever_order_they_are_given(server, first, second, is_first_left):
    plan = [faults.Reset(after_reading=first), faults.HangUp(after_reading=second)]
    server.post("/x").respond(fault=plan if is_first_left else plan[::-1])
    with RawClient(server.address) as client:
        client.send(HEAD + PLAIN)

        assert (b"", "rst") == client.read_to_end()
    assert (0 if first == "head" else 3) == len(server.last_request.body_so_far)


@pytest.mark.parametrize("place", [faults.body(3), "head", "end", 20])
def test_of_two_faults_at_one_place_the_left_one_acts(server, place):
    server.post("/x").respond(fault=[faults.Reset(after_reading=place), faults.HangUp(after_reading=place)])
    with RawClient(server.address) as client:
        client.send(HEAD + PLAIN)

        assert (b"", "rst") == client.read_to_end()


@pytest.mark.parametrize("criterion", [{"body": b"a"}, {"json": {}}, {"form": {"a": "b"}}, {"where": bool}])
def test_together_with_a_criterion_on_the_body_it_is_refused(server, criterion):
    route = server.post("/x", **criterion)
    with pytest.raises(errors.UsageError, match=next(iter(criterion))) as caught:
        route.respond(fault=faults.StopReading())

    assert "faults.StopReading" in str(caught.value)
    assert "after=" in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [
        faults.Stall(after_reading=faults.body(3)),
        faults.HangUp(after_reading=faults.content(3)),
        faults.SlowReads(1_000_000, size=2),
        faults.StopReading("end"),
    ],
)
def test_a_request_that_is_malformed_behind_its_head_gets_its_400(server, fault):
    server.post("/x").respond(fault=fault)
    with RawClient(server.address) as client:
        client.send(CHUNKED_HEAD + b"zz\r\nhello" + GET)
        answer, how = client.read_to_end()

        assert (b"HTTP/1.1 400 ", "fin") == (answer[:13], how)
        assert "malformed" in [finding.kind for finding in server.findings()]
        assert [400] == [request.response_status for request in server.requests]


@pytest.mark.parametrize(
    ("position", "message"),
    [(faults.body(11), HEAD + PLAIN), (faults.body(36), CHUNKED_HEAD + CHUNKED), (faults.content(11), HEAD + PLAIN)],
)
def test_the_last_byte_is_a_position_too(server, position, message):
    server.post("/x").respond_with(faults.Reset(after_reading=position))
    with RawClient(server.address) as client:
        client.send(message + GET)

        assert (b"", "rst") == client.read_to_end()
    assert [(message, True)] == [(request.raw, request.complete) for request in server.requests]
    assert [] == server.findings()
