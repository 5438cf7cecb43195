"""Every kind of position in every kind of reply: exactly so many bytes come, and then the end."""

import pytest

from pytest_epoll import Response, errors, faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"  # 47 bytes
PIECES = [b"5\r\nhello\r\n", b"6\r\nworld!\r\n", b"0\r\nA: b\r\n\r\n"]  # 10 + 11 + 11 bytes
BODY = b"".join(PIECES)

CHUNKED = [
    (0, 0),
    (1, 1),
    (46, 46),
    (47, 47),
    (48, 48),
    (len(HEAD + BODY) - 1, 78),
    (len(HEAD + BODY), 79),
    ("head", 47),
    ("last-chunk", 68),
    ("trailers", 71),
    ("end", 79),
    (faults.body(0), 47),
    (faults.body(3), 50),
    (faults.body(32), 79),
    (faults.content(0), 47),
    (faults.content(1), 51),
    (faults.content(5), 55),
    (faults.content(6), 61),
    (faults.content(11), 66),
    (faults.chunk(1), 57),
    (faults.chunk(2), 68),
    (faults.header("transfer-encoding"), 45),
    (faults.half_of("status-line"), 7),
    (faults.half_of("header:Transfer-Encoding"), 39),
    (faults.half_of("chunk-size"), 47),
    (faults.half_of("chunk:1"), 52),
    (faults.half_of("chunk:2"), 63),
    (faults.half_of("body"), 57),
    (faults.before("end", 1), 78),
    (faults.before("end", 500), 0),
    (faults.before("last-chunk", 2), 66),
    (faults.before(faults.chunk(2), 10), 58),
    (faults.before(faults.before("end", 1), 1), 77),
    (faults.before(faults.half_of("body"), 1), 56),
]

NEVER = [
    len(HEAD + BODY) + 1,
    faults.body(33),
    faults.content(12),
    faults.chunk(3),
    faults.event(1),
    faults.interim(1),
    faults.header("X-No"),
    faults.half_of("header:X-No"),
    faults.half_of("chunk:3"),
    faults.before(faults.chunk(3), 1),
]
NEEDS_LENGTH = (faults.half_of("body"), faults.before("end", 1))


def pieces():
    yield b"hello"
    yield b"world!"


def read(server, request=GET):
    with RawClient(server.address) as client:
        client.send(request)
        return client.read_to_end()


@pytest.mark.parametrize(("after", "size"), CHUNKED)
def test_in_a_stream_of_a_list(server, after, size):
    server.get("/x").respond(stream=[b"hello", b"world!"], trailers={"A": "b"}, fault=faults.HangUp(after=after))

    assert ((HEAD + BODY)[:size], "fin") == read(server)
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("after", "size"),
    [row for row in CHUNKED if not str(row[0]).startswith(("faults.before", "faults.half_of('body')"))],
)
def test_in_a_live_stream(server, after, size):
    server.get("/x").respond(stream=pieces, trailers={"A": "b"}, fault=faults.HangUp(after=after))

    assert ((HEAD + BODY)[:size], "fin") == read(server)
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("stream", "after"),
    [
        *(([b"hello", b"world!"], after) for after in NEVER),
        *((pieces, after) for after in NEVER if "before" not in repr(after)),  # that is refused at the call
    ],
)
def test_a_place_that_a_stream_has_not_is_unfired_and_all_of_it_comes(server, after, stream):
    server.get("/x").respond(stream=stream, trailers={"A": "b"}, fault=faults.HangUp(after=after))
    with RawClient(server.address) as client:
        client.send(GET)

        assert HEAD + BODY == client.recv_exactly(len(HEAD + BODY))
        assert ["unfired"] == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize("after", NEEDS_LENGTH)
def test_what_needs_a_length_is_refused_for_a_live_stream(server, after):
    with pytest.raises(errors.UsageError, match="length"):
        server.get("/x").respond(stream=pieces, fault=faults.HangUp(after=after))


@pytest.mark.parametrize(
    ("after", "events"),
    [(faults.event(1), 1), (faults.event(2), 2), (faults.chunk(1), 1)],
)
def test_after_an_event(server, after, events):
    server.get("/x").respond(events=["a", "b"], fault=faults.HangUp(after=after))
    data, how = read(server)

    assert (data.partition(b"\r\n\r\n")[2], how) == (
        b"".join([b"9\r\ndata: a\n\n\r\n", b"9\r\ndata: b\n\n\r\n"][:events]),
        "fin",
    )


@pytest.mark.parametrize(("after", "count"), [(faults.interim(1), 1), (faults.interim(2), 2), (0, 2)])
def test_interim_responses_lie_before_0(server, after, count):
    interim = [b"HTTP/1.1 102 Processing\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"]
    server.get("/x").respond(content=b"hello", informational=[102, (103, {"A": "b"})], fault=faults.HangUp(after=after))

    assert (b"".join(interim[:count]), "fin") == read(server)
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("after", "size"), [("head", 38), (faults.body(4), 42), ("end", 43), (faults.half_of("body"), 40), (10, 10)]
)
def test_in_a_close_delimited_reply(server, after, size):
    """The FIN of the fault is the reply's own: it is the place that differs."""
    server.get("/x").respond(content=b"hello", headers={"Content-Length": None}, fault=faults.Reset(after=after))

    assert ((b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello")[:size], "rst") == read(server)


@pytest.mark.parametrize(
    ("after", "size"), [("head", 38), (faults.body(4), 42), ("end", 44), (faults.before("end", 0), 44), (3, 3)]
)
def test_in_raw_bytes(server, after, size):
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello!"
    server.get("/x").respond(raw=raw, fault=faults.HangUp(after=after))

    assert (raw[:size], "fin") == read(server)


@pytest.mark.parametrize(
    ("after", "size"),
    [
        (faults.half_of("status-line"), 7),
        (faults.half_of("header:A"), 21),
        (faults.header("A"), None),
        (faults.before(faults.header("A"), 1), None),
        ("head", 23),
    ],
)
def test_in_a_raw_head_whose_last_line_does_not_end(server, after, size):
    raw = b"HTTP/1.1 200 OK\r\nA: bcd"
    server.get("/x").respond(raw=raw, fault=[faults.Delay(0.001, after=after), faults.HangUp(after="end")])

    assert (raw, "fin") == read(server)
    assert (["unfired"] if size is None else []) == [finding.kind for finding in server.findings()]
    assert raw[: size or len(raw)] == next(event for event in server.timeline if event.kind == "sent").detail


@pytest.mark.parametrize("after", [faults.chunk(1), "last-chunk", "trailers", faults.half_of("chunk-size")])
def test_chunks_of_raw_bytes_are_refused(server, after):
    with pytest.raises(errors.UsageError, match="raw="):
        server.get("/x").respond(raw=b"HTTP/1.1 200 OK\r\n\r\n", fault=faults.HangUp(after=after))


@pytest.mark.parametrize("after", [1, "head", "end", faults.body(0)])
def test_in_an_answer_to_head(server, after):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    server.head("/x").respond(content=b"hello", fault=faults.HangUp(after=after))

    assert (head[: after if after == 1 else None], "fin") == read(server, GET.replace(b"GET", b"HEAD"))


@pytest.mark.parametrize("after", [faults.body(1), faults.content(1), 27])
def test_no_content_has_no_place_in_its_body(server, after):
    server.get("/x").respond(204, fault=faults.HangUp(after=after))
    with RawClient(server.address) as client:
        client.send(GET)

        assert b"HTTP/1.1 204 No Content\r\n\r\n" == client.recv_exactly(27)
        assert (["unfired"] if after != 27 else []) == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize(("after", "size"), [(0, 0), ("head", 38), (faults.body(3), 41), ("end", 43)])
def test_in_what_a_handler_returns(server, after, size):
    fault = faults.HangUp(after=after)
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    server.get("/x").respond_with(lambda _: b"hello", times=1, fault=fault)
    server.get("/x").respond_with(lambda _: Response(content=b"hello").with_faults(fault))

    assert [(reply[:size], "fin")] * 2 == [read(server), read(server)]
    assert [] == server.findings()


def test_a_handler_may_return_a_fault_that_needs_no_reply(server):
    server.get("/x").respond_with(lambda _: faults.HangUp())

    assert (b"", "fin") == read(server)


def test_in_what_a_generator_yields(server):
    def answer(_):
        yield b"hello"
        yield b"world!"

    server.get("/x").respond_with(answer, fault=faults.HangUp(after=faults.chunk(1)))

    assert (HEAD + PIECES[0], "fin") == read(server)


def test_a_fault_in_a_score_acts_on_what_follows_it(server):
    server.get("/x").respond(stream=[b"hello", faults.HangUp(after=3), b"world!"])

    assert (HEAD + PIECES[0] + PIECES[1][:3], "fin") == read(server)


def test_one_fault_after_the_other_in_one_list(server):
    server.get("/x").respond_with(faults.HangUp(), 503, Response(content=b"hello"))
    with RawClient(server.address) as client:
        client.send(GET * 2)

        assert (b"", "fin") == client.read_to_end()
    with RawClient(server.address) as client:
        client.send(GET * 2)

        assert b"HTTP/1.1 503" == client.recv_exactly(12)
        assert client.recv_exactly(86).endswith(b"hello")
    assert [] == server.findings()


def test_the_end_is_the_end_of_what_the_faults_to_the_left_made(server):
    server.get("/x").respond(
        content=b"hello", fault=[faults.PartialWrites(size=20), faults.Delay(0.001, after="end"), faults.Stall("end")]
    )
    with RawClient(server.address) as client:
        client.send(GET)

        assert 43 == len(client.recv_exactly(43))
        server.connections[0].wait_event("stalled")
    assert [20, 20, 3] == [event.size for event in server.timeline if event.kind == "sent"]
    assert [] == server.findings()


def test_a_fault_behind_one_that_ends_the_reply_is_never_met(server):
    server.get("/x").respond(content=b"hello", fault=[faults.HangUp(after=3), faults.Delay(1, after=4)])

    assert (b"HTT", "fin") == read(server)
    assert ["unfired"] == [finding.kind for finding in server.findings()]
    assert "faults.Delay" in server.findings()[0].text


@pytest.mark.parametrize("after", [0, 3, "head", 40, faults.body(2), "end"])
@pytest.mark.parametrize("is_wait_first", [True, False])
def test_a_wait_and_a_goodbye_at_one_place_both_happen_there_in_any_order(server, after, is_wait_first):
    gate = server.gate()
    both = [faults.Wait(gate, after=after), faults.HangUp(after=after)]
    server.get("/x").respond(content=b"hello", fault=both if is_wait_first else both[::-1])
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()

        assert server.connections[0].is_open
        gate.open()

        assert (server.connections[0].bytes_sent, "fin") == (len(client.read_to_end()[0]), "fin")
    assert [] == server.findings()


def test_a_repeating_reply_must_fire_once(server):
    server.get("/{n:int}").respond_with(lambda request: b"x" * request.path_params["n"], fault=faults.Stall(after=100))
    with RawClient(server.address) as client:
        client.send(b"GET /1 HTTP/1.1\r\nHost: test\r\n\r\nGET /99 HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_connections()[0].wait_event("stalled")
    assert [] == server.findings()


def test_a_client_that_leaves_before_the_place_has_not_met_it(server):
    gate = server.gate()
    server.get("/x").respond(content=b"hello", fault=[faults.Wait(gate, after="head"), faults.HangUp(after=40)])
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        client.reset()
        server.connections[0].wait_ended()
    assert ["faults.HangUp(after=40)"] == [finding.text.partition(" on ")[0] for finding in server.findings()]


def test_what_a_handler_returns_with_a_place_that_it_can_not_have_is_its_error(server):
    fault = faults.HangUp(after=faults.before("end", 1))
    server.get("/x").respond_with(lambda _: Response(stream=pieces).with_faults(fault))
    with RawClient(server.address) as client:
        client.send(GET)

        assert b"HTTP/1.1 500" == client.recv_exactly(12)
        assert ["handler-error"] == [finding.kind for finding in server.findings()]
        assert "faults.before('end', 1)" in server.findings()[0].text


@pytest.mark.parametrize("place", [faults.half_of("body"), faults.before("end", 1)])
def test_a_place_that_the_live_stream_of_a_handler_can_not_have_is_its_error_too(server, place):
    server.get("/x").respond_with(lambda _: pieces(), fault=faults.HangUp(after=place))
    with RawClient(server.address) as client:
        client.send(GET)

        assert b"HTTP/1.1 500" == client.recv_exactly(12)
    [finding] = server.findings()

    assert "handler-error" == finding.kind
    assert f"{faults.HangUp(after=place)} needs the reply's length, which a live stream does not have" in finding.text


@pytest.mark.parametrize("answer", ["whole", {"a": "dict"}, Response(stream=[b"a", b"b"])])
def test_what_a_handler_returns_whole_has_every_place(server, answer):
    server.get("/x").respond_with(lambda _: answer, fault=faults.HangUp(after=faults.before("end", 1)))
    with RawClient(server.address) as client:
        client.send(GET)

        assert "fin" == client.read_to_end()[1]
    assert [] == server.findings()


def test_a_live_stream_that_is_cut_is_closed(server):
    closed = []

    def endless():
        try:
            while True:
                yield b"x" * 1000
        finally:
            closed.append(True)

    server.get("/x").respond(stream=endless, fault=faults.HangUp(after=faults.chunk(5)))
    data, how = read(server)
    server.stop()

    assert (len(HEAD) + 5 * 1007, "fin", [True]) == (len(data), how, closed)


def test_chunks_for_a_client_that_has_none_are_never_met(server):
    """HTTP/1.0 gets the stream without framing."""
    server.get("/x").respond(stream=[b"hello", b"world!"], fault=faults.HangUp(after=faults.chunk(1)))

    assert read(server, GET.replace(b"1.1", b"1.0"))[0].endswith(b"\r\n\r\nhelloworld!")
    assert ["unfired"] == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize(("fault", "end"), [(faults.Stall, "stalled"), (faults.HalfClose, "fin-sent")])
def test_of_four_mebibytes_a_reader_that_pauses_gets_exactly_so_many(server, fault, end):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n"
    server.get("/x").respond(content=b"x" * 2**22, fault=fault(after=faults.body(3_000_001)))
    with RawClient(server.address, receive_buffer=2048) as client:
        client.send(GET)
        server.wait_for_connections()[0].wait_event("send-blocked")

        assert len(head) + 3_000_001 == len(client.recv_exactly(len(head) + 3_000_001))
        server.connections[0].wait_event(end)
        assert len(head) + 3_000_001 == server.connections[0].bytes_sent


def test_the_same_fault_twice_acts_twice(server):
    fault = faults.Delay(0.001, after="head")
    server.get("/x").respond(content=b"hello", fault=[fault, fault])
    read(server, GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    assert 2 == [event.kind for event in server.timeline].count("fault")


@pytest.mark.parametrize("place", [faults.half_of("body"), faults.before("end", 1)])
def test_a_place_that_a_stream_with_faults_in_it_can_not_have_is_refused(server, place):
    stream = [b"abc", faults.Delay(0.001), b"def"]
    with pytest.raises(errors.UsageError) as caught:
        server.get("/x").respond(stream=stream, fault=faults.HangUp(after=place))

    assert f"{place!r}) needs the reply's length, which a stream with faults in it does not have" in str(caught.value)
