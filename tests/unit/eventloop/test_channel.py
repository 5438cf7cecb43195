"""The interpreter of acts on a fake transport: what is done in one turn, what waits, and what takes it up again."""

import socket
from types import SimpleNamespace
from typing import get_args

import pytest

from pytest_epoll._core import acts
from pytest_epoll._core.image import Image
from pytest_epoll._core.messages import ConnectionRecord
from pytest_epoll._eventloop import channel as channel_module
from pytest_epoll._eventloop.channel import Channel
from pytest_epoll._eventloop.probes import PeerView

IMAGE = Image(b"HEAD\r\n\r\n", b"body")


class FakeTimer:
    def __init__(self, delay_ns, callback):
        self.delay_ns = delay_ns
        self.callback = callback
        self.is_cancelled = False

    def cancel(self):
        self.is_cancelled = True


class FakeLoop:
    def __init__(self):
        self.timers = []
        self.questions = []
        self.posted = []
        self.lookouts = []

    def look_at_barriers(self, question):
        self.lookouts.append(question)

    def call_later(self, delay_ns, callback):
        self.timers.append(FakeTimer(delay_ns, callback))
        return self.timers[-1]

    def ask_until(self, question):
        self.questions.append(question)

    def post_if_running(self, command):
        self.posted.append(command)
        return True

    def ask(self):
        self.questions = [question for question in self.questions if not question()]


class FakeTransport:
    """Writes down what is done to it; `takes_all` says whether the kernel has room."""

    def __init__(self, log):
        self.log = log
        self.fd = -1
        self.sock = SimpleNamespace(family=socket.AF_INET)
        self.record = ConnectionRecord(3, ("127.0.0.1", 1), 0)
        self.takes_all = True
        self.is_broken = False
        self.is_open = True
        self.has_eof = False
        self.has_shut_down = False
        self.unread = None
        self.on_readable = None

    def peek(self, on_readable):
        self.log.append("peek")
        self.on_readable = on_readable if self.unread is None else None
        return self.unread

    def send(self, pieces):
        data = b"".join(bytes(view) for view, _ in pieces)
        self.log.append(("send", data))
        self.record.bytes_sent += len(data)
        for view, sink in pieces:
            sink.note_sent([view])
        return self.takes_all

    def shut_down(self, *, goodbye):
        self.has_shut_down = True
        self.log.append("fin" if goodbye else "half-close")

    def reset(self):
        self.is_open = False
        self.log.append("rst")

    def close(self):
        self.is_open = False
        self.log.append("close")

    def release(self):
        self.is_open = False
        self.log.append("release")

    def abandon(self):
        self.is_open = False
        self.log.append("abandon")


class FakeConversation:
    def __init__(self, log):
        self.log = log
        self.has_read = True
        self.has_read_ahead = False
        self.has_reached = True
        self.is_over = False
        self.wants = True
        self.sink = self
        self.sent = 0

    def note_sent(self, views):
        self.sent += sum(map(len, views))

    def read_to(self, position, within, *, read_on):
        self.log.append(("read", position, read_on))
        return self.has_read

    def read_on(self):
        self.log.append("read on")

    def preempt_next(self, then):
        self.log.append(("preempt", then))

    def wants_continue(self, _unless_at):
        return self.wants

    def send_continue(self):
        self.log.append("continue")

    def goodbye_noticed(self):
        """It is in the facts."""

    def begin_drain(self):
        self.log.append("drain")

    def stream_ended(self, *, is_free):
        self.log.append("free" if is_free else "over")


class FakeProbe:
    """Sees what the test says: a PeerView, or None."""

    def __init__(self):
        self.view = None
        self.asked = b"question"

    def question(self, _sock):
        return self.asked

    def look(self, _sock, _question):
        return self.view

    def why_blind(self):
        return "switched off"


class Stage:
    """A stream that notes when it is pulled and when it is closed."""

    def __init__(self, log, *stream):
        self._log = log
        self._stream = iter(stream)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._stream)

    def close(self):
        self._log.append("closed")


class Scene:
    def __init__(self):
        self.log = []
        self.facts = []
        self.loop = FakeLoop()
        self.transport = FakeTransport(self.log)
        self.conversation = FakeConversation(self.log)
        self.probe = FakeProbe()
        self.channel = Channel(self.loop, self.transport, self.conversation, self.facts, self.probe)

    def perform(self, *stream):
        self.channel.perform(Stage(self.log, *stream), 5)

    def kinds(self):
        return [fact[3] for fact in self.facts]


@pytest.fixture
def scene(monkeypatch):
    monkeypatch.setattr(channel_module.probes, "unsent_bytes", lambda _fd: 0)
    return Scene()


def test_acts_that_need_not_wait_are_done_in_one_turn(scene):
    scene.perform(acts.SendContinue(), acts.ReadTo("end"), acts.Send(IMAGE), acts.NextRequest())

    expected = ["continue", ("read", "end", True), ("send", b"HEAD\r\n\r\nbody"), "closed", "free"]
    assert (expected, False) == (scene.log, scene.channel.is_busy)


def test_a_stream_that_ends_without_next_request_leaves_the_connection_over(scene):
    scene.perform(acts.Send(IMAGE))

    assert ["closed", "over"] == scene.log[1:]


@pytest.mark.parametrize("act", [acts.ReadTo("end"), acts.Send(IMAGE)])
def test_what_waits_for_the_socket_goes_on_when_it_is_resumed(scene, act):
    scene.conversation.has_read = False
    scene.transport.takes_all = False
    scene.perform(act, acts.NextRequest())
    assert (True, 1) == (scene.channel.is_busy, len(scene.log))
    scene.channel.resume()

    assert (False, "free") == (scene.channel.is_busy, scene.log[-1])


def test_nothing_is_pulled_before_its_turn(scene):
    """A reply of a gigabyte is never there at once."""
    pulled = []

    def stream():
        for number in range(3):
            pulled.append(number)
            yield acts.Send(IMAGE)

    scene.transport.takes_all = False
    scene.channel.perform(stream(), 0)
    assert [0] == pulled
    scene.channel.resume()
    assert [0, 1] == pulled


def test_a_sleep_is_noted_and_ended_by_its_timer(scene):
    scene.perform(acts.Sleep(250_000_000), acts.NextRequest())
    assert ([250_000_000], ["paused"], 0.25) == (
        [timer.delay_ns for timer in scene.loop.timers],
        scene.kinds(),
        scene.facts[0][5],
    )
    assert (3, 5) == scene.facts[0][1:3]
    scene.loop.timers[0].callback()

    assert "free" == scene.log[-1]


def test_aborting_cancels_the_timer_and_closes_every_stage(scene):
    scene.perform(acts.Sleep(1), acts.Send(IMAGE))
    scene.channel.abort()
    scene.channel.resume()

    assert (True, ["closed"], False) == (scene.loop.timers[0].is_cancelled, scene.log, scene.channel.is_busy)


class FakeGate:
    name = "g"

    def __init__(self, *, is_open=False):
        self.is_open = is_open
        self.callbacks = []

    def when_open(self, callback):
        if not self.is_open:
            self.callbacks.append(callback)
        return self.is_open


def test_a_gate_holds_until_it_opens_and_is_passed_on_the_loop_thread(scene):
    gate = FakeGate()
    scene.perform(acts.HoldUntil(gate), acts.NextRequest())
    gate.callbacks[0]()  # on whatever thread
    assert [] == scene.log
    scene.loop.posted[0]()

    assert (["closed", "free"], [("g", "reached"), ("g", "opened")]) == (scene.log, [fact[5] for fact in scene.facts])


def test_an_open_gate_does_not_hold(scene):
    scene.perform(acts.HoldUntil(FakeGate(is_open=True)), acts.NextRequest())

    assert ["closed", "free"] == scene.log


@pytest.mark.parametrize("act", ["gate", "question", "pending"])
def test_what_comes_after_the_end_of_a_wait_is_not_taken_for_the_next_ones(scene, act):
    """A gate that opens, a question that is answered, a source that wakes: each after the stream was given up."""
    gate, ready = FakeGate(), []
    scene.probe.view = PeerView(0, 0, is_gone=False)
    scene.transport.record.bytes_sent = 1
    waits = {
        "gate": acts.HoldUntil(gate),
        "question": acts.WaitDelivered(),
        "pending": acts.Pending(ready.append),
    }
    scene.perform(waits[act])
    scene.channel.abort()
    scene.perform(acts.Sleep(1), acts.Send(IMAGE))
    for callback in (*gate.callbacks, *ready):
        callback()
    for command in scene.loop.posted:
        command()
    scene.probe.view = PeerView(1, 0, is_gone=False)
    scene.loop.ask()

    assert ["closed"] == scene.log
    assert [] == scene.loop.questions


def test_a_source_that_has_nothing_yet_takes_the_stream_up_again(scene):
    ready = []
    scene.perform(acts.Pending(ready.append), acts.NextRequest())
    assert scene.channel.is_busy
    ready[0]()

    assert ["closed", "free"] == scene.log


# -- reading, and what has come of it --


@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize("has_reached", [False, True])
@pytest.mark.parametrize("is_over", [False, True])
def test_the_outcome_of_reading_is_known_before_the_next_act_is_pulled(scene, is_late, has_reached, is_over):
    seen = []

    def stream():
        outcome = acts.Outcome(holds=not has_reached, is_over=not is_over)
        yield acts.ReadTo("head", read_on=False, outcome=outcome)
        seen.append((outcome.holds, outcome.is_over))
        yield acts.NextRequest()

    scene.conversation.has_read = not is_late
    scene.conversation.has_reached, scene.conversation.is_over = has_reached, is_over
    scene.channel.perform(stream(), 0)
    if is_late:
        assert [] == seen
        scene.channel.resume()

    assert [(has_reached, is_over)] == seen


@pytest.mark.parametrize(("has_reached", "end"), [(False, "free"), (True, "rst")])
def test_instead_is_what_happens_at_a_position_that_was_reached(scene, has_reached, end):
    scene.conversation.has_reached = has_reached
    scene.perform(acts.ReadTo("head", instead=(acts.SendRst(),)), acts.NextRequest())

    assert end in scene.log


def test_what_is_left_of_a_request_may_be_read_from_some_act_on(scene):
    scene.perform(acts.SetOption("read_on", value=True), acts.NextRequest())

    assert ["read on", "closed", "free"] == scene.log


@pytest.mark.parametrize(
    ("wants", "is_withheld", "log"), [(True, False, ["continue"]), (True, True, []), (False, True, [])]
)
def test_a_100_that_is_withheld_says_whether_it_was_due(scene, wants, is_withheld, log):
    outcome = acts.Outcome(holds=not wants)
    scene.conversation.wants = wants
    scene.perform(acts.SendContinue(is_withheld=is_withheld, outcome=outcome))

    assert ([*log, "closed", "over"], wants) == (scene.log, outcome.holds)


def test_the_next_request_may_be_preempted(scene):
    then = (acts.SendRst(),)
    scene.perform(acts.NextRequest(then=then))

    assert [("preempt", then), "closed", "free"] == scene.log


# -- waiting for the client --

BRANCHES = {
    "on_bytes": (acts.Note("mark", "bytes"), acts.NextRequest()),
    "on_eof": (acts.Note("mark", "eof"), acts.NextRequest()),
    "on_silence": (acts.Note("mark", "silence"), acts.NextRequest()),
}
WAIT = acts.WaitReadable(250_000_000, **BRANCHES)


@pytest.mark.parametrize(("unread", "branch"), [(b"x", "bytes"), (b"", "eof")])
def test_what_is_there_already_ends_the_wait_at_once(scene, unread, branch):
    scene.transport.unread = unread
    scene.perform(WAIT, acts.Send(IMAGE))

    assert (["peek", "closed", "free"], branch, []) == (scene.log, scene.facts[0][5], scene.loop.timers)


@pytest.mark.parametrize(("data", "branch"), [(b"x", "bytes"), (b"", "eof")])
def test_what_comes_ends_the_wait_and_its_timer(scene, data, branch):
    scene.perform(WAIT, acts.Send(IMAGE))
    assert (True, True, ["peek"]) == (scene.channel.is_resting, scene.channel.leaves_unread, scene.log)
    scene.transport.on_readable(data)

    assert (["peek", "closed", "free"], branch) == (scene.log, scene.facts[0][5])
    assert (True, False) == (scene.loop.timers[0].is_cancelled, scene.channel.is_resting)


def test_silence_is_what_a_last_look_finds_when_the_time_is_over(scene):
    scene.perform(WAIT, acts.Send(IMAGE))
    assert [250_000_000] == [timer.delay_ns for timer in scene.loop.timers]
    scene.loop.timers[0].callback()

    assert (["peek", "peek", "closed", "free"], "silence") == (scene.log, scene.facts[0][5])


def test_bytes_that_have_come_just_before_the_time_is_over_are_no_silence(scene):
    scene.perform(WAIT, acts.Send(IMAGE))
    scene.transport.unread = b"x"
    scene.loop.timers[0].callback()

    assert "bytes" == scene.facts[0][5]


def test_bytes_that_were_read_ahead_count_and_nobody_looks(scene):
    scene.conversation.has_read_ahead = True
    scene.perform(WAIT, acts.Send(IMAGE))

    assert (["closed", "free"], "bytes") == (scene.log, scene.facts[0][5])


@pytest.mark.parametrize("is_late", [False, True])
def test_without_a_branch_the_stream_goes_on(scene, is_late):
    scene.transport.unread = None if is_late else b"x"
    scene.perform(acts.WaitReadable(), acts.NextRequest())
    if is_late:
        scene.transport.on_readable(b"x")

    assert (["peek", "closed", "free"], []) == (scene.log, scene.loop.timers)


def test_nothing_is_read_behind_the_wait_before_an_act_reads(scene):
    scene.transport.unread = b"x"
    scene.perform(acts.WaitReadable(), acts.Sleep(1), acts.ReadTo("end"), acts.Sleep(1))
    assert scene.channel.leaves_unread
    scene.loop.timers[0].callback()

    assert (False, ("read", "end", True)) == (scene.channel.leaves_unread, scene.log[-1])


def test_what_comes_after_the_wait_was_given_up_is_nobodys(scene):
    scene.perform(WAIT)
    late = scene.transport.on_readable
    scene.channel.abort()
    scene.perform(acts.Sleep(1), acts.Send(IMAGE))
    late(b"x")

    assert (["peek", "closed"], True) == (scene.log, scene.loop.timers[0].is_cancelled)


def test_a_client_that_is_found_to_be_gone_ends_the_stream(scene):
    def lose(_on_readable):
        scene.channel.abort()

    scene.transport.peek = lose
    scene.perform(WAIT, acts.Send(IMAGE))

    assert (["closed"], [], False) == (scene.log, scene.loop.timers, scene.channel.is_resting)


# -- delivery --


@pytest.mark.parametrize(
    ("act", "kind", "seen"),
    [
        (acts.WaitDelivered(), "delivered", PeerView(12, 12, is_gone=False)),
        (acts.WaitPeerRead(), "peer-read", PeerView(12, 0, is_gone=False)),
    ],
)
def test_what_is_seen_at_once_does_not_wait_and_is_noted(scene, act, kind, seen):
    scene.probe.view = seen
    scene.perform(acts.Send(IMAGE), act, acts.SendRst())

    assert ("rst", [kind], 12, []) == (scene.log[1], scene.kinds(), scene.facts[0][4], scene.loop.questions)


@pytest.mark.parametrize(
    ("act", "views"),
    [
        (acts.WaitDelivered(), [PeerView(0, 0, is_gone=False), PeerView(11, 0, is_gone=False)]),
        # The queue alone is not enough: it is empty, too, before the bytes have reached it.
        (acts.WaitPeerRead(), [PeerView(0, 0, is_gone=False), PeerView(12, 1, is_gone=False)]),
    ],
)
def test_what_is_not_seen_yet_is_asked_again_and_nothing_goes_out_meanwhile(scene, act, views):
    scene.probe.view = views[0]
    scene.perform(acts.Send(IMAGE), act, acts.SendRst())
    for view in views:
        scene.probe.view = view
        scene.loop.ask()
        assert 1 == len(scene.log)
    scene.probe.view = PeerView(12, 0, is_gone=False)
    scene.loop.ask()

    assert ("rst", []) == (scene.log[1], scene.loop.questions)


def test_delivered_needs_an_empty_send_queue(scene, monkeypatch):
    monkeypatch.setattr(channel_module.probes, "unsent_bytes", lambda _fd: 1)
    scene.probe.view = PeerView(12, 0, is_gone=False)
    scene.perform(acts.Send(IMAGE), acts.WaitDelivered(), acts.SendRst())

    assert 1 == len(scene.log)


def test_a_fin_of_ours_counts_as_one_byte(scene):
    scene.probe.view = PeerView(12, 0, is_gone=False)
    scene.perform(acts.Send(IMAGE), acts.ShutdownWrite(goodbye=False), acts.WaitDelivered(), acts.SendRst())
    assert "half-close" == scene.log[-1]
    scene.probe.view = PeerView(13, 0, is_gone=False)
    scene.loop.ask()

    assert "rst" in scene.log


@pytest.mark.parametrize("act", [acts.WaitDelivered, acts.WaitPeerRead])
@pytest.mark.parametrize(("exact", "kinds"), [(True, ["unobserved"]), (False, [])])
def test_where_nothing_can_be_seen_it_goes_on_and_says_so_if_it_was_to_be_exact(scene, act, exact, kinds):
    scene.perform(acts.Send(IMAGE), act(exact=exact), acts.SendRst())

    assert ("rst", kinds) == (scene.log[1], scene.kinds())


@pytest.mark.parametrize(
    "prepare",
    [
        lambda scene: setattr(scene.probe, "asked", None),
        lambda scene: setattr(scene.probe, "view", PeerView(0, 0, is_gone=True)),
    ],
    ids=["no address any more", "no such socket"],
)
def test_for_a_client_that_is_gone_nobody_waits(scene, prepare):
    prepare(scene)
    scene.perform(acts.Send(IMAGE), acts.WaitDelivered(), acts.SendRst())

    assert ("rst", []) == (scene.log[1], scene.kinds())


# -- a client that leaves, and parting --


def test_behind_a_failed_send_nothing_happens(scene):
    """The read side is about to tell that the client has gone."""
    scene.transport.is_broken = True
    scene.perform(acts.Send(IMAGE), acts.ShutdownWrite())

    assert ([], True) == (scene.log, scene.channel.is_busy)


def test_an_interim_response_is_counted_by_the_conversation_and_an_answer_by_its_sink(scene):
    class Sink:
        sent = 0

        def note_sent(self, views):
            self.sent += sum(map(len, views))

    scene.conversation.sink = Sink()
    scene.perform(acts.Send(Image(b"HTTP/1.1 103 Early Hints\r\n\r\n", is_interim=True)), acts.Send(IMAGE))

    assert (28, 12) == (scene.conversation.sent, scene.conversation.sink.sent)


def test_a_drain_ends_with_the_clients_fin(scene):
    scene.perform(acts.ShutdownWrite(), acts.Drain())
    assert ["fin", "drain"] == scene.log
    scene.transport.has_eof = True
    scene.channel.eof_received()

    assert (["release", "closed", "over"], True) == (scene.log[2:], scene.loop.timers[0].is_cancelled)


def test_a_drain_that_runs_out_of_time_abandons_the_connection(scene):
    scene.perform(acts.ShutdownWrite(), acts.Drain())
    scene.loop.timers[0].callback()

    assert ["abandon", "closed", "over"] == scene.log[2:]


def test_a_client_that_has_parted_before_needs_no_drain(scene):
    scene.transport.has_eof = True
    scene.perform(acts.ShutdownWrite(), acts.Drain())

    assert ["fin", "release", "closed", "over"] == scene.log


def test_a_clients_fin_ends_nothing_but_a_drain(scene):
    scene.perform(acts.Sleep(1), acts.NextRequest())
    scene.channel.eof_received()

    assert (True, []) == (scene.channel.is_busy, scene.log)


def test_closing_waits_for_nobody(scene):
    scene.perform(acts.Close())

    assert ["close", "closed", "over"] == scene.log


def test_a_note_is_a_fact_of_the_exchange(scene):
    scene.perform(acts.Note("mark", "here"), acts.NextRequest())

    assert [(3, 5, "mark", 0, "here")] == [fact[1:] for fact in scene.facts]


def test_every_act_of_the_alphabet_but_those_that_stages_take_up_is_carried_out():
    assert {acts.Fired} == set(get_args(acts.Act)) - set(Channel._CARRY_OUT)
