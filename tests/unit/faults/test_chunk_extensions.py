import pytest

from fault_acts import on_reply, pieces, through
from pytest_epoll import Response, errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, Send
from pytest_epoll._core.image import Image
from pytest_epoll.faults._beforehand import answer

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"  # 47 bytes
STREAM = Response(stream=[b"hello", b"world!"], trailers={"A": "b"})
WIRE = HEAD + b"5;a=b\r\nhello\r\n6;a=b\r\nworld!\r\n0\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    ("extension", "last", "body"),
    [
        (b";a=b", b"", WIRE[47:]),
        (b";a=b", b";c", b"5;a=b\r\nhello\r\n6;a=b\r\nworld!\r\n0;c\r\nA: b\r\n\r\n"),
        (b"", b";c", b"5\r\nhello\r\n6\r\nworld!\r\n0;c\r\nA: b\r\n\r\n"),
        (b" ", b" ", b"5 \r\nhello\r\n6 \r\nworld!\r\n0 \r\nA: b\r\n\r\n"),
    ],
)
def test_it_stands_behind_every_size(extension, last, body):
    fault = faults.ChunkExtensions(extension, last=last)

    assert (HEAD + body, [fault]) == on_reply(STREAM, fault)


def test_it_fires_with_the_first_chunk_and_the_reply_goes_on():
    fault = faults.ChunkExtensions(b";a=b")
    acts = through([fault], answer(STREAM))

    assert [Send, Fired, Send, Send, Send, NextRequest] == [type(act) for act in acts]
    assert [HEAD, b"5;a=b\r\nhello\r\n", b"6;a=b\r\nworld!\r\n", b"0\r\nA: b\r\n\r\n"] == pieces(acts)


def test_a_reply_with_no_chunk_but_the_last_one_has_only_that():
    response = Response(stream=[])

    assert (HEAD + b"0\r\n\r\n", []) == on_reply(response, faults.ChunkExtensions(b";a=b"))
    assert HEAD + b"0;c\r\n\r\n" == on_reply(response, faults.ChunkExtensions(b";a=b", last=b";c"))[0]


@pytest.mark.parametrize("response", [Response(content=b"a"), Response(204), Response(raw=HEAD)])
def test_a_reply_without_chunks_is_refused(response):
    with pytest.raises(errors.UsageError, match="chunks"):
        faults.ChunkExtensions(b";a=b").check(response)


def test_one_whole_image_has_them_all():
    wire = HEAD + b"5;a=b\r\nhello\r\n0;c\r\nA: b\r\n\r\n"
    response = Response(content=b"hello", trailers={"A": "b"})
    acts = through([faults.ChunkExtensions(b";a=b", last=b";c")], answer(response))

    assert [wire] == pieces(acts)


# -- with others --


@pytest.mark.parametrize(
    ("after", "size"),
    [
        (faults.chunk(1), 61),
        (faults.chunk(2), 76),
        (faults.half_of("chunk-size"), 49),
        (faults.content(1), 55),
        (faults.body(7), 54),
        ("last-chunk", 76),
        ("trailers", 79),
        (faults.before("end", 1), 86),
        (faults.half_of("body"), 61),
    ],
)
def test_places_to_its_right_count_with_them(after, size):
    plan = [faults.ChunkExtensions(b";a=b"), faults.HangUp(after)]

    assert (WIRE[:size], plan) == on_reply(STREAM, *plan)


def test_pieces_cut_to_its_left_stay_pieces():
    plan = [faults.PartialWrites(cuts=("head", 48, 57)), faults.ChunkExtensions(b";a=b")]
    acts = through(plan, answer(STREAM))

    assert [HEAD, b"5", b";a=b\r\nhello\r\n", b"6;a=b\r\nworld!\r\n0\r\nA: b\r\n\r\n"] == pieces(acts)


@pytest.mark.parametrize(("after", "has_fired"), [(47, False), (48, False), (49, True)])
def test_behind_a_cut_it_fires_if_the_cut_lies_behind_a_size(after, has_fired):
    plan = [faults.HangUp(after), faults.ChunkExtensions(b";a=b")]
    wire, fired = on_reply(STREAM, *plan)

    assert (WIRE[: after if after < 49 else 53], has_fired) == (wire, plan[1] in fired)


def test_two_of_them_stand_in_their_order():
    plan = [faults.ChunkExtensions(b";a"), faults.ChunkExtensions(b";b")]

    assert b"5;a;b\r\nhello" in on_reply(STREAM, *plan)[0]


@pytest.mark.parametrize(
    "text", ["faults.ChunkExtensions(extension=b';a=b')", "faults.ChunkExtensions(extension=b'', last=b';c')"]
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


def test_nothing_to_write_is_refused():
    with pytest.raises(errors.UsageError, match="changes nothing"):
        faults.ChunkExtensions(b"")


@pytest.mark.parametrize("arguments", [{"extension": ";a"}, {"extension": b";a", "last": None}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(errors.UsageTypeError, match=list(arguments)[-1]):
        faults.ChunkExtensions(**arguments)


def test_content_that_looks_like_a_chunk_is_left_alone():
    acts = [Send(Image(b"HTTP/1.1 200 OK\r\n\r\n", b"5\r\nhello\r\n")), NextRequest()]

    assert acts == through([faults.ChunkExtensions(b";a")], acts)
