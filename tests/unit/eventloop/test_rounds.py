"""How often a barrier looks again."""

import os

import pytest

from pytest_epoll._core import limits
from pytest_epoll._eventloop import rounds as rounds_module
from pytest_epoll._eventloop.rounds import Rounds

MAIL = -7


def count(rounds, events, *, also=False, most=100_000):
    """Return how many rounds there are if every one finds the same."""
    done = 0
    while done < most and rounds.may_go_on(10**12):
        done += 1
        if not rounds.must_go_on(events, also=also):
            return done
    return done


@pytest.fixture
def pipe():
    read_fd, write_fd = os.pipe()
    yield read_fd, write_fd
    os.close(read_fd)
    os.close(write_fd)


def test_a_round_that_finds_nothing_is_the_last():
    assert 1 == count(Rounds(MAIL, edge_triggered=False), [])


def test_a_descriptor_that_is_always_ready_is_owed_what_its_peer_can_have_sent_before(pipe):
    os.write(pipe[1], bytes(3 * limits.READ_SIZE))
    owed = (3 * limits.READ_SIZE + 4 * 2**20) // limits.READ_SIZE + 2

    assert rounds_module._FREE_ROUNDS + owed + 1 == count(Rounds(MAIL, edge_triggered=False), [(pipe[0], 1)])


def test_edge_triggered_an_event_reads_more_so_fewer_are_owed(pipe):
    owed = 4 * 2**20 // (limits.READ_SIZE * limits.READS_A_TURN) + 2

    assert rounds_module._FREE_ROUNDS + owed + 1 == count(Rounds(MAIL, edge_triggered=True), [(pipe[0], 1)])


def test_another_thread_that_posts_is_no_reason_to_look_again():
    assert rounds_module._FREE_ROUNDS + 1 == count(Rounds(MAIL, edge_triggered=False), [(MAIL, 1)])


def test_callbacks_alone_are_followed_for_a_while():
    expected = rounds_module._FREE_ROUNDS + rounds_module._SPARE_ROUNDS

    assert expected == count(Rounds(MAIL, edge_triggered=False), [], also=True)


def test_the_clock_ends_it_whatever_is_owed(pipe):
    rounds = Rounds(MAIL, edge_triggered=False)
    done = 0
    while rounds.may_go_on(0):
        done += 1
        rounds.must_go_on([(pipe[0], 1)], also=True)

    assert 2 == done


def test_a_listening_socket_is_owed_its_longest_queue(make_pair):
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        assert 4096 == Rounds(MAIL, edge_triggered=False)._events_owed(listener.fileno())
