"""Chunked bodies that are framed wrongly, or only strangely."""

import http.client

import httpx
import pytest

from calling import ask, connected, curl, needs_curl
from pytest_epoll import faults


@pytest.mark.parametrize("line", [b"zz", b"5 six", b"5:text", b"1" * 17])
def test_fp_101_a_chunk_size_that_is_none_is_an_error_behind_the_good_chunk(server, line):
    server.get("/").respond(stream=[b"good", b"hello"], fault=[faults.MalformedChunk(1, line), faults.HangUp("end")])

    with httpx.Client(trust_env=False, verify=False) as client, client.stream("GET", server.url) as answer:
        pieces = answer.iter_raw()
        assert b"good" == next(pieces)
        with pytest.raises(httpx.RemoteProtocolError):
            list(pieces)


def test_fp_103_a_chunk_size_of_65536_zeros_is_too_long(server):
    server.get("/").respond(stream=[b"abc"], fault=faults.MalformedChunk(0, b"0" * 65536 + b"3"))

    with connected(server) as client, pytest.raises(http.client.LineTooLong, match="chunk size"):
        ask(client)


def test_fp_104_reading_stops_behind_the_trailers_and_what_follows_breaks_only_what_comes_next(server):
    server.get("/").respond(stream=[b"hello"], trailers={"X-Trailer": "7"}, fault=faults.ExtraBytes(b"surplus\r\n"))

    with httpx.Client(trust_env=False, verify=False) as client:
        assert b"hello" == client.get(server.url).content
        with pytest.raises(httpx.RemoteProtocolError, match="illegal status line"):
            client.get(server.url)


@needs_curl
def test_fp_106_chunks_and_trailers_in_small_pieces_are_complete_twice_on_one_connection(server):
    in_pieces = faults.PartialWrites(size=7, until_read=True)
    server.get("/").respond(stream=[b"one", b"two"], trailers={"X-Trailer": "seven"}, fault=in_pieces)

    finished = curl("--include", server.url, server.url)

    assert [2, 2] == [finished.stdout.count(b"onetwo"), finished.stdout.count(b"X-Trailer: seven")]
    assert [0, 0] == [request.connection_index for request in server.requests]


@needs_curl
def test_fp_107_chunk_sizes_and_trailers_that_end_with_a_bare_lf_are_accepted(server):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server.get("/").respond(raw=head + b"5\nhello\n0\nX-Trailer: 7\n\n")

    assert b"hello" == curl(server.url).stdout
