import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, ReadTo, Send, SendContinue, SetOption, Stall
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")
ACTS = (SendContinue(), ReadTo("end"), Send(IMAGE), NextRequest())


def through(fault, *acts):
    return list(fault.through(iter(acts or ACTS)))


def test_without_a_position_it_stops_behind_the_head_and_asks_for_no_body():
    fault = faults.StopReading()

    assert [
        SendContinue(unless_at=("head",)),
        ReadTo("head", read_on=False, instead=(Fired(fault), Stall())),
        *ACTS[1:],
    ] == through(fault)


def test_at_a_position_in_the_body_the_body_is_asked_for():
    fault = faults.StopReading(after_reading=faults.content(3))

    assert [
        SendContinue(unless_at=(faults.content(3),)),
        ReadTo(faults.content(3), read_on=False, instead=(Fired(fault), Stall())),
        *ACTS[1:],
    ] == through(fault)


@pytest.mark.parametrize("position", ["last-chunk", faults.half_of("chunk-size"), faults.before("end", 3)])
def test_where_one_has_to_look_ahead_there_is_room_for_it(position):
    fault = faults.StopReading(after_reading=position)

    assert [
        SendContinue(unless_at=(position,)),
        SetOption("room_to_look", 262144),
        ReadTo(position, read_on=False, instead=(Fired(fault), Stall())),
        *ACTS[1:],
    ] == through(fault)


def test_at_the_end_it_answers_first():
    fault = faults.StopReading(after_reading="end")

    assert [ACTS[0], ReadTo("end", read_on=False), ACTS[2], Fired(fault), Stall()] == through(fault)


@pytest.mark.parametrize("text", ["faults.StopReading(after_reading='end')", "faults.StopReading(after_reading=70)"])
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize(
    "position",
    [-1, "tail", faults.event(1), faults.interim(1), faults.half_of("status-line"), faults.before(faults.event(1), 2)],
)
def test_a_position_that_a_request_has_not_is_refused(position):
    with pytest.raises(errors.UsageError, match="after_reading="):
        faults.StopReading(after_reading=position)


def test_something_that_is_no_position_is_a_type_error():
    with pytest.raises(TypeError, match="after_reading="):
        faults.StopReading(after_reading=None)
