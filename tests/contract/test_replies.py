"""Replies over real sockets: bodies, framing, order on the wire, and who may go on afterwards."""

import http.client
import json

import aiohttp
import httpx
import pytest
import requests

from fetching import fetch
from pytest_epoll import Response, faults
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n"
CLOSE = b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"


def exchange(server, message=CLOSE):
    with RawClient(server.address) as client:
        client.send(message)
        return client.read_to_end()


def kinds(server):
    return [finding.kind for finding in server.findings()]


def by_http_client(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://").partition("/")[0], timeout=5)
    try:
        connection.request("GET", "/x")
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def by_requests(url):
    response = requests.get(url, timeout=5)
    return response.status_code, dict(response.headers), response.content


def by_httpx(url):
    response = fetch(url)
    return response.status_code, {name.title(): value for name, value in response.headers.items()}, response.content


def by_aiohttp(url):
    import asyncio

    async def main():
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, dict(response.headers), await response.read()

    return asyncio.run(main())


CLIENTS = [by_http_client, by_requests, by_httpx, by_aiohttp]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("how", "content_type", "body"),
    [
        ({}, None, b""),
        ({"json": {"a": "\xe9"}}, "application/json", json.dumps({"a": "\xe9"}).encode()),
        ({"json": None}, "application/json", b"null"),
        ({"text": "\xe9"}, "text/plain; charset=utf-8", b"\xc3\xa9"),
        ({"html": "<p>"}, "text/html; charset=utf-8", b"<p>"),
        ({"content": b"\0\xff"}, None, b"\0\xff"),
        ({"content": "\xe9"}, None, b"\xc3\xa9"),
        ({"stream": [b"a", b"b"]}, None, b"ab"),
        ({"events": ["a"]}, "text/event-stream", b"data: a\n\n"),
        ({"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"}, None, b"hi"),
        ({"content": b"hi", "trailers": {"X-Sum": "1"}}, None, b"hi"),
        ({"content": b"hi", "headers": {"Content-Length": None}}, None, b"hi"),
        ({"content": b"hi", "http_version": "1.0"}, None, b"hi"),
    ],
)
def test_real_clients_read_every_kind_of_body(server, client, how, content_type, body):
    server.get("/x").respond(**how)
    status, headers, content = client(server.url + "/x")

    assert (200, content_type, body) == (status, headers.get("Content-Type"), content)
    assert [] == server.findings()


@pytest.mark.parametrize("client", [by_httpx, by_aiohttp])  # http.client, and requests above it, know only 100
def test_real_clients_read_over_early_hints(server, client):
    server.get("/x").respond(content=b"hi", informational=[(103, {"Link": "</a>"})])

    assert (200, b"hi") == client(server.url + "/x")[::2]


def test_a_file_is_read_at_the_call_and_its_type_guessed(server, tmp_path):
    path = tmp_path / "logo.png"
    path.write_bytes(b"\x89PNG")
    server.get("/x").respond(file=path)
    server.get("/y").respond(file=str(path), headers={"Content-Type": "image/x"})
    unknown = tmp_path / "data.unknown-kind"
    unknown.write_bytes(b"")
    server.get("/z").respond(file=unknown)
    path.unlink()
    answers = [fetch(f"{server.url}/{name}") for name in "xyz"]

    assert [b"\x89PNG", b"\x89PNG", b""] == [answer.content for answer in answers]
    assert ["image/png", "image/x", "application/octet-stream"] == [
        answer.headers["content-type"] for answer in answers
    ]
    with pytest.raises(FileNotFoundError):
        server.get("/w").respond(file=path)


def test_a_redirect_is_followed(server):
    server.get("/x").respond_with(Response(302, headers={"Location": "/y"}))
    server.get("/y").respond(text="there")

    assert "there" == fetch(server.url + "/x", follow_redirects=True).text


def test_cookies_are_set_and_sent_back(server):
    server.get("/x").respond(cookies={"a": "1", "b": "2; Path=/; HttpOnly"})
    server.get("/y", cookies={"a": "1", "b": "2"}).respond(200)
    with httpx.Client(trust_env=False, verify=False) as client:
        client.get(server.url + "/x")

        assert 200 == client.get(server.url + "/y").status_code


# -- who may go on --


@pytest.mark.parametrize(
    ("how", "message", "goes_on"),
    [
        ({}, GET, True),
        ({"stream": [b"a"]}, GET, True),
        ({"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"}, GET, True),
        ({"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, CLOSE, True),
        ({"status": 204}, GET, True),
        ({"status": 304}, GET, True),
        ({"headers": {"Connection": "close"}}, GET, False),
        ({"headers": {"Connection": "keep-alive, CLOSE"}}, GET, False),
        ({}, CLOSE, False),
        ({}, b"GET /x HTTP/1.0\r\n\r\n", False),
        ({}, b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        ({"http_version": "1.0"}, GET, False),
        ({"http_version": "1.0", "headers": {"Connection": "keep-alive"}}, GET, True),
        ({"headers": {"Content-Length": None}}, GET, False),
        ({"headers": {"Transfer-Encoding": "gzip"}}, GET, False),
        ({"content": b"0\r\n\r\n", "headers": {"Transfer-Encoding": "gzip, chunked"}}, GET, True),
        ({"stream": [b"a"], "headers": {"Transfer-Encoding": None}}, GET, False),
        ({"stream": [b"a"], "headers": {"Content-Length": "1"}}, GET, True),
    ],
)
def test_the_connection_goes_on_or_ends_with_our_fin(server, how, message, goes_on):
    server.get("/x").respond(**how)
    with RawClient(server.address) as client:
        if not goes_on:
            client.send(message)
            assert "fin" == client.read_to_end()[1]
            assert ("server", "fin") == (server.connections[0].closed_by, server.connections[0].closed_how)
            return
        for _ in range(2):
            client.send(message)
            client.recv()
        server.wait_for_requests(2)
        assert server.connections[0].is_open


def test_behind_a_closing_reply_nothing_is_answered(server):
    server.get("/x").respond(headers={"Connection": "close"})
    answer, how = exchange(server, GET * 3)

    assert (1, "fin") == (answer.count(b"HTTP/1.1"), how)
    assert [200, None, None][: len(server.requests)] == [request.response_status for request in server.requests]
    assert [] == server.findings()


def test_1xx_as_a_final_status_has_no_content_and_no_length(server):
    server.get("/x").respond(102, content=b"hi")
    with RawClient(server.address) as client:
        client.send(GET)

        assert b"HTTP/1.1 102 Processing\r\n\r\n" == client.recv()


def test_head_announces_what_get_would_send(server):
    server.head("/x").respond(json={"a": 1})
    answer, _ = exchange(server, b"HEAD /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")

    assert answer.endswith(b"Content-Length: 8\r\nConnection: close\r\n\r\n")
    assert 8 == int(requests.head(server.url + "/x", timeout=5).headers["Content-Length"])


def test_headers_go_out_in_the_order_and_case_given(server):
    server.get("/x").respond(headers=[("b", "1"), ("A", "2"), ("b", "3"), ("Date", "never")], json=1)

    assert (
        b"HTTP/1.1 200 OK\r\nb: 1\r\nA: 2\r\nb: 3\r\nDate: never\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1\r\nConnection: close\r\n\r\n1"
    ) == exchange(server)[0]


def test_a_lie_about_the_length_is_sent_as_it_is(server):
    server.get("/x").respond(content=b"hi", headers={"Content-Length": "5"})

    assert b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhi" == exchange(server)[0]
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(server.url + "/x", headers={"Connection": "close"}, timeout=5)


# -- raw --


def test_raw_bytes_are_sent_as_they_are_and_can_be_cut(server):
    server.get("/x").respond(raw=b"HTTP/1.1 200 OK\n\n\0\xff", fault=faults.Reset(after="end"))
    server.get("/y").respond(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", fault=faults.Reset(after="head"))

    assert (b"HTTP/1.1 200 OK\n\n\0\xff", "rst") == exchange(server, GET)
    assert (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "rst") == exchange(
        server, b"GET /y HTTP/1.1\r\nHost: t\r\n\r\n"
    )


# -- order on the wire --


def test_informational_then_delay_then_gate_then_head(server):
    gate = server.gate()
    server.get("/x").respond(
        content=b"ok",
        informational=[102, (103, {"Link": "</a>"}), Response(103, headers=[("Link", "</b>")])],
        delay=0.02,
        gate=gate,
    )
    interim = (
        b"HTTP/1.1 102 Processing\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\n"
    )
    with RawClient(server.address) as client:
        client.send(GET)
        assert interim == client.recv_exactly(len(interim))
        gate.wait_reached()
        kinds_so_far = [event.kind for event in server.timeline]
        gate.open()

        assert b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" == client.recv()
    assert kinds_so_far.index("paused") < kinds_so_far.index("gate")
    assert kinds_so_far.index("sent") < kinds_so_far.index("paused")
    assert (b"ok", 2, 40) == (
        b"ok",
        server.last_request.response_body_bytes_sent,
        server.last_request.response_bytes_sent,
    )


def test_what_a_handler_returns_keeps_the_same_order(server):
    gate = server.gate()
    server.get("/x").respond_with(
        lambda request: Response(content=b"ok", informational=[103]).with_delay(0.02), delay=0.01, gate=gate
    )
    with RawClient(server.address) as client:
        client.send(GET)
        assert b"HTTP/1.1 103 Early Hints\r\n\r\n" == client.recv()
        gate.wait_reached()
        gate.open()
        client.recv()

    told = [(event.kind, event.detail) for event in server.timeline if event.kind in {"paused", "gate"}]
    assert [("paused", 0.02), ("paused", 0.01), ("gate", ("gate 1", "reached")), ("gate", ("gate 1", "opened"))] == told


def test_delays_of_the_response_and_of_the_call_add_up(server):
    server.get("/x").respond_with(Response(content=b"ok").with_delay(0.01), delay=0.02)
    exchange(server)
    started, responded = server.last_request.head_received_at, server.last_request.responded_at

    assert responded - started >= 0.03


def test_a_very_long_delay_ends_with_the_server(server):
    server.get("/x").respond(200, delay=9e9)
    with RawClient(server.address) as client:
        client.send(GET)
        server.wait_for_requests(1)
        assert server.connections[0].is_open
        server.stop()

        assert (b"", "fin") == client.read_to_end()


def test_a_waiting_reply_delays_nobody(server):
    gate = server.gate()
    server.get("/held").respond(content=b"held", gate=gate)
    server.get("/x").respond(content=b"ok")
    held = [in_thread(fetch, server.url + "/held") for _ in range(5)]
    server.wait_for_requests(5)

    assert b"ok" == fetch(server.url + "/x").content
    gate.open()
    assert [b"held"] * 5 == [future.result(timeout=5).content for future in held]


# -- values --


def test_with_faults_and_with_delay_return_copies():
    plain = Response(content=b"hi")
    cut = plain.with_faults(faults.Reset(after=1))
    late = cut.with_delay(0.5)

    assert ((), 0) == (plain.faults, plain.delay_ns)
    assert ((faults.Reset(after=1),), 500_000_000) == (late.faults, late.delay_ns)
    assert plain == Response(content=b"hi")
    assert len({plain, Response(content=b"hi")}) == 1
    assert plain != cut
    assert cut != late


@pytest.mark.parametrize(
    "response",
    [
        Response(),
        Response(404, json={"a": None}),
        Response(json=None),
        Response(
            201,
            reason="Made",
            headers=[("A", "1"), ("A", None)],
            cookies={"a": "1"},
            content=b"x",
            trailers={"T": "1"},
            informational=[103, (102, {"A": "1"})],
            http_version="1.0",
        ),
        Response(stream=[b"a", 0.5, b"b"]),
        Response(events=["a", {"data": 1}]),
        Response(raw=b"HTTP/1.1 200 OK\r\n\r\n"),
        Response(content=b"hi").with_faults(faults.Reset(after=1)).with_delay(0.5),
    ],
)
def test_the_repr_of_a_response_is_code(response):
    assert response == eval(repr(response), {"Response": Response, "faults": faults})


def test_one_response_can_answer_everywhere(server):
    response = Response(text="same")
    server.get("/x").respond_with(response, response)
    server.get("/y").respond_with(response, times=1)

    assert ["same"] * 3 == [fetch(f"{server.url}/{name}").text for name in "xxy"]
