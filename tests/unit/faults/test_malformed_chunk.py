import pytest

from fault_acts import fired, on_reply, pieces, sent, through
from pytest_epoll import Response, errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, Send
from pytest_epoll._core.image import Image, Part

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"  # 47 bytes
STREAM = Response(stream=[b"hello", b"world!"])
LINES = [b"5", b"6", b"0"]
CONTENTS = [b"\r\nhello\r\n", b"\r\nworld!\r\n", b"\r\n\r\n"]


def wire(*lines):
    return HEAD + b"".join(line + content for line, content in zip(lines, CONTENTS, strict=True))


@pytest.mark.parametrize(
    ("index", "lines"), [(0, (b"zz", b"6", b"0")), (1, (b"5", b"zz", b"0"))], ids=["the first", "the last but one"]
)
def test_one_size_line_is_another_one(index, lines):
    fault = faults.MalformedChunk(index)

    assert (wire(*lines), [fault]) == on_reply(STREAM, fault)


@pytest.mark.parametrize("line", [b"", b"5 ", b"5;", b"-5", b"0x5", b"1" * 17, b"0" * 65536 + b"5", b"5\n"], ids=len)
def test_whatever_is_given_is_sent(line):
    fault = faults.MalformedChunk(size_line=line)

    assert (wire(line, b"6", b"0"), [fault]) == on_reply(STREAM, fault)


def test_the_index_beyond_the_last_is_refused_and_does_not_fire():
    fault = faults.MalformedChunk(2)
    with pytest.raises(errors.UsageError, match="up to index 1"):
        fault.check(STREAM)

    assert (wire(*LINES), []) == on_reply(STREAM, fault)


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (Response(content=b"hello"), "stream="),
        (Response(content=b"hello", headers={"Content-Length": None}), "stream="),
        (Response(content=b"5\r\nhello\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}), "stream="),
        (Response(204), "stream="),
        (Response(304, stream=[b"hello"]), "stream="),
        (Response(stream=[b"hello"], http_version="1.0"), "stream="),
        (Response(stream=[b"hello"], headers={"Content-Length": "5"}), "stream="),
        (Response(raw=HEAD), "raw="),
        (Response(stream=[]), "no chunk but the last one"),
        (Response(stream=[b""]), "no chunk but the last one"),
        (Response(trailers={"A": "b"}), "no chunk but the last one"),
    ],
)
def test_a_reply_without_such_a_chunk_is_refused(response, says):
    with pytest.raises(errors.UsageError, match=says):
        faults.MalformedChunk().check(response)


@pytest.mark.parametrize(
    "response",
    [
        STREAM,
        Response(content=b"hello", trailers={"A": "b"}),
        Response(events=["a"]),
        Response(stream=list),
        Response(stream=[b"a", faults.Delay(1)]),
        Response(stream=[b"a"], headers={"Transfer-Encoding": "chunked", "Content-Length": "0"}),
    ],
)
def test_a_reply_that_has_or_may_have_it_is_not_refused(response):
    faults.MalformedChunk().check(response)


def test_the_right_line_does_not_fire():
    assert (wire(*LINES), []) == on_reply(STREAM, faults.MalformedChunk(size_line=b"5"))


def test_of_a_whole_reply_that_is_one_chunk():
    response = Response(content=b"hello", trailers={"A": "b"})

    assert b"\r\n\r\nzz\r\nhello\r\n0\r\nA: b\r\n\r\n" in on_reply(response, faults.MalformedChunk())[0]


def test_in_a_score_it_counts_from_where_it_stands():
    response = Response(stream=[b"hello", faults.MalformedChunk(), b"world!"])

    assert wire(b"5", b"zz", b"0") == on_reply(response)[0]


# -- with others --


def test_pieces_cut_to_its_left_stay_pieces_and_it_fires_with_its_own():
    chunk = Image(b"", b"5\r\nhello\r\n", parts=(Part("chunk", 0, 3, 8, 10),))
    cuts, fault = faults.PartialWrites(size=4), faults.MalformedChunk(size_line=b"abcd")

    assert [
        Fired(fault),
        Send(Image(b"", b"abcd\r\nh")),
        Fired(cuts),
        Send(Image(b"", b"ello")),
        Send(Image(b"", b"\r\n")),
    ] == (through([cuts, fault], [Send(chunk), NextRequest()])[:-1])


@pytest.mark.parametrize(
    ("after", "size"),
    [
        (faults.chunk(1), 58),
        (faults.chunk(2), 69),
        (faults.half_of("chunk-size"), 48),
        (faults.content(1), 52),
        (faults.content(6), 62),
        ("last-chunk", 69),
        (faults.before("end", 1), 73),
        (faults.half_of("body"), 58),
        (73, 73),
    ],
)
def test_places_to_its_right_are_those_of_the_chunks_as_they_were_meant(after, size):
    plan = [faults.MalformedChunk(), faults.HangUp(after)]

    assert (wire(b"zz", b"6", b"0")[:size], plan) == on_reply(STREAM, *plan)


@pytest.mark.parametrize(("after", "size"), [(47, 47), (48, 49), (49, 50)])
def test_behind_a_cut_it_fires_if_its_line_has_begun(after, size):
    """A cut behind the line, at 48, lies behind the line that takes its place."""
    plan = [faults.HangUp(after), faults.MalformedChunk()]
    sent, has_fired = on_reply(STREAM, *plan)

    assert (wire(b"zz", b"6", b"0")[:size], after > 47) == (sent, plan[1] in has_fired)


def test_extensions_are_written_behind_what_is_there():
    extension = faults.ChunkExtensions(b";a")

    assert wire(b"zz;a", b"6;a", b"0") == on_reply(STREAM, faults.MalformedChunk(), extension)[0]
    assert wire(b"zz", b"6;a", b"0") == on_reply(STREAM, extension, faults.MalformedChunk())[0]


def test_several_of_them():
    plan = [faults.MalformedChunk(1, b"x"), faults.MalformedChunk(0, b"y")]

    assert (wire(b"y", b"x", b"0"), plan[::-1]) == on_reply(STREAM, *plan)


@pytest.mark.parametrize("text", ["faults.MalformedChunk()", "faults.MalformedChunk(index=2, size_line=b'5 ')"])
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


def test_what_cannot_mean_anything_is_refused():
    with pytest.raises(errors.UsageError, match="index=-1"):
        faults.MalformedChunk(-1)


@pytest.mark.parametrize("arguments", [{"index": "0"}, {"index": True}, {"size_line": "zz"}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(errors.UsageTypeError, match=next(iter(arguments))):
        faults.MalformedChunk(**arguments)


def test_the_acts_of_a_reply_without_chunks_are_what_they_were():
    acts = [Send(Image(b"HTTP/1.1 200 OK\r\n\r\n", b"5\r\nhello\r\n")), NextRequest()]

    assert acts == through([faults.MalformedChunk()], acts)
    assert pieces(acts) == [sent(acts)]
    assert fired(acts) == []
