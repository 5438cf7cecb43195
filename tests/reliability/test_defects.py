"""Our own bugs: they reach the test as InternalError, with the timeline, and never as silence."""

import threading

import pytest

from pytest_epoll import EpollServer, errors
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def broken(trigger_mode):
    """A server whose loop has ended by a defect, after one good request."""
    server = EpollServer(edge_triggered=trigger_mode == "edge").start()
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        server._barrier.engine.loop.post(_defect)
        assert (b"", "fin") == client.read_to_end()
    server._barrier.engine.join()
    yield server
    if server._barrier.engine is not None:
        with pytest.raises(errors.InternalError):
            server.stop()


def _defect():
    raise ArithmeticError("a defect")


READS = {
    "requests": lambda server: server.requests,
    "connections": lambda server: server.connections,
    "timeline": lambda server: server.timeline,
    "findings": lambda server: server.findings(),
    "check": lambda server: server.check(),
    "clear": lambda server: server.clear(),
    "wait_for_requests": lambda server: server.wait_for_requests(5),
    "stop": lambda server: server.stop(),
}


@pytest.mark.parametrize("read", READS)
def test_whatever_is_asked_of_a_dead_server_raises_with_its_cause_and_the_timeline(broken, read):
    with pytest.raises(errors.InternalError) as caught:
        READS[read](broken)

    assert isinstance(caught.value.__cause__, ArithmeticError)
    assert "a defect" in str(caught.value)
    assert "GET /x HTTP/1.1" in str(caught.value)


def test_reports_of_a_dead_server_still_show_what_is_there(broken):
    assert "GET /x" in broken.render(broken.facts())


def test_after_stop_the_record_can_be_read_and_the_server_started_again(broken):
    with pytest.raises(errors.InternalError):
        broken.stop()
    assert 1 == len(broken.requests)
    assert "server" == broken.connections[0].closed_by
    with broken, RawClient(broken.address) as client:
        client.send(GET)
        assert OK == client.recv_exactly(len(OK))


def test_everybody_who_waits_is_told_at_once(trigger_mode):
    server = EpollServer(edge_triggered=trigger_mode == "edge").start()
    waiting = [in_thread(server.wait_for_requests, 1, timeout=3600) for _ in range(3)]
    while len(server._barrier.engine.loop._watches) < 3:
        server._barrier.engine.loop.settle()
    server._barrier.engine.loop.post(_defect)
    for thread in waiting:
        with pytest.raises(errors.InternalError, match="a defect"):
            thread.result(timeout=30)
    with pytest.raises(errors.InternalError, match="a defect"):
        server.stop()


def test_a_defect_that_a_read_provokes_is_raised_by_that_read(server, monkeypatch):
    monkeypatch.setattr("pytest_epoll._serving.session.Session.data_received", lambda *_: _defect())
    may_go = threading.Event()
    is_held = threading.Event()
    server._barrier.engine.loop.post(lambda: (is_held.set(), may_go.wait(10)))
    assert is_held.wait(10)
    with RawClient(server.address) as client:
        client.send(GET)
        reading = in_thread(lambda: server.requests)
        may_go.set()
        with pytest.raises(errors.InternalError, match="a defect"):
            reading.result(timeout=30)
        with pytest.raises(errors.InternalError, match="a defect"):
            server.stop()


def test_a_defect_while_stopping_is_raised_and_leaves_nothing_behind(server, monkeypatch):
    """The autouse fixture counts descriptors and threads."""
    with RawClient(server.address) as client:
        client.send(GET[:10])
        server.wait_for_connections(1)
        monkeypatch.setattr("pytest_epoll._serving.session.Session.stop", lambda *_: _defect())
        with pytest.raises(errors.InternalError, match="a defect"):
            server.stop()

        assert client.read_to_end()[1] in {"fin", "rst"}


@pytest.mark.parametrize("place", ["listener.Listener.close", "probes.PeerProbe.close"])
def test_a_defect_in_a_step_of_the_end_does_not_keep_the_others_from_being_taken(server, monkeypatch, place):
    target = f"pytest_epoll._eventloop.{place}"
    sock = next(iter(server._barrier.engine.listeners)).sock
    monkeypatch.setattr(target, lambda *_: _defect())
    with pytest.raises(errors.InternalError, match="a defect"):
        server.stop()
    sock.close()


def test_a_thread_of_ours_that_will_not_end_is_named_with_its_stack(server, monkeypatch):
    """A hang in code of ours: InternalError; in the test's, it is HandlerStillRunning (test_barrier)."""
    monkeypatch.setattr("pytest_epoll._core.limits.STOP_SECONDS", 0.05)
    monkeypatch.setattr("pytest_epoll._core.limits.ANSWER_SECONDS", 0.05)
    may_go = threading.Event()
    is_held = threading.Event()
    engine = server._barrier.engine
    monkeypatch.setattr("pytest_epoll._serving.engine.is_ours", lambda _path: True)
    engine.loop.post(lambda: (is_held.set(), may_go.wait(10)))
    assert is_held.wait(10)
    with pytest.raises(errors.InternalError, match=rf"epoll-server-{server.port}, the server's thread, did not end"):
        server.stop()
    may_go.set()
    engine._thread.join(10)

    assert not engine._thread.is_alive()
