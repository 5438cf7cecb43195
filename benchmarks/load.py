"""The load: a client that keeps a server busy with as little of its own as Python allows.

It runs in the process of `python -m benchmarks`, never in a server's. Every connection has one turn in flight: one
request, or `pipeline` of them in one `send`. As the two take turns (`arena`), a server finds all 64 connections ready
at each wake-up, so `epoll_wait` is shared as in a busy server; `saturation` proves it by counting.

Every answer is verified by its size, and the first one of a connection whole; bytes too many or too few, an early end
and ten silent seconds raise `LoadError`.
"""

from __future__ import annotations

import select
import socket
import struct
from itertools import cycle
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECTIONS = 64
PATIENCE_SECONDS = 10
_BUFFER_SIZE = 262144


class LoadError(Exception):
    """The server did not answer as it should."""


def bare(path: str = "/") -> bytes:
    """The smallest request that HTTP/1.1 allows: RFC 9112 section 3.2 wants a Host field."""
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def like_httpx(path: str, port: int) -> bytes:
    """What `httpx.get` sends: the same five fields in the same order."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\n"
        "Connection: keep-alive\r\nUser-Agent: python-httpx/0.28.1\r\n\r\n"
    ).encode()


def with_fields(count: int, path: str = "/") -> bytes:
    """A request with so many header fields, of the length that fields usually have; Host is one of them."""
    fields = "".join(f"X-Field-{index:03}: a value of some length {index:03}\r\n" for index in range(1, count))
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n".encode()


def with_body(size: int, path: str = "/") -> bytes:
    """A POST with a body of so many bytes."""
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size


def with_chunks(count: int, path: str = "/") -> bytes:
    """A POST whose body comes in so many chunks of eight bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"8\r\nchunked!\r\n" * count + b"0\r\n\r\n"


def open_connection(port: int) -> socket.socket:
    """Return a blocking connection whose `send` and `recv` give up after `PATIENCE_SECONDS`.

    By SO_SNDTIMEO and SO_RCVTIMEO (socket(7)): `settimeout` would cost a poll(2) before every call.
    """
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    patience = struct.pack("ll", PATIENCE_SECONDS, 0)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, patience)
    return sock


def read_answer(sock: socket.socket) -> tuple[bytes, bytes]:
    """Return head and body of one answer that has a Content-Length.

    Raises:
        LoadError: it is not such an answer, or ends too early.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(sock, data)
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    if b"content-length" not in fields:
        raise LoadError(f"an answer without a Content-Length: {head[:200]!r}")
    size = int(fields[b"content-length"])
    pieces, have = [body], len(body)
    while have < size:
        pieces.append(_some(sock, data))
        have += len(pieces[-1])
    if have > size:
        raise LoadError(f"{have - size} bytes behind the answer {head[:200]!r}")
    return head, b"".join(pieces)


def _some(sock: socket.socket, before: bytes) -> bytes:
    data = sock.recv(_BUFFER_SIZE)
    if not data:
        raise LoadError(f"the server closed within an answer, after {before[:200]!r}")
    return data


class Load:
    """Keep-alive connections to one server, and the turns that they ask."""

    def __init__(
        self, port: int, requests: bytes | Sequence[bytes], *, connections: int = CONNECTIONS, pipeline: int = 1
    ) -> None:
        """Connect, and ask once on every connection to learn what an answer looks like.

        Args:
            port: the server's.
            requests: one request, or several that are asked in turn and have answers of the same size.
            connections: how many.
            pipeline: requests in one `send`.

        Raises:
            LoadError: an answer is not 200 or not like the first.
        """
        self._requests = [requests * pipeline] if isinstance(requests, bytes) else list(requests)
        self._pipeline = pipeline
        self._sockets = [open_connection(port) for _ in range(connections)]
        self._epoll = select.epoll()
        self._by_fd = {sock.fileno(): (sock.recv_into, sock.sendall) for sock in self._sockets}
        first = requests if isinstance(requests, bytes) else requests[0]
        answers = set()
        for sock in self._sockets:
            self._epoll.register(sock.fileno(), select.EPOLLIN)
            sock.sendall(first)
            head, body = read_answer(sock)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise LoadError(f"answered {head[:60]!r}: {body[:200]!r}")
            answers.add(len(head) + 4 + len(body))
            self.body = body
        if len(answers) != 1:
            raise LoadError(f"answers of different sizes to one request: {sorted(answers)}")
        self._turn_size = answers.pop() * pipeline

    def run(self, turns: int) -> int:
        """Ask `turns` times on every connection, in the order in which answers come; return the number of answers."""
        if len(self._requests) == 1:
            return self._run_one(self._requests[0], turns)
        return self._run_many(turns)

    def _run_one(self, request: bytes, turns: int) -> int:
        poll, by_fd, turn_size = self._epoll.poll, self._by_fd, self._turn_size
        buffer = bytearray(_BUFFER_SIZE)
        missing: dict[int, int] = {}
        wanted = turns * len(by_fd)
        for _, send in by_fd.values():
            send(request)
        asked, answered = len(by_fd), 0
        while answered < wanted:
            events = poll(PATIENCE_SECONDS)
            if not events:
                raise LoadError(f"silence after {answered} of {wanted} turns")
            for fd, _ in events:
                receive, send = by_fd[fd]
                size = receive(buffer)
                if size != turn_size and not self._is_whole(missing, fd, size):
                    continue
                answered += 1
                if asked < wanted:
                    asked += 1
                    send(request)
        return answered * self._pipeline

    def _run_many(self, turns: int) -> int:
        poll, by_fd, turn_size = self._epoll.poll, self._by_fd, self._turn_size
        buffer = bytearray(_BUFFER_SIZE)
        missing: dict[int, int] = {}
        wanted = turns * len(by_fd)
        next_request = cycle(self._requests).__next__
        for _, send in by_fd.values():
            send(next_request())
        asked, answered = len(by_fd), 0
        while answered < wanted:
            events = poll(PATIENCE_SECONDS)
            if not events:
                raise LoadError(f"silence after {answered} of {wanted} turns")
            for fd, _ in events:
                receive, send = by_fd[fd]
                size = receive(buffer)
                if size != turn_size and not self._is_whole(missing, fd, size):
                    continue
                answered += 1
                if asked < wanted:
                    asked += 1
                    send(next_request())
        return answered

    def _is_whole(self, missing: dict[int, int], fd: int, size: int) -> bool:
        """Note a part of a turn's answers; return whether it was the last."""
        left = missing.pop(fd, self._turn_size) - size
        if not size or left < 0:
            raise LoadError("the server closed" if not size else f"{-left} bytes more than the answers have")
        if left:
            missing[fd] = left
        return not left

    def close(self) -> None:
        self._epoll.close()
        for sock in self._sockets:
            sock.close()


class Reconnecting:
    """The load of a server that closes after each answer: one connection a request, one after the other."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port = port
        self._request = request

    def run(self, turns: int) -> int:
        """Ask `turns` times; return the number of answers."""
        for _ in range(turns):
            with open_connection(self._port) as sock:
                sock.sendall(self._request)
                answer = b""
                while data := sock.recv(_BUFFER_SIZE):
                    answer += data
            if b" 200 " not in answer[:16]:
                raise LoadError(f"answered {answer[:60]!r}")
        return turns
