from pytest_epoll import EpollServer
from pytest_epoll._core import timeline
from pytest_epoll._reporting import client_text
from pytest_epoll.testing import RawClient


def accepted(connection):
    return (0, connection, -1, timeline.ACCEPTED, 0, "127.0.0.1:5")


def goodbye(connection, kind=timeline.FIN_RECEIVED, detail=None):
    return (9, connection, -1, kind, 0, detail)


def head(connection, line=b"POST /orders", exchange=0):
    return (1, connection, exchange, timeline.HEAD, 30, line + b" HTTP/1.1\r\nHost: x\r\n\r\n")


def answer(connection, due, sent):
    return [
        (2, connection, 0, timeline.MATCHED, due, (0, 0, 200)),
        (3, connection, 0, timeline.SENT, sent, b"HTTP/1.1 200 OK\r\n"),
    ]


def test_a_client_that_does_everything_right_is_not_mentioned():
    assert client_text.describe([accepted(0), head(0), *answer(0, 38, 38), goodbye(0)]) == []


def test_connections_that_were_left_open_are_named():
    facts = [accepted(0), accepted(1), accepted(2), goodbye(1), goodbye(2, timeline.FIN_SENT, "half-close")]

    assert client_text.describe(facts) == ["2 connections are still open (c0, c2): is a response or a pool alive?"]


def test_of_many_connections_a_few_are_named():
    (line,) = client_text.describe([accepted(number) for number in range(10)])

    assert line.startswith("10 connections are still open (c0, c1, c2, c3, c4, c5 and 4 more)")


def test_a_reply_that_was_left_unread_is_named():
    facts = [accepted(0), head(0, b"GET /big"), *answer(0, 4155, 4155), goodbye(0, timeline.RST_RECEIVED)]

    assert client_text.describe(facts) == [
        "c0.0 GET /big: the client reset the connection behind 4155 bytes of the reply: closed before it was read?"
    ]


def test_a_reset_of_a_connection_that_got_nothing_says_nothing_about_a_reply():
    assert client_text.describe([accepted(0), head(0), goodbye(0, timeline.RST_RECEIVED)]) == []


def test_a_post_that_came_twice_is_named():
    facts = [accepted(0), head(0), *answer(0, 38, 0), goodbye(0), accepted(1), head(1), *answer(1, 38, 38), goodbye(1)]

    (line,) = client_text.describe(facts)

    assert line.startswith("POST /orders came twice (c0.0, c1.0), the first without a whole answer:")


def test_what_may_come_twice_is_not_named():
    facts = [
        accepted(0),
        head(0, b"PUT /x"),
        head(0, b"PUT /x", 1),
        head(0, b"GET /"),
        head(0, b"GET /", 1),
        goodbye(0),
    ]

    assert client_text.describe(facts) == []


def test_two_posts_with_bodies_of_different_sizes_are_two():
    body = (1, 0, 0, timeline.BODY, 7, None)
    ends = [(1, connection, 0, timeline.REQUEST_ENDED, 30, None) for connection in (0, 1)]
    facts = [accepted(0), head(0), body, ends[0], goodbye(0), accepted(1), head(1), ends[1], goodbye(1)]

    assert client_text.describe(facts) == []


def test_a_real_client_that_leaves_early_is_noticed():
    with EpollServer() as server:
        server.get("/big").respond(content=b"x" * 100_000)
        with RawClient(server.address) as client:
            client.send(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv_exactly(10)
        server.connections[0].wait_closed()

        (line,) = client_text.describe(server.facts())

    assert line.startswith("c0.0 GET /big: the client reset the connection behind ")


def test_real_clients_that_are_still_there_are_noticed():
    with EpollServer() as server, RawClient(server.address), RawClient(server.address):
        server.wait_for_connections(2)

        (line,) = client_text.describe(server.facts())

    assert line.startswith("2 connections are still open (c0, c1)")


def test_one_open_connection_is_what_a_pool_keeps():
    assert client_text.describe([accepted(0), head(0), *answer(0, 38, 38)]) == []
