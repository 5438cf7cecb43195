"""Peers that meet a TLS client without speaking TLS themselves."""

import ssl

import httpx
import pytest
import urllib3

from pytest_epoll import steps


def test_fp_165_the_first_message_of_a_handshake_names_the_host_and_the_protocols(server):
    server.script(steps.wait_readable(), steps.close())

    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    with httpx.Client(verify=context, trust_env=False, timeout=30) as client, pytest.raises(httpx.ConnectError):
        client.get(f"https://localhost:{server.port}")

    hello = server.connections[0].raw_received
    assert b"localhost" in hello
    assert b"\x08http/1.1" in hello
    assert b"\x02h2" not in hello


def test_fp_166_a_handshake_that_is_answered_in_clear_text_is_called_that(server):
    gate = server.gate()
    server.script(steps.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), steps.wait(gate), steps.close())

    with urllib3.ProxyManager(server.url.replace("http", "https"), retries=False, cert_reqs="CERT_NONE") as proxy:
        with pytest.raises(urllib3.exceptions.ProxyError, match="Your proxy appears to only use HTTP and not HTTPS"):
            proxy.request("GET", "https://origin.test")
    gate.open()
