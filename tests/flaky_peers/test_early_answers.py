"""Answers that come before the request is over, and requests that are never over."""

import pytest

from pytest_epoll import faults


@pytest.mark.parametrize("pieces", [[b"x"], [b"hello", b" world" * 1000, b"!"]])
def test_fp_140_an_upload_in_chunks_is_framed_as_chunks_and_as_nothing_else(server, make_pool, pieces):
    server.post("/").respond(fault=faults.HangUp("end"))

    make_pool(retries=False).request("POST", server.url, body=iter(pieces), chunked=True, headers={"X-First": "1"})

    request = server.requests[0]
    assert tuple(map(len, pieces)) == request.chunk_sizes
    assert [("Transfer-Encoding", "chunked")] == [
        pair for pair in request.headers.multi_items() if pair[0].lower() in {"transfer-encoding", "content-length"}
    ]
    assert request.raw_head.splitlines()[0] == b"POST / HTTP/1.1"
    assert request.raw.endswith(b"\r\n0\r\n\r\n")
