import pytest

from fault_acts import fired, on_reply, pieces, sent, through
from pytest_epoll import Response, errors, faults
from pytest_epoll._core import acts as a
from pytest_epoll.faults._beforehand import answer

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"  # 47 bytes
CHUNKS = HEAD + b"5\r\nhello\r\n6\r\nworld!\r\n"  # 68 bytes
STREAM = Response(stream=[b"hello", b"world!"], trailers={"A": "b"})
FAULT = faults.MissingFinalChunk()


def kinds(acts):
    return [type(act) for act in acts if not isinstance(act, a.Send)]


def test_the_last_chunk_and_its_trailers_are_left_out_and_then_comes_fin():
    acts = through([FAULT], answer(STREAM))

    assert [HEAD, b"5\r\nhello\r\n", b"6\r\nworld!\r\n"] == pieces(acts)
    assert [a.Fired(FAULT), a.ShutdownWrite(), a.Drain()] == acts[3:]


def test_of_one_whole_image_the_end_is_left_out():
    acts = through([FAULT], answer(Response(content=b"hello", trailers={"A": "b"})))

    assert [HEAD + b"5\r\nhello\r\n"] == pieces(acts)
    assert [a.Fired, a.ShutdownWrite, a.Drain] == kinds(acts)


@pytest.mark.parametrize("response", [Response(stream=[]), Response(trailers={"A": "b"})])
def test_a_reply_without_content_has_only_its_head(response):
    assert (HEAD, [FAULT]) == on_reply(response, FAULT)


def test_a_reply_that_ends_with_fin_anyway_ends_with_it_once():
    acts = through([FAULT], answer(Response(stream=[b"hello"], headers={"Connection": "close"})))

    assert [a.Fired, a.ShutdownWrite, a.Drain] == kinds(acts)


def test_without_a_last_chunk_nothing_changes():
    acts = list(answer(Response(content=b"hello")))

    assert acts == through([FAULT], acts)


@pytest.mark.parametrize("response", [Response(content=b"a"), Response(204), Response(raw=HEAD)])
def test_a_reply_without_chunks_is_refused(response):
    with pytest.raises(errors.UsageError, match="chunks"):
        FAULT.check(response)


@pytest.mark.parametrize("response", [STREAM, Response(stream=[]), Response(stream=list), Response(events=[])])
def test_a_reply_that_ends_with_a_last_chunk_is_not(response):
    FAULT.check(response)


# -- with others --


@pytest.mark.parametrize(
    ("ending", "acts"),
    [
        (faults.Reset(after="end"), [a.WaitDelivered, a.SendRst]),
        (faults.Stall(after="end"), [a.Stall]),
        (faults.HalfClose(), [a.ShutdownWrite]),
        (faults.Delay(1, after="end"), [a.Sleep, a.ShutdownWrite, a.Drain]),
    ],
)
def test_an_ending_to_its_right_stands_in_place_of_its_own(ending, acts):
    made = through([FAULT, ending], answer(STREAM))

    assert (CHUNKS, [a.Fired, a.Fired, *acts]) == (sent(made), kinds(made))


@pytest.mark.parametrize(
    ("after", "size"),
    [
        (faults.chunk(2), 68),
        (faults.before("end", 1), 67),
        (faults.before("end", 70), 0),
        (faults.half_of("body"), 57),
        (68, 68),
    ],
)
def test_places_to_its_right_count_without_it(after, size):
    plan = [FAULT, faults.HangUp(after)]
    wire, whole = on_reply(STREAM, *plan)

    assert (CHUNKS[:size], plan[1] in whole) == (wire, True)


@pytest.mark.parametrize("after", ["last-chunk", "trailers", 69])
@pytest.mark.parametrize("response", [STREAM, Response(content=b"helloworld!", trailers={"A": "b"})])
def test_there_is_no_last_chunk_any_more_to_its_right(after, response):
    assert [FAULT] == on_reply(response, FAULT, faults.HangUp(after))[1]


def test_to_the_right_of_a_cut_it_has_nothing_to_leave_out():
    plan = [faults.HangUp(after=faults.chunk(1)), FAULT]

    assert (CHUNKS[:57], plan[:1]) == on_reply(STREAM, *plan)


def test_pieces_of_the_last_chunk_are_left_out_as_one():
    acts = through([faults.PartialWrites(size=34), FAULT], answer(STREAM))

    assert ([CHUNKS[:34], CHUNKS[34:68]], 1) == (pieces(acts), fired(acts).count(FAULT))


def test_extra_bytes_stand_in_its_place():
    extra = faults.ExtraBytes(b"xyz")

    assert CHUNKS + b"xyz" == on_reply(STREAM, FAULT, extra)[0] == on_reply(STREAM, extra, FAULT)[0]


def test_in_a_score_it_stands_anywhere():
    assert CHUNKS == on_reply(Response(stream=[b"hello", FAULT, b"world!"]))[0]


def test_the_repr_is_code_to_paste():
    assert "faults.MissingFinalChunk()" == repr(FAULT)
    assert FAULT == eval(repr(FAULT))
