"""Deadlines: order, cancelling, pruning, and timers that set timers."""

import random

from pytest_epoll._eventloop.timers import Timers


def test_timers_run_in_the_order_of_their_deadlines():
    timers, seen = Timers(), []
    for due in (30, 10, 20):
        timers.at(due, lambda due=due: seen.append(due))

    assert (3, [10, 20, 30]) == (timers.run(30), seen)


def test_equal_deadlines_run_in_the_order_in_which_they_were_set():
    timers, seen = Timers(), []
    for name in "abcdef":
        timers.at(10, lambda name=name: seen.append(name))
    timers.run(10)

    assert "abcdef" == "".join(seen)


def test_only_what_is_due_runs_and_only_once():
    timers, seen = Timers(), []
    timers.at(10, lambda: seen.append(10))
    timers.at(11, lambda: seen.append(11))

    assert (0, 1, 0, 1) == (timers.run(9), timers.run(10), timers.run(10), timers.run(11))
    assert [10, 11] == seen


def test_the_next_deadline_is_the_earliest_that_was_not_cancelled():
    timers = Timers()
    assert timers.next_due_ns() is None
    early = timers.at(10, list)
    timers.at(20, list)
    assert 10 == timers.next_due_ns()
    early.cancel()

    assert (20, 1) == (timers.next_due_ns(), len(timers))


def test_a_cancelled_timer_never_runs_and_may_be_cancelled_again():
    timers, seen = Timers(), []
    timer = timers.at(10, lambda: seen.append(1))
    timer.cancel()
    timer.cancel()

    assert (0, [], 0) == (timers.run(100), seen, len(timers))
    timer.cancel()
    assert 0 == len(timers)


def test_cancelling_a_timer_that_has_run_changes_nothing():
    timers = Timers()
    timer = timers.at(10, list)
    timers.run(10)
    timer.cancel()
    timers.at(20, list)

    assert 1 == len(timers)


def test_a_timer_that_sets_a_timer_that_is_due_already_waits_for_the_next_run():
    """Else one that sets itself anew without a delay would never let the loop go on."""
    timers, seen = Timers(), []

    def again():
        seen.append(1)
        timers.at(0, again)

    timers.at(0, again)

    assert (1, 1, 1) == (timers.run(5), timers.run(5), timers.run(5))
    assert 3 == len(seen)


def test_a_timer_that_cancels_a_later_one_that_is_due_as_well():
    timers, seen = Timers(), []
    later = timers.at(20, lambda: seen.append("later"))
    timers.at(10, later.cancel)

    assert (1, []) == (timers.run(30), seen)


def test_a_timer_that_cancels_itself_while_it_runs():
    timers = Timers()
    timer = timers.at(10, lambda: timer.cancel())
    timers.run(10)

    assert 0 == len(timers)


def test_the_heap_is_pruned_when_most_of_it_is_dead_and_keeps_what_lives():
    timers, seen = Timers(), []
    many = [timers.at(due, lambda due=due: seen.append(due)) for due in range(1000)]
    for timer in many[:990]:
        timer.cancel()

    assert (10, True) == (len(timers), len(timers.heap) < 100)
    timers.run(1000)
    assert list(range(990, 1000)) == seen


def test_pruning_in_the_middle_of_a_run_loses_and_repeats_nothing():
    timers, seen = Timers(), []
    victims = [timers.at(500, lambda: seen.append("victim")) for _ in range(200)]

    def cancel_all():
        seen.append("cancelled")
        for victim in victims:
            victim.cancel()

    timers.at(10, cancel_all)
    timers.at(600, lambda: seen.append("last"))
    timers.run(1000)

    assert (["cancelled", "last"], 0) == (seen, len(timers))


def test_against_a_sorted_list():
    rng = random.Random(7)
    timers, expected, seen = Timers(), [], []
    for number in range(2000):
        due = rng.randrange(500)
        timer = timers.at(due, lambda entry=(due, number): seen.append(entry))
        if rng.random() < 0.6:
            timer.cancel()
        else:
            expected.append((due, number))
    for now in range(0, 501, 50):
        timers.run(now)
        due_now = sorted(entry for entry in expected if entry[0] <= now)

        assert due_now == seen
