import pytest
import urllib3

from pytest_epoll import faults


def test_two_replies_on_one_connection(epoll_server, show):
    epoll_server.get("/users").respond(json=[{"name": "Ada"}])
    with urllib3.PoolManager() as pool:
        answers = [pool.request("GET", epoll_server.url + "/users").json() for _ in range(2)]
    show("urllib3 asks twice and keeps its connection", answers)

    assert answers == [[{"name": "Ada"}]] * 2
    assert [request.connection_index for request in epoll_server.requests] == [0, 0]


def test_a_download_is_cut_after_137_bytes(epoll_server, show):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    with urllib3.PoolManager() as pool, pytest.raises(urllib3.exceptions.ProtocolError) as caught:
        pool.request("GET", epoll_server.url + "/big", retries=False)
    show("urllib3 is cut off after 137 bytes", repr(caught.value))

    connection = epoll_server.connections[0]
    assert (connection.bytes_sent, connection.closed_by, connection.closed_how) == (137, "server", "rst")


def test_a_reply_comes_in_exact_pieces(epoll_server, show):
    in_pieces = faults.PartialWrites(cuts=("head", 42, 45), until_read=True)
    epoll_server.get("/count").respond(content=b"onetwothree", fault=in_pieces)
    with urllib3.PoolManager() as pool:
        response = pool.request("GET", epoll_server.url + "/count", preload_content=False)
        pieces = list(iter(response.read1, b""))
    show("urllib3 reads exactly these pieces", pieces)

    assert pieces == [b"one", b"two", b"three"]
