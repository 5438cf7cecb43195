"""Response heads that are malformed, oversized, or only unusual."""

import http.client

import httpx
import pytest
import requests
import urllib3

from calling import ask, connected, curl, needs_curl
from pytest_epoll import faults


@pytest.mark.parametrize("is_chunked", [False, True], ids=["with a length", "chunked"])
def test_fp_080_an_impossible_version_counts_as_a_read_error_and_is_retried(server, make_pool, is_chunked):
    odd = [faults.MalformedHead(status_line=b"HTTP/0.5 200 OK"), faults.HangUp("end")]
    server.put("/").respond(text="odd", fault=odd).respond(text="second")

    pool = make_pool(retries=urllib3.Retry(read=1))
    assert b"second" == pool.request("PUT", server.url, body=b"upload", chunked=is_chunked).data

    assert [(0, b"upload"), (1, b"upload")] == [(r.connection_index, r.body) for r in server.requests]
    assert [(6,) if is_chunked else ()] * 2 == [request.chunk_sizes for request in server.requests]


STATUS_LINES = [
    b"HTTP/1.1 001 OK",
    b"HTTP/1.1 1 OK",
    b"HTTP/1.1 400.100 OK",
    b"HTTP/1.1 -200 OK",
    b"HTTP/1.1 " + b"2" * 100 + b" OK",
]


@pytest.mark.parametrize("line", [*STATUS_LINES, b"HTTP/1." + b"1" * 100 + b" 200 OK"])
def test_fp_082_a_status_or_a_version_that_is_none_is_refused(server, line):
    server.get("/").respond(fault=[faults.MalformedHead(status_line=line), faults.HangUp("end")])

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)
    if line in STATUS_LINES:
        with connected(server) as client, pytest.raises(http.client.BadStatusLine):
            ask(client)


def test_fp_084_a_folded_header_is_read_as_one_line(server):
    folded = faults.MalformedHead(line=b" two\r\n\t three", after=faults.header("X-Folded"))
    server.get("/").respond(headers={"X-Folded": "one"}, fault=folded)

    with httpx.Client(trust_env=False, verify=False) as client:
        assert "one two three" == client.get(server.url).headers["X-Folded"]


def test_fp_084_a_head_that_begins_with_a_folded_line_is_refused(server):
    server.get("/").respond(fault=faults.MalformedHead(line=b" X-Folded: one"))

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)


def test_fp_085_a_cookie_folded_over_five_lines_and_sent_in_pieces_is_read_whole(server):
    cookie = b"Set-Cookie: id=7;\r\n path=/;\r\n\tmax-age=600;\r\n version=1;\r\n\t httponly\r\n"
    head = b"HTTP/1.1 200 OK\r\n" + cookie + b"Content-Length: 0\r\n\r\n"
    server.get("/").respond(raw=head, fault=faults.PartialWrites(size=10, until_read=True))

    with httpx.Client(trust_env=False, verify=False) as client:
        client.get(server.url)
        (cookie,) = client.cookies.jar

    assert ("id", "7", "/") == (cookie.name, cookie.value, cookie.path)
    assert cookie.expires is not None
    assert cookie.has_nonstandard_attr("httponly")


@pytest.mark.parametrize("size", [65536, 2**20])
@pytest.mark.parametrize("what", ["status line", "header line"])
def test_fp_087_a_line_that_is_too_long_is_an_error_and_the_server_still_answers(server, what, size):
    long = {"reason": "x" * size} if what == "status line" else {"headers": {"X-Long": "x" * size}}
    server.get("/long").respond(**long)
    server.get("/short").respond(text="fine")

    with connected(server) as client, pytest.raises(http.client.LineTooLong, match=what):
        ask(client, target="/long")
    with connected(server) as client:
        assert (200, b"fine") == ask(client, target="/short")


@pytest.mark.parametrize(
    "lengths",
    [[("Content-Length", "4"), ("Content-Length", "4")], [("Content-Length", "4, 4")]],
    ids=["two fields", "a list"],
)
def test_fp_090_a_length_that_is_stated_twice_is_that_length(server, lengths):
    server.get("/").respond(headers=lengths, content=b"four")

    with httpx.Client(trust_env=False, verify=False) as client:
        assert b"four" == client.get(server.url).content


@pytest.mark.parametrize("length", [b"-6", b"+6", b"six", b"\r-6"])
def test_fp_091_a_length_that_is_none_is_refused_by_httpx_and_read_to_the_end_by_http_client(server, length):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n"
    server.get("/").respond(raw=head + b"hello\n", fault=faults.HangUp("end"))

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)
    with connected(server) as client:
        assert (200, b"hello\n") == ask(client)


def test_fp_091_a_length_beyond_64_bits_is_an_error_to_both(server):
    server.get("/").respond(headers={"Content-Length": "9" * 30}, content=b"hello\n", fault=faults.HangUp("end"))

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)
    with connected(server) as client, pytest.raises(OverflowError):
        ask(client)


@pytest.mark.parametrize("length", ["0", "123456"])
@needs_curl
def test_fp_092_chunks_win_over_a_length(server, length):
    pieces = b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    cuts = faults.PartialWrites(cuts=("head", faults.body(8), faults.body(16)), until_read=True)
    server.get("/").respond(raw=head + pieces, fault=cuts)

    with connected(server) as client:
        assert (200, b"onetwothree") == ask(client)
    assert b"onetwothree" == curl(server.url).stdout


@pytest.mark.parametrize("text", [b"hello\n", b"x", b"HTTP is what this is not\n"])
@needs_curl
def test_fp_095_text_without_a_head_is_refused_unless_the_client_asks_for_it(server, text):
    server.get("/").respond(raw=text, fault=faults.HangUp("end"))

    assert 1 == curl(server.url).returncode
    assert text == curl("--http0.9", server.url).stdout


def test_fp_099_a_redirect_in_raw_utf_8_is_followed_percent_encoded(server):
    server.get("/").respond(301, headers={"Location": "/š".encode()})
    server.get("/š").respond(headers={"Content-Length": None}, content=b"here")

    with requests.Session() as session:
        answer = session.get(server.url, timeout=30)

    assert (b"here", 1) == (answer.content, len(answer.history))
    assert "/%C5%A1" == server.last_request.target


@pytest.mark.parametrize("cut", [20, 30], ids=["in the name", "in the value"])
def test_fp_100_a_header_that_comes_in_two_pieces_is_one(server, cut):
    reply = b"HTTP/1.1 200 OK\r\nX-Split: in two\r\nContent-Length: 0\r\n\r\n"
    server.get("/").respond(raw=reply, fault=[faults.PartialWrites(cuts=(cut,), until_read=True), faults.HangUp("end")])

    with connected(server) as client:
        client.request("GET", "/")
        assert "in two" == client.getresponse().headers["X-Split"]
