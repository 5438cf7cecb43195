"""Bytes that go unseen from a socket to where they are kept, under every poller."""

import errno
import os
import random
import socket

import pytest

from pytest_epoll._eventloop import chute
from pytest_epoll._eventloop.chute import Chute

DATA = random.Random(0).randbytes(3_000_000)
PART = 200_000


class Keeper:
    """Keeps so many bytes."""

    def __init__(self, room):
        self.most = room
        self.data = b""

    def room(self):
        return self.most - len(self.data)

    def keep_from(self, pipe, size):
        while size:
            data = os.read(pipe, size)
            self.data += data
            size -= len(data)


@pytest.fixture
def moved(scene):
    """Return a function that makes what comes on a scene's connection go to a keeper with that much room."""

    def begin(room):
        scene.keeper = Keeper(room)
        chute.move_to(scene.keeper, scene.loop, scene.transport)
        return scene

    return begin


@pytest.fixture
def level(make_scene):
    """A connection where bytes go unseen, with a keeper that has room for all."""
    scene = make_scene("level")
    scene.keeper = Keeper(len(DATA))
    chute.move_to(scene.keeper, scene.loop, scene.transport)
    return scene


def send(scene, data):
    """Send so much, while the loop takes its turns."""
    scene.client.setblocking(False)
    while data:
        try:
            data = data[scene.client.send(data) :]
        except BlockingIOError:
            scene.settle()
    scene.settle()


@pytest.mark.parametrize("room", [0, 1, PART, len(DATA) - 1, len(DATA), 2 * len(DATA)])
def test_every_byte_is_kept_or_read_and_in_order(moved, poller_name, room):
    scene = moved(room)
    send(scene, DATA)
    kept = 0 if poller_name == "edge" else min(room, len(DATA))

    assert (kept, len(DATA)) == (len(scene.keeper.data), scene.record.bytes_received)
    assert DATA == scene.keeper.data + scene.owner.data


def test_a_keeper_that_is_full_is_asked_no_more(moved):
    scene = moved(PART)
    send(scene, DATA[:PART])
    send(scene, b"end")
    scene.keeper.most = len(DATA)
    send(scene, DATA[PART:])

    assert (b"end" + DATA[PART:]) == scene.owner.data[-len(b"end" + DATA[PART:]) :]


@pytest.mark.parametrize("part", [lambda client: client.shutdown(socket.SHUT_WR), socket.socket.close])
def test_a_fin_behind_it_is_seen(moved, part):
    scene = moved(len(DATA))
    send(scene, DATA[:PART])
    part(scene.client)
    scene.settle()

    assert DATA[:PART] == scene.keeper.data + scene.owner.data
    assert (["eof"], ("client", "fin")) == (scene.owner.told, scene.goodbye())


def test_a_fin_that_comes_with_it_is_seen(moved):
    scene = moved(len(DATA))
    scene.client.sendall(DATA[:PART])
    scene.client.shutdown(socket.SHUT_WR)
    scene.settle()

    assert DATA[:PART] == scene.keeper.data + scene.owner.data
    assert ["eof"] == scene.owner.told


def test_a_fin_that_nobody_has_announced_is_seen(level):
    level.client.shutdown(socket.SHUT_WR)
    level.loop._handlers[level.transport.fd](chute.IN)

    assert (["eof"], ("client", "fin")) == (level.owner.told, level.goodbye())


def test_a_reset_is_seen(moved):
    scene = moved(len(DATA))
    send(scene, DATA[:PART])
    scene.reset_client()
    scene.settle()

    assert (["lost", "released"], ("client", "rst")) == (scene.owner.told, scene.goodbye())


def test_a_reset_that_nobody_has_announced_is_seen(level):
    level.reset_client()
    level.loop._handlers[level.transport.fd](chute.IN)

    assert (["lost", "released"], ("client", "rst")) == (level.owner.told, level.goodbye())


def test_a_false_alarm_is_harmless(level):
    level.loop._handlers[level.transport.fd](chute.IN)
    send(level, DATA)

    assert ([], DATA) == (level.owner.told, level.keeper.data)


def test_while_reading_is_paused_nothing_is_moved(moved):
    scene = moved(len(DATA))
    scene.transport.pause_reading()
    scene.client.sendall(DATA[:1000])
    scene.settle()

    assert (b"", 0) == (scene.keeper.data, scene.record.bytes_received)
    scene.transport.resume_reading()
    scene.settle()

    assert DATA[:1000] == scene.keeper.data + scene.owner.data


def test_who_has_to_look_at_what_comes_sees_it(moved):
    scene = moved(len(DATA))
    scene.transport.gauge_reads(len)
    send(scene, DATA[:PART])

    assert (b"", DATA[:PART]) == (scene.keeper.data, scene.owner.data)


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.EPERM])
def test_where_the_system_can_not_do_it_all_is_read(level, monkeypatch, code):
    def fail(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(chute.os, "splice", fail)
    send(level, DATA)

    assert (b"", DATA) == (level.keeper.data, level.owner.data)


def test_where_python_does_not_know_it_all_is_read(make_scene, monkeypatch):
    monkeypatch.delattr(chute.os, "splice")
    scene = make_scene("level")
    chute.move_to(Keeper(len(DATA)), scene.loop, scene.transport)
    send(scene, DATA)

    assert DATA == scene.owner.data


def test_without_a_descriptor_for_a_pipe_all_is_read(make_scene, monkeypatch):
    def fail():
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(chute.os, "pipe", fail)
    scene = make_scene("level")
    chute.move_to(Keeper(len(DATA)), scene.loop, scene.transport)
    send(scene, DATA)

    assert DATA == scene.owner.data


def test_a_pipe_that_may_not_grow_does_it_too(make_scene, monkeypatch):
    def fail(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(chute.fcntl, "fcntl", fail)
    scene = make_scene("level")
    keeper = Keeper(len(DATA))
    chute.move_to(keeper, scene.loop, scene.transport)
    send(scene, DATA)

    assert DATA == keeper.data


def test_there_is_one_pipe_and_it_is_released_once():
    made = Chute()
    ends = made.ends()

    assert ends == made.ends()
    made.close()
    made.close()
    for fd in ends:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)


def test_the_end_of_the_loop_releases_the_pipe(level):
    ends = level.loop.chute.ends()
    level.transport.release()
    level.loop.close_descriptors()

    for fd in ends:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
