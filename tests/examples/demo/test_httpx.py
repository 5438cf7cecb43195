import httpx
import pytest

from pytest_epoll import faults


def test_a_reply_is_recorded(epoll_server, show):
    epoll_server.get("/users/7").respond(json={"name": "Ada"})
    response = httpx.get(epoll_server.url + "/users/7", headers={"X-Request-Id": "42"})
    show("httpx gets a reply", f"{response.status_code} {response.json()}")

    assert response.json() == {"name": "Ada"}
    assert epoll_server.last_request.headers["x-request-id"] == "42"


def test_a_download_is_cut_after_137_bytes(epoll_server, show):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    with pytest.raises(httpx.ReadError) as caught:
        httpx.get(epoll_server.url + "/big")
    show("httpx is cut off after 137 bytes", repr(caught.value))

    connection = epoll_server.connections[0]
    assert (connection.bytes_sent, connection.closed_by, connection.closed_how) == (137, "server", "rst")


def test_a_reply_comes_in_exact_pieces(epoll_server, show):
    in_pieces = faults.PartialWrites(cuts=("head", 42, 45), until_read=True)
    epoll_server.get("/count").respond(content=b"onetwothree", fault=in_pieces)
    with httpx.stream("GET", epoll_server.url + "/count") as response:
        pieces = list(response.iter_raw())
    show("httpx reads exactly these pieces", pieces)

    assert pieces == [b"one", b"two", b"three"]
