import pytest

from pytest_epoll import faults
from pytest_epoll._core.acts import Fired, NextRequest, ReadTo, Send, SendContinue
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")
ACTS = (SendContinue(), ReadTo("end"), Send(IMAGE), NextRequest())


def through(*given, is_due=True):
    """Return what comes out, as it does where a 100 is due, or is not."""
    stream = iter(ACTS)
    for fault in given:
        stream = fault.through(stream)
    seen = []
    for act in stream:
        if isinstance(act, SendContinue) and act.outcome is not None:
            act.outcome.holds = is_due
        seen.append(act)
    return seen


def test_a_100_that_is_due_is_withheld_and_the_request_is_read_as_ever():
    fault = faults.NoContinue()

    assert [SendContinue(is_withheld=True), Fired(fault), *ACTS[1:]] == through(fault)


def test_where_none_is_due_it_does_not_fire():
    assert [SendContinue(is_withheld=True), *ACTS[1:]] == through(faults.NoContinue(), is_due=False)


def test_two_of_them_agree_on_whether_it_was_due():
    fault = faults.NoContinue()

    assert [Fired(fault)] * 2 == through(fault, fault)[1:3]
    assert [] == [act for act in through(fault, fault, is_due=False) if isinstance(act, Fired)]


def test_a_place_behind_the_head_is_kept_for_those_that_act_there():
    acts = through(faults.NoContinue(), faults.Stall(after_reading="head"))

    assert SendContinue(unless_at=("head",), is_withheld=True) == acts[0]


def test_the_repr_is_code_to_paste():
    assert "faults.NoContinue()" == repr(faults.NoContinue())


def test_it_takes_no_arguments():
    with pytest.raises(TypeError):
        faults.NoContinue(1)
