"""What pytest-epoll costs a test suite: a test that uses it, a test that does not, and being there at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.measure import spread
from benchmarks.processes import ROOT, NotYet, in_fresh_process
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Scale, Spread

KINDS = ROOT / "benchmarks" / "in_pytest" / "kinds.py"
HEAVY = ("httpx", "ssl", "asyncio", "http", "email")
"""What a test suite must not pay for that uses none of it."""


def _run(*words: str, blocks: int, block_size: int) -> dict[str, dict[str, list[float]]]:
    """Run pytest with no other plugin than its own and ours; return what it measured."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "figures.json"
        # No configuration but its own, and a folder without one, so that the run is the same wherever it is started.
        options = ("-c", os.devnull, "--rootdir", folder, "-p", "no:cacheprovider", "-p", "benchmarks.in_pytest.blocks")
        sizes = (f"--blocks={blocks}", f"--block-size={block_size}", f"--figures={path}")
        done = subprocess.run(
            (sys.executable, "-m", "pytest", "-q", *options, *sizes, *words),
            cwd=ROOT,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not path.exists():
            raise NotYet(f"pytest ended with status {done.returncode}: {done.stdout[-1000:]}{done.stderr[-500:]}")
        figures: dict[str, dict[str, list[float]]] = json.loads(path.read_text())
        return figures


def _beyond(values: list[float], base: list[float], scale: float = 1.0) -> Spread:
    return spread([(value - below) / scale for value, below in zip(values, base, strict=True)])


def in_a_test(scale: Scale) -> Iterator[Row]:
    """A test that starts, asks and stops a server, over an empty one; and what an empty one pays for our hooks."""
    blocks = 8 if scale.is_quick else 25
    words = ("-p", "pytest_epoll.plugin", str(KINDS))
    found = _run(*words, blocks=blocks, block_size=10)
    empty, raw, ours, untouched = (found[f"test_{kind}"] for kind in ("empty", "raw", "epoll", "epoll_untouched"))
    cost = _beyond(ours["cpu_us"], empty["cpu_us"], 1000)
    wall = _beyond(ours["wall_us"], empty["wall_us"], 1000)
    note = f"wall time {wall.median:.2f} ms; an empty test: {spread(empty['cpu_us']).median:.0f} us of CPU time"
    yield Row("test", "a test that asks its epoll_server once, over an empty test", cost, "ms", "<=", 1.5, None, note)
    ratios = [(a - c) / (b - c) for a, b, c in zip(ours["cpu_us"], raw["cpu_us"], empty["cpu_us"], strict=True)]
    what = "that test against one with a raw loop of its own"
    note = f"the raw loop's test {_beyond(raw['cpu_us'], empty['cpu_us'], 1000).median:.2f} ms over an empty one"
    yield Row("test", what, spread(ratios), "x", "<=", None, 1.2, note)
    cost = _beyond(untouched["cpu_us"], empty["cpu_us"], 1000)
    yield Row("test", "a test that leaves its epoll_server alone, over an empty test", cost, "ms")
    found = _run("--surrogate", f"{KINDS}::test_empty", blocks=16 * blocks, block_size=12)
    without, with_hooks = found["test_empty"], found["test_empty, with our hooks"]
    cost = _beyond(with_hooks["cpu_us"], without["cpu_us"])
    usual = spread(without["cpu_us"])
    note = f"an empty test: {usual.median:.0f} us; the bar is a twentieth of it, which nobody can measure in a suite"
    bar = round(usual.median / 20)
    yield Row("test", "a test that does not use it, over an empty test without us", cost, "us", "<=", bar, 5.0, note)


def loading(scale: Scale) -> Iterator[Row]:
    """Import the plugin into a process that has pytest, and use nothing of it."""
    with TemporaryDirectory() as folder:
        # The first one compiles.
        rounds = 1 + (5 if scale.is_quick else 20)
        found = [in_fresh_process("benchmarks.plugin_cost:measure_loading", bytecode=folder) for _ in range(rounds)][1:]
    modules = found[0]["modules"]
    note = f"{len(modules)} modules: {', '.join(modules)}"
    times = spread([one["cpu_ns"] / 1e6 for one in found])
    yield Row("loading", "loading the plugin", times, "ms", "<=", 2.0, 0.5, note)
    heavy = sorted(name for name in modules if name.partition(".")[0] in HEAVY)
    note = ", ".join(heavy) or f"none of {', '.join(HEAVY)}"
    yield Row("loading", "heavy modules among them", float(len(heavy)), "", "<=", 0, 0, note)


def measure_loading() -> dict[str, object]:
    """Import the plugin once, with its bytecode compiled."""
    import pytest  # noqa: F401 - what is there before the plugin

    before = set(sys.modules)
    begin = time.process_time_ns()
    import pytest_epoll.plugin

    cpu_ns = time.process_time_ns() - begin
    return {"cpu_ns": cpu_ns, "modules": sorted(set(sys.modules) - before), "plugin": pytest_epoll.plugin.__name__}
