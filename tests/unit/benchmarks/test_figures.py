"""The arithmetic of the benchmarks: a figure that is judged wrongly is worse than none."""

from __future__ import annotations

import pytest
from benchmarks.__main__ import BENCHMARKS
from benchmarks.load import with_body, with_chunks, with_fields
from benchmarks.measure import Figures, Spread, ratio, ratio_while_busy, spread
from benchmarks.plot import share_of_limit
from benchmarks.table import Row, render, summary


def test_a_spread_is_the_median_with_its_quartiles():
    assert Spread(median=3.0, low=2.0, high=4.0) == spread([5.0, 1.0, 4.0, 2.0, 3.0])


def test_a_ratio_is_taken_round_by_round_and_not_of_the_medians():
    assert ratio([1.0, 20.0, 3.0], [1.0, 10.0, 2.0]).median == 1.5


def test_rounds_in_which_the_raw_loop_waited_do_not_count():
    raw = Figures("raw", cpu_us=[6.0, 6.0, 6.0, 9.0], sleeps=[0.015, 0.015, 0.015, 0.1])
    ours = Figures("ours", cpu_us=[8.0, 8.0, 8.0, 8.0], sleeps=[0.015] * 4)

    found, note = ratio_while_busy(raw, ours)

    assert (0.75, 0.75, 0.75) == found
    assert note.startswith("3 of 4 rounds count")


@pytest.mark.parametrize(
    ("sign", "value", "bar", "goal", "verdict"),
    [
        (">=", 0.91, 0.7, 0.9, "goal"),
        (">=", 0.70, 0.7, 0.9, "bar"),
        (">=", 0.69, 0.7, 0.9, "MISSED"),
        ("<=", 1.0, 1.0, None, "bar"),
        ("<=", 1.01, 1.0, None, "MISSED"),
        ("<=", 0.6, None, 0.5, "short of goal"),
        ("<=", 0.0, 0, 0, "goal"),
        ("<=", 1.0, 0, 0, "MISSED"),
        ("", 5.0, None, None, ""),
        (">=", None, 0.7, 0.9, "not measured"),
    ],
)
def test_a_figure_is_judged_by_its_sign(sign, value, bar, goal, verdict):
    assert verdict == Row("x", "x", value, "x", sign, bar, goal).verdict


@pytest.mark.parametrize(
    ("sign", "value", "bar", "goal", "share"),
    [
        (">=", 1.4, 0.7, 0.9, 0.5),
        ("<=", 0.5, 1.0, None, 0.5),
        ("<=", 1.0, None, 0.5, 2.0),
        ("<=", 0.0, 0, 0, 0.0),
        ("<=", 1.0, 0, 0, 2.0),
    ],
)
def test_the_plot_shows_how_much_of_a_limit_is_used(sign, value, bar, goal, share):
    assert share == share_of_limit(Row("x", "x", value, "x", sign, bar, goal))


def test_a_line_of_the_table_has_figure_quartiles_and_verdict():
    row = Row("x", "what it is", Spread(0.8, 0.75, 0.85), "x", ">=", 0.7, 0.9, note="why")

    figures, note = render(row).splitlines()

    assert ["what", "it", "is", "0.800", "x", "0.750..0.850"] == figures.split()[:6]
    assert [">=", "0.7", "x", ">=", "0.9", "x", "bar"] == figures.split()[6:]
    assert "    why" == note


def test_the_summary_names_what_was_missed():
    rows = [Row("x", "kept", 0.8, "x", ">=", 0.7, 0.9), Row("x", "broken", 0.1, "x", ">=", 0.7, 0.9)]

    assert ["of 2 budgets: 0 goal, 1 bar, 1 MISSED, 0 short of goal", "  MISSED: broken"] == summary(rows).splitlines()


def test_the_requests_of_the_load_are_what_they_say():
    assert 100 == with_fields(100).count(b": ")
    assert b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxxx" == with_body(3)
    assert with_chunks(1).endswith(b"\r\n\r\n8\r\nchunked!\r\n0\r\n\r\n")


def test_every_benchmark_says_what_it_measures():
    assert [] == [name for name, run in BENCHMARKS.items() if not run.__doc__]
