import pytest

from fault_acts import fired, on_reply, pieces, sent, through
from pytest_epoll import Response, errors, faults
from pytest_epoll._core.acts import Drain, Fired, NextRequest, Send, ShutdownWrite
from pytest_epoll._core.image import Image

HELLO = Response(content=b"hello")
IMAGE = Image(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello")  # 38 + 5 bytes


def said(value, body=b"hello"):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n%s" % (value, body)


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ({"value": 0}, b"0"),
        ({"value": 4}, b"4"),
        ({"value": 6}, b"6"),
        ({"value": -1}, b"-1"),
        ({"value": 2**64}, b"18446744073709551616"),
        ({"value": "5, 6"}, b"5, 6"),
        ({"value": b"+5"}, b"+5"),
        ({"value": "five"}, b"five"),
        ({"value": ""}, b""),
        ({"delta": 1}, b"6"),
        ({"delta": -1}, b"4"),
        ({"delta": 95}, b"100"),
        ({"delta": -6}, b"-1"),
    ],
)
def test_only_the_value_is_another_one(arguments, value):
    fault = faults.WrongContentLength(**arguments)

    assert (said(value), [fault]) == on_reply(HELLO, fault)


def test_it_fires_before_the_head_is_sent_and_the_reply_goes_on():
    fault = faults.WrongContentLength(value=7)

    assert [Fired(fault), Send(Image(said(b"7", b""), b"hello")), NextRequest()] == (
        through([fault], [Send(IMAGE), NextRequest()])
    )


@pytest.mark.parametrize("value", [5, "5", b"5"])
def test_the_right_length_is_no_lie_and_does_not_fire(value):
    acts = [Send(IMAGE), NextRequest()]

    assert acts == through([faults.WrongContentLength(value=value)], acts)


@pytest.mark.parametrize(
    ("response", "head"),
    [
        (Response(204), b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n"),
        (Response(304), b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n"),
        (
            Response(stream=[b"hello"]),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
        (
            Response(content=b"hello", headers={"Content-Length": None}),
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 3\r\n\r\nhello",
        ),
        (Response(raw=b"HTTP/1.1 200 OK\r\n\r\nhello"), b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello"),
        (Response(raw=b"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\n"), b"HTTP/1.1 200 OK\r\ncontent-length:3\r\n\r\n"),
        (
            Response(headers=[("Content-Length", "a"), ("Content-Length", "b")]),
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: b\r\n\r\n",
        ),
    ],
)
def test_without_a_length_the_line_is_added_and_of_a_repeated_one_the_first_changes(response, head):
    fault = faults.WrongContentLength(value=3)

    assert (head, [fault]) == on_reply(response, fault)


def test_a_head_that_does_not_end_gets_no_line():
    response = Response(raw=b"HTTP/1.1 200 OK\r\nA: b")

    assert (b"HTTP/1.1 200 OK\r\nA: b", []) == on_reply(response, faults.WrongContentLength(value=3))


def test_interim_responses_are_left_alone():
    interim = Image(b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", is_interim=True)
    acts = through([faults.WrongContentLength(value=7)], [Send(interim), Send(IMAGE), NextRequest()])

    assert [interim.joined(), said(b"7")] == pieces(acts)


@pytest.mark.parametrize(
    "response",
    [
        Response(204),
        Response(stream=[b"hello"]),
        Response(stream=lambda: [b"hello"]),
        Response(content=b"hello", headers={"Content-Length": None}),
        Response(content=b"hello", headers={"Content-Length": "many"}),
        Response(content=b"hello", trailers={"A": "b"}),
        Response(raw=b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
)
def test_delta_needs_a_length(response):
    fault = faults.WrongContentLength(delta=1)
    with pytest.raises(errors.UsageError, match="use value= to add one"):
        fault.check(response)

    assert fired(through([fault], [Send(Image(b"HTTP/1.1 200 OK\r\n\r\n")), NextRequest()])) == []


@pytest.mark.parametrize(
    "response",
    [HELLO, Response(stream=[], headers={"Content-Length": "0"}), Response(raw=b"A\r\nContent-Length: 5 \r\n")],
)
def test_delta_is_fine_with_a_length(response):
    faults.WrongContentLength(delta=1).check(response)


# -- with others --


def test_pieces_cut_to_its_left_stay_pieces():
    plan = [faults.PartialWrites(cuts=(20, 34, 38, 40)), faults.WrongContentLength(value=1000)]

    assert [b"HTTP/1.1 200 OK\r\nCon", b"tent-Length: 1000", b"\r\n\r\n", b"he", b"llo"] == (
        pieces(through(plan, [Send(IMAGE), NextRequest()]))
    )


def test_it_fires_with_the_piece_that_has_the_value():
    plan = [faults.PartialWrites(cuts=(33,)), faults.WrongContentLength(value=1000)]
    acts = through(plan, [Send(IMAGE), NextRequest()])

    assert [b"HTTP/1.1 200 OK\r\nContent-Length: ", b"1000\r\n\r\nhello"] == pieces(acts)
    assert [Send, Fired, Fired, Send, NextRequest] == [type(act) for act in acts]


@pytest.mark.parametrize(("after", "size"), [("head", 41), (faults.body(1), 42), (41, 41), (40, 40), ("end", 46)])
def test_places_to_its_right_count_in_the_head_that_it_made(after, size):
    plan = [faults.WrongContentLength(value=1000), faults.HangUp(after)]
    acts = through(plan, [Send(IMAGE), NextRequest()])

    assert (said(b"1000")[:size], plan) == (sent(acts), fired(acts))


@pytest.mark.parametrize(("after", "has_fired"), [(33, False), (34, True), (35, True)])
def test_behind_a_cut_it_fires_if_the_value_goes_out(after, has_fired):
    plan = [faults.HangUp(after), faults.WrongContentLength(value=7)]
    acts = through(plan, [Send(IMAGE), NextRequest()])

    assert said(b"7")[:after] == sent(acts)
    assert has_fired == (plan[1] in fired(acts))


def test_two_of_them_add_up():
    plan = [faults.WrongContentLength(value=1000), faults.WrongContentLength(delta=-1)]

    assert (said(b"999"), plan) == on_reply(HELLO, *plan)


def test_a_connection_that_ends_with_the_reply_still_does():
    fault = faults.WrongContentLength(value=7)

    assert [ShutdownWrite(), Drain()] == through([fault], [Send(IMAGE), ShutdownWrite(), Drain()])[-2:]


@pytest.mark.parametrize(
    "text",
    [
        "faults.WrongContentLength(value=0)",
        "faults.WrongContentLength(value=b'a')",
        "faults.WrongContentLength(delta=-1)",
    ],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))


@pytest.mark.parametrize(
    "arguments", [{}, {"value": 1, "delta": 1}, {"delta": 0}, {"value": "1\r\nA: b"}, {"value": 10**1000}]
)
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError, match=r"value|delta"):
        faults.WrongContentLength(**arguments)


@pytest.mark.parametrize("arguments", [{"value": 1.5}, {"value": True}, {"delta": "1"}, {"delta": 1.0}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(errors.UsageTypeError, match=r"value|delta"):
        faults.WrongContentLength(**arguments)
