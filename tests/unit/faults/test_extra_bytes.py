import pytest

from fault_acts import fired, on_reply, pieces, sent, through
from pytest_epoll import Response, errors, faults
from pytest_epoll._core import acts as a
from pytest_epoll._core.image import Image
from pytest_epoll.faults._beforehand import answer

IMAGE = Image(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello")  # 38 + 5 bytes
WHOLE = IMAGE.joined()
FAULT = faults.ExtraBytes(b"xyz")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"  # 47 bytes
STREAM = Response(stream=[b"hello"])
LIVE = [a.Send(Image(CHUNKED, rest=None)), a.Send(Image(b"", b"5\r\nhello\r\n")), a.NextRequest()]


def kinds(acts):
    return [type(act) for act in acts]


def test_they_are_one_piece_with_the_reply_which_goes_on():
    assert [a.Fired(FAULT), a.Send(Image(IMAGE.head, b"helloxyz")), a.NextRequest()] == (
        through([FAULT], [a.Send(IMAGE), a.NextRequest()])
    )


def test_a_reply_that_ends_with_fin_ends_with_it_behind_them():
    acts = through([FAULT], [a.Send(IMAGE), a.ShutdownWrite(), a.Drain()])

    assert [a.Fired, a.Send, a.ShutdownWrite, a.Drain] == kinds(acts)


@pytest.mark.parametrize(
    ("response", "wire"),
    [
        (Response(204), [b"HTTP/1.1 204 No Content\r\n\r\nxyz"]),
        (
            Response(304, headers={"Content-Length": "5"}),
            [b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nxyz"],
        ),
        (Response(raw=b"HELLO"), [b"HELLOxyz"]),
        (Response(raw=b"A\r\n\r\nB"), [b"A\r\n\r\nBxyz"]),
        (Response(raw=b""), [b"xyz"]),
        (STREAM, [CHUNKED, b"5\r\nhello\r\n", b"0\r\n\r\nxyz"]),
        (
            Response(stream=[b"hello"], headers={"Content-Length": None, "Transfer-Encoding": None}),
            [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"hello", b"xyz"],
        ),
    ],
)
def test_behind_every_kind_of_reply(response, wire):
    acts = through([FAULT], answer(response))

    assert (wire, [FAULT]) == (pieces(acts), fired(acts))


def test_behind_a_live_stream():
    acts = through([FAULT], LIVE)

    assert [CHUNKED, b"5\r\nhello\r\n", b"xyz"] == pieces(acts)
    assert [a.Send, a.Send, a.Fired, a.Send, a.NextRequest] == kinds(acts)


def test_behind_what_follows_a_fault_in_a_score():
    assert CHUNKED + b"5\r\nhello\r\n0\r\n\r\nxyz" == on_reply(Response(stream=[FAULT, b"hello"]))[0]


def test_nothing_is_held_back_while_it_waits():
    """The act behind the last piece is asked for at once, the one behind that is not."""
    asked = []

    def source():
        for act in [a.Send(IMAGE), a.Sleep(1), a.NextRequest()]:
            asked.append(type(act))
            yield act

    stream = FAULT.through(source())
    first = next(stream)

    assert (a.Send(IMAGE), [a.Send, a.Sleep]) == (first, asked)


# -- with others --


def test_behind_a_cut_they_come_before_the_fin():
    plan = [faults.HangUp(after=10), FAULT]
    acts = through(plan, [a.Send(IMAGE), a.NextRequest()])

    assert [WHOLE[:10], b"xyz"] == pieces(acts)
    assert [a.Send, a.Fired, a.Fired, a.Send, a.ShutdownWrite, a.Drain] == kinds(acts)


def test_behind_a_reset_they_are_delivered_before_it():
    acts = through([faults.Reset(after=10), FAULT], [a.Send(IMAGE), a.NextRequest()])

    assert [a.Send, a.Fired, a.Fired, a.Send, a.WaitDelivered, a.SendRst] == kinds(acts)


def test_behind_a_stall_they_never_come():
    stall = faults.Stall(10)

    assert (WHOLE[:10], [stall]) == on_reply(Response(content=b"hello"), stall, FAULT)


def test_behind_a_pause_at_the_end_they_come_later():
    acts = through([faults.Delay(1, after="end"), FAULT], [a.Send(IMAGE), a.NextRequest()])

    assert [WHOLE, b"xyz"] == pieces(acts)
    assert [a.Send, a.Fired, a.Sleep, a.Fired, a.Send, a.NextRequest] == kinds(acts)


def test_pieces_cut_to_its_left_leave_them_a_piece_of_their_own():
    acts = through([faults.PartialWrites(size=40), FAULT], [a.Send(IMAGE), a.NextRequest()])

    assert [WHOLE[:40], WHOLE[40:], b"xyz"] == pieces(acts)


@pytest.mark.parametrize(
    ("fault", "wire"),
    [
        (faults.PartialWrites(size=20), [WHOLE[:20], WHOLE[20:40], b"lloxyz"]),
        (faults.PartialWrites(cuts=(43,)), [WHOLE, b"xyz"]),
        (faults.HangUp(after=44), [WHOLE + b"x"]),
        (faults.HangUp(after="end"), [WHOLE + b"xyz"]),
        (faults.HangUp(after=faults.before("end", 1)), [WHOLE + b"xy"]),
        (faults.HangUp(after=faults.body(6)), [WHOLE + b"x"]),
        (faults.HangUp(after=faults.content(5)), [WHOLE]),
        (faults.HangUp(after=faults.half_of("body")), [WHOLE[:40]]),
        (faults.Corrupt(45, xor=2), [WHOLE + b"xyx"]),
        (faults.WrongContentLength(value=8), [WHOLE.replace(b"h: 5", b"h: 8") + b"xyz"]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("acts", [[a.Send(IMAGE), a.NextRequest()]], ids=["whole"])
def test_to_its_right_they_count_and_are_no_content(fault, wire, acts):
    made = through([FAULT, fault], acts)

    assert (wire, [FAULT, fault]) == (pieces(made), sorted(fired(made), key=[FAULT, fault].index))


@pytest.mark.parametrize(
    ("after", "size"), [("end", 65), (faults.before("end", 4), 61), (faults.half_of("body"), 52), ("last-chunk", 57)]
)
def test_behind_chunks_they_count_and_are_no_chunk(after, size):
    wire = CHUNKED + b"5\r\nhello\r\n0\r\n\r\nxyz"

    assert wire[:size] == on_reply(STREAM, FAULT, faults.HangUp(after))[0]


@pytest.mark.parametrize("cut", [10, 40, 43])
def test_places_to_its_right_count_once_also_behind_pieces(cut):
    """The whole of which the pieces are parts stays one whole."""
    plan = [faults.PartialWrites(cuts=(cut,)), FAULT, faults.HangUp(after=45)]

    assert WHOLE + b"xy" == sent(through(plan, [a.Send(IMAGE), a.NextRequest()]))


@pytest.mark.parametrize(
    ("fault", "wire", "has_fired"),
    [
        (faults.HangUp(after=12), WHOLE[:10] + b"xy", True),
        (faults.HangUp(after=13), WHOLE[:10] + b"xyz", True),
        (faults.HangUp(after=14), WHOLE[:10] + b"xyz", False),
        (faults.HangUp(after=45), WHOLE[:10] + b"xyz", False),
    ],
    ids=repr,
)
def test_behind_a_cut_places_to_its_right_count_what_is_sent(fault, wire, has_fired):
    made = through([faults.HangUp(after=10), FAULT, fault], [a.Send(IMAGE), a.NextRequest()])

    assert (wire, has_fired) == (sent(made), fault in fired(made))


def test_behind_a_cut_in_the_body_places_in_it_count_what_is_sent():
    plan = [faults.HangUp(after=faults.body(2)), FAULT, faults.HangUp(after=faults.body(4))]

    assert WHOLE[:40] + b"xy" == sent(through(plan, [a.Send(IMAGE), a.NextRequest()]))


def test_they_come_before_the_idleness_that_a_fault_to_the_left_waits_for():
    idle = faults.CloseIdle(1)
    acts = through([idle, FAULT], [a.Send(IMAGE), a.NextRequest()])

    assert [a.Fired, a.Send, a.WaitReadable, a.NextRequest] == kinds(acts)
    assert [WHOLE + b"xyz"] == pieces(acts)


def test_several_of_them_stand_in_their_order():
    plan = [faults.ExtraBytes(b"abc"), FAULT]

    assert [WHOLE + b"abcxyz"] == pieces(through(plan, [a.Send(IMAGE), a.NextRequest()]))


def test_behind_garbage():
    garbage = faults.Garbage(size=9, seed=1)

    assert on_reply(Response(), garbage)[0] + b"xyz" == on_reply(Response(), garbage, FAULT)[0]


def test_the_repr_is_code_to_paste():
    assert "faults.ExtraBytes(data=b'xyz')" == repr(FAULT)
    assert FAULT == eval(repr(FAULT))


def test_nothing_to_send_is_refused():
    with pytest.raises(errors.UsageError, match="data"):
        faults.ExtraBytes(b"")


def test_a_wrong_type_is_a_type_error():
    with pytest.raises(errors.UsageTypeError, match="data"):
        faults.ExtraBytes("xyz")
