"""Every fault does the same each time, wherever its client lives, also beside four busy processes."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from pytest_epoll import faults

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n" + b"y" * 100
HUNDRED = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes

ON_THE_REPLY = {
    faults.HangUp(): (b"", "fin"),
    faults.HangUp(after=1): (HUNDRED[:1], "fin"),
    faults.HangUp(after="head"): (HUNDRED[:40], "fin"),
    faults.HangUp(after=137): (HUNDRED[:137], "fin"),
    faults.HangUp(after="end"): (HUNDRED, "fin"),
    faults.Reset(): (b"", "rst"),
    faults.Reset(after="head"): (HUNDRED[:40], "rst"),
    faults.Reset(after=faults.half_of("body")): (HUNDRED[:90], "rst"),
    faults.Reset(after="end"): (HUNDRED, "rst"),
    faults.HalfClose(): (HUNDRED, "fin"),
    faults.CloseIdle(): (HUNDRED, "fin"),
    faults.Sometimes(faults.HangUp(after="head"), 1): (HUNDRED[:40], "fin"),
    faults.CloseIdle(0.001): (HUNDRED, "fin"),
    faults.CloseIdle(0.001, how="rst"): (HUNDRED, "rst"),
    faults.HalfClose(after=faults.content(7)): (HUNDRED[:47], "fin"),
    faults.Garbage(size=9, seed=1): (bytes.fromhex("ebaf5ccd6f0d0a0d0a"), "fin"),
}
"""What the client reads, and how its stream ends."""

GOES_ON = (
    faults.PartialWrites(size=30),
    faults.PartialWrites(cuts=(1, "head", 139), until_read=True),
    faults.SlowWrites(bytes_per_second=50_000, size=50),
    faults.Delay(0.001, after="head"),
)
"""Faults behind which the reply is whole, and the connection is used again."""

LIES = {
    faults.Corrupt(at=137, xor=1): HUNDRED[:137] + b"yxx",
    faults.WrongContentLength(delta=1): HUNDRED.replace(b"100", b"101"),
    faults.MalformedHead(line=b"no colon"): HUNDRED.replace(b"OK\r\n", b"OK\r\nno colon\r\n"),
    faults.ExtraBytes(b"surplus"): HUNDRED + b"surplus",
}
"""What the client reads, on a connection that is used again."""

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LIES_IN_CHUNKS = {
    faults.MalformedChunk(): (CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n", None),
    faults.ChunkExtensions(b";a", last=b";b"): (CHUNKED + b"5;a\r\nhello\r\n0;b\r\n\r\n", None),
    faults.MissingFinalChunk(): (CHUNKED + b"5\r\nhello\r\n", "fin"),
}
"""What the client reads, and how its stream ends if it does."""

ON_THE_REQUEST = {
    faults.HangUp(after_reading="head"): (b"", "fin", 0),
    faults.HangUp(after_reading=faults.body(10)): (b"", "fin", 10),
    faults.HangUp(after_reading=faults.half_of("body")): (b"", "fin", 50),
    faults.Reset(after_reading=faults.before("end", 1)): (b"", "rst", 99),
    faults.Reset(after_reading=faults.content(99)): (b"", "rst", 99),
    faults.Reset(after_reading="end"): (b"", "rst", 100),
}
"""What the client reads, how its stream ends, and how much of its body is in the record."""


@pytest.mark.parametrize("fault", ON_THE_REPLY, ids=repr)
def test_a_reply_is_cut_to_the_byte(server, place, prove, fault):
    server.get("/x").respond(content=b"x" * 100, fault=fault)

    def scene(_):
        with place.connect(server.address) as client:
            client.send(GET)
            return ON_THE_REPLY[fault], client.read_to_end()

    prove(scene, share=5)

    assert [] == server.findings()


@pytest.mark.parametrize("fault", GOES_ON, ids=repr)
def test_a_reply_that_goes_on_is_whole_and_the_connection_is_free(server, place, prove, fault):
    server.get("/x").respond(content=b"x" * 100, fault=fault)

    def scene(_):
        with place.connect(server.address) as client:
            answers = []
            for _ in range(2):
                client.send(GET)
                answers.append(client.recv_exactly(140))
            return [HUNDRED, HUNDRED], answers

    prove(scene, share=5)

    assert [] == server.findings()


@pytest.mark.parametrize(("how", "recorded"), [("fin", 2), ("rst", 1)])
def test_a_connection_that_is_used_again_ends_there(server, place, prove, how, recorded):
    server.get("/x").respond(content=b"x" * 100, fault=faults.CloseOnReuse(how))

    def scene(_):
        before = len(server.requests)
        with place.connect(server.address) as client:
            client.send(GET)
            first = client.recv_exactly(140)
            client.send(GET)
            end = client.read_to_end()
            return (HUNDRED, (b"", how), recorded), (first, end, len(server.requests) - before)

    prove(scene, share=5)

    assert [] == server.findings()


EARLY = {
    faults.RespondEarly(): (HUNDRED, True),
    faults.RespondEarly(after_reading=faults.body(10)): (HUNDRED, True),
    faults.RespondEarly("linger"): (HUNDRED, True),
    faults.RespondEarly("close"): (HUNDRED, False),
    faults.RespondEarly("hold"): (HUNDRED, False),
}
"""What the client reads before its upload is over, and whether the rest of it is read."""


@pytest.mark.parametrize("fault", EARLY, ids=repr)
def test_an_early_answer_is_whole(server, place, prove, fault):
    server.post("/x").respond(content=b"x" * 100, fault=fault)
    answer, is_read = EARLY[fault]

    def scene(number):
        with place.connect(server.address) as client:
            client.send(POST[:-50])
            data = client.recv_exactly(140)
            if is_read:
                client.send(POST[-50:])
            connection = server.wait_for_connections(1)[-1]
        connection.wait_ended()
        return (answer, is_read), (data, server.last_request.complete)

    prove(scene, share=5)

    assert [] == server.findings()


EXPECT = POST[:-102] + b"Expect: 100-continue\r\n\r\n"
REFUSED = b"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
ON_EXPECT = {
    faults.NoContinue(): (b"y" * 100, HUNDRED, 100),
    faults.RejectContinue(): (b"", REFUSED, 0),
}
"""What the client sends without having been asked, what it reads, and how much of its body is in the record."""


@pytest.mark.parametrize("fault", ON_EXPECT, ids=repr)
def test_a_client_that_waits_for_a_100_gets_none(server, place, prove, fault):
    server.post("/x").respond(content=b"x" * 100, fault=fault)
    body, answer, taken = ON_EXPECT[fault]

    def scene(number):
        with place.connect(server.address) as client:
            client.send(EXPECT)
            server.wait_for_connections(1)[-1].wait_event("fault")
            client.send(body)
            data = client.recv_exactly(len(answer))
            return (answer, taken), (data, len(server.last_request.body_so_far))

    prove(scene, share=5)

    assert [] == server.findings()


@pytest.mark.parametrize("fault", LIES, ids=repr)
def test_a_lie_is_told_to_the_byte_and_the_connection_is_free(server, place, prove, fault):
    server.get("/x").respond(content=b"x" * 100, fault=fault)

    def scene(_):
        with place.connect(server.address) as client:
            answers = []
            for _ in range(2):
                client.send(GET)
                answers.append(client.recv_exactly(len(LIES[fault])))
            return [LIES[fault]] * 2, answers

    prove(scene, share=5)

    assert [] == server.findings()


@pytest.mark.parametrize("fault", LIES_IN_CHUNKS, ids=repr)
def test_a_lie_in_chunks_is_told_to_the_byte(server, place, prove, fault):
    server.get("/x").respond(stream=[b"hello"], fault=fault)
    wire, end = LIES_IN_CHUNKS[fault]

    def scene(_):
        with place.connect(server.address) as client:
            client.send(GET)
            return (wire, end), client.read_to_end() if end else (client.recv_exactly(len(wire)), None)

    prove(scene, share=5)

    assert [] == server.findings()


@pytest.mark.parametrize("fault", ON_THE_REQUEST, ids=repr)
def test_a_request_is_read_to_the_byte(server, place, prove, fault):
    server.post("/x").respond(200, fault=fault)

    def scene(_):
        with place.connect(server.address) as client:
            client.send(POST)
            data, how = client.read_to_end()
            return ON_THE_REQUEST[fault], (data, how, len(server.last_request.body_so_far))

    prove(scene, share=5)

    assert [] == server.findings()


IN_CHUNKS = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"4b\r\n" + b"y" * 75 + b"\r\n19\r\n" + b"y" * 25 + b"\r\n0\r\n\r\n"  # 81 + 31 + 5 bytes
PLACES_IN_CHUNKS = {
    "last-chunk": 112,
    faults.half_of("chunk:2"): 97,
    faults.half_of("chunk-size"): 1,
    faults.before("end", 2): 115,
}
"""Where in the chunks reading stops."""


@pytest.mark.parametrize("position", PLACES_IN_CHUNKS, ids=repr)
def test_a_chunked_request_is_read_to_the_byte(server, place, prove, position):
    server.post("/x").respond_with(faults.HangUp(after_reading=position))
    expected = (b"", "fin", IN_CHUNKS + CHUNKS[: PLACES_IN_CHUNKS[position]])

    def scene(number):
        with place.connect(server.address) as client:
            cut = number * 37 % len(CHUNKS)
            client.send(IN_CHUNKS + CHUNKS[:cut])
            client.send(CHUNKS[cut:])
            return expected, (*client.read_to_end(), server.last_request.raw)

    prove(scene, share=5)

    assert [] == server.findings()


def test_a_request_that_is_read_slowly_is_read_whole(server, place, prove):
    server.post("/x").respond(content=b"x" * 100, fault=faults.SlowReads(100_000, size=40))

    def scene(_):
        with place.connect(server.address) as client:
            answers = []
            for _ in range(2):
                client.send(POST)
                answers.append(client.recv_exactly(140))
            return [(HUNDRED, b"y" * 100)] * 2, [*zip(answers, [one.body for one in server.requests[-2:]], strict=True)]

    prove(scene, share=5)

    assert [] == server.findings()


def test_not_a_byte_leaves_before_the_gate_is_opened(server, place, prove):
    def scene(_):
        server.clear()
        gate = server.gate()
        server.get("/x").respond(content=b"x" * 100, fault=faults.Wait(gate, after="head"))
        with place.connect(server.address) as client:
            client.send(GET)
            gate.wait_reached()
            before = client.recv_exactly(40), server.connections[-1].bytes_sent
            gate.open()
            return (HUNDRED[:40], 40, HUNDRED[40:]), (*before, client.recv_exactly(100))

    prove(scene, share=5)


@pytest.mark.parametrize(
    "fault",
    [
        faults.Stall(after=50),
        faults.Stall(),
        faults.Stall(after_reading="head"),
        faults.StopReading("head"),
        faults.StopReading("end"),
    ],
    ids=repr,
)
def test_a_stalled_client_that_gives_up_is_seen_to(server, place, prove, fault):
    server.post("/x").respond(content=b"x" * 100, fault=fault)
    size = {faults.Stall(after=50): 50, faults.StopReading("end"): 140}.get(fault, 0)

    def scene(_):
        with place.connect(server.address) as client:
            client.send(POST)
            data = client.recv_exactly(size)
            connection = server.wait_for_connections(1)[-1]
            connection.wait_event("stalled")
        connection.wait_ended()
        return (HUNDRED[:size], "client", "fin"), (data, connection.closed_by, connection.closed_how)

    prove(scene, share=5)

    assert [] == server.findings()


# -- curl --

FAILED_WITH = {
    faults.HangUp(): (52, b""),  # CURLE_GOT_NOTHING
    faults.HangUp(after="head"): (18, HUNDRED[:40]),  # CURLE_PARTIAL_FILE
    faults.HangUp(after=137): (18, HUNDRED[:137]),
    faults.HangUp(after="end"): (0, HUNDRED),
    faults.Reset(): (56, b""),  # CURLE_RECV_ERROR
    faults.Reset(after="head"): (56, HUNDRED[:40]),
    faults.Reset(after=faults.half_of("body")): (56, HUNDRED[:90]),
    faults.HalfClose(after=faults.content(7)): (18, HUNDRED[:47]),
    faults.PartialWrites(cuts=(1, "head", 139), until_read=True): (0, HUNDRED),
    faults.SlowWrites(bytes_per_second=50_000, size=50): (0, HUNDRED),
    faults.Delay(0.001, after="head"): (0, HUNDRED),
    faults.HangUp(after_reading=faults.body(10)): (52, b""),
    faults.SlowReads(100_000, size=40): (0, HUNDRED),
}
"""The exit status of curl and what it wrote, head included."""


@pytest.fixture
def curl():
    """Return what calls curl with a body of a hundred bytes and returns its exit status and output."""
    path = shutil.which("curl")
    if path is None:
        pytest.skip("there is no curl on the path")

    def call(url, *, timeout=30):
        command = [path, "-q", "--silent", "--include", "--no-buffer", "--noproxy", "*", "--max-time", str(timeout)]
        done = subprocess.run([*command, "--data", "y" * 100, url], capture_output=True, check=False, timeout=60)
        return done.returncode, done.stdout

    return call


@pytest.fixture(params=["idle", "busy"])
def noise(request):
    if request.param == "busy":
        request.getfixturevalue("four_busy_processes")


@pytest.mark.usefixtures("noise")
@pytest.mark.parametrize("fault", FAILED_WITH, ids=repr)
def test_curl_reports_the_same_each_time(server, curl, prove, fault):
    server.post("/x").respond(content=b"x" * 100, fault=fault)

    prove(lambda _: (FAILED_WITH[fault], curl(server.url_for("/x"))), share=5)

    assert [] == server.findings()


def test_curl_gives_up_on_a_stall_with_what_had_come(server, curl, prove):
    server.post("/x").respond(content=b"x" * 100, fault=faults.Stall(after=50))

    prove(lambda _: ((28, HUNDRED[:50]), curl(server.url_for("/x"), timeout=1)), share=100)  # CURLE_OPERATION_TIMEDOUT

    assert [] == server.findings()
