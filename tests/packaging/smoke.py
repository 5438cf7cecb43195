"""What an installed wheel must be able to do; copied next to nothing else and run by `scripts/smoke-test-wheel`."""

import http.client
from pathlib import Path

import httpx
import pytest

import pytest_epoll
from pytest_epoll import faults


def test_the_installed_package_is_the_one_that_runs():
    assert "site-packages" in pytest_epoll.__file__
    assert (Path(pytest_epoll.__file__).parent / "py.typed").exists()


def test_httpx_gets_an_answer(epoll_server):
    epoll_server.get("/users").respond(json=[{"id": 1}])

    assert httpx.get(epoll_server.url + "/users").json() == [{"id": 1}]
    assert epoll_server.last_request.path == "/users"


def test_http_client_is_cut_off_after_137_bytes(epoll_server):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    connection = http.client.HTTPConnection(*epoll_server.address, timeout=5)
    connection.request("GET", "/big")

    with pytest.raises(ConnectionResetError):
        connection.getresponse().read()
    connection.close()
    assert (
        epoll_server.connections[0].bytes_sent,
        epoll_server.connections[0].closed_by,
        epoll_server.connections[0].closed_how,
    ) == (137, "server", "rst")
