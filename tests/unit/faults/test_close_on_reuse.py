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


def test_by_fin_the_next_request_is_preempted():
    fault = faults.CloseOnReuse()

    assert [*ACTS[:3], NextRequest(then=(Fired(fault), ShutdownWrite(), Drain()))] == through(fault)


def test_by_rst_it_waits_for_the_first_byte_and_reads_nothing():
    fault = faults.CloseOnReuse("rst")

    assert [
        *ACTS[:3],
        WaitReadable(on_bytes=(Fired(fault), WaitDelivered(), SendRst())),
        NextRequest(),
    ] == through(fault)


def test_that_delivery_can_not_be_seen_may_be_accepted():
    fault = faults.CloseOnReuse("rst", exact=False)

    assert WaitDelivered(exact=False) == through(fault)[3].on_bytes[1]


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_reply_that_ends_the_connection_is_left_alone(how):
    acts = (Send(IMAGE), ShutdownWrite(), Drain())

    assert [*acts] == through(faults.CloseOnReuse(how), *acts)


@pytest.mark.parametrize("text", ["faults.CloseOnReuse()", "faults.CloseOnReuse(how='rst', exact=False)"])
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


def test_another_way_of_parting_is_refused_at_the_call():
    with pytest.raises(errors.UsageError, match="how="):
        faults.CloseOnReuse(how="close")


@pytest.mark.parametrize("arguments", [{"how": None}, {"exact": 1}])
def test_an_argument_of_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(TypeError, match=next(iter(arguments))):
        faults.CloseOnReuse(**arguments)
