"""Requests without sockets: a record as the loop thread would have written it, and who asks about it."""

from __future__ import annotations

from pytest_epoll._core.messages import RequestRecord
from pytest_epoll._wire.http1_head import parse_head


def record_of(raw):
    """Return the record of a complete request with that head and what follows it as its decoded body."""
    head, blank, body = raw.partition(b"\r\n\r\n")
    record = RequestRecord(0, 0, 0)
    record.head = parse_head(head + blank)
    record.raw, record.content = [raw], [body]
    record.raw_size = len(raw)
    record.complete = True
    return record


def get(target="/x", *fields, method="GET", body=b""):
    """Return the record of a request with these header fields."""
    lines = [f"{method} {target} HTTP/1.1", "Host: t", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return record_of("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


def answer(server, record):
    """Return the status that the server's routes have for it, None if no route wants it."""
    chosen = server._router.choose(record)
    return None if chosen is None else chosen[1].status


def matches(server, record):
    """Return the (path_params, route) of who answers, or None."""
    chosen = server._router.choose(record)
    return None if chosen is None else record.path_params or {}
