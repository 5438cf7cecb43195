"""Threads for code of the test's: always one more, each used again, none waited for beyond the deadline."""

import re
import threading

import pytest

from pytest_epoll._core import clock
from pytest_epoll._eventloop.workers import Workers

SECOND = 1_000_000_000


@pytest.fixture
def workers():
    pool = Workers()
    yield pool
    pool.stop(clock.now_ns() + 5 * SECOND)


def run(workers, fn, label="job"):
    """Run a job and return an event that is set when it has ended."""
    ended = threading.Event()

    def job():
        fn()
        ended.set()

    workers.run(job, label)
    return ended


def wait_idle(workers):
    """Return once every thread has rejoined the pool."""
    deadline_ns = clock.now_ns() + 5 * SECOND
    while workers._busy:
        assert clock.now_ns() < deadline_ns


def test_a_job_runs_once_on_a_thread_of_its_own(workers):
    names = []
    assert run(workers, lambda: names.append(threading.current_thread().name)).wait(5)

    assert ["epoll-worker-1"] == names


def test_an_idle_thread_is_used_again(workers):
    names = []
    for _ in range(5):
        assert run(workers, lambda: names.append(threading.current_thread().name)).wait(5)
        wait_idle(workers)

    assert ["epoll-worker-1"] * 5 == names


def test_blocked_jobs_never_keep_the_next_one_waiting(workers):
    """No pool of a fixed size: jobs may wait for each other."""
    meeting = threading.Barrier(30)
    jobs = [run(workers, lambda: meeting.wait(5)) for _ in range(30)]

    assert [True] * 30 == [job.wait(5) for job in jobs]


def test_stop_waits_for_what_ends_in_time_and_all_threads_are_gone(workers):
    gate = threading.Event()
    jobs = [run(workers, lambda: gate.wait(5)) for _ in range(3)]
    idle = run(workers, lambda: None)
    assert idle.wait(5)
    gate.set()

    assert [] == workers.stop(clock.now_ns() + 5 * SECOND)
    assert all(job.is_set() for job in jobs)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("epoll-worker")]


def test_what_does_not_end_is_named_with_its_stack_and_only_with_the_tests_own_frames():
    workers = Workers()
    gate, has_begun = threading.Event(), threading.Event()

    def stands_here():
        has_begun.set()
        gate.wait(5)

    ended = run(workers, stands_here, label="the job")
    assert has_begun.wait(5)
    running = workers.stop(clock.now_ns())
    gate.set()

    assert ["the job"] == [label for label, _ in running]
    assert ["job", "stands_here"] == re.findall(r"test_workers\.py\", line \d+, in (\w+)", running[0][1])
    assert "_bootstrap" not in running[0][1]
    assert ended.wait(5)


def test_after_stop_nothing_runs(workers):
    workers.stop(clock.now_ns())
    ran = run(workers, lambda: None)

    assert not ran.is_set()
    assert [] == workers.stop(clock.now_ns())


def test_threads_are_daemons(workers):
    """An interpreter that exits must not wait for a handler that hangs."""
    found = []
    assert run(workers, lambda: found.append(threading.current_thread().daemon)).wait(5)

    assert [True] == found
