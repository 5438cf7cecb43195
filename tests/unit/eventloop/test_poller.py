"""One contract for epoll in both trigger modes, poll and select; masks are epoll's flags."""

import os
import select
import socket

import pytest

from pytest_epoll import errors
from pytest_epoll._core import clock
from pytest_epoll._eventloop import poller as poller_module
from pytest_epoll._eventloop.poller import ERR, HUP, IN, OUT, RDHUP, check_poller, make_poller, to_milliseconds


@pytest.fixture(params=["level", "edge", "poll", "select"])
def poller(request):
    name = "epoll" if request.param in {"level", "edge"} else request.param
    poller = make_poller(name, edge_triggered=request.param == "edge")
    yield poller
    poller.close()


def ready(poller):
    return dict(poller.poll(0))


def test_nothing_is_ready_when_nothing_is_watched(poller):
    assert {} == ready(poller)


def test_readable_and_writable_are_told_in_one_mask(poller, pair):
    client, sock = pair
    client.send(b"x")
    poller.register(sock.fileno(), IN | OUT | poller.edge)

    assert {sock.fileno(): IN | OUT} == ready(poller)


def test_only_what_was_asked_for_is_told(poller, pair):
    client, sock = pair
    client.send(b"x")
    poller.register(sock.fileno(), OUT | poller.edge)

    assert {sock.fileno(): OUT} == ready(poller)


def test_a_modified_mask_reports_what_is_there_already_in_every_mode(poller, pair):
    """Resuming a paused reader relies on it."""
    client, sock = pair
    client.send(b"x")
    poller.register(sock.fileno(), poller.edge)
    assert {} == ready(poller)
    poller.modify(sock.fileno(), IN | poller.edge)

    assert {sock.fileno(): IN} == ready(poller)
    poller.modify(sock.fileno(), poller.edge)
    assert {} == ready(poller)


def test_registering_reports_what_is_there_already_in_every_mode(poller, pair):
    client, sock = pair
    client.send(b"x")
    for _ in range(2):
        poller.register(sock.fileno(), IN | poller.edge)
        assert {sock.fileno(): IN} == ready(poller)
        poller.unregister(sock.fileno())

        assert {} == ready(poller)


def test_a_fin_is_told_where_the_poller_knows_it_and_is_readable_everywhere(poller, pair):
    client, sock = pair
    client.shutdown(socket.SHUT_WR)
    poller.register(sock.fileno(), IN | RDHUP | poller.edge)

    assert {sock.fileno(): IN | (RDHUP if poller.sees_hangup else 0)} == ready(poller)


def test_a_reset_is_told_without_being_asked_for_where_the_poller_knows_it(poller, pair):
    client, sock = pair
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    poller.register(sock.fileno(), poller.edge)

    assert ({sock.fileno(): ERR | HUP} if poller.sees_hangup else {}) == ready(poller)


def test_level_triggered_it_is_told_again_edge_triggered_once(poller, pair):
    client, sock = pair
    client.send(b"x")
    poller.register(sock.fileno(), IN | poller.edge)
    ready(poller)

    assert ({} if poller.edge else {sock.fileno(): IN}) == ready(poller)


def test_a_wait_lasts_as_long_as_it_should(poller):
    begun_ns = clock.now_ns()
    assert [] == poller.poll(0.0101)

    assert clock.now_ns() - begun_ns >= 10_100_000


def test_a_wait_without_end_ends_with_the_first_event(poller, pair):
    client, sock = pair
    client.send(b"x")
    poller.register(sock.fileno(), IN | poller.edge)

    assert [(sock.fileno(), IN)] == poller.poll(-1)


def test_a_nap_ends_early_when_something_is_ready_and_takes_no_event(poller, pair):
    client, sock = pair
    client.send(b"x")
    poller.register(sock.fileno(), IN | poller.edge)
    poller.nap(3600)

    assert {sock.fileno(): IN} == ready(poller)


def test_a_nap_lasts_at_least_so_long(poller):
    begun_ns = clock.now_ns()
    poller.nap(0.0002)

    assert clock.now_ns() - begun_ns >= 200_000


def test_a_nap_on_an_epoll_descriptor_beyond_1023_is_no_spin(monkeypatch):
    monkeypatch.setattr(poller_module, "SELECT_LIMIT", 0)
    poller = make_poller("epoll")
    begun_ns = clock.now_ns()
    poller.nap(0.0002)
    poller.close()

    assert clock.now_ns() - begun_ns >= 200_000


@pytest.mark.parametrize(("seconds", "milliseconds"), [(0, 0), (0.0001, 1), (0.001, 1), (0.0011, 2), (3600, 3_600_000)])
def test_milliseconds_are_rounded_up(seconds, milliseconds):
    """Rounded down, a wait would end early and be begun again, over and over."""
    assert milliseconds == to_milliseconds(seconds)


def test_select_refuses_descriptor_1024_and_names_the_way_out():
    with pytest.raises(errors.UsageError, match=r"descriptor 1024.*1023.*poller='epoll'"):
        make_poller("select").register(1024, IN)


def test_epoll_flags_are_the_platforms():
    assert (select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR, select.EPOLLHUP, select.EPOLLRDHUP) == (
        IN,
        OUT,
        ERR,
        HUP,
        RDHUP,
    )
    assert (select.POLLIN, select.POLLOUT, select.POLLERR, select.POLLHUP, select.POLLRDHUP) == (
        IN,
        OUT,
        ERR,
        HUP,
        RDHUP,
    )


@pytest.mark.parametrize(
    ("name", "edge_triggered", "text"),
    [
        ("kqueue", False, "'epoll', 'poll', 'select'"),
        ("poll", True, "edge_triggered"),
        ("select", True, "edge_triggered"),
    ],
)
def test_what_cannot_be_made_is_refused_with_the_way_out(name, edge_triggered, text):
    with pytest.raises(errors.UsageError, match=text):
        check_poller(name, edge_triggered=edge_triggered)
    with pytest.raises(errors.UsageError, match=text):
        make_poller(name, edge_triggered=edge_triggered)


def test_a_poller_that_the_platform_lacks_is_refused_with_the_way_out(monkeypatch):
    monkeypatch.delattr(select, "epoll")
    with pytest.raises(errors.UsageError, match="does not exist on this platform"):
        check_poller("epoll", edge_triggered=False)


def test_the_epoll_descriptor_is_not_inherited_by_programs():
    poller = make_poller("epoll")
    inheritable = os.get_inheritable(poller._epoll.fileno())
    poller.close()

    assert False is inheritable
