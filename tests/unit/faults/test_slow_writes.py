import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, Send, Sleep
from pytest_epoll._core.image import Image

IMAGE = Image(b"0123456789")


def through(fault, *acts):
    return list(fault.through(iter(acts or (Send(IMAGE), NextRequest()))))


def test_the_first_piece_goes_at_once_and_a_pause_before_each_other():
    fault = faults.SlowWrites(100, size=4)

    assert [
        Send(Image(b"0123")),
        Fired(fault),
        Sleep(40_000_000),
        Send(Image(b"4567")),
        Sleep(40_000_000),
        Send(Image(b"89")),
        NextRequest(),
    ] == through(fault)


def test_what_lies_before_the_position_is_not_slowed():
    fault = faults.SlowWrites(1000, size=2, after=5)

    assert [
        Send(Image(b"01234")),
        Send(Image(b"56")),
        Fired(fault),
        Sleep(2_000_000),
        Send(Image(b"78")),
        Sleep(2_000_000),
        Send(Image(b"9")),
        NextRequest(),
    ] == through(fault)


def test_the_pace_counts_over_several_images():
    acts = through(faults.SlowWrites(1000, size=4), Send(Image(b"abc")), Send(Image(b"defgh")), NextRequest())

    assert [b"abc", b"d", "pause", b"efgh"] == [
        "pause" if isinstance(act, Sleep) else act.image.joined() for act in acts if isinstance(act, (Send, Sleep))
    ]


def test_a_piece_that_lies_in_several_images_is_one_send():
    chunks = (Image(b"", b"abc"), Image(b"", b"def"))
    acts = through(faults.SlowWrites(1000, size=5), Send(Image(b"head", rest=chunks)), *map(Send, chunks))

    assert [b"heada", b"bcdef"] == [act.image.joined() for act in acts if isinstance(act, Send)]


def test_an_interim_response_is_not_slowed():
    interim = Image(b"HTTP/1.1 103 Early Hints\r\n\r\n", is_interim=True)

    assert Send(interim) == through(faults.SlowWrites(1000, size=4), Send(interim), Send(IMAGE), NextRequest())[0]


def test_without_a_size_there_are_about_twenty_pieces_a_second():
    acts = through(faults.SlowWrites(40))

    assert [2, 2, 2, 2, 2] == [act.image.size for act in acts if isinstance(act, Send)]
    assert {50_000_000} == {act.duration_ns for act in acts if isinstance(act, Sleep)}


def test_a_rate_below_a_byte_a_piece_still_sends_bytes():
    acts = through(faults.SlowWrites(0.5))

    assert [1] * 10 == [act.image.size for act in acts if isinstance(act, Send)]
    assert {2_000_000_000} == {act.duration_ns for act in acts if isinstance(act, Sleep)}


@pytest.mark.parametrize("fault", [faults.SlowWrites(1, size=10), faults.SlowWrites(1, size=2, after=8)])
def test_a_rest_that_is_one_piece_has_no_pause_and_does_not_fire(fault):
    assert [b"0123456789", []] == [
        b"".join(act.image.joined() for act in through(fault) if isinstance(act, Send)),
        [act for act in through(fault) if isinstance(act, (Fired, Sleep))],
    ]


@pytest.mark.parametrize(
    "text",
    ["faults.SlowWrites(bytes_per_second=100)", "faults.SlowWrites(bytes_per_second=2.5, size=3, after='head')"],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize(
    "arguments",
    [
        {"bytes_per_second": 0},
        {"bytes_per_second": -1},
        {"bytes_per_second": float("inf")},
        {"bytes_per_second": float("nan")},
        {"bytes_per_second": 1, "size": 0},
        {"bytes_per_second": 1, "after": -1},
    ],
)
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError):
        faults.SlowWrites(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [{"bytes_per_second": "1"}, {"bytes_per_second": 1, "size": 1.5}, {"bytes_per_second": 1, "after": None}],
)
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(TypeError):
        faults.SlowWrites(**arguments)
