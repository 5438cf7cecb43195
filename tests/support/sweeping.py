"""Responses of every kind with the bytes that they are, and clients for sweeps that do nothing but read."""

from __future__ import annotations

from pytest_epoll import Response, faults
from pytest_epoll.testing import RawClient

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

IMAGES = {
    "length": (Response(content=b"hi"), HEAD + b"hi"),
    "chunked": (Response(stream=[b"a", b"bc"]), CHUNKED + b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
    "trailers": (
        Response(content=b"a", trailers={"Sum": "1"}),
        CHUNKED + b"1\r\na\r\n0\r\nSum: 1\r\n\r\n",
    ),
    "close": (
        Response(content=b"hi", headers={"Content-Length": None}),
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi",
    ),
    "empty": (Response(204), b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
    "interim": (
        Response(content=b"hi", informational=[(103, {"Link": "</a>"})]),
        EARLY_HINTS + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ),
    "events": (
        Response(events=["a", {"id": 1, "data": "b"}]),
        CHUNKED.replace(b"OK\r\n", b"OK\r\nContent-Type: text/event-stream\r\n")
        + b"9\r\ndata: a\n\n\r\nf\r\nid: 1\ndata: b\n\n\r\n0\r\n\r\n",
    ),
    "raw": (Response(raw=b"HTTP/1.1 200 OK\r\n\r\nhi"), b"HTTP/1.1 200 OK\r\n\r\nhi"),
    "without a head": (Response(raw=b"no head at all"), b"no head at all"),
    "with a pause": (
        Response(stream=[b"a", 0.01, b"b"]),
        CHUNKED.replace(b"Connection: close\r\n", b"") + b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n",
    ),
    "with faults": (
        Response(content=b"hi").with_faults(faults.HangUp(after=40), faults.PartialWrites(size=1)),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ),
}

PATIENCE = 5.0
"""Seconds after which a client gives up that should never have to."""


def client_of(url, *, timeout=PATIENCE):
    """Return a raw client that is connected to a url."""
    host, _, port = url.removeprefix("http://").partition(":")
    return RawClient((host, int(port)), timeout=timeout)


def ask(client, method="GET"):
    client.send(f"{method} / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n".encode())


def read_all(url, method="GET"):
    """Return all that comes, and how it ended."""
    with client_of(url) as client:
        ask(client, method)
        return client.read_to_end()


def read_pieces(url):
    """Return what each `recv()` has returned."""
    with client_of(url) as client:
        ask(client)
        return list(iter(client.recv, b""))


def read_impatiently(url):
    """Return all that comes, or give up when nothing does."""
    with client_of(url, timeout=0.05) as client:
        ask(client)
        return client.read_to_end()
