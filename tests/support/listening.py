"""A listener under a loop that stands still until a test turns it."""

import _thread
import socket

from counting_poller import CountingPoller
from pytest_epoll._core import clock
from pytest_epoll._eventloop.listener import Listener
from pytest_epoll._eventloop.loop import Loop
from pytest_epoll._eventloop.poller import make_poller
from pytest_epoll._eventloop.sockets import open_listening_socket


class Desk:
    """A listener under a loop that stands still."""

    def __init__(self, poller, *, edge_triggered=False, **keywords):
        self.poller = CountingPoller(make_poller(poller, edge_triggered=edge_triggered))
        self.loop = Loop(self.poller)
        self.loop._thread_id = _thread.get_ident()
        self.sock = open_listening_socket("127.0.0.1", 0, **{"backlog": 128, "nodelay": True, **keywords})
        self.accepted = []
        self.addresses = []
        self.troubles = []
        self.listener = Listener(self.loop, self.sock, self.on_accepted, self.troubles.append)
        self.listener.start()
        self.clients = []

    def on_accepted(self, sock, address, _listener):
        self.accepted.append(sock)
        self.addresses.append(address)

    def connect(self):
        client = socket.create_connection(self.sock.getsockname(), timeout=10)
        self.clients.append(client)
        return client

    def run_for(self, duration_ns):
        """Turn until so much time has passed, and return how many turns that took."""
        done = []
        self.loop.call_later(duration_ns, lambda: done.append(1))
        before = self.poller.wake_ups
        while not done:
            self.loop._turn(self.loop._patience())
        return self.poller.wake_ups - before

    def run_until(self, condition):
        """Turn until it holds."""
        deadline_ns = clock.now_ns() + 10_000_000_000
        while not condition():
            assert clock.now_ns() < deadline_ns
            self.loop._turn(min(max(self.loop._patience(), 0), 0.01))

    def close(self):
        self.listener.close()
        for sock in (*self.accepted, *self.clients):
            sock.close()
        self.loop.close()
