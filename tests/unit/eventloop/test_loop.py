"""The loop's turns, and its doors for other threads."""

import _thread
import signal
import socket
import sys
import threading

import pytest

from pytest_epoll._core import clock, limits
from pytest_epoll._eventloop.loop import Loop, LoopBlocked, LoopEnded
from pytest_epoll._eventloop.poller import IN, make_poller
from pytest_epoll._eventloop.watch import Watch
from pytest_epoll.testing import in_thread

DEADLINE = 10.0
POLLERS = [("epoll", False), ("epoll", True), ("poll", False), ("select", False)]


class Running:
    """A loop on a thread of its own."""

    def __init__(self, poller="epoll", *, edge_triggered=False):
        self.loop = Loop(make_poller(poller, edge_triggered=edge_triggered))
        self.thread = threading.Thread(target=self._run, name="epoll-test-loop", daemon=True)
        self.thread.start()

    def _run(self):
        self.loop.run()
        self.loop.close()

    def stop(self):
        self.loop.end()
        self.join()

    def join(self):
        self.thread.join(DEADLINE)
        assert not self.thread.is_alive()


@pytest.fixture(params=POLLERS, ids=lambda param: f"{param[0]}{'-edge' if param[1] else ''}")
def running(request):
    running = Running(request.param[0], edge_triggered=request.param[1])
    yield running
    running.stop()


@pytest.fixture
def loop(running):
    return running.loop


@pytest.fixture
def still_loop():
    """A loop that takes turns only when the test says so, on the test's thread."""
    loop = Loop(make_poller("epoll"))
    loop._thread_id = _thread.get_ident()
    yield loop
    loop.close()


def held(loop, what=None):
    """Return an event and a function: the loop thread stands still until the event is set."""
    is_held, may_go = threading.Event(), threading.Event()

    def hold():
        is_held.set()
        may_go.wait(DEADLINE)
        if what is not None:
            what()

    loop.post(hold)
    assert is_held.wait(DEADLINE)
    return may_go


# -- post --


def test_commands_are_carried_out_in_the_order_in_which_they_were_posted(loop):
    seen = []
    for number in range(1000):
        loop.post(lambda number=number: seen.append(number))
    loop.settle()

    assert list(range(1000)) == seen


def test_a_command_that_posts_is_followed_by_what_it_posted(loop):
    seen = []
    done = threading.Event()

    def third():
        seen.append(3)
        done.set()

    def second():
        seen.append(2)
        loop.post(third)

    loop.post(lambda: (seen.append(1), loop.post(second)))

    assert done.wait(DEADLINE)
    assert [1, 2, 3] == seen


def test_what_is_posted_while_a_barrier_runs_is_carried_out_although_the_barrier_took_its_wake_up(still_loop):
    """The barrier's own look at the poller clears the wake-up; nothing else would end the next wait."""
    loop = still_loop
    seen = []
    loop.post(lambda: (loop.post(lambda: seen.append("second")), loop._settle()))
    loop._turn(0)

    assert (0, []) == (loop._patience(), seen)
    loop._turn(0)
    assert ["second"] == seen


def test_readers_on_several_threads_never_wait_for_each_others_wake_up(loop):
    """The same, raced: each read is a post, a barrier and a release."""
    count = 300

    def read():
        for _ in range(count):
            loop.settle()
        return count

    futures = [in_thread(read) for _ in range(4)]

    assert [count] * 4 == [future.result(timeout=DEADLINE) for future in futures]


def test_posting_to_a_loop_that_has_ended_says_so():
    running = Running()
    running.stop()

    with pytest.raises(LoopEnded, match="it was stopped"):
        running.loop.post(lambda: None)


def test_ending_a_loop_that_has_ended_does_nothing():
    running = Running()
    running.stop()
    running.loop.end()
    running.loop.let_go()


@pytest.mark.parametrize("how", ["end", "let_go"])
def test_stop_while_others_post_runs_or_refuses_every_command_and_loses_none(how):
    """Hammered: a command that was taken is carried out, whatever the race."""
    for _ in range(30):
        running = Running()
        loop = running.loop
        ran, refused = [], []
        go = threading.Barrier(4)

        def post(number, loop=loop, ran=ran, refused=refused, go=go):
            go.wait(DEADLINE)
            for place in range(50):
                try:
                    loop.post(lambda place=place: ran.append((number, place)))
                except LoopEnded:
                    refused.append((number, place))

        posters = [in_thread(post, number) for number in range(3)]
        go.wait(DEADLINE)
        getattr(loop, how)()
        for poster in posters:
            poster.result(timeout=DEADLINE)
        running.join()

        assert [(number, place) for number in range(3) for place in range(50)] == sorted(ran + refused)


def test_let_go_may_be_called_while_this_very_thread_holds_the_lock():
    """A destructor runs between any two lines, also inside `post`."""
    running = Running()
    with running.loop._mailbox._lock:
        running.loop.let_go()
    running.loop._mailbox.nudge()
    running.join()


def test_a_later_thread_with_the_same_number_is_not_taken_for_the_loops():
    """The system gives the numbers of threads that have ended to new ones."""
    running = Running()
    running.stop()

    assert [False] * 20 == [in_thread(running.loop.is_current_thread).result(timeout=DEADLINE) for _ in range(20)]


def test_a_loop_that_ends_while_somebody_is_inside_post_still_answers():
    """A signal handler that reads the record inside its own thread's post, while another thread stops the server."""
    running = Running()
    with running.loop._mailbox._lock:
        running.loop.end()

        assert 3 == running.loop.call(lambda: 3, settled=True)
    running.join()


# -- call --


def test_call_returns_what_the_function_returned_on_the_loop_thread(running):
    assert running.thread.ident == running.loop.call(_thread.get_ident)


def test_an_error_of_a_called_function_is_raised_in_the_caller_and_the_loop_goes_on(loop):
    with pytest.raises(ZeroDivisionError):
        loop.call(lambda: 1 / 0)

    assert 3 == loop.call(lambda: 3)


def test_call_on_the_loop_thread_just_calls(loop):
    assert 7 == loop.call(lambda: loop.call(lambda: 7, settled=True))


def test_a_call_that_is_not_answered_in_time_says_that_the_loop_is_blocked(loop):
    may_go = held(loop)
    try:
        with pytest.raises(LoopBlocked, match=r"within 0\.01 s"):
            loop.call(lambda: None, timeout=0.01)
    finally:
        may_go.set()


def test_a_call_that_waits_when_the_loop_ends_is_answered():
    running = Running()
    may_go = held(running.loop)
    answer = in_thread(running.loop.call, lambda: 5, settled=True)
    running.loop.end()
    may_go.set()

    assert 5 == answer.result(timeout=DEADLINE)
    running.join()


# -- wait --


def test_a_wait_returns_when_the_condition_comes_true(loop):
    flag = []
    waiting = in_thread(loop.wait, lambda: bool(flag), DEADLINE)
    loop.settle()
    loop.post(lambda: flag.append(1))

    assert True is waiting.result(timeout=DEADLINE)


def test_a_wait_expires_and_is_forgotten(loop):
    assert False is loop.wait(lambda: False, 0.01)
    loop.settle()
    assert [] == loop._watches


def test_a_wait_of_no_time_still_looks(loop):
    assert True is loop.wait(lambda: True, 0)
    assert False is loop.wait(lambda: False, 0)


def test_an_error_of_a_condition_is_raised_in_the_waiting_thread(loop):
    with pytest.raises(ZeroDivisionError):
        loop.wait(lambda: 1 / 0, DEADLINE)

    assert 3 == loop.call(lambda: 3)


def test_an_error_of_a_condition_on_a_later_look_is_raised_in_the_waiting_thread(loop):
    asked = []

    def condition():
        asked.append(1)
        if len(asked) > 1:
            raise LookupError
        return False

    waiting = in_thread(loop.wait, condition, DEADLINE)
    while not asked:
        loop.settle()
    loop.settle()

    with pytest.raises(LookupError):
        waiting.result(timeout=DEADLINE)


def test_a_wait_ends_with_the_loop_and_not_at_its_deadline():
    running = Running()
    waiting = in_thread(running.loop.wait, lambda: False, 3600)
    running.loop.settle()
    running.stop()

    with pytest.raises(LoopEnded, match="it was stopped"):
        waiting.result(timeout=DEADLINE)


def test_a_wait_that_expires_while_the_loop_is_blocked_says_so(loop, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.loop._GRACE", 0.01)
    may_go = held(loop)
    try:
        with pytest.raises(LoopBlocked):
            loop.wait(lambda: False, 0.01)
    finally:
        may_go.set()
    loop.settle()

    assert [] == loop._watches


def test_a_signal_ends_a_wait_and_leaves_no_condition_behind(loop):
    """The signal is sent until it has been handled: one that comes just before the wait does not end it (CPython)."""
    asked, is_handled = threading.Event(), threading.Event()

    def condition():
        asked.set()
        return False

    def handle(*_):
        if not is_handled.is_set():
            is_handled.set()
            raise KeyboardInterrupt

    def interrupt():
        asked.wait(DEADLINE)
        while not is_handled.wait(0.05):
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, handle)
    try:
        helper = in_thread(interrupt)
        with pytest.raises(KeyboardInterrupt):
            loop.wait(condition, DEADLINE)
        helper.result(timeout=DEADLINE)
    finally:
        signal.signal(signal.SIGINT, before)
    loop.settle()

    assert [] == loop._watches


def test_a_watch_is_told_once_on_the_loop_thread(running):
    told = []
    flag = []
    watch = Watch(lambda: bool(flag), lambda: told.append(_thread.get_ident()))
    running.loop.watch(watch)
    running.loop.settle()
    assert [] == told
    running.loop.post(lambda: flag.append(1))
    for _ in range(3):
        running.loop.settle()

    assert ([running.thread.ident], True) == (told, watch.holds)


def test_a_watch_is_told_when_the_loop_ends():
    running = Running()
    told = []
    watch = Watch(lambda: False, lambda: told.append(1))
    running.loop.watch(watch)
    running.stop()

    assert ([1], True, False) == (told, watch.is_over, watch.holds)


# -- defects --


def test_a_defect_ends_the_loop_is_kept_and_everybody_is_told():
    running = Running()
    waiting = in_thread(running.loop.wait, lambda: False, 3600)
    running.loop.settle()
    may_go = held(running.loop, what=lambda: 1 / 0)
    calling = in_thread(running.loop.settle)
    may_go.set()
    running.join()

    assert isinstance(running.loop.failure, ZeroDivisionError)
    with pytest.raises(LoopEnded, match="ZeroDivisionError"):
        waiting.result(timeout=DEADLINE)
    try:
        calling.result(timeout=DEADLINE)
    except LoopEnded as error:
        assert "ZeroDivisionError" in str(error)  # it came after the end; before it, it was answered


def test_a_defect_inside_a_barrier_ends_the_loop_and_is_no_error_of_the_reader():
    running = Running()
    running.loop.post(lambda: running.loop.call_soon(lambda: running.loop.call_soon(lambda: 1 / 0)))

    with pytest.raises(LoopEnded, match="ZeroDivisionError"):
        for _ in range(100):
            running.loop.settle()
    running.join()


def test_steps_of_the_end_are_all_taken_and_the_first_failure_is_kept(still_loop):
    loop = still_loop
    loop.attempt(lambda: 1 / 0)
    loop.attempt(lambda: {}[0])

    assert isinstance(loop.failure, ZeroDivisionError)


def test_a_loop_that_cannot_be_made_leaves_no_descriptor(monkeypatch):
    """The autouse fixture counts them."""

    def refuse(*_):
        raise OSError(24, "no descriptor left")

    monkeypatch.setattr("pytest_epoll._eventloop.wakeup.os.eventfd", refuse)
    with pytest.raises(OSError, match="no descriptor"):
        Loop(make_poller("epoll"))


# -- descriptors, timers, questions --


def test_events_of_a_descriptor_that_was_given_up_in_the_same_turn_are_dropped(still_loop):
    loop = still_loop
    seen = []
    pairs = [socket.socketpair() for _ in range(2)]
    try:
        for one, other in pairs:
            one.send(b"x")

            def handler(_mask, other=other):
                seen.append(other)
                for _, each in pairs:
                    loop.forget_fd(each.fileno())

            loop.watch_fd(other.fileno(), IN, handler)
        loop._turn(0)

        assert 1 == len(seen)
    finally:
        for pair in pairs:
            for sock in pair:
                sock.close()


def test_a_descriptor_is_closed_at_the_end_of_the_turn_so_that_its_number_is_not_reused_inside(still_loop):
    loop = still_loop
    one, other = socket.socketpair()
    one.send(b"x")
    numbers = []

    def handler(_mask):
        loop.forget_fd(other.fileno())
        loop.close_later(other)
        numbers.append(other.fileno())

    loop.watch_fd(other.fileno(), IN, handler)
    loop._turn(0)
    one.close()

    assert (-1, True) == (other.fileno(), numbers[0] >= 0)


def test_a_barrier_closes_what_was_given_up_in_it(loop):
    one, other = socket.socketpair()

    def begin():
        loop.watch_fd(other.fileno(), IN, on_ready)

    def on_ready(_mask):
        loop.forget_fd(other.fileno())
        loop.close_later(other)

    loop.call(begin)
    one.send(b"x")
    loop.settle()
    one.close()

    assert -1 == other.fileno()


def test_timers_run_in_order_and_not_before_they_are_due(loop):
    seen = []
    done = threading.Event()
    begun_ns = clock.now_ns()

    def note(name):
        seen.append((name, clock.now_ns() - begun_ns))
        if name == "late":
            done.set()

    def begin():
        loop.call_later(30_000_000, lambda: note("late"))
        loop.call_later(5_000_000, lambda: note("early"))
        loop.call_later(1_000_000, lambda: note("cancelled")).cancel()

    loop.post(begin)

    assert done.wait(DEADLINE)
    assert ["early", "late"] == [name for name, _ in seen]
    assert all(at >= due for (_, at), due in zip(seen, (5_000_000, 30_000_000), strict=True))


def test_a_delay_of_years_does_not_overflow_the_poller(still_loop):
    still_loop.call_later(10**18, lambda: None)

    assert 3600 == still_loop._patience()


def test_a_question_is_asked_until_it_is_answered(loop):
    asked = []
    done = threading.Event()

    def question():
        asked.append(1)
        if len(asked) < 20:
            return False
        done.set()
        return True

    loop.post(lambda: loop.ask_until(question))

    assert done.wait(DEADLINE)
    loop.settle()
    assert 20 == len(asked)


def test_a_barrier_asks_an_open_question_once_and_does_not_wait_for_it(still_loop):
    loop = still_loop
    asked = []
    loop.ask_until(lambda: asked.append(1))
    loop._settle()

    assert [1] == asked


def test_a_turn_asks_a_bounded_number_of_questions_and_each_has_its_turn(still_loop):
    loop = still_loop
    asked = dict.fromkeys(range(200), 0)

    def question(number):
        def ask():
            asked[number] += 1
            return False

        return ask

    for number in asked:
        loop.ask_until(question(number))
    for _ in range(25):  # 25 turns of 64 questions are 8 rounds of 200
        before = sum(asked.values())
        loop._turn(0)
        assert 64 == sum(asked.values()) - before

    assert {8} == set(asked.values())


def test_waiting_for_an_answer_is_no_spin_even_beyond_descriptor_1023(loop_with_high_descriptors):
    """Where select(2) can't watch the epoll descriptor, the pause must be kept all the same."""
    loop = loop_with_high_descriptors
    assert loop.poller._epoll.fileno() > 1023
    loop._answerless = 16
    loop.ask_until(lambda: False)
    begun_ns = clock.now_ns()
    for _ in range(5):
        loop._turn(loop._patience())

    assert clock.now_ns() - begun_ns >= 5_000_000


@pytest.fixture
def loop_with_high_descriptors():
    resource = pytest.importorskip("resource")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1200:
        pytest.skip("this process may not have 1200 descriptors")
    fillers = [socket.socket() for _ in range(1030)]
    loop = Loop(make_poller("epoll"))
    for filler in fillers:
        filler.close()
    yield loop
    loop.close()


# -- barrier --


def test_a_barrier_is_bounded_although_callbacks_never_end(loop, monkeypatch):
    """By law L4, when all else fails: by the clock."""
    monkeypatch.setattr(loop, "_barrier_ns", 20_000_000)

    def again():
        loop.call_soon(again)

    loop.post(again)
    loop.settle()
    loop.settle()

    assert 3 == loop.call(lambda: 3, settled=True)


def test_a_barrier_is_bounded_although_a_descriptor_is_always_ready(loop):
    """A client that floods: what was there is handled, what keeps coming is not waited for."""
    one, other = socket.socketpair()
    other.setblocking(False)
    one.send(b"x")
    seen = []

    def on_ready(_mask):
        seen.append(other.recv(1))
        one.send(b"x")

    loop.call(lambda: loop.watch_fd(other.fileno(), IN | loop.poller.edge, on_ready))
    for _ in range(3):
        loop.settle()

    assert seen
    loop.call(lambda: loop.forget_fd(other.fileno()))
    one.close()
    other.close()


def test_what_a_flooding_peer_had_sent_before_is_read_by_the_barrier(loop):
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    size = limits.READ_SIZE
    one.send(bytes(size))
    received = []

    def on_ready(_mask):
        received.append(len(other.recv(size)))
        try:
            one.send(bytes(size))
        except BlockingIOError:
            pass

    total = one.send(bytes(size * 5))
    loop.call(lambda: loop.watch_fd(other.fileno(), IN | loop.poller.edge, on_ready))
    loop.settle()

    assert sum(received) >= total + size
    loop.call(lambda: loop.forget_fd(other.fileno()))
    one.close()
    other.close()


def test_the_switch_interval_is_left_alone():
    before = sys.getswitchinterval()
    running = Running()
    running.stop()

    assert before == sys.getswitchinterval()
