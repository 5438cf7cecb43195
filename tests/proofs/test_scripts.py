"""A script does the same each time, to the byte, wherever its client lives, also beside four busy processes."""

from __future__ import annotations

import pytest

from pytest_epoll import faults, steps

HEAD = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n"
POST = HEAD + b"y" * 100
HUNDRED = b"x" * 100


def half_an_answer(conn):
    left = len(POST)
    while left:
        left -= len(conn.recv(7))
    conn.sendall(HUNDRED[:37])
    conn.reset()


def one_byte(conn):
    conn.recv(1)
    conn.sendall(HUNDRED)
    conn.close(drain=False)


def answer_and_leave(conn):
    conn.recv(10)
    conn.sendall(HUNDRED)


PEERS = {
    "a function that answers half and resets": (
        (steps.call(half_an_answer),),
        (HUNDRED[:37], "rst", len(POST)),
    ),
    "a function that closes with bytes unread": (
        (steps.read_exactly(1), steps.wait_readable(), steps.call(one_byte)),
        (HUNDRED, "rst", 2),
    ),
    "a function that leaves the goodbye to the script": (
        (steps.call(answer_and_leave),),
        (HUNDRED, "fin", len(POST)),
    ),
    "half an answer, then RST": (
        (steps.read_request(), steps.send(HUNDRED[:37]), steps.reset()),
        (HUNDRED[:37], "rst", len(POST)),
    ),
    "an early answer, then FIN": (
        (steps.read_head(), steps.send(HUNDRED), steps.close()),
        (HUNDRED, "fin", len(POST)),
    ),
    "one byte read, then a closed door": (
        (steps.read_exactly(1), steps.send(HUNDRED), steps.wait_readable(), steps.close(drain=False)),
        (HUNDRED, "rst", 1),
    ),
    "pieces that the client takes one by one": (
        (steps.read_until(b"\r\n\r\n"), steps.send(b"a", b"b", b"c", until_read=True), steps.close()),
        (b"abc", "fin", len(POST)),
    ),
    "RST at byte 50 of the connection": (
        (faults.Reset(after=50), steps.read_request(), steps.send(HUNDRED), steps.read_to_eof()),
        (HUNDRED[:50], "rst", len(POST)),
    ),
    "FIN at byte 20 of the request": (
        (faults.HangUp(after_reading=20), steps.read_request(), steps.send(HUNDRED)),
        (b"", "fin", len(POST)),
    ),
}
"""What is scripted; what the client reads, how its stream ends, and how many of its bytes were read in the end."""


@pytest.mark.parametrize("peer", PEERS)
def test_a_script_is_exact(server, place, prove, peer):
    items, expected = PEERS[peer]
    server.script(*items)

    def scene(_):
        with place.connect(server.address) as client:
            client.send(POST)
            data, how = client.read_to_end()
        connection = server.connections[-1]
        connection.wait_ended()
        return expected, (data, how, connection.bytes_received)

    prove(scene, share=5)

    assert [] == server.findings()


def test_the_reads_of_a_script_are_in_the_record_at_once(server, place, prove):
    server.script(steps.repeat(1_000_000, steps.read_exactly(10), steps.send(b"ok")), optional=True)

    with place.connect(server.address) as client:

        def scene(number):
            client.send(b"0123456789")
            client.recv_exactly(2)
            connection = server.connections[0]
            return (10 * (number + 1), 2 * (number + 1)), (connection.bytes_received, connection.bytes_sent)

        prove(scene)
