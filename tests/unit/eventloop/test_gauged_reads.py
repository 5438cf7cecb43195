"""Receiving only what may be taken of what was looked at, under every poller."""

import socket
import time

import pytest

from pytest_epoll._eventloop.gauged_reads import MORE
from pytest_epoll._eventloop.poller import IN


@pytest.fixture
def gauged(scene):
    """Return a scene whose transport takes `room(data)` of what it is shown; what it was shown is in `shown`."""
    scene.shown = []

    def begin(room):
        def gauge(data):
            scene.shown.append(bytes(data))
            return room(data)

        scene.transport.gauge_reads(gauge)
        return scene

    return begin


def test_so_much_is_taken_as_may_be_and_the_rest_is_shown_again(gauged):
    scene = gauged(lambda data: min(len(data), 2))
    scene.client.sendall(b"hello")
    scene.settle()

    assert b"hello" == scene.owner.data
    assert [b"hello", b"llo", b"o"] == [shown for shown in scene.shown if shown]


def test_nothing_pauses_reading_and_stays_unread(gauged):
    scene = gauged(lambda data: 2 if data.startswith(b"he") else 0)
    scene.client.sendall(b"hello")
    scene.settle()

    assert (b"he", 2) == (scene.owner.data, scene.record.bytes_received)
    assert scene.wake_ups_in_silence() <= 1


def test_more_waits_until_more_has_come_and_wakes_nobody_before(gauged):
    scene = gauged(lambda data: len(data) if b"\n" in data else MORE)
    scene.client.sendall(b"hel")
    scene.settle()

    assert scene.wake_ups_in_silence() <= 1
    assert b"" == scene.owner.data
    scene.client.sendall(b"lo\n")
    scene.settle()

    assert b"hello\n" == scene.owner.data


@pytest.mark.parametrize("part", [lambda client: client.shutdown(socket.SHUT_WR), socket.socket.close])
def test_behind_a_fin_there_is_no_more_to_wait_for(gauged, part):
    scene = gauged(lambda data: len(data) if b"\n" in data else MORE)
    scene.client.sendall(b"hel")
    scene.settle()
    part(scene.client)
    scene.settle()

    assert (b"hel", ["eof"]) == (scene.owner.data, scene.owner.told)


def test_a_fin_that_comes_together_with_the_rest_leaves_the_decision_to_who_sees_all(gauged):
    scene = gauged(lambda data: 1 if b"\n" in data else MORE)
    scene.client.sendall(b"a")
    scene.settle()
    scene.client.sendall(b"\n")
    scene.client.shutdown(socket.SHUT_WR)
    scene.settle()

    assert (b"a\n", ["eof"]) == (scene.owner.data, scene.owner.told)
    assert b"a\n" in scene.shown


def test_a_reset_is_seen_while_more_is_waited_for(gauged):
    scene = gauged(lambda _: MORE)
    scene.client.sendall(b"hel")
    scene.settle()
    scene.reset_client()
    scene.settle()

    assert ["lost", "released"] == scene.owner.told


def test_a_false_alarm_is_no_reason_to_take_what_was_seen(gauged):
    """A kernel that is short of memory reports what is there, though it is too little; more may still come."""
    scene = gauged(lambda data: len(data) if b"\n" in data else MORE)
    scene.client.sendall(b"hel")
    scene.settle()
    scene.transport.on_ready(IN)

    assert b"" == scene.owner.data
    scene.client.sendall(b"lo\n")
    deadline = time.monotonic() + 10
    while not scene.owner.data and time.monotonic() < deadline:
        scene.settle()

    assert b"hello\n" == scene.owner.data


def test_if_the_receive_buffer_is_full_what_was_seen_is_all_there_is(gauged):
    scene = gauged(lambda data: len(data) if len(data) > 100_000 else MORE)
    scene.transport.read_size = 1 << 20
    scene.transport.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
    scene.client.setblocking(False)
    for _ in range(1000):
        try:
            scene.client.send(bytes(65536))
        except BlockingIOError:
            pass
        scene.settle()
        if scene.owner.data:
            break

    assert 0 < len(scene.owner.data) <= 100_000
