import h11
import httptools
import pytest

from fault_acts import fired, on_reply, pieces, through
from pytest_epoll import Response, errors, faults
from pytest_epoll._core.acts import Drain, Fired, HoldUntil, NextRequest, Send, ShutdownWrite, Sleep
from pytest_epoll._core.image import Image

IMAGE = Image(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello")
INTERIM = Image(b"HTTP/1.1 103 Early Hints\r\n\r\n", is_interim=True)


def drawn(**arguments):
    return on_reply(Response(), faults.Garbage(**arguments))[0]


def test_it_stands_in_place_of_the_reply_and_then_comes_fin():
    fault = faults.Garbage(seed=1)
    made = Image(drawn(seed=1))

    assert [Fired(fault), Send(made), ShutdownWrite(), Drain()] == through([fault], [Send(IMAGE), NextRequest()])
    assert 64 == made.size


def test_what_comes_before_the_reply_still_comes():
    fault = faults.Garbage(size=9)
    acts = through([fault], [Send(INTERIM), Sleep(1), Send(IMAGE), NextRequest()])

    assert [Send(INTERIM), Sleep(1), Fired(fault)] == acts[:3]


def test_the_bytes_of_a_seed_are_always_the_same():
    """Written down: a later release of Python must give no others."""
    assert bytes.fromhex("ebaf5ccd6f37291d34bade1b0d0a0d0a") == drawn(size=16, seed=1)
    assert drawn(size=16, seed=1) != drawn(size=16, seed=2)


def test_without_a_seed_one_is_drawn_and_printed():
    one, other = faults.Garbage(), faults.Garbage()

    assert one.seed != other.seed
    assert f"faults.Garbage(seed={one.seed})" == repr(one)
    assert on_reply(Response(), one) == on_reply(Response(), eval(repr(one)))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 64, 1000])
def test_it_has_its_size_and_from_five_bytes_on_a_blank_line_at_its_end(size):
    data = drawn(size=size, seed=1)

    assert size == len(data)
    assert (size > 4) == data.endswith(b"\r\n\r\n")
    assert b"\n" not in data.removesuffix(b"\r\n\r\n")


@pytest.mark.parametrize("seed", range(300))
def test_nobody_takes_it_for_http(seed):
    data = drawn(size=40 + seed, seed=seed)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "t")]))
    client.receive_data(data)

    assert data[0] > 127
    assert b"HTTP" not in data.upper()
    with pytest.raises(h11.RemoteProtocolError):
        client.next_event()
    for parser in (httptools.HttpResponseParser(object()), httptools.HttpRequestParser(object())):
        with pytest.raises(httptools.HttpParserError):
            parser.feed_data(data)


def test_it_needs_no_reply():
    assert not faults.Garbage().needs_reply


# -- with others --


@pytest.mark.parametrize(("after", "size"), [(0, 0), (1, 1), (8, 8), (9, 9), ("end", 9), (faults.before("end", 1), 8)])
def test_places_to_its_right_count_in_it(after, size):
    garbage, hang_up = faults.Garbage(size=9, seed=1), faults.HangUp(after)

    wire, has_fired = on_reply(Response(), garbage, hang_up)

    assert (drawn(size=9, seed=1)[:size], True) == (wire, hang_up in has_fired)


@pytest.mark.parametrize("at", [faults.body(0), faults.content(0), faults.header("Date"), faults.chunk(1)])
def test_places_of_a_reply_are_not_in_it(at):
    garbage = faults.Garbage(seed=1)

    assert (drawn(seed=1), [garbage]) == on_reply(Response(), garbage, faults.Corrupt(at))


def test_behind_a_fault_that_goes_silent_before_the_reply_it_is_never_sent():
    acts = through([faults.Stall(), faults.Garbage()], [Send(IMAGE), NextRequest()])

    assert ([], [faults.Stall()]) == (pieces(acts), fired(acts))


def test_a_stall_behind_it_keeps_the_connection():
    acts = through([faults.Garbage(seed=1), faults.Stall("end")], [Send(IMAGE), NextRequest()])

    assert not {ShutdownWrite, Drain, HoldUntil} & {type(act) for act in acts}


@pytest.mark.parametrize("text", ["faults.Garbage(seed=7)", "faults.Garbage(size=1, seed=-7)"])
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))
    assert eval(text) == eval(text)


def test_nothing_to_send_is_refused():
    with pytest.raises(errors.UsageError, match="size=0"):
        faults.Garbage(0)


@pytest.mark.parametrize("arguments", [{"size": "1"}, {"size": None}, {"seed": 1.5}, {"seed": "a"}, {"seed": True}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(errors.UsageTypeError, match=next(iter(arguments))):
        faults.Garbage(**arguments)
