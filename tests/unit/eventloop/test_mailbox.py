"""The wake-up's descriptor, and the commands behind it."""

import os
import select

import pytest

from pytest_epoll._eventloop.mailbox import Mailbox
from pytest_epoll._eventloop.wakeup import Wakeup
from pytest_epoll.testing import in_thread


def is_readable(fd):
    return bool(select.select((fd,), (), (), 0)[0])


@pytest.fixture(params=["eventfd", "pipe"])
def wakeup(request, monkeypatch):
    """Where eventfd does not exist a pipe serves."""
    if request.param == "pipe":
        monkeypatch.delattr(os, "eventfd")
    wakeup = Wakeup()
    yield wakeup
    wakeup.close()


def test_waking_makes_it_readable_and_clearing_undoes_all_wake_ups_at_once(wakeup):
    assert not is_readable(wakeup.fd)
    for _ in range(5):
        wakeup.wake()
    assert is_readable(wakeup.fd)
    wakeup.clear()

    assert not is_readable(wakeup.fd)


def test_clearing_without_a_wake_up_does_not_block(wakeup):
    wakeup.clear()


def test_a_wake_up_too_many_is_lost_and_nothing_else(wakeup):
    """A full pipe, or a full counter, is readable already."""
    if hasattr(os, "eventfd"):
        os.eventfd_write(wakeup.fd, 2**64 - 2)
    else:
        for _ in range(70_000 // 8):
            wakeup.wake()
    wakeup.wake()

    assert is_readable(wakeup.fd)


def test_its_descriptors_are_not_inherited_by_programs(wakeup):
    assert not os.get_inheritable(wakeup.fd)
    assert not os.get_inheritable(wakeup._write_fd)


def test_closing_twice_does_not_close_a_strangers_descriptor(wakeup):
    number = wakeup.fd
    wakeup.close()
    stranger = os.open(os.devnull, os.O_RDONLY)
    wakeup.close()

    assert number >= stranger
    os.close(stranger)


@pytest.fixture
def mailbox():
    mailbox = Mailbox()
    yield mailbox
    mailbox.refuse_more()
    mailbox.close()


def test_posting_wakes_and_keeps_the_order(mailbox):
    assert mailbox.post(list)
    assert mailbox.post(dict)
    assert is_readable(mailbox.fd)
    mailbox.on_wakeup(1)
    assert (False, [list, dict]) == (is_readable(mailbox.fd), list(mailbox.commands))
    mailbox.post(set)

    assert is_readable(mailbox.fd)


def test_a_thread_that_is_inside_post_may_post_again_and_the_loop_takes_it_without_waiting(mailbox):
    """A signal handler does, and waits for the loop right there."""
    with mailbox._lock:
        mailbox.post(list)
        in_thread(mailbox.on_wakeup, 1).result(timeout=5)

        assert False is in_thread(mailbox.refuse_more).result(timeout=5)
    assert True is mailbox.refuse_more()


def test_a_closed_mailbox_takes_nothing_and_wakes_nobody(mailbox):
    mailbox.post(list)
    mailbox.refuse_more()

    assert (False, [list]) == (mailbox.post(dict), list(mailbox.commands))
    mailbox.nudge()


def test_a_post_that_a_signal_interrupts_never_swallows_a_later_wake_up(mailbox, monkeypatch):
    """KeyboardInterrupt may come between any two lines."""

    def interrupted():
        raise KeyboardInterrupt

    real = mailbox._wakeup
    monkeypatch.setattr(mailbox, "_wakeup", type("Interrupted", (), {"wake": staticmethod(interrupted)}))
    with pytest.raises(KeyboardInterrupt):
        mailbox.post(list)
    monkeypatch.setattr(mailbox, "_wakeup", real)
    mailbox.post(dict)

    assert is_readable(mailbox.fd)


def test_a_nudge_wakes_without_a_command(mailbox):
    mailbox.nudge()

    assert (True, 0) == (is_readable(mailbox.fd), len(mailbox.commands))
