import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll._core import timeline
from pytest_epoll._reporting.wire_note import note
from pytest_epoll.testing import RawClient

ACCEPTED = (0, 0, -1, timeline.ACCEPTED, 0, "127.0.0.1:5")
HEAD = (1, 0, 0, timeline.HEAD, 30, b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
READ = (1, 0, 0, timeline.REQUEST_ENDED, 30, None)
MATCHED = (2, 0, 0, timeline.MATCHED, 4155, (0, 0, 200))
SENT = (3, 0, 0, timeline.SENT, 137, b"HTTP/1.1 200 OK\r\n\r\n")
WHOLE = (3, 0, 0, timeline.SENT, 4155, b"HTTP/1.1 200 OK\r\n\r\n")
DELIVERED = (4, 0, 0, timeline.DELIVERED, 137, None)
FIRED = (4, 0, 0, timeline.FAULT, 0, (0, 0, 0, "faults.Reset(after=137)"))
RST = (5, 0, -1, timeline.RST_SENT, 0, None)
HALF_CLOSE = (5, 0, -1, timeline.FIN_SENT, 0, "half-close")
CLIENT_FIN = (9, 0, -1, timeline.FIN_RECEIVED, 0, None)
BEGUN = (ACCEPTED, HEAD, READ, MATCHED)


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        (
            (*BEGUN, SENT, FIRED, DELIVERED, RST),
            "c0.0 GET /big: 137 of 4155 bytes delivered, then RST (faults.Reset(after=137))",
        ),
        (
            (*BEGUN, SENT, (4, 0, 0, timeline.FAULT, 0, (0, 0, 0, "faults.Stall(after=137)"))),
            "c0.0 GET /big: 137 of 4155 bytes sent, then nothing more (faults.Stall(after=137))",
        ),
        (
            (*BEGUN, SENT, CLIENT_FIN),
            "c0.0 GET /big: 137 of 4155 bytes sent; then the client closed",
        ),
        (
            (*BEGUN, SENT, (4, 0, 0, timeline.FAULT, 0, (0, 0, 0, "faults.HalfClose(after=137)")), HALF_CLOSE),
            "c0.0 GET /big: 137 of 4155 bytes sent, then FIN as a half-close (faults.HalfClose(after=137))",
        ),
        (
            (*BEGUN, SENT, HALF_CLOSE, CLIENT_FIN),
            "c0.0 GET /big: 137 of 4155 bytes sent; then FIN as a half-close, then the client closed",
        ),
        (
            (*BEGUN, (3, 0, 0, timeline.PAUSED, 0, 30.0), CLIENT_FIN),
            "c0.0 GET /big: nothing of 4155 bytes sent; pausing for 30 s; then the client closed",
        ),
        (
            (*BEGUN, (3, 0, 0, timeline.GATE, 0, ("gate 2", "reached"))),
            "c0.0 GET /big: nothing of 4155 bytes sent; waiting at gate 2",
        ),
        (
            (*BEGUN, SENT, (4, 0, -1, timeline.SEND_BLOCKED, 4018, None)),
            "c0.0 GET /big: 137 of 4155 bytes sent; the client does not read",
        ),
        (
            (ACCEPTED, HEAD, READ, (2, 0, 0, timeline.UNMATCHED, 0, 'closest: get("/bag"), t.py:1: path differs')),
            'c0.0 GET /big: unmatched, answered 501; closest: get("/bag"), t.py:1: path differs',
        ),
        (
            (ACCEPTED, HEAD, (1, 0, 0, timeline.REFUSED, 413, "the body is too large")),
            "c0.0 GET /big: refused with 413: the body is too large",
        ),
        (
            (ACCEPTED, (1, 0, 0, timeline.REFUSED, 400, "no Host")),
            "c0.0 (no complete head): refused with 400: no Host",
        ),
        (
            (ACCEPTED, HEAD, (2, 0, 0, timeline.REQUEST_ENDED, 70, "the client closed after 40 of 100 body bytes")),
            "c0.0 GET /big: the request broke off: the client closed after 40 of 100 body bytes",
        ),
        ((ACCEPTED, HEAD), "c0.0 GET /big: the request has not come to its end"),
        (
            (*BEGUN, (3, 0, 0, timeline.HANDLER_ERROR, 0, "handler f raised OSError: x"), WHOLE),
            "c0.0 GET /big: handler f raised OSError: x; answered 200",
        ),
        ((ACCEPTED, CLIENT_FIN), "c0 was accepted, no request came; then the client closed"),
        (
            (ACCEPTED, (1, 0, -1, timeline.REFUSED, 0, "no descriptor")),
            "c0 was refused: no descriptor",
        ),
    ],
)  # fmt: skip
def test_the_wires_side_is_one_line(facts, text):
    assert note(facts) == f"wire: {text}"


def test_an_uneventful_exchange_is_not_worth_a_line():
    assert note((*BEGUN, WHOLE, CLIENT_FIN)) == ""


def test_a_stream_that_came_to_its_end_is_uneventful():
    stream = [(3, 0, 0, timeline.SENT, 47, b"HTTP/1.1 200 OK\r\n\r\n"), (4, 0, 0, timeline.SENT, 5, b"0\r\n\r\n")]

    assert note((ACCEPTED, HEAD, READ, (2, 0, 0, timeline.MATCHED, 0, (0, 0, 200)), *stream)) == ""


def test_a_server_that_nobody_reached_says_so():
    assert note([]) == "wire: no connection reached the server"
    assert note([], url="http://127.0.0.1:1", is_running=False) == (
        "wire: no connection reached the server at http://127.0.0.1:1, which has been stopped"
    )


NOBODY = (timeline.NO_CONNECTION, timeline.NO_EXCHANGE)
REFUSES = (5, *NOBODY, timeline.LISTENER, 0, "refuses connections")
LEAVES = (5, *NOBODY, timeline.LISTENER, 0, "leaves connects unanswered")
ACCEPTS = (6, *NOBODY, timeline.LISTENER, 0, "accepts connections")


def test_a_listener_that_does_not_accept_says_so():
    assert note([REFUSES]) == "wire: no connection reached the server, which refuses connections"
    assert note([LEAVES], url="http://127.0.0.1:1") == (
        "wire: no connection reached the server at http://127.0.0.1:1, which leaves connects unanswered"
    )
    assert note((*BEGUN, WHOLE, CLIENT_FIN, REFUSES)) == "wire: the server refuses connections"


def test_a_listener_whose_block_the_exception_has_left_says_so():
    assert note([REFUSES, ACCEPTS]) == ("wire: no connection reached the server, which refused connections until then")
    assert note((*BEGUN, WHOLE, CLIENT_FIN, LEAVES, ACCEPTS)) == (
        "wire: the server left connects unanswered until then"
    )


def test_a_listener_that_has_accepted_since_is_not_worth_a_line():
    assert note((REFUSES, ACCEPTS, *BEGUN, WHOLE, CLIENT_FIN)) == ""


def test_a_server_that_was_stopped_says_so():
    text = note((*BEGUN, WHOLE, CLIENT_FIN), url="http://127.0.0.1:1", is_running=False)

    assert text == "wire: the server at http://127.0.0.1:1 has been stopped"


def test_the_last_exchange_is_the_one_that_counts():
    again = [
        (10, 1, -1, timeline.ACCEPTED, 0, "127.0.0.1:6"),
        (11, 1, 0, timeline.HEAD, 30, b"GET /other HTTP/1.1\r\n\r\n"),
    ]

    assert note((*BEGUN, WHOLE, *again)).startswith("wire: c1.0 GET /other: ")


def test_hostile_bytes_stay_on_the_line():
    text = note((ACCEPTED, (1, 0, 0, timeline.HEAD, 30, b"GET /\x1b\x9b HTTP/1.1\r\n\r\n")))

    assert text.isprintable()


def test_a_real_reset_is_told_as_it_was():
    with EpollServer() as server:
        server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
        with RawClient(server.address) as client:
            client.send(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            client.read_to_end()
        text = note(server.facts())

    assert text == "wire: c0.0 GET /big: 137 of 4137 bytes delivered, then RST (faults.Reset(after=137))"


@pytest.mark.parametrize(
    "how",
    [
        {"stream": [b"a", b"b"]},
        {"stream": [b"a", b"b"], "trailers": {"X-Sum": "1"}},
        {"stream": [b"a", b"b"], "http_version": "1.0"},
    ],
    ids=["chunked", "trailers", "ended by FIN"],
)
def test_a_stream_that_was_sent_whole_is_nothing_to_tell(how):
    with EpollServer() as server:
        server.get("/").respond(**how)
        with RawClient(server.address) as client:
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            client.read_to_end()
        server.connections[0].wait_ended()

        assert note(server.facts()) == ""
