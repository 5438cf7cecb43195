import pytest

from pytest_epoll import EpollServer, errors, faults
from pytest_epoll._core.acts import Fired, HoldUntil, NextRequest, Send
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")  # 8 + 4 bytes


@pytest.fixture
def gate():
    return EpollServer().gate()


def through(fault, *acts):
    return list(fault.through(iter(acts or (Send(IMAGE), NextRequest()))))


@pytest.mark.parametrize(
    ("after", "before", "behind"),
    [
        (0, [], [Send(IMAGE)]),
        ("head", [Send(Image(b"HEAD\r\n\r\n"))], [Send(Image(b"", b"body"))]),
        (11, [Send(Image(b"HEAD\r\n\r\n", b"bod"))], [Send(Image(b"", b"y"))]),
        ("end", [Send(IMAGE)], []),
    ],
)
def test_the_wait_lies_at_the_position_and_all_bytes_are_sent(gate, after, before, behind):
    fault = faults.Wait(gate, after=after)

    assert [*before, Fired(fault), HoldUntil(gate), *behind, NextRequest()] == through(fault)


def test_past_the_end_it_does_not_fire_and_changes_nothing(gate):
    assert [Send(IMAGE), NextRequest()] == through(faults.Wait(gate, after=13))


def test_the_repr_names_the_gate_and_the_place(gate):
    assert f"faults.Wait(gate={gate!r}, after='head')" == repr(faults.Wait(gate, after="head"))


def test_a_position_that_there_is_not_is_refused(gate):
    with pytest.raises(errors.UsageError, match="after="):
        faults.Wait(gate, after=-1)


@pytest.mark.parametrize("gate", [None, 0.5, "gate"])
def test_something_that_is_no_gate_is_a_type_error(gate):
    with pytest.raises(TypeError, match=r"server\.gate"):
        faults.Wait(gate)
