"""Interim responses, and what a client does while it waits for one."""

import http.client

import httpx
import pytest

from calling import ask, connected
from pytest_epoll import Response, faults


@pytest.mark.parametrize("count", [1, 3])
def test_fp_118_interim_responses_that_nobody_asked_for_are_ignored_request_after_request(server, count):
    server.route(path="/{n}").respond_with(lambda request: Response(informational=[100] * count, text=request.path))

    with httpx.Client(base_url=server.url, trust_env=False, verify=False) as client:
        assert [f"/{n}" for n in range(5)] == [client.post(f"/{n}", content=b"x").text for n in range(5)]

    assert [0] * 5 == [request.connection_index for request in server.requests]


def test_fp_119_an_interim_response_alone_is_no_answer(server):
    server.post("/").respond(informational=[100], fault=faults.Stall())

    with httpx.Client(trust_env=False, verify=False, timeout=httpx.Timeout(5, read=0.1)) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.post(server.url, content=b"body")

    assert b"body" == server.requests[0].body


@pytest.mark.parametrize("status", [104, 123])
def test_fp_121_an_unknown_interim_response_is_skipped(server, status):
    server.get("/").respond(informational=[(status, {"X-Hint": "1"})], text="final", fault=faults.HangUp("end"))

    with httpx.Client(trust_env=False, verify=False) as client:
        assert (200, "final") == ((answer := client.get(server.url)).status_code, answer.text)


def test_fp_121_http_client_takes_it_for_the_answer(server):
    server.get("/").respond(informational=[123], text="final", fault=faults.HangUp("end"))

    with connected(server) as client:
        assert 123 == ask(client)[0]


def test_fp_122_ten_interim_responses_are_skipped(server):
    server.get("/").respond(204, informational=[(123, {"X-Long": "x" * 100})] * 10)

    with httpx.Client(trust_env=False, verify=False) as client:
        assert 204 == client.get(server.url).status_code


def test_fp_122_an_interim_response_of_32768_lines_is_refused(server):
    server.get("/").respond(informational=[(100, [(f"X-{n}", "") for n in range(32768)])])

    with connected(server) as client, pytest.raises(http.client.HTTPException, match="got more than 100 headers"):
        ask(client)


def test_fp_124_a_body_of_an_interim_response_is_no_head(server):
    server.get("/").respond(raw=b"HTTP/1.1 103 Early Hints\r\nContent-Length: 1\r\n\r\nx", fault=faults.HangUp("end"))

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)


def test_fp_125_what_follows_a_switch_that_nobody_asked_for_is_never_parsed(server):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n"
    server.get("/").respond(raw=switch + b"HTTP/1.1 204 No Content\r\n\r\n", fault=faults.HangUp("end"))

    with httpx.Client(trust_env=False, verify=False) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get(server.url)
    with connected(server) as client:
        assert 101 == ask(client)[0]


def test_fp_126_text_behind_an_interim_response_is_no_answer(server):
    reply = b"HTTP/1.1 100 Continue\r\nX-Hint: 1\r\n" + b"\r\n" + b"This is not a head."
    server.get("/").respond(
        raw=reply, fault=[faults.PartialWrites(cuts=(36, 38), until_read=True), faults.HangUp("end")]
    )

    with connected(server) as client, pytest.raises(http.client.BadStatusLine):
        ask(client)
