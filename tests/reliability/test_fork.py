"""os.fork() and multiprocessing's "fork": the parent's server is the parent's, whatever the child does."""

import contextlib
import multiprocessing
import os
import select
import signal
import socket
import sys
import traceback
import warnings

import pytest

from pytest_epoll import EpollServer, errors, faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
DEADLINE = 20

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")


class Child:
    """A forked child that runs a function, and keeps living until it is told to end."""

    def __init__(self, function=lambda: None):
        self._say, say = socket.socketpair()
        self._say.settimeout(DEADLINE)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: forking beside threads
            self.pid = os.fork()
        if self.pid == 0:
            self._live(function, say)
        say.close()
        assert b"ready" == self._say.recv(100), "the child failed"

    def _live(self, function, say):
        signal.alarm(DEADLINE)
        code = 1
        try:
            self._say.close()
            function()
            say.send(b"ready")
            say.recv(1)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def end(self):
        self._say.close()
        assert (self.pid, 0) == os.waitpid(self.pid, 0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def served(server):
    with RawClient(server.address) as client:
        client.send(GET)
        return client.recv_exactly(len(OK))


@pytest.fixture
def server(server):
    server.get("/x").respond(content=b"ok")
    return server


def test_in_the_child_the_address_works_and_everything_else_is_refused(server):
    expected = (server.url, server.host, server.port, server.address, f"{server.url}/a", str(server))
    served(server)
    request, connection = server.requests[0], server.connections[0]
    route = server.get("/y")

    def check():
        assert expected == (server.url, server.host, server.port, server.address, server.url_for("/a"), str(server))
        for refused in (
            lambda: server.requests,
            lambda: server.connections,
            lambda: server.timeline,
            lambda: server.unmatched,
            lambda: server.last_request,
            lambda: server.wait_for_requests(1),
            lambda: server.wait_for_connections(1),
            lambda: server.check(),
            lambda: server.clear(),
            lambda: server.clear_records(),
            lambda: server.allow("unused"),
            lambda: server.get("/z").respond(200),
            lambda: route.respond(200),
            lambda: route.called,
            lambda: request.body,
            lambda: connection.closed_by,
            lambda: connection.wait_closed(),
            lambda: server.refuse_connections(),
            lambda: server.stall_connections(),
            lambda: server.pause_accepts(),
            lambda: server.accept_connections(),
            lambda: server.refusing_connections().__enter__(),
            lambda: server.listeners[0].refuse_connections(),
            lambda: server.also_listen("127.0.0.2"),
            lambda: server.start(),
            lambda: server.stop(),
        ):
            with pytest.raises(errors.UsageError, match="forked child"):
                refused()

    with Child(check):
        pass
    assert OK == served(server)


def test_the_child_holds_none_of_our_descriptors(server):
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        engine = server._barrier.engine
        numbers = [
            *(listener.sock.fileno() for listener in engine.listeners),
            engine.loop._mailbox.fd,
            *(session.transport.fd for session in engine._sessions.values()),
        ]

        def check():
            for number in numbers:
                with contextlib.suppress(OSError):
                    target = os.readlink(f"/proc/self/fd/{number}")
                    raise AssertionError(f"descriptor {number} is still {target}")

        with Child(check):
            assert OK == served(server)


def test_the_parents_server_goes_on_while_children_come_and_go(server):
    with RawClient(server.address) as client:
        for _ in range(5):
            with Child():
                client.send(GET)
                assert OK == client.recv_exactly(len(OK))
            client.send(GET)
            assert OK == client.recv_exactly(len(OK))
        assert 10 == len(server.requests)
        assert server.connections[0].is_open


def test_a_fin_acts_at_once_while_a_child_lives_that_was_forked_in_mid_connection(server):
    server.get("/bye").respond(content=b"ok", headers={"Connection": "close"})
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        with Child():
            client.send(b"GET /bye HTTP/1.1\r\nHost: test\r\n\r\n")

            assert "fin" == client.read_to_end()[1]


def test_a_reset_acts_at_once_while_a_child_lives_that_was_forked_in_mid_connection(server):
    server.get("/reset").respond(content=b"x" * 100, fault=faults.Reset(after="head"))
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        with Child():
            client.send(b"GET /reset HTTP/1.1\r\nHost: test\r\n\r\n")
            data, how = client.read_to_end()

            assert (True, "rst") == (data.endswith(b"\r\n\r\n"), how)


def test_stop_acts_at_once_and_frees_the_port_while_a_child_lives(server):
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        with Child():
            server.stop()
            assert (b"", "fin") == client.read_to_end()
            with pytest.raises(ConnectionRefusedError):
                RawClient(server.address)
            server.start()

            assert OK == served(server)


@pytest.mark.parametrize("times", [1, 2])
def test_connects_are_refused_at_once_while_a_child_lives(server, times):
    """A child that C code has forked holds the socket until it executes something; ours closes it."""
    held = [listener.sock.dup() for listener in server._barrier.engine.listeners]
    with Child():
        for _ in range(times):
            with server.refusing_connections(), pytest.raises(ConnectionRefusedError):
                RawClient(server.address)
            assert OK == served(server)
    for sock in held:
        sock.close()


@pytest.mark.parametrize("block", ["refusing_connections", "stalling_connections", "pausing_accepts"])
def test_a_child_that_leaves_a_block_leaves_the_parents_listener_alone(server, block):
    entered = getattr(server, block)()
    entered.__enter__()

    def leave():
        entered.__exit__(None, None, None)

    with Child(leave), pytest.raises((ConnectionRefusedError, TimeoutError)):
        with RawClient(server.address, timeout=0.05) as client:
            client.send(GET)
            client.recv()
    entered.__exit__(None, None, None)

    assert OK == served(server)


def test_a_child_leaves_the_file_of_a_unix_socket_alone(server, socket_folder):
    path = server.also_listen(f"{socket_folder}/x.sock").address
    with Child():
        pass
    with RawClient(path) as client:
        client.send(GET)

        assert OK == client.recv_exactly(len(OK))
    server.stop()


def test_a_child_may_be_a_client_of_its_parents_server(server):
    with Child(lambda: check_equal(OK, served(server))):
        assert ["GET /x"] == [str(request) for request in server.wait_for_requests(1)]


def check_equal(expected, actual):
    assert expected == actual


def test_a_child_may_start_a_server_of_its_own(server):
    def check():
        with EpollServer() as own:
            own.get("/x").respond(content=b"ok")
            assert own.port != server.port
            assert OK == served(own)
            assert 1 == len(own.requests)

    with Child(check):
        assert OK == served(server)
    assert 1 == len(server.requests)


def test_a_child_of_a_child_closes_nobody_elses_descriptors(server):
    """The numbers that the child has closed are its own files by then."""

    def check():
        fillers = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
        with Child(lambda: [os.fstat(filler) for filler in fillers]):
            pass

    with Child(check):
        pass
    assert OK == served(server)


def test_a_child_that_leaves_the_with_block_leaves_the_parents_server_alone(trigger_mode):
    """By sys.exit(), for instance, which must not become a UsageError."""
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/x").respond(content=b"ok")
        with Child(lambda: server.__exit__(SystemExit, SystemExit(3), None)):
            assert OK == served(server)


def test_a_child_that_collects_the_server_says_and_stops_nothing(server):
    def collect():
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            server.__del__()

    with Child(collect):
        assert OK == served(server)


def test_a_child_that_executes_a_program_hands_no_descriptor_on(server):
    served(server)
    pid_of = os.spawnv  # fork and exec, without subprocess's own closing of descriptors
    script = "import os, sys; sys.exit(any('eventpoll' in os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')))"  # noqa: E501 - one program
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        code = pid_of(os.P_WAIT, sys.executable, [sys.executable, "-c", script])

    assert (0, OK) == (code, served(server))


def _child_of_multiprocessing(server, queue):
    served(server)
    try:
        server.requests
    except errors.UsageError as error:
        queue.send(str(error))


def test_multiprocessing_with_fork(server):
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = context.Process(target=_child_of_multiprocessing, args=(server, theirs))
        process.start()
    assert ours.poll(DEADLINE)
    assert "forked child" in ours.recv()
    process.join(DEADLINE)
    process.close()
    ours.close()
    theirs.close()

    assert 1 == len(server.requests)


def test_forking_while_clients_are_served_disturbs_nobody(server):
    """Whatever the loop thread does at that moment."""
    with RawClient(server.address) as client:
        for number in range(20):
            client.send(GET)
            with Child():
                assert OK == client.recv_exactly(len(OK))
                assert number + 1 == len(server.requests)


SYS_EXIT = """
import atexit, os, socket, sys
from pytest_epoll import EpollServer

server = EpollServer().start()
server.get("/x").respond(content=b"ok")
atexit.register(lambda: print("atexit", os.getpid() == parent, flush=True))
parent = os.getpid()
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    pid = os.fork()
if pid == 0:
    sys.exit(3)
_, status = os.waitpid(pid, 0)
print("status", os.waitstatus_to_exitcode(status), flush=True)
with socket.create_connection(server.address, timeout=10) as client:
    client.sendall(b"GET /x HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n")
    print(client.recv(100)[-2:].decode(), len(server.requests), flush=True)
"""


def test_a_child_that_exits_the_long_way_runs_its_atexit_and_leaves_the_parents_server_alone(run_script):
    code, out, err = run_script(SYS_EXIT)

    assert (0, ["atexit False", "status 3", "ok 1", "atexit True"], "") == (code, out.splitlines(), err)


def test_the_shared_epoll_set_is_not_touched_by_the_child(server):
    """A child that unregistered its copies would unregister the parent's."""
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        with Child():
            pass
        client.send(GET)

        assert select.select((client.socket,), (), (), DEADLINE)[0]
        assert OK == client.recv_exactly(len(OK))
