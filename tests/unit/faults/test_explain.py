"""The dry run of every fault: what would go on the wire, line by line."""

import pytest

from pytest_epoll import EpollServer, Response, errors, faults

READ = "read the request to its end"
WHOLE = r"send 43 bytes: b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'"
HEAD = r"send 38 bytes: b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'"
NEXT = "go on with the next request"
HELLO = Response(content=b"hello")
GATE = EpollServer().gate()


@pytest.mark.parametrize(
    ("fault", "lines"),
    [
        (
            faults.HangUp(after=4),
            [READ, "send 4 bytes: b'HTTP'", ..., "FIN", "read and discard until the client closes"],
        ),
        (faults.Reset("head"), [READ, HEAD, ..., "wait until the client's kernel has everything", "RST"]),
        (faults.Reset(1, discard=True), [READ, "send 1 byte: b'H'", ..., "RST"]),
        (faults.Stall(after="end"), [READ, WHOLE, ..., "do nothing more, and read nothing"]),
        (faults.HalfClose(), [READ, WHOLE, ..., "FIN, as a half-close"]),
        (faults.Delay(0.5, after="head"), [READ, HEAD, ..., "pause 0.5 s", "send 5 bytes: b'hello'", NEXT]),
        (faults.Wait(GATE), [READ, ..., f"wait until {GATE.name} opens", WHOLE, NEXT]),
        (
            faults.PartialWrites(cuts=("head",), until_read=True),
            [READ, HEAD, ..., "wait until the client has read everything", "send 5 bytes: b'hello'", NEXT],
        ),
        (faults.SlowWrites(10, size=38), [READ, HEAD, ..., "pause 3.8 s", "send 5 bytes: b'hello'", NEXT]),
        (
            faults.SlowReads(100, size=1, receive_buffer=4096),
            [
                ...,
                "make the receive buffer 4096 bytes",
                "read 1 byte at a time, with a pause of 0.01 s behind each",
                READ,
                "read as fast as it comes",
                WHOLE,
                NEXT,
            ],
        ),
        (
            faults.Garbage(size=1, seed=1),
            [READ, ..., r"send 1 byte: b'\xeb'", "FIN", "read and discard until the client closes"],
        ),
        (faults.Corrupt("head", xor=1), [READ, ..., WHOLE.replace("hello", "iello"), NEXT]),
        (faults.WrongContentLength(delta=-1), [READ, ..., WHOLE.replace(": 5", ": 4"), NEXT]),
        (faults.ExtraBytes(b"x"), [READ, ..., WHOLE.replace("43", "44").replace("hello", "hellox"), NEXT]),
        (faults.MalformedHead(status_line=b"HTTP/0.5 200 OK"), [READ, ..., WHOLE.replace("1.1", "0.5"), NEXT]),
        (
            faults.StopReading(),
            [
                "read the request up to 'head' and not one byte beyond it; there",
                "  faults.StopReading() fires",
                "  do nothing more, and read nothing",
                "if the request is shorter",
                READ,
                WHOLE,
                NEXT,
            ],
        ),
        (
            faults.CloseIdle(0.5),
            [
                READ,
                WHOLE,
                "read nothing for 0.5 s",
                "if the client sends nothing",
                "  faults.CloseIdle(seconds=0.5) fires",
                "  FIN",
                "  read and discard until the client closes",
                "else",
                NEXT,
            ],
        ),
        (
            faults.CloseOnReuse("rst"),
            [
                READ,
                WHOLE,
                "read nothing",
                "if the client sends a byte",
                "  faults.CloseOnReuse(how='rst') fires",
                "  wait until the client's kernel has everything",
                "  RST",
                "else",
                NEXT,
            ],
        ),
        (
            faults.RespondEarly("linger"),
            [
                "read the request up to 'head' and not one byte beyond it",
                ...,
                "read the rest of the request meanwhile",
                WHOLE,
                "FIN",
                READ,
                "read and discard until the client closes",
            ],
        ),
        (
            faults.Sometimes(faults.HangUp(), 0.25),
            [
                "with a probability of 0.25",
                READ,
                "faults.HangUp() fires",
                "FIN",
                "read and discard until the client closes",
            ],
        ),
        (faults.NoContinue(), ["send no 100 Continue", ..., READ, WHOLE, NEXT]),
        (
            faults.RejectContinue(403),  # its phrase is the same in every release of Python
            [
                "send no 100 Continue",
                ...,
                "send 64 bytes: b'HTTP/1.1 403 Forbidden\\r\\nConnection: close\\r\\nConte'...",
                "FIN",
                "read and discard until the client closes",
            ],
        ),
    ],
    ids=repr,
)
def test_every_fault_tells_what_it_does(fault, lines):
    expected = [f"{fault!r} fires" if line is ... else line for line in lines]

    assert expected == fault.explain(HELLO)


@pytest.mark.parametrize(
    ("fault", "lines"),
    [
        (faults.MalformedChunk(), [..., r"send 11 bytes: b'zz\r\nhello\r\n'", r"send 5 bytes: b'0\r\n\r\n'", NEXT]),
        (
            faults.ChunkExtensions(b";a", last=b";b"),
            [..., r"send 12 bytes: b'5;a\r\nhello\r\n'", r"send 7 bytes: b'0;b\r\n\r\n'", NEXT],
        ),
        (
            faults.MissingFinalChunk(),
            [r"send 10 bytes: b'5\r\nhello\r\n'", ..., "FIN", "read and discard until the client closes"],
        ),
    ],
    ids=repr,
)
def test_every_fault_of_chunks_tells_what_it_does(fault, lines):
    expected = [f"{fault!r} fires" if line is ... else line for line in lines]

    assert expected == fault.explain(Response(stream=[b"hello"]))[2:]


def test_every_fault_has_a_dry_run_here():
    tests = (test_every_fault_tells_what_it_does, test_every_fault_of_chunks_tells_what_it_does)
    tried = {type(row[0]).__name__ for test in tests for row in test.pytestmark[0].args[1]}

    assert {name for name in faults.__all__ if isinstance(getattr(faults, name), type)} - {"Fault"} == tried


def test_a_fault_in_place_of_the_next_answer_is_told():
    assert [
        READ,
        WHOLE,
        "read the next request to its end, and leave it unanswered; then",
        "  faults.CloseOnReuse() fires",
        "  FIN",
        "  read and discard until the client closes",
    ] == faults.CloseOnReuse().explain(HELLO)


def test_a_close_by_the_kernel_is_told():
    assert "close, whatever is unread: RST if anything is, else FIN" == faults.RespondEarly("close").explain(HELLO)[-1]


def test_one_that_does_not_fire_says_so():
    assert [READ, WHOLE, NEXT, "faults.HangUp(after=44) does not fire: nothing here is where it acts"] == (
        faults.HangUp(after=44).explain(HELLO)
    )


def test_the_faults_of_the_response_come_first():
    response = HELLO.with_faults(faults.Delay(1, after=4)).with_delay(2)

    assert [
        READ,
        "pause 2 s",
        "send 4 bytes: b'HTTP'",
        "faults.Delay(seconds=1, after=4) fires",
        "pause 1 s",
        "send 1 byte: b'/'",
        "faults.HangUp(after=5) fires",
        "FIN",
        "read and discard until the client closes",
    ] == faults.HangUp(after=5).explain(response)


def test_a_score_with_pauses_gates_and_faults_of_its_own():
    response = Response(stream=[b"a", 0.2, GATE, b"b", faults.Stall(after=2)], informational=[103])

    assert [
        READ,
        r"send 28 bytes: b'HTTP/1.1 103 Early Hints\r\n\r\n'",
        r"send 47 bytes: b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'",
        r"send 6 bytes: b'1\r\na\r\n'",
        "faults.Delay(seconds=1, after=faults.chunk(1)) fires",
        "pause 1 s",
        "pause 0.2 s",
        f"wait until {GATE.name} opens",
        r"send 6 bytes: b'1\r\nb\r\n'",
        r"send 2 bytes: b'0\r'",
        "faults.Stall(after=2) fires",
        "do nothing more, and read nothing",
    ] == faults.Delay(1, after=faults.chunk(1)).explain(response)


def test_a_live_stream_is_not_run():
    def stream():
        raise AssertionError("run")

    lines = faults.HangUp(after=faults.chunk(1)).explain(Response(stream=stream))

    assert "send what the stream gives, as it comes" in lines
    assert lines[-1].endswith("does not fire: its place may lie in what the stream gives")


def test_a_reply_that_closes_and_one_that_is_raw():
    fault = faults.Delay(1)

    assert ["FIN", "read and discard until the client closes"] == (
        fault.explain(Response(headers={"Connection": "close"}))[-2:]
    )
    assert ["send 2 bytes: b'hi'", NEXT] == fault.explain(Response(raw=b"hi"))[-2:]


def test_a_reply_byte_by_byte_is_told_in_part():
    lines = faults.PartialWrites(size=1).explain(Response(content=b"x" * 100_000))

    assert (61, "... and so on") == (len(lines), lines[-1])
    assert "does not fire" not in "".join(lines)


def test_it_fires_behind_what_is_told():
    lines = faults.HangUp(after=5000).explain(Response(content=b"x" * 9000).with_faults(faults.PartialWrites(size=1)))

    assert "... and so on" == lines[-1]


def test_long_pieces_are_shown_in_part():
    assert faults.Delay(1).explain(Response(raw=b"x" * 100))[-2] == f"send 100 bytes: {b'x' * 48!r}..."


@pytest.mark.parametrize(
    ("position", "response"), [(faults.half_of("body"), Response(stream=list)), ("trailers", Response(raw=b""))]
)
def test_what_a_response_can_not_have_is_refused(position, response):
    with pytest.raises(errors.UsageError, match="HangUp"):
        faults.HangUp(after=position).explain(response)


def test_something_that_is_no_response_is_a_type_error():
    with pytest.raises(errors.UsageTypeError, match="response"):
        faults.HangUp().explain(200)
