"""What a client does again, how often, and how much later."""

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
import requests
import urllib3
from requests.auth import HTTPDigestAuth

from pytest_epoll import steps

CHALLENGE = {"WWW-Authenticate": 'Digest realm="peer", nonce="7", qop="auth"', "Content-Length": "0"}


def test_fp_195_a_client_waits_longer_and_longer_between_connections_that_close_at_once(server, make_pool):
    server.script(steps.close())

    with pytest.raises(urllib3.exceptions.MaxRetryError):
        make_pool(retries=urllib3.Retry(3, backoff_factor=0.05)).request("GET", server.url)

    opened = [connection.opened_at for connection in server.connections]
    assert 4 == len(opened)
    assert opened[2] - opened[1] >= 0.1
    assert opened[3] - opened[2] >= 0.2


@pytest.mark.parametrize("status", [401, 200])
def test_fp_197_a_challenge_that_comes_again_is_not_answered_again(server, status):
    server.get("/").respond(401, headers=CHALLENGE).respond(status, headers=CHALLENGE)

    with requests.Session() as session:
        assert status == session.get(server.url, auth=HTTPDigestAuth("me", "secret"), timeout=30).status_code

    assert [None, "Digest"] == [(r.headers.get("Authorization") or None) and "Digest" for r in server.requests]
    assert [0, 0] == [request.connection_index for request in server.requests]


def test_fp_197_a_challenge_on_a_success_is_not_answered_at_all(server):
    server.get("/").respond(headers=CHALLENGE)

    with requests.Session() as session:
        assert 200 == session.get(server.url, auth=HTTPDigestAuth("me", "secret"), timeout=30).status_code

    server.assert_requested(times=1)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wait", ["0", pytest.param("1", marks=pytest.mark.slow)])
def test_fp_199_a_client_comes_back_no_earlier_than_it_was_asked_to(server, make_pool, status, wait):
    server.put("/").respond(status, headers={"Retry-After": wait}).respond(text="welcome")

    answer = make_pool().request("PUT", server.url, body=iter([b"up", b"load"]), chunked=True)

    first, second = server.requests
    assert b"welcome" == answer.data
    assert second.received_at - first.responded_at >= int(wait)
    assert "chunked" == second.headers["Transfer-Encoding"]


@pytest.mark.slow
def test_fp_199_a_date_is_waited_for(server, make_pool):
    date = datetime.now(timezone.utc) + timedelta(seconds=2)
    server.get("/").respond(503, headers={"Retry-After": format_datetime(date, usegmt=True)}).respond()

    make_pool().request("GET", server.url)

    assert datetime.now(timezone.utc) >= date.replace(microsecond=0)


def test_fp_199_a_wait_beyond_the_limit_is_not_waited_for(server, make_pool):
    server.get("/").respond(503, headers={"Retry-After": "86400"})

    assert 503 == make_pool(retries=urllib3.Retry(3, retry_after_max=0)).request("GET", server.url).status


def test_fp_200_a_transient_error_is_asked_again_until_it_is_over(server, make_pool):
    server.get("/").respond(502, times=2).respond(400, text="throttled").respond(text="done")

    retries = urllib3.Retry(4, status_forcelist=[400, 502], backoff_factor=0)
    assert b"done" == make_pool(retries=retries).request("GET", server.url).data

    server.assert_requested("GET", "/", times=4)


def test_fp_200_an_error_that_is_never_over_uses_up_all_attempts_and_no_more(server, make_pool):
    server.get("/").respond(502)

    with pytest.raises(urllib3.exceptions.MaxRetryError):
        make_pool(retries=urllib3.Retry(4, status_forcelist=[502])).request("GET", server.url)

    server.assert_requested("GET", "/", times=5)
