from pytest_epoll._core import timeline
from pytest_epoll._reporting import timeline_text


def rendered(*facts):
    return timeline_text.render(facts, url="http://127.0.0.1:1", routes={0: 'get("/x"), test_x.py:7'}).splitlines()[1:]


def test_a_matched_request_names_the_route_and_where_it_was_registered():
    lines = rendered((0, 0, 0, timeline.MATCHED, 0, (0, 0, 200)))

    assert lines == ['     0.0 ms c0.0   route get("/x"), test_x.py:7             reply 1']


def test_what_reached_the_client_is_said_in_words():
    lines = rendered(
        (0, 0, 0, timeline.DELIVERED, 137, None),
        (1_000_000, 0, 0, timeline.PEER_READ, 137, None),
    )

    assert lines == [
        "     0.0 ms c0.0   delivered to the client                  137 bytes in all",
        "     1.0    c0.0   read by the client                       137 bytes in all",
    ]


def test_nothing_delivered_is_not_worth_a_line():
    assert rendered((0, 0, 0, timeline.DELIVERED, 0, None)) == []


def test_waiting_and_blocking_are_said_in_words():
    lines = rendered(
        (0, 0, 0, timeline.PAUSED, 0, 0.25),
        (0, 0, 0, timeline.GATE, 0, ("gate 1", "reached")),
        (0, 0, 0, timeline.GATE, 0, ("gate 1", "opened")),
        (0, 0, 0, timeline.SEND_BLOCKED, 4096, None),
        (0, 0, 0, timeline.SEND_RESUMED, 0, None),
        (0, 0, 0, timeline.SEND_FAILED, 0, "EPIPE"),
        (0, 0, 0, timeline.HANDLER_ERROR, 0, "handler f of test_x.py:9 raised KeyError: 1"),
    )

    assert [line[17:] for line in lines] == [
        "  waits 0.25 s",
        "  waits at gate 1",
        "  gate 1 was opened",
        "  blocked: the client does not read        4096 bytes left",
        "  goes on: the client has read",
        "! could not be sent                        EPIPE",
        "! handler f of test_x.py:9 raised KeyError: 1",
    ]


def test_a_later_piece_shows_its_bytes_and_not_its_first_line():
    """The first line of a chunk is its size, which says nothing about what is in it."""
    lines = rendered(
        (0, 0, 0, timeline.SENT, 40, b"HTTP/1.1 200 OK\r\n..."),
        (0, 0, 0, timeline.SENT, 8, b"3\r\none\r\n"),
    )

    assert lines[1] == r"     0.0    c0.0 < ... 3\r\none\r\n                         48 bytes"
