"""stop() within a second, whatever clients do; what is recorded then; and a restart in the middle of a test."""

import contextlib
import errno
import gc
import socket
import threading
import time
import warnings

import pytest

from pytest_epoll import EpollServer, errors
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MIB = 2**20


def stop_within_its_second(server):
    """Stop it: `stop` itself raises if its thread has not ended after a second."""
    server.stop()


@contextlib.contextmanager
def clients(server, count, **keywords):
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(RawClient(server.address, **keywords)) for _ in range(count)]


def goodbyes(server):
    return [(connection.closed_by, connection.closed_how) for connection in server.connections]


def test_fifty_clients_that_wait_in_silence_are_let_go_with_a_fin(server):
    server.get("/x").respond(content=b"ok", delay=60)
    with clients(server, 50) as waiting:
        for client in waiting:
            client.send(GET)
        server.wait_for_requests(50)
        stop_within_its_second(server)

        assert {(b"", "fin")} == {client.read_to_end() for client in waiting}
    assert [("server", "fin")] * 50 == goodbyes(server)
    assert all(connection.closed_at is not None for connection in server.connections)


def test_fifty_clients_in_the_middle_of_a_head(server):
    with clients(server, 50) as waiting:
        for client in waiting:
            client.send(GET[:20])
        server.wait_for_connections(50)
        stop_within_its_second(server)

        assert {(b"", "fin")} == {client.read_to_end() for client in waiting}
    assert [("server", "fin")] * 50 == goodbyes(server)
    assert {"the server stopped"} == {request.error for request in server.requests}


def test_a_client_in_the_middle_of_a_large_upload(server):
    """It goes on sending while we stop: FIN if the queue could be emptied, RST if it filled up again."""
    server.post("/x").respond(content=b"ok")
    with RawClient(server.address) as client:

        def upload():
            with contextlib.suppress(OSError):
                client.send(b"POST /x HTTP/1.1\r\nHost: t\r\nContent-Length: 67108864\r\n\r\n")
                for _ in range(64):
                    client.send(bytes(MIB))

        uploading = in_thread(upload)
        request = server.wait_for_requests(1, state="head")[0]
        server._barrier.wait(lambda: request._record.raw_size > MIB, 5, lambda: "a mebibyte of it")
        stop_within_its_second(server)
        uploading.result(timeout=10)

    connection = server.connections[0]
    assert "server" == connection.closed_by or request.complete
    assert {"fin": ["fin-sent"], "rst": ["rst-sent"]}[connection.closed_how] == [
        event.kind for event in connection.events if event.kind in {"fin-sent", "rst-sent"}
    ]
    if not request.complete:
        assert "the server stopped" == request.error


def test_bytes_that_keep_coming_are_recorded_as_rst_and_the_client_sees_one(server, monkeypatch):
    with RawClient(server.address) as client:
        server.wait_for_connections(1)
        monkeypatch.setattr("pytest_epoll._eventloop.transport.probes.unread_bytes", lambda _fd: 1)
        client.send(GET[:20])
        stop_within_its_second(server)

        assert (b"", "rst") == client.read_to_end()
    assert [("server", "rst")] == goodbyes(server)


def test_a_client_in_the_middle_of_a_large_download_that_does_not_read(server):
    server.get("/x").respond(content=bytes(64 * MIB))
    with RawClient(server.address) as client:
        client.send(GET)
        server.connections[0].wait_event("send-blocked")
        stop_within_its_second(server)
        data, how = client.read_to_end()

        assert ("fin", True) == (how, 0 < len(data) < 64 * MIB)
    assert [("server", "fin")] == goodbyes(server)
    assert len(data) == server.connections[0].bytes_sent


def test_an_open_drain(server):
    """We have said goodbye, the client holds its socket."""
    server.get("/x").respond(content=b"ok", headers={"Connection": "close"})
    with RawClient(server.address) as client:
        client.send(GET)
        client.read_to_end()
        connection = server.connections[0]
        assert ("server", "fin") == (connection.closed_by, connection.closed_how)
        stop_within_its_second(server)
        connection.wait_ended()

        assert ["fin-sent", "ended"] == [event.kind for event in connection.events][-2:]


@pytest.mark.slow
def test_a_client_that_floods(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        flooding = Flood(client)
        server.wait_for_requests(100)
        stop_within_its_second(server)
        flooding.end()

    assert "server" == server.connections[0].closed_by


class Flood:
    """A client that sends requests, and reads and drops what comes back, without pause."""

    def __init__(self, client):
        self._client = client
        self._is_over = threading.Event()
        self._threads = [in_thread(self._send), in_thread(self._read)]

    def _send(self):
        with contextlib.suppress(OSError):
            while not self._is_over.is_set():
                self._client.socket.sendall(GET * 100)

    def _read(self):
        with contextlib.suppress(OSError):
            while self._client.socket.recv(MIB):
                pass

    def end(self):
        self._is_over.set()
        with contextlib.suppress(OSError):
            self._client.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.result(timeout=10)


def test_what_clients_had_done_before_is_in_the_record_afterwards(server):
    """The last barrier is part of stop()."""
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(GET)
    with RawClient(server.address) as other:
        other.send(GET)
        other.recv_exactly(len(OK))
    server.stop()

    assert [("client", "rst"), ("client", "fin")] == goodbyes(server) or [("client", "fin")] * 2 == goodbyes(server)
    assert [True, True] == [request.complete for request in server.requests]


def test_stopping_stalled_connections_costs_little_cpu():
    """Printed, and bounded so loosely that only a loop that spins or waits in steps can exceed it."""
    server = EpollServer().start()
    server.get("/x").respond(content=b"ok", delay=60)
    with clients(server, 50) as waiting:
        for client in waiting:
            client.send(GET)
        server.wait_for_requests(50)
        begun = time.process_time_ns()
        server.stop()
        cost = time.process_time_ns() - begun
    print(f"stop with 50 stalled connections: {cost / 1e6:.2f} ms of CPU")

    assert cost < 500_000_000


def test_stop_from_several_threads_at_once(make_server):
    for _ in range(10):
        server = make_server().start()
        for stopping in [in_thread(server.stop) for _ in range(4)]:
            stopping.result(timeout=10)

        assert "stopped" in repr(server)


def test_a_wait_in_another_thread_ends_when_the_server_is_stopped(server):
    waiting = in_thread(server.wait_for_requests, 1, timeout=3600)
    server._barrier.engine.loop.settle()
    server.stop()

    with pytest.raises(errors.WaitTimeout, match="the server is stopped"):
        waiting.result(timeout=10)


def test_readers_in_other_threads_are_never_disturbed_by_a_stop(make_server):
    """A read that races with stop() sees the running server or the stopped one, never an error."""
    for _ in range(10):
        server = make_server().start()
        go = threading.Event()

        def read(server=server, go=go):
            go.wait(10)
            for _ in range(50):
                assert 0 == len(server.requests)
                assert [] == server.findings()

        readers = [in_thread(read) for _ in range(3)]
        go.set()
        server.stop()
        for reader in readers:
            reader.result(timeout=10)


@pytest.mark.parametrize("name", ["stop", "wait_for_requests"])
def test_on_the_servers_own_thread_what_would_wait_for_itself_is_refused(server, name):
    with pytest.raises(errors.UsageError, match="wait for itself"):
        server._barrier.engine.loop.call(getattr(server, name))

    assert 0 == len(server.requests)


# -- restart --


def test_a_restart_in_mid_test_takes_the_same_port_at_once(server):
    """With connections of ours in TIME_WAIT, twenty times over."""
    server.get("/x").respond(content=b"ok", headers={"Connection": "close"})
    port = server.port
    for number in range(20):
        with RawClient(server.address) as client:
            client.send(GET)
            client.read_to_end()
            server.stop()
            server.start()

            assert (port, number + 1) == (server.port, len(server.requests))


def test_a_client_of_the_old_server_is_no_connection_of_the_new_one(server):
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        server.wait_for_connections(1)
        server.stop()
        server.start()

        assert (b"", "fin") == client.read_to_end()
        with RawClient(server.address) as other:
            other.send(GET)
            assert OK == other.recv_exactly(len(OK))
    assert [("server", "fin"), ("client", "fin")] == goodbyes(server)


# -- start --


def test_a_taken_port_is_refused_at_start_and_can_be_taken_later(make_server):
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        server = make_server(port=stranger.getsockname()[1])
        with pytest.raises(OSError) as caught:
            server.start()
        assert errno.EADDRINUSE == caught.value.errno
        with pytest.raises(errors.UsageError, match="start"):
            server.url
    server.start()

    assert stranger.fileno() < 0 < server.port


@pytest.mark.parametrize("option", [socket.SO_REUSEADDR, socket.SO_REUSEPORT])
def test_a_port_that_a_stranger_would_share_is_taken_all_the_same(make_server, option):
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, option, 1)
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        with pytest.raises(OSError) as caught:
            make_server(port=stranger.getsockname()[1]).start()

    assert errno.EADDRINUSE == caught.value.errno


def failing(error):
    def fail(*_args, **_keywords):
        raise error

    return fail


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("pytest_epoll._eventloop.poller.select.epoll", OSError(errno.EMFILE, "no descriptor left")),
        ("pytest_epoll._eventloop.wakeup.os.eventfd", OSError(errno.EMFILE, "no descriptor left")),
        ("pytest_epoll._eventloop.listener.Listener.start", OSError(errno.ENOSPC, "too many watches")),
        ("threading.Thread.start", RuntimeError("can't start new thread")),
    ],
)
def test_a_start_that_fails_leaves_nothing_behind_and_may_be_tried_again(make_server, monkeypatch, place, error):
    """The autouse fixture counts descriptors and threads; the port must be free as well."""
    server = make_server()
    with monkeypatch.context() as patch:
        patch.setattr(place, failing(error))
        with pytest.raises(type(error)) as caught:
            server.start()
        assert caught.value is error
    with pytest.raises(errors.UsageError, match="start"):
        server.url

    server.get("/x").respond(content=b"ok")
    server.start()
    with RawClient(server.address) as client:
        client.send(GET)
        assert OK == client.recv_exactly(len(OK))


def test_a_signal_while_the_thread_comes_up_leaves_nothing_behind(make_server, monkeypatch):
    server = make_server()
    real = threading.Thread.start

    def start(thread):
        real(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(KeyboardInterrupt):
            server.start()

    assert "never started" in repr(server)


# -- dropped --


def test_a_server_that_is_dropped_while_it_runs_ends_with_a_resource_warning(trigger_mode):
    """As a socket does. The autouse fixture sees that thread and descriptors go."""
    server = EpollServer(edge_triggered=trigger_mode == "edge").start()
    server.get("/x").respond(content=b"ok")
    address = server.address
    with RawClient(address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        assert 1 == len(server.requests)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del server
            gc.collect()

        assert (b"", "fin") == client.read_to_end()
    assert [(ResourceWarning, True)] == [
        (warning.category, f":{address[1]}" in str(warning.message)) for warning in caught
    ]


def test_a_server_that_was_never_started_or_was_stopped_is_dropped_in_silence():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        EpollServer()
        server = EpollServer().start()
        server.stop()
        del server
        gc.collect()

    assert [] == [warning.message for warning in caught if warning.category is ResourceWarning]
