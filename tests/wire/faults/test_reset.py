import os

import pytest

from blind_probe import BlindProbe
from pytest_epoll import EpollServer, Response, faults
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes


def cut(server, fault, content=b"x" * 100):
    server.get("/x").respond(content=content, fault=fault)
    with RawClient(server.address) as client:
        client.send(GET)
        return client.read_to_end()


@pytest.mark.parametrize("after", [0, 1, 39, 40, 41, 136, 137, 138, 139, 140])
def test_the_client_gets_exactly_so_many_bytes_then_rst(server, after):
    assert (REPLY[:after], "rst") == cut(server, faults.Reset(after=after))
    assert [("server", "rst", after)] == [(c.closed_by, c.closed_how, c.bytes_sent) for c in server.connections]


@pytest.mark.parametrize(("after", "size"), [("head", 40), ("end", 140)])
def test_named_positions(server, after, size):
    assert (REPLY[:size], "rst") == cut(server, faults.Reset(after=after))


def test_past_the_end_it_does_not_fire_and_that_is_a_finding(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=141))
    with RawClient(server.address) as client:
        client.send(GET)

        assert REPLY == client.recv_exactly(140)
        assert ["unfired"] == [finding.kind for finding in server.findings()]
        assert "faults.Reset(after=141)" in server.findings()[0].text


def test_on_a_reused_connection_too(server):
    """The client's delayed ACK must not matter: delivered is not acknowledged."""
    server.get("/ok").respond(content=b"ok")
    server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=137))
    with RawClient(server.address) as client:
        for _ in range(3):
            client.send(b"GET /ok HTTP/1.1\r\nHost: test\r\n\r\n")
            client.recv_exactly(len(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
        client.send(GET)

        assert (REPLY[:137], "rst") == client.read_to_end()


@pytest.mark.parametrize("receive_buffer", [None, 4096])
def test_four_mebibytes_reach_a_reader_that_pauses(server, receive_buffer):
    content = os.urandom(4 * 2**20)
    server.get("/x").respond(content=content, fault=faults.Reset(after="end"))
    with RawClient(server.address, receive_buffer=receive_buffer) as client:
        client.send(GET)
        server.connections[0].wait_event("send-blocked")
        data, how = client.read_to_end()

    assert "rst" == how
    assert content == data.partition(b"\r\n\r\n")[2]


def test_the_reset_is_in_the_record_as_soon_as_the_client_has_read(server):
    cut(server, faults.Reset(after=137))
    kinds = [event.kind for event in server.timeline]

    assert kinds.index("fault") < kinds.index("delivered") < kinds.index("rst-sent") < kinds.index("ended")


def test_a_head_request_has_a_head_to_cut_and_no_body(server):
    server.head("/x").respond(content=b"x" * 100, fault=faults.Reset(after="head"))
    with RawClient(server.address) as client:
        client.send(b"HEAD /x HTTP/1.1\r\nHost: test\r\n\r\n")

        assert (REPLY[:40], "rst") == client.read_to_end()


def test_no_content_is_cut_at_its_end(server):
    server.get("/x").respond(204, fault=faults.Reset(after="end"))
    with RawClient(server.address) as client:
        client.send(GET)

        assert (b"HTTP/1.1 204 No Content\r\n\r\n", "rst") == client.read_to_end()


def test_pipelined_requests_behind_it_stay_unanswered(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=137))
    with RawClient(server.address) as client:
        client.send(GET * 3)

        assert (REPLY[:137], "rst") == client.read_to_end()
    assert [200, None, None] == [request.response_status for request in server.requests]
    assert [] == server.findings()


def test_what_was_pipelined_before_it_is_answered_whole(server):
    server.get("/ok").respond(content=b"ok")
    server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=41))
    with RawClient(server.address) as client:
        client.send(b"GET /ok HTTP/1.1\r\nHost: test\r\n\r\n" + GET)
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

        assert (answer + REPLY[:41], "rst") == client.read_to_end()


def test_a_close_delimited_reply_is_cut(server):
    server.get("/x").respond(content=b"x" * 100, headers={"Content-Length": None}, fault=faults.Reset(after=50))
    with RawClient(server.address) as client:
        client.send(GET)

        assert (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 12, "rst") == client.read_to_end()


def test_with_discard_the_reset_is_immediate(server):
    server.get("/x").respond(content=b"x" * 2**23, fault=faults.Reset(after="head", discard=True))
    with RawClient(server.address) as client:
        client.send(GET)

        assert "rst" == client.read_to_end()[1]
    assert "delivered" not in [event.kind for event in server.timeline]


def test_a_client_that_leaves_first_has_met_the_fault(server):
    """It is waiting for delivery to a client that does not read when the client resets."""
    server.get("/x").respond(content=b"x" * 2**23, fault=faults.Reset(after="end"))
    with RawClient(server.address) as client:
        client.send(GET)
        server.connections[0].wait_event("send-blocked")
        client.reset()
        connection = server.connections[0]
        connection.wait_ended()

        assert ("client", "rst") == (connection.closed_by, connection.closed_how)


def test_faults_on_a_response_and_on_the_call_are_both_applied(server):
    response = Response(content=b"x" * 100).with_faults(faults.PartialWrites(sizes=(7,), until_read=True))
    server.get("/x").respond_with(response, fault=faults.Reset(after=20))
    with RawClient(server.address) as client:
        client.send(GET)

        assert [REPLY[:7], REPLY[7:20]] == [client.recv(), client.recv()]
        assert (b"", "rst") == client.read_to_end()


@pytest.mark.parametrize(("exact", "kinds"), [(True, ["inexact"]), (False, [])])
def test_where_the_client_cannot_be_seen_that_is_a_finding(monkeypatch, exact, kinds):
    monkeypatch.setattr("pytest_epoll._serving.engine.PeerProbe", BlindProbe)
    with EpollServer() as server:
        assert (REPLY[:137], "rst") == cut(server, faults.Reset(after=137, exact=exact))
        assert kinds == [finding.kind for finding in server.findings()]


def test_from_another_thread(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=137))

    def call():
        with RawClient(server.address) as client:
            client.send(GET)
            return client.read_to_end()

    assert (REPLY[:137], "rst") == in_thread(call).result(timeout=5)
