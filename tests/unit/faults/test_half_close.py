import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Drain, Fired, NextRequest, Send, ShutdownWrite
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")  # 8 + 4 bytes


def through(fault, *acts):
    return list(fault.through(iter(acts)))


def test_without_a_position_it_is_behind_the_reply_and_no_goodbye():
    fault = faults.HalfClose()

    assert [Send(IMAGE), Fired(fault), ShutdownWrite(goodbye=False)] == through(fault, Send(IMAGE), NextRequest())[:3]


@pytest.mark.parametrize(
    ("after", "sent"),
    [(0, []), ("head", [Send(Image(b"HEAD\r\n\r\n"))]), (11, [Send(Image(b"HEAD\r\n\r\n", b"bod"))])],
)
def test_each_position_lets_exactly_so_much_through(after, sent):
    fault = faults.HalfClose(after=after)

    assert [*sent, Fired(fault), ShutdownWrite(goodbye=False)] == through(fault, Send(IMAGE), NextRequest())[
        : len(sent) + 2
    ]


def test_nothing_is_sent_behind_it():
    acts = through(faults.HalfClose(after=9), Send(IMAGE), Send(IMAGE), NextRequest())

    assert [b"HEAD\r\n\r\nb"] == [act.image.joined() for act in acts if isinstance(act, Send)]


def test_a_reply_that_closes_anyway_is_closed_by_the_fault():
    fault = faults.HalfClose()
    acts = through(fault, Send(IMAGE), ShutdownWrite(), Drain())

    assert [Send(IMAGE), Fired(fault), ShutdownWrite(goodbye=False)] == acts[:3]


def test_past_the_end_it_does_not_fire_and_changes_nothing():
    acts = [Send(IMAGE), NextRequest()]

    assert acts == through(faults.HalfClose(after=13), *acts)


@pytest.mark.parametrize("text", ["faults.HalfClose()", "faults.HalfClose(after=3)"])
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize("after", [-1, "tail"])
def test_a_position_that_there_is_not_is_refused(after):
    with pytest.raises(errors.UsageError, match="after="):
        faults.HalfClose(after=after)


def test_something_that_is_no_position_is_a_type_error():
    with pytest.raises(TypeError, match="after="):
        faults.HalfClose(after=None)
