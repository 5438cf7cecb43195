"""Bodies that are shorter or longer than was said, and downloads that go on where they broke off."""

import gzip
import http.client

import aiohttp
import httpx
import pytest
import requests
import urllib3

from calling import ask, connected, curl, needs_curl
from pytest_epoll import Response, faults
from resuming import resume

CHUNK = faults.chunk(1)
BIG = bytes(range(256)) * 2**14
ALPHABET = b"abcdefghijklmnopqrstuvwxyz"
GZIP = gzip.compress(b"hello world", mtime=0)


def test_fp_056_an_incomplete_body_is_an_error_and_its_connection_is_not_used_again(server, make_pool):
    server.get("/").respond(content=b"x" * 22, fault=faults.HangUp(faults.body(12))).respond(text="whole")

    pool = make_pool(retries=False)
    with pytest.raises(urllib3.exceptions.ProtocolError, match="12 bytes read, 10 more expected"):
        pool.request("GET", server.url)
    assert b"whole" == pool.request("GET", server.url).data

    assert [0, 1] == [request.connection_index for request in server.requests]


def test_fp_056_an_incomplete_body_that_was_held_open_for_a_while_is_the_same_error(server, make_pool):
    gate = server.gate()
    server.get("/").respond(headers={"Content-Length": "22"}, stream=[b"x" * 12, gate, faults.HangUp()])

    answer = make_pool().request("GET", server.url, preload_content=False)
    gate.wait_reached()
    gate.open()
    with pytest.raises(urllib3.exceptions.ProtocolError, match="12 bytes read, 10 more expected"):
        answer.read()


@needs_curl
def test_fp_056_curl_reports_a_partial_file(server):
    server.get("/").respond(content=b"x" * 22, fault=faults.HangUp(faults.body(12)))

    finished = curl(server.url)

    assert (18, b"x" * 12) == (finished.returncode, finished.stdout)


@pytest.mark.asyncio
async def test_fp_059_the_second_answer_to_one_request_is_given_to_no_other_request(server):
    surplus = faults.ExtraBytes(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    server.get("/").respond(fault=surplus).respond(text="my own")

    async with aiohttp.ClientSession() as session:
        async with session.get(server.url) as first, session.get(server.url) as second:
            assert (b"", b"my own") == (await first.read(), await second.read())

    assert [0, 1] == [request.connection_index for request in server.requests]


def test_fp_059_httpx_gives_the_second_answer_to_the_next_request(server):
    surplus = faults.ExtraBytes(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    server.get("/").respond(fault=surplus).respond(text="my own")

    with httpx.Client(trust_env=False, verify=False) as client:
        assert [b"", b""] == [client.get(server.url).content for _ in range(2)]


def test_fp_060_bytes_beyond_the_length_break_the_next_request_and_not_this_one(server):
    server.get("/").respond(content=b"11111\r\n", fault=faults.WrongContentLength(1))

    with httpx.Client(trust_env=False, verify=False) as client:
        assert b"1" == client.get(server.url).content
        with pytest.raises(httpx.RemoteProtocolError, match="illegal status line"):
            client.get(server.url)


def test_fp_061_a_status_line_without_an_end_is_an_empty_answer(server):
    server.get("/").respond(raw=b"HTTP/1.1 200 Ok", fault=faults.HangUp("end"))

    with connected(server) as client:
        assert (200, b"") == ask(client)


def test_fp_065_a_chunked_body_without_its_last_line_end_is_read_whole(server):
    server.get("/").respond(stream=[b"hello ", b"world"], fault=faults.HangUp(faults.before("end", 2)))

    with connected(server) as client:
        assert (200, b"hello world") == ask(client)


@pytest.mark.parametrize(
    ("how", "fault", "is_whole"),
    [
        ({"content": b"x" * 65536}, faults.HangUp("end"), True),
        ({"content": b"x" * 65536, "headers": {"Content-Length": None}}, faults.HangUp("end"), True),
        ({"content": b"x" * 131072}, faults.HangUp(faults.half_of("body")), False),
        ({"stream": [b"x" * 131072]}, faults.HangUp(faults.half_of("chunk:1")), False),
    ],
    ids=["exact", "without a length", "half of it", "half of a chunk"],
)
def test_fp_067_a_client_that_reads_late_sees_the_end_as_it_was(server, how, fault, is_whole):
    server.get("/").respond(**how, fault=fault)

    with connected(server) as client:
        client.request("GET", "/")
        server.wait_for_connections()[0].wait_closed()
        with client.getresponse() as answer:
            if is_whole:
                assert b"x" * 65536 == answer.read()
            else:
                with pytest.raises(http.client.IncompleteRead):
                    answer.read()


def test_fp_068_a_broken_download_goes_on_by_range(server):
    route = server.get("/").respond(headers={"ETag": '"1"'}, stream=[b"abc", b"def"], fault=faults.HangUp(CHUNK))
    route.respond(206, headers={"ETag": '"1"', "Content-Range": "bytes 3-5/6"}, content=b"def")

    with httpx.Client(trust_env=False, verify=False) as client:
        assert b"abcdef" == resume(client, server.url)

    assert [None, "bytes=3-"] == [request.headers.get("Range") for request in server.requests]


def test_fp_068_a_content_range_that_is_none_is_an_error(server):
    route = server.get("/").respond(headers={"ETag": '"1"'}, stream=[b"abc", b"def"], fault=faults.HangUp(CHUNK))
    route.respond(206, headers={"ETag": '"1"', "Content-Range": "bytes nonsense"}, content=b"def")

    with httpx.Client(trust_env=False, verify=False) as client:
        with pytest.raises(ValueError, match="bytes nonsense"):
            resume(client, server.url)


def test_fp_069_a_large_download_goes_on_after_a_reset(server):
    def rest(request):
        offset = int(request.headers["Range"].strip("bytes=-"))
        return Response(206, headers={"Content-Range": f"bytes {offset}-{2**22 - 1}/{2**22}"}, content=BIG[offset:])

    broken = [faults.Delay(0.1, after=faults.body(2**20)), faults.Reset(faults.body(2**20))]
    server.get("/").respond(content=BIG, fault=broken).respond_with(rest)

    with httpx.Client(trust_env=False, verify=False) as client:
        assert BIG == resume(client, server.url)

    assert f"bytes={2**20}-" == server.requests[1].headers["Range"]


@needs_curl
def test_fp_070_a_download_outlasts_two_breaks_and_two_answers_that_are_nonsense(server, tmp_path):
    route = server.get("/").respond(content=ALPHABET, fault=faults.HangUp(faults.body(5)))
    ranged = {"Content-Range": "bytes 5-25/26"}
    route.respond(206, headers=ranged, content=ALPHABET[5:], fault=faults.HangUp(faults.body(6)))
    route.respond(404).respond(content=b"something else")
    route.respond(206, headers={"Content-Range": "bytes 11-25/26"}, content=ALPHABET[11:])

    path = tmp_path / "alphabet"
    codes = [curl("--fail", "--continue-at", "-", "--output", path, server.url).returncode for _ in range(5)]

    assert [18, 18, 22, 33, 0] == codes
    assert ALPHABET == path.read_bytes()
    asked = [request.headers.get("Range") for request in server.requests]
    assert [None, "bytes=5-", "bytes=11-", "bytes=11-", "bytes=11-"] == asked


def test_fp_071_a_body_that_breaks_off_before_its_trailers_is_an_error(server):
    trailers = {"X-Checksum": "7"}
    server.get("/").respond(stream=[b"first", b"second"], trailers=trailers, fault=faults.HangUp(CHUNK))

    with connected(server) as client:
        client.request("GET", "/")
        with client.getresponse() as answer, pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()

    assert b"first" == caught.value.partial


@pytest.mark.parametrize("content", [b"plain text", GZIP[4:]], ids=["plain text", "without its first bytes"])
def test_fp_073_what_is_no_gzip_is_an_error_and_no_garbage(server, content):
    server.get("/").respond(headers={"Content-Encoding": "gzip"}, content=content)

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.DecodingError):
        client.get(server.url)
    with requests.Session() as session, pytest.raises(requests.exceptions.ContentDecodingError):
        session.get(server.url)


@needs_curl
def test_fp_073_gzip_that_ends_after_two_bytes_is_an_empty_body_and_no_error(server):
    server.get("/").respond(headers={"Content-Encoding": "gzip"}, content=GZIP[:2])

    with httpx.Client(trust_env=False, verify=False) as client:
        assert b"" == client.get(server.url).content
    assert (0, b"") == (curl("--compressed", server.url).returncode, curl("--compressed", server.url).stdout)


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000000\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=["a length", "a last chunk"],
)
@needs_curl
def test_fp_076_a_status_without_a_body_has_none_whatever_its_head_says(server, reply):
    server.get("/").respond(raw=reply, fault=faults.HangUp("end"))

    with connected(server) as client:
        assert (int(reply[9:12]), b"") == ask(client)
    assert (0, b"") == (curl(server.url).returncode, curl(server.url).stdout)
