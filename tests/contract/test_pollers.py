"""One contract under epoll in both trigger modes, poll and select; what select can't see, it says."""

import contextlib
import resource
import socket

import pytest

from pytest_epoll import EpollServer, errors, faults
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
POLLERS = {"level": ("epoll", False), "edge": ("epoll", True), "poll": ("poll", False), "select": ("select", False)}


@pytest.fixture(params=POLLERS)
def poller(request):
    return request.param


@pytest.fixture
def server(poller):
    name, edge_triggered = POLLERS[poller]
    with EpollServer(poller=name, edge_triggered=edge_triggered) as server:
        server.get("/x", optional=True).respond(content=b"ok")
        yield server


def goodbye(server, index=0):
    connection = server.connections[index]
    return connection.closed_by, connection.closed_how


def test_requests_are_served_and_recorded(server):
    with RawClient(server.address) as client:
        for number in range(5):
            client.send(GET)
            assert OK == client.recv_exactly(len(OK))
            assert number + 1 == len(server.requests)


def test_a_client_that_closes_is_seen_without_a_wait(server):
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))

    assert ("client", "fin") == goodbye(server)


def test_a_client_that_resets_is_seen_without_a_wait(server):
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        client.reset()

        assert ("client", "rst") == goodbye(server)


def test_a_client_that_sends_and_closes_at_once_is_seen_to_the_last_byte(server):
    route = server.post("/up")
    route.respond(content=b"ok")
    body = bytes(range(256)) * 4096  # 1 MiB
    with RawClient(server.address) as client:
        client.send(b"POST /up HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        client.shutdown()

        assert (OK, "fin") == client.read_to_end()
    assert (body, True) == (route.last_request.body, route.last_request.complete)


def test_a_large_upload_and_a_large_download(server):
    content = bytes(range(256)) * (8 * 2**20 // 256)
    route = server.post("/both")
    route.respond(content=content)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content)
    with RawClient(server.address, receive_buffer=65536) as client:
        message = b"POST /both HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % len(content) + content
        uploading = in_thread(client.send, message)
        answer = client.recv_exactly(len(head) + len(content))
        uploading.result(timeout=10)

    assert (head + content, content) == (answer, route.last_request.body)
    assert len(answer) == server.connections[0].bytes_sent


def test_an_early_large_reply_to_a_client_that_uploads_before_it_reads_is_no_deadlock(server):
    """It is answered 501 while it still sends: without reading on, both would wait for the other to read."""
    body = bytes(32 * 2**20)
    server.get("/big").respond(content=bytes(8 * 2**20))
    with RawClient(server.address) as client:
        client.send(b"GET /big HTTP/1.1\r\nHost: t\r\n\r\n")
        server.connections[0].wait_event("send-blocked")
        client.send(b"POST /up HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.send(body)  # returns only if all of it was read
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n"

        assert len(head) + 8 * 2**20 == len(client.recv_exactly(len(head) + 8 * 2**20))
        assert client.recv().startswith(b"HTTP/1.1 501")
    assert [True, True] == [request.complete for request in server.requests]


def test_pipelined_requests_are_all_answered(server):
    count = 3000
    with RawClient(server.address, timeout=30) as client:
        sending = in_thread(client.send, GET * count)
        assert OK * count == client.recv_exactly(len(OK) * count)
        sending.result(timeout=10)

    assert count == len(server.requests)


def test_a_flooding_client_delays_nobody(server):
    """It never lets its connection rest; the other gets its answers all the same, in order."""
    with RawClient(server.address, timeout=30) as flooding, RawClient(server.address, timeout=30) as other:
        is_over = []

        def flood():
            with contextlib.suppress(OSError):
                while not is_over:
                    flooding.socket.sendall(GET * 50)
                    flooding.recv_exactly(50 * len(OK))

        future = in_thread(flood)
        server.wait_for_requests(200)
        for _ in range(20):
            other.send(GET)
            assert OK == other.recv_exactly(len(OK))
        is_over.append(1)
        future.result(timeout=10)

    assert 20 == len(server.connections[1].requests)


def test_delays_of_several_connections_end_in_order(server):
    server.get("/late").respond(content=b"ok", delay=0.06)
    server.get("/early").respond(content=b"ok", delay=0.02)
    with RawClient(server.address) as one, RawClient(server.address) as other:
        one.send(b"GET /late HTTP/1.1\r\nHost: t\r\n\r\n")
        other.send(b"GET /early HTTP/1.1\r\nHost: t\r\n\r\n")
        assert OK == one.recv_exactly(len(OK))
        assert OK == other.recv_exactly(len(OK))
    late, early = (next(r for r in server.requests if r.path == path) for path in ("/late", "/early"))

    assert early.responded_at < late.responded_at


@pytest.mark.parametrize("after", [0, 137, "end"])
def test_a_reset_is_exact(server, after):
    server.get("/cut").respond(content=b"x" * 500, fault=faults.Reset(after=after))
    with RawClient(server.address) as client:
        client.send(b"GET /cut HTTP/1.1\r\nHost: t\r\n\r\n")
        data, how = client.read_to_end()

    assert ("rst", {0: 0, 137: 137, "end": 540}[after]) == (how, len(data))
    assert [] == server.findings()


def test_pieces_are_the_clients_reads(server):
    server.get("/pieces").respond(content=b"x" * 60, fault=faults.PartialWrites(sizes=(7, 20), until_read=True))
    with RawClient(server.address) as client:
        client.send(b"GET /pieces HTTP/1.1\r\nHost: t\r\n\r\n")

        assert [7, 20, 72] == [len(client.recv()) for _ in range(3)]


def test_stop_lets_everybody_go(server):
    server.get("/slow").respond(content=b"ok", delay=60)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(server.address)) for _ in range(20)]
        for client in clients:
            client.send(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n")
        server.wait_for_requests(20)
        server.stop()

        assert {(b"", "fin")} == {client.read_to_end() for client in clients}


def test_a_goodbye_of_a_client_whose_requests_are_not_read_is_seen_or_said_to_be_unobserved(server, poller):
    """Behind 1,024 unanswered requests nothing more is read; select(2) then shows neither FIN nor RST."""
    server.get("/hold").respond(content=b"x" * 2**22)
    with RawClient(server.address, receive_buffer=4096) as client:
        client.send(b"GET /hold HTTP/1.1\r\nHost: t\r\n\r\n")
        connection = server.connections[0]
        connection.wait_event("send-blocked")
        client.send(GET * 1100)
        server.wait_for_requests(1024)
        client.shutdown()

        if poller == "select":
            details = [event.detail for event in connection.events if event.kind == "unobserved"]
            assert ["fin-received: select(2) shows neither FIN nor RST while reading is paused"] == details
            assert None is connection.closed_by
        else:
            assert ("client", "fin") == (connection.closed_by, connection.closed_how)
            assert "unobserved" not in [event.kind for event in connection.events]
    assert [] == [finding for finding in server.findings() if finding.kind == "inexact"]


# -- descriptors --


@pytest.fixture
def high_descriptors():
    """All further descriptors are beyond 1023."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1200:
        pytest.skip("this process may not have 1200 descriptors")
    fillers = [socket.socket()]
    while fillers[-1].fileno() < 1030:
        fillers.append(socket.socket())
    yield fillers
    for filler in fillers:
        filler.close()


def test_connections_beyond_descriptor_1023_are_served_or_refused_with_the_reason(server, poller, high_descriptors):
    if poller == "select":
        with pytest.raises(ConnectionResetError), RawClient(server.address) as client:  # at connect(2), or afterwards
            client.send(GET)
            client.recv()
        connection = server.connections[0]
        kinds = [event.kind for event in connection.events]
        assert ["accepted", "refused", "rst-sent", "ended"] == kinds
        assert ("server", "rst") == (connection.closed_by, connection.closed_how)
        assert "cannot watch descriptor" in connection.events[1].detail
        for filler in high_descriptors[:20]:
            filler.close()
    with RawClient(server.address) as client:
        client.send(GET)

        assert OK == client.recv_exactly(len(OK))


def test_a_server_beyond_descriptor_1023_starts_or_says_why_not(poller, high_descriptors):
    name, edge_triggered = POLLERS[poller]
    server = EpollServer(poller=name, edge_triggered=edge_triggered)
    if poller == "select":
        with pytest.raises(errors.UsageError, match="cannot watch descriptor"):
            server.start()
        return
    server.get("/x").respond(content=b"ok")
    with server, RawClient(server.address) as client:
        client.send(GET)
        assert OK == client.recv_exactly(len(OK))
        server.get("/cut").respond(content=b"x" * 100, fault=faults.PartialWrites(sizes=(7,), until_read=True))
        client.send(b"GET /cut HTTP/1.1\r\nHost: t\r\n\r\n")

        assert 7 == len(client.recv())


@contextlib.contextmanager
def only_so_many_descriptors(spare):
    """No more than `spare` further descriptors can be opened in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket() as probe:
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe.fileno() + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_clients_wait_it_is_recorded_and_they_are_served_later(server):
    """EMFILE at accept: the client's own socket is the last one that can be had."""
    engine = server._barrier.engine
    with only_so_many_descriptors(1), RawClient(server.address) as client:
        client.send(GET)
        server._barrier.wait(
            lambda: any(fact[3] == "unobserved" for fact in server._journal.facts), 5, lambda: "the failed accept"
        )
        turns = []
        real = engine.loop.poller.poll
        assert not engine.loop.wait(lambda: turns.append(1), 0.05)  # asked once a turn
        assert len(turns) < 50
        assert 0 == len(server.connections)
        resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1:] * 2)

        assert OK == client.recv_exactly(len(OK))
    events = [event for event in server.timeline if event.kind == "unobserved"]
    assert [(None, None, "accepted: Too many open files (EMFILE)")] == [
        (event.connection, event.exchange, event.detail) for event in events
    ]
    assert "Too many open files" in str(server.timeline)
    assert ([], real) == (server.findings(), engine.loop.poller.poll)


def test_without_descriptors_refusing_says_so_and_connections_are_accepted_on(server):
    with (
        only_so_many_descriptors(0),
        pytest.raises(OSError, match="Too many open files"),
        server.refusing_connections(),
    ):
        pass
    with RawClient(server.address) as client:
        client.send(GET)
        assert OK == client.recv_exactly(len(OK))
    with server.refusing_connections(), pytest.raises(ConnectionRefusedError):
        RawClient(server.address)

    assert ["refuses connections", "accepts connections"] == [
        event.detail for event in server.timeline if event.kind == "listener"
    ]


def test_without_descriptors_who_waits_in_the_queue_stays_there(server):
    """It is neither refused nor forgotten: who can't be accepted now is accepted when there is a descriptor."""
    with contextlib.ExitStack() as stack:
        with only_so_many_descriptors(1):
            client = stack.enter_context(RawClient(server.address))
            with pytest.raises(OSError, match="Too many open files"), server.refusing_connections():
                pass
            server.pause_accepts()
        server.accept_connections()
        client.send(GET)

        assert OK == client.recv_exactly(len(OK))


def test_without_descriptors_also_listen_says_so(server):
    with only_so_many_descriptors(0), pytest.raises(OSError, match="Too many open files"):
        server.also_listen("127.0.0.2")

    assert 1 == len(server.listeners)
    with RawClient(server.also_listen("127.0.0.2").address) as client:
        client.send(GET)
        assert OK == client.recv_exactly(len(OK))
