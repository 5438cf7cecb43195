"""Streams: scores of bytes, pauses, gates and faults; events; who feeds them and who stops feeding."""

import asyncio
import itertools
import threading

import httpx
import pytest

from fetching import fetch
from pytest_epoll import EpollServer, Response, errors, faults
from pytest_epoll._core import limits
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n"
CLOSE = b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


def kinds(server):
    return [finding.kind for finding in server.findings()]


async def two_pieces():
    yield b"ab"
    await asyncio.sleep(0)
    yield b"c"


async def a_list_later():
    await asyncio.sleep(0)
    return [b"ab", b"c"]


class Pieces:
    def __iter__(self):
        return iter([b"ab", b"", b"c"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: [b"ab", b"c"],
        lambda: (b"ab", b"", b"c"),
        lambda: [bytearray(b"ab"), 0, memoryview(b"c")],
        lambda: iter([b"ab", b"c"]),
        lambda: (piece for piece in (b"ab", 0.0, b"c")),
        lambda: Pieces(),
        lambda: lambda: [b"ab", b"c"],
        lambda: lambda: iter([b"ab", b"c"]),
        lambda: Pieces,
        lambda: two_pieces(),
        lambda: two_pieces,
        lambda: a_list_later,
    ],
)
def test_every_kind_of_source_is_written_a_chunk_an_item(server, make):
    server.get("/x").respond(stream=make())
    with RawClient(server.address) as client:
        client.send(GET)

        assert HEAD + CHUNKS == client.recv_exactly(len(HEAD + CHUNKS))
    assert [] == server.findings()
    assert (200, len(HEAD + CHUNKS), len(CHUNKS)) == (
        server.last_request.response_status,
        server.last_request.response_bytes_sent,
        server.last_request.response_body_bytes_sent,
    )


@pytest.mark.parametrize("source", [[b"ab", b"c"], lambda: iter([b"ab", b"c"]), two_pieces])
def test_a_source_that_can_be_opened_again_is_for_every_request(server, source):
    server.get("/x").respond(stream=source)
    with RawClient(server.address) as client:
        for _ in range(3):
            client.send(GET)

            assert HEAD + CHUNKS == client.recv_exactly(len(HEAD + CHUNKS))


@pytest.mark.parametrize("make", [lambda: iter([b"ab", b"c"]), two_pieces])
def test_a_one_shot_iterator_counts_as_once_and_the_route_falls_through(server, make):
    route = server.get("/x").respond(stream=make())
    server.get("/x").respond(404)

    assert [(200, b"abc"), (404, b"")] == [
        (answer.status_code, answer.content) for answer in (fetch(server.url + "/x") for _ in range(2))
    ]
    assert 1 == route.call_count
    assert [] == server.findings()


def test_an_iterator_given_to_two_replies_is_not_silently_empty(server):
    reply = Response(stream=iter([b"ab", b"c"]))
    server.get("/x").respond_with(reply, reply)
    assert b"abc" == fetch(server.url + "/x").content
    with pytest.raises(httpx.RemoteProtocolError):
        fetch(server.url + "/x")

    assert ["handler-error"] == kinds(server)
    assert "can be used once" in server.findings()[0].text


def test_a_stream_is_not_opened_for_head_nor_for_a_status_without_content(server):
    opened = []

    def source():
        opened.append(1)
        yield b"a"

    server.head("/x").respond(stream=source)
    server.get("/x").respond(204, stream=source)
    with RawClient(server.address) as client:
        client.send(b"HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n")
        assert HEAD == client.recv()
        client.send(GET)
        assert b"HTTP/1.1 204 No Content\r\n\r\n" == client.recv()

    assert [] == opened


def test_a_gate_holds_the_stream_between_two_pieces(server):
    first, second = server.gate(), server.gate()
    server.get("/x").respond(stream=[first, b"ab", second, b"c"])
    with RawClient(server.address) as client:
        client.send(GET)
        assert HEAD == client.recv()
        first.wait_reached()
        first.open()
        assert CHUNKS[:7] == client.recv()
        second.wait_reached()
        assert ("gate 2", "reached") == server.connections[0].wait_event("gate").detail or second.reached
        second.open()

        assert CHUNKS[7:] == client.recv_exactly(len(CHUNKS) - 7)
    assert [("gate 1", "reached"), ("gate 1", "opened"), ("gate 2", "reached"), ("gate 2", "opened")] == [
        event.detail for event in server.timeline if event.kind == "gate"
    ]


def test_an_open_gate_holds_nobody(server):
    gate = server.gate()
    gate.open()
    server.get("/x").respond(stream=[gate, b"ab", gate, b"c"], gate=gate)

    assert b"abc" == fetch(server.url + "/x").content


@pytest.mark.parametrize("make", [lambda items: items, lambda items: iter(items)])
def test_pauses_are_lower_bounds_and_in_the_timeline(server, make):
    server.get("/x").respond(stream=make([b"ab", 0.03, b"c"]))
    fetch(server.url + "/x")
    sent = [event.at for event in server.timeline if event.kind == "sent"]
    pauses = [event.detail for event in server.timeline if event.kind == "paused"]

    assert [0.03] == pauses
    assert sent[2] - sent[1] >= 0.03


@pytest.mark.parametrize("make", [lambda items: items, lambda items: lambda: iter(items)])
def test_a_fault_in_the_middle_acts_there(server, make):
    server.get("/x").respond(stream=make([b"ab", faults.Reset(), b"never"]))
    with RawClient(server.address) as client:
        client.send(GET)

        assert (HEAD + CHUNKS[:7], "rst") == client.read_to_end()
    assert [] == server.findings()


def test_a_fault_in_the_middle_acts_on_what_follows(server):
    server.get("/x").respond(stream=[b"ab", faults.PartialWrites(size=1, until_read=True), b"c", faults.Reset(after=2)])
    with RawClient(server.address) as client:
        client.send(GET)
        assert HEAD + CHUNKS[:7] == client.recv_exactly(len(HEAD) + 7)
        pieces = [client.recv() for _ in range(8)]
        data, how = client.read_to_end()

    assert [bytes([byte]) for byte in CHUNKS[7:15]] == pieces
    assert (b"", "rst") == (data, how)


@pytest.mark.parametrize(("fault", "goodbye"), [(faults.HangUp(), "fin"), (faults.Reset(), "rst")])
@pytest.mark.parametrize("headers", [{}, {"Content-Length": "9"}, {"Content-Length": None}])
def test_a_fault_at_the_end_acts_there_whatever_the_framing_is(server, fault, goodbye, headers):
    server.get("/x").respond(stream=[b"hello", fault], headers=headers)
    with RawClient(server.address) as client:
        client.send(GET)
        data, how = client.read_to_end()

    assert goodbye == how
    assert data.rstrip(b"\r\n").endswith(b"hello")
    assert [] == server.findings()


def test_a_fault_in_a_stream_that_is_not_reached_is_a_finding(server):
    server.get("/x").respond(stream=[b"ab", faults.Reset(after=100), b"c"])
    fetch(server.url + "/x")

    assert ["unfired"] == kinds(server)


@pytest.mark.parametrize(
    "fault",
    [faults.RespondEarly(), faults.Reset(after_reading=faults.body(1)), faults.Sometimes(faults.SlowReads(1), 1)],
)
@pytest.mark.parametrize("name", ["stream", "events"])
def test_a_fault_in_a_stream_that_acts_while_the_request_is_read_is_refused(server, name, fault):
    with pytest.raises(errors.UsageError, match=f"^{name}=: .*; use fault= instead$"):
        server.post("/x").respond(**{name: [b"ab", fault]})


def test_faults_of_the_reply_apply_to_the_whole_stream(server):
    server.get("/x").respond(stream=[b"ab", b"c"], fault=faults.Reset(after=len(HEAD) + 3))
    with RawClient(server.address) as client:
        client.send(GET)

        assert (HEAD + CHUNKS[:3], "rst") == client.read_to_end()


def test_a_stream_to_an_old_client_ends_with_fin(server):
    server.get("/x").respond(stream=[b"ab", b"c"])
    with RawClient(server.address) as client:
        client.send(b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")

        assert (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc", "fin") == client.read_to_end()


def test_trailers_come_behind_the_last_chunk(server):
    server.get("/x").respond(stream=iter([b"ab"]), trailers=[("X-Sum", "7")], headers={"Trailer": "X-Sum"})
    with RawClient(server.address) as client:
        client.send(CLOSE)
        answer, _ = client.read_to_end()

    assert answer.endswith(b"2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n")


def test_a_large_stream_arrives_whole(server):
    server.get("/x").respond(stream=lambda: (b"%08d" % number * 1024 for number in range(1000)))

    assert b"".join(b"%08d" % number * 1024 for number in range(1000)) == fetch(server.url + "/x").content


# -- back-pressure and goodbyes --


class Source:
    """Counts what it gave and says when it was closed."""

    def __init__(self, piece=b"x" * 65536):
        self.given = 0
        self.closed = threading.Event()
        self.piece = piece

    def __call__(self):
        try:
            while True:
                self.given += 1
                yield self.piece
        finally:
            self.closed.set()


class AsyncSource(Source):
    async def __call__(self):
        try:
            while True:
                self.given += 1
                yield self.piece
        finally:
            await asyncio.sleep(0)
            self.closed.set()


@pytest.mark.parametrize("kind", [Source, AsyncSource])
def test_a_client_that_does_not_read_stops_the_source_after_a_bounded_number_of_items(server, kind):
    source = kind()
    server.get("/x").respond(stream=source)
    with RawClient(server.address, receive_buffer=4096) as client:
        client.send(GET)
        server.connections[0].wait_event("send-blocked")
        sent = server.last_request.response_bytes_sent
        at_the_most = sent // 65536 + limits.FEED_DEPTH + 3

        assert source.given <= at_the_most
        assert sent < 32 * 2**20
    assert source.closed.wait(5)
    assert [] == server.findings()


@pytest.mark.parametrize("kind", [Source, AsyncSource])
@pytest.mark.parametrize("goodbye", ["reset", "close"])
def test_when_the_client_leaves_the_generator_is_closed_and_its_finally_runs(server, kind, goodbye):
    source = kind()
    server.get("/x").respond(stream=source)
    client = RawClient(server.address)
    client.send(GET)
    client.recv_exactly(100_000)
    getattr(client, goodbye)()

    assert source.closed.wait(5)
    server.connections[0].wait_ended()
    assert [] == server.findings()


def test_an_async_generator_on_the_tests_loop_is_closed_there(server):
    """It may stand in an await or at a yield when its client leaves; its finally may await, too."""

    def read_and_reset():
        client = RawClient(server.address)
        client.send(GET)
        client.recv_exactly(65536)
        client.reset()

    async def main(item):
        closed = asyncio.Event()
        loops = []

        async def source():
            try:
                while True:
                    yield b"x" * 65536
                    if item == "await":
                        await asyncio.sleep(3600)
            finally:
                await asyncio.sleep(0)
                loops.append(asyncio.get_running_loop())
                closed.set()

        server.clear()
        server.get("/x").respond(stream=source)
        await asyncio.to_thread(read_and_reset)
        await asyncio.wait_for(closed.wait(), 5)
        return loops == [asyncio.get_running_loop()]

    for item in ("await", "yield"):
        assert asyncio.run(main(item))
        assert [] == server.findings()


def test_a_source_that_is_interrupted_on_the_tests_loop_ends_in_the_task_that_it_ran_in(server):
    """A task that is made for its end may come when the loop is ending its tasks, and be destroyed with it."""

    async def main():
        is_waiting, may_end = asyncio.Event(), asyncio.Event()

        async def source():
            try:
                yield b"a"
                is_waiting.set()
                await asyncio.sleep(3600)
            finally:
                await may_end.wait()

        server.get("/x").respond(stream=source)
        with RawClient(server.address) as client:
            client.send(GET)
            await asyncio.wait_for(is_waiting.wait(), 5)
            server.stop()
        for _ in range(3):  # for what the worker has asked of the loop
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        may_end.set()
        await asyncio.wait(left)
        return len(left)

    assert 1 == asyncio.run(main())
    assert [] == server.findings()


def test_what_the_finally_of_a_source_raises_is_a_finding(server):
    ended = threading.Event()

    def source():
        try:
            while True:
                yield b"x" * 65536
        finally:
            try:
                raise OSError("of mine")
            finally:
                ended.set()

    server.get("/x").respond(stream=source)
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv()
    assert ended.wait(5)
    server.connections[0].wait_event("handler-error")

    assert ["handler-error"] == kinds(server)


def test_stop_releases_sources_and_their_finally_runs(server):
    sources = [Source(), AsyncSource()]
    for number, source in enumerate(sources):
        server.get(f"/{number}").respond(stream=source)
    clients = [RawClient(server.address) for _ in sources]
    for number, client in enumerate(clients):
        client.send(b"GET /%d HTTP/1.1\r\nHost: t\r\n\r\n" % number)
        server.wait_for_connections(number + 1)[number].wait_event("send-blocked")
    server.stop()
    for client in clients:
        client.close()

    assert [True, True] == [source.closed.wait(5) for source in sources]
    assert [] == server.findings()


def test_a_stream_that_stop_interrupts_does_not_look_complete():
    async def source():
        yield b"ab"
        await asyncio.sleep(3600)

    for _ in range(20):
        with EpollServer() as server:
            server.get("/x").respond(stream=source)
            with RawClient(server.address) as client:
                client.send(GET)
                client.recv_exactly(len(HEAD) + 7)
                server.stop()

                assert (b"", "fin") == client.read_to_end()
        assert [] == server.findings()


def test_an_endless_stream_disturbs_nobody(server):
    server.get("/endless").respond(stream=lambda: itertools.repeat(b"x" * 1024))
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"GET /endless HTTP/1.1\r\nHost: t\r\n\r\n")
        server.connections[0].wait_event("sent")

        assert [b"ok"] * 20 == [fetch(server.url + "/x").content for _ in range(20)]


# -- events --


@pytest.mark.parametrize(
    ("item", "wire"),
    [
        ("hi", b"data: hi\n\n"),
        ("", b"data: \n\n"),
        ("two\nlines", b"data: two\ndata: lines\n\n"),
        ("a\r\nb\rc", b"data: a\ndata: b\ndata: c\n\n"),
        ({"data": {"a": 1}}, b'data: {"a": 1}\n\n'),
        ({"data": [1, None]}, b"data: [1, null]\n\n"),
        ({"data": None}, b"data: null\n\n"),
        ({"data": 5}, b"data: 5\n\n"),
        (
            {"data": "x", "retry": 3000, "id": 7, "event": "tick"},
            b"event: tick\nid: 7\nretry: 3000\ndata: x\n\n",
        ),
        ({"event": "ping"}, b"event: ping\n\n"),
        ({"id": ""}, b"id: \n\n"),
        ("\u20ac", b"data: \xe2\x82\xac\n\n"),
        (b": a comment\n\n", b": a comment\n\n"),
    ],
)
@pytest.mark.parametrize("make", [lambda items: items, lambda items: lambda: iter(items)])
def test_an_event_on_the_wire(server, item, wire, make):
    server.get("/x").respond(events=make([item]))
    answer = fetch(server.url + "/x")

    assert ("text/event-stream", wire) == (answer.headers["content-type"], answer.content)


def test_events_have_pauses_gates_and_faults_as_streams_have(server):
    gate = server.gate()
    server.get("/x").respond(events=["one", 0.01, gate, {"data": 2}, faults.Reset()])
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        gate.open()
        answer, how = client.read_to_end()

    assert "rst" == how
    assert answer.endswith(b"b\r\ndata: one\n\n\r\n9\r\ndata: 2\n\n\r\n")


# -- gates --


def test_a_gate_tells_whether_it_was_reached(server):
    gate = server.gate()
    server.get("/x").respond(content=b"ok", gate=gate)
    assert (False, False) == (gate.reached, gate.is_open)
    with pytest.raises(errors.WaitTimeout, match="nobody has come to it"):
        gate.wait_reached(timeout=0.01)
    call = in_thread(fetch, server.url + "/x")
    gate.wait_reached()
    assert (True, False) == (gate.reached, gate.is_open)
    gate.open()

    assert b"ok" == call.result(timeout=5).content
    assert repr(gate).startswith("<Gate gate 1, test_streams.py:")


def test_waiting_at_a_gate_in_the_tests_own_thread_is_bounded_and_says_how_it_is_meant(server, monkeypatch):
    monkeypatch.setattr("pytest_epoll._serving.settings.wait_seconds", 0.01)
    gate = server.gate()
    with pytest.raises(
        errors.WaitTimeout, match=r"waited 0.01 s for <Gate gate 1, .*> to be opened; .*wait_reached\(\)"
    ):
        gate.wait()


def test_the_tests_own_thread_goes_on_when_a_handler_opens_the_gate(server):
    gate = server.gate()
    server.get("/x").handler(lambda request: gate.open() or "ok")
    call = in_thread(fetch, server.url + "/x")
    gate.wait()

    assert b"ok" == call.result(timeout=5).content


def test_clear_opens_the_gates_and_what_waits_finishes_with_what_it_had_chosen(server):
    server.get("/x").respond(content=b"ok", gate=server.gate())
    server.get("/y").handler(lambda request, gate=server.gate(): gate.wait() or "y")
    calls = [in_thread(fetch, f"{server.url}/{path}") for path in "xy"]
    server.wait_for_requests(2)
    held = list(server.requests)
    server.clear()
    server.get("/other").respond(200)

    assert [b"ok", b"y"] == [call.result(timeout=5).content for call in calls]
    assert [None, None] == [request.route for request in held]
    assert "(forgotten)" in str(server.timeline) or "route" not in str(server.timeline)
