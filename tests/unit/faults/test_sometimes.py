import random

import pytest

from pytest_epoll import Response, errors, faults
from pytest_epoll._core.acts import NextRequest, ReadTo, Send, SendContinue
from pytest_epoll._core.image import Image

ACTS = (SendContinue(), ReadTo("end"), Send(Image(b"HEAD\r\n\r\n", b"body")), NextRequest())


class Numbers:
    """A source of the numbers that a test says."""

    def __init__(self, *numbers):
        self._numbers = iter(numbers)

    def random(self):
        return next(self._numbers)


@pytest.mark.parametrize(
    ("probability", "number", "is_drawn"),
    [(0, 0.0, False), (0.5, 0.49, True), (0.5, 0.5, False), (1, 0.999, True), (True, 0.999, None)],
)
def test_it_is_drawn_below_its_probability(probability, number, is_drawn):
    if is_drawn is None:
        with pytest.raises(TypeError):
            faults.Sometimes(faults.Reset(), probability)
        return
    fault = faults.Reset()

    assert (fault if is_drawn else None) is faults.Sometimes(fault, probability).drawn(Numbers(number))


@pytest.mark.parametrize(("numbers", "is_drawn"), [((0.1, 0.1), True), ((0.1, 0.9), False), ((0.9,), False)])
def test_one_within_another_is_drawn_if_both_are(numbers, is_drawn):
    fault = faults.Reset()
    nested = faults.Sometimes(faults.Sometimes(fault, 0.5), 0.5)

    assert (fault if is_drawn else None) is nested.drawn(Numbers(*numbers))


def test_as_a_function_of_acts_it_is_the_fault():
    fault = faults.HangUp(after=3)

    assert list(fault.through(iter(ACTS))) == list(faults.Sometimes(fault, 0.5).through(iter(ACTS)))


@pytest.mark.parametrize(
    ("fault", "acts_on_reading", "leaves_unread", "positions"),
    [
        (faults.Reset(after=7), False, False, (7,)),
        (faults.StopReading(), True, False, ()),
        (faults.CloseOnReuse("rst"), False, True, ()),
    ],
)
def test_what_the_fault_needs_is_what_it_needs(fault, acts_on_reading, leaves_unread, positions):
    for one in (faults.Sometimes(fault, 0.5), faults.Sometimes(faults.Sometimes(fault, 0.5), 0.5)):
        assert (acts_on_reading, leaves_unread, positions) == (
            one.acts_on_reading,
            one.leaves_unread,
            one.positions(),
        )


def test_a_response_that_the_fault_can_not_act_on_is_refused():
    with pytest.raises(errors.UsageError, match="raw="):
        faults.Sometimes(faults.HangUp(after=faults.chunk(1)), 0.5).check(Response(raw=b"x"))


@pytest.mark.parametrize(
    "text",
    [
        "faults.Sometimes(fault=faults.Reset(), probability=0.5)",
        "faults.Sometimes(fault=faults.Sometimes(fault=faults.HangUp(after=3), probability=1), probability=0.25)",
    ],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("inf"), float("nan"), 50])
def test_something_that_is_no_probability_is_refused(probability):
    with pytest.raises(errors.UsageError, match="probability"):
        faults.Sometimes(faults.Reset(), probability)


@pytest.mark.parametrize(("fault", "probability"), [(None, 0.5), (faults.Reset, 0.5), (faults.Reset(), "0.5")])
def test_an_argument_of_a_wrong_type_is_a_type_error(fault, probability):
    with pytest.raises(TypeError):
        faults.Sometimes(fault, probability)


def test_a_fault_of_the_tests_own_has_no_dry_run():
    class Own:
        def through(self, acts):
            return acts

    fault = faults.Sometimes(Own(), 1)

    assert Own is type(fault.drawn(random.Random(0)))
    with pytest.raises(errors.UsageTypeError, match="explain"):
        fault.explain(Response())
