"""The barrier: complete (L1) where it can be, and bounded (L4) always."""

import asyncio
import contextlib
import os
import threading
from pathlib import Path

import pytest

from pytest_epoll import EpollServer, errors
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def server(server):
    server.get("/x", optional=True).respond(content=b"ok")
    return server


# -- complete --


@pytest.mark.parametrize("size", [0, 1, 16_384, 300_000, 4_000_000])
def test_what_a_client_has_sent_is_in_the_record_whatever_its_size(server, size):
    """Also what lay in the client's own kernel buffer when the read began."""
    server.post("/up").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"POST /up HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))

        assert (size, True) == (len(server.requests[0].body), server.requests[0].complete)


def test_everything_that_a_hundred_clients_did_is_in_the_record(server):
    with contextlib.ExitStack() as stack:
        for number in range(100):
            client = stack.enter_context(RawClient(server.address))
            client.send(GET)
            if number % 3 == 0:
                client.shutdown()
            elif number % 3 == 1:
                client.reset()

        requests, connections = len(server.requests), server.connections
        by = [(connection.closed_by, connection.closed_how) for connection in connections]
    assert (100, 100) == (requests, len(connections))
    expected = [("client", "fin"), ("client", "rst"), (None, None)]
    assert [expected[number % 3] for number in range(100)] == by


def test_a_thousand_pipelined_requests_are_in_the_record(server):
    with RawClient(server.address) as client:
        client.send(GET * 1000)

        assert 1000 == len(server.requests)


def test_reads_from_several_threads_are_all_complete(server):
    def act():
        with RawClient(server.address) as client:
            for _ in range(100):
                before = len(server.requests)
                client.send(GET)
                client.recv_exactly(len(OK))
                assert len(server.requests) > before
        return True

    assert [True] * 4 == [future.result(timeout=30) for future in [in_thread(act) for _ in range(4)]]


# -- bounded --


@pytest.mark.slow
def test_reads_return_while_a_client_floods(server):
    """It sends without reading, so there is always more; each read returns, and no read goes back."""
    with RawClient(server.address) as client:
        is_over = threading.Event()

        def send():
            with contextlib.suppress(OSError):
                while not is_over.is_set():
                    client.socket.sendall(GET * 200)

        def receive():
            with contextlib.suppress(OSError):
                while client.socket.recv(2**20):
                    pass

        threads = [in_thread(send), in_thread(receive)]
        server.wait_for_requests(1)
        counts = [len(server.requests) for _ in range(10)]
        is_over.set()
        client.shutdown()
        for thread in threads:
            thread.result(timeout=30)

    assert counts == sorted(counts)


def test_reads_return_while_clients_connect_without_pause(server):
    is_over = threading.Event()

    def connect():
        count = 0
        while not is_over.is_set():
            with contextlib.suppress(OSError), RawClient(server.address):
                count += 1
        return count

    connecting = [in_thread(connect) for _ in range(2)]
    server.wait_for_connections(10)
    counts = [len(server.connections) for _ in range(20)]
    is_over.set()
    total = sum(thread.result(timeout=30) for thread in connecting)

    assert counts == sorted(counts)
    assert total == len(server.connections)


@pytest.mark.slow
def test_reads_return_and_are_complete_beside_a_thousand_active_clients(server):
    """Each asks again as soon as it has been answered."""
    route = server.get("/mine")
    route.respond(content=b"ok")
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(RawClient(server.address)) for _ in range(1000)]
        is_over = threading.Event()

        def work():
            while not is_over.is_set():
                for client in crowd:
                    client.send(GET)
                for client in crowd:
                    client.recv_exactly(len(OK))

        working = in_thread(work)
        server.wait_for_requests(1000, timeout=30)
        mine = stack.enter_context(RawClient(server.address))
        for number in range(10):
            mine.send(b"GET /mine HTTP/1.1\r\nHost: t\r\n\r\n")

            assert number + 1 == route.call_count
        is_over.set()
        working.result(timeout=60)


@pytest.fixture
def blocked(server):
    """A server whose thread stands in a predicate of the test until it ends."""
    is_blocked, may_go = threading.Event(), threading.Event()

    def predicate_that_blocks(_request):
        is_blocked.set()
        may_go.wait(60)
        return True

    server.get("/blocks", where=predicate_that_blocks).respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"GET /blocks HTTP/1.1\r\nHost: t\r\n\r\n")
        assert is_blocked.wait(10)
        yield server
        may_go.set()
        client.recv_exactly(len(OK))


def test_a_read_behind_a_predicate_that_blocks_ends_and_shows_where_it_stands(blocked, monkeypatch):
    monkeypatch.setattr(blocked._barrier.engine.loop, "settle", lambda: _settle_briefly(blocked))
    with pytest.raises(errors.WaitTimeout) as caught:
        blocked.requests

    text = str(caught.value)
    assert "predicate_that_blocks" in text
    assert "may_go.wait(60)" in text
    assert "predicates and hooks run on the server's thread and must not block" in text


def _settle_briefly(server):
    server._barrier.engine.loop.call(lambda: None, settled=True, timeout=0.05)


def test_a_wait_behind_a_predicate_that_blocks_ends_and_shows_where_it_stands(blocked, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.loop._GRACE", 0.01)
    with pytest.raises(errors.WaitTimeout, match="predicate_that_blocks"):
        blocked.wait_for_requests(5, timeout=0.01)


@pytest.mark.parametrize(
    ("folder", "is_our_code"), [(Path(os.__file__).parent, True), (Path(pytest.__file__).parents[1], False)]
)
def test_what_python_itself_does_is_ours_when_we_have_called_it(server, folder, is_our_code):
    """A close that takes long, of a socket with much in it, is not to be blamed on the test."""
    is_there, may_go = threading.Event(), threading.Event()
    code = compile("def stand():\n    is_there.set()\n    may_go.wait(60)", str(folder / "some.py"), "exec")
    exec(code, names := {"is_there": is_there, "may_go": may_go})
    server._barrier.engine.loop.post(names["stand"])
    try:
        assert is_there.wait(10)

        assert is_our_code == server._barrier.engine.where_it_stands()[1]
    finally:
        may_go.set()


def test_a_predicate_that_never_returns_does_not_hold_stop_up(trigger_mode):
    """stop() says where it stands; the thread ends when the predicate does."""
    server = EpollServer(edge_triggered=trigger_mode == "edge").start()
    is_blocked, may_go = threading.Event(), threading.Event()

    def predicate_that_blocks(_request):
        is_blocked.set()
        may_go.wait(60)
        return True

    server.get("/blocks", where=predicate_that_blocks).respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"GET /blocks HTTP/1.1\r\nHost: t\r\n\r\n")
        assert is_blocked.wait(10)
        with pytest.warns(errors.HandlerStillRunning, match="predicate_that_blocks"):
            server.stop()
        may_go.set()

        assert "fin" == client.read_to_end()[1]


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf")])
def test_a_wait_without_end_is_refused(server, timeout):
    with pytest.raises(errors.UsageError, match="timeout="):
        server.wait_for_requests(1, timeout=timeout)


# -- threads that run an event loop --

WAITS = {
    "wait_for_requests": lambda server: server.wait_for_requests(2, timeout=1),
    "wait_for_connections": lambda server: server.wait_for_connections(2, timeout=1),
    "wait_closed": lambda server: server.connections[0].wait_closed(timeout=1),
    "wait_ended": lambda server: server.connections[0].wait_ended(timeout=1),
    "wait_event": lambda server: server.connections[0].wait_event("rst-sent", timeout=1),
}


def run_asyncio(function):
    async def main():
        return function()

    return asyncio.run(main())


def run_trio(function):
    trio = pytest.importorskip("trio")

    async def main():
        return function()

    return trio.run(main)


@pytest.mark.parametrize("run", [run_asyncio, run_trio])
@pytest.mark.parametrize("wait", WAITS)
def test_a_blocking_wait_where_an_event_loop_runs_is_refused(server, run, wait):
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))

        def attempt():
            with pytest.raises(errors.UsageError, match="this would freeze the client"):
                WAITS[wait](server)

        run(attempt)


@pytest.mark.parametrize("run", [run_asyncio, run_trio])
def test_a_wait_whose_condition_holds_already_returns_where_an_event_loop_runs(server, run):
    """Behind a barrier: what the client did just before counts."""

    def attempt():
        with RawClient(server.address) as client:
            client.send(GET)
            client.recv_exactly(len(OK))
            found = len(server.wait_for_requests(1)), len(server.wait_for_connections(1))
        server.connections[0].wait_closed()
        return found

    assert (1, 1) == run(attempt)


@pytest.mark.parametrize("run", [run_asyncio, run_trio])
def test_reads_and_waits_of_other_threads_are_free_beside_an_event_loop(server, run):
    waiting = in_thread(server.wait_for_requests, 1, timeout=30)

    def attempt():
        with RawClient(server.address) as client:
            client.send(GET)
            client.recv_exactly(len(OK))
            return len(waiting.result(timeout=30)), len(server.requests)

    assert (1, 1) == run(attempt)
