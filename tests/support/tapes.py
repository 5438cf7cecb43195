"""Facts as a server would have written them, for tests of what is made of them."""

from __future__ import annotations

from pytest_epoll._core import timeline

ANSWER = b"HTTP/1.1 %d OK\r\nContent-Length: 2\r\n\r\nok"
SIZE = len(ANSWER % 200)


class Tape:
    """A record that grows, a millisecond with each fact unless told otherwise."""

    def __init__(self):
        self.facts = []
        self.at_ms = 0

    def __call__(self, connection, exchange, kind, size=0, detail=None):
        self.at_ms += 1
        self.facts.append((int(self.at_ms * 1_000_000), connection, exchange, kind, size, detail))
        return self

    def later(self, milliseconds):
        """Let time pass."""
        self.at_ms += milliseconds - 1
        return self

    def opened(self, *connections):
        for connection in connections:
            self(connection, -1, timeline.ACCEPTED, 0, "127.0.0.1:5")
        return self

    def request(self, connection, exchange=0, line="GET /a", *fields, body=0):
        """A request that was read whole."""
        head = "\r\n".join([f"{line} HTTP/1.1", "Host: t", *fields, "", ""]).encode()
        self(connection, exchange, timeline.HEAD, len(head), head)
        if body:
            self(connection, exchange, timeline.BODY, body)
        return self(connection, exchange, timeline.REQUEST_ENDED, len(head) + body)

    def sent(self, connection, exchange=0, status=200, *, due=SIZE, size=SIZE):
        """An answer, or the beginning of it."""
        self(connection, exchange, timeline.MATCHED, due, (0, 0, status))
        return self(connection, exchange, timeline.SENT, size, (ANSWER % status)[:size]) if size else self

    def exchange(self, connection, exchange=0, line="GET /a", *fields, body=0, status=200):
        """A request and its answer."""
        return self.request(connection, exchange, line, *fields, body=body).sent(connection, exchange, status)

    def parted(self, connection, kind=timeline.FIN_RECEIVED, detail=None):
        return self(connection, -1, kind, 0, detail)
