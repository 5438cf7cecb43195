import http.client
from contextlib import closing

import pytest

from pytest_epoll import faults


def test_a_reply_is_recorded(epoll_server, show):
    epoll_server.put("/users/7").respond(204)
    with closing(http.client.HTTPConnection(*epoll_server.address, timeout=5)) as client:
        client.request("PUT", "/users/7", body=b'{"name": "Ada"}')
        status = client.getresponse().status
    show("http.client puts and gets a reply", status)

    assert status == 204
    assert epoll_server.last_request.body == b'{"name": "Ada"}'
    assert epoll_server.connections[0].closed_by == "client"


def test_a_download_is_cut_after_137_bytes(epoll_server, show):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    with closing(http.client.HTTPConnection(*epoll_server.address, timeout=5)) as client:
        client.request("GET", "/big")
        with pytest.raises(ConnectionResetError) as caught, client.getresponse() as response:
            response.read()
    show("http.client is cut off after 137 bytes", repr(caught.value))

    connection = epoll_server.connections[0]
    assert (connection.bytes_sent, connection.closed_by, connection.closed_how) == (137, "server", "rst")


def test_a_reply_comes_in_exact_pieces(epoll_server, show):
    in_pieces = faults.PartialWrites(cuts=("head", 42, 45), until_read=True)
    epoll_server.get("/count").respond(content=b"onetwothree", fault=in_pieces)
    with closing(http.client.HTTPConnection(*epoll_server.address, timeout=5)) as client:
        client.request("GET", "/count")
        with client.getresponse() as response:
            pieces = list(iter(response.read1, b""))
    show("http.client reads exactly these pieces", pieces)

    assert pieces == [b"one", b"two", b"three"]
