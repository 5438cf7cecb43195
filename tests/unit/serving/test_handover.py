"""A conn's errands without sockets: which of them is over, in which order, and how."""

import errno
import itertools
from types import SimpleNamespace

import pytest

from pytest_epoll._core import acts
from pytest_epoll._serving.scripts.handover import CLOSED, RETURNED, STOPPED, Errand, Handover


class FakeStage:
    """A connection whose bytes and whose full buffers are as the test says."""

    def __init__(self):
        sock = SimpleNamespace(getsockname=lambda: ("127.0.0.1", 1))
        self.record = SimpleNamespace(closed_by=None, bytes_sent=0)
        self.inbox = SimpleNamespace(last=b"", taken=0)
        self.transport = SimpleNamespace(
            sock=sock,
            record=self.record,
            has_eof=False,
            has_shut_down=False,
            has_unsent=False,
            pause_reading=lambda: self.log.append("pause"),
            drop_unsent=self.drop_unsent,
        )
        self.log = []
        self.handover = Handover(self, reads_in_turn=False)
        self.stream = self.handover.acts()
        self.performed = []
        self.go_on()

    def go_on(self):
        """Carry acts out until one waits: a send while the buffers are full, or for what is to come."""
        for act in self.stream:
            self.performed.append(act)
            if isinstance(act, acts.Pending):
                act.when_ready(self.go_on)
                return
            if isinstance(act, acts.Send) and self.transport.has_unsent:
                return
            if isinstance(act, acts.Send):
                self.record.bytes_sent += act.image.size

    all_sent = go_on

    def drop_unsent(self):
        self.transport.has_unsent = False

    def read_aside(self, within):
        self.log.append(("read", within.size))

    def answer_newest(self):
        self.log.append("answer")

    def come(self, data):
        self.inbox.last, self.inbox.taken = data, len(data)
        self.handover.data_received()

    def sent(self):
        return [act.image.body for act in self.performed if isinstance(act, acts.Send)]


@pytest.fixture
def stage():
    return FakeStage()


def outcome(errand):
    if not errand.is_over:
        return "waits"
    return errand.result if errand.error is None else (type(errand.error).__name__, errand.error.args[0])


ENDED = ("OSError", errno.EBADF)
RESET = ("ConnectionResetError", errno.ECONNRESET)
BROKEN = ("BrokenPipeError", errno.EPIPE)


def begin(stage, method, size=10, *arguments, **keywords):
    errand = Errand(size, **keywords)
    getattr(stage.handover, method)(errand, *arguments)
    return errand


def test_reads_are_served_in_the_order_in_which_they_came(stage):
    first, second = begin(stage, "recv", 3), begin(stage, "recv", 5)

    assert [("read", 3)] == stage.log
    stage.come(b"one")
    stage.come(b"two")
    assert [b"one", b"two"] == [outcome(first), outcome(second)]
    assert [("read", 3), "pause", ("read", 5), "pause"] == stage.log


def test_an_expired_read_makes_way_for_the_next(stage):
    first, second = begin(stage, "recv", 3), begin(stage, "recv", 5)
    stage.handover.expire_recv(first, TimeoutError("timed out"))
    stage.come(b"two")

    assert [("TimeoutError", "timed out"), b"two"] == [outcome(first), outcome(second)]


def test_a_read_that_was_served_does_not_expire(stage):
    errand = begin(stage, "recv", 3)
    stage.come(b"one")
    stage.handover.expire_recv(errand, TimeoutError("timed out"))

    assert b"one" == outcome(errand)


def test_what_nobody_waits_for_is_given_to_the_next(stage):
    errand = begin(stage, "recv", 3)
    stage.come(b"one")
    stage.handover.expire_recv(errand, KeyboardInterrupt())
    stage.handover.give_back(errand)

    assert [b"on", b"e"] == [outcome(begin(stage, "recv", 2)), outcome(begin(stage, "recv", 2))]


def test_an_errand_that_never_began_is_given_up_without_a_trace(stage):
    stage.handover.expire_recv(Errand(3), KeyboardInterrupt())
    stage.handover.expire_send(Errand(3), KeyboardInterrupt(), may_be_partial=False)

    assert [] == stage.log


def test_sends_wait_for_each_other(stage):
    stage.transport.has_unsent = True
    first, second = begin(stage, "send", 5, b"first"), begin(stage, "send", 6, b"second")

    assert ["waits", "waits"] == [outcome(first), outcome(second)]
    stage.drop_unsent()
    stage.all_sent()
    assert [5, 6] == [outcome(first), outcome(second)]
    assert [b"first", b"second"] == stage.sent()


def test_a_send_that_has_expired_before_its_turn_is_not_sent(stage):
    stage.transport.has_unsent = True
    begin(stage, "send", 5, b"first")
    second = begin(stage, "send", 6, b"second")
    stage.handover.expire_send(second, TimeoutError("timed out"), may_be_partial=True)
    stage.drop_unsent()
    stage.all_sent()

    assert ("TimeoutError", "timed out") == outcome(second)
    assert [b"first"] == stage.sent()


@pytest.mark.parametrize(("may_be_partial", "expected"), [(True, 2), (False, ("TimeoutError", "timed out"))])
def test_an_expired_send_gives_up_what_the_kernel_has_not_taken(stage, may_be_partial, expected):
    stage.transport.has_unsent = True
    errand = begin(stage, "send", 5, b"first")
    stage.record.bytes_sent += 2
    stage.handover.expire_send(errand, TimeoutError("timed out"), may_be_partial=may_be_partial)

    assert (expected, False) == (outcome(errand), stage.transport.has_unsent)
    assert 3 == outcome(begin(stage, "send", 3, b"new"))


def test_a_goodbye_ends_what_waits_and_comes_before_what_was_to_be_sent(stage):
    stage.transport.has_unsent = True
    read, first, second = begin(stage, "recv"), begin(stage, "send", 5, b"first"), begin(stage, "send", 6, b"second")
    goodbye = begin(stage, "part", 0, acts.ShutdownWrite(), acts.Drain(), is_goodbye=True)

    assert [ENDED] * 3 == [outcome(errand) for errand in (read, first, second)]
    assert outcome(goodbye) is None
    assert [b"first"] == stage.sent()
    assert [acts.ShutdownWrite(), acts.Drain()] == [
        act for act in stage.performed if isinstance(act, (acts.ShutdownWrite, acts.Drain))
    ]


def test_a_second_goodbye_does_nothing(stage):
    begin(stage, "part", 0, acts.ShutdownWrite(), is_goodbye=True)
    again = begin(stage, "part", 0, acts.SendRst(), is_goodbye=True)

    assert outcome(again) is None
    assert acts.SendRst() not in stage.performed


@pytest.mark.parametrize("why", [RETURNED, STOPPED, "the test closed the connection"])
def test_an_end_from_elsewhere_is_what_every_call_raises(stage, why):
    stage.transport.has_unsent = True
    waiting = [begin(stage, "recv"), begin(stage, "send", 5, b"first")]
    stage.handover.end(why)
    late = [begin(stage, "recv"), begin(stage, "send", 5, b"late"), begin(stage, "shut_down", 0, 1)]

    assert [(errno.EBADF, why)] * 5 == [errand.error.args for errand in (*waiting, *late)]


def test_a_goodbye_that_waits_is_over_when_the_connection_is(stage):
    stage.transport.has_unsent = True  # as a client does that takes nothing
    begin(stage, "send", 5, b"first")
    stage.drop_unsent = stage.transport.drop_unsent = lambda: None
    stage.all_sent = lambda: None
    goodbye = begin(stage, "part", 0, acts.WaitDelivered(), acts.SendRst(), is_goodbye=True)

    assert ("waits", True) == (outcome(goodbye), stage.handover.is_waiting)
    stage.handover.end(STOPPED)
    assert (None, None) == (goodbye.error, outcome(goodbye))


def test_what_came_before_an_rst_is_read_before_it(stage):
    first, second, third = begin(stage, "recv", 2), begin(stage, "recv", 2), begin(stage, "recv", 2)
    send = begin(stage, "send", 0, b"x")
    stage.handover.lose("the client reset the connection", b"abc")

    assert [b"ab", b"c", RESET] == [outcome(errand) for errand in (first, second, third)]
    assert outcome(send) == 0  # it was sent before
    assert [BROKEN, BROKEN] == [outcome(begin(stage, "send", 1, b"x")) for _ in range(2)]
    assert RESET == outcome(begin(stage, "recv", 1))


def test_the_first_call_after_an_rst_is_told_so_whichever_it_is(stage):
    stage.handover.lose("the client reset the connection", b"")

    assert [RESET, BROKEN] == [outcome(begin(stage, "send", 1, b"x")) for _ in range(2)]


def test_a_fin_that_came_first_is_what_a_reader_meets(stage):
    stage.handover.fin_received()
    stage.handover.lose("the client reset the connection", b"ab")

    assert [b"ab", b"", BROKEN] == [
        outcome(begin(stage, "recv")),
        outcome(begin(stage, "recv")),
        outcome(begin(stage, "send", 1, b"x")),
    ]


def test_reading_ends_at_the_fin_once_it_was_read(stage):
    errand = begin(stage, "recv")
    stage.handover.fin_received()
    assert "waits" == outcome(errand)
    stage.transport.has_eof = True
    stage.handover.fin_received()

    assert [b"", b""] == [outcome(errand), outcome(begin(stage, "recv"))]


def test_nothing_is_carried_out_once_the_stream_is_gone(stage):
    """A fault has ended it, and decides what becomes of the connection; whoever calls waits for that."""
    stage.stream.close()
    errands = [begin(stage, "recv"), begin(stage, "send", 5, b"first")]
    goodbye = begin(stage, "part", 0, acts.SendRst(), is_goodbye=True)

    assert ["waits", "waits", None] == [outcome(errand) for errand in (*errands, goodbye)]
    assert [] == stage.log


def test_the_stream_is_over_when_the_function_has_returned(stage):
    stage.handover.returned(None)

    assert (False, True, False) == (stage.handover.is_running, stage.handover.is_over, stage.handover.has_failed)
    assert [] == list(itertools.islice(stage.stream, 1))


def test_an_errand_is_over_once():
    errand = Errand()
    errand.finish(1)
    errand.finish(2)
    errand.fail(OSError(CLOSED))

    assert (1, None, True, True) == (errand.result, errand.error, errand.wait(0), errand.wait(None))
