"""urllib3's socket-level scenarios with their servers kept as functions of a socket, one for each connection.

Whoever has such servers can keep them: what was `sock = listener.accept()[0]` becomes `conn`, the second `accept()` a
second script, and the thread, the listener, the port and the events that only ended the thread go away. What is read
and sent is recorded, and a server function that raises fails the test.
"""

import gzip
import logging
import threading

import pytest
import urllib3
from urllib3.exceptions import MaxRetryError, ProtocolError, ProxyError, ReadTimeoutError

from pytest_epoll import steps

SHORT = 0.5
"""Seconds of a read that ends in vain; what comes before and after it has to succeed also on a busy machine."""

TEXT = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b"


def read_head(conn):
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        piece = conn.recv(65536)
        if not piece:
            break
        received += piece
    return received


def answering(*pieces):
    """Return a server that reads a head, sends these pieces and closes."""

    def serve(conn):
        read_head(conn)
        for piece in pieces:
            conn.sendall(piece)
        conn.close()

    return serve


@pytest.fixture
def play(server):
    """A function that gives the n-th connection the n-th of some server functions."""

    def play(*functions):
        for index, function in enumerate(functions):
            server.script(steps.call(function), connection=index)

    return play


def test_a_pool_recovers_when_its_connection_was_closed(server, play, make_host_pool):
    closed = threading.Event()

    def first(conn):
        read_head(conn)
        conn.sendall(TEXT % (10, b"Response 0"))
        conn.close()
        closed.set()

    play(first, answering(TEXT % (10, b"Response 1")))

    pool = make_host_pool()
    assert b"Response 0" == pool.request("GET", "/", retries=0).data
    assert closed.wait(5)
    assert b"Response 1" == pool.request("GET", "/", retries=0).data


def test_a_read_timeout_gives_the_connection_back(server, make_host_pool):
    over = threading.Event()

    def serve(conn):
        read_head(conn)
        over.wait()

    server.script(steps.call(serve))

    pool = make_host_pool(timeout=SHORT, retries=False, maxsize=3, block=True)
    with pytest.raises(ReadTimeoutError):
        pool.request("GET", "/", release_conn=False)
    over.set()

    assert pool.pool.maxsize == pool.pool.qsize()


def test_a_post_that_timed_out_is_not_repeated(server, make_host_pool):
    over = threading.Event()

    def serve(conn):
        conn.recv(65536)
        over.wait()

    server.script(steps.call(serve), connection=0)

    with pytest.raises(ReadTimeoutError):
        make_host_pool(timeout=SHORT, retries=True).request("POST", "/")
    over.set()

    assert 1 == len(server.connections)


def test_a_timeout_leads_to_a_retry(play, make_host_pool):
    second_is_there = threading.Event()

    def first(conn):
        second_is_there.wait()
        conn.close()

    def second(conn):
        second_is_there.set()
        answering(TEXT % (10, b"Response 2"))(conn)

    play(first, second)

    assert b"Response 2" == make_host_pool(timeout=SHORT).request("GET", "/", retries=1).data


def test_a_body_that_comes_too_late_times_out(play, make_host_pool):
    over = threading.Event()

    def serve(conn):
        read_head(conn)
        conn.sendall(TEXT % (2, b""))
        over.wait()
        conn.sendall(b"Hi")
        conn.close()

    play(serve)

    answer = make_host_pool(timeout=SHORT).urlopen("GET", "/", retries=0, preload_content=False)
    with pytest.raises(ReadTimeoutError):
        answer.read()
    over.set()
    answer.close()


def test_an_incomplete_body_is_a_protocol_error_and_frees_its_place(play, make_host_pool):
    play(answering(TEXT % (8, b"Re")))

    pool = make_host_pool()
    size = pool.pool.qsize()
    answer = pool.request("GET", "/", retries=0, preload_content=False)
    with pytest.raises(ProtocolError):
        answer.read()

    assert size == pool.pool.qsize()


def test_an_unknown_version_is_retried(play, make_host_pool):
    play(answering(b"HTTP/0.5 200 OK\r\nContent-Length: 3\r\n\r\nbad"), answering(TEXT % (3, b"foo")))

    assert b"foo" == make_host_pool().request("GET", "/", retries=urllib3.Retry(read=1)).data


def test_a_stream_that_timed_out_is_not_reused(play, make_host_pool):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n"
    over = threading.Event()

    def first(conn):
        read_head(conn)
        conn.sendall(head)
        over.wait(30)

    play(first, answering(head, b"0\r\n\r\n"))

    pool = make_host_pool(timeout=SHORT)
    broken = pool.urlopen("GET", "/", retries=0, preload_content=False)
    with pytest.raises(ReadTimeoutError):
        broken.read()
    over.set()
    assert 8 == len(pool.urlopen("GET", "/", retries=0, preload_content=False).read())


def test_closing_a_response_closes_its_connection(play, make_host_pool):
    may_look, looked = threading.Event(), threading.Event()

    def serve(conn):
        read_head(conn)
        conn.sendall(TEXT % (0, b""))
        may_look.wait()
        conn.settimeout(5)
        assert conn.recv(65536) == b""
        looked.set()

    play(serve)

    make_host_pool().request("GET", "/", retries=0, preload_content=False).close()
    may_look.set()
    assert looked.wait(5)


def test_a_connection_stays_with_its_response_also_after_a_retry(play, make_host_pool):
    def hang_up(conn):
        read_head(conn)
        conn.close()

    play(hang_up, answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n0\r\n\r\n"))

    pool = make_host_pool(maxsize=1)
    answer = pool.urlopen("GET", "/", retries=1, release_conn=False, preload_content=False)
    assert (2, 0) == (pool.num_connections, pool.pool.qsize())
    answer.read()

    assert (1, None) == (pool.pool.qsize(), answer.connection)


def test_a_tunnel_that_is_refused_says_what_the_proxy_said(server, play):
    play(answering(b"HTTP/1.0 501 Not Implemented\r\nConnection: close\r\n\r\n"))

    with urllib3.ProxyManager(server.url) as proxy, pytest.raises(MaxRetryError) as caught:
        proxy.request("GET", "https://origin.test", retries=0)

    assert isinstance(caught.value.reason, ProxyError)
    assert "Tunnel connection failed: 501 Not Implemented" == str(caught.value.reason.args[1])


def test_a_tunnel_whose_head_breaks_off_is_no_endless_loop(server, play):
    play(answering(b"HTTP/1.0 200 OK\r\n"))

    with urllib3.ProxyManager(server.url) as proxy, pytest.raises(MaxRetryError):
        proxy.request("GET", "https://origin.test", retries=0)


@pytest.mark.parametrize("line", [b"HTTP/1.1 Omg What Is This?", b"HTTP/1000 200 OK"])
def test_a_status_line_that_is_none_is_a_protocol_error(play, make_host_pool, line):
    play(answering(line + b"\r\nContent-Length: 0\r\n\r\n"))

    with pytest.raises(ProtocolError):
        make_host_pool(retries=False).request("GET", "/")


def test_headers_keep_the_order_in_which_they_came(play, make_host_pool):
    fields = [(f"X-Header-{n}", str(n)) for n in reversed(range(16))]
    lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in fields)
    play(answering(b"HTTP/1.1 200 OK\r\n" + lines + b"\r\n"))

    assert fields == list(make_host_pool().request("GET", "/", retries=0).headers.items())


@pytest.mark.parametrize("line", [b": Value", b":", b"Broken Header"])
def test_a_header_that_is_none_is_logged(play, make_host_pool, caplog, line):
    play(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + line + b"\r\nAnother: Header\r\n\r\n"))

    pool = make_host_pool(retries=False)
    with caplog.at_level(logging.WARNING, "urllib3.connection"):
        pool.request("GET", "/")

    assert any("Failed to parse headers" in record.message for record in caplog.records)


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"Content-Length: 256"])
def test_an_answer_to_head_has_no_body_to_wait_for(server, make_host_pool, framing):
    over = threading.Event()

    def serve(conn):
        read_head(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")
        over.wait()

    server.script(steps.call(serve))

    answer = make_host_pool(retries=False).request("HEAD", "/", preload_content=False)
    assert [] == list(answer.stream())
    over.set()


def test_a_large_compressed_stream_comes_in_pieces_of_the_size_that_was_asked(play, make_host_pool):
    data = gzip.compress(b"x" * 296_085, mtime=0)
    play(answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(data), data))

    answer = make_host_pool(retries=False).request("GET", "/", preload_content=False)
    sizes = [len(piece) for piece in answer.stream(10240, decode_content=True)]

    assert [10240] * 28 + [9365] == sizes


def test_an_answer_that_can_not_be_drained_does_not_grow_the_pool(play, make_host_pool):
    short = answering(b"HTTP/1.1 404 NOT FOUND\r\nContent-Length: 1000\r\n\r\n")
    play(short, short)

    retries = urllib3.Retry(1, raise_on_status=False, status_forcelist=[404])
    pool = make_host_pool(maxsize=10, retries=retries, block=True)
    pool.urlopen("GET", "/not_found", preload_content=False)

    assert 1 == pool.num_connections


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
def test_an_answer_that_came_before_the_upload_broke_is_returned(server, make_host_pool, is_chunked):
    def serve(conn):
        conn.recv(1)
        conn.sendall(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 10\r\n\r\nxxxxxxxxxx")
        conn.close(drain=False)

    server.script(steps.call(serve))

    answer = make_host_pool(retries=False).request("POST", "/", body=b"a" * 2**22, chunked=is_chunked)

    assert (404, b"x" * 10) == (answer.status, answer.data)
