import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Drain, Fired, NextRequest, ReadTo, Send, SendContinue, ShutdownWrite
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")  # 8 + 4 bytes


def through(fault, *acts):
    return list(fault.through(iter(acts)))


@pytest.mark.parametrize(
    ("after", "sent"),
    [
        (0, []),
        (1, [Send(Image(b"H"))]),
        (7, [Send(Image(b"HEAD\r\n\r"))]),
        (8, [Send(Image(b"HEAD\r\n\r\n"))]),
        ("head", [Send(Image(b"HEAD\r\n\r\n"))]),
        (faults.body(1), [Send(Image(b"HEAD\r\n\r\n", b"b"))]),
        (11, [Send(Image(b"HEAD\r\n\r\n", b"bod"))]),
        (12, [Send(IMAGE)]),
        ("end", [Send(IMAGE)]),
    ],
)
def test_each_position_lets_exactly_so_much_through_then_fin_and_drain(after, sent):
    fault = faults.HangUp(after=after)

    assert [*sent, Fired(fault), ShutdownWrite(), Drain()] == through(fault, Send(IMAGE), NextRequest())


def test_past_the_end_it_does_not_fire_and_changes_nothing():
    acts = [Send(IMAGE), NextRequest()]

    assert acts == through(faults.HangUp(after=13), *acts)


@pytest.mark.parametrize("position", [10, faults.body(3), faults.chunk(1), faults.half_of("body"), "trailers", "end"])
def test_after_reading_the_goodbye_stands_at_the_position_in_place_of_the_rest(position):
    fault = faults.HangUp(after_reading=position)

    assert [
        SendContinue(unless_at=(position,)),
        ReadTo(position, read_on=False, instead=(Fired(fault), ShutdownWrite(), Drain())),
        ReadTo("end"),
        Send(IMAGE),
        NextRequest(),
    ] == through(fault, SendContinue(), ReadTo("end"), Send(IMAGE), NextRequest())


@pytest.mark.parametrize(
    ("fault", "needs_reply", "acts_on_reading"),
    [
        (faults.HangUp(), False, False),
        (faults.HangUp(after=1), True, False),
        (faults.HangUp(after="head"), True, False),
        (faults.HangUp(after_reading="head"), False, True),
        (faults.HangUp(after_reading=0), False, True),
    ],
)
def test_it_stands_alone_unless_it_cuts_a_reply(fault, needs_reply, acts_on_reading):
    assert (needs_reply, acts_on_reading) == (fault.needs_reply, fault.acts_on_reading)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (faults.HangUp(), "faults.HangUp()"),
        (faults.HangUp(after=faults.chunk(2)), "faults.HangUp(after=faults.chunk(2))"),
        (faults.HangUp(after_reading="head"), "faults.HangUp(after_reading='head')"),
    ],
)
def test_the_repr_is_code_to_paste(fault, text):
    assert text == repr(fault)
    assert fault == eval(text)


@pytest.mark.parametrize(
    "arguments",
    [{"after": -1}, {"after": "tail"}, {"after": 3, "after_reading": 3}, {"after_reading": faults.event(1)}],
)
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError, match="after"):
        faults.HangUp(**arguments)


@pytest.mark.parametrize("arguments", [{"after": None}, {"after": 1.5}, {"after": True}, {"after_reading": b"head"}])
def test_something_that_is_no_position_is_a_type_error(arguments):
    with pytest.raises(TypeError, match="after"):
        faults.HangUp(**arguments)
