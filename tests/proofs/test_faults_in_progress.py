"""While a fault is in progress the server stops at once and leaves nothing behind, and nobody else waits for it.

No fault here would end by itself within the hour: that a test ends shows that nothing has waited for it.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import re
import threading
import weakref
from pathlib import Path

import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: test\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n" + b"y" * 1000
EXPECTING = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n"
MEGABYTES = 8 * 2**20
"""More than what the buffers of both kernels take, so a client that does not read makes the server wait."""

HOUR = 3600.0

IN_PROGRESS = {
    "HangUp": (faults.HangUp(after="head"), GET, "fin-sent"),  # drained until the client closes
    "HangUp while reading": (faults.HangUp(after_reading=faults.body(10)), POST, "fin-sent"),
    "Reset": (faults.Reset(after="end"), GET, "send-blocked"),
    "Stall": (faults.Stall(after=50), GET, "stalled"),
    "Stall while reading": (faults.Stall(after_reading=faults.half_of("body")), POST, "stalled"),
    "HalfClose": (faults.HalfClose(after="head"), GET, "fin-sent"),
    "PartialWrites": (faults.PartialWrites(cuts=("head",), delay=HOUR), GET, "paused"),
    "PartialWrites until read": (faults.PartialWrites(size=1000, until_read=True), GET, "sent"),
    "SlowWrites": (faults.SlowWrites(bytes_per_second=100 / HOUR, size=100), GET, "paused"),
    "SlowReads": (faults.SlowReads(bytes_per_second=1, size=10), POST, "fault"),
    "StopReading": (faults.StopReading(), POST, "stalled"),
    "StopReading at the end": (faults.StopReading("end"), GET, "send-blocked"),
    "Delay": (faults.Delay(HOUR), GET, "paused"),
    "Wait": (None, GET, "gate"),
    "Garbage": (faults.Garbage(seed=1), GET, "fin-sent"),
    "MissingFinalChunk": (faults.MissingFinalChunk(), GET, "fin-sent"),
    "NoContinue": (faults.NoContinue(), EXPECTING, "fault"),
    "RejectContinue": (faults.RejectContinue(), EXPECTING, "fin-sent"),
    "RespondEarly, keep": (faults.RespondEarly(), EXPECTING, "send-blocked"),
    "RespondEarly, linger": (faults.RespondEarly("linger"), EXPECTING, "send-blocked"),
    "RespondEarly, hold": (faults.RespondEarly("hold"), EXPECTING, "send-blocked"),
    "CloseIdle": (faults.CloseIdle(HOUR), GET, "sent"),
    "CloseOnReuse": (faults.CloseOnReuse(how="rst"), GET, "sent"),
}
"""A fault, what the client sends, and the event that tells that it is in progress; `Wait` needs the server's gate."""


SHORT = {"MissingFinalChunk": {"stream": [b"x"]}, "CloseIdle": {"content": b"x"}, "CloseOnReuse": {"content": b"x"}}
"""Replies behind which such a fault waits; those to the others are larger than what anybody gets who does not read."""


@contextlib.contextmanager
def in_progress(server, name):
    """Bring a fault about on a connection of its own, and yield its client."""
    fault, request, kind = IN_PROGRESS[name]
    fault = fault or faults.Wait(server.gate())
    server.route(path="/x").respond(**SHORT.get(name, {"content": b"x" * MEGABYTES}), fault=fault)
    with RawClient(server.address, receive_buffer=4096) as client:
        client.send(request)
        server.wait_for_connections()[0].wait_event(kind, timeout=10)
        yield client


def what_there_is():
    """Return the descriptors and threads of this process."""
    kinds = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one of the listing itself
            kinds[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return kinds, set(threading.enumerate())


@pytest.mark.parametrize("name", IN_PROGRESS)
def test_stop_does_not_wait_for_a_fault_and_leaves_nothing_behind(trigger_mode, name):
    server = EpollServer(edge_triggered=trigger_mode == "edge")
    before = what_there_is()
    with server:
        loop = weakref.ref(server._barrier.engine.loop)
        with in_progress(server, name) as client:
            server.stop()
            descriptors, threads = what_there_is()
            del descriptors[str(client.socket.fileno())]

            assert before == (descriptors, threads)
            assert "ended" in [event.kind for event in server.connections[0].events]
    gc.collect()

    assert loop() is None, "and with it every timer, question and channel"


@pytest.mark.parametrize("name", IN_PROGRESS)
def test_a_faulty_connection_delays_nobody(server, name):
    server.get("/other").respond(content=b"y" * MEGABYTES)
    with in_progress(server, name), RawClient(server.address) as other:
        for _ in range(3):
            other.send(OTHER)
            head, _, body = other.recv_exactly(len(HEAD) + MEGABYTES).partition(b"\r\n\r\n")

            assert (b"HTTP/1.1 200 OK", MEGABYTES) == (head[:15], len(body))
        faulty, free = server.connections

        assert [len(HEAD) + MEGABYTES] * 3 == [request.response_bytes_sent for request in free.requests]
        assert faulty.requests[0].response_bytes_sent < MEGABYTES
        assert "ended" not in [event.kind for event in faulty.events]


def test_every_fault_that_waits_for_something_is_here():
    """Whether it does is told by the acts that its file makes."""
    waiting = {"Sleep", "HoldUntil", "WaitDelivered", "WaitPeerRead", "WaitReadable", "Stall", "Drain", "SetOption"}
    found = set()
    for name, fault in vars(faults).items():
        if name in faults.__all__ and isinstance(fault, type):
            text = Path(inspect.getfile(fault)).read_text()
            if any(re.search(rf"\b{act}\(", text) for act in waiting):
                found.add(name)

    assert set() == found - {re.match(r"\w+", name)[0] for name in IN_PROGRESS}
