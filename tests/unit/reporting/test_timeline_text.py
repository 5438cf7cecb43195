import pytest

from pytest_epoll import EpollServer
from pytest_epoll._core import timeline
from pytest_epoll._core.comparison import RouteLabel
from pytest_epoll._reporting import timeline_text
from pytest_epoll.errors import WaitTimeout
from pytest_epoll.testing import RawClient

ROUTES = {0: RouteLabel('get("/x")', "test_x.py:7", 2)}

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def rendered(*facts, routes=ROUTES):
    """The lines without the server's address."""
    return timeline_text.render(facts, url="http://127.0.0.1:1", routes=routes).splitlines()[1:]


def told(*facts):
    """What the lines say, without moments, names and the blanks between columns."""
    return [" ".join(line[12:].split()[1:]) for line in rendered(*facts)]


def fact(kind, size=0, detail=None, *, connection=0, exchange=0, at_ns=0):
    return (at_ns, connection, exchange, kind, size, detail)


def sent(data, **where):
    return fact(timeline.SENT, len(data), data[:256], **where)


def pieces(data, size):
    return [sent(data[start : start + size]) for start in range(0, len(data), size)]


# -- the shape --


def test_the_address_comes_first():
    assert timeline_text.render([], url="http://127.0.0.1:1") == "http://127.0.0.1:1"


def test_a_matched_request_names_the_route_and_where_it_was_registered():
    lines = rendered(fact(timeline.MATCHED, 0, (0, 0, 200)))

    assert lines == ['     0.0 ms c0.0   route get("/x"), test_x.py:7 reply 1 of 2']


def test_columns_stand_below_each_other_whatever_the_numbers():
    lines = rendered(
        fact(timeline.ACCEPTED, 0, "127.0.0.1:51022", connection=10, exchange=-1),
        fact(timeline.HEAD, 40, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", connection=10, exchange=12, at_ns=200_000),
        fact(timeline.SENT, 38, b"HTTP/1.1 200 OK\r\n\r\n", connection=10, exchange=12, at_ns=1_234_500_000),
    )

    assert lines == [
        "     0.0 ms c10      accepted from 127.0.0.1:51022",
        "     0.2    c10.12 > GET /a HTTP/1.1              40 bytes, 1 header",
        "  1234.5    c10.12 < HTTP/1.1 200 OK              38 bytes",
    ]


def test_a_long_route_is_shortened_and_keeps_its_place():
    route = RouteLabel(f'get("/{"x" * 100}")', "test_orders.py:12", 1)

    (line,) = rendered(fact(timeline.MATCHED, 0, (0, 0, 200)), routes={0: route})

    assert line.endswith("x..., test_orders.py:12 reply 1 of 1")
    assert len(line) < 90


def test_a_route_that_was_cleared_is_forgotten():
    assert told(fact(timeline.MATCHED, 0, (7, 0, 200))) == ["a route that was forgotten since reply 1"]


# -- what is sent --


def test_a_part_of_an_answer_says_of_how_much():
    lines = told(fact(timeline.MATCHED, 4155, (0, 0, 200)), sent(b"HTTP/1.1 200 OK\r\n" + b"x" * 120))

    assert lines[1:] == ["< HTTP/1.1 200 OK 137 of 4155 bytes"]


def test_chunks_are_shown_by_their_content():
    lines = told(sent(HEAD), sent(b"5\r\nfirst\r\n"), sent(b"7\r\nsec\nond\r\n"), fact(timeline.MARK, 0, "x"))

    assert lines == [
        "< HTTP/1.1 200 OK 47 bytes",
        "< chunk: first 10 bytes, 57 in all",
        "< chunk: sec\\nond 12 bytes, 69 in all",
        "mark 'x'",
    ]


def test_the_last_chunk_is_named():
    assert told(sent(HEAD), sent(b"0\r\n\r\n"))[1:] == ["< last chunk 5 bytes, 52 in all"]
    assert told(sent(HEAD), sent(b"0\r\nX: y\r\n\r\n"))[1:] == ["< last chunk 11 bytes, 58 in all"]


def test_what_only_looks_like_a_chunk_is_none():
    lines = told(sent(b"HTTP/1.1 200 OK\r\n\r\n"), sent(b"5\r\nother"))

    assert lines[1:] == ["< ... 5\\r\\nother 8 bytes, 27 in all"]


def test_sends_that_follow_each_other_are_one_line():
    lines = told(sent(HEAD), *[sent(b"1\r\n%d\r\n" % (number % 10)) for number in range(100)], sent(b"0\r\n\r\n"))

    assert lines == [
        "< HTTP/1.1 200 OK 47 bytes",
        "< chunks: 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 0 | 1... 101 sends, 605 bytes, 652 in all",
    ]


def test_two_sends_are_two_lines_and_so_are_those_with_something_in_between():
    other = fact(timeline.HEAD, 18, b"GET / HTTP/1.1\r\n\r\n", connection=1)

    assert len(told(sent(HEAD), *[sent(b"1\r\na\r\n")] * 2)) == 3
    assert len(told(sent(HEAD), *[sent(b"1\r\na\r\n")] * 2, other, *[sent(b"1\r\na\r\n")] * 2)) == 6


def test_pieces_that_the_client_read_one_by_one_are_one_line():
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 50
    facts = []
    for piece in pieces(answer, 23):
        facts += [piece, fact(timeline.PEER_READ, 0)]
    for piece in pieces(b"y" * 60, 10):
        facts += [piece, fact(timeline.PEER_READ, 0)]

    lines = told(*facts)

    assert lines[0] == "< HTTP/1.1 200 OK 23 bytes"
    assert lines[2:] == [
        f"< ... {'x' * 46}yyy... 8 sends, 106 bytes, 129 in all, each read by the client",
    ]


def test_pauses_between_pieces_are_said():
    facts = [sent(b"HTTP/1.1 200 OK\r\n\r\n")]
    for piece in pieces(b"z" * 8, 1):
        facts += [fact(timeline.PAUSED, 0, 0.5), piece]

    assert told(*facts)[2:] == ["< ... zzzzzzzz 8 sends, 8 bytes, 27 in all, pauses of 0.5 s"]


def test_a_status_line_in_pieces_is_put_together():
    lines = told(fact(timeline.MATCHED, 45, (0, 0, 200)), *pieces(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 4))

    assert lines[1:] == ["< HTTP/1.1 200 OK 10 sends, 40 bytes, 40 of 45"]


def test_waiting_for_a_client_that_does_not_read_is_said():
    lines = told(
        sent(b"HTTP/1.1 200 OK\r\n\r\n"),
        fact(timeline.SEND_BLOCKED, 4000, exchange=-1),
        sent(b"a" * 2000),
        fact(timeline.SEND_RESUMED, exchange=-1),
    )

    assert lines == [
        "< HTTP/1.1 200 OK 19 bytes",
        "! the client does not read 4000 bytes wait",
        f"< ... {'a' * 49}... 2000 bytes, 2019 in all",
        "the client reads again all is sent",
    ]


def test_an_interim_response_belongs_to_no_answer():
    lines = told(
        fact(timeline.CONTINUE_SENT),
        sent(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        fact(timeline.MATCHED, 100, (0, 0, 200)),
        sent(b"HTTP/1.1 200 OK\r\n\r\n"),
    )

    assert lines[:2] == ["< HTTP/1.1 100 Continue interim", "< HTTP/1.1 103 Early Hints 28 bytes, interim"]
    assert lines[3] == "< HTTP/1.1 200 OK 19 of 100 bytes"


def test_exchanges_that_are_alike_are_one_line():
    what = (19, b"GET / HTTP/1.1\r\n\r\n", 0, 0, 200, HEAD)
    facts = [timeline.uneventful(number * 10**6, 0, number, *what, number * 10**6) for number in range(1000)]

    lines = rendered(*facts)

    assert len(lines) == 4
    assert lines[-1].split(None, 2)[2] == "... 999 more exchanges like it c0.1 to c0.999, 998.0 ms"


# -- what is out of the ordinary --


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ([fact(timeline.UNMATCHED, 0, 'closest: get("/y")')], '! unmatched, answered 501 closest: get("/y")'),
        ([fact(timeline.UNMATCHED)], "! unmatched, answered 501 no route wants it"),
        ([fact(timeline.REFUSED, 413, "too large")], "! refused, answered 413 too large"),
        ([fact(timeline.REFUSED, 0, "no descriptor", exchange=-1)], "! refused no descriptor"),
        ([fact(timeline.REQUEST_ENDED, 89, "the client closed")], "! broken off: the client closed 89 bytes received"),
        ([fact(timeline.GATE, 0, ("gate 1", "reached"))], "at gate 1"),
        ([fact(timeline.GATE, 0, ("gate 1", "opened"))], "gate 1 opened"),
        ([fact(timeline.PAUSED, 0, 0.25)], "pausing for 0.25 s"),
        ([fact(timeline.STALLED)], "! stalled nothing more is sent or read"),
        ([fact(timeline.MARK, 0, "halfway")], "mark 'halfway'"),
        ([fact(timeline.STEP, 0, "read_head()")], "step read_head()"),
        ([fact(timeline.HANDLER_ERROR, 0, "handler f raised OSError: x")], "! handler f raised OSError: x"),
        ([fact(timeline.FAULT, 0, (0, 0, 0, "faults.Reset()"))], "! faults.Reset() fired"),
        ([fact(timeline.SEND_FAILED, 0, "ECONNRESET", exchange=-1)], "! sending failed ECONNRESET"),
        ([fact(timeline.UNOBSERVED, 9, "delivered: no sock_diag")], "! not seen: delivered no sock_diag"),
        ([fact(timeline.RECEIVED, 3, b"a\x00b")], "> raw: a\\x00b 3 bytes"),
        ([fact(timeline.DELIVERED, 137)], "delivered to the client 137 bytes in all"),
        ([fact(timeline.PEER_READ, 1)], "read by the client 1 byte in all"),
        ([fact(timeline.FIN_SENT, exchange=-1)], "< FIN closed by server"),
        ([fact(timeline.FIN_SENT, 0, "half-close", exchange=-1)], "< FIN half-close, the server goes on reading"),
        (
            [fact(timeline.RST_SENT, 0, "bytes were unread", exchange=-1)],
            "< RST closed by server, bytes were unread",
        ),
        ([fact(timeline.RST_RECEIVED, exchange=-1)], "> RST closed by client, a reset, or closed with bytes unread"),
        ([fact(timeline.ENDED, exchange=-1)], "ended"),
        ([fact("tls-handshake", 0, "TLSv1.3", exchange=-1)], "tls-handshake TLSv1.3"),
    ],
)
def test_everything_is_said_in_words(facts, line):
    assert told(*facts) == [line]


@pytest.mark.parametrize("nothing", [fact(timeline.DELIVERED), fact(timeline.REQUEST_ENDED, 9), fact(timeline.ARMED)])
def test_what_goes_without_saying_has_no_line(nothing):
    assert rendered(nothing) == []


def test_only_the_first_goodbye_closes():
    lines = told(
        fact(timeline.FIN_RECEIVED, exchange=-1),
        fact(timeline.FIN_SENT, exchange=-1),
        fact(timeline.ENDED, exchange=-1),
    )

    assert lines == ["> FIN closed by client", "< FIN"]


def test_a_refusal_says_its_reason_once():
    assert len(told(fact(timeline.REFUSED, 400, "no Host"), fact(timeline.REQUEST_ENDED, 18, "no Host"))) == 1


# -- secrets and hostile bytes --


def test_hostile_bytes_are_escaped():
    (line,) = rendered(fact(timeline.HEAD, 30, b"GET /\x1b[31m\x9b\xff HTTP/1.1\r\n\r\n"))

    assert "GET /\\x1b[31m\\x9b" in line
    assert line.isprintable()


def test_the_user_of_a_url_is_masked():
    assert told(fact(timeline.HEAD, 30, b"GET http://joe:pass@h/ HTTP/1.1\r\n\r\n"))[0].startswith(
        "> GET http://***@h/"
    )


@pytest.mark.parametrize("name", [b"Authorization", b"proxy-authorization", b"Cookie", b"Set-Cookie"])
@pytest.mark.parametrize("size", [1, 7, 20, 31, 64, 1000])
@pytest.mark.parametrize("padding", [0, 300])
def test_secrets_in_a_head_never_show_however_it_is_cut(name, size, padding):
    fields = b"X: %s\r\n%s: Bearer s3cr3t-s3cr3t" % (b"p" * padding, name)

    text = "\n".join(rendered(*pieces(b"HTTP/1.1 200 OK\r\n%s\r\n\r\nbody" % fields, size)))

    assert "s3cr3t" not in text
    assert "3cr3" not in text


def test_a_secret_in_a_body_that_echoes_the_request_is_masked():
    lines = told(sent(b"HTTP/1.1 200 OK\r\n\r\n"), sent(b"you sent\r\nauthorization: Basic s3cr3t\r\nAccept: x\r\n"))

    assert lines[1].startswith("< ... you sent\\r\\nauthorization: Basic ***\\r\\nAccept: x")


def test_behind_a_head_that_is_too_large_for_its_fact_chunks_are_still_known():
    head = b"HTTP/1.1 200 OK\r\nX: %s\r\n\r\n" % (b"x" * 400)

    lines = told(sent(head), sent(b"more"), fact(timeline.PAUSED, 0, 1.0), sent(b"3\r\nabc\r\n"))

    assert [lines[1], lines[3]] == ["< ... more 4 bytes, 428 in all", "< chunk: abc 8 bytes, 436 in all"]


# -- shortening and colours --


def lines_of(count, odd=()):
    return [
        "http://x",
        *[f"{place:8.1f}    c0.0 {'!' if place in odd else '>'} line {place}" for place in range(1, count)],
    ]


@pytest.mark.parametrize("limit", range(1, 60))
@pytest.mark.parametrize("odd", [(), (50,), range(20, 80, 7), range(1, 100)])
def test_a_shortened_timeline_has_at_most_as_many_lines_as_asked_for(limit, odd):
    shortened = timeline_text.shorten(lines_of(100, odd), limit)

    assert len(shortened) <= limit
    assert shortened[-1] == lines_of(100, odd)[-1]


def test_the_middle_is_left_out_but_for_what_is_out_of_the_ordinary():
    shortened = timeline_text.shorten(lines_of(100, odd=(40,)), 16)

    assert shortened[0] == "http://x"
    assert shortened[5:8] == [
        "... 35 lines; all of them with --epoll-trace=full",
        "    40.0    c0.0 ! line 40",
        "... 51 lines",
    ]
    assert shortened[-8:] == lines_of(100)[-8:]


@pytest.mark.parametrize("limit", [0, 100, 1000])
def test_a_timeline_that_fits_is_shown_whole(limit):
    assert timeline_text.shorten(lines_of(100), limit) == lines_of(100)


def test_the_text_of_an_error_ends_with_the_last_lines():
    lines = timeline_text.last_lines("\n".join(lines_of(100))).splitlines()

    assert lines[:3] == ["http://x", "... 85 earlier lines", lines_of(100)[86]]
    assert (len(lines), lines[-1]) == (16, lines_of(100)[-1])


def test_a_short_timeline_is_in_an_error_as_it_is():
    assert timeline_text.last_lines("http://x\none") == "http://x\none"


def test_an_expired_wait_shows_what_was_awaited_what_is_there_and_how_it_came_to_that():
    with EpollServer() as server, RawClient(server.address) as client:
        client.send(b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + b"x" * 40)
        server.wait_for_requests(1, state="head")
        with pytest.raises(WaitTimeout) as caught:
            server.wait_for_requests(1, timeout=0.01)

    lines = str(caught.value).splitlines()
    assert lines[0] == "waited 0.01 s for 1 request, 0 have ended"
    assert lines[1].startswith("  c0.0 POST /b  head and ")
    assert lines[2].startswith("http://127.0.0.1:")
    assert " ".join(lines[-1].split()[1:4]) == "c0.0 > POST"


def test_colours_change_nothing_but_the_colour():
    facts = [
        fact(timeline.HEAD, 18, b"GET / HTTP/1.1\r\n\r\n"),
        fact(timeline.UNMATCHED),
        sent(HEAD),
        fact(timeline.RST_SENT, exchange=-1),
    ]

    plain = timeline_text.render(facts, url="http://x")
    coloured = timeline_text.render(facts, url="http://x", colour=True)

    assert timeline_text.re.sub("\x1b\\[[0-9;]*m", "", coloured) == plain
    assert [line.partition("c0")[2].partition("\x1b[")[2].partition("m")[0] for line in coloured.splitlines()] == [
        "",
        "36",
        "31;1",
        "32",
        "31;1",
    ]


# -- a real server --


def test_a_real_stream_reads_as_it_was_sent():
    with EpollServer() as server:
        server.get("/s").respond(stream=[b"one", b"two"])
        with RawClient(server.address) as client:
            client.send(b"GET /s HTTP/1.1\r\nHost: x\r\nCookie: sid=s3cr3t\r\nConnection: close\r\n\r\n")
            client.read_to_end()
        server.connections[0].wait_ended()
        text = str(server.timeline)

    assert [" ".join(line[12:].split()[1:]) for line in text.splitlines()[4:]] == [
        "< HTTP/1.1 200 OK 66 bytes",
        "< chunks: one | two 3 sends, 21 bytes, 87 in all",
        "< FIN closed by server",
        "> FIN",
    ]
    assert "s3cr3t" not in text


# -- the listener --


def test_a_listener_that_does_not_accept_is_out_of_the_ordinary():
    def told_of(words):
        return fact(timeline.LISTENER, detail=words, connection=-1, exchange=-1)

    lines = rendered(told_of("refuses connections"), told_of("accepts connections on [::1]:80"))

    assert [
        "     0.0 ms -    ! the listener refuses connections who connects now is not on record",
        "     0.0    -      the listener accepts connections on [::1]:80",
    ] == lines
