"""One picture of a run: what is promised, who is how fast, and what grows. Drawn if matplotlib is there."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.table import number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.table import Row

WIDTH, LABELS, ROW, GAP = 11.5, 4.9, 0.24, 0.75
"""Inches: the picture, the names of the rows, a row, and what is between two panels."""

INK, PALE, GRID = "#22303c", "#8a97a3", "#dde3e8"
COLOURS = {"goal": "#1a8f6a", "bar": "#3b82c4", "MISSED": "#d1495b", "short of goal": "#e0a030", "": "#b8c2cb"}
MEANING = {
    "goal": "goal reached",
    "bar": "bar reached",
    "short of goal": "no bar, short of the goal",
    "MISSED": "bar missed",
}


def draw(rows: Sequence[Row], title: str, paths: Sequence[Path]) -> str | None:
    """Draw what was measured into each of the files, whose endings say how; return why not, if not."""
    try:
        matplotlib = import_module("matplotlib")
    except ModuleNotFoundError:
        return "no plot: matplotlib is not installed; the extra `bench` has it"
    matplotlib.use("agg")
    matplotlib.rcParams.update({"font.family": "sans-serif", "font.size": 9, "svg.fonttype": "none", "text.color": INK})
    panels = [
        (_budgets, [row for row in rows if row.sign and row.value is not None]),
        (_contestants, [row for row in rows if row.benchmark == "throughput" and row.unit == "x"]),
        (_others, [row for row in rows if _is_plain_ratio(row)]),
    ]
    panels = [(paint, chosen) for paint, chosen in panels if chosen]
    if not panels:
        return "no plot: nothing that could be drawn was measured"
    pyplot = import_module("matplotlib.pyplot")
    heights = [(len(chosen) + 1) * ROW for _, chosen in panels]
    height = sum(heights) + GAP * len(panels) + 0.6
    figure = pyplot.figure(figsize=(WIDTH, height))
    top = height - 0.6
    for (paint, chosen), tall in zip(panels, heights, strict=True):
        top -= tall + GAP
        paint(
            figure.add_axes((LABELS / WIDTH, (top + GAP * 0.6) / height, 1 - (LABELS + 0.2) / WIDTH, tall / height)),
            chosen,
        )
    figure.text(0.15 / WIDTH, 1 - 0.12 / height, title, va="top", fontsize=8, color=PALE)
    for path in paths:
        figure.savefig(path, dpi=110)
    pyplot.close(figure)
    return None


def _is_plain_ratio(row: Row) -> bool:
    return row.unit == "x" and not row.sign and row.value is not None and row.benchmark in {"growth", "idle"}


def _prepare(axis: Any, rows: Sequence[Row], title: str, labels: Sequence[str]) -> None:
    axis.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK)
    axis.set_yticks(range(len(rows)), labels)
    axis.invert_yaxis()
    axis.tick_params(length=0, colors=INK)
    axis.grid(visible=True, axis="x", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.spines["bottom"].set_color(GRID)


def share_of_limit(row: Row) -> float:
    """Return how much of its bar (its goal if it has none) a figure uses up: 1 is just enough, less is better."""
    limit = row.bar if row.bar is not None else row.goal
    value = row.value
    assert limit is not None
    assert value is not None
    if limit == 0:
        return 0.0 if value == 0 else 2.0
    return limit / value if row.sign == ">=" else value / limit


def _budgets(axis: Any, rows: Sequence[Row]) -> None:
    shares = [min(share_of_limit(row), 2.0) for row in rows]
    colours = [COLOURS[row.verdict] for row in rows]
    _prepare(axis, rows, "Budgets: how much of what is allowed is used", [row.what for row in rows])
    axis.hlines(range(len(rows)), 0, shares, color=colours, linewidth=5)
    axis.axvline(1, color=INK, linewidth=1)
    axis.text(1, -0.75, " the bar", va="center", color=INK, fontsize=8)
    for place, (row, share) in enumerate(zip(rows, shares, strict=True)):
        assert row.value is not None
        limit = row.bar if row.bar is not None else row.goal
        text = f" {number(row.value)} {row.unit}  ({row.sign} {limit:g})"
        at = 1.0 if 0.45 < share < 1 else share  # not across the line
        axis.text(at, place, text, va="center", fontsize=8, color=INK)
    axis.set_xlim(0, 2.45)
    axis.set_xticks((0, 0.5, 1, 1.5, 2), ("0", "half", "", "", "twice"))
    seen = [verdict for verdict in MEANING if verdict in {row.verdict for row in rows}]
    handles = [axis.plot([], [], color=COLOURS[verdict], linewidth=5)[0] for verdict in seen]
    axis.legend(handles, [MEANING[verdict] for verdict in seen], loc="lower right", frameon=False, fontsize=8)


def _contestants(axis: Any, rows: Sequence[Row]) -> None:
    raw = "a raw loop that parses nothing"
    names = [raw, *(row.what.removeprefix("answers of ").partition(" against ")[0] for row in rows)]
    values = [1.0, *(row.value or 0.0 for row in rows)]
    _prepare(axis, names, "Answers a second of CPU time, 13 bytes, keep-alive", names)  # type: ignore[arg-type]
    colours = [PALE, *(COLOURS["goal"] if row.what.startswith("answers of pytest-epoll") else PALE for row in rows)]
    axis.barh(range(len(names)), values, color=colours, height=0.6)
    ends = [1.0, *(row.figure.high if isinstance(row.figure, tuple) else 0.0 for row in rows)]
    for place, (value, end) in enumerate(zip(values, ends, strict=True)):
        axis.text(end, place, f" {number(value)}" if value else " not measured", va="center", fontsize=8, color=INK)
    for place, row in enumerate(rows, 1):
        if isinstance(row.figure, tuple):
            axis.hlines(place, row.figure.low, row.figure.high, color=INK, linewidth=1)
    axis.set_xlim(0, 1.12)


def _others(axis: Any, rows: Sequence[Row]) -> None:
    values = [row.value or 0.0 for row in rows]
    _prepare(axis, rows, "Further ratios, of which nothing is promised (log scale)", [row.what for row in rows])
    axis.set_xscale("log")
    axis.hlines(range(len(rows)), 1, values, color=PALE, linewidth=2)
    axis.plot(values, range(len(rows)), "o", color=INK, markersize=4)
    axis.axvline(1, color=INK, linewidth=1)
    for place, value in enumerate(values):
        axis.text(value, place, f"   {number(value)}x", va="center", fontsize=8, color=INK)
    axis.set_xlim(min(0.8, *values) * 0.9, max(values) * 2)
    axis.minorticks_off()
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100) if tick <= max(values) * 2]
    axis.set_xticks(ticks, [f"{tick}x" for tick in ticks])
