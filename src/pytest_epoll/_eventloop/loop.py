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

Threads: `post`, `call`, `settle`, `wait`, `watch`, `end` and `let_go` are the doors for other threads; everything else
is for the loop thread.

**The barrier** (`settle`): kernel and client may be ahead of the record; a client can hold its answer before the loop
has noted it down (in 38 % of runs, measured). So a reader from outside posts a command that runs further turns without
waiting until one finds nothing to do, and only then lets the reader go. What the client's kernel had done before the
read is then in the record. An empty barrier costs this thread 0.7 us and the reader some 20: the interpreter lock has
to change hands twice. Where clients send or connect without pause no round ever finds nothing; `rounds` says when
enough is enough.

**Defects of ours** end the loop: what was raised first is kept in `failure`, everybody who waits is let go and told.
"""

from __future__ import annotations

import _thread
from typing import TYPE_CHECKING, TypeVar

from pytest_epoll._core import clock, limits
from pytest_epoll._eventloop.chute import Chute
from pytest_epoll._eventloop.mailbox import Mailbox
from pytest_epoll._eventloop.poller import IN
from pytest_epoll._eventloop.rounds import Rounds
from pytest_epoll._eventloop.timers import Timer, Timers
from pytest_epoll._eventloop.watch import Watch
from pytest_epoll.errors import InternalError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from pytest_epoll._eventloop.poller import Poller
    from pytest_epoll._eventloop.watch import Bell

T = TypeVar("T")

_FIRST_PAUSE = 0.00005
_LONGEST_PAUSE = 0.001
"""Seconds between two askings: 50 us is what a wake-up costs anyway, 1 ms is 1 % of a core."""

_QUESTIONS_A_TURN = 64
"""How many open questions a turn asks: at some 8 us each that is half a millisecond, and the clients get their turn."""

_LONGEST_WAIT = 3600.0
"""Seconds of one wait for readiness: epoll_wait(2) takes milliseconds as an int, 24 days; a delay may be longer."""

_GRACE = 10.0
"""Seconds that an expired wait gives the loop to look for the last time, before it counts as blocked: on a starved
machine it can take several, and a defect of ours must not be claimed where there is none."""


class LoopEnded(InternalError):
    """The loop takes no more commands: its server was stopped, or a defect of ours has ended it (`failure`)."""


class LoopBlocked(InternalError):
    """The loop thread did not answer in time."""


class Loop:
    """One thread's turns; see the module's docstring. The poller is its own from the start, and closed with it."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self.timers = Timers()
        self.chute = Chute()
        self.failure: BaseException | None = None  # what ended the loop, if that was a defect of ours
        self._handlers: dict[int, Callable[[int], None]] = {}
        self._soon: list[Callable[[], None]] = []
        self._questions: list[Callable[[], bool]] = []
        self._answerless = 0  # turns in a row in which no question was answered
        self._doomed: list[socket.socket] = []
        self._watches: list[Watch] = []
        self._lookouts: list[Callable[[], bool]] = []
        self._is_stopping = False
        self._barrier_ns = limits.BARRIER_NS  # what the next barrier may take; less while clients flood
        self._most_barrier_ns = limits.BARRIER_NS  # less once somebody wants the loop to end
        self._thread_id: int | None = None
        try:
            self._mailbox = Mailbox()
        except BaseException:
            poller.close()
            raise
        self._mail = self._mailbox.commands
        try:
            self.watch_fd(self._mailbox.fd, IN, self._mailbox.on_wakeup)
        except BaseException:
            self.close_descriptors()
            raise

    # -- descriptors, timers; loop thread only --

    def watch_fd(self, fd: int, mask: int, handler: Callable[[int], None]) -> None:
        """Have `handler(mask)` called whenever the descriptor is ready."""
        self.poller.register(fd, mask)
        self._handlers[fd] = handler

    def hand_over(self, fd: int, handler: Callable[[int], None]) -> None:
        """Have another handler called from now on for a descriptor that is watched."""
        if fd in self._handlers:
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

    def look_at_barriers(self, question: Callable[[], bool]) -> None:
        """Have `question()` asked at the end of each barrier until it returns True: for what nothing tells of."""
        self._lookouts.append(question)

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
            self._fail(error)

    def stop(self) -> None:
        """End `run` after this turn."""
        self._is_stopping = True

    def attempt(self, step: Callable[[], object]) -> None:
        """Take a step of the end; what it raises is kept like what ends the loop, and the next step is taken, too."""
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - the same boundary as in `run`
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        self._is_stopping = True

    def close(self) -> None:
        """Carry out what is still posted, let everybody go who waits, release the descriptors; the loop is gone."""
        self._most_barrier_ns = limits.STOP_BARRIER_NS
        is_refusing = False
        while self._mail or not is_refusing:
            while self._mail:
                self.attempt(self._mail.popleft())
            is_refusing = is_refusing or self._mailbox.refuse_more()
        for watch in self._watches:
            watch.look()
            watch.end()
        self.close_descriptors()
        self._thread_id = None  # the system may give it to another thread now

    def close_descriptors(self) -> None:
        """Release every descriptor of the loop's own, and no more; a forked child calls it, too."""
        self._close_doomed()
        self.chute.close()
        self._mailbox.close()
        self.poller.close()

    def _patience(self) -> float:
        if self._soon or self._mail:  # a barrier takes the wake-up of what was posted while it ran
            return 0
        due_ns = self.timers.next_due_ns() if self.timers.heap else None
        timeout = -1 if due_ns is None else min(max(due_ns - clock.now_ns(), 0) / 1e9, _LONGEST_WAIT)
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
        if self.timers.heap:
            self.timers.run(clock.now_ns())
        if self._soon:
            self._do_soon()
        if self._questions:
            self._ask(_QUESTIONS_A_TURN)
        if self._mail:
            self._take_mail()
        if self._doomed:
            self._close_doomed()
        if self._watches:
            self._watches = [watch for watch in self._watches if not watch.look()]

    def _do_soon(self) -> None:
        soon, self._soon = self._soon, []
        for callback in soon:
            callback()

    def _ask(self, most: int) -> bool:
        """Ask so many open questions once, each in its turn, and return whether one was answered."""
        questions, self._questions = self._questions[:most], self._questions[most:]
        open_questions = [question for question in questions if not question()]
        self._questions += open_questions
        is_answered = len(open_questions) < len(questions)
        self._answerless = 0 if is_answered else min(self._answerless + 1, 16)
        return is_answered

    def _take_mail(self) -> None:
        for _ in range(len(self._mail)):
            self._mail.popleft()()

    def _close_doomed(self) -> None:
        doomed, self._doomed = self._doomed, []
        for sock in doomed:
            sock.close()

    def _settle(self) -> None:
        """Take turns until one finds nothing, or until what was there at the beginning is done.

        Such a turn has no phases 5 and 7, as the barrier itself is a posted command. Open questions are asked once, and
        again only after something has happened: that the client has not read is no reason to wait.
        """
        events, done = self._look_around(must_ask=True)
        is_quiet = not (events or done)
        if not is_quiet:
            rounds = Rounds(self._mailbox.fd, edge_triggered=bool(self.poller.edge))
            while rounds.must_go_on(events, also=done) and rounds.may_go_on(
                min(self._barrier_ns, self._most_barrier_ns)
            ):
                events, done = self._look_around(must_ask=False)
            is_quiet = not (events or done)
        # Who reads a hundred records while a client floods must not wait for as many long barriers.
        self._barrier_ns = limits.BARRIER_NS if is_quiet else max(self._barrier_ns // 4, limits.SHORTEST_BARRIER_NS)
        if self._lookouts:
            self._lookouts = [question for question in self._lookouts if not question()]
        if self._doomed:
            self._close_doomed()

    def _look_around(self, *, must_ask: bool) -> tuple[list[tuple[int, int]], bool]:
        """Take one turn of a barrier; return what was ready, and whether anything else was done."""
        events = self.poller.poll(0)
        for fd, mask in events:
            handler = self._handlers.get(fd)
            if handler is not None:
                handler(mask)
        done = bool(self.timers.heap) and self.timers.run(clock.now_ns()) > 0
        if self._soon:
            done = True
            self._do_soon()
        if self._questions and (must_ask or events or done):
            done = self._ask(len(self._questions)) or done
        return events, done

    # -- the doors for other threads --

    def post(self, command: Callable[[], None]) -> None:
        """Have something carried out on the loop thread, soon; callable from any thread.

        Raises:
            LoopEnded: the loop has ended.
        """
        if not self._mailbox.post(command):
            raise LoopEnded(self._why_ended())

    def post_if_running(self, command: Callable[[], None]) -> bool:
        """Like `post`, but return False if the loop has ended; callable from any thread."""
        return self._mailbox.post(command)

    def end(self) -> None:
        """Have the loop end, after a last barrier; does nothing if it has ended. Callable from any thread."""
        self._most_barrier_ns = limits.STOP_BARRIER_NS

        def settle_and_stop() -> None:
            if self._barrier_ns == limits.BARRIER_NS:  # else the last one found no end: a client floods
                self._settle()
            self.stop()

        self._mailbox.post(settle_and_stop)

    def let_go(self) -> None:
        """Have the loop end, without a barrier; for destructors: takes no lock, waits for nothing, raises nothing."""
        self._is_stopping = True
        self._mailbox.nudge()

    def call(self, function: Callable[[], T], *, settled: bool = False, timeout: float = limits.ANSWER_SECONDS) -> T:
        """Return what `function` returns on the loop thread, after a barrier if `settled`; callable from any thread.

        Raises:
            LoopEnded: the loop has ended.
            LoopBlocked: it did not answer in time.
        """
        if self.is_current_thread():
            return function()
        outcome: list[T] = []

        def answer() -> bool:
            outcome.append(function())
            return True

        done = _thread.allocate_lock()
        done.acquire()
        watch = Watch(answer, done.release)
        self._post_watch(watch, settled=settled, is_kept=False)
        if not done.acquire(timeout=timeout):
            message = f"the server's thread did not answer within {timeout:g} s"
            raise LoopBlocked(message)
        self._raise_unless_it_holds(watch)
        return outcome[0]

    def settle(self) -> None:
        """Return once the record shows whatever the client's kernel had done before; callable from any thread."""
        self.call(_nothing, settled=True)

    def wait(self, condition: Callable[[], object], timeout: float) -> bool:
        """Return whether `condition`, asked on the loop thread, came true in time; callable from any other thread.

        Raises:
            LoopEnded: the loop has ended.
            LoopBlocked: it did not even answer when the time was over.
        """
        done = _thread.allocate_lock()
        done.acquire()
        watch = Watch(condition, done.release)
        self.watch(watch)
        try:
            if not done.acquire(timeout=timeout):
                self.call(watch.look, settled=True, timeout=_GRACE)
                if not watch.is_over:
                    return False
        finally:
            if not watch.is_over:  # expired, or a signal has ended the wait
                self._mailbox.post(lambda: self._forget_watch(watch))
        self._raise_unless_it_holds(watch)
        return True

    async def wait_async(self, condition: Callable[[], object], bell: Bell, timeout: float) -> bool:
        """The same for a task of another event loop, which `bell` wakes.

        Raises:
            LoopEnded, LoopBlocked: as `wait`.
        """
        watch = Watch(condition, bell.ring)
        self.watch(watch)
        try:
            await bell.wait(timeout)
            if not watch.is_over:
                self.call(watch.look, settled=True, timeout=_GRACE)
                if not watch.is_over:
                    return False
        finally:
            if not watch.is_over:  # expired or cancelled
                self._mailbox.post(lambda: self._forget_watch(watch))
        self._raise_unless_it_holds(watch)
        return True

    def watch(self, watch: Watch) -> None:
        """Look at a condition after a barrier, and then after each turn until it holds; callable from any thread."""
        self._post_watch(watch, settled=True, is_kept=True)

    def _post_watch(self, watch: Watch, *, settled: bool, is_kept: bool) -> None:
        def begin() -> None:
            if settled:
                try:
                    self._settle()
                except BaseException as error:
                    self._fail(error)  # before the waiter is let go, who asks for it
                    watch.end()
                    raise
            if not watch.look() and is_kept:
                self._watches.append(watch)

        self.post(begin)

    def _forget_watch(self, watch: Watch) -> None:
        watch.is_over = True
        if watch in self._watches:
            self._watches.remove(watch)

    def _raise_unless_it_holds(self, watch: Watch) -> None:
        if watch.error is not None:
            raise watch.error
        if not watch.holds:
            raise LoopEnded(self._why_ended()) from self.failure

    def _why_ended(self) -> str:
        return f"the server's loop has ended: {'it was stopped' if self.failure is None else repr(self.failure)}"


def _nothing() -> bool:
    """What a bare barrier calls."""
    return True
