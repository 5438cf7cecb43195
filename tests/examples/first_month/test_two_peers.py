"""Two peers: a client that falls back to a mirror when the first server fails it."""

import httpx
import pytest

from pytest_epoll import faults


def download(path, mirrors):
    """Return the file from the first mirror that delivers it."""
    for mirror in mirrors:
        try:
            return httpx.get(mirror + path).raise_for_status().content
        except httpx.HTTPError as error:
            last = error
    raise last


@pytest.fixture
def mirrors(epoll_server_factory):
    """Two servers, each judged like any other."""
    return [epoll_server_factory(), epoll_server_factory()]


def test_the_second_mirror_helps_out(mirrors):
    first, second = mirrors
    first.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    second.get("/big").respond(content=b"x" * 4096)

    assert download("/big", [first.url, second.url]) == b"x" * 4096
    assert (len(first.requests), len(second.requests)) == (1, 1)


def test_the_second_mirror_is_left_alone_if_the_first_delivers(mirrors):
    first, second = mirrors
    first.get("/big").respond(content=b"ok")

    assert download("/big", [first.url, second.url]) == b"ok"
    assert len(second.connections) == 0
