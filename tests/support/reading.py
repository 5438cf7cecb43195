"""Bytes through the sans-IO reader, in any pieces, and what came out: one value to compare."""

from __future__ import annotations

import itertools

from pytest_epoll._core.request_head import split_fields
from pytest_epoll._wire.http1_reader import COMPLETE, FAILED, RequestReader

MAX_HEAD = 65536


def fields(raw):
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in split_fields(raw)]


def whole(data):
    return [data]


def bytewise(data):
    return [data[at : at + 1] for at in range(len(data))]


def cut(data, positions):
    edges = [0, *sorted({at for at in positions if 0 < at < len(data)}), len(data)]
    return [data[begin:end] for begin, end in itertools.pairwise(edges)]


def message(reader):
    """What a reader has made of a complete or refused request, as a dict."""
    head = reader.head
    seen = {"body": b"".join(reader.content), "chunks": list(reader.chunk_sizes)}
    if head is not None:
        seen |= {
            "request": f"{head.method} {head.target}",
            "method": head.method,
            "path": head.path,
            "query": head.raw_query,
            "version": head.http_version,
            "headers": head.headers.multi_items(),
            "keep_alive": head.keep_alive,
            "expects": head.expects_continue,
            "length": head.content_length,
            "raw": head.raw,
        }
    if reader.state == FAILED:
        failure = reader.failure
        seen["refused"] = (failure.status, failure.reason, failure.token)
    else:
        seen["trailers"] = fields(reader.raw_trailers)
    return seen


def read(pieces, *, max_head_size=MAX_HEAD, max_body_size=None, heads=None):
    """Return (messages, bytes taken, why the last one is incomplete): up to the first refused one."""
    reader = RequestReader(
        heads={} if heads is None else heads, max_head_size=max_head_size, max_body_size=max_body_size
    )
    messages, taken, known = [], 0, 0
    for data in pieces:
        start = 0
        while start < len(data):
            end = reader.feed(data, start)
            assert end > start or reader.state == FAILED, "the reader must make progress"
            assert end <= len(data)
            taken += end - start
            start = end
            if reader.state in (COMPLETE, FAILED):
                messages.append({**message(reader), "size": taken - known})
                known = taken
                if reader.state == FAILED:
                    return messages, taken, None
                reader.content, reader.chunk_sizes = [], []
                reader.next()
    failure = reader.end_of_stream()
    return messages, taken, None if failure is None else failure.reason
