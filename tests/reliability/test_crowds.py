"""A client that floods, dribbles, pipelines or hangs delays nobody else; thousands of connections are served."""

import contextlib
import resource
import subprocess
import sys
import threading

import pytest

from pytest_epoll import EpollServer
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def server(server):
    server.get("/x").respond(content=b"ok")
    return server


class Bother:
    """A client that behaves badly on a thread of its own until the block ends."""

    def __init__(self, address, act):
        self.client = RawClient(address, timeout=30)
        self._is_over = threading.Event()
        self._act = act
        self._thread = in_thread(self._run)

    def _run(self):
        with contextlib.suppress(OSError):
            while not self._is_over.is_set():
                self._act(self.client)

    def __enter__(self):
        return self.client

    def __exit__(self, *_):
        self._is_over.set()
        with contextlib.suppress(OSError):
            self.client.socket.shutdown(2)
        self._thread.result(timeout=30)
        self.client.close()


def answer_and_read(client):
    client.send(GET * 50)
    client.recv_exactly(50 * len(OK))


def send_single_bytes(client):
    for byte in GET:
        client.send(bytes((byte,)))
    client.recv_exactly(len(OK))


def upload_without_end(client):
    client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
    for _ in range(256):
        client.send(chunk)
    client.send(b"0\r\n\r\n")
    client.recv()


BOTHERS = {"floods": answer_and_read, "dribbles": send_single_bytes, "uploads": upload_without_end}


@pytest.mark.parametrize("bother", BOTHERS)
def test_others_are_answered_while_a_client(server, bother):
    """Twenty exchanges of another client are all answered while the first goes on and on."""
    with Bother(server.address, BOTHERS[bother]):
        server.wait_for_requests(1, timeout=30, state="head")
        before = server.connections[0].bytes_received
        with RawClient(server.address, timeout=30) as client:
            for _ in range(20):
                client.send(GET)
                assert OK == client.recv_exactly(len(OK))
        assert 20 == len(server.connections[1].requests)
        server._barrier.wait(
            lambda: server._journal.connections[0].bytes_received > before, 30, lambda: "the first to go on"
        )


HANGS = {
    "in the head": GET[:20],
    "in the body": b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 1000\r\n\r\nabc",
    "in a chunk": b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc",
    "with nothing": b"",
    "not reading its answers": b"GET /big HTTP/1.1\r\nHost: t\r\n\r\n" * 20,
}


@pytest.mark.parametrize("hang", HANGS)
def test_others_are_answered_while_a_hundred_clients_hang(server, hang):
    server.get("/big", optional=True).respond(content=bytes(2**20))
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            stack.enter_context(RawClient(server.address, receive_buffer=4096)).send(HANGS[hang])
        with RawClient(server.address, timeout=30) as client:
            for _ in range(20):
                client.send(GET)
                assert OK == client.recv_exactly(len(OK))
        assert 101 == len(server.connections)


def test_one_that_pipelines_ten_thousand_requests_does_not_hold_up_the_next(server):
    """The second comes when the first has been sent: its answer is there before the first's last."""
    with (
        RawClient(server.address, timeout=30, receive_buffer=4096) as greedy,
        RawClient(server.address, timeout=30) as modest,
    ):
        sending = in_thread(greedy.send, GET * 10_000)
        server.wait_for_requests(1)
        modest.send(GET)
        assert OK == modest.recv_exactly(len(OK))
        assert OK * 10_000 == greedy.recv_exactly(len(OK) * 10_000)
        sending.result(timeout=30)
    assert [10_000, 1] == [len(connection.requests) for connection in server.connections]


CROWD = """
import resource, socket, sys

host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
request = b"GET /x HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n"
clients = [socket.create_connection((host, port), timeout=60) for _ in range(count)]
print("connected", flush=True)
sys.stdin.readline()
for client in clients:
    client.sendall(request)
answers = sum(client.recv(4096).endswith(b"ok") for client in clients)
print(answers, flush=True)
sys.stdin.readline()
for client in clients:
    client.close()
print("closed", flush=True)
"""


@contextlib.contextmanager
def as_many_descriptors_as_allowed():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
@pytest.mark.parametrize("poller", ["epoll", "poll"])
def test_ten_thousand_connections(poller, trigger_mode, tmp_path):
    """Fewer if the hard limit of descriptors is lower, which is then said.

    With a queue of 128, each time it overflows a client waits a second for its next SYN.
    """
    if poller == "poll" and trigger_mode == "edge":
        pytest.skip("poll(2) knows only levels")
    script = tmp_path / "crowd.py"
    script.write_text(CROWD)
    with as_many_descriptors_as_allowed() as most:
        count = min(10_000 if poller == "epoll" else 1_000, most - 200)
        print(f"{count} connections; RLIMIT_NOFILE is {most}")
        server = EpollServer(poller=poller, edge_triggered=trigger_mode == "edge", backlog=4096).start()
        server.get("/x").respond(content=b"ok")
        command = [sys.executable, str(script), *map(str, (*server.address, count))]
        with server, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as crowd:
            assert "connected\n" == crowd.stdout.readline()
            server.wait_for_connections(count, timeout=60)
            crowd.stdin.write("\n")
            crowd.stdin.flush()
            assert f"{count}\n" == crowd.stdout.readline()
            assert count == len(server.wait_for_requests(count, timeout=60))
            with RawClient(server.address, timeout=30) as client:
                client.send(GET)
                assert OK == client.recv_exactly(len(OK))
            crowd.stdin.write("\n")
            crowd.stdin.flush()
            assert "closed\n" == crowd.stdout.readline()
            records = server._journal.connections
            sessions = server._barrier.engine._sessions
            server._barrier.wait(lambda: not sessions, 60, lambda: "all to be gone")

            assert {("client", "fin")} == {(record.closed_by, record.closed_how) for record in records}


def test_a_thousand_silent_connections_wake_nobody(make_server):
    """Counted: the loop's turns in 50 ms in which nothing happens; the wait itself costs a few."""
    with contextlib.ExitStack() as stack:
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2300:
            pytest.skip("this process may not have 2,300 descriptors")
        server = make_server(backlog=2048).start()
        for _ in range(1000):
            stack.enter_context(RawClient(server.address))
        server.wait_for_connections(1000)
        turns = []
        assert not server._barrier.engine.loop.wait(lambda: turns.append(1), 0.05)

        assert len(turns) <= 4
