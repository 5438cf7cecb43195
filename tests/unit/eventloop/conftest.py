"""A loop that stands still until a test turns it, and transports on real TCP connections."""

import _thread
import socket
import struct

import pytest

from counting_poller import CountingPoller
from pytest_epoll._core.messages import ConnectionRecord
from pytest_epoll._eventloop.loop import Loop
from pytest_epoll._eventloop.poller import make_poller
from pytest_epoll._eventloop.transport import Transport

POLLERS = {"level": ("epoll", False), "edge": ("epoll", True), "poll": ("poll", False), "select": ("select", False)}


class Owner:
    """Writes down what a transport tells."""

    def __init__(self):
        self.data = b""
        self.told = []
        self.on_data = None

    def data_received(self, data):
        self.data += data
        if self.on_data is not None:
            self.on_data()

    def eof_received(self):
        self.told.append("eof")

    def goodbye_noticed(self):
        """It is in the facts."""

    def connection_lost(self):
        self.told.append("lost")

    def all_sent(self):
        self.told.append("all sent")

    def released(self):
        self.told.append("released")


class Sink:
    """Counts what was sent."""

    def __init__(self):
        self.calls = []

    @property
    def size(self):
        return sum(self.calls)

    def note_sent(self, views):
        self.calls.append(sum(len(view) for view in views))


class Scene:
    """One connection: `client` is a socket, `transport` our end under a loop that stands still."""

    def __init__(self, poller, *, edge_triggered=False, host="127.0.0.1", receive_buffer=None):
        self.poller = CountingPoller(make_poller(poller, edge_triggered=edge_triggered))
        self.loop = Loop(self.poller)
        self.loop._thread_id = _thread.get_ident()
        self.facts = []
        self.client, sock = tcp_pair(host, receive_buffer)
        self.record = ConnectionRecord(0, sock.getpeername()[:2], 0)
        self.transport = Transport(self.loop, sock, self.record, self.facts)
        self.owner = Owner()
        self.peeked = []
        self.transport.attach(self.owner)

    def settle(self):
        self.loop._settle()

    def kinds(self):
        return [fact[3] for fact in self.facts]

    def goodbye(self):
        return self.record.closed_by, self.record.closed_how

    def wake_ups_in_silence(self):
        """Return how many turns the loop takes in 30 ms in which nothing happens; the last one is the timer's."""
        self.settle()
        done = []
        self.loop.call_later(30_000_000, lambda: done.append(1))
        before = self.poller.wake_ups
        while not done:
            self.loop._turn(self.loop._patience())
            if self.poller.wake_ups - before > 1000:
                break
        return self.poller.wake_ups - before

    def reset_client(self):
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client.close()

    def fill(self, sink=None):
        """Send more than the kernel takes."""
        sink = sink or Sink()
        assert not self.transport.send([(memoryview(bytes(16 * 2**20)), sink)])
        return sink

    def close(self):
        self.transport.release()
        self.client.close()
        self.loop.close()


def tcp_pair(host="127.0.0.1", receive_buffer=None):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.bind((host, 0))
        listener.listen()
        client = socket.socket(family, socket.SOCK_STREAM)
        client.settimeout(10)
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(listener.getsockname()[:2])
        sock, _ = listener.accept()
    sock.setblocking(False)
    return client, sock


@pytest.fixture(params=POLLERS)
def poller_name(request):
    return request.param


@pytest.fixture
def make_scene():
    scenes = []

    def make(name, **keywords):
        poller, edge_triggered = POLLERS[name]
        scenes.append(Scene(poller, edge_triggered=edge_triggered, **keywords))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.close()


@pytest.fixture
def scene(make_scene, poller_name):
    """A connection under each poller."""
    return make_scene(poller_name)


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def make_sink():
    return Sink


@pytest.fixture
def pair():
    """(client, our end), connected."""
    client, sock = tcp_pair()
    yield client, sock
    client.close()
    sock.close()


@pytest.fixture
def make_pair():
    made = []

    def make(*args, **keywords):
        made.append(tcp_pair(*args, **keywords))
        return made[-1]

    yield make
    for one, other in made:
        one.close()
        other.close()
