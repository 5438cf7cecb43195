"""A plugin that runs the tests of each kind in blocks that take turns, and notes what a test of each block took.

One process for all kinds, so that they meet the same machine, the same interpreter and the same heap. In a run without
our plugin (`--surrogate`) there are two kinds: an empty test while the hooks that our plugin runs for each test are
registered, and the same while they are not.
"""

from __future__ import annotations

import gc
import json
import time
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ONCE = frozenset(("pytest_addoption", "pytest_addhooks", "pytest_configure"))
"""Hooks that have nothing to do with a single test."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--blocks", type=int, help="how many blocks of each kind")
    parser.addoption("--block-size", type=int, help="tests in a block")
    parser.addoption("--figures", type=Path, help="where to write what was measured, as JSON")
    parser.addoption("--surrogate", action="store_true", help="measure our hooks alone, on and off")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make as many of each test as are needed."""
    config = metafunc.config
    kinds = 2 if config.getoption("--surrogate") else 1
    turns = kinds * config.getoption("--blocks") * config.getoption("--block-size")
    metafunc.fixturenames.append("turn")
    metafunc.parametrize("turn", range(turns))


def per_test_hooks() -> ModuleType:
    """Return our plugin reduced to what it does for each test: it can come and go, which the options can't."""
    from pytest_epoll import plugin

    surrogate = ModuleType("per_test_hooks")
    for name, value in vars(plugin).items():
        if name.startswith("pytest_") and name not in ONCE:
            setattr(surrogate, name, value)
    return surrogate


def _blocks(items: list[pytest.Item], size: int) -> Iterator[tuple[str, list[pytest.Item]]]:
    """Yield blocks of tests of one kind, the kinds in turn, each other round in reverse order."""
    by_kind: dict[str, list[pytest.Item]] = {}
    for item in items:
        by_kind.setdefault(item.name.partition("[")[0], []).append(item)
    for begin in range(0, len(next(iter(by_kind.values()))), size):
        kinds = list(by_kind.items())
        for kind, tests in kinds if begin // size % 2 else reversed(kinds):
            yield kind, tests[begin : begin + size]


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    config = session.config
    surrogate = per_test_hooks() if config.getoption("--surrogate") else None
    blocks = list(_blocks(session.items, config.getoption("--block-size")))
    following = dict(pairwise(item for _, block in blocks for item in block))
    if surrogate is not None:
        gc.disable()  # a collection in one block and not in the next is most of the noise, and none of our doing
    figures: dict[str, dict[str, list[float]]] = {}
    for index, (name, block) in enumerate(blocks):
        kind = name
        if surrogate is not None:
            config.pluginmanager.register(surrogate)  # also where it goes again at once: that leaves its traces, too
            if index // 2 % 2 == index % 2:  # on, off, off, on
                kind = f"{name}, with our hooks"
            else:
                config.pluginmanager.unregister(surrogate)
        cpu_ns, wall_ns = time.process_time_ns(), time.perf_counter_ns()
        for item in block:
            config.hook.pytest_runtest_protocol(item=item, nextitem=following.get(item))
        wall_ns, cpu_ns = time.perf_counter_ns() - wall_ns, time.process_time_ns() - cpu_ns
        if surrogate is not None and config.pluginmanager.is_registered(surrogate):
            config.pluginmanager.unregister(surrogate)
        figure = figures.setdefault(kind, {"cpu_us": [], "wall_us": []})
        figure["cpu_us"].append(cpu_ns / 1000 / len(block))
        figure["wall_us"].append(wall_ns / 1000 / len(block))
    assert not session.testsfailed, f"{session.testsfailed} tests failed"
    config.getoption("--figures").write_text(json.dumps(figures))
    return True
