import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, Send, Sleep
from pytest_epoll._core.image import Image

IMAGE = Image(b"HEAD\r\n\r\n", b"body")  # 8 + 4 bytes


def through(fault, *acts):
    return list(fault.through(iter(acts or (Send(IMAGE), NextRequest()))))


@pytest.mark.parametrize(
    ("after", "before", "behind"),
    [
        (0, [], [Send(IMAGE)]),
        (3, [Send(Image(b"HEA"))], [Send(Image(b"D\r\n\r\n", b"body"))]),
        ("head", [Send(Image(b"HEAD\r\n\r\n"))], [Send(Image(b"", b"body"))]),
        (12, [Send(IMAGE)], []),
        ("end", [Send(IMAGE)], []),
    ],
)
def test_the_pause_lies_at_the_position_and_all_bytes_are_sent(after, before, behind):
    fault = faults.Delay(0.25, after=after)

    assert [*before, Fired(fault), Sleep(250_000_000), *behind, NextRequest()] == through(fault)


def test_past_the_end_it_does_not_fire_and_changes_nothing():
    assert [Send(IMAGE), NextRequest()] == through(faults.Delay(1, after=13))


def test_position_0_is_behind_the_interim_responses():
    interim = Image(b"HTTP/1.1 103 Early Hints\r\n\r\n", is_interim=True)
    acts = through(faults.Delay(1), Send(interim), Send(IMAGE), NextRequest())

    assert [Send, Fired, Sleep, Send, NextRequest] == [type(act) for act in acts]


def test_two_pauses_at_one_place_are_two_pauses():
    stream = iter((Send(IMAGE), NextRequest()))
    acts = list(faults.Delay(2, after="head").through(faults.Delay(1, after="head").through(stream)))

    assert {1_000_000_000, 2_000_000_000} == {act.duration_ns for act in acts if isinstance(act, Sleep)}


@pytest.mark.parametrize("text", ["faults.Delay(seconds=0.5)", "faults.Delay(seconds=1, after='head')"])
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize("arguments", [{"seconds": -1}, {"seconds": float("nan")}, {"seconds": 1, "after": -1}])
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError):
        faults.Delay(**arguments)


@pytest.mark.parametrize("arguments", [{"seconds": "1"}, {"seconds": None}, {"seconds": 1, "after": None}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(TypeError):
        faults.Delay(**arguments)
