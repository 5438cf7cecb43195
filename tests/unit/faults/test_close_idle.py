import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import (
    Drain,
    Fired,
    NextRequest,
    ReadTo,
    Send,
    SendContinue,
    SendRst,
    ShutdownWrite,
    WaitDelivered,
    WaitReadable,
)
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")
ACTS = (SendContinue(), ReadTo("end"), Send(IMAGE), NextRequest())


def through(fault, *acts):
    return list(fault.through(iter(acts or ACTS)))


def test_it_waits_for_silence_before_the_next_request():
    fault = faults.CloseIdle(0.25)

    assert [
        *ACTS[:3],
        WaitReadable(250_000_000, on_silence=(Fired(fault), ShutdownWrite(), Drain())),
        NextRequest(),
    ] == through(fault)


def test_by_rst_it_waits_until_the_reply_has_arrived():
    fault = faults.CloseIdle(1, how="rst", exact=False)

    assert (
        WaitReadable(1_000_000_000, on_silence=(Fired(fault), WaitDelivered(exact=False), SendRst(exact=False)))
        == (through(fault)[3])
    )


def test_without_a_time_it_parts_right_behind_the_reply():
    fault = faults.CloseIdle()

    assert [*ACTS[:3], Fired(fault), ShutdownWrite(), Drain()] == through(fault)


def test_a_reply_that_ends_the_connection_is_left_alone():
    acts = (Send(IMAGE), ShutdownWrite(), Drain())

    assert [*acts] == through(faults.CloseIdle(), *acts)


@pytest.mark.parametrize(
    "text",
    ["faults.CloseIdle()", "faults.CloseIdle(seconds=0.5)", "faults.CloseIdle(seconds=1, how='rst', exact=False)"],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"seconds": -1}, "seconds"), ({"seconds": float("nan")}, "seconds"), ({"how": "close"}, "how=")],
)
def test_what_can_not_be_is_refused_at_the_call(arguments, message):
    with pytest.raises(errors.UsageError, match=message):
        faults.CloseIdle(**arguments)


@pytest.mark.parametrize("arguments", [{"seconds": "1"}, {"how": None}, {"exact": 1}])
def test_an_argument_of_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(TypeError, match=next(iter(arguments))):
        faults.CloseIdle(**arguments)
