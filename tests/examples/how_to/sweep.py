import socket

from pytest_epoll import Response, sweeps


def fetch(url):
    """Return the body: a client as one writes it in a hurry."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: peer.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 OK"):
        raise ConnectionError(head)
    return body


def test_no_cut_goes_unnoticed():
    sweep = sweeps.cuts(Response(json={"total": 5}), fetch, how=("fin", "rst"))

    sweep.assert_none_returned()
