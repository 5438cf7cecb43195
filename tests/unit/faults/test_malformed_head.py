import pytest

from fault_acts import fired, on_reply, pieces, sent, through
from pytest_epoll import Response, errors, faults
from pytest_epoll._core.acts import Fired, NextRequest, Send
from pytest_epoll._core.image import Image

IMAGE = Image(b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\r\n", b"hello")  # 15 + 2, 4 + 2, 17 + 2, 2, 5 bytes
REST = b"A: b\r\nContent-Length: 5\r\n\r\nhello"
LONG = b"HTTP/1.1 200 " + b"x" * 65536


@pytest.mark.parametrize(
    "line", [b"HTTP/0.5 200 OK", b"HTTP/1.1 001 OK", b"HTTP/1.1 400.100 OK", b"HELLO", b"", b"\xff\0\n", LONG], ids=len
)
def test_the_status_line_is_another_one(line):
    fault = faults.MalformedHead(status_line=line)

    assert [Fired(fault), Send(Image(line + b"\r\n" + REST[:-5], b"hello")), NextRequest()] == (
        through([fault], [Send(IMAGE), NextRequest()])
    )


@pytest.mark.parametrize("line", [b" folded", b"no colon", b": no name", b"", b"A\0: b", b"x" * 65536], ids=len)
def test_a_line_more_stands_behind_the_status_line(line):
    fault = faults.MalformedHead(line=line)
    acts = through([fault], [Send(IMAGE), NextRequest()])

    assert (b"HTTP/1.1 200 OK\r\n" + line + b"\r\n" + REST, [fault]) == (sent(acts), fired(acts))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a", b"HTTP/1.1 200 OK\r\nA: b\r\n\tc\r\nContent-Length: 5\r\n\r\nhello"),
        ("Content-Length", b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5\r\n\tc\r\n\r\nhello"),
    ],
)
def test_a_line_more_may_stand_behind_a_field(name, head):
    fault = faults.MalformedHead(line=b"\tc", after=faults.header(name))

    assert head == sent(through([fault], [Send(IMAGE), NextRequest()]))


@pytest.mark.parametrize(
    "fault",
    [
        faults.MalformedHead(status_line=b"HTTP/1.1 200 OK"),
        faults.MalformedHead(line=b"x", after=faults.header("X-No")),
    ],
)
def test_what_changes_nothing_does_not_fire(fault):
    acts = [Send(IMAGE), NextRequest()]

    assert acts == through([fault], acts)


@pytest.mark.parametrize(
    ("response", "fault", "wire"),
    [
        (Response(204), faults.MalformedHead(line=b"x"), b"HTTP/1.1 204 No Content\r\nx\r\n\r\n"),
        (
            Response(stream=list),
            faults.MalformedHead(status_line=b"x"),
            b"x\r\nTransfer-Encoding: chunked\r\n\r\n",
        ),
        (Response(raw=b"A\r\nB\r\n\r\nC"), faults.MalformedHead(status_line=b"x"), b"x\r\nB\r\n\r\nC"),
        (Response(raw=b"A\r\nB\r\n\r\nC"), faults.MalformedHead(line=b"x"), b"A\r\nx\r\nB\r\n\r\nC"),
        (Response(raw=b"A"), faults.MalformedHead(status_line=b"x"), b"x"),
    ],
)
def test_every_kind_of_reply_has_a_head(response, fault, wire):
    assert (wire, [fault]) == on_reply(response, fault)


@pytest.mark.parametrize("raw", [b"A", b""])
def test_where_no_line_ends_none_comes_behind_it(raw):
    assert (raw, []) == on_reply(Response(raw=raw), faults.MalformedHead(line=b"x"))


def test_interim_responses_are_left_alone():
    interim = Image(b"HTTP/1.1 103 Early Hints\r\n\r\n", is_interim=True)
    acts = through([faults.MalformedHead(status_line=b"x")], [Send(interim), Send(IMAGE), NextRequest()])

    assert [interim.joined(), b"x\r\n" + REST] == pieces(acts)


# -- with others --


def test_pieces_cut_to_its_left_stay_pieces():
    plan = [faults.PartialWrites(size=10), faults.MalformedHead(status_line=b"12345678901234567890")]

    assert [b"1234567890", b"1234567890\r\nA: ", b"b\r\nContent", b"-Length: 5", b"\r\n\r\nhello"] == (
        pieces(through(plan, [Send(IMAGE), NextRequest()]))
    )


@pytest.mark.parametrize(("after", "size"), [("head", 30), (faults.header("A"), 9), (faults.half_of("status-line"), 0)])
def test_places_to_its_right_count_in_the_head_that_it_made(after, size):
    plan = [faults.MalformedHead(status_line=b"x"), faults.HangUp(after)]
    acts = through(plan, [Send(IMAGE), NextRequest()])

    assert ((b"x\r\n" + REST)[:size], plan) == (sent(acts), fired(acts))


def test_a_status_line_and_lines_take_several_of_them():
    plan = [
        faults.MalformedHead(line=b"C"),
        faults.MalformedHead(status_line=b"x"),
        faults.MalformedHead(line=b"B"),
        faults.WrongContentLength(delta=1),
    ]
    acts = through(plan, [Send(IMAGE), NextRequest()])

    assert (b"x\r\nB\r\nC\r\nA: b\r\nContent-Length: 6\r\n\r\nhello", plan) == (sent(acts), fired(acts))


@pytest.mark.parametrize(("after", "has_fired"), [(16, False), (17, True), (18, True)])
def test_behind_a_cut_a_line_is_sent_if_the_cut_lies_behind_its_place(after, has_fired):
    """A cut in the very place comes before it."""
    plan = [faults.HangUp(after), faults.MalformedHead(line=b"x")]
    acts = through(plan, [Send(IMAGE), NextRequest()])

    assert (after > 17) == (plan[1] in fired(acts))
    assert (IMAGE.joined()[:after] if after <= 17 else b"HTTP/1.1 200 OK\r\nx\r\nA") == sent(acts)


@pytest.mark.parametrize(
    "text",
    [
        "faults.MalformedHead(status_line=b'HTTP/0.5 200 OK')",
        "faults.MalformedHead(line=b'x', after=faults.header('A'))",
    ],
)
def test_the_repr_is_code_to_paste(text):
    assert text == repr(eval(text))
    assert eval(text) == eval(text)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"status_line": b"a", "line": b"b"},
        {"status_line": b"a", "after": faults.header("A")},
        {"line": b"a", "after": "head"},
        {"line": b"a", "after": 3},
        {"line": b"a", "after": faults.body(1)},
    ],
)
def test_what_cannot_mean_anything_is_refused(arguments):
    with pytest.raises(errors.UsageError, match=r"line|after"):
        faults.MalformedHead(**arguments)


@pytest.mark.parametrize("arguments", [{"status_line": "a"}, {"line": 5}, {"line": b"a", "after": 1.5}])
def test_a_wrong_type_is_a_type_error(arguments):
    with pytest.raises(errors.UsageTypeError, match=r"line|after"):
        faults.MalformedHead(**arguments)
