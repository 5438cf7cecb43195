"""A client's FIN behind bytes for which our receive window has no room: it can't come, and the timeline says so."""

import socket

import pytest

from pytest_epoll import errors, faults
from pytest_epoll._eventloop.probes import PeerProbe
from pytest_epoll.testing import RawClient

HEAD = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 20000000\r\n\r\n"
UNSEEN = "fin-received: the client has closed, but its FIN waits behind bytes that nobody reads"
STALLS = [
    faults.StopReading(),
    faults.Stall(after_reading="head"),
    faults.Stall(after_reading=faults.body(10_000)),
    faults.Stall(),
]


def unobserved(connection):
    return [event.detail for event in connection.events if event.kind == "unobserved"]


def flood(client, more=b""):
    """Send until neither kernel takes more."""
    client.send(HEAD + more)
    client.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            client.socket.send(bytes(65536))
    client.socket.setblocking(True)


@pytest.mark.parametrize("part", ["shutdown", "close"])
@pytest.mark.parametrize("fault", STALLS[:3], ids=repr)
def test_a_fin_behind_a_closed_window_is_said_to_be_unseen(server, fault, part):
    server.post("/x").respond(fault=fault)
    with RawClient(server.address) as client:
        flood(client)
        [connection] = server.connections

        assert [] == unobserved(connection)
        getattr(client, part)()

        assert [UNSEEN] == unobserved(connection)
        assert (None, True) == (connection.closed_by, connection.is_open)
        assert [UNSEEN] == unobserved(connection), "said once"
    assert [] == server.findings()


def test_behind_a_reply_that_stalled_a_pipelined_upload_hides_a_fin_too(server):
    server.post("/x").respond_with(faults.Stall())
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"20000000", b"0"))
        server.connections[0].wait_event("stalled")
        flood(client)
        client.shutdown()

        assert [UNSEEN] == unobserved(server.connections[0])


@pytest.mark.parametrize("fault", STALLS, ids=repr)
def test_a_fin_for_which_there_is_room_is_seen_as_ever(server, fault):
    server.post("/x").respond(fault=fault)
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"20000000", b"20000") + b"y" * 20_000)
        server.connections[0].wait_event("stalled")
        client.shutdown()
        [connection] = server.connections

        assert (("client", "fin"), []) == ((connection.closed_by, connection.closed_how), unobserved(connection))


def test_a_reset_needs_no_room(server):
    server.post("/x").respond(fault=faults.StopReading())
    with RawClient(server.address) as client:
        flood(client)
        client.reset()
        [connection] = server.connections

        assert (("client", "rst"), []) == ((connection.closed_by, connection.closed_how), unobserved(connection))


def test_who_waits_for_that_goodbye_is_told(server):
    server.post("/x").respond(fault=faults.StopReading())
    with RawClient(server.address) as client:
        flood(client)
        client.shutdown()
        with pytest.raises(errors.WaitTimeout, match="its FIN waits behind bytes that nobody reads") as caught:
            server.connections[0].wait_closed(timeout=0.05)

    assert "is a response or a pool alive" not in str(caught.value)
    assert "not seen: fin-received" in str(caught.value)


def test_where_the_client_can_not_be_looked_at_that_is_said(server, monkeypatch):
    monkeypatch.setattr(PeerProbe, "look", lambda *_: None)
    server.post("/x").respond(fault=faults.StopReading())
    with RawClient(server.address) as client:
        client.send(HEAD + b"y")
        server.wait_for_connections()[0].wait_event("stalled")

        assert ["fin-received: it may wait behind bytes that nobody reads; the client's side can't be seen"] == (
            unobserved(server.connections[0])
        )
    assert [] == server.findings()


def test_nobody_is_asked_about_a_client_that_has_sent_no_more(server, monkeypatch):
    server.post("/x").respond_with(faults.Stall())
    with RawClient(server.address) as client:
        client.send(HEAD.replace(b"20000000", b"0"))
        server.wait_for_connections()[0].wait_event("stalled")
        monkeypatch.setattr(PeerProbe, "look", None)

        assert [] == unobserved(server.connections[0])
        client.socket.shutdown(socket.SHUT_WR)

        assert "client" == server.connections[0].closed_by
