"""L3: delivered means delivered, and what was cut is what the client reads, every time."""

from __future__ import annotations

import random
import zlib

import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll._eventloop import probes

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"  # 38 + 5 bytes
HUNDRED = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes

SIOCOUTQ = 0x5411
"""Bytes that were not acknowledged (tcp(7)): what a server that did not know better would wait for."""


class CountingProbe(probes.PeerProbe):
    """A probe that counts how often the client's side was looked at."""

    looks = 0

    def look(self, sock, question):
        type(self).looks += 1
        return super().look(sock, question)


@pytest.fixture
def looks(monkeypatch):
    """A function that returns how often any server has looked since it was asked last."""
    monkeypatch.setattr("pytest_epoll._serving.engine.PeerProbe", CountingProbe)
    CountingProbe.looks = 0

    def taken():
        looks, CountingProbe.looks = CountingProbe.looks, 0
        return looks

    return taken


def ask(client, path):
    client.send(b"GET %s HTTP/1.1\r\nHost: test\r\n\r\n" % path)


def reset_on(server, place, earlier):
    """Let a client read 137 bytes and an RST behind so many ordinary exchanges, and look at the record in between."""
    with place.connect(server.address) as client:
        for _ in range(earlier):
            ask(client, b"/ok")
            assert OK == client.recv_exactly(len(OK))
        ask(client, b"/x")
        data = client.recv_exactly(137)
        recorded = server.connections[-1].closed_how  # behind the bytes, before the client has asked for the end
        rest = client.read_to_end()
    return (HUNDRED[:137], "rst", (b"", "rst")), (data, recorded, rest)


@pytest.mark.parametrize("earlier", [0, 1, 2, 5], ids=["fresh", "reused", "reused twice", "reused 5 times"])
def test_137_bytes_arrive_and_the_rst_is_recorded_in_the_same_barrier(looks, trigger_mode, place, prove, earlier):
    """One look at the client is enough, also where its acknowledgement is delayed: nothing waits for 40 ms.

    Were it waited for, there would be some 45 looks, and the client's read would come long before the RST.
    """
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/ok").respond(content=b"ok")
        server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=137))

        def scene(_):
            expected, actual = reset_on(server, place, earlier)
            return (*expected, 1), (*actual, looks())

        prove(scene)


def test_waiting_for_acknowledgements_would_be_late(looks, trigger_mode, near_place, monkeypatch):
    """The counter-proof: with SIOCOUTQ in the place of SIOCOUTQNSD a reused connection waits for the delayed ACK."""
    monkeypatch.setattr(probes, "_SIOCOUTQNSD", SIOCOUTQ)
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/ok").respond(content=b"ok")
        server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=137))
        deviations = 0
        for number in range(12):
            expected, actual = reset_on(server, near_place, number % 3)
            deviations += expected != actual

        assert deviations


def test_with_discard_nobody_looks_at_the_client(looks, trigger_mode, near_place, prove):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=137, discard=True))

        def scene(_):
            with near_place.connect(server.address) as client:
                client.send(GET)
                how = client.read_to_end()[1]
                return ("rst", 0), (how, looks())

        prove(scene)


# -- large replies --

BIG = random.Random(137).randbytes(3_000_000)


BIG_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n"


@pytest.mark.parametrize(
    ("after", "options", "reader"),
    [
        (200_000, {}, "at once"),
        (200_000, {"receive_buffer": 4096}, "slow"),
        (2_999_999, {}, "at once"),
        (2_999_999, {}, "slow"),
        (2_999_999, {"receive_buffer": 4096}, "late"),
    ],
)
def test_a_large_part_of_a_reply_arrives_whole_before_the_rst(server, place, prove, after, options, reader):  # noqa: PLR0917 - fixtures
    """Reset at once, most of a megabyte would be lost: an RST throws away what is unsent."""
    checksum = zlib.crc32((BIG_HEAD + BIG)[:after])
    server.get("/x").respond(content=BIG, fault=faults.Reset(after=after))

    def scene(_):
        with place.connect(server.address, **options) as client:
            client.send(GET)
            if reader == "late":
                server.connections[-1].wait_event("send-blocked")
            end = client.digest_to_end(10_000 if reader == "slow" else 262_144)
            connection = server.connections[-1]
            return (after, checksum, "rst", "server", "rst", after), (
                *end,
                connection.closed_by,
                connection.closed_how,
                connection.bytes_sent,
            )

    prove(scene, share=10)


def test_a_large_reply_that_is_reset_at_once_loses_a_part(server, near_place):
    """The counter-proof: without the wait for delivery the same client gets less."""
    server.get("/x").respond(content=BIG, fault=faults.Reset(after=2_999_999, discard=True))
    with near_place.connect(server.address, receive_buffer=4096) as client:
        client.send(GET)
        server.connections[-1].wait_event("send-blocked")
        total, _, how = client.digest_to_end()

    assert ("rst", True) == (how, total < 2_999_999)


# -- pieces --


def test_a_cut_anywhere_makes_two_reads(server, place, prove):
    def scene(number):
        cut = 1 + number % (len(HELLO) - 1)
        server.clear()
        server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(cuts=(cut,), until_read=True), times=2)
        with place.connect(server.address) as client:
            client.send(GET)
            fresh = client.reads(len(HELLO))
            client.send(GET)
            reused = client.reads(len(HELLO))
        return [[HELLO[:cut], HELLO[cut:]]] * 2, [fresh, reused]

    prove(scene)


def test_a_reply_in_single_bytes_is_read_in_single_bytes(server, place, prove):
    server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(size=1, until_read=True))

    def scene(_):
        with place.connect(server.address) as client:
            client.send(GET)
            return [bytes((byte,)) for byte in HELLO], client.reads(len(HELLO))

    prove(scene)


def test_cuts_and_a_reset_together_are_both_exact(server, place, prove):
    pieces = faults.PartialWrites(cuts=(7, "head"), until_read=True)
    server.get("/x").respond(content=b"x" * 100, fault=[pieces, faults.Reset(after=137)])

    def scene(_):
        with place.connect(server.address) as client:
            client.send(GET)
            return ([HUNDRED[:7], HUNDRED[7:40], HUNDRED[40:137]], "rst"), client.pieces_to_end()

    prove(scene)


def test_a_client_that_leaves_between_two_pieces_is_no_finding(server, place, prove):
    """Its kernel keeps a stub of the closed socket, which can be found but tells nothing: the client is gone."""
    server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(size=1, until_read=True))

    def scene(_):
        with place.connect(server.address) as client:
            client.send(GET)
            client.shutdown()
            first = client.recv(1)
        server.connections[-1].wait_ended()
        return (b"H", []), (first, [finding.kind for finding in server.findings()])

    prove(scene)


def test_without_until_read_a_late_reader_gets_all_pieces_in_one(server, near_place, prove):
    """The counter-proof: sending in pieces splits nothing; whether the client comes in between is luck."""
    server.get("/pieces").respond(content=b"hello", fault=faults.PartialWrites(size=8))
    server.get("/read").respond(content=b"hello", fault=faults.PartialWrites(size=8, until_read=True))

    def scene(_):
        got = []
        for path in (b"/pieces", b"/read"):
            with near_place.connect(server.address) as client:
                ask(client, path)
                sent = server.connections[-1].bytes_sent  # behind a barrier: whatever need not wait has been sent
                got.append((sent, len(client.reads(len(HELLO)))))
        return [(len(HELLO), 1), (8, 6)], got

    prove(scene)
