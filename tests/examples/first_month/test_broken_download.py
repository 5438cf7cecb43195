"""A broken download: a client that goes on where the connection broke, and asks for the rest alone."""

import httpx

from pytest_epoll import faults


def download(url):
    """Return what is at the url; after a broken connection ask for what is missing."""
    data = b""
    for _ in range(3):
        headers = {"Range": f"bytes={len(data)}-"} if data else {}
        try:
            with httpx.stream("GET", url, headers=headers) as response:
                for piece in response.iter_raw():
                    data += piece
        except httpx.ReadError:
            continue
        return data
    raise ConnectionError(url)


def test_it_asks_for_the_rest_and_nothing_else(epoll_server):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
    file = epoll_server.get("/file")
    file.respond(content=b"0123456789", fault=faults.Reset(after=len(head) + 4))
    file.respond(206, content=b"456789", headers={"Content-Range": "bytes 4-9/10"})

    assert download(epoll_server.url + "/file") == b"0123456789"
    assert [request.headers.get("Range") for request in file.requests] == [None, "bytes=4-"]
    assert [connection.closed_by for connection in epoll_server.connections] == ["server", "client"]
