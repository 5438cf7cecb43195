import pytest
import requests

from pytest_epoll import faults


def test_a_reply_is_recorded(epoll_server, show):
    epoll_server.post("/users").respond(201, json={"id": 7})
    response = requests.post(epoll_server.url + "/users", json={"name": "Ada"}, timeout=5)
    show("requests posts and gets a reply", f"{response.status_code} {response.json()}")

    assert response.json() == {"id": 7}
    assert epoll_server.last_request.json() == {"name": "Ada"}


def test_a_download_is_cut_after_137_bytes(epoll_server, show):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    with pytest.raises(requests.exceptions.ChunkedEncodingError) as caught:
        requests.get(epoll_server.url + "/big", timeout=5)
    show("requests is cut off after 137 bytes", repr(caught.value))

    connection = epoll_server.connections[0]
    assert (connection.bytes_sent, connection.closed_by, connection.closed_how) == (137, "server", "rst")


def test_a_reply_comes_in_exact_pieces(epoll_server, show):
    in_pieces = faults.PartialWrites(cuts=("head", 42, 45), until_read=True)
    epoll_server.get("/count").respond(content=b"onetwothree", fault=in_pieces)
    with requests.get(epoll_server.url + "/count", stream=True, timeout=5) as response:
        pieces = list(iter(response.raw.read1, b""))
    show("requests reads exactly these pieces", pieces)

    assert pieces == [b"one", b"two", b"three"]
