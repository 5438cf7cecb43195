"""Proxies of HTTP and SOCKS."""

import pytest
import urllib3
from urllib3.contrib.socks import SOCKSProxyManager

from calling import curl, needs_curl
from pytest_epoll import steps


@pytest.mark.parametrize(
    "target", ["http://origin.test", "http://origin.test/", "http://origin.test/a?b=c#d", "http://origin.test:81/x"]
)
def test_fp_156_a_proxy_is_asked_in_absolute_form(server, target):
    server.route().respond_with(lambda request: (200, request.raw))

    with urllib3.ProxyManager(server.url, proxy_headers={"For-The-Proxy": "yes"}) as proxy:
        asked = proxy.request("GET", target).data.splitlines()

    assert f"GET {target.partition('#')[0]} HTTP/1.1".encode() == asked[0]
    assert {f"Host: {target.split('/')[2]}".encode(), b"For-The-Proxy: yes"} <= set(asked)


@needs_curl
def test_fp_146_a_client_reconnects_to_send_its_credentials_through_a_proxy_that_closed(server):
    challenge = {"Proxy-Authenticate": 'Basic realm="proxy"', "Connection": "close"}
    server.route("CONNECT").respond(407, headers=challenge, text="who are you?").respond(200)
    server.get("/").respond(text="through the tunnel")

    finished = curl(
        "--proxy", server.url, "--proxytunnel", "--proxy-anyauth", "--proxy-user", "me:secret", "http://origin.test"
    )

    assert (0, b"through the tunnel") == (finished.returncode, finished.stdout)
    assert [(0, "CONNECT"), (1, "CONNECT"), (1, "GET")] == [(r.connection_index, r.method) for r in server.requests]
    assert [None, "Basic bWU6c2VjcmV0", None] == [r.headers.get("Proxy-Authorization") for r in server.requests]


@needs_curl
def test_fp_146_a_client_gives_up_on_a_proxy_that_asks_for_ever(server):
    server.route("CONNECT").respond(407, headers={"Proxy-Authenticate": 'Basic realm="proxy"', "Connection": "close"})

    finished = curl(
        "--proxy", server.url, "--proxytunnel", "--proxy-anyauth", "--proxy-user", "me:secret", "http://origin.test"
    )

    assert 56 == finished.returncode
    assert 2 == len(server.requests)


@needs_curl
def test_fp_152_a_line_without_an_end_is_given_up_at_a_limit(server):
    server.script(steps.read_head(), steps.repeat(10**6, steps.send(b"x" * 65536)), optional=True)

    finished = curl("--proxy", server.url, "--proxytunnel", "http://origin.test")

    assert 0 != finished.returncode
    assert server.connections[0].bytes_sent < 2**26


def test_fp_153_a_refusal_without_a_reason_that_comes_unasked_is_named(server):
    server.script(
        steps.send(b"HTTP/1.1 400\r\nContent-Length: 10\r\n\r\n1234567890"), steps.read_to_eof(), steps.close()
    )

    with urllib3.ProxyManager(server.url, retries=False) as proxy:
        with pytest.raises(urllib3.exceptions.ProxyError, match="Tunnel connection failed: 400"):
            proxy.request("GET", "https://origin.test")


GREETING = [steps.read_exactly(3), steps.send(b"\x05\x00")]  # version 5, one method, none; agreed (RFC 1928)
CONNECT = 4 + 1 + len("origin.test") + 2  # version, command, 0, "a name follows"; its length, itself, the port
PASSWORD = 1 + 1 + len("me") + 1 + len("secret")  # version; lengths and values (RFC 1929)


def socks_proxy(server, **how):
    return SOCKSProxyManager(server.url.replace("http", "socks5h"), retries=False, timeout=30, **how)


def test_fp_158_a_refused_socks_connect_is_an_error_although_the_connection_stays_open(server):
    refusal = b"\x05\x01\x00\x01" + b"\0" * 6
    server.script(*GREETING, steps.read_exactly(CONNECT), steps.send(refusal), steps.stall())

    with (
        socks_proxy(server) as proxy,
        pytest.raises(urllib3.exceptions.NewConnectionError, match="General SOCKS server"),
    ):
        proxy.request("GET", "http://origin.test")

    assert "client" == server.connections[0].closed_by


def test_fp_159_refused_socks_credentials_are_an_error(server):
    asked = [steps.read_exactly(4), steps.send(b"\x05\x02"), steps.read_exactly(PASSWORD)]
    server.script(*asked, steps.send(b"\x01\x01"), steps.close())

    with socks_proxy(server, username="me", password="secret") as proxy:
        with pytest.raises(urllib3.exceptions.NewConnectionError, match="SOCKS5 authentication failed"):
            proxy.request("GET", "http://origin.test")


def test_fp_159_a_socks_method_that_was_not_offered_is_an_error(server):
    server.script(steps.read_exactly(3), steps.send(b"\x05\x02"), steps.close())

    with socks_proxy(server) as proxy, pytest.raises(urllib3.exceptions.NewConnectionError):
        proxy.request("GET", "http://origin.test")
