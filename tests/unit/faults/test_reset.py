import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Drain, Fired, NextRequest, Send, SendRst, ShutdownWrite, Sleep, WaitDelivered
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")  # 8 + 4 bytes


def through(fault, *acts):
    return list(fault.through(iter(acts)))


def test_it_cuts_the_image_waits_for_delivery_and_resets():
    fault = faults.Reset(after=9)

    assert [
        Send(Image(b"HEAD\r\n\r\n", b"b")),
        Fired(fault),
        WaitDelivered(),
        SendRst(),
    ] == through(fault, Send(IMAGE), NextRequest())


@pytest.mark.parametrize(
    ("after", "sent"),
    [
        (0, []),
        (1, [Send(Image(b"H"))]),
        (7, [Send(Image(b"HEAD\r\n\r"))]),
        (8, [Send(Image(b"HEAD\r\n\r\n"))]),
        ("head", [Send(Image(b"HEAD\r\n\r\n"))]),
        (11, [Send(Image(b"HEAD\r\n\r\n", b"bod"))]),
        (12, [Send(IMAGE)]),
        ("end", [Send(IMAGE)]),
    ],
)
def test_each_position_lets_exactly_so_much_through(after, sent):
    fault = faults.Reset(after=after)

    assert [*sent, Fired(fault), WaitDelivered(), SendRst()] == through(fault, Send(IMAGE), NextRequest())


def test_past_the_end_it_does_not_fire_and_changes_nothing():
    acts = [Send(IMAGE), NextRequest()]

    assert acts == through(faults.Reset(after=13), *acts)


def test_the_position_counts_over_several_images():
    fault = faults.Reset(after=5)
    acts = [Send(Image(b"abc")), Send(Image(b"def")), Send(Image(b"ghi")), NextRequest()]

    assert [Send(Image(b"abc")), Send(Image(b"de")), Fired(fault), WaitDelivered(), SendRst()] == through(fault, *acts)


def test_with_discard_it_does_not_wait():
    fault = faults.Reset(after=1, discard=True)

    assert [Send(Image(b"H")), Fired(fault), SendRst()] == through(fault, Send(IMAGE), NextRequest())


def test_end_is_before_the_goodbye_of_a_closing_reply():
    fault = faults.Reset(after="end")

    assert [Send(IMAGE), Fired(fault), WaitDelivered(), SendRst()] == through(
        fault, Send(IMAGE), ShutdownWrite(), Drain()
    )


def test_the_source_is_pulled_no_further_than_the_cut():
    def source():
        yield Send(Image(b"abc"))
        raise AssertionError("pulled too far")

    assert Send(Image(b"ab")) == next(faults.Reset(after=2).through(source()))


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (faults.Reset(), "faults.Reset()"),
        (faults.Reset("head", exact=False), "faults.Reset(after='head', exact=False)"),
        (faults.Reset(after=3, discard=True), "faults.Reset(after=3, discard=True)"),
    ],
)
def test_the_repr_is_code_to_paste(fault, text):
    assert text == repr(fault)
    assert fault == eval(text)


@pytest.mark.parametrize("after", [-1, "tail"])
def test_a_position_that_there_is_not_is_refused(after):
    with pytest.raises(errors.UsageError, match="after="):
        faults.Reset(after=after)


@pytest.mark.parametrize("after", [None, 1.5, True, b"head"])
def test_something_that_is_no_position_is_a_type_error(after):
    with pytest.raises(TypeError, match="after="):
        faults.Reset(after=after)


def test_what_stands_at_the_end_of_what_it_made_comes_before_it_waits_for_delivery():
    """So that whatever is sent there is delivered, too."""
    reset, delay = faults.Reset(after=1), faults.Delay(0.5, after="end")
    acts = list(delay.through(reset.through(iter((Send(IMAGE), NextRequest())))))

    assert [Fired(reset), Fired(delay), Sleep(500_000_000), WaitDelivered(), SendRst()] == acts[1:]
