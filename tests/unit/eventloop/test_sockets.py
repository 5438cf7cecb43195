"""What a refused address says, and what is known of who has connected."""

import errno
import os
import socket
from pathlib import Path

import pytest

from ipv6 import needs_ipv6
from pytest_epoll._eventloop import sockets
from pytest_epoll.errors import UsageError


def test_a_taken_port_is_named_with_the_way_out():
    with sockets.open_listening_socket("127.0.0.1", 0, backlog=1, nodelay=True) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError) as caught:
            sockets.open_listening_socket("127.0.0.1", port, backlog=1, nodelay=True)

    assert errno.EADDRINUSE == caught.value.errno
    assert (
        f"Address already in use: 127.0.0.1, port {port}; another socket is bound there: choose another port, or port=0"
    ) == caught.value.strerror


def test_a_port_below_1024_without_the_right_to_it_keeps_its_error(monkeypatch):
    class Forbidden(socket.socket):
        def bind(self, _):
            raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("pytest_epoll._eventloop.sockets.socket.socket", Forbidden)
    with pytest.raises(PermissionError, match=r"Permission denied: 127\.0\.0\.1, port 80"):
        sockets.open_listening_socket("127.0.0.1", 80, backlog=1, nodelay=True)


def test_a_name_that_cannot_be_resolved_keeps_its_error():
    with pytest.raises(socket.gaierror):
        sockets.open_listening_socket("no such name.invalid", 0, backlog=1, nodelay=True)


@pytest.mark.parametrize(("is_one_of_several", "is_set"), [(False, 0), (True, 1)])
def test_ipv6_leaves_ipv4_alone_if_there_is_another_listener(is_one_of_several, is_set):
    with sockets.open_listening_socket("::", 0, backlog=1, nodelay=False, is_one_of_several=is_one_of_several) as sock:
        assert is_set == sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "127.0.0.1:{}"), pytest.param("::1", "[::1]:{}", marks=needs_ipv6)]
)
def test_an_address_is_shown_as_it_stands_in_a_url(host, shown):
    with sockets.open_listening_socket(host, 0, backlog=1, nodelay=False) as sock:
        assert shown.format(sock.getsockname()[1]) == sockets.show_address(sock)


def test_the_length_of_a_path_is_counted_in_bytes():
    sockets.check_path("/" + "x" * 105)
    with pytest.raises(UsageError, match="has 107"):
        sockets.check_path("/" + "x" * 104 + "\N{LATIN SMALL LETTER E WITH ACUTE}")


def test_a_platform_without_unix_sockets_says_so(monkeypatch):
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(UsageError, match="has no Unix domain sockets"):
        sockets.check_path("/x")


def test_a_unix_sockets_client_is_its_process(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with sockets.open_unix_socket("x", backlog=1) as sock, socket.socket(socket.AF_UNIX) as client:
        client.connect("x")
        accepted, _ = sock.accept()
        with accepted:
            assert ("unix", os.getpid()) == sockets.client_address(accepted)
            monkeypatch.delattr(socket, "SO_PEERCRED")
            assert ("unix", 0) == sockets.client_address(accepted)
        assert (True, "x") == (sockets.is_unix(sock), sockets.show_address(sock))


def test_closing_one_that_nobody_serves_removes_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sock = sockets.open_unix_socket("x", backlog=1)
    sockets.close_listening_socket(sock)
    assert not Path("x").exists()
    sockets.close_listening_socket(sock)  # as the caller may not know

    assert -1 == sock.fileno()


def test_who_keeps_a_path_from_being_bound_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sock = sockets.open_unix_socket("x", backlog=1)
    with sock, pytest.raises(OSError, match="another socket is bound there"):
        sockets.open_unix_socket("x", backlog=1)
    with pytest.raises(OSError, match="a socket has left its file there; remove it"):
        sockets.open_unix_socket("x", backlog=1)
