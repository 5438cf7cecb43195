"""Choices that can be repeated."""

from collections import Counter

from pytest_epoll import faults
from pytest_epoll._reporting import chance_text
from pytest_epoll._serving.chance import Chance

HALF = faults.Sometimes(faults.Reset(), 0.5)


def choices(seed, key=(0, 0, 0), times=64, fault=HALF):
    chance = Chance(seed)
    return [chance.draw(fault, key) is not None for _ in range(times)]


def test_the_same_seed_gives_the_same_choices():
    assert choices(7) == choices(7)


def test_they_are_these_in_every_release():
    """A seed that somebody has written down must not lose its meaning."""
    assert "0010111111111100" == "".join(str(int(one)) for one in choices(0, times=16))


def test_another_seed_place_or_route_gives_others():
    runs = [choices(0), choices(1), choices(-1), choices(0, (0, 0, 1)), choices(0, (0, 1, 0)), choices(0, (1, 0, 0))]

    assert len(runs) == len(set(map(tuple, runs)))


def test_what_is_drawn_for_one_does_not_depend_on_the_others():
    chance = Chance(3)
    mixed = []
    for number in range(64):
        mixed.append(chance.draw(HALF, (0, 0, 0)) is not None)
        for other in range(number % 3):
            chance.draw(HALF, (9, other))

    assert choices(3) == mixed


def test_neighbouring_seeds_have_nothing_in_common():
    firsts = Counter(tuple(choices(seed, times=3)) for seed in range(800))

    assert 8 == len(firsts)
    assert min(firsts.values()) > 60


def test_the_share_is_about_the_probability():
    assert 2700 < sum(choices(0, times=9000, fault=faults.Sometimes(faults.Reset(), 1 / 3))) < 3300


def test_a_fault_that_is_not_left_to_chance_is_itself_and_costs_no_choice():
    chance = Chance(0)
    fault = faults.Reset()

    assert (fault, {}) == (chance.draw(fault, (0, 0, 0)), chance.tallies)


def test_what_was_drawn_is_told_with_the_seed_and_how_to_repeat_it():
    chance = Chance(7)
    hits = sum(chance.draw(HALF, (0, 0, 0)) is not None for _ in range(5))
    name = "chance: faults.Sometimes(fault=faults.Reset(), probability=0.5): seed 7"

    for is_default, how in ((True, "rerun with --epoll-seed=7"), (False, "made with EpollServer(seed=7)")):
        assert [f"{name}, {how} (drawn {hits} of 5 times)"] == (
            chance_text.describe(chance.tallies.values(), 7, is_default=is_default)
        )
