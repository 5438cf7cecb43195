import pytest

from fault_acts import fired, on_reply, pieces, sent, through
from pytest_epoll import Response, errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, Send
from pytest_epoll._core.image import Image

IMAGE = Image(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello")  # 38 + 5 bytes
WHOLE = IMAGE.joined()
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\nworld!\r\n0\r\nA: b\r\n\r\n"
STREAM = Response(stream=[b"hello", b"world!"], trailers={"A": "b"})  # 47, 10, 11 and 11 bytes


def flipped(data, at, mask=b"\xff"):
    changed = bytearray(data)
    for offset, flip in enumerate(mask, at):
        changed[offset] ^= flip
    return bytes(changed)


@pytest.mark.parametrize("at", [0, 1, 15, 37, 38, 41, 42])
def test_exactly_that_byte_is_flipped(at):
    fault = faults.Corrupt(at)

    assert [Fired(fault), Send(Image(flipped(WHOLE, at)[:38], flipped(WHOLE, at)[38:])), NextRequest()] == (
        through([fault], [Send(IMAGE), NextRequest()])
    )


@pytest.mark.parametrize(
    "at",
    [43, 44, faults.body(5), faults.content(5), faults.chunk(1), "last-chunk", faults.header("X-No"), faults.event(1)],
)
def test_where_there_is_no_byte_nothing_changes(at):
    acts = [Send(IMAGE), NextRequest()]

    assert acts == through([faults.Corrupt(at)], acts)


@pytest.mark.parametrize(
    ("at", "offset"),
    [
        ("head", 38),
        (faults.body(0), 38),
        (faults.body(4), 42),
        (faults.content(0), 38),
        (faults.content(4), 42),
        (faults.header("Content-Length"), 36),
        (faults.half_of("status-line"), 7),
        (faults.half_of("header:Content-Length"), 33),
        (faults.half_of("body"), 40),
        (faults.before("end", 1), 42),
        (faults.before("end", 43), 0),
        (faults.before("head", 1), 37),
    ],
)
def test_every_position_of_a_whole_reply_is_that_of_the_next_byte(at, offset):
    assert flipped(WHOLE, offset) == sent(through([faults.Corrupt(at)], [Send(IMAGE), NextRequest()]))


@pytest.mark.parametrize(
    ("at", "offset"),
    [
        (46, 46),
        (47, 47),
        (57, 57),
        (78, 78),
        ("head", 47),
        ("last-chunk", 68),
        ("trailers", 71),
        (faults.body(10), 57),
        (faults.content(0), 50),
        (faults.content(4), 54),
        (faults.content(5), 60),
        (faults.content(10), 65),
        (faults.chunk(1), 57),
        (faults.chunk(2), 68),
        (faults.half_of("chunk-size"), 47),
        (faults.half_of("chunk:2"), 63),
        (faults.half_of("body"), 57),
        (faults.before("end", 1), 78),
        (faults.before("last-chunk", 1), 67),
        (faults.before(faults.chunk(1), 10), 47),
    ],
)
def test_every_position_of_a_stream_is_that_of_the_next_byte(at, offset):
    fault = faults.Corrupt(at)

    assert (flipped(CHUNKED, offset), [fault]) == on_reply(STREAM, fault)


@pytest.mark.parametrize("at", [79, faults.content(11), faults.chunk(3)])
def test_behind_the_end_of_a_stream_is_no_byte(at):
    assert (CHUNKED, []) == on_reply(STREAM, faults.Corrupt(at))


def test_behind_an_event_is_the_next_one():
    response = Response(events=["a", "b"])
    wire, _ = on_reply(response)
    at = wire.index(b"9\r\ndata: b")

    assert flipped(wire, at) == on_reply(response, faults.Corrupt(faults.event(1)))[0]


@pytest.mark.parametrize("xor", [1, 0x20, 0xFF, b"\x01", b"\xff\xff", b"\0\x01", b"\x20" * 6])
def test_the_mask_is_that_of_xor(xor):
    mask = bytes((xor,)) if isinstance(xor, int) else xor

    assert flipped(WHOLE, 35, mask) == sent(through([faults.Corrupt(35, xor=xor)], [Send(IMAGE), NextRequest()]))


def test_a_mask_goes_on_in_the_next_pieces_of_a_stream():
    fault = faults.Corrupt(45, xor=b"\1" * 14)

    assert (flipped(CHUNKED, 45, b"\1" * 14), [fault]) == on_reply(STREAM, fault)


def test_of_a_mask_that_is_longer_than_the_reply_as_much_as_there_is():
    fault = faults.Corrupt(faults.before("end", 2), xor=b"\1\1\1")

    assert (flipped(CHUNKED, 77, b"\1\1"), [fault]) == on_reply(STREAM, fault)


def test_in_raw_bytes():
    assert b"HELMO" == on_reply(Response(raw=b"HELLO"), faults.Corrupt(3, xor=1))[0]


def test_interim_responses_are_left_alone():
    interim = Image(b"HTTP/1.1 103 Early Hints\r\n\r\n", is_interim=True)
    acts = through([faults.Corrupt(0)], [Send(interim), Send(IMAGE), NextRequest()])

    assert [interim.joined(), flipped(WHOLE, 0)] == pieces(acts)


# -- with others --


@pytest.mark.parametrize("at", [9, 10, 11, 38, 42])
def test_pieces_cut_to_its_left_stay_pieces_and_it_fires_with_its_own(at):
    cuts, fault = faults.PartialWrites(size=10), faults.Corrupt(at)
    acts = through([cuts, fault], [Send(IMAGE), NextRequest()])
    wire = flipped(WHOLE, at)

    assert [wire[begin : begin + 10] for begin in (0, 10, 20, 30, 40)] == pieces(acts)
    assert WHOLE[: at // 10 * 10] == sent(acts[: acts.index(Fired(fault))])


@pytest.mark.parametrize("after", [19, 20, 21])
def test_behind_a_cut_it_fires_if_its_byte_is_sent(after):
    plan = [faults.HangUp(after), faults.Corrupt(20)]
    acts = through(plan, [Send(IMAGE), NextRequest()])

    assert (flipped(WHOLE, 20)[:after], after > 20) == (sent(acts), plan[1] in fired(acts))


@pytest.mark.parametrize(
    ("after", "size"),
    [("head", 38), (faults.header("Content-Length"), 36), (faults.body(1), 39), (39, 39), (faults.half_of("body"), 40)],
)
def test_places_to_its_right_are_where_they_would_have_been(after, size):
    plan = [faults.Corrupt(37), faults.HangUp(after)]
    acts = through(plan, [Send(IMAGE), NextRequest()])

    assert flipped(WHOLE, 37)[:size] == sent(acts)
    assert plan == fired(acts)


@pytest.mark.parametrize(
    ("at", "after", "size"),
    [
        (at, after, size)
        for at, sizes in {
            15: (17, None, None), 16: (17, None, None), 17: (7, None, None), 34: (7, 38, 34), 35: (7, 38, 34),
        }.items()
        for after, size in zip(
            (faults.half_of("status-line"), faults.header("Content-Length"), faults.half_of("header:Content-Length")),
            sizes,
            strict=True,
        )
    ],
)  # fmt: skip
def test_in_a_head_whose_lines_are_broken_places_are_those_of_what_was_made(at, after, size):
    """None: the line is not there any more, so nothing fires."""
    plan = [faults.Corrupt(at), faults.HangUp(after)]
    acts = through(plan, [Send(IMAGE), NextRequest()])

    assert flipped(WHOLE, at)[:size] == sent(acts)
    assert (size is not None) == (plan[1] in fired(acts))


def test_two_flips_of_a_byte_are_none_but_both_fire():
    plan = [faults.Corrupt(3), faults.Corrupt(3)]

    assert WHOLE == sent(through(plan, [Send(IMAGE), NextRequest()]))


@pytest.mark.parametrize(
    "text",
    [
        "faults.Corrupt(at=3)",
        "faults.Corrupt(at='head', xor=1)",
        "faults.Corrupt(at=faults.body(2), xor=b'\\x01\\x02')",
    ],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize(
    ("response", "at"),
    [
        (Response(stream=list), faults.before("end", 1)),
        (Response(stream=list), faults.half_of("body")),
        (Response(raw=b""), "last-chunk"),
    ],
)
def test_a_position_that_a_reply_can_not_have_is_refused(response, at):
    with pytest.raises(errors.UsageError, match="Corrupt"):
        faults.Corrupt(at).check(response)


@pytest.mark.parametrize(
    "arguments",
    [
        {"at": -1},
        {"at": "end"},
        {"at": "middle"},
        {"at": faults.interim(1)},
        {"at": 0, "xor": 0},
        {"at": 0, "xor": 256},
        {"at": 0, "xor": b""},
        {"at": 0, "xor": b"\0\0"},
    ],
)
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError, match=list(arguments)[-1]):
        faults.Corrupt(**arguments)


@pytest.mark.parametrize("arguments", [{"at": None}, {"at": 1.5}, {"at": 0, "xor": "a"}, {"at": 0, "xor": True}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(errors.UsageTypeError, match=list(arguments)[-1]):
        faults.Corrupt(**arguments)
