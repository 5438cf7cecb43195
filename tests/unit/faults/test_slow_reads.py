import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, ReadTo, Send, SendContinue, SetOption
from pytest_epoll._core.image import Image

ACTS = (SendContinue(), ReadTo("end"), Send(Image(b"reply")), NextRequest())


def through(fault, *acts):
    return list(fault.through(iter(acts or ACTS)))


def test_a_pace_is_set_around_the_reading_of_the_body():
    fault = faults.SlowReads(1000, size=10)

    assert [
        SendContinue(),
        Fired(fault),
        SetOption("pace", (10, 10_000_000)),
        ReadTo("end"),
        SetOption("pace", None),
        *ACTS[2:],
    ] == through(fault)


def test_a_receive_buffer_is_set_before_anything_is_read():
    acts = through(faults.SlowReads(1000, receive_buffer=4096))

    assert [SetOption("receive_buffer", 4096), SetOption("pace", (50, 50_000_000)), ReadTo("end")] == acts[2:5]


def test_a_request_that_is_not_read_is_not_slowed():
    acts = (Send(Image(b"reply")), NextRequest())

    assert list(acts) == through(faults.SlowReads(1000), *acts)


def test_reading_to_a_position_is_slowed_as_well():
    stop, slow = faults.StopReading(after_reading=faults.body(3)), faults.SlowReads(1000)
    acts = list(slow.through(stop.through(iter(ACTS))))

    assert [
        "SendContinue",
        "Fired",
        "SetOption",
        faults.body(3),
        "end",
        "SetOption",
        "Send",
        "NextRequest",
    ] == [act.position if isinstance(act, ReadTo) else type(act).__name__ for act in acts]


def test_it_acts_on_reading_and_has_no_place_in_the_reply():
    fault = faults.SlowReads(1000)

    assert (True, ()) == (fault.acts_on_reading, fault.positions())


@pytest.mark.parametrize(
    "text",
    [
        "faults.SlowReads(bytes_per_second=100)",
        "faults.SlowReads(bytes_per_second=2.5, size=3, receive_buffer=4096)",
    ],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize(
    "arguments",
    [
        {"bytes_per_second": 0},
        {"bytes_per_second": float("inf")},
        {"bytes_per_second": 1, "size": 0},
        {"bytes_per_second": 1, "receive_buffer": 0},
    ],
)
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError):
        faults.SlowReads(**arguments)


@pytest.mark.parametrize("arguments", [{"bytes_per_second": None}, {"bytes_per_second": 1, "receive_buffer": "4k"}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(TypeError):
        faults.SlowReads(**arguments)
