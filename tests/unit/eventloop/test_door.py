"""What a listener does with who connects, without a thread: the loop turns when the test says so."""

import errno
import os
import socket

import pytest

from listening import Desk
from pytest_epoll._eventloop.door import ACCEPT, PAUSE, REFUSE, STALL, Door, Wish
from pytest_epoll.errors import UsageError

SOON = 0.05


class DoorDesk(Desk):
    """A listener with a door."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.door = Door(self.listener, 128)

    def outcome(self):
        """Return what becomes of a connect, and whether it was accepted."""
        before = len(self.accepted)
        try:
            client = socket.create_connection(self.address, timeout=SOON)
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "unanswered"
        self.clients.append(client)
        self.loop._settle()
        return "accepted" if len(self.accepted) > before else "in the queue"


@pytest.fixture(params=["level", "edge", "poll", "select"])
def desk(request):
    name = "epoll" if request.param in {"level", "edge"} else request.param
    desk = DoorDesk(name, edge_triggered=request.param == "edge")
    desk.address = desk.sock.getsockname()
    yield desk
    desk.close()


OUTCOMES = {ACCEPT: "accepted", PAUSE: "in the queue", STALL: "unanswered", REFUSE: "refused"}


@pytest.mark.parametrize("first", OUTCOMES)
@pytest.mark.parametrize("second", OUTCOMES)
def test_each_state_follows_each(desk, first, second):
    assert (first != ACCEPT) == desk.door.ask(first)
    assert OUTCOMES[first] == desk.outcome()
    assert (second != first) == desk.door.ask(second)
    assert OUTCOMES[second] == desk.outcome()
    desk.door.ask(ACCEPT)
    desk.loop._settle()
    assert "accepted" == desk.outcome()
    assert len(desk.clients) == len(desk.accepted)  # nobody was lost


@pytest.mark.parametrize("mode", [PAUSE, REFUSE])
def test_who_waits_in_the_queue_is_accepted_first(desk, mode):
    for _ in range(100):
        desk.connect()
    desk.door.ask(mode)

    assert 100 == len(desk.accepted)


@pytest.mark.parametrize("mode", [STALL, REFUSE, ACCEPT])
def test_who_was_left_in_the_queue_is_accepted_afterwards(desk, mode):
    desk.door.ask(PAUSE)
    for _ in range(5):
        desk.connect()
    desk.door.ask(mode)
    desk.loop._settle()

    assert 5 == len(desk.accepted)


def test_the_last_wish_counts_until_it_is_taken_back(desk):
    one, two, three = Wish(REFUSE), Wish(STALL), Wish(PAUSE)
    for wish in (one, two, three):
        desk.door.enter(wish)
    assert PAUSE == desk.door.mode
    assert not desk.door.leave(two)  # not the last one: nothing changes
    assert desk.door.leave(three)

    assert REFUSE == desk.door.mode
    assert desk.door.leave(one)
    assert ACCEPT == desk.door.mode


def test_a_wish_that_a_plain_call_has_ended_is_left_in_silence(desk):
    wish = Wish(REFUSE)
    desk.door.enter(wish)
    desk.door.ask(STALL)

    assert (False, STALL) == (desk.door.leave(wish), desk.door.mode)


def test_a_plain_call_holds_below_the_blocks_that_come_after_it(desk):
    desk.door.ask(STALL)
    wish = Wish(REFUSE)
    desk.door.enter(wish)
    desk.door.leave(wish)

    assert STALL == desk.door.mode


@pytest.mark.parametrize("mode", [PAUSE, STALL, REFUSE])
def test_silence_costs_no_wake_ups(desk, mode):
    desk.door.ask(mode)
    if mode == PAUSE:
        desk.connect()

    assert desk.run_for(30_000_000) <= 2


@pytest.mark.parametrize("mode", [PAUSE, STALL, REFUSE])
def test_who_was_waiting_for_a_descriptor_waits_for_the_door(desk, mode, monkeypatch):
    """A retry that is due must not open it."""

    def no_room():
        raise OSError(errno.EMFILE, "no room")

    real = desk.listener._accept
    monkeypatch.setattr(desk.listener, "_accept", no_room)
    desk.connect()
    desk.loop._settle()
    if mode == REFUSE:
        with pytest.raises(OSError, match="no room"):
            desk.door.ask(mode)
        assert ACCEPT == desk.door.mode
        monkeypatch.setattr(desk.listener, "_accept", real)
        desk.run_until(lambda: len(desk.accepted) == 1)
        return
    desk.door.ask(mode)
    monkeypatch.setattr(desk.listener, "_accept", real)
    desk.run_for(25_000_000)

    assert (1 if mode == STALL else 0) == len(desk.accepted)


def test_a_socket_that_cannot_be_made_leaves_everything_as_it_was(desk, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.door.socket.socket", _no_more)
    with pytest.raises(OSError, match="no more"):
        desk.door.ask(REFUSE)
    monkeypatch.undo()

    assert ("accepted", ACCEPT) == (desk.outcome(), desk.door.mode)


def test_a_port_that_cannot_be_held_leaves_everything_as_it_was(desk, monkeypatch):
    """A stranger was quicker: the listener goes on, and shares its port with nobody."""

    class Taken(socket.socket):
        def bind(self, address):
            raise OSError(errno.EADDRINUSE, "no more")

    monkeypatch.setattr("pytest_epoll._eventloop.door.socket.socket", Taken)
    with pytest.raises(OSError, match="no more"):
        desk.door.ask(REFUSE)
    monkeypatch.undo()

    assert ("accepted", ACCEPT) == (desk.outcome(), desk.door.mode)
    assert 0 == desk.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
    desk.door.ask(REFUSE)
    assert "refused" == desk.outcome()


def _no_more(*_):
    raise OSError(errno.EMFILE, "no more")


def test_refusing_keeps_the_number_and_the_options_of_the_socket():
    desk = DoorDesk("epoll", nodelay=True)
    desk.address = desk.sock.getsockname()
    number = desk.sock.fileno()
    desk.door.ask(REFUSE)
    desk.door.ask(ACCEPT)
    desk.outcome()
    value = desk.accepted[0].getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    is_inherited = os.get_inheritable(desk.sock.fileno())
    after = desk.sock.fileno()
    desk.close()

    assert (number, True, False) == (after, bool(value), is_inherited)


def test_it_refuses_although_somebody_else_holds_the_socket(desk):
    """A forked child does."""
    held = desk.sock.dup()
    for _ in range(2):
        desk.door.ask(REFUSE)
        assert "refused" == desk.outcome()
        desk.door.ask(ACCEPT)
        assert "accepted" == desk.outcome()
    held.close()


def test_a_closed_listener_is_asked_for_nothing(desk):
    desk.listener.close()

    assert not desk.door.ask(REFUSE)


def test_a_kernel_that_cannot_says_so_and_nothing_has_changed(desk, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.sockets._IP_MINTTL", 9999)
    for mode in (STALL, REFUSE):
        with pytest.raises(UsageError, match="IP_MINTTL"):
            desk.door.ask(mode)

    assert ("accepted", ACCEPT) == (desk.outcome(), desk.door.mode)
