"""The socket-like conn that `steps.call()` hands to a function, over real connections."""

import asyncio
import contextlib
import errno
import functools
import os
import queue
import select
import signal
import socket
import threading
from concurrent.futures import Future
from contextlib import suppress

import pytest

from fetching import fetch
from pytest_epoll import EpollServer, errors, faults, steps
from pytest_epoll.testing import RawClient, in_thread

HEAD = b"POST /up HTTP/1.1\r\nHost: peer\r\nContent-Length: 5\r\n\r\n"
GET = b"GET /x HTTP/1.1\r\nHost: peer\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LARGE = bytes(range(256)) * (8 << 12)
"""8 MiB: more than the kernel's buffers take."""
assert len(LARGE) == 8 << 20


class Kept:
    """Calls a function and keeps what became of it, for the test to look at."""

    def __init__(self, function):
        self._function = function
        self._future = Future()

    def __call__(self, conn):
        try:
            self._future.set_result(self._function(conn))
        except BaseException as error:
            self._future.set_exception(error)

    def result(self):
        return self._future.result(10)

    def error(self):
        return self._future.exception(10)


def findings(server):
    return [(finding.kind, finding.text) for finding in server.findings()]


def read_head(conn):
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = conn.recv(65536)
        assert piece, "the client has said goodbye inside the head"
        data += piece
    return data


def answer(conn):
    """What most hand-written servers are."""
    with conn:
        read_head(conn)
        conn.sendall(OK)


def blocked(server):
    """Return once the first connection's function waits in a call of its conn."""
    stage = next(iter(server._barrier.engine._sessions.values()))
    server._barrier.wait(lambda: stage.handover.is_waiting, 5, lambda: "the function to wait")


# -- in place of a hand-written server --


def test_a_hand_written_server_is_ported_as_it_is(server):
    def handler(sock):
        buf = b""
        while not buf.endswith(b"\r\n\r\n"):
            buf += sock.recv(65536)
        sock.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n")
        sock.close()

    server.script(steps.call(handler), connection=0)
    response = fetch(server.url)

    assert (200, "text/plain") == (response.status_code, response.headers["Content-Type"])
    assert findings(server) == []


def test_every_connection_gets_a_function_of_its_own(server):
    server.script(steps.call(answer))

    assert ["ok"] * 3 == [fetch(server.url).text for _ in range(3)]


def test_functions_of_one_server_may_wait_for_each_other(server):
    """As many as there are: there is no pool that they could fill."""
    count = 20
    everybody = threading.Barrier(count)

    def together(conn):
        everybody.wait(10)
        answer(conn)

    server.script(steps.call(together))
    calls = [in_thread(fetch, server.url) for _ in range(count)]

    assert {"ok"} == {call.result(20).text for call in calls}


def test_a_function_hangs_until_the_next_connection_is_there(server):
    def hang(conn):
        server.wait_for_connections(2)
        answer(conn)

    server.script(steps.call(hang), connection=0)
    server.get("/").respond(text="second")
    first = in_thread(fetch, server.url)
    server.wait_for_connections(1)

    assert "second" == fetch(server.url).text
    assert "ok" == first.result(10).text


def test_gates_and_marks_keep_a_function_in_step_with_the_test(server):
    gate = server.gate()

    def gated(conn):
        read_head(conn)
        conn.mark("asked")
        gate.wait()
        conn.sendall(OK)

    server.script(steps.call(gated))
    call = in_thread(fetch, server.url)
    mark = server.wait_for_mark("asked")[0]

    assert (("asked", 0), False) == ((mark.name, mark.connection), call.done())
    gate.open()
    assert "ok" == call.result(10).text


def test_the_script_goes_on_where_the_function_has_stopped_reading(server):
    taken = Kept(lambda conn: conn.recv(3))
    server.script(steps.call(taken), steps.read_exactly(2), steps.send(b"two"), steps.mark("done"))
    with RawClient(server.address) as client:
        client.send(b"12345")

        assert (b"123", b"two", "fin") == (taken.result(), *client.read_to_end())
    assert b"12345" == server.connections[0].raw_received
    assert findings(server) == []


def test_an_open_request_is_the_functions_to_read(server):
    seen = Kept(lambda conn: (conn.request.method, conn.request.path, conn.recv(100), conn.request.body_so_far))
    server.script(steps.read_head(), steps.call(seen), steps.read_body(), steps.respond(204))
    with RawClient(server.address) as client:
        client.send(HEAD + b"hel")

        assert ("POST", "/up", b"hel", b"hel") == seen.result()
        client.send(b"lo")
        assert client.read_to_end()[0].startswith(b"HTTP/1.1 204 ")
    assert (b"hello", True, 204) == (
        server.last_request.body,
        server.last_request.complete,
        server.last_request.response_status,
    )


def test_what_is_sent_behind_a_request_is_its_answer(server):
    server.script(steps.read_request(), steps.call(lambda conn: conn.sendall(OK)))
    with RawClient(server.address) as client:
        client.send(GET)
        client.read_to_end()

    assert len(OK) == server.last_request.response_bytes_sent
    assert OK == server.connections[0].raw_sent


def test_a_function_without_a_request_has_none(server):
    seen = Kept(lambda conn: (conn.request, conn.index, conn.client_address))
    server.script(steps.call(seen))
    with RawClient(server.address) as client:
        assert (None, 0, client.socket.getsockname()) == seen.result()


def test_everything_is_recorded(server):
    server.script(steps.call(answer))
    with RawClient(server.address) as client:
        client.send(GET)
        client.read_to_end()
    server.connections[0].wait_ended()
    connection = server.connections[0]

    assert (GET, OK) == (connection.raw_received, connection.raw_sent)
    assert ("server", "fin") == (connection.closed_by, connection.closed_how)
    assert [
        "accepted", "step", "received", "sent", "fin-sent", "fin-received", "ended",
    ] == [event.kind for event in server.timeline]  # fmt: skip
    assert ["call(answer)"] == [event.detail for event in server.timeline if event.kind == "step"]


def test_functions_are_steps_like_others(server):
    server.script(
        steps.repeat(2, steps.read_head(), steps.call(lambda conn: conn.sendall(OK))),
        steps.call(lambda conn: conn.mark("routed")),
        steps.routes(),
    )
    server.get("/x").respond(text="routed")
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(GET)
            assert client.recv_exactly(len(OK)) == OK
        server.wait_for_mark("routed")
        client.send(GET)

        assert client.recv().endswith(b"routed")
    assert [200, 3] == [server.last_request.response_status, len(server.requests)]
    assert findings(server) == []


def test_a_connection_that_is_reset_at_once_calls_nobody(server):
    called = Kept(lambda conn: conn)
    server.script(faults.Reset(), steps.call(called))
    with suppress(ConnectionResetError), RawClient(server.address) as client:
        client.read_to_end()
    server.wait_for_connections()[0].wait_ended()

    assert not called._future.done()
    assert findings(server) == []


# -- reading --


def test_nothing_is_read_that_nobody_asks_for(server):
    server.script(steps.call(lambda conn: (conn.recv(1), conn.close(drain=False))))
    with RawClient(server.address) as client:
        client.send(b"12345")

        assert (b"", "rst") == client.read_to_end()
    assert (b"1", 1) == (server.connections[0].raw_received, server.connections[0].bytes_received)


def test_recv_returns_what_is_there_and_then_the_fin(server):
    def read(conn):
        pieces = []
        while data := conn.recv(4):
            pieces.append(data)
        return [*pieces, conn.recv(1)]

    read = Kept(read)
    server.script(steps.call(read))
    with RawClient(server.address) as client:
        client.send(b"123456")
        client.shutdown()

        assert [b"1234", b"56", b""] == read.result()


def test_recv_waits_for_what_comes(server):
    read = Kept(lambda conn: conn.recv(100))
    server.script(steps.call(read))
    with RawClient(server.address) as client:
        server.wait_for_connections()
        blocked(server)
        client.send(b"late")

        assert b"late" == read.result()


def test_what_came_before_an_rst_is_read_before_the_error(server):
    gone = threading.Event()

    def read(conn):
        gone.wait(10)
        pieces = conn.recv(3), conn.recv(3)
        with pytest.raises(ConnectionResetError) as caught:
            conn.recv(3)
        return (*pieces, caught.value.errno)

    read = Kept(read)
    server.script(steps.call(read))
    client = RawClient(server.address)
    client.send(b"12345")
    client.reset()
    server.wait_for_connections()
    server.connections[0].wait_closed()
    gone.set()

    assert (b"123", b"45", errno.ECONNRESET) == read.result()
    assert ("client", "rst") == (server.connections[0].closed_by, server.connections[0].closed_how)
    assert b"12345" == server.connections[0].raw_received


def test_an_rst_wakes_who_reads(server):
    read = Kept(lambda conn: conn.recv(3))
    server.script(steps.call(read))
    client = RawClient(server.address)
    server.wait_for_connections()
    blocked(server)
    client.reset()

    assert isinstance(read.error(), ConnectionResetError)


def test_an_expired_recv_takes_nothing(server):
    def read(conn):
        conn.settimeout(0.02)
        with pytest.raises(TimeoutError, match="timed out"):
            conn.recv(10)
        conn.settimeout(None)
        conn.sendall(b"go on")
        return conn.recv(10)

    read = Kept(read)
    server.script(steps.call(read))
    with RawClient(server.address) as client:
        assert b"go on" == client.recv()
        client.send(b"now")

        assert b"now" == read.result()


def test_a_recv_without_patience_takes_what_is_there(server):
    def read(conn):
        conn.setblocking(False)
        with pytest.raises(BlockingIOError):
            conn.recv(10)
        conn.settimeout(None)
        first = conn.recv(1)
        conn.settimeout(0)
        return first, conn.recv(10), conn.gettimeout()

    read = Kept(read)
    server.script(steps.call(read))
    with RawClient(server.address) as client:
        server.wait_for_connections()
        blocked(server)
        client.send(b"12345")

        assert (b"1", b"2345", 0) == read.result()


def test_an_impatient_recv_sees_the_fin(server):
    told = threading.Event()

    def read(conn):
        told.wait(10)
        conn.settimeout(0)
        return conn.recv(10)

    read = Kept(read)
    server.script(steps.call(read))
    with RawClient(server.address) as client:
        client.shutdown()
        server.wait_for_connections()
        server.connections[0].wait_closed()
        told.set()

        assert b"" == read.result()


def test_recv_into_writes_into_the_buffer(server):
    def read(conn):
        buffer = bytearray(4)
        return conn.recv_into(buffer), conn.recv_into(memoryview(buffer)[1:], 1), bytes(buffer)

    read = Kept(read)
    server.script(steps.call(read))
    with RawClient(server.address) as client:
        client.send(b"abcdefgh")

        assert (4, 1, b"aecd") == read.result()


# -- writing --


def test_a_blocked_writer_does_not_block_a_reader(server):
    """Both directions at once, each larger than the buffers, as one thread reads and another writes."""

    def echo(conn):
        sender = in_thread(conn.sendall, LARGE)
        received = 0
        while received < len(LARGE):
            received += len(conn.recv(1 << 20))
        return received, sender.result(20)

    echo = Kept(echo)
    server.script(steps.call(echo), steps.close())
    with RawClient(server.address) as client:
        client.send(LARGE)
        data, how = client.read_to_end()

    assert (len(LARGE), None) == echo.result()
    assert (True, "fin") == (data == LARGE, how)
    assert (len(LARGE),) * 2 == (server.connections[0].bytes_received, server.connections[0].bytes_sent)


def test_sendall_returns_when_the_kernel_has_taken_all(server):
    sent = threading.Event()

    def send(conn):
        conn.sendall(LARGE)
        sent.set()

    server.script(steps.call(send))
    with RawClient(server.address, receive_buffer=4096) as client:
        server.wait_for_connections()
        server.connections[0].wait_event("send-blocked")
        first = client.recv()

        assert (False, False) == (sent.is_set(), server.connections[0].bytes_sent == len(LARGE))
        rest, _ = client.read_to_end()
    assert sent.wait(10)
    assert len(LARGE) == len(first) + len(rest)


def test_sends_of_several_threads_are_not_mixed(server):
    def send(conn):
        calls = [in_thread(conn.sendall, bytes([letter]) * 1000) for letter in b"abcdefgh"]
        for call in calls:
            call.result(10)

    server.script(steps.call(send))
    with RawClient(server.address) as client:
        data, _ = client.read_to_end()

    assert sorted(bytes([letter]) * 1000 for letter in b"abcdefgh") == sorted(
        data[start : start + 1000] for start in range(0, 8000, 1000)
    )


def test_an_expired_send_says_how_much_was_taken(server):
    def send(conn):
        conn.settimeout(0.05)
        taken = conn.send(LARGE)
        with pytest.raises(TimeoutError):
            conn.sendall(LARGE)
        conn.settimeout(0)
        with pytest.raises(BlockingIOError):
            conn.send(b"x")
        return taken

    send = Kept(send)
    server.script(steps.call(send), steps.close(drain=False))
    with RawClient(server.address, receive_buffer=4096) as client:
        taken = send.result()
        data, how = client.read_to_end()

    assert 0 < taken < len(LARGE)
    assert "fin" == how
    assert data[:taken] == LARGE[:taken]
    assert len(data) == server.connections[0].bytes_sent


def test_small_sends_return_what_they_have_sent(server):
    sent = Kept(
        lambda conn: (
            conn.send(b"one"),
            conn.send(b""),
            conn.send(bytearray(b"two")),
            conn.sendall(memoryview(b"three")),
            conn.sendmsg([b"f", b"our"]),
        )
    )
    server.script(steps.call(sent))
    with RawClient(server.address) as client:
        assert (b"onetwothreefour", "fin") == client.read_to_end()

    assert (3, 0, 3, None, 4) == sent.result()


def test_a_send_to_a_client_that_has_gone_fails(server):
    def send(conn):
        try:
            while True:
                conn.sendall(bytes(65536))
        except OSError as error:
            with pytest.raises(BrokenPipeError):
                conn.send(b"x")
            return type(error)

    send = Kept(send)
    server.script(steps.call(send), optional=True)
    client = RawClient(server.address)
    client.recv()
    client.reset()

    assert send.result() is ConnectionResetError


# -- files --


@pytest.mark.parametrize("buffering", [None, -1, 0, 4096])
def test_a_binary_file_reads_and_writes(server, buffering):
    def talk(conn):
        file = conn.makefile("rb", buffering)
        lines = [file.readline(), file.readline()]
        with conn.makefile("wb", buffering) as out:
            out.write(b"answer\n")
        return [*lines, file.read()]

    talk = Kept(talk)
    server.script(steps.call(talk))
    with RawClient(server.address) as client:
        client.send(b"one\ntwo\nthree")
        assert b"answer\n" == client.recv()
        client.shutdown()

        assert [b"one\n", b"two\n", b"three"] == talk.result()


def test_a_file_for_both_directions(server):
    def talk(conn):
        with conn.makefile("rwb") as file:
            line = file.readline()
            file.write(line.upper())
            file.flush()
            return file.read()

    talk = Kept(talk)
    server.script(steps.call(talk))
    with RawClient(server.address) as client:
        client.send(b"hello\n")
        assert b"HELLO\n" == client.recv()
        client.shutdown()

        assert b"" == talk.result()


def test_a_text_file_knows_its_encoding(server):
    def talk(conn):
        with (
            conn.makefile("r", encoding="latin-1", newline="\n") as reader,
            conn.makefile("w", encoding="utf-8") as out,
        ):
            out.write(reader.readline())

    server.script(steps.call(talk))
    with RawClient(server.address) as client:
        client.send("grün\n".encode("latin-1"))

        assert ("grün\n".encode(), "fin") == client.read_to_end()


def test_a_file_reports_what_the_conn_does(server):
    def talk(conn):
        conn.settimeout(0.01)
        file = conn.makefile("rb", 0)
        with pytest.raises(TimeoutError):
            file.read(1)
        conn.settimeout(0)
        nothing = file.read(1)
        conn.close()
        with pytest.raises(OSError, match="closed"):
            file.read(1)
        file.close()
        with pytest.raises(ValueError, match="closed"):
            file.read(1)
        return nothing

    talk = Kept(talk)
    server.script(steps.call(talk))
    with RawClient(server.address) as client:
        client.read_to_end()

    assert talk.result() is None


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (("x",), errors.UsageError, "mode='x'"),
        (("rr",), errors.UsageError, "mode='rr'"),
        ((5,), errors.UsageTypeError, "mode must be a str"),
        (("r", 0), errors.UsageError, "needs a buffer"),
        (("rb", "large"), errors.UsageTypeError, "buffering"),
    ],
)
def test_a_file_that_cannot_be_is_refused(server, arguments, error, says):
    caught = Kept(lambda conn: conn.makefile(*arguments))
    server.script(steps.call(caught))
    with RawClient(server.address):
        assert error is type(caught.error())
        assert says in str(caught.error())


# -- parting --


def test_close_does_not_wait_for_the_client(server):
    closed = Kept(lambda conn: (conn.close(), conn.close()))
    server.script(steps.call(closed), steps.mark("over"))
    with RawClient(server.address) as client:
        assert (None, None) == closed.result()
        client.send(b"unread")
        assert (b"", "fin") == client.read_to_end()
        assert ("server", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)
    server.wait_for_mark("over")

    assert 6 == server.connections[0].bytes_received
    assert findings(server) == []


def test_close_wakes_a_blocked_recv(server):
    def close(conn):
        reader = in_thread(conn.recv, 10)
        blocked(server)
        conn.close()
        return reader.exception(10)

    close = Kept(close)
    server.script(steps.call(close))
    with RawClient(server.address) as client:
        client.read_to_end()

    assert (errno.EBADF, "the connection was closed") == (close.result().errno, close.result().strerror)


def test_close_wakes_a_blocked_sendall_and_drops_what_the_kernel_has_not(server):
    def close(conn):
        sender = in_thread(conn.sendall, LARGE)
        server.connections[0].wait_event("send-blocked")
        conn.close()
        return sender.exception(10)

    close = Kept(close)
    server.script(steps.call(close))
    with RawClient(server.address, receive_buffer=4096) as client:
        assert errno.EBADF == close.result().errno
        data, how = client.read_to_end()

    assert (server.connections[0].bytes_sent, "fin") == (len(data), how)
    assert len(data) < len(LARGE)


def test_a_plain_close_leaves_the_end_to_the_kernel(server):
    server.script(steps.call(lambda conn: (conn.sendall(OK), conn.close(drain=False))), connection=0)
    with RawClient(server.address) as client:
        assert (OK, "fin") == client.read_to_end()


def test_a_reset_comes_behind_what_was_sent(server):
    server.script(steps.call(lambda conn: (read_head(conn), conn.sendall(OK), conn.reset())))
    with RawClient(server.address) as client:
        client.send(GET)

        assert (OK, "rst") == client.read_to_end()

    assert ("server", "rst") == (server.connections[0].closed_by, server.connections[0].closed_how)
    assert findings(server) == []


def test_a_reset_may_discard(server):
    server.script(steps.call(lambda conn: conn.reset(discard=True)))
    with suppress(ConnectionResetError), RawClient(server.address) as client:
        assert (b"", "rst") == client.read_to_end()

    assert "rst" == server.connections[0].closed_how


def test_a_half_close_is_no_goodbye(server):
    def half_close(conn):
        conn.sendall(b"all")
        conn.shutdown(socket.SHUT_WR)
        with pytest.raises(BrokenPipeError):
            conn.sendall(b"more")
        return conn.recv(10)

    half_close = Kept(half_close)
    server.script(steps.call(half_close))
    with RawClient(server.address) as client:
        assert (b"all", "fin") == client.read_to_end()
        assert server.connections[0].is_open
        client.send(b"answer")

        assert b"answer" == half_close.result()


@pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_RDWR])
def test_the_end_of_reading_wakes_who_reads(server, how):
    def shut(conn):
        reader = in_thread(conn.recv, 10)
        blocked(server)
        conn.shutdown(how)
        return reader.result(10), conn.recv(1)

    shut = Kept(shut)
    server.script(steps.call(shut))
    with RawClient(server.address):
        assert (b"", b"") == shut.result()


def test_a_function_that_just_returns_leaves_an_orderly_end(server):
    server.script(steps.call(lambda conn: conn.sendall(OK)))
    with RawClient(server.address) as client:
        client.send(b"never read")

        assert (OK, "fin") == client.read_to_end()


def test_a_step_behind_a_function_that_has_closed_is_found(server):
    server.script(steps.call(lambda conn: conn.close()), steps.mark("m"), steps.send(b"x"), steps.close())
    with RawClient(server.address) as client:
        client.read_to_end()
    server.wait_idle()

    assert ["script"] == [kind for kind, _ in findings(server)]
    assert "step 3: send(b'x'): the function has closed the connection" in findings(server)[0][1]
    server.wait_for_mark("m", timeout=0)


def test_goodbyes_behind_a_function_that_has_closed_are_skipped(server):
    server.script(steps.call(lambda conn: conn.close()), steps.half_close(), steps.close())
    with RawClient(server.address) as client:
        client.read_to_end()
    server.wait_idle()

    assert findings(server) == []


def test_a_conn_is_over_when_its_function_has_returned(server):
    conns = []
    server.script(steps.call(conns.append), steps.mark("on"), steps.stall())
    with RawClient(server.address):
        server.wait_for_mark("on")

        with pytest.raises(OSError, match="its function has returned"):
            conns[0].recv(1)
        with pytest.raises(OSError, match="its function has returned"):
            conns[0].sendall(b"x")
        conns[0].close()
        assert server.connections[0].is_open


# -- what is found --


def test_what_a_function_raises_is_a_finding_that_ends_in_the_tests_code(server):
    def broken(conn):
        answer(conn)
        raise RuntimeError("of the test")

    server.script(steps.call(broken), steps.mark("never"))
    fetch(server.url)
    server.wait_idle()
    (kind, text), *others = findings(server)

    assert ("handler-error", []) == (kind, others)
    assert text.splitlines()[0].startswith("c0 call(broken) of test_conn.py:")
    assert "raised RuntimeError: of the test" in text.splitlines()[0]
    assert 'raise RuntimeError("of the test")' in text
    assert "_serving" not in text
    assert list(server.timeline)[-1].kind in {"ended", "handler-error", "fin-received"}
    with pytest.raises(errors.WaitTimeout):
        server.wait_for_mark("never", timeout=0)


def test_the_verdict_waits_for_a_function_that_will_come_further_by_itself(server):
    """The client has all that it wants before the function's last line."""
    late = threading.Event()

    def judge(conn):
        answer(conn)
        late.wait(10)
        assert conn is None, "the last line"

    server.script(steps.call(judge))
    assert "ok" == fetch(server.url).text
    opened = in_thread(lambda: (threading.Event().wait(0.05), late.set()))
    with pytest.raises(errors.EpollFindings, match="the last line"):
        server.check()

    assert opened.result(10) == (False, None)


@pytest.mark.parametrize("where", ["conn", "gate"])
def test_the_verdict_does_not_wait_for_a_function_that_waits_for_its_client_or_at_a_gate(server, where):
    gate = server.gate()
    server.script(steps.call(Kept(lambda conn: conn.recv(1) if where == "conn" else gate.wait())))
    with RawClient(server.address):
        server.wait_for_connections()
        if where == "gate":
            gate.wait_reached()
        else:
            blocked(server)

        assert not server._barrier.call(server._scripts.is_pending)
        server.check()


def test_the_request_that_was_read_is_named(server):
    server.script(steps.read_request(), steps.call(lambda conn: 1 / 0))
    with RawClient(server.address) as client:
        client.send(GET)

        assert (b"", "fin") == client.read_to_end()
    assert findings(server)[0][1].startswith("c0.0 call(<lambda>) of test_conn.py:")


def test_a_client_that_leaves_a_function_is_a_finding(server):
    def read(conn):
        read_head(conn)

    server.script(steps.call(read))
    client = RawClient(server.address)
    server.wait_for_connections()
    blocked(server)
    client.reset()
    server.wait_idle()
    (kind, text), *others = findings(server)

    assert ("handler-error", []) == (kind, others)
    assert "raised ConnectionResetError: [Errno 104] the client has reset the connection" in text
    assert "piece = conn.recv(65536)" in text
    assert "_serving" not in text


def test_an_optional_script_may_be_left_by_its_client(server):
    server.script(steps.call(read_head), optional=True)
    client = RawClient(server.address)
    server.wait_for_connections()
    blocked(server)
    client.reset()
    server.wait_idle()

    assert findings(server) == []


def test_a_function_that_meets_the_clients_end_is_no_finding(server):
    def read(conn):
        with suppress(ConnectionResetError):
            conn.recv(1)

    server.script(steps.call(read), steps.mark("behind"))
    client = RawClient(server.address)
    server.wait_for_connections()
    blocked(server)
    client.reset()
    server.wait_for_mark("behind")

    assert findings(server) == []


def test_steps_that_the_client_does_not_wait_for_are_found(server):
    def read(conn):
        with suppress(ConnectionResetError):
            conn.recv(1)

    server.script(steps.call(read), steps.send(b"x"))
    client = RawClient(server.address)
    server.wait_for_connections()
    blocked(server)
    client.reset()
    server.wait_idle()

    assert ["script"] == [kind for kind, _ in findings(server)]
    assert "step 2: send(b'x'): the client reset the connection" in findings(server)[0][1]


def test_what_is_raised_because_the_connection_was_closed_is_no_finding(server):
    def close(conn):
        conn.close()
        conn.recv(1)

    server.script(steps.call(close))
    with RawClient(server.address) as client:
        client.read_to_end()
    server.wait_idle()

    assert findings(server) == []


def test_a_function_that_runs_nothing_is_a_finding(server):
    async def late():
        """Never runs."""

    server.script(steps.call(lambda _conn: late()))
    with RawClient(server.address) as client:
        client.read_to_end()

    assert "which was never run; a conn blocks" in findings(server)[0][1]


def test_a_mistake_with_a_conn_names_the_line(server):
    server.script(steps.call(lambda conn: conn.send("text")))
    with RawClient(server.address) as client:
        client.read_to_end()
    text = findings(server)[0][1]

    assert "raised UsageTypeError: data must be bytes, not 'text'" in text
    assert 'steps.call(lambda conn: conn.send("text"))' in text
    assert "_serving" not in text


# -- the server's and the test's end --


def test_stopping_lets_go_whoever_waits_and_that_is_no_finding(trigger_mode):
    threads, descriptors = set(threading.enumerate()), len(os.listdir("/proc/self/fd"))
    calls = [
        Kept(lambda conn: conn.recv(1)),
        Kept(lambda conn: conn.sendall(LARGE)),
        Kept(lambda conn: conn.makefile("rb").read()),
        Kept(lambda conn: (conn.sendall(LARGE[:1]), conn.sendall(LARGE), conn.reset())),
    ]
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        for index, call in enumerate(calls):
            server.script(steps.call(call), connection=index)
        server.script(steps.call(lambda conn: conn.recv(1)), connection=len(calls))
        clients = [RawClient(server.address, receive_buffer=4096) for _ in range(len(calls) + 1)]
        server.wait_for_connections(len(clients))
        stages = list(server._barrier.engine._sessions.values())
        server._barrier.wait(lambda: all(stage.handover.is_waiting for stage in stages), 5, lambda: "them to wait")
    for client in clients:
        client.close()

    assert [(errno.EBADF, "the server has stopped")] * 4 == [
        (call.error().errno, call.error().strerror) for call in calls
    ]
    assert findings(server) == []
    assert set() == set(threading.enumerate()) - threads  # one of an earlier test may have ended meanwhile
    assert descriptors >= len(os.listdir("/proc/self/fd"))  # likewise


def test_a_conn_of_a_stopped_server_raises(server):
    conns = []
    server.script(steps.call(lambda conn: (conns.append(conn), conn.recv(1))))
    with RawClient(server.address):
        server.wait_for_connections()
        blocked(server)
        server.stop()

        for call in (lambda conn: conn.recv(1), lambda conn: conn.send(b"x"), lambda conn: conn.mark("m")):
            with pytest.raises(OSError, match="the server has stopped"):
                call(conns[0])
        conns[0].close()
        conns[0].reset()
        assert (0, None) == (conns[0].index, conns[0].request)


@pytest.mark.slow
def test_a_function_that_does_not_end_is_named_with_its_stack():
    release = threading.Event()

    def stubborn(conn):
        conn.mark("here")
        release.wait(30)

    server = EpollServer().start()
    try:
        server.script(steps.call(stubborn))
        with RawClient(server.address):
            server.wait_for_mark("here")
            with pytest.warns(errors.HandlerStillRunning, match=r"call\(stubborn\) of test_conn.py:\d+ still runs"):
                server.stop()
    finally:
        release.set()

    assert "release.wait(30)" in findings(server)[0][1]


def test_a_running_function_is_no_idleness_even_without_its_connection(server):
    release = threading.Event()

    def run(conn):
        conn.close()
        release.wait(10)

    server.script(steps.call(run))
    with RawClient(server.address) as client:
        client.read_to_end()
    server.connections[0].wait_ended()
    with pytest.raises(errors.WaitTimeout):
        server.wait_idle(timeout=0.02)
    release.set()
    server.wait_idle()

    assert {} == server._barrier.engine._sessions


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_the_test_may_end_a_functions_connection(server, how):
    read = Kept(lambda conn: conn.recv(1))
    server.script(steps.call(read))
    with RawClient(server.address) as client:
        server.wait_for_connections()
        blocked(server)

        assert 1 == server.close_connections(how=how)
        assert (b"", how) == client.read_to_end()
    assert "the test closed the connection" == read.error().strerror
    server.wait_idle()
    assert findings(server) == []


def test_a_conn_is_refused_on_the_servers_own_thread(server):
    conns = []
    server.script(steps.call(lambda conn: (conns.append(conn), conn.recv(1))), connection=0)
    server.get("/", where=lambda _request: conns[0].recv(1)).respond(200)
    with RawClient(server.address) as client:
        server.wait_for_connections()
        blocked(server)
        fetch(server.url)
        client.send(b"x")
    texts = [text for kind, text in findings(server) if kind == "handler-error"]

    assert 1 == len(texts)
    assert "on the server's own thread this would wait for itself" in texts[0]


def test_a_conn_is_refused_in_a_forked_child(server):
    conns = []
    server.script(steps.call(lambda conn: (conns.append(conn), conn.recv(1))))
    with RawClient(server.address):
        server.wait_for_connections()
        blocked(server)
        child = os.fork()
        if not child:
            try:
                conns[0].recv(1)
            except errors.UsageError as error:
                os._exit(7 if "this is a forked child" in str(error) else 1)
            finally:
                os._exit(2)

        assert 7 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Interrupt(Exception):
    """What a signal's handler raises."""


def test_a_recv_that_a_signal_has_ended_takes_nothing(server):
    """The main thread uses the conn; the signal comes while it waits."""
    conns, over = queue.Queue(), threading.Event()
    server.script(steps.call(lambda conn: (conns.put(conn), over.wait(10))))

    def interrupt(*_):
        raise Interrupt

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with RawClient(server.address) as client:
            conn = conns.get(timeout=10)
            main = threading.get_ident()
            killer = in_thread(lambda: (blocked(server), signal.pthread_kill(main, signal.SIGUSR1)))
            with pytest.raises(Interrupt):
                conn.recv(10)
            killer.result(10)
            client.send(b"kept")

            assert b"kept" == conn.recv(10)
    finally:
        over.set()
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("poller", ["poll", "select"])
def test_every_poller_carries_a_conn(poller):
    def talk(conn):
        reader = in_thread(lambda: b"".join(iter(lambda: conn.recv(65536), b"")))
        conn.sendall(LARGE)
        conn.shutdown(socket.SHUT_WR)
        return len(reader.result(20))

    talk = Kept(talk)
    with EpollServer(poller=poller) as server:
        server.script(steps.call(talk))
        with RawClient(server.address) as client:
            sender = in_thread(lambda: (client.send(LARGE), client.shutdown()))
            data, how = client.read_to_end()
            sender.result(20)

        assert (len(LARGE), len(LARGE), "fin") == (talk.result(), len(data), how)
        assert findings(server) == []


# -- faults on the connection --


def test_a_fault_cuts_what_a_function_sends(server):
    sent = Kept(lambda conn: (conn.sendall(b"12345"), conn.sendall(b"67890"), conn.recv(1)))
    server.script(faults.Reset(after=7), steps.read_exactly(1), steps.call(sent))
    with RawClient(server.address) as client:
        client.send(b"x")

        assert (b"1234567", "rst") == client.read_to_end()

    assert errno.EBADF == sent.error().errno
    server.wait_idle()
    assert findings(server) == []


def test_a_fault_that_ends_the_connection_in_good_form_wakes_the_function(server):
    read = Kept(lambda conn: (conn.sendall(b"12345"), conn.recv(1)))
    server.script(faults.HangUp(after=5), steps.call(read))
    with RawClient(server.address) as client:
        assert (b"12345", "fin") == client.read_to_end()
        client.send(b"x")

        assert "a fault has ended the connection" == read.error().strerror


def test_what_a_function_sends_is_written_in_pieces(server):
    server.script(faults.PartialWrites(size=2, until_read=True), steps.call(lambda conn: conn.sendall(b"12345")))
    with RawClient(server.address) as client:
        assert [b"12", b"34", b"5", b""] == [client.recv() for _ in range(4)]


def test_a_stalled_connection_gives_the_function_nothing(server):
    read = Kept(lambda conn: (conn.sendall(b"12345"), conn.recv(1)))
    server.script(faults.Stall(after=5), steps.call(read))
    with RawClient(server.address) as client:
        assert b"12345" == client.recv()
        client.send(b"unread")
        server.connections[0].wait_event("stalled")
    server.connections[0].wait_ended()

    assert errno.EBADF == read.error().errno
    assert 0 == server.connections[0].bytes_received


def test_a_fault_stops_a_function_from_reading_to_the_byte(server):
    read = Kept(lambda conn: (conn.recv(3), conn.recv(10)))
    server.script(faults.Stall(after_reading=5), steps.call(read))
    with RawClient(server.address) as client:
        client.send(b"1234567")
        server.wait_for_connections()
        server.connections[0].wait_event("stalled")

        assert b"12345" == server.connections[0].raw_received
    assert errno.EBADF == read.error().errno
    server.wait_idle()
    assert findings(server) == []


@pytest.mark.parametrize("timeout", [None, 0, 5])
def test_a_fault_that_is_still_to_come_leaves_reading_as_it_is(server, timeout):
    there = threading.Event()

    def read(conn):
        there.wait(10)
        conn.settimeout(timeout)
        return conn.recv(3), conn.recv(10), conn.sendall(b"on"), conn.recv(10)

    read = Kept(read)
    server.script(faults.Stall(after_reading=100), steps.call(read))
    with RawClient(server.address) as client:
        client.send(b"12345")
        client.shutdown()
        server.wait_for_connections()
        server.connections[0].wait_closed()
        there.set()

        assert (b"123", b"45", None, b"") == read.result()
        assert (b"on", "fin") == client.read_to_end()
    assert ["unfired"] == [kind for kind, _ in findings(server)]


def test_what_an_expired_recv_has_asked_for_is_given_to_the_next(server):
    """A pace holds the bytes back for longer than it waits, unless its thread is held up for as long."""

    def read(conn):
        data = b""
        conn.settimeout(0.01)
        with pytest.raises(TimeoutError):
            while True:
                data += conn.recv(1)
        conn.settimeout(None)
        return data + conn.recv(1) + conn.recv(1)

    read = Kept(read)
    server.script(faults.SlowReads(bytes_per_second=10, size=1), steps.call(read))
    with RawClient(server.address) as client:
        client.send(bytes(range(100)))
        data = read.result()

        assert bytes(range(len(data))) == data
    server.wait_idle()
    assert findings(server) == []


def test_slow_reads_slow_a_function_down(server):
    def read(conn):
        data = b""
        while len(data) < 6:
            data += conn.recv(100)
        return data

    read = Kept(read)
    server.script(faults.SlowReads(bytes_per_second=40, size=2), steps.call(read))
    with RawClient(server.address) as client:
        client.send(b"123456")

        assert b"123456" == read.result()
    received = [event.at for event in server.timeline if event.kind == "received"]
    assert 3 == len(received)
    assert received[-1] - received[0] >= 0.09


# -- how it is like a socket, and how not --


def test_a_conn_knows_its_ends(server):
    seen = Kept(lambda conn: (conn.getpeername(), conn.getsockname(), repr(conn)))
    server.script(steps.call(seen))
    with RawClient(server.address) as client:
        peer, own, text = seen.result()

        assert (client.socket.getsockname(), client.socket.getpeername()) == (peer, own)
        assert f"<Conn c0 from 127.0.0.1:{peer[1]}>" == text


def test_select_tells_when_there_is_something_to_read(server):
    """As the servers in the tests of requests do: whatever comes until there is silence for so long."""

    def consume(sock):
        content = b""
        while select.select([sock], [], [], 0.5)[0]:
            content += sock.recv(4)
            if content.endswith(b"\r\n\r\n"):
                break
        silent = select.select([sock], [], [], 0)[0]
        sock.sendall(OK)
        sock.close()
        return content, silent, sock.fileno()

    consume = Kept(consume)
    server.script(steps.call(consume))
    assert "ok" == fetch(server.url).text

    content, silent, descriptor = consume.result()
    assert (True, [], -1) == (content.startswith(b"GET / HTTP/1.1\r\n"), silent, descriptor)


def test_options_of_the_socket_can_be_set(server):
    def set_option(conn):
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        return conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    set_option = Kept(set_option)
    server.script(steps.call(set_option))
    with RawClient(server.address):
        assert 0 == set_option.result()


def test_lingering_is_refused_with_what_to_do(server):
    caught = Kept(lambda conn: conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes(8)))
    server.script(steps.call(caught))
    with RawClient(server.address):
        assert "conn.reset(discard=True)" in str(caught.error())


@pytest.mark.parametrize(
    ("name", "says"),
    [("detach", "the socket stays the server's"), ("accept", "not a listener"), ("no_such", "a conn has no 'no_such'")],
)
def test_what_a_conn_has_not_says_why(server, name, says):
    caught = Kept(lambda conn: getattr(conn, name))
    server.script(steps.call(caught))
    with RawClient(server.address):
        assert isinstance(caught.error(), AttributeError)
        assert says in str(caught.error())


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda conn: conn.recv("1"), errors.UsageTypeError, "n must be"),
        (lambda conn: conn.recv(-1), errors.UsageError, "n=-1"),
        (lambda conn: conn.recv_into(b"constant"), errors.UsageTypeError, "buffer must be writable"),
        (lambda conn: conn.recv_into(5), errors.UsageTypeError, "buffer must be writable"),
        (lambda conn: conn.recv_into(bytearray(2), 3), errors.UsageError, "nbytes=3"),
        (lambda conn: conn.sendall("text"), errors.UsageTypeError, "data must be bytes"),
        (lambda conn: conn.sendmsg([5]), errors.UsageTypeError, "data must be bytes"),
        (lambda conn: conn.settimeout("1"), errors.UsageTypeError, "timeout must be"),
        (lambda conn: conn.settimeout(-1), errors.UsageError, "timeout=-1"),
        (lambda conn: conn.shutdown(7), errors.UsageError, "socket.SHUT_WR"),
        (lambda conn: conn.close(drain=1), errors.UsageTypeError, "drain must be"),
        (lambda conn: conn.reset(discard=1), errors.UsageTypeError, "discard must be"),
        (lambda conn: conn.mark(""), errors.UsageError, "name is empty"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(server, call, error, says):
    caught = Kept(call)
    server.script(steps.call(caught))
    with RawClient(server.address):
        assert error is type(caught.error())
        assert says in str(caught.error())


def test_a_conn_does_not_freeze_an_event_loop(server):
    async def read(conn):
        return conn.recv(1)

    caught = Kept(lambda conn: asyncio.run(read(conn)))
    server.script(steps.call(caught))
    with RawClient(server.address):
        assert "a conn would stop the event loop of this thread" in str(caught.error())


@pytest.mark.parametrize("function", [5, None, steps.stall()])
def test_what_is_no_function_is_refused(function):
    with pytest.raises(errors.UsageTypeError, match=r"call\(function\) takes a function of a conn"):
        steps.call(function)


def test_a_function_that_does_not_run_when_it_is_called_is_refused():
    async def coroutine(_conn):
        """Nothing."""

    def generator(conn):
        yield conn

    async def both(conn):
        yield conn

    for function in (coroutine, generator, both):
        with pytest.raises(errors.UsageTypeError, match="call\\(function\\) takes a plain function"):
            steps.call(function)


def test_a_call_prints_as_its_function():
    assert "steps.call(answer)" == repr(steps.call(answer))
    assert "steps.call(partial)" == repr(steps.call(functools.partial(answer)))
    assert isinstance(steps.Conn, type)


def test_a_unix_socket_is_handed_over_as_well(server, socket_folder):
    path = str(socket_folder / "s")
    server.also_listen(path)
    server.script(steps.call(lambda conn: (conn.sendall(conn.recv(10)), conn.close())))
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
        client.settimeout(5)
        client.connect(path)
        client.sendall(b"echo")

        assert (b"echo", b"") == (client.recv(10), client.recv(10))
