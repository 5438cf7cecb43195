"""Peers of the same kind that are in no catalogue: what else servers, proxies and test suites of clients do."""

import gzip
import http.client

import aiohttp
import httpx
import pytest
import requests
import urllib3

from calling import ask, connected, curl, needs_curl
from ipv6 import needs_ipv6
from pytest_epoll import faults, steps
from pytest_epoll.testing import RawClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


# -- idle connections --


def test_an_unasked_408_on_an_idle_connection_is_the_answer_to_nothing(server, make_pool):
    timeout = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    server.script(steps.read_request(), steps.send(OK), steps.send(timeout), steps.close(), connection=0)
    server.get("/").respond(text="fresh")

    pool = make_pool(retries=False)
    assert b"ok" == pool.request("GET", server.url).data
    server.connections[0].wait_closed()
    assert b"fresh" == pool.request("GET", server.url).data


def test_a_connection_that_is_closed_after_three_answers_is_replaced(server):
    server.get("/").respond(times=2).respond(fault=faults.HangUp("end")).respond()

    with httpx.Client(trust_env=False, verify=False) as client:
        for n in range(4):
            client.get(server.url)
            server.wait_idle()

    assert [0, 0, 0, 1] == [request.connection_index for request in server.requests]


def test_a_client_that_has_shut_down_its_sending_side_still_gets_its_answer(server):
    gate = server.gate()
    server.get("/").respond(text="late", gate=gate)

    with RawClient(server.address) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        client.shutdown()
        gate.wait_reached()
        gate.open()
        assert client.read_to_end()[0].endswith(b"\r\n\r\nlate")


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_connection_that_ends_under_the_next_request_is_replaced(server, make_pool, how):
    server.get("/").respond(fault=faults.CloseOnReuse(how)).respond(text="fresh")

    pool = make_pool(retries=1)
    pool.request("GET", server.url)
    assert b"fresh" == pool.request("GET", server.url).data

    assert (how, 2) == (server.connections[0].closed_how, len(server.connections))


# -- connecting --


def test_a_connect_that_nobody_answers_runs_into_the_connect_timeout(server):
    server.stall_connections()

    with httpx.Client(trust_env=False, verify=False, timeout=httpx.Timeout(30, connect=0.1)) as client:
        with pytest.raises(httpx.ConnectTimeout):
            client.get(server.url)


@needs_ipv6
def test_a_host_of_which_one_address_is_down_is_reached_at_the_other(epoll_server_factory, trigger_mode):
    server = epoll_server_factory(host=("::1", "127.0.0.1"), edge_triggered=trigger_mode == "edge")
    server.get("/").respond(text="by IPv4")
    server.listeners[0].refuse_connections()

    with urllib3.HTTPConnectionPool("localhost", server.port, retries=False) as pool:
        assert b"by IPv4" == pool.request("GET", "/").data


def test_a_peer_on_a_unix_domain_socket_breaks_off_like_any_other(server, socket_folder):
    listener = server.also_listen(socket_folder / "peer.sock")
    server.get("/").respond(content=b"x" * 100, fault=faults.HangUp(faults.body(50)))

    transport = httpx.HTTPTransport(uds=listener.address, verify=False)
    with httpx.Client(transport=transport) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("http://peer/")


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_connection_that_ends_at_accept_is_retried(server, make_pool, how):
    server.script(steps.close() if how == "fin" else steps.reset(), connection=0)
    server.get("/").respond(text="second")

    assert b"second" == make_pool(retries=1).request("GET", server.url).data

    assert how == server.connections[0].closed_how


def test_a_refused_connection_is_retried_when_the_server_is_back(server, make_pool):
    server.get("/").respond(text="back")
    server.refuse_connections()

    class Revive(urllib3.Retry):
        def increment(self, *args, **how):
            server.accept_connections()
            return super().increment(*args, **how)

    assert b"back" == make_pool(retries=Revive(1)).request("GET", server.url).data


def test_a_redirect_to_a_server_that_is_down_is_a_connection_error(server, epoll_server_factory):
    down = epoll_server_factory()
    server.get("/").respond(302, headers={"Location": down.url})
    down.refuse_connections()

    with (
        httpx.Client(trust_env=False, verify=False, follow_redirects=True) as client,
        pytest.raises(httpx.ConnectError),
    ):
        client.get(server.url)


def test_a_proxy_that_never_answers_a_connect_runs_into_the_timeout(server):
    server.script(steps.read_head(), steps.stall())

    with urllib3.ProxyManager(server.url, retries=False, timeout=0.1) as proxy:
        with pytest.raises(urllib3.exceptions.HTTPError):
            proxy.request("GET", "https://origin.test")

    assert "CONNECT" == server.requests[0].method


# -- heads --


def test_two_lengths_that_differ_are_refused(server):
    server.get("/").respond(headers=[("Content-Length", "2"), ("Content-Length", "20")], content=b"ok")

    with requests.Session() as session, pytest.raises(requests.exceptions.InvalidHeader):
        session.get(server.url, timeout=30)


def test_a_head_of_bare_line_feeds_is_read(server):
    server.get("/").respond(raw=b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")

    with connected(server) as client:
        assert (200, b"ok") == ask(client)


def test_a_transfer_coding_that_nobody_knows_is_an_error(server):
    server.get("/").respond(headers={"Transfer-Encoding": "yolo"}, content=b"until the end")

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)


def test_bytes_that_are_no_http_are_an_error(server):
    server.get("/").respond_with(faults.Garbage(4096))

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)
    with connected(server) as client, pytest.raises(http.client.BadStatusLine):
        ask(client)


def test_rubbish_before_the_status_line_is_an_error(server):
    server.get("/").respond(raw=b"\0\1\2" + OK)

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)


def test_a_thousand_headers_are_too_many(server):
    server.get("/").respond(headers=[("X-Many", "1")] * 1000)

    with connected(server) as client, pytest.raises(http.client.HTTPException, match="got more than 100 headers"):
        ask(client)


def test_a_redirect_that_goes_round_is_given_up(server):
    server.get("/").respond(302, headers={"Location": "/"})

    with httpx.Client(trust_env=False, verify=False, follow_redirects=True) as client:
        with pytest.raises(httpx.TooManyRedirects):
            client.get(server.url)

    server.assert_requested("GET", "/", times=21)


# -- bodies --


def test_a_body_behind_the_answer_to_head_is_not_read(server, make_pool):
    server.head("/").respond(content=b"four", fault=faults.ExtraBytes(b"four"))

    assert b"" == make_pool(retries=False).request("HEAD", server.url).data


@pytest.mark.parametrize("after", [faults.half_of("chunk-size"), faults.half_of("chunk:1"), "last-chunk", "trailers"])
@pytest.mark.asyncio
async def test_a_chunked_body_that_breaks_off_anywhere_is_a_payload_error(server, after):
    server.get("/").respond(stream=[b"x" * 300], trailers={"X-Sum": "7"}, fault=faults.HangUp(after))

    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientPayloadError):
            async with session.get(server.url) as answer:
                await answer.read()


def test_extensions_of_chunks_are_skipped(server):
    server.get("/").respond(stream=[b"one", b"two"], fault=faults.ChunkExtensions(b";a=b", last=b";end"))

    with httpx.Client(trust_env=False, verify=False) as client:
        assert "onetwo" == client.get(server.url).text


def test_a_flipped_bit_in_compressed_content_is_an_error(server):
    content = gzip.compress(b"hello " * 100, mtime=0)
    server.get("/").respond(
        headers={"Content-Encoding": "gzip"}, content=content, fault=faults.Corrupt(faults.body(len(content) - 8))
    )

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.DecodingError):
        client.get(server.url)


def test_a_reset_that_throws_away_what_was_sent_is_an_error(server):
    server.get("/").respond(content=b"x" * 2**22, fault=faults.Reset(faults.body(2**20), discard=True))

    with RawClient(server.address, receive_buffer=4096) as client:
        client.send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        server.wait_for_connections()[0].wait_closed()
        data, how = client.read_to_end()

    assert "rst" == how
    assert len(data) < 2**20


@needs_curl
def test_a_close_that_comes_late_is_waited_for(server):
    late = faults.Delay(0.05, after="end")
    server.get("/").respond(headers={"Content-Length": None}, content=b"slow close", fault=late)

    assert b"slow close" == curl(server.url).stdout

    connection = server.connections[0]
    assert connection.closed_at - server.requests[0].responded_at >= 0.05


# -- uploads --


def test_an_upload_that_is_reset_in_its_middle_is_an_error(server):
    server.put("/").respond_with(faults.Reset(after_reading=faults.body(2**19)))

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.TransportError):
        client.put(server.url, content=b"x" * 2**24)

    assert 2**19 == len(server.requests[0].body_so_far)


@pytest.mark.asyncio
async def test_the_first_chunk_of_an_upload_arrives_before_the_second_is_written(server):
    server.put("/").respond()

    async def upload():
        yield b"first"
        (request,) = await server.aio.wait_for_requests(state="head")
        await request.aio.wait_received(5)
        assert b"first" == request.body_so_far
        yield b"second"

    async with aiohttp.ClientSession() as session, session.put(server.url, data=upload()) as answer:
        assert 200 == answer.status


# -- switching protocols --


@pytest.mark.asyncio
async def test_after_a_switch_the_raw_stream_belongs_to_both(server):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
    server.script(steps.read_head(), steps.send(switch + b"ready"), steps.read_exactly(4), steps.send(b"pong"))

    headers = {"Connection": "Upgrade", "Upgrade": "echo"}
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        async with client.stream("GET", server.url, headers=headers) as answer:
            stream = answer.extensions["network_stream"]
            assert b"ready" == await stream.read(100, timeout=30)
            await stream.write(b"ping")
            assert b"pong" == await stream.read(100, timeout=30)
