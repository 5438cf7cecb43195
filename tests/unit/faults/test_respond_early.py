import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import (
    Close,
    Drain,
    Fired,
    NextRequest,
    ReadTo,
    Send,
    SendContinue,
    SetOption,
    ShutdownWrite,
    Sleep,
    Stall,
)
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")
MORE = Image(b"", b"more")
ACTS = (SendContinue(), ReadTo("end"), Sleep(1), Send(IMAGE), Send(MORE), NextRequest())
CLOSING = (*ACTS[:5], ShutdownWrite(), Drain())
READ_ON = SetOption("read_on", value=True)


def through(fault, *acts, holds=True, is_over=False):
    """Return what comes out where the place was reached, or not, and the request has ended there, or not."""
    seen = []
    for act in fault.through(iter(acts or ACTS)):
        if isinstance(act, ReadTo) and act.outcome is not None:
            act.outcome.holds, act.outcome.is_over = holds, is_over
        seen.append(act)
    return seen


def begin(fault, place="head"):
    return [SendContinue(unless_at=(place,)), ReadTo(place, read_on=False), Fired(fault), Sleep(1)]


def test_keep_reads_the_rest_behind_the_reply_and_goes_on():
    fault = faults.RespondEarly()

    assert [*begin(fault), READ_ON, Send(IMAGE), Send(MORE), ReadTo("end"), NextRequest()] == through(fault)


def test_linger_parts_first_and_reads_the_rest_then():
    fault = faults.RespondEarly("linger")

    assert [*begin(fault), READ_ON, Send(IMAGE), Send(MORE), ShutdownWrite(), ReadTo("end"), Drain()] == through(fault)


@pytest.mark.parametrize(("then", "end"), [("close", Close()), ("hold", Stall())])
def test_close_and_hold_read_nothing_more(then, end):
    fault = faults.RespondEarly(then)

    assert [*begin(fault), Send(IMAGE), Send(MORE), end] == through(fault)


@pytest.mark.parametrize(
    ("then", "end"),
    [
        ("keep", [ShutdownWrite(), ReadTo("end"), Drain()]),
        ("linger", [ShutdownWrite(), ReadTo("end"), Drain()]),
        ("close", [Close()]),
        ("hold", [Stall()]),
    ],
)
def test_behind_a_reply_that_closes_fin_comes_before_the_rest_is_read(then, end):
    """Else a reply that only our FIN delimits would never be complete."""
    acts = through(faults.RespondEarly(then), *CLOSING)

    assert end == acts[acts.index(Send(MORE)) + 1 :]


def test_another_place():
    fault = faults.RespondEarly(after_reading=faults.body(3))

    assert begin(fault, faults.body(3)) == through(fault)[:4]


@pytest.mark.parametrize(("holds", "is_over"), [(False, True), (True, True)])
@pytest.mark.parametrize("then", ["keep", "linger", "close", "hold"])
def test_a_request_that_is_over_by_then_is_answered_as_ever(then, holds, is_over):
    acts = through(faults.RespondEarly(then), holds=holds, is_over=is_over)

    assert [SendContinue(unless_at=("head",)), ReadTo("head", read_on=False), *ACTS[1:]] == acts


def test_at_the_end_it_always_fires():
    fault = faults.RespondEarly("hold", after_reading="end")

    assert [*begin(fault, "end"), Send(IMAGE), Send(MORE), Stall()] == through(fault, is_over=True)


def test_behind_a_request_that_was_broken_off_there_is_no_next_one():
    seen = []
    for act in faults.RespondEarly().through(iter(ACTS)):
        if isinstance(act, ReadTo) and act.outcome is not None:
            act.outcome.holds = act.position == "head"
        seen.append(act)

    assert [ReadTo("end"), ShutdownWrite(), Drain()] == seen[-3:]


@pytest.mark.parametrize(
    "text",
    [
        "faults.RespondEarly()",
        "faults.RespondEarly(then='linger')",
        "faults.RespondEarly(then='hold', after_reading=faults.body(3))",
    ],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"then": "stay"}, "then="),
        ({"after_reading": -1}, "after_reading="),
        ({"after_reading": "tail"}, "after_reading="),
    ],
)
def test_what_can_not_be_is_refused_at_the_call(arguments, name):
    with pytest.raises(errors.UsageError, match=name):
        faults.RespondEarly(**arguments)


@pytest.mark.parametrize("arguments", [{"then": None}, {"after_reading": None}])
def test_an_argument_of_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(TypeError, match=next(iter(arguments))):
        faults.RespondEarly(**arguments)
