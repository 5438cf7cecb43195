"""Every fault does the same each time, wherever its client lives, also beside four busy processes."""

from __future__ import annotations

import pytest

from pytest_epoll import faults

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n" + b"y" * 100
HUNDRED = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes

ON_THE_REPLY = {
    faults.HangUp(): (b"", "fin"),
    faults.HangUp(after=1): (HUNDRED[:1], "fin"),
    faults.HangUp(after="head"): (HUNDRED[:40], "fin"),
    faults.HangUp(after=137): (HUNDRED[:137], "fin"),
    faults.HangUp(after="end"): (HUNDRED, "fin"),
    faults.Reset(): (b"", "rst"),
    faults.Reset(after="head"): (HUNDRED[:40], "rst"),
    faults.Reset(after=faults.half_of("body")): (HUNDRED[:90], "rst"),
    faults.Reset(after="end"): (HUNDRED, "rst"),
    faults.HalfClose(): (HUNDRED, "fin"),
    faults.HalfClose(after=faults.content(7)): (HUNDRED[:47], "fin"),
}
"""What the client reads, and how its stream ends."""

GOES_ON = (
    faults.PartialWrites(size=30),
    faults.PartialWrites(cuts=(1, "head", 139), until_read=True),
    faults.SlowWrites(bytes_per_second=50_000, size=50),
    faults.Delay(0.001, after="head"),
)
"""Faults behind which the reply is whole, and the connection is used again."""

ON_THE_REQUEST = {
    faults.HangUp(after_reading="head"): (b"", "fin", 0),
    faults.HangUp(after_reading=faults.body(10)): (b"", "fin", 10),
    faults.Reset(after_reading=faults.content(99)): (b"", "rst", 99),
    faults.Reset(after_reading="end"): (b"", "rst", 100),
}
"""What the client reads, how its stream ends, and how much of its body is in the record."""


@pytest.mark.parametrize("fault", ON_THE_REPLY, ids=repr)
def test_a_reply_is_cut_to_the_byte(server, place, prove, fault):
    server.get("/x").respond(content=b"x" * 100, fault=fault)

    def scene(_):
        with place.connect(server.address) as client:
            client.send(GET)
            return ON_THE_REPLY[fault], client.read_to_end()

    prove(scene, share=5)

    assert [] == server.findings()


@pytest.mark.parametrize("fault", GOES_ON, ids=repr)
def test_a_reply_that_goes_on_is_whole_and_the_connection_is_free(server, place, prove, fault):
    server.get("/x").respond(content=b"x" * 100, fault=fault)

    def scene(_):
        with place.connect(server.address) as client:
            answers = []
            for _ in range(2):
                client.send(GET)
                answers.append(client.recv_exactly(140))
            return [HUNDRED, HUNDRED], answers

    prove(scene, share=5)

    assert [] == server.findings()


@pytest.mark.parametrize("fault", ON_THE_REQUEST, ids=repr)
def test_a_request_is_read_to_the_byte(server, place, prove, fault):
    server.post("/x").respond(200, fault=fault)

    def scene(_):
        with place.connect(server.address) as client:
            client.send(POST)
            data, how = client.read_to_end()
            return ON_THE_REQUEST[fault], (data, how, len(server.last_request.body_so_far))

    prove(scene, share=5)

    assert [] == server.findings()


@pytest.mark.parametrize("fault", [faults.Stall(after=50), faults.Stall(), faults.StopReading("end")], ids=repr)
def test_a_stalled_client_that_gives_up_is_seen_to(server, place, prove, fault):
    server.get("/x").respond(content=b"x" * 100, fault=fault)
    size = {faults.Stall(): 0, faults.Stall(after=50): 50}.get(fault, 140)

    def scene(_):
        with place.connect(server.address) as client:
            client.send(GET)
            data = client.recv_exactly(size)
            connection = server.wait_for_connections(1)[-1]
            connection.wait_event("stalled")
        connection.wait_ended()
        return (HUNDRED[:size], "client", "fin"), (data, connection.closed_by, connection.closed_how)

    prove(scene, share=5)

    assert [] == server.findings()
