"""Who connects is refused, left without an answer or left in the queue: from the moment in which the call returns."""

from __future__ import annotations

import contextlib
import errno

import pytest

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

SOON = 0.01
"""Seconds in which a connect would long have been answered: on the loopback that is done within the system call."""

BLOCKS = ("refusing_connections", "stalling_connections", "pausing_accepts")


@pytest.fixture
def server(server):
    server.get("/x").respond(content=b"ok")
    return server


def ask(client):
    client.send(GET)
    return client.recv_exactly(len(OK))


def connect(place, address):
    """Return what becomes of a connect: "refused", "unanswered" or "connected"."""
    try:
        place.connect(address, timeout=SOON).close()
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "unanswered"
    return "connected"


@pytest.mark.parametrize(
    ("block", "meets"), [("refusing_connections", "refused"), ("stalling_connections", "unanswered")]
)
def test_a_connect_within_the_block_meets_it_and_one_behind_it_is_served(server, place, prove, block, meets):
    def scene(number):
        with getattr(server, block)():
            within = connect(place, server.address)
            recorded = len(server.connections)
        with place.connect(server.address) as client:
            return (meets, number, OK), (within, recorded, ask(client))

    prove(scene)


@pytest.mark.parametrize("outer", BLOCKS)
def test_within_one_block_another_one_is_met_at_once(server, near_place, prove, outer):
    """And the outer one again behind it: what takes its turn is never that somebody is accepted in between."""

    def scene(_):
        with getattr(server, outer)(), server.refusing_connections():
            first = connect(near_place, server.address)
            with server.stalling_connections():
                second = connect(near_place, server.address)
            third = connect(near_place, server.address)
        return ("refused", "unanswered", "refused", 0), (first, second, third, len(server.connections))

    prove(scene)


def test_who_is_not_accepted_has_connected_and_is_served_behind_the_block(server, place, prove):
    """A barrier neither accepts it nor waits for it."""

    def scene(number):
        with server.pausing_accepts():
            client = place.connect(server.address)
            client.send(GET)
            within = len(server.connections), len(server.requests)
        with client:
            answer = client.recv_exactly(len(OK))
            return ((number, number), OK, number + 1), (within, answer, len(server.requests))

    prove(scene)


@pytest.mark.parametrize("block", BLOCKS)
def test_who_has_connected_before_is_served(server, place, prove, block):
    """Its connection may be in the queue when the block is entered; nobody is torn from a connection that stands."""

    def scene(number):
        with place.connect(server.address) as client, getattr(server, block)():
            return (OK, number + 1), (ask(client), len(server.connections))

    prove(scene)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_crowd_that_has_connected_before_is_served(server, near_place, prove, block):
    def scene(_):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(near_place.connect(server.address)) for _ in range(20)]
            with getattr(server, block)():
                return [OK] * 20, [ask(client) for client in clients]

    prove(scene)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_server_is_started_again_on_its_port_within_the_block(server, near_place, prove, block):
    def scene(_):
        address = server.address
        with getattr(server, block)():
            server.stop()
            server.start()
            with near_place.connect(address) as client:
                return (address, OK), (server.address, ask(client))

    prove(scene)


def test_nobody_else_gets_the_port_while_it_is_refused(server, near_place, prove):
    import socket

    def scene(number):
        with server.refusing_connections(), socket.socket() as stranger:
            for bit, option in ((1, socket.SO_REUSEADDR), (2, socket.SO_REUSEPORT)):
                stranger.setsockopt(socket.SOL_SOCKET, option, bool(number & bit))
            try:
                stranger.bind(server.address)
                stranger.listen()
            except OSError as error:
                return errno.EADDRINUSE, error.errno
            return errno.EADDRINUSE, "bound"

    prove(scene)


@pytest.mark.slow
def test_who_was_not_answered_gets_through_once_the_server_is_revived(server, near_place, other_thread, prove):
    """Its kernel asks again after a second: twice is enough, the rest is patience."""

    def scene(_):
        server.stall_connections()
        connecting = other_thread._executor.submit(near_place.connect, server.address)
        within = connect(near_place, server.address)
        server.accept_connections()
        with connecting.result(30) as client:
            return ("unanswered", OK), (within, ask(client))

    prove(scene, share=500)
