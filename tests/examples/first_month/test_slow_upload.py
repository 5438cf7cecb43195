"""An upload to a slow reader: the client's timeout has to fire although the connection is alive."""

import http.client

import pytest

from pytest_epoll import faults


def upload(address, data, timeout):
    """Upload the data, or give up after so many seconds without progress."""
    client = http.client.HTTPConnection(*address, timeout=timeout)
    try:
        client.request("PUT", "/file", body=data)
        return client.getresponse().status
    finally:
        client.close()


def test_a_slow_reader_gets_everything(epoll_server):
    epoll_server.put("/file").respond(201, fault=faults.SlowReads(bytes_per_second=20_000_000))

    assert upload(epoll_server.address, b"x" * 2_000_000, timeout=5) == 201
    assert len(epoll_server.last_request.body) == 2_000_000


def test_a_client_gives_up_on_a_reader_that_hardly_reads(epoll_server):
    slow = faults.SlowReads(bytes_per_second=100, size=10, receive_buffer=4096)
    epoll_server.put("/file").respond(201, fault=slow)

    with pytest.raises(TimeoutError):
        upload(epoll_server.address, b"x" * 20_000_000, timeout=0.3)

    request = epoll_server.last_request
    assert len(request.body_so_far) < 20_000_000
