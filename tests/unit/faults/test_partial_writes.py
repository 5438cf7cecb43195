import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, Send, SendRst, Sleep, WaitDelivered, WaitPeerRead
from pytest_epoll._core.image import Image

IMAGE = Image(b"0123456789")


def through(fault, *acts):
    return list(fault.through(iter(acts or (Send(IMAGE), NextRequest()))))


def pieces(fault, *acts):
    return [act.image.joined() for act in through(fault, *acts) if isinstance(act, Send)]


def test_size_cuts_into_equal_pieces_and_a_rest():
    assert [b"0123", b"4567", b"89"] == pieces(faults.PartialWrites(size=4))


def test_after_the_last_of_sizes_comes_the_rest_in_one_piece():
    assert [b"01", b"234", b"56789"] == pieces(faults.PartialWrites(sizes=(2, 3)))


def test_cuts_are_positions():
    image = Image(b"head", b"body")

    assert [b"h", b"ead", b"bo", b"dy"] == pieces(faults.PartialWrites(cuts=(1, "head", 6)), Send(image), NextRequest())


def test_pieces_count_over_several_images():
    acts = (Send(Image(b"abc")), Send(Image(b"de")), NextRequest())

    assert [b"ab", b"c", b"d", b"e"] == pieces(faults.PartialWrites(size=2), *acts)


def streamed(*pieces):
    chunks = tuple(Image(b"", piece, events=(len(piece),)) for piece in pieces)
    return [Send(Image(b"head", rest=chunks)), *map(Send, chunks)]


def test_a_piece_that_lies_in_several_images_is_one_send():
    assert [b"heada", b"bcdef"] == pieces(faults.PartialWrites(size=5), *streamed(b"abc", b"def"), NextRequest())


def test_a_pause_between_two_images_ends_a_piece():
    head, first, second = streamed(b"abc", b"def")
    fault = faults.PartialWrites(size=8, until_read=True)

    assert [
        Send(Image(b"head", b"abc")),
        Sleep(1),
        WaitPeerRead(),
        Send(Image(b"", b"d")),
        Fired(fault),
        WaitPeerRead(),
        Send(Image(b"", b"ef")),
        NextRequest(),
    ] == through(fault, head, first, Sleep(1), second, NextRequest())


def test_of_a_live_stream_each_image_is_a_piece_that_is_waited_for():
    fault = faults.PartialWrites(cuts=("head",), until_read=True)
    live = (Send(Image(b"head", rest=None)), Send(Image(b"", b"abc")), Send(Image(b"", b"def")), NextRequest())

    assert [
        Send(Image(b"head")),
        Fired(fault),
        WaitPeerRead(),
        Send(Image(b"", b"abc")),
        WaitPeerRead(),
        Send(Image(b"", b"def")),
        NextRequest(),
    ] == through(fault, *live)


def test_an_interim_response_is_a_piece_that_is_waited_for():
    fault = faults.PartialWrites(cuts=(0,), until_read=True)
    interim = Send(Image(b"103", is_interim=True))

    assert [interim, Fired(fault), WaitPeerRead(), Send(IMAGE), NextRequest()] == through(
        fault, interim, Send(IMAGE), NextRequest()
    )


@pytest.mark.parametrize("cut", [0, "end", 10])
def test_a_cut_with_nothing_on_one_side_is_none(cut):
    assert [Send(IMAGE), NextRequest()] == through(faults.PartialWrites(cuts=(cut,)))


@pytest.mark.parametrize("cuts", [(6, 1, "head"), ("head", 6, 1), (6, "head", 1)])
def test_cuts_are_made_in_whatever_order_they_are_given(cuts):
    image = Image(b"head", b"body")

    assert [b"h", b"ead", b"bo", b"dy"] == pieces(faults.PartialWrites(cuts=cuts), Send(image), NextRequest())


def test_what_a_fault_to_the_left_has_put_in_place_of_the_rest_is_sent_as_it_is():
    chunk = Image(b"", b"abc")
    acts = (Send(Image(b"head", rest=(chunk,))), Send(Image(b"", b"other")), NextRequest())

    assert [b"hea", b"d", b"ot", b"her"] == pieces(faults.PartialWrites(size=3), *acts)


@pytest.mark.parametrize(("number", "sent"), [(1, b"headabc"), (2, b"headabcdef")])
def test_left_to_right_events_are_found_in_pieces(number, sent):
    writes, hang_up = faults.PartialWrites(size=6), faults.HangUp(after=faults.event(number))
    acts = hang_up.through(writes.through(iter((*streamed(b"abc", b"def", b"ghi"), NextRequest()))))

    assert sent == b"".join(act.image.joined() for act in acts if isinstance(act, Send))


def test_what_is_only_noted_does_not_part_a_piece():
    corrupt, writes = faults.Corrupt(at=5), faults.PartialWrites(size=9)
    acts = list(writes.through(corrupt.through(iter((*streamed(b"abc", b"def"), NextRequest())))))

    assert [Fired(corrupt), Send(Image(b"head", b"a\x9dcde")), Fired(writes), Send(Image(b"", b"f"))] == acts[:-1]


def test_until_read_waits_between_pieces_and_not_behind_the_last():
    fault = faults.PartialWrites(sizes=(5,), until_read=True)

    assert [Send(Image(b"01234")), Fired(fault), WaitPeerRead(), Send(Image(b"56789")), NextRequest()] == through(fault)


def test_delay_is_slept_between_pieces():
    fault = faults.PartialWrites(sizes=(5,), delay=0.5)

    assert [
        Send(Image(b"01234")),
        Fired(fault),
        Sleep(500_000_000),
        Send(Image(b"56789")),
        NextRequest(),
    ] == through(fault)


@pytest.mark.parametrize("size", [10, 11])
def test_a_reply_that_is_one_piece_is_not_cut_and_nothing_fires(size):
    assert [Send(IMAGE), NextRequest()] == through(faults.PartialWrites(size=size))


def test_left_to_right_a_reset_behind_it_cuts_the_pieces():
    writes, reset = faults.PartialWrites(size=4, until_read=True), faults.Reset(after=6)
    acts = list(reset.through(writes.through(iter((Send(IMAGE), NextRequest())))))

    assert [
        Send(Image(b"0123")),
        Fired(writes),
        WaitPeerRead(),
        Send(Image(b"45")),
        Fired(reset),
        WaitDelivered(),
        SendRst(),
    ] == acts


def test_left_to_right_end_is_the_end_of_what_the_left_one_made():
    acts = faults.Reset(after="end").through(
        faults.PartialWrites(size=6, until_read=True).through(iter((Send(IMAGE), NextRequest())))
    )

    assert [b"012345", b"6789"] == [act.image.joined() for act in acts if isinstance(act, Send)]


@pytest.mark.parametrize(
    "text",
    [
        "faults.PartialWrites(size=3)",
        "faults.PartialWrites(sizes=(1, 2), until_read=True)",
        "faults.PartialWrites(cuts=('head',), delay=0.5, exact=False)",
    ],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"size": 1, "sizes": (1,)},
        {"size": 0},
        {"sizes": (1, 0)},
        {"sizes": ()},
        {"cuts": ()},
        {"cuts": (-1,)},
        {"size": 1, "delay": -1},
    ],
)
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError):
        faults.PartialWrites(**arguments)


@pytest.mark.parametrize("arguments", [{"size": "1"}, {"sizes": 3}, {"sizes": "12"}, {"cuts": (None,)}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(TypeError):
        faults.PartialWrites(**arguments)
