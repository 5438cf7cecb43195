"""One server on several addresses, and on Unix domain sockets."""

import asyncio
import contextlib
import errno
import http.client
import os
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import httpx
import pytest

from calling import curl, needs_curl
from fetching import fetch
from ipv6 import needs_ipv6
from pytest_epoll import EpollServer, Listener, errors, faults, steps
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

SOON = 0.05
"""Seconds that a client waits for what does not come."""


@pytest.fixture
def server(server):
    server.get("/x").respond(content=b"ok")
    server.allow("unused")
    return server


@pytest.fixture
def path(socket_folder):
    """A path for a Unix domain socket."""
    return str(socket_folder / "x.sock")


@pytest.fixture(params=["TCP", "Unix"])
def second(request, server):
    """A second listener of the server."""
    return server.also_listen("127.0.0.2" if request.param == "TCP" else request.getfixturevalue("path"))


def served(address):
    with RawClient(address) as client:
        client.send(GET)
        return client.recv_exactly(len(OK))


def is_refused(address):
    try:
        RawClient(address).close()
    except (ConnectionRefusedError, FileNotFoundError):
        return True
    return False


# -- where it listens --


@pytest.mark.parametrize("address", ["\0x", "\0a/b", "/tmp/a\0b"])
def test_an_abstract_socket_is_refused(server, address):
    with pytest.raises(errors.UsageError, match=r"host_or_path=.* has a NUL byte"):
        server.also_listen(address)


def test_an_abstract_socket_is_refused_as_a_host_too():
    with pytest.raises(errors.UsageError, match=r"host=.* has a NUL byte"):
        EpollServer(host=("127.0.0.1", "\0x"))


def test_the_servers_own_listener_comes_first(server):
    (own,) = server.listeners

    assert isinstance(own, Listener)
    assert (server.address, server.url, f"<Listener {server.url}>") == (own.address, own.url, repr(own))


def test_before_the_start_there_are_no_listeners():
    assert () == EpollServer(host=("127.0.0.1", "::1")).listeners


@pytest.mark.parametrize(
    "hosts",
    [
        pytest.param(("127.0.0.1", "::1"), marks=needs_ipv6),
        pytest.param(("::1", "127.0.0.1", "127.0.0.2"), marks=needs_ipv6),
        ("127.0.0.1", "127.0.0.2"),
        ["127.0.0.1"],
    ],
)
def test_several_hosts_have_the_same_port(trigger_mode, hosts):
    with EpollServer(host=hosts, edge_triggered=trigger_mode == "edge") as server:
        server.get("/x").respond(content=b"ok")

        assert [(host, server.port) for host in hosts] == [listener.address for listener in server.listeners]
        assert [OK] * len(hosts) == [served(listener.address) for listener in server.listeners]
    assert all(is_refused(listener.address) for listener in server.listeners)


@needs_ipv6
def test_a_port_is_chosen_that_is_free_on_all_of_them(monkeypatch):
    real = socket.socket.bind
    tried = []

    with socket.socket(socket.AF_INET6) as stranger:
        stranger.bind(("::1", 0))
        stranger.listen()
        taken = stranger.getsockname()[1]

        def bind(self, address):
            tried.append(address[:2])
            real(self, ("127.0.0.1", taken) if len(tried) == 1 else address)

        class Socket(socket.socket):
            pass

        Socket.bind = bind
        monkeypatch.setattr("pytest_epoll._eventloop.sockets.socket.socket", Socket)
        with EpollServer(host=("127.0.0.1", "::1")) as server:
            monkeypatch.undo()
            port = server.port

    assert [("127.0.0.1", 0), ("::1", taken), ("127.0.0.1", 0), ("::1", port)] == tried
    assert port != taken


@needs_ipv6
def test_a_port_that_was_asked_for_must_be_free_on_all_of_them():
    with socket.socket(socket.AF_INET6) as stranger:
        stranger.bind(("::1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(OSError, match=rf"::1, port {port}; another socket is bound there") as caught:
            EpollServer(host=("127.0.0.1", "::1"), port=port).start()

    assert errno.EADDRINUSE == caught.value.errno
    with contextlib.closing(socket.create_server(("127.0.0.1", port))):
        pass  # nothing was left bound


@needs_ipv6
def test_wildcards_of_both_families_are_two_listeners():
    with EpollServer(host=("0.0.0.0", "::")) as server:
        server.get("/x").respond(content=b"ok")
        port = server.port

        assert [OK, OK] == [served(("127.0.0.1", port)), served(("::1", port))]
    assert ["127.0.0.1", "::1"] == [connection.client_address[0] for connection in server.connections]


@needs_ipv6
def test_one_more_address_has_the_same_port(server):
    added = server.also_listen("127.0.0.2")
    other = server.also_listen("::1")

    assert [("127.0.0.2", server.port), ("::1", server.port)] == [added.address, other.address]
    assert (f"http://127.0.0.2:{server.port}", f"http://[::1]:{server.port}") == (added.url, other.url)
    assert (server.listeners[0], added, other) == server.listeners
    assert [OK, OK] == [served(added.address), served(other.address)]


def test_one_more_address_may_have_a_port_of_its_own(server):
    added = server.also_listen("127.0.0.1", port=0)
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    other = server.also_listen("127.0.0.1", port)

    assert (3, port) == (len({listener.address for listener in server.listeners}), other.address[1])
    assert [OK, OK] == [served(added.address), served(other.address)]


def test_a_taken_port_is_named_and_nothing_is_left(server):
    with contextlib.closing(socket.create_server(("127.0.0.2", server.port))):
        with pytest.raises(
            OSError, match=rf"127\.0\.0\.2, port {server.port}; another socket is bound there"
        ) as caught:
            server.also_listen("127.0.0.2")

    assert (errno.EADDRINUSE, 1, OK) == (caught.value.errno, len(server.listeners), served(server.address))
    assert OK == served(server.also_listen("127.0.0.2").address)


def test_an_address_that_is_not_this_machines_is_named(server):
    with pytest.raises(OSError, match=r"192\.0\.2\.1") as caught:
        server.also_listen("192.0.2.1")

    assert errno.EADDRNOTAVAIL == caught.value.errno


def test_a_server_that_does_not_run_listens_nowhere_else(path):
    for server in (EpollServer(), EpollServer().start()):
        server.stop()
        with pytest.raises(errors.UsageError, match=r"call start\(\) first"):
            server.also_listen(path)

    assert not Path(path).exists()


def test_a_restart_listens_on_all_of_them_again(server, second):
    before = server.listeners
    server.stop()
    assert is_refused(second.address)
    server.start()

    assert (before, OK) == (server.listeners, served(second.address))


def test_clear_keeps_the_listeners(server, second):
    second.refuse_connections()
    server.clear()
    server.get("/x").respond(content=b"ok")

    assert OK == served(second.address)


def test_a_handler_may_add_a_listener(server):
    server.post("/y", where=lambda _: server.also_listen("127.0.0.2") is not None).respond(200)  # on the loop thread

    @server.post("/z").handler
    def add(_):
        return server.also_listen("127.0.0.3").url

    for target in ("/y", "/z"):
        assert 200 == fetch(server.url + target, "POST").status_code
    assert [OK, OK] == [served(listener.address) for listener in server.listeners[1:]]


def test_select_says_where_its_end_is(monkeypatch):
    with EpollServer(poller="select") as server:
        monkeypatch.setattr("pytest_epoll._eventloop.poller.SELECT_LIMIT", 3)
        with pytest.raises(errors.UsageError, match="cannot watch descriptor"):
            server.also_listen("127.0.0.2")
        monkeypatch.undo()

        assert 1 == len(server.listeners)
        assert not is_refused(server.also_listen("127.0.0.2").address)


# -- which listener a connection came in on --


def test_a_connection_and_its_requests_know_their_listener(server, second):
    served(server.address)
    served(second.address)

    assert list(server.listeners) == [connection.listener for connection in server.connections]
    assert [server.url + "/x", second.url + "/x"] == [request.url for request in server.requests]


def test_they_know_it_although_the_record_was_cleared(server, second):
    served(second.address)
    (request,), (connection,) = server.requests, server.connections
    connection.wait_ended()
    server.clear_records()

    assert (second, second.url + "/x") == (connection.listener, request.url)


def test_the_timeline_names_every_listener_but_the_first(server, second):
    served(server.address)
    served(second.address)
    first, other = (str(connection.events).splitlines()[1] for connection in server.connections)
    where = second.address if isinstance(second.address, str) else f"127.0.0.2:{server.port}"

    assert first.endswith(f"accepted from 127.0.0.1:{server.connections[0].client_address[1]}")
    assert other.endswith(f" on {where}")


# -- each has the same calls for itself --


@pytest.mark.parametrize(("block", "call"), [("refusing_connections", "refuse_connections")])
def test_one_of_them_is_refused_alone(server, second, block, call):
    for one, other in ((second, server), (server.listeners[0], second)):
        with getattr(one, block)():
            assert (True, OK) == (is_refused(one.address), served(other.address))
        getattr(one, call)()
        assert (True, OK) == (is_refused(one.address), served(other.address))
        one.accept_connections()
        assert OK == served(one.address)


def test_accepts_of_one_of_them_are_paused_alone(server, second):
    with second.pausing_accepts(), RawClient(second.address) as client:
        client.send(GET)

        assert (OK, 1) == (served(server.address), len(server.connections))
        second.accept_connections()
        assert OK == client.recv_exactly(len(OK))
        second.pause_accepts()
        with RawClient(second.address) as another:
            another.send(GET)

            assert (OK, 3) == (served(server.address), len(server.connections))
            second.accept_connections()
            assert OK == another.recv_exactly(len(OK))


def test_one_of_them_is_left_without_an_answer_alone(server):
    second = server.also_listen("127.0.0.2")
    with second.stalling_connections():
        with pytest.raises(TimeoutError):
            RawClient(second.address, timeout=SOON)
        assert OK == served(server.address)
    second.stall_connections()
    with pytest.raises(TimeoutError):
        RawClient(second.address, timeout=SOON)


def test_the_servers_calls_act_on_all_of_them(server, second):
    with server.refusing_connections():
        assert [True, True] == [is_refused(listener.address) for listener in server.listeners]
        second.accept_connections()
        assert (True, OK) == (is_refused(server.address), served(second.address))
    assert [OK, OK] == [served(listener.address) for listener in server.listeners]


def test_what_can_be_had_of_one_only_is_had_of_none(server, path):
    server.also_listen(path)
    with pytest.raises(errors.UsageError, match="is a Unix domain socket"):
        server.stall_connections()
    with pytest.raises(errors.UsageError, match="stall the other listeners one by one"), server.stalling_connections():
        pass

    assert OK == served(server.address)


def test_where_one_of_them_fails_none_is_left_refusing(server, monkeypatch):
    server.also_listen("127.0.0.2")
    server.listeners[0].refuse_connections()  # this one holds its port already
    server.accept_connections()

    def no_more(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("pytest_epoll._eventloop.door.socket.socket", no_more)
        with pytest.raises(OSError, match="Too many"), server.refusing_connections():
            pass

    assert [OK, OK] == [served(listener.address) for listener in server.listeners]


def test_a_listener_closes_the_connections_that_came_in_on_it(server, second):
    with RawClient(second.address) as mine, RawClient(server.address) as other:
        server.wait_for_connections(2)

        assert 1 == second.close_connections()
        assert (b"", "fin") == mine.read_to_end()
        assert [second] == [connection.listener for connection in server.connections if not connection.is_open]
        assert 1 == server.listeners[0].close_connections(idle_only=True)
        assert (b"", "fin") == other.read_to_end()


def test_a_listener_closes_those_alone_that_wait_in_its_own_queue(server):
    second = server.also_listen("127.0.0.2")
    with server.pausing_accepts(), RawClient(second.address) as mine, RawClient(server.address) as other:
        assert 1 == second.close_connections(how="rst")
        assert (b"", "rst") == mine.read_to_end()
        other.send(GET)
        server.accept_connections()
        assert OK == other.recv_exactly(len(OK))


def test_a_listener_refuses_a_goodbye_that_there_is_not(server):
    with pytest.raises(errors.UsageError, match="how='bye'"):
        server.listeners[0].close_connections(how="bye")
    with pytest.raises(errors.UsageTypeError, match="idle_only must be True or False"):
        server.listeners[0].close_connections(idle_only=1)


def test_all_connections_are_closed_whichever_listener_they_came_in_on(server, second):
    with RawClient(server.address) as one, RawClient(second.address) as other:
        server.wait_for_connections(2)

        assert 2 == server.close_connections()
        assert [(b"", "fin")] * 2 == [one.read_to_end(), other.read_to_end()]


def test_accepts_of_all_can_be_paused_and_all_of_the_queues_closed(server, second):
    server.pause_accepts()
    with RawClient(server.address) as one, RawClient(second.address) as other:
        assert 2 == server.close_connections()
        assert [(b"", "fin")] * 2 == [one.read_to_end(), other.read_to_end()]


# -- Unix domain sockets --


def test_a_unix_socket_serves_and_says_where_it_is(server, path):
    listener = server.also_listen(path)

    assert (path, "http://localhost", f"<Listener {path}>") == (listener.address, listener.url, repr(listener))
    assert OK == served(path)
    assert [("unix", os.getpid())] == [connection.client_address for connection in server.connections]
    assert f"<Connection c0 from unix:{os.getpid()}>" == repr(server.connections[0])


def test_the_client_of_a_unix_socket_is_its_process(server, path):
    server.also_listen(path)
    script = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])"
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", script, path]) as process:
        process.wait(30)

    assert ("unix", process.pid) == server.wait_for_connections(1)[0].client_address


def test_a_path_object_is_a_path(server, path, monkeypatch):
    monkeypatch.chdir(Path(path).parent)

    assert (path, OK) == (server.also_listen(Path("x.sock")).address, served(path))
    assert str(Path(path).parent / "y.sock") == server.also_listen("./y.sock").address


def test_clients_speak_http_over_a_unix_socket(server, path):
    listener = server.also_listen(path)
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=listener.address, verify=False), base_url=listener.url
    ) as client:
        assert "ok" == client.get("/x").text

    async def main():
        async with aiohttp.ClientSession(listener.url, connector=aiohttp.UnixConnector(listener.address)) as session:
            async with session.get("/x") as answer:
                return await answer.text()

    assert "ok" == asyncio.run(main())

    class UnixConnection(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(path)

    connection = UnixConnection("localhost")
    connection.request("GET", "/x")
    assert b"ok" == connection.getresponse().read()
    connection.close()
    assert ["http://localhost/x"] * 3 == [request.url for request in server.requests]


@needs_curl
def test_curl_speaks_http_over_a_unix_socket(server, path):
    listener = server.also_listen(path)
    call = ("--unix-socket", path, listener.url + "/x")

    assert b"ok" == curl(*call).stdout
    with listener.refusing_connections():
        assert 7 == curl(*call).returncode


def test_the_file_is_there_while_the_server_runs(server, path):
    server.also_listen(path)
    assert Path(path).is_socket()
    server.stop()

    assert not Path(path).exists()


def test_a_file_that_somebody_else_has_put_there_since_is_left_alone(server, path):
    server.also_listen(path)
    Path(path).unlink()
    Path(path).write_text("mine")
    server.stop()

    assert "mine" == Path(path).read_text()


def test_a_file_that_the_test_has_removed_is_no_trouble(server, path):
    server.also_listen(path)
    Path(path).unlink()
    server.stop()


def test_a_stale_file_is_named_as_one(server, path):
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with pytest.raises(OSError, match="a socket has left its file there; remove it") as caught:
        server.also_listen(path)

    assert (errno.EADDRINUSE, path) == (caught.value.errno, caught.value.filename)


def test_another_socket_is_named_as_one_and_not_called(server, path):
    with EpollServer() as other:
        other.also_listen(path)
        with pytest.raises(OSError, match="another socket is bound there; choose another path") as caught:
            server.also_listen(path)

        assert (errno.EADDRINUSE, []) == (caught.value.errno, list(other.connections))


def test_a_file_that_is_no_socket_is_named_as_one(server, path):
    Path(path).write_text("a text")
    with pytest.raises(OSError, match="a file that is no socket; choose another path"):
        server.also_listen(path)

    assert "a text" == Path(path).read_text()


def test_a_folder_that_is_not_there_is_named(server, path):
    with pytest.raises(FileNotFoundError, match=r"/no/x\.sock"):
        server.also_listen(str(Path(path).parent / "no" / "x.sock"))


def test_the_longest_path_can_be_refused_and_revived(server, path):
    folder = str(Path(path).parent)
    longest = f"{folder}/{'x' * (105 - len(folder))}"
    listener = server.also_listen(longest)
    with listener.refusing_connections():
        assert is_refused(longest)

    assert (106, OK, [Path(longest).name]) == (len(longest), served(longest), os.listdir(folder))
    with pytest.raises(errors.UsageError, match=r"at most 106 bytes .*tempfile\.mkdtemp\(\)"):
        server.also_listen(longest + "x")


def test_a_unix_socket_is_never_without_its_file(server, path):
    """Who connects meanwhile is served, refused or told that the queue is full, never that there is no such file."""
    listener = server.also_listen(path)
    may_end = []

    def knock():
        seen = set()
        while not may_end:
            try:
                RawClient(path).close()
            except OSError as error:
                seen.add(type(error).__name__)
        return seen

    knocking = in_thread(knock)
    try:
        for _ in range(50):
            with listener.refusing_connections():
                pass
    finally:
        may_end.append(1)

    assert knocking.result(timeout=20) <= {"ConnectionRefusedError", "BlockingIOError"}


def test_a_client_that_closes_a_unix_socket_is_seen(server, path):
    server.also_listen(path)
    with RawClient(path) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
    with RawClient(path) as rude:
        rude.send(GET)
        server.wait_for_requests(2)

    assert [("client", "fin"), ("client", "rst")] == [
        (connection.closed_by, connection.closed_how) for connection in server.connections
    ]


def test_a_client_that_has_closed_before_its_answer_is_seen(server, path):
    """On a Unix domain socket our send fails at once then, which is no reset of the client's."""
    with server.also_listen(path).pausing_accepts(), RawClient(path) as client:
        client.send(GET)
    connection = server.wait_for_connections(1)[0]
    connection.wait_ended()

    assert ("client", "fin", 1) == (connection.closed_by, connection.closed_how, len(connection.requests))


def test_the_server_says_goodbye_on_a_unix_socket(server, path):
    server.also_listen(path)
    server.get("/cut").respond(content=b"x" * 100, fault=faults.HangUp(after=60))
    with RawClient(path) as client:
        client.send(GET.replace(b"/x", b"/cut"))

        data, how = client.read_to_end()
        assert (60, "fin") == (len(data), how)
    with RawClient(path) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        server.stop()

        assert (b"", "fin") == client.read_to_end()


# -- what a Unix domain socket has not --


def test_a_step_and_a_fault_of_a_script_that_can_only_close_are_findings_of_their_connection(server, path):
    server.also_listen(path)
    server.script(steps.reset(), connection=0)
    server.script(faults.Reset(), connection=1)
    for _ in range(2):
        with RawClient(path) as client:
            client.read_to_end()

    assert [
        ("inexact", "c0 no RST could be sent: a Unix domain socket has none, the connection was closed", 0, None),
        ("inexact", "c1 no RST could be sent: a Unix domain socket has none, the connection was closed", 1, None),
    ] == [(one.kind, one.text.partition("\n")[0], one.connection, one.exchange) for one in server.findings()]


def cut_by(server, path, fault):
    server.get("/cut").respond(content=b"x" * 100, fault=fault)
    with RawClient(path) as client:
        client.send(GET.replace(b"/x", b"/cut"))
        data = client.read_to_end()[0] if "Reset" in repr(fault) else client.recv_exactly(140)
    return len(data)


@pytest.mark.parametrize("fault", [faults.Reset(after=60), faults.Reset(after=60, discard=True)])
def test_a_reset_that_can_only_close_is_a_finding(server, path, fault):
    server.also_listen(path)

    assert 60 == cut_by(server, path, fault)
    (finding,) = server.findings()
    assert (
        "c0.0 no RST could be sent: a Unix domain socket has none, the connection was closed\n"
        '  exact=False on the fault accepts it, or server.allow("inexact")'
    ) == finding.text
    assert "inexact" == finding.kind
    assert ("server", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)


def test_pieces_that_nobody_can_see_being_read_are_a_finding(server, path):
    server.also_listen(path)

    assert 140 == cut_by(server, path, faults.PartialWrites(size=70, until_read=True))
    (finding,) = server.findings()
    assert "c0.0 nobody can tell whether the 70 bytes were read: a Unix domain socket" in finding.text


def test_a_receive_buffer_without_effect_is_a_finding(server, path):
    server.also_listen(path)
    fault = faults.SlowReads(bytes_per_second=1_000_000, receive_buffer=4096)
    server.post("/slow").respond(content=b"ok", fault=fault)
    with RawClient(path) as client:
        client.send(b"POST /slow HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc")
        client.recv_exactly(len(OK))

    (finding,) = server.findings()
    assert (
        "c0.0 receive_buffer= has no effect: a Unix domain socket has none, only the client's send buffer counts\n"
        '  leave it out, or server.allow("inexact")'
    ) == finding.text


@pytest.mark.parametrize(
    "fault", [faults.Reset(after=60, exact=False), faults.PartialWrites(size=70, until_read=True, exact=False)]
)
def test_what_a_fault_accepts_is_no_finding(server, path, fault):
    server.also_listen(path)
    cut_by(server, path, fault)

    assert [] == server.findings()


def test_to_reset_a_connection_without_rst_is_refused_at_the_call(server, path):
    server.also_listen(path)
    with RawClient(path) as client, RawClient(server.address):
        connection = server.wait_for_connections(2)[0]
        for reset in (connection.reset, lambda: server.close_connections(how="rst")):
            with pytest.raises(errors.UsageError, match=r"has no RST; use how='fin' or close\(\)"):
                reset()

        assert (True, 2) == (connection.is_open, server.close_connections())
        assert (b"", "fin") == client.read_to_end()


def test_a_handler_that_fails_in_mid_answer_ends_a_unix_connection(server, path):
    server.also_listen(path)

    @server.get("/broken").handler
    def broken(_):
        yield b"one"
        raise ZeroDivisionError

    with RawClient(path) as client:
        client.send(GET.replace(b"/x", b"/broken"))
        assert client.read_to_end()[0].endswith(b"3\r\none\r\n")
    assert ["handler-error"] == [finding.kind for finding in server.findings()]
