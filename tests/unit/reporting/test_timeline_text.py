from pytest_epoll._core import timeline
from pytest_epoll._reporting import timeline_text


def rendered(*facts):
    return timeline_text.render(facts, url="http://127.0.0.1:1", routes=['get("/x"), test_x.py:7']).splitlines()[1:]


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
