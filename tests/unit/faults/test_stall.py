import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, ReadTo, Send, SendContinue, Stall
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")  # 8 + 4 bytes


def through(fault, *acts):
    return list(fault.through(iter(acts)))


@pytest.mark.parametrize(
    ("after", "sent"),
    [
        (0, []),
        (7, [Send(Image(b"HEAD\r\n\r"))]),
        ("head", [Send(Image(b"HEAD\r\n\r\n"))]),
        (9, [Send(Image(b"HEAD\r\n\r\n", b"b"))]),
        ("end", [Send(IMAGE)]),
    ],
)
def test_each_position_lets_exactly_so_much_through_then_nothing(after, sent):
    fault = faults.Stall(after=after)

    assert [*sent, Fired(fault), Stall()] == through(fault, Send(IMAGE), NextRequest())


def test_past_the_end_it_does_not_fire_and_changes_nothing():
    acts = [Send(IMAGE), NextRequest()]

    assert acts == through(faults.Stall(after=13), *acts)


def test_after_reading_it_stands_in_place_of_the_rest():
    fault = faults.Stall(after_reading=faults.body(3))

    assert [
        SendContinue(unless_at=(faults.body(3),)),
        ReadTo(faults.body(3), read_on=False, instead=(Fired(fault), Stall())),
        ReadTo("end"),
        Send(IMAGE),
        NextRequest(),
    ] == through(fault, SendContinue(), ReadTo("end"), Send(IMAGE), NextRequest())


@pytest.mark.parametrize(
    "text",
    ["faults.Stall()", "faults.Stall(after='head')", "faults.Stall(after_reading=faults.content(5))"],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize("arguments", [{"after": -1}, {"after": "tail"}, {"after": 3, "after_reading": "head"}])
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError, match="after"):
        faults.Stall(**arguments)


def test_something_that_is_no_position_is_a_type_error():
    with pytest.raises(TypeError, match="after="):
        faults.Stall(after=1.5)
