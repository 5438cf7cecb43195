"""Proxies of HTTP and SOCKS."""

import pytest
import urllib3

from calling import curl, needs_curl


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
