"""The event loop: one thread that owns every socket and every timer of a server.

One turn, in this order:

1. wait for readiness, at most until the next timer is due (not at all while something is waiting to be done soon);
2. call the handler of every ready descriptor; one that was closed in this turn has no handler any more;
3. run the timers that are due;
4. call what was put off with `call_soon`, and ask once more what has to be asked again and again (`ask_until`): the
   kernel gives no event for "the peer has read it";
5. carry out what other threads have posted;
6. close the descriptors that were given up, only now, so that a number is never reused inside a turn and a stale event
   of a batch can't reach a stranger;
7. look whether a condition that a test waits for has come true.

Threads: `post`, `call`, `settle` and `wait` are the doors for other threads; everything else is for the loop thread.

**The barrier** (`settle`): kernel and client may be ahead of the record; a client can hold its answer before the loop
has noted it down (in 38 % of runs, measured). So a reader from outside posts a command that runs further turns without
waiting until one finds nothing to do, and only then lets the reader go. What the client's kernel had done before the
read is then in the record. A round trip costs some 3 us, more if the interpreter lock has to change hands.
"""

from __future__ import annotations

import _thread
import threading
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from pytest_epoll._core import clock, limits
from pytest_epoll._eventloop.poller import IN
from pytest_epoll._eventloop.timers import Timer, Timers
from pytest_epoll._eventloop.wakeup import Wakeup
from pytest_epoll.errors import InternalError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from pytest_epoll._eventloop.poller import Poller

T = TypeVar("T")

_FIRST_PAUSE = 0.00005
_LONGEST_PAUSE = 0.001
"""Seconds between two askings: 50 us is what a wake-up costs anyway, 1 ms is 1 % of a core."""


class Watch:
    """A condition that somebody waits for; looked at after each turn until it holds."""

    __slots__ = ("_condition", "_holds", "_notify", "error")

    def __init__(self, condition: Callable[[], bool], notify: Callable[[], object]) -> None:
        self._condition = condition
        self._notify = notify
        self._holds = False
        self.error: BaseException | None = None

    def look(self) -> bool:
        """Return whether the wait is over, and tell the waiter if it has just ended. Loop thread only."""
        if not self._holds:
            try:
                self._holds = self._condition()
            except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits, and is raised there
                self.error = error
                self._holds = True
            if self._holds:
                self._notify()
        return self._holds


class Loop:
    """One thread's turns; see the module's docstring."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self.timers = Timers()
        self.failure: BaseException | None = None  # what ended the loop, if that was a defect of ours
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._soon: list[Callable[[], None]] = []
        self._questions: list[Callable[[], bool]] = []
        self._answerless = 0  # turns in a row in which no question was answered
        self._doomed: list[socket.socket] = []
        self._watches: list[Watch] = []
        self._is_stopping = False
        self._thread_id: int | None = None
        self._wakeup = Wakeup()
        self._posted: deque[Callable[[], None]] = deque()
        self._post_lock = threading.Lock()  # guards _awake, _is_closed and the order of _posted
        self._is_awake = False  # whether the loop has been woken and has not yet taken what was posted
        self._is_closed = False
        self.watch_fd(self._wakeup.fd, IN, self._on_wakeup)

    # -- descriptors, timers; loop thread only --

    def watch_fd(self, fd: int, mask: int, handler: Callable[[int], None]) -> None:
        """Have `handler(mask)` called whenever the descriptor is ready."""
        self.poller.register(fd, mask)
        self._handlers[fd] = handler

    def forget_fd(self, fd: int) -> None:
        """Stop watching a descriptor; events of this turn that were not yet handled are dropped."""
        if self._handlers.pop(fd, None) is not None:
            self.poller.unregister(fd)

    def close_later(self, sock: socket.socket) -> None:
        """Close a socket at the end of the turn."""
        self._doomed.append(sock)

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Have something called in this or the next turn, without waiting in between."""
        self._soon.append(callback)

    def call_later(self, delay_ns: int, callback: Callable[[], None]) -> Timer:
        """Have something called after a delay."""
        return self.timers.at(clock.now_ns() + delay_ns, callback)

    def ask_until(self, question: Callable[[], bool]) -> None:
        """Have `question()` asked once a turn until it returns True; the pauses between turns grow up to a millisecond.

        Not a spin: a thread that never sleeps takes the interpreter lock back before a client in the same process
        has woken up, and delays the very thing that it waits for by the switch interval.
        """
        self._questions.append(question)
        self._answerless = 0

    # -- turns; loop thread only --

    def is_current_thread(self) -> bool:
        """Whether the caller is the loop thread; callable from any thread."""
        return _thread.get_ident() == self._thread_id

    def run(self) -> None:
        """Take turns until `stop`; a defect of ours ends the loop, is kept in `failure` and reaches the test."""
        self._thread_id = _thread.get_ident()
        try:
            while not self._is_stopping:
                self._turn(self._patience())
        except BaseException as error:  # noqa: BLE001 - the one boundary that turns anything into an InternalError
            self.failure = error

    def stop(self) -> None:
        """End `run` after this turn."""
        self._is_stopping = True

    def close(self) -> None:
        """Carry out what is still posted and release the descriptors; the loop is gone."""
        with self._post_lock:
            self._is_closed = True
        self._take_posted()
        self._close_doomed()
        for watch in self._watches:
            watch.look()
        self.close_descriptors()

    def close_descriptors(self) -> None:
        """Release the poller's and the wake-up's descriptors, and no more."""
        self._wakeup.close()
        self.poller.close()

    def _patience(self) -> float:
        if self._soon:
            return 0
        due_ns = self.timers.next_due_ns()
        timeout = -1 if due_ns is None else max(due_ns - clock.now_ns(), 0) / 1e9
        if self._questions:
            pause = min(_FIRST_PAUSE * 2**self._answerless, _LONGEST_PAUSE)
            timeout = pause if timeout < 0 else min(pause, timeout)
            self.poller.nap(timeout)
            return 0
        return timeout

    def _turn(self, timeout: float) -> None:
        events = self.poller.poll(timeout)
        handlers = self._handlers
        for fd, mask in events:
            handler = handlers.get(fd)
            if handler is not None:
                handler(mask)
        if self.timers:
            self.timers.run(clock.now_ns())
        if self._soon:
            self._do_soon()
        if self._questions:
            self._ask()
        if self._posted:
            self._take_posted()
        if self._doomed:
            self._close_doomed()
        if self._watches:
            self._watches = [watch for watch in self._watches if not watch.look()]

    def _do_soon(self) -> None:
        soon, self._soon = self._soon, []
        for callback in soon:
            callback()

    def _ask(self) -> bool:
        """Ask every open question once and return whether one was answered."""
        questions, self._questions = self._questions, []
        open_questions = [question for question in questions if not question()]
        self._questions = open_questions + self._questions
        is_answered = len(open_questions) < len(questions)
        self._answerless = 0 if is_answered else min(self._answerless + 1, 16)
        return is_answered

    def _take_posted(self) -> None:
        for _ in range(len(self._posted)):
            self._posted.popleft()()

    def _close_doomed(self) -> None:
        doomed, self._doomed = self._doomed, []
        for sock in doomed:
            sock.close()

    def _on_wakeup(self, _mask: int) -> None:
        # Cleared before the queue is looked at: what is posted from here on wakes us again.
        self._wakeup.clear()
        with self._post_lock:
            self._is_awake = False

    # -- the doors for other threads --

    def post(self, command: Callable[[], None]) -> None:
        """Have something carried out on the loop thread, soon; callable from any thread.

        Raises:
            InternalError: the loop has ended.
        """
        with self._post_lock:
            if self._is_closed:
                message = f"the server's loop has ended: {self.failure!r}"
                raise InternalError(message)
            self._posted.append(command)
            if not self._is_awake:
                # Inside the lock: once it is released the loop may end and close the descriptor under our hands.
                self._is_awake = True
                self._wakeup.wake()

    def post_stop(self) -> None:
        """Have the loop end; does nothing if it has ended. Callable from any thread."""
        with self._post_lock:
            if self._is_closed:
                return
        self.post(self.stop)

    def call(self, function: Callable[[], T], *, settled: bool = False, timeout: float = limits.WAIT_SECONDS) -> T:
        """Return what `function` returns on the loop thread, after a barrier if `settled`; callable from any thread.

        Raises:
            InternalError: the loop has ended, or did not answer in time.
        """
        if self.is_current_thread():
            return function()
        outcome: list[T] = []

        def answer() -> bool:
            if settled:
                self._settle()
            outcome.append(function())
            return True

        done = _thread.allocate_lock()
        done.acquire()
        watch = Watch(answer, done.release)
        self.post(lambda: (watch.look(), None)[1])
        if not done.acquire(timeout=timeout):
            message = f"the server's loop did not answer within {timeout} s; is a predicate or a hook blocking it?"
            raise InternalError(message) from self.failure
        if watch.error is not None:
            raise watch.error
        return outcome[0]

    def settle(self) -> None:
        """Return once the record shows whatever the client's kernel had done before; callable from any thread."""
        self.call(_nothing, settled=True)

    def wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        """Return whether `condition`, asked on the loop thread, came true in time; callable from any other thread."""
        done = _thread.allocate_lock()
        done.acquire()
        watch = Watch(condition, done.release)
        self.watch(watch)
        if not done.acquire(timeout=timeout):
            self.call(lambda: self._unwatch(watch), settled=True)
            if not done.acquire(blocking=False):
                return False
        if watch.error is not None:
            raise watch.error
        return True

    def watch(self, watch: Watch) -> None:
        """Look at a condition after a barrier, and then after each turn until it holds; callable from any thread."""

        def begin() -> None:
            self._settle()
            if not watch.look():
                self._watches.append(watch)

        self.post(begin)

    def _unwatch(self, watch: Watch) -> None:
        if not watch.look():
            self._watches.remove(watch)

    def _settle(self) -> None:
        """Take turns until one finds nothing; bounded, as a client that floods would never let us go.

        Such a turn has no phases 5 to 7, as the barrier itself is a posted command. Open questions are asked once, and
        again only after something has happened: that the client has not read is no reason to wait.
        """
        must_ask = True
        for _ in range(limits.BARRIER_ROUNDS):
            done = 0
            for fd, mask in self.poller.poll(0):
                done += 1
                handler = self._handlers.get(fd)
                if handler is not None:
                    handler(mask)
            if self.timers:
                done += self.timers.run(clock.now_ns())
            if self._soon:
                done += 1
                self._do_soon()
            if self._questions and (must_ask or done):
                must_ask = False
                done += self._ask()
            if not done:
                return


def _nothing() -> None:
    """What a bare barrier calls."""
