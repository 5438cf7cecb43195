"""Binding a port that is ours alone, and an accept loop that survives."""

import contextlib
import errno
import socket

import pytest

from ipv6 import needs_ipv6
from listening import Desk
from pytest_epoll._core import clock
from pytest_epoll._eventloop import sockets
from pytest_epoll._eventloop.sockets import open_listening_socket


@pytest.fixture(params=["level", "edge", "poll", "select"])
def desk(request):
    name = "epoll" if request.param in {"level", "edge"} else request.param
    desk = Desk(name, edge_triggered=request.param == "edge")
    yield desk
    desk.close()


# -- binding --


@pytest.fixture
def bound():
    with contextlib.closing(open_listening_socket("127.0.0.1", 0, backlog=5, nodelay=True)) as sock:
        yield sock


@pytest.mark.parametrize(
    "options",
    [
        (),
        (socket.SO_REUSEADDR,),
        (socket.SO_REUSEPORT,),
        (socket.SO_REUSEADDR, socket.SO_REUSEPORT),
    ],
    ids=lambda options: "+".join(map(str, options)) or "plain",
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_port_is_ours_alone_whatever_a_stranger_sets(bound, options, host):
    with socket.socket() as stranger:
        for option in options:
            stranger.setsockopt(socket.SOL_SOCKET, option, 1)
        with pytest.raises(OSError) as caught:
            stranger.bind((host, bound.getsockname()[1]))
            stranger.listen()

    assert errno.EADDRINUSE == caught.value.errno


def test_a_port_that_is_taken_is_refused_and_leaves_no_descriptor(bound):
    with pytest.raises(OSError) as caught:
        open_listening_socket("127.0.0.1", bound.getsockname()[1], backlog=5, nodelay=True)

    assert errno.EADDRINUSE == caught.value.errno


def test_a_port_with_connections_in_time_wait_can_be_bound_again(bound):
    client = socket.create_connection(bound.getsockname(), timeout=10)
    bound.setblocking(True)
    accepted, _ = bound.accept()
    accepted.close()  # we part first, so our end lingers
    assert b"" == client.recv(1)
    client.close()
    address = bound.getsockname()
    bound.close()
    again = open_listening_socket(*address, backlog=5, nodelay=True)

    assert address == again.getsockname()
    again.close()


@pytest.mark.parametrize(("nodelay", "is_set"), [(True, True), (False, False)])
def test_accepted_sockets_inherit_nodelay(nodelay, is_set):
    desk = Desk("epoll", nodelay=nodelay)
    desk.connect()
    desk.loop._settle()
    value = desk.accepted[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    desk.close()

    assert is_set == bool(value)


@needs_ipv6
def test_an_ipv6_address_is_bound():
    with contextlib.closing(open_listening_socket("::1", 0, backlog=5, nodelay=True)) as sock:
        assert ("::1", socket.AF_INET6) == (sock.getsockname()[0], sock.family)


# -- accepting --


@pytest.mark.parametrize("count", [1, 3, 100])
def test_everybody_in_the_queue_is_accepted_in_order(desk, count):
    clients = [desk.connect() for _ in range(count)]
    desk.loop._settle()

    assert [client.getsockname() for client in clients] == desk.addresses


def test_accepted_sockets_do_not_block_and_are_not_inherited_by_programs(desk):
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(5)
    try:
        desk.connect()
        desk.loop._settle()
    finally:
        socket.setdefaulttimeout(before)

    assert (0.0, False) == (desk.accepted[0].gettimeout(), desk.accepted[0].get_inheritable())


def test_a_client_that_has_reset_before_it_was_accepted_is_no_trouble(desk):
    client = desk.connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    desk.connect()
    desk.loop._settle()

    assert 2 == len(desk.accepted)


@pytest.mark.parametrize("code", [errno.ECONNABORTED, errno.EPROTO, errno.EHOSTUNREACH, errno.EPERM])
def test_an_error_of_one_connection_is_not_the_listeners(desk, code, monkeypatch):
    real = desk.listener._accept
    errors = [OSError(code, "of the new connection")]
    monkeypatch.setattr(desk.listener, "_accept", lambda: real() if not errors else _raise(errors.pop()))
    desk.connect()
    desk.loop._settle()
    desk.loop._turn(0)

    assert (1, []) == (len(desk.accepted), desk.troubles)


def _raise(error):
    raise error


def test_any_other_error_is_a_defect_of_ours(desk, monkeypatch):
    monkeypatch.setattr(desk.listener, "_accept", lambda: _raise(OSError(errno.EINVAL, "not listening")))
    desk.connect()
    with pytest.raises(OSError, match="not listening"):
        desk.loop._settle()


@pytest.mark.parametrize("code", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_without_descriptors_it_says_so_once_does_not_spin_and_serves_when_there_are_some(desk, code, monkeypatch):
    real = desk.listener._accept
    monkeypatch.setattr(desk.listener, "_accept", lambda: _raise(OSError(code, "no room")))
    desk.connect()
    desk.connect()
    turns = desk.run_for(50_000_000)

    assert turns <= 10
    assert ([code], []) == ([error.errno for error in desk.troubles], desk.accepted)
    monkeypatch.setattr(desk.listener, "_accept", real)
    desk.run_until(lambda: len(desk.accepted) == 2)
    assert 1 == len(desk.troubles)


def test_it_says_so_again_when_it_happens_again(desk, monkeypatch):
    real = desk.listener._accept
    for expected in (1, 2):
        monkeypatch.setattr(desk.listener, "_accept", lambda: _raise(OSError(errno.EMFILE, "no room")))
        desk.connect()
        desk.loop._settle()
        monkeypatch.setattr(desk.listener, "_accept", real)
        desk.run_until(lambda expected=expected: len(desk.accepted) == expected)

        assert expected == len(desk.troubles)


def test_a_flood_of_connections_is_accepted_in_portions(desk, monkeypatch):
    """The connections that are there get their turn; a failed accept costs more than a further turn."""
    monkeypatch.setattr("pytest_epoll._eventloop.listener._ACCEPTS_A_TURN", 5)
    for _ in range(20):
        desk.connect()
    desk.loop._turn(0)

    assert (10 if desk.poller.edge else 1) == len(desk.accepted)
    desk.loop._settle()
    assert 20 == len(desk.accepted)


def test_closing_while_it_waits_for_a_descriptor_is_harmless(desk, monkeypatch):
    monkeypatch.setattr(desk.listener, "_accept", lambda: _raise(OSError(errno.EMFILE, "no room")))
    desk.connect()
    desk.loop._settle()
    desk.listener.close()
    begun_ns = clock.now_ns()
    desk.run_for(15_000_000)

    assert clock.now_ns() - begun_ns >= 15_000_000


def test_closing_between_two_portions_is_harmless(desk, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.listener._ACCEPTS_A_TURN", 5)
    for _ in range(20):
        desk.connect()
    desk.loop._turn(0)
    desk.listener.close()
    desk.loop._settle()

    assert len(desk.accepted) <= 10


def test_after_closing_clients_are_refused_although_somebody_else_holds_the_socket(desk):
    """A forked child does; only shutdown(2) ends the listening then."""
    address = desk.sock.getsockname()
    held = desk.sock.dup()
    desk.listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)
    held.close()


@pytest.mark.parametrize(("has_been_deaf", "least"), [(False, 64), (True, 0)])
def test_what_is_accepted_of_a_deaf_socket_hears(has_been_deaf, least):
    """The least TTL is inherited when the handshake ends; 64 is what the loopback sends with."""
    desk = Desk("epoll")
    desk.listener.has_been_deaf = has_been_deaf
    sockets._set_least_ttl(desk.sock, 64)
    desk.connect()
    desk.loop._settle()
    value = desk.accepted[0].getsockopt(socket.IPPROTO_IP, sockets._IP_MINTTL)
    desk.close()

    assert least == value


def test_it_accepts_until_nobody_has_come_for_a_while(desk, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.listener._QUIET", 0.05)
    real = desk.listener._on_accepted
    desk.connect()

    def and_one_more(*arguments):
        real(*arguments)
        if len(desk.accepted) < 5:
            desk.connect()

    monkeypatch.setattr(desk.listener, "_on_accepted", and_one_more)
    desk.listener.accept_until_quiet()

    assert 5 == len(desk.accepted)


def test_a_descriptor_that_select_cannot_watch_is_waited_for_all_the_same(desk, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.listener.SELECT_LIMIT", 0)
    desk.connect()
    desk.listener.accept_until_quiet()

    assert 1 == len(desk.accepted)
