"""The yardstick: what a server costs that does nothing but wait, receive and send.

`RawLoop` is the level-triggered loop of every epoll tutorial: wait, accept, `recv`, `send` of a ready-made answer. It
parses nothing, routes nothing, records nothing and believes that one `recv` is one request, so no server that does its
work in Python can be cheaper by more than what its own system calls save. Variants that keep bound methods or call
`os.read` and `os.write` instead differ by less than one per cent; this is the one that people write.

`RawBodyLoop` is the same for messages that don't fit into one segment: it counts the bytes of a request and goes on
with a short `send` when the socket takes more. `Pump` and `Sink` are the yardsticks of bulk transfer: a thread that
sits in one `sendall`, whose loop is C, and one that receives into the same buffer again and again.

Threads: made, started and stopped by one thread; what is behind `_run` is the loop thread's.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from typing import Protocol

BODY = b"hello, world!"


class Yardstick(Protocol):
    """What all of them look like from outside."""

    port: int

    def start(self) -> None: ...

    def stop(self) -> None: ...


def answer_of(body: bytes) -> bytes:
    """Return the answer that all servers under comparison send, to the byte."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def _listening_socket() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit it; the servers that this is compared with set it, too.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


class RawLoop:
    """A textbook level-triggered epoll loop that answers every `recv` with the same bytes."""

    def __init__(self, answer: bytes = answer_of(BODY)) -> None:
        self._answer = answer
        self.port = 0

    def start(self) -> None:
        """Bind a port and serve on a thread."""
        self._listener = _listening_socket()
        self._listener.setblocking(False)
        self.port = self._listener.getsockname()[1]
        self._wake_fd = os.eventfd(0)
        self._epoll = select.epoll()
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._epoll.register(self._wake_fd, select.EPOLLIN)
        self._connections: dict[int, socket.socket] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close everything; returns when the thread has ended."""
        os.eventfd_write(self._wake_fd, 1)
        self._thread.join()

    def _run(self) -> None:
        poll, connections, answer = self._epoll.poll, self._connections, self._answer
        listening_fd = self._listener.fileno()
        while True:
            for fd, _ in poll():
                if fd in connections:
                    connection = connections[fd]
                    try:
                        if connection.recv(65536):
                            connection.send(answer)
                            continue
                    except ConnectionError:
                        pass  # a client that resets has gone like one that closes
                    self._drop(fd)
                elif fd == listening_fd:
                    self._accept()
                else:
                    self._close()
                    return

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setblocking(False)
        self._connections[connection.fileno()] = connection
        self._epoll.register(connection.fileno(), select.EPOLLIN)

    def _drop(self, fd: int) -> None:
        self._epoll.unregister(fd)
        self._connections.pop(fd).close()

    def _close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._listener.close()
        self._epoll.close()
        os.close(self._wake_fd)


class RawBodyLoop(RawLoop):
    """`RawLoop` for large messages: answers when `request_size` bytes have come, and finishes what a `send` left."""

    def __init__(self, answer: bytes, request_size: int) -> None:
        super().__init__(answer)
        self._request_size = request_size
        self._received: dict[int, int] = {}
        self._unsent: dict[int, memoryview] = {}

    def _run(self) -> None:
        connections, listening_fd = self._connections, self._listener.fileno()
        buffer = bytearray(262144)
        while True:
            for fd, mask in self._epoll.poll():
                if fd in connections:
                    self._serve(fd, mask, buffer)
                elif fd == listening_fd:
                    self._accept()
                else:
                    self._close()
                    return

    def _serve(self, fd: int, mask: int, buffer: bytearray) -> None:
        connection = self._connections[fd]
        try:
            if mask & select.EPOLLOUT:
                self._send(fd, self._unsent.pop(fd), is_waiting=True)
                return
            size = connection.recv_into(buffer)
        except ConnectionError:
            size = 0
        if not size:
            self._drop(fd)
            return
        received = self._received.get(fd, 0) + size
        if received >= self._request_size:
            self._received[fd] = received - self._request_size
            self._send(fd, memoryview(self._answer), is_waiting=False)
        else:
            self._received[fd] = received

    def _send(self, fd: int, data: memoryview, *, is_waiting: bool) -> None:
        try:
            size = self._connections[fd].send(data)
        except BlockingIOError:
            size = 0
        if size < len(data):
            self._unsent[fd] = data[size:]
            if not is_waiting:
                self._epoll.modify(fd, select.EPOLLOUT)
        elif is_waiting:
            self._epoll.modify(fd, select.EPOLLIN)

    def _drop(self, fd: int) -> None:
        super()._drop(fd)
        self._received.pop(fd, None)
        self._unsent.pop(fd, None)


class _Blocking:
    """One connection after the other, blocking, on a thread."""

    def __init__(self) -> None:
        self.port = 0

    def start(self) -> None:
        self._listener = _listening_socket()
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the blocked accept, which close() does not
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # stopped
            with connection:
                try:
                    while self._answer(connection):
                        pass
                except ConnectionError:
                    continue

    def _answer(self, connection: socket.socket) -> bool:
        raise NotImplementedError


class Pump(_Blocking):
    """Answers every `recv` with one `sendall`: the loop over `send` is C, no byte is touched in Python."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self._reply = answer

    def _answer(self, connection: socket.socket) -> bool:
        if not connection.recv(65536):
            return False
        connection.sendall(self._reply)
        return True


class Sink(_Blocking):
    """Receives requests of a known size into one buffer, keeps nothing, answers."""

    def __init__(self, answer: bytes, request_size: int) -> None:
        super().__init__()
        self._reply = answer
        self._request_size = request_size
        self._buffer = bytearray(262144)

    def _answer(self, connection: socket.socket) -> bool:
        missing = self._request_size
        while missing > 0:
            size = connection.recv_into(self._buffer)
            if not size:
                return False
            missing -= size
        connection.sendall(self._reply)
        return True
