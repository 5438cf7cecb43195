import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Drain, Fired, NextRequest, ReadTo, Send, SendContinue, ShutdownWrite
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")
ACTS = (SendContinue(), ReadTo("end"), Send(IMAGE), NextRequest())
REFUSAL = b"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def through(fault, *, is_due=True):
    """Return what comes out, as it does where a 100 is due, or is not."""
    seen = []
    for act in fault.through(iter(ACTS)):
        if isinstance(act, SendContinue) and act.outcome is not None:
            act.outcome.holds = is_due
        seen.append(act)
    return seen


def test_where_a_100_is_due_it_refuses_and_parts():
    fault = faults.RejectContinue()

    assert [
        SendContinue(is_withheld=True),
        Fired(fault),
        Send(Image(REFUSAL)),
        ShutdownWrite(),
        Drain(),
    ] == through(fault)


def test_where_none_is_due_it_leaves_the_reply_alone():
    assert [SendContinue(is_withheld=True), *ACTS[1:]] == through(faults.RejectContinue(), is_due=False)


@pytest.mark.parametrize("text", ["faults.RejectContinue()", "faults.RejectContinue(status=413)"])
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize("status", [100, 200, 307, 399, 600, -1])
def test_a_status_that_is_no_refusal_is_refused(status):
    with pytest.raises(errors.UsageError, match="status="):
        faults.RejectContinue(status)


@pytest.mark.parametrize("status", ["417", None, 417.0, True])
def test_something_that_is_no_status_is_a_type_error(status):
    with pytest.raises(TypeError, match="status"):
        faults.RejectContinue(status)
