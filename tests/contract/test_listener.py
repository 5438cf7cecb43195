"""Who connects is accepted, refused, left without an answer or left in the queue; on one address or on several."""

import asyncio
import contextlib
import errno
import http.client
import os
import socket
import subprocess
import sys
import threading

import httpx
import pytest
import requests
import urllib3

from calling import curl, needs_curl
from pytest_epoll import EpollServer, errors
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

SOON = 0.05
"""Seconds that a client waits for what does not come: on the loopback, what comes comes within the connect itself."""


@pytest.fixture
def server(server):
    server.get("/x").respond(content=b"ok")
    return server


@pytest.fixture(params=["level", "edge", "poll", "select"])
def any_server(request):
    """A server under each poller."""
    name = "epoll" if request.param in {"level", "edge"} else request.param
    with EpollServer(poller=name, edge_triggered=request.param == "edge") as server:
        server.get("/x").respond(content=b"ok")
        yield server


def served(address):
    with RawClient(address) as client:
        client.send(GET)
        return client.recv_exactly(len(OK))


def outcome(address, *, patience=SOON):
    """Return what becomes of a request on a new connection: what it reads, or how it fails."""
    try:
        client = RawClient(address, timeout=SOON)
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "unanswered"
    with client:
        client.socket.settimeout(patience)
        try:
            client.send(GET)
            return "served" if client.recv_exactly(len(OK)) == OK else "cut off"
        except TimeoutError:
            return "not accepted"


OUTCOMES = {
    "refusing_connections": "refused",
    "stalling_connections": "unanswered",
    "pausing_accepts": "not accepted",
}
PLAIN = {
    "refuse_connections": "refused",
    "stall_connections": "unanswered",
    "pause_accepts": "not accepted",
    "accept_connections": "served",
}


# -- in force from entering to leaving, for every client --


@pytest.mark.parametrize("block", OUTCOMES)
def test_it_is_in_force_from_entering_to_leaving(any_server, block):
    with getattr(any_server, block)():
        within = outcome(any_server.address)

    assert (OUTCOMES[block], OK) == (within, served(any_server.address))


@pytest.mark.parametrize("call", PLAIN)
def test_a_plain_call_is_in_force_until_the_next_one(any_server, call):
    getattr(any_server, call)()
    patience = 10 if PLAIN[call] == "served" else SOON
    first, second = (outcome(any_server.address, patience=patience) for _ in range(2))
    any_server.accept_connections()

    assert (PLAIN[call], PLAIN[call], OK) == (first, second, served(any_server.address))


@pytest.mark.parametrize("block", OUTCOMES)
def test_it_is_in_force_for_another_thread(server, block):
    with getattr(server, block)():
        within = in_thread(outcome, server.address).result(timeout=10)

    assert (OUTCOMES[block], OK) == (within, in_thread(served, server.address).result(timeout=10))


CLIENT_ELSEWHERE = """
import socket, sys
try:
    client = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=0.05)
except ConnectionRefusedError:
    sys.exit("refused")
except TimeoutError:
    sys.exit("unanswered")
client.settimeout(float(sys.argv[2]))
client.sendall(b"GET /x HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n")
try:
    answer = client.recv(1000)
except TimeoutError:
    sys.exit("not accepted")
sys.exit("served" if answer.endswith(b"ok") else "cut off")
"""


@pytest.mark.parametrize("block", OUTCOMES)
def test_it_is_in_force_for_another_process(server, block):
    def elsewhere(patience=SOON):
        command = [sys.executable, "-I", "-S", "-c", CLIENT_ELSEWHERE, str(server.port), str(patience)]
        return subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=30).stderr.strip()

    with getattr(server, block)():
        within = elsewhere()

    assert (OUTCOMES[block], "served") == (within, elsewhere(patience=10))


@pytest.mark.parametrize("block", OUTCOMES)
def test_connections_that_exist_live_on(any_server, block):
    with RawClient(any_server.address) as client:
        for _ in range(2):
            with getattr(any_server, block)():
                client.send(GET)

                assert OK == client.recv_exactly(len(OK))
        client.send(GET)
        assert OK == client.recv_exactly(len(OK))
    assert 1 == len(any_server.connections)


@pytest.mark.parametrize("block", OUTCOMES)
def test_who_has_connected_before_is_accepted(any_server, block):
    """A client is not torn from a connection that it has made, although nobody had accepted it yet."""
    is_held, may_go = threading.Event(), threading.Event()
    any_server._barrier.engine.loop.post(lambda: (is_held.set(), may_go.wait(10)))
    assert is_held.wait(10)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(any_server.address)) for _ in range(5)]
        entering = in_thread(getattr(any_server, block)().__enter__)
        may_go.set()
        entering.result(timeout=10)
        for client in clients:
            client.send(GET)
            assert OK == client.recv_exactly(len(OK))

    assert OUTCOMES[block] == outcome(any_server.address)


def test_nothing_of_it_is_on_record_but_that_it_was_so(server):
    with server.refusing_connections():
        assert "refused" == outcome(server.address)
    with server.stalling_connections():
        assert "unanswered" == outcome(server.address)

    assert ([], [], [], []) == (list(server.requests), list(server.connections), server.findings(), server.unmatched)
    assert [
        ("refuses connections", None, None),
        ("accepts connections", None, None),
        ("leaves connects unanswered", None, None),
        ("accepts connections", None, None),
    ] == [(event.detail, event.connection, event.exchange) for event in server.timeline if event.kind == "listener"]


@pytest.fixture(autouse=True)
def routes_need_not_be_used(request):
    if "server" in request.fixturenames:
        request.getfixturevalue("server").allow("unused")


# -- what clients make of it --

CLIENTS = {
    "http.client": (
        lambda server: http.client.HTTPConnection(*server.address, timeout=SOON).request("GET", "/x"),
        ConnectionRefusedError,
        TimeoutError,
    ),
    "httpx": (
        lambda server: httpx.Client(trust_env=False, verify=False, timeout=SOON).get(server.url + "/x"),
        httpx.ConnectError,
        httpx.ConnectTimeout,
    ),
    "requests": (
        lambda server: requests.get(server.url + "/x", timeout=SOON),
        requests.ConnectionError,
        requests.ConnectTimeout,
    ),
    "urllib3": (
        lambda server: urllib3.PoolManager(retries=False, timeout=SOON).request("GET", server.url + "/x"),
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
    ),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_a_refused_connect_is_what_each_client_calls_it(server, client):
    call, refused, _ = CLIENTS[client]
    with server.refusing_connections(), pytest.raises(refused, match="refused"):
        call(server)


@pytest.mark.parametrize("client", CLIENTS)
def test_an_unanswered_connect_is_a_connect_timeout_of_each_client(server, client):
    call, _, unanswered = CLIENTS[client]
    with server.stalling_connections(), pytest.raises(unanswered):
        call(server)


@pytest.mark.parametrize(
    ("client", "error"),
    [
        ("httpx", httpx.ReadTimeout),
        ("requests", requests.ReadTimeout),
        ("urllib3", urllib3.exceptions.ReadTimeoutError),
    ],
)
def test_who_is_not_accepted_has_connected_and_runs_into_a_read_timeout(server, client, error):
    with server.pausing_accepts(), pytest.raises(error):
        CLIENTS[client][0](server)


@needs_curl
@pytest.mark.parametrize(
    ("block", "code"), [("refusing_connections", 7), ("stalling_connections", 28), ("pausing_accepts", 28)]
)
def test_curl_says_so_by_its_exit_code(server, block, code):
    with getattr(server, block)():
        within = curl("--connect-timeout", "0.1", "--max-time", "0.15", server.url + "/x").returncode

    assert (code, 0) == (within, curl(server.url + "/x").returncode)


def test_an_async_client_is_refused_and_left_without_an_answer(server):
    async def main():
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=httpx.Timeout(10, connect=SOON)) as client:
            with server.refusing_connections(), pytest.raises(httpx.ConnectError):
                await client.get(server.url + "/x")
            with server.stalling_connections(), pytest.raises(httpx.ConnectTimeout):
                await client.get(server.url + "/x")
            return (await client.get(server.url + "/x")).status_code

    assert 200 == asyncio.run(main())


def test_a_retry_hook_revives_the_server(server):
    class Reviving(urllib3.Retry):
        def increment(self, *arguments, **keywords):
            server.accept_connections()
            return super().increment(*arguments, **keywords)

    with urllib3.PoolManager(retries=Reviving(2)) as pool, server.refusing_connections():
        answer = pool.request("GET", server.url + "/x", headers={"Connection": "close"})

        assert (200, 1) == (answer.status, len(server.requests))


@pytest.mark.slow
@pytest.mark.parametrize("revive", ["accept_connections", "stop and start"])
def test_an_unanswered_client_gets_through_when_the_server_is_revived(server, revive):
    """Its kernel asks again after a second."""
    server.stall_connections()
    connecting = in_thread(RawClient, server.address, timeout=20)
    assert "unanswered" == outcome(server.address)
    if revive == "accept_connections":
        server.accept_connections()
    else:
        server.stop()
        server.start()
    with connecting.result(timeout=20) as client:
        client.send(GET)

        assert OK == client.recv_exactly(len(OK))


# -- what is asked for, one over the other --


def test_of_nested_blocks_the_inner_one_counts_and_then_the_outer_one_again(server):
    seen = []
    with server.refusing_connections():
        with server.stalling_connections():
            with server.pausing_accepts():
                seen.append(outcome(server.address))
            seen.append(outcome(server.address))
        seen.append(outcome(server.address))

    assert ["not accepted", "unanswered", "refused"] == seen
    assert OK == served(server.address)


@pytest.mark.parametrize("first", OUTCOMES)
@pytest.mark.parametrize("second", OUTCOMES)
def test_each_may_follow_each(any_server, first, second):
    with getattr(any_server, first)(), getattr(any_server, second)():
        inner = outcome(any_server.address)
        any_server.accept_connections()
        accepted = served(any_server.address)

    assert (OUTCOMES[second], OK, OK) == (inner, accepted, served(any_server.address))


def test_of_two_blocks_that_overlap_the_later_one_counts_whichever_is_left_first(server):
    """As of two threads: whoever leaves first takes back only what it has asked for itself."""
    one, other = server.refusing_connections(), server.stalling_connections()
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    between = outcome(server.address)
    other.__exit__(None, None, None)

    assert ("unanswered", OK) == (between, served(server.address))


def test_a_block_can_be_entered_again_also_within_itself(server):
    block = server.refusing_connections()
    with block, block:
        pass
    assert OK == served(server.address)
    with block:
        with block:
            pass

        assert "refused" == outcome(server.address)
    assert OK == served(server.address)


@pytest.mark.parametrize("call", PLAIN)
def test_a_plain_call_outlives_the_blocks_around_it(server, call):
    with server.refusing_connections(), server.stalling_connections():
        getattr(server, call)()
    patience = 10 if PLAIN[call] == "served" else SOON

    assert PLAIN[call] == outcome(server.address, patience=patience)


def test_an_exception_leaves_the_block(server):
    with pytest.raises(ZeroDivisionError), server.refusing_connections():
        raise ZeroDivisionError

    assert OK == served(server.address)


@pytest.mark.parametrize("call", PLAIN)
def test_clear_lets_the_listener_accept(server, call):
    getattr(server, call)()
    server.clear()
    server.get("/x").respond(content=b"ok")

    assert OK == served(server.address)
    server.allow("unused")


@pytest.mark.parametrize("block", OUTCOMES)
def test_the_server_can_be_restarted_within_a_block_and_accepts_then(server, block):
    address = server.address
    with getattr(server, block)():
        server.stop()
        server.start()

        assert (address, OK) == (server.address, served(address))
    assert OK == served(address)


@pytest.mark.parametrize("block", OUTCOMES)
def test_a_block_whose_server_was_stopped_is_left_in_silence(server, block):
    with getattr(server, block)():
        server.stop()
        with pytest.raises(ConnectionRefusedError):
            RawClient(server.address)


@pytest.mark.parametrize("call", PLAIN)
def test_a_server_that_does_not_run_can_be_asked_for_nothing(call):
    with pytest.raises(errors.UsageError, match=r"call start\(\) first"):
        getattr(EpollServer(), call)()


def test_a_block_needs_a_running_server_when_it_is_entered():
    block = EpollServer().refusing_connections()
    with pytest.raises(errors.UsageError, match=r"call start\(\) first"), block:
        pass


# -- from wherever --


@pytest.mark.parametrize("call", PLAIN)
def test_a_handler_may_ask_for_it(server, call):
    @server.post("/x").handler
    def ask(_):
        getattr(server, call)()
        return b"ok"

    with RawClient(server.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
        assert client.recv().endswith(b"ok")
    patience = 10 if PLAIN[call] == "served" else SOON

    assert PLAIN[call] == outcome(server.address, patience=patience)


@pytest.mark.parametrize("call", PLAIN)
def test_a_predicate_may_ask_for_it_on_the_servers_own_thread(any_server, call):
    any_server.post("/x", where=lambda _: getattr(any_server, call)() is None).respond(content=b"ok")
    with RawClient(any_server.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
        assert client.recv().endswith(b"ok")
    patience = 10 if PLAIN[call] == "served" else SOON

    assert PLAIN[call] == outcome(any_server.address, patience=patience)


# -- the port stays ours --

STRANGERS = [
    (),
    (socket.SO_REUSEADDR,),
    (socket.SO_REUSEPORT,),
    (socket.SO_REUSEADDR, socket.SO_REUSEPORT),
]


@pytest.mark.parametrize("options", STRANGERS, ids=lambda options: "+".join(map(str, options)) or "plain")
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize("block", OUTCOMES)
@pytest.mark.parametrize("times", [1, 2])
def test_no_stranger_can_take_the_port_meanwhile(server, options, host, block, times):
    """Also while a connection is open that was accepted before, and when it was revived and refuses again."""
    with RawClient(server.address):
        server.wait_for_connections(1)
        for _ in range(times):
            with getattr(server, block)(), socket.socket() as stranger:
                for option in options:
                    stranger.setsockopt(socket.SOL_SOCKET, option, 1)
                with pytest.raises(OSError) as caught:
                    stranger.bind((host, server.port))
                    stranger.listen()

                assert errno.EADDRINUSE == caught.value.errno


def test_it_can_be_refused_and_revived_over_and_over(server):
    for _ in range(20):
        with server.refusing_connections():
            assert "refused" == outcome(server.address)
        assert OK == served(server.address)


# -- the queue --


def test_a_barrier_does_not_wait_for_who_is_not_accepted(any_server):
    with any_server.pausing_accepts(), RawClient(any_server.address) as client:
        client.send(GET)

        assert (0, 0) == (len(any_server.connections), len(any_server.requests))
        any_server.accept_connections()
        assert (OK, 1) == (client.recv_exactly(len(OK)), len(any_server.requests))


def test_a_wait_that_expires_says_that_clients_are_in_the_queue(server):
    with server.pausing_accepts(), RawClient(server.address), RawClient(server.address):
        with pytest.raises(errors.WaitTimeout) as of_connections:
            server.wait_for_connections(1, timeout=0.01)
        with pytest.raises(errors.WaitTimeout) as of_requests:
            server.wait_for_requests(1, timeout=0.01)

    says = "the listener leaves connections in the queue; 2 connections wait there"
    assert "waited 0.01 s for 1 connection, 0 were accepted\n  " + says in str(of_connections.value)
    assert says in str(of_requests.value)


@pytest.mark.parametrize(
    ("block", "says"),
    [("refusing_connections", "refuses connections"), ("stalling_connections", "leaves connects unanswered")],
)
def test_a_wait_that_expires_says_what_keeps_clients_away(server, block, says):
    with getattr(server, block)(), pytest.raises(errors.WaitTimeout, match=f"\n  the listener {says}\n"):
        server.wait_for_connections(1, timeout=0.01)


def test_behind_a_full_queue_connects_are_not_answered():
    with EpollServer(backlog=2) as server, server.pausing_accepts(), contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(RawClient(server.address))

        assert "unanswered" == outcome(server.address)


@pytest.mark.parametrize("sent", [b"", GET, GET[:9]])
def test_closing_all_connections_tells_who_waits_in_the_queue(any_server, sent):
    with any_server.pausing_accepts(), RawClient(any_server.address) as client:
        client.send(sent)

        assert 1 == any_server.close_connections()
        assert (b"", "fin") == client.read_to_end()
    assert ([("server", "fin")], 0) == (
        [(connection.closed_by, connection.closed_how) for connection in any_server.connections],
        len(any_server.requests),
    )


def test_closing_all_connections_resets_who_waits_in_the_queue(server):
    with server.pausing_accepts(), RawClient(server.address) as client:
        assert 1 == server.close_connections(how="rst")
        assert (b"", "rst") == client.read_to_end()


def test_closing_idle_connections_leaves_who_waits_in_the_queue_alone(server):
    with server.pausing_accepts(), RawClient(server.address) as client:
        client.send(GET)

        assert 0 == server.close_connections(idle_only=True)
        server.accept_connections()
        assert OK == client.recv_exactly(len(OK))


@pytest.mark.parametrize("sent", [b"", GET])
def test_stopping_says_goodbye_with_fin_to_who_waits_in_the_queue(any_server, sent):
    any_server.pause_accepts()
    with RawClient(any_server.address) as client:
        client.send(sent)
        any_server.stop()

        assert (b"", "fin") == client.read_to_end()
    assert [("server", "fin", len(sent))] == [
        (connection.closed_by, connection.closed_how, connection.bytes_received)
        for connection in any_server.connections
    ]
    assert 0 == len(any_server.requests)


# -- where it can't be had --


def test_without_a_descriptor_refusing_fails_and_the_server_goes_on_to_accept(server, monkeypatch):
    def no_more(*_):
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr("pytest_epoll._eventloop.door.socket.socket", no_more)
        with pytest.raises(OSError, match="Too many"), server.refusing_connections():
            pass

    assert OK == served(server.address)
    assert [] == [event for event in server.timeline if event.kind == "listener"]
    with server.refusing_connections():
        assert "refused" == outcome(server.address)


@pytest.mark.parametrize("block", ["refusing_connections", "stalling_connections"])
def test_where_the_kernel_cannot_do_it_it_says_so(server, block, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.sockets._IP_MINTTL", 9999)
    with pytest.raises(errors.UsageError, match=r"does not take IP_MINTTL \(.*use pause_accepts\(\)"):
        getattr(server, block)().__enter__()

    assert OK == served(server.address)


@pytest.mark.parametrize("block", ["refusing_connections", "stalling_connections"])
def test_elsewhere_than_on_linux_it_says_so(server, block, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.sockets.sys.platform", "plan9")
    with pytest.raises(errors.UsageError, match="plan9 has no IP_MINTTL"):
        getattr(server, block)().__enter__()


AS_NOBODY = """
import os, socket
from pytest_epoll import EpollServer
from pytest_epoll.testing import RawClient
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
with EpollServer() as server:
    for block in ("refusing_connections", "stalling_connections", "pausing_accepts"):
        with getattr(server, block)():
            try:
                RawClient(server.address, timeout=0.05).close()
                print("connected")
            except OSError as error:
                print(type(error).__name__)
"""


@pytest.mark.skipif(
    os.getuid() != 0, reason="only root can become somebody else, and the other tests are somebody else"
)
@pytest.mark.slow
def test_it_takes_no_rights():
    """A filter on the listening socket would: newer kernels take one on a TCP socket from root only."""
    finished = subprocess.run([sys.executable, "-c", AS_NOBODY], capture_output=True, text=True, timeout=60)

    assert "ConnectionRefusedError\nTimeoutError\nconnected\n" == finished.stdout


def test_where_every_segment_has_the_greatest_ttl_it_says_so(server):
    """Then none is dropped for a lower one; it is a setting of the whole system."""
    for listener in server._barrier.engine.listeners:
        listener.sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 255)
    with pytest.raises(errors.UsageError, match="sends with a TTL of 255"):
        server.stall_connections()

    assert OK == served(server.address)


@pytest.mark.parametrize("block", ["refusing_connections", "stalling_connections"])
def test_who_was_accepted_of_a_deaf_socket_is_heard(any_server, block):
    """What drops a client's SYN is inherited by what is accepted; later segments must come through."""
    for _ in range(3):
        with getattr(any_server, block)():
            pass
        with RawClient(any_server.address) as client:
            for _ in range(3):
                client.send(GET)
                assert OK == client.recv_exactly(len(OK))
