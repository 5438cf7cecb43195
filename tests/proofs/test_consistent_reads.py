"""L1: whatever the client's kernel had done before a read is in the record, without any wait.

A scene lets a client do something, reads the record at once and returns what must be there and what was there. Every
scene is played many times with the client in each place; and each is played once more with the barrier switched off,
where it must come out wrong sooner or later: only then does it prove anything.
"""

from __future__ import annotations

import select

import pytest

from pytest_epoll import errors, faults
from pytest_epoll._core import clock

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
HUNDRED = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes
POST = b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n"


def register(server):
    server.get("/x").respond(content=b"ok")
    server.post("/up").respond(content=b"ok")
    server.get("/closing").respond(content=b"ok", headers={"Connection": "close"})
    server.get("/reset").respond(content=b"x" * 100, fault=faults.Reset(after=137))
    server.get("/pieces").respond(content=b"ok", fault=faults.PartialWrites(cuts=(1, "head"), until_read=True))


def ask(client, path):
    client.send(b"GET %s HTTP/1.1\r\nHost: test\r\n\r\n" % path)


def latest(server, client):
    """The last connection on record, which must be that client's: the one before it might look just the same."""
    connection = server.connections[-1]
    assert client.address == connection.client_address
    return connection


def kinds(connection):
    return [event.kind for event in connection.events]


# -- scenes --


def connecting(server, place):
    before = server.connections
    with place.connect(server.address):
        return (len(before) + 1, True), (len(server.connections), server.connections[-1].is_open)


def closing(server, place):
    client = place.connect(server.address)
    client.close()
    connection = latest(server, client)
    return ("client", "fin", False), (connection.closed_by, connection.closed_how, connection.is_open)


def closing_after_an_answer(server, place):
    client = place.connect(server.address)
    ask(client, b"/x")
    client.recv_exactly(len(OK))
    client.close()
    connection = latest(server, client)
    return ("client", "fin", 1), (connection.closed_by, connection.closed_how, len(connection.requests))


def half_closing(server, place):
    with place.connect(server.address) as client:
        client.shutdown()
        connection = latest(server, client)
        return ("client", "fin", True), (
            connection.closed_by,
            connection.closed_how,
            "fin-received" in kinds(connection),
        )


def resetting(server, place):
    client = place.connect(server.address)
    client.reset()
    connection = latest(server, client)
    return ("client", "rst", "rst-received"), (connection.closed_by, connection.closed_how, kinds(connection)[1])


def closing_with_a_byte_unread(server, place):
    """The client's kernel turns such a close into RST: that the client read to the end can be asserted."""
    client = place.connect(server.address)
    ask(client, b"/x")
    client.recv_exactly(len(OK) - 1)
    client.close()
    connection = latest(server, client)
    return ("client", "rst"), (connection.closed_by, connection.closed_how)


def sending_a_part_of_a_head(server, place):
    with place.connect(server.address) as client:
        client.send(b"GET /x HT")
        connection = latest(server, client)
        return (9, 0, True), (connection.bytes_received, len(connection.requests), connection.is_open)


def sending_a_part_of_a_body(server, place):
    with place.connect(server.address) as client:
        client.send(POST)
        first = latest(server, client).requests[-1]
        before = (first.complete, first.body_so_far)
        client.send(b"y" * 40)
        return (
            (None, b""),
            (None, b"y" * 40),
            len(POST) + 40,
        ), (before, (first.complete, first.body_so_far), latest(server, client).bytes_received)


def breaking_off_a_body(server, place):
    client = place.connect(server.address)
    client.send(POST + b"y" * 40)
    client.close()
    request = latest(server, client).requests[-1]
    return (False, b"y" * 40, "the client closed after 40 of 100 body bytes"), (
        request.complete,
        request.body,
        request.error,
    )


def breaking_off_a_body_by_reset(server, place):
    with place.connect(server.address) as client:
        client.send(POST + b"y" * 40)
        assert len(POST) + 40 == latest(server, client).bytes_received  # an RST throws away what was not read yet
        client.reset()
    request = latest(server, client).requests[-1]
    return (False, b"y" * 40, "the client reset the connection"), (request.complete, request.body, request.error)


def reading_an_answer(server, place):
    with place.connect(server.address) as client:
        ask(client, b"/x")
        client.recv_exactly(len(OK))
        request = latest(server, client).requests[-1]
        return (True, True, 200, len(OK), 2, len(server.requests)), (
            request == server.last_request,
            request.complete,
            request.response_status,
            request.response_bytes_sent,
            request.response_body_bytes_sent,
            request.route.call_count,
        )


def reading_an_answer_and_the_timeline(server, place):
    with place.connect(server.address) as client:
        ask(client, b"/x")
        client.recv_exactly(len(OK))
        index = latest(server, client).index
        return ["accepted", "head", "request-ended", "matched", "sent"], [
            event.kind for event in server.timeline if event.connection == index
        ]


def reading_an_answer_of_many_steps(server, place):
    with place.connect(server.address) as client:
        ask(client, b"/pieces")
        pieces = client.reads(len(OK))
        connection = latest(server, client)
        return ([OK[:1], OK[1:38], OK[38:]], [1, 37, 2], len(OK)), (
            pieces,
            [event.size for event in connection.events if event.kind == "sent"],
            connection.bytes_sent,
        )


def reading_three_pipelined_answers(server, place):
    with place.connect(server.address) as client:
        client.send(GET * 3)
        client.recv_exactly(len(OK) * 3)
        connection = latest(server, client)
        return [(0, 200, len(OK)), (1, 200, len(OK)), (2, 200, len(OK))], [
            (request.exchange_index, request.response_status, request.response_bytes_sent)
            for request in connection.requests
        ]


def reading_the_answer_before_a_fin(server, place):
    """The client has not asked for the end yet: the FIN is recorded in the turn that sent the answer."""
    with place.connect(server.address) as client:
        ask(client, b"/closing")
        client.recv_exactly(len(CLOSING))
        connection = latest(server, client)
        return ("server", "fin", "fin-sent"), (connection.closed_by, connection.closed_how, kinds(connection)[-1])


def reading_the_bytes_before_an_rst(server, place):
    with place.connect(server.address) as client:
        ask(client, b"/reset")
        data = client.recv_exactly(137)
        connection = latest(server, client)
        return (HUNDRED[:137], "server", "rst", ["fault", "delivered", "rst-sent", "ended"]), (
            data,
            connection.closed_by,
            connection.closed_how,
            kinds(connection)[-4:],
        )


def seeing_an_rst(server, place):
    with place.connect(server.address) as client:
        ask(client, b"/reset")
        data, how = client.read_to_end()
        connection = latest(server, client)
        return (HUNDRED[:137], "rst", 137), (data, how, connection.bytes_sent)


def being_unmatched(server, place):
    before = len(server.unmatched)
    with place.connect(server.address) as client:
        ask(client, b"/nobody-wants-this")
        assert b"HTTP/1.1 501" == client.recv()[:12]
        return (before + 1, True), (
            len(server.unmatched),
            "unmatched" in {finding.kind for finding in server.findings()},
        )


def closing_eight_at_once(server, place):
    clients = [place.connect(server.address) for _ in range(8)]
    for client in clients:
        client.close()
    return [("client", client.address) for client in clients], [
        (connection.closed_by, connection.client_address) for connection in server.connections[-8:]
    ]


SCENES = (
    connecting,
    closing,
    closing_after_an_answer,
    half_closing,
    resetting,
    closing_with_a_byte_unread,
    sending_a_part_of_a_head,
    sending_a_part_of_a_body,
    breaking_off_a_body,
    breaking_off_a_body_by_reset,
    reading_an_answer,
    reading_an_answer_and_the_timeline,
    reading_an_answer_of_many_steps,
    reading_three_pipelined_answers,
    reading_the_answer_before_a_fin,
    reading_the_bytes_before_an_rst,
    closing_eight_at_once,
)

WRITTEN_FIRST = (seeing_an_rst, being_unmatched)
"""What is noted down before the bytes leave by which the client could know; the barrier has no part in it."""


@pytest.mark.parametrize("scene", (*SCENES, *WRITTEN_FIRST), ids=lambda scene: scene.__name__)
def test_the_record_shows_what_the_client_has_done(server, place, prove, scene):
    register(server)
    prove(lambda _: scene(server, place))


@pytest.mark.parametrize("scene", (*SCENES, *WRITTEN_FIRST), ids=lambda scene: scene.__name__)
def test_a_server_that_is_slow_at_writing_down_makes_no_difference(server, near_place, slow_clock, prove, scene):
    register(server)
    prove(lambda _: scene(server, near_place))


@pytest.mark.parametrize("size", [1_000_000, 3_000_000])
def test_a_large_upload_is_in_the_record_whole_once_the_client_has_sent_it(server, place, prove, size):
    """Some of it is still in the client's own buffers then, and comes as the barrier reads."""
    server.post("/up").respond(content=b"ok")
    head = b"POST /up HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n" % size

    def scene(_):
        with place.connect(server.address) as client:
            client.pour(head, size)
            connection = latest(server, client)
            got = (connection.bytes_received, connection.requests[-1].complete)
            client.recv_exactly(len(OK))
        return (len(head) + size, True), got

    prove(scene, share=5)


# -- the counter-proof --

PLAYS = 500
"""A scene that comes out stale once in twenty plays is missed in all of them with a probability of 1e-11."""


@pytest.fixture
def slow_clock(monkeypatch):
    """Whoever reads the time on the server's side gives up the interpreter lock, as on a busy machine.

    The time is read between an act and its record, so a client that runs ahead of the record gets its chance.
    """
    read = clock.now_ns

    def now_ns():
        select.select((), (), (), 0.00005)
        return read()

    monkeypatch.setattr(clock, "now_ns", now_ns)


@pytest.fixture
def no_barrier(monkeypatch):
    """Readers look straight at the record, as in a server without this law."""
    monkeypatch.setattr("pytest_epoll._serving.barrier.Barrier.settle", lambda _barrier: None)
    monkeypatch.setattr("pytest_epoll._serving.barrier.Barrier.call", lambda _barrier, function: function())


def is_stale(scene, server, place):
    try:
        expected, actual = scene(server, place)
    except (IndexError, AttributeError, AssertionError, errors.UsageError):
        return True  # what it is about was not there yet, or not yet over
    return expected != actual


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_without_the_barrier_the_same_scene_comes_out_stale(server, near_place, slow_clock, no_barrier, scene):
    register(server)
    stale = next((number for number in range(PLAYS) if is_stale(scene, server, near_place)), None)

    assert stale is not None, f"{PLAYS} plays, and the record was never behind: the proof proves nothing"
