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
    [{}, {"size": 1, "sizes": (1,)}, {"size": 0}, {"sizes": (1, 0)}, {"cuts": (-1,)}, {"size": 1, "delay": -1}],
)
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError):
        faults.PartialWrites(**arguments)


@pytest.mark.parametrize("arguments", [{"size": "1"}, {"sizes": 3}, {"sizes": "12"}, {"cuts": (None,)}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(TypeError):
        faults.PartialWrites(**arguments)
