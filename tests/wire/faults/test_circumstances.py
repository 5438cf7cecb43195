"""The same faults where something else is going on: forked children, other processes, real clients."""

import contextlib
import http.client
import os
import subprocess
import sys
import threading
import warnings

import httpx
import pytest
import requests

from pytest_epoll import EpollServer, faults
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes
HEAD = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\n"

ENDS = [(faults.HangUp, "fin"), (faults.Reset, "rst"), (faults.HalfClose, "fin")]


@contextlib.contextmanager
def forked_child():
    """Fork a child that holds every descriptor which it inherits, without any clean-up of ours."""
    read, write = os.pipe()
    ready_read, ready_write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: forking beside threads
        pid = os.fork()
    if pid == 0:
        os.close(write)
        os.write(ready_write, b"r")
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    assert b"r" == os.read(ready_read, 1)
    try:
        yield
    finally:
        os.close(write)
        os.waitpid(pid, 0)
        os.close(ready_read)
        os.close(ready_write)


@pytest.mark.parametrize(("fault", "end"), ENDS)
@pytest.mark.parametrize("after", [0, 137, "end"])
def test_it_acts_at_once_while_a_forked_child_holds_the_descriptor(server, fault, end, after):
    server.get("/ok").respond(content=b"x" * 100)
    server.get("/x").respond(content=b"x" * 100, fault=fault(after=after))
    with RawClient(server.address) as client:
        client.send(GET.replace(b"/x", b"/ok"))
        client.recv_exactly(140)
        with forked_child():
            client.send(GET)

            assert (REPLY[: 140 if after == "end" else after], end) == client.read_to_end()


def test_in_the_request_it_acts_while_a_forked_child_holds_the_descriptor(server):
    server.post("/x").respond_with(faults.Reset(after_reading=faults.body(3)))
    with RawClient(server.address) as client:
        client.send(HEAD)
        server.wait_for_requests(1, state="head")
        with forked_child():
            client.send(b"hello world")

            assert (b"", "rst") == client.read_to_end()
    assert b"hel" == server.last_request.body_so_far


CALL = """
import sys
from pytest_epoll.testing import RawClient
with RawClient((sys.argv[1], int(sys.argv[2]))) as client:
    client.send({request!r})
    data, how = client.read_to_end()
    print(len(data), how)
"""


@pytest.mark.parametrize(("fault", "end"), ENDS)
def test_for_a_client_in_another_process(server, fault, end):
    server.get("/x").respond(content=b"x" * 100, fault=fault(after=137))
    command = [sys.executable, "-c", CALL.format(request=GET), server.host, str(server.port)]

    assert f"137 {end}\n" == subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_stall_and_pieces_for_a_client_in_another_process(server):
    server.get("/x").respond(
        content=b"x" * 100, fault=[faults.PartialWrites(size=50, until_read=True), faults.HangUp(after="end")]
    )
    command = [sys.executable, "-c", CALL.format(request=GET), server.host, str(server.port)]

    assert "140 fin\n" == subprocess.run(command, capture_output=True, text=True, check=True).stdout


# -- real clients --


def patience(fault):
    """Return seconds that a client waits for its next bytes: who waits in vain says the same whenever it gives up."""
    return 0.2 if isinstance(fault, faults.Stall) else 10


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.HangUp(), httpx.RemoteProtocolError),
        (faults.HangUp(after=20), httpx.RemoteProtocolError),
        (faults.HangUp(after=faults.body(50)), httpx.RemoteProtocolError),
        (faults.Reset(), httpx.ReadError),
        (faults.Reset(after=faults.body(50)), httpx.ReadError),
        (faults.Stall(), httpx.ReadTimeout),
        (faults.Stall(after=faults.body(50)), httpx.ReadTimeout),
        (faults.HalfClose(after=faults.body(50)), httpx.RemoteProtocolError),
    ],
)
def test_what_httpx_says(server, fault, error):
    server.get("/x").respond(content=b"x" * 100, fault=fault)
    with httpx.Client(trust_env=False, verify=False, timeout=patience(fault)) as client, pytest.raises(error):
        client.get(server.url + "/x")
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.HangUp(), http.client.RemoteDisconnected),
        (faults.HangUp(after=faults.body(50)), http.client.IncompleteRead),
        (faults.Reset(after=faults.body(50)), ConnectionResetError),
        (faults.Stall(after=faults.body(50)), TimeoutError),
    ],
)
def test_what_http_client_says(server, fault, error):
    server.get("/x").respond(content=b"x" * 100, fault=fault)
    connection = http.client.HTTPConnection(*server.address, timeout=patience(fault))
    with contextlib.closing(connection), pytest.raises(error):
        connection.request("GET", "/x")
        connection.getresponse().read()
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (faults.HangUp(), requests.ConnectionError),
        (faults.HangUp(after=faults.body(50)), requests.exceptions.ChunkedEncodingError),
        (faults.Reset(after=faults.body(50)), requests.exceptions.ChunkedEncodingError),
        (faults.Stall(), requests.ReadTimeout),
    ],
)
def test_what_requests_says(server, fault, error):
    server.get("/x").respond(content=b"x" * 100, fault=fault)
    with requests.Session() as session, pytest.raises(error):
        session.trust_env = False
        session.get(server.url + "/x", timeout=patience(fault))
    assert [] == server.findings()


@pytest.mark.slow
def test_requests_has_another_word_for_a_body_that_does_not_come(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Stall(after=faults.body(50)))
    with requests.Session() as session, pytest.raises(requests.ConnectionError, match="Read timed out"):
        session.trust_env = False
        session.get(server.url + "/x", timeout=0.5)  # the head has to come within it
    assert [] == server.findings()


def test_an_upload_that_nobody_reads_is_a_write_timeout_for_httpx(server):
    server.post("/x").respond_with(faults.Stall(after_reading="head"))
    timeout = httpx.Timeout(5, write=0.2)
    with httpx.Client(trust_env=False, verify=False, timeout=timeout) as client, pytest.raises(httpx.WriteTimeout):
        client.post(server.url + "/x", content=b"y" * 32_000_000)

    assert 0 == len(server.last_request.body_so_far)


def test_an_upload_that_is_read_slowly_gets_through_for_httpx(server):
    server.post("/x").respond(fault=faults.SlowReads(200_000_000, size=500_000, receive_buffer=65536))
    with httpx.Client(trust_env=False, verify=False) as client:
        response = client.post(server.url + "/x", content=b"y" * 4_000_000)

    assert (200, 4_000_000) == (response.status_code, len(server.last_request.body))


def test_slow_writes_do_not_fire_a_read_timeout_that_is_longer_than_a_pause(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.SlowWrites(2000, size=20))
    with httpx.Client(trust_env=False, verify=False, timeout=5) as client:
        assert b"x" * 100 == client.get(server.url + "/x").content


# -- silence and the end --


@pytest.mark.parametrize(
    "fault",
    [
        faults.Stall(),
        faults.Stall(after=137),
        faults.Stall(after_reading=faults.body(3)),
        faults.StopReading(),
        faults.StopReading(after_reading="end"),
    ],
)
def test_stalled_connections_wake_nobody(server, fault):
    """Counted: the loop's turns in 50 ms in which nothing happens, with bytes unread; the wait itself costs a few."""
    server.post("/x").respond(content=b"x" * 100, fault=fault)
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            stack.enter_context(RawClient(server.address)).send(HEAD + b"hello world")
        for connection in server.wait_for_connections(10):
            connection.wait_event("stalled")
        turns = []
        assert not server._barrier.engine.loop.wait(lambda: turns.append(1), 0.05)

        assert len(turns) <= 4


@pytest.mark.parametrize("part", ["shutdown", "reset", "close"])
@pytest.mark.parametrize(
    "fault",
    [faults.Stall(), faults.Stall(after_reading=faults.body(3)), faults.StopReading(), faults.StopReading("end")],
)
def test_the_goodbye_of_a_client_that_gives_up_is_seen_behind_unread_bytes(server, fault, part):
    server.post("/x").respond(fault=fault)
    with RawClient(server.address) as client:
        client.send(HEAD + b"hello world")
        connection = server.wait_for_connections()[0]
        connection.wait_event("stalled")
        getattr(client, part)()
        connection.wait_ended()

        assert "client" == connection.closed_by
        assert server.last_request.complete is not None
    assert [] == server.findings()


@pytest.mark.parametrize("poller", ["poll", "select"])
@pytest.mark.parametrize(
    ("fault", "sent"),
    [(faults.HangUp(after=137), 137), (faults.Reset(after=137), 137), (faults.HangUp(after_reading="head"), 0)],
)
def test_other_pollers_keep_every_byte(poller, fault, sent):
    with EpollServer(poller=poller) as server:
        server.post("/x").respond(content=b"x" * 100, fault=fault)
        with RawClient(server.address) as client:
            client.send(HEAD + b"hello world")

            assert REPLY[:sent] == client.read_to_end()[0]


def test_stop_reading_at_the_end_takes_nothing_of_a_request_that_came_with_it(server):
    gate = server.gate()
    server.post("/x").respond(content=b"x" * 100, gate=gate, fault=faults.StopReading("end"))
    with RawClient(server.address) as client:
        client.send(HEAD + b"hello world" + GET)
        gate.wait_reached()
        server.connections  # a read of the record: whatever may be read has been
        gate.open()

        assert REPLY == client.recv_exactly(140)
        server.connections[0].wait_event("stalled")
        assert (1, len(HEAD) + 11) == (len(server.requests), server.connections[0].bytes_received)


def test_a_hundred_clients_at_once_each_get_their_bytes(server):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=137))
    barrier = threading.Barrier(10)

    def call():
        results = set()
        barrier.wait(timeout=5)
        for _ in range(10):
            with RawClient(server.address) as client:
                client.send(GET)
                results.add(client.read_to_end())
        return results

    futures = [in_thread(call) for _ in range(10)]

    assert [{(REPLY[:137], "rst")}] * 10 == [future.result(timeout=20) for future in futures]
    assert 100 == len(server.requests)
