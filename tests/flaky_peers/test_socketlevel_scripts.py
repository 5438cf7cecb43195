"""The scenarios of urllib3's socket-level tests that no other file of this folder plays, each server as a script.

There every one is a function of a listening socket on a thread of its own, with a loop that reads to the blank line,
and events that end the thread when the client has had enough.
"""

import gzip
import http.client
import logging

import pytest
import urllib3
from urllib3.exceptions import MaxRetryError, ProtocolError, ProxyError, ReadTimeoutError

from pytest_epoll import faults, steps

SHORT = 0.5
"""Seconds of a read that ends in vain; what comes before it has to succeed also on a busy machine."""


def answering(*pieces):
    """Return the steps of a server that reads a request, sends these pieces and closes."""
    return [steps.read_request(), steps.send(*pieces), steps.close()]


def test_several_cookies_are_joined(server, make_host_pool):
    server.script(*answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"))

    assert "a=1, b=2" == make_host_pool().request("GET", "/").headers["Set-Cookie"]


def test_a_refused_connection_gives_its_place_back(server, make_host_pool):
    server.refuse_connections()

    pool = make_host_pool(maxsize=3, block=True)
    with pytest.raises(MaxRetryError):
        pool.request("GET", "/", retries=0, release_conn=False)

    assert pool.pool.maxsize == pool.pool.qsize()


def test_a_read_timeout_gives_the_connection_back(server, make_host_pool):
    server.script(steps.read_request(), steps.stall())

    pool = make_host_pool(timeout=SHORT, retries=False, maxsize=3, block=True)
    with pytest.raises(ReadTimeoutError):
        pool.request("GET", "/", release_conn=False)

    assert pool.pool.maxsize == pool.pool.qsize()


def test_a_post_that_timed_out_is_not_repeated(server, make_host_pool):
    server.script(steps.read_request(), steps.stall(), connection=0)

    with pytest.raises(ReadTimeoutError):
        make_host_pool(timeout=SHORT, retries=True).request("POST", "/")

    assert 1 == len(server.connections)


def test_a_body_that_timed_out_frees_its_place(server, make_host_pool):
    server.script(steps.read_request(), steps.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), steps.stall())

    pool = make_host_pool(timeout=SHORT)
    size = pool.pool.qsize()
    answer = pool.urlopen("GET", "/", retries=0, preload_content=False)
    with pytest.raises(ReadTimeoutError):
        answer.read()

    assert size == pool.pool.qsize()


def test_a_body_that_breaks_off_frees_its_place(server, make_host_pool):
    server.script(*answering(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nRe"))

    pool = make_host_pool()
    size = pool.pool.qsize()
    answer = pool.request("GET", "/", retries=0, preload_content=False)
    with pytest.raises(ProtocolError):
        answer.read()

    assert size == pool.pool.qsize()


def test_a_stream_that_timed_out_is_not_reused(server, make_host_pool):
    piece = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n"
    server.script(steps.read_request(), steps.send(piece), steps.stall(), connection=0)
    server.script(*answering(piece, b"0\r\n\r\n"), connection=1)

    pool = make_host_pool(timeout=urllib3.Timeout(read=SHORT))
    broken = pool.urlopen("GET", "/", retries=0, preload_content=False)
    with pytest.raises(ReadTimeoutError):
        broken.read()
    assert 8 == len(pool.urlopen("GET", "/", retries=0, preload_content=False, timeout=30).read())


def test_a_connection_stays_with_its_response_also_after_a_retry(server, make_host_pool):
    server.script(steps.read_request(), steps.close(), connection=0)
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n0\r\n\r\n"
    server.script(*answering(whole), connection=1)

    pool = make_host_pool(maxsize=1)
    answer = pool.urlopen("GET", "/", retries=1, release_conn=False, preload_content=False)
    assert (2, 0) == (pool.num_connections, pool.pool.qsize())
    answer.read()

    assert (1, None) == (pool.pool.qsize(), answer.connection)


def test_a_proxy_that_hangs_up_is_tried_again_and_one_that_is_gone_is_an_error(server):
    server.script(steps.close(), connection=0)
    server.script(*answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), connection=1)

    with urllib3.proxy_from_url(server.url, timeout=30) as proxy:
        assert b"ok" == proxy.request("GET", "http://origin.test", retries=1).data
        server.refuse_connections()
        with pytest.raises(ProxyError):
            proxy.request("GET", "http://origin.test", retries=False)

    assert "GET http://origin.test" == str(server.last_request)


def test_a_tunnel_that_is_refused_says_what_the_proxy_said(server):
    server.script(*answering(b"HTTP/1.0 501 Not Implemented\r\nConnection: close\r\n\r\n"))

    with urllib3.ProxyManager(server.url, timeout=30) as proxy, pytest.raises(MaxRetryError) as caught:
        proxy.request("GET", "https://origin.test", retries=0)

    assert isinstance(caught.value.reason, ProxyError)
    assert "Tunnel connection failed: 501 Not Implemented" == str(caught.value.reason.args[1])


def test_a_tunnel_whose_head_breaks_off_is_no_endless_loop(server):
    server.script(*answering(b"HTTP/1.0 200 OK\r\n"))

    with urllib3.ProxyManager(server.url, timeout=30) as proxy, pytest.raises(MaxRetryError):
        proxy.request("GET", "https://origin.test", retries=0)


def test_a_header_of_a_tunnel_that_is_too_long_is_named(server, monkeypatch):
    server.script(*answering(b"HTTP/1.0 200 OK\r\nThis-Header-Is-Too-Long: yes\r\n\r\n"))

    monkeypatch.setattr(http.client, "_MAXLINE", 17)
    with urllib3.ProxyManager(server.url, timeout=30) as proxy, pytest.raises(MaxRetryError) as caught:
        proxy.request("GET", "https://origin.test", retries=0)

    assert "got more than 17 bytes when reading header line" == str(caught.value.reason.args[1])


@pytest.mark.parametrize("line", [b"HTTP/1.1 Omg What Is This?", b"HTTP/1000 200 OK"])
def test_a_status_line_that_is_none_is_a_protocol_error(server, make_host_pool, line):
    server.get("/").respond(fault=faults.MalformedHead(status_line=line))

    with pytest.raises(ProtocolError):
        make_host_pool(retries=False).request("GET", "/")


def test_headers_keep_the_order_in_which_they_came(server, make_host_pool):
    fields = [(f"X-Header-{n}", str(n)) for n in reversed(range(16))]
    server.get("/").respond(headers=[*fields, ("Content-Length", "0")])

    assert fields == list(make_host_pool().request("GET", "/").headers.items())[:16]


@pytest.mark.parametrize("line", [b": Value", b":", b"Broken Header"])
def test_a_header_that_is_none_is_logged(server, make_host_pool, caplog, line):
    broken = [faults.MalformedHead(line=line), faults.HangUp("end")]
    server.get("/").respond(headers={"Another": "Header"}, fault=broken)

    pool = make_host_pool(retries=False)
    with caplog.at_level(logging.WARNING, "urllib3.connection"):
        pool.request("GET", "/")

    assert any("Failed to parse headers" in record.message for record in caplog.records)


@pytest.mark.parametrize("framing", [b"Transfer-Encoding: chunked", b"Content-Length: 256"])
def test_an_answer_to_head_has_no_body_to_wait_for(server, make_host_pool, framing):
    server.script(steps.read_request(), steps.send(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n"), steps.stall())

    answer = make_host_pool(retries=False).request("HEAD", "/", preload_content=False)

    assert [] == list(answer.stream())


def test_a_stream_without_a_size_ends_with_the_length_though_the_connection_stays_open(server, make_host_pool):
    server.script(
        steps.read_request(), steps.send(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world"), steps.stall()
    )

    answer = make_host_pool(retries=False).request("GET", "/", preload_content=False)

    assert [b"hello, world"] == list(answer.stream(None))


def test_a_large_compressed_stream_comes_in_pieces_of_the_size_that_was_asked(server, make_host_pool):
    data = gzip.compress(b"x" * 296_085, mtime=0)
    server.get("/").respond(headers={"Content-Encoding": "gzip"}, content=data)

    answer = make_host_pool(retries=False).request("GET", "/", preload_content=False)
    sizes = [len(piece) for piece in answer.stream(10240, decode_content=True)]

    assert [10240] * 28 + [9365] == sizes


def test_an_answer_that_can_not_be_drained_does_not_grow_the_pool(server, make_host_pool):
    server.get("/not_found").respond(404, content=b"x" * 1000, fault=faults.HangUp("head"))

    retries = urllib3.Retry(1, raise_on_status=False, status_forcelist=[404])
    pool = make_host_pool(maxsize=10, retries=retries, block=True)
    pool.urlopen("GET", "/not_found", preload_content=False).close()

    assert (1, 2) == (pool.num_connections, len(server.requests))


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
def test_an_answer_that_came_before_the_upload_broke_is_returned(server, make_host_pool, is_chunked):
    answer = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 10\r\n\r\nxxxxxxxxxx"
    server.script(steps.wait_readable(), steps.send(answer), steps.close(drain=False))

    answer = make_host_pool(retries=False).request("POST", "/", body=b"a" * 2**22, chunked=is_chunked)

    assert (404, b"x" * 10) == (answer.status, answer.data)
