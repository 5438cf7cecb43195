from __future__ import annotations

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["pytester"]

# A busy machine must not fail an example that is merely slow.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A proxy of the environment would stand between the clients and the servers, also of processes that tests start.
for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
    os.environ.pop(name, None)
    os.environ.pop(name.upper(), None)

SETTLE_SECONDS = 2.0
"""How long a thread that is ending, or a descriptor that is being closed, may take before it counts as left over."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="run the slow tests in every variant, too")
    parser.addoption(
        "--one-mode", action="store_true", help="of what runs in both trigger modes, run the level-triggered one"
    )
    parser.addoption("--prove-times", type=int, default=20, help="how often each proof is repeated")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "trigger_mode" in metafunc.fixturenames:
        modes = ["level"] if metafunc.config.getoption("--one-mode") else ["level", "edge"]
        metafunc.parametrize("trigger_mode", modes, indirect=True)


@pytest.fixture
def prove_times(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--prove-times"))


@pytest.fixture
def trigger_mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder for Unix domain sockets, whose paths have at most 106 bytes, wherever temporary files are kept."""
    with tempfile.TemporaryDirectory(prefix="e", dir="/tmp") as name:
        yield Path(name)


def _descriptors() -> set[tuple[int, int]]:
    # The inode tells whether a number still is what it was, at a fifth of what reading the link costs.
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add((int(name), os.fstat(int(name)).st_ino))
        except OSError:
            continue  # the one of the listing itself
    return found


def _left_over(descriptors: set[tuple[int, int]], threads: set[threading.Thread]) -> list[str]:
    new = [(fd, _target(fd)) for fd, _ in sorted(_descriptors() - descriptors)]
    return [f"descriptor {fd}: {what}" for fd, what in new if _matters(what)] + [
        f"thread {thread.name}" for thread in threading.enumerate() if thread not in threads and _is_ours(thread)
    ]


def _target(fd: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""  # closed in between


def _matters(what: str) -> bool:
    # Files of pytest itself (captures, caches, logs) come and go; sockets and the loop's descriptors are ours.
    return any(kind in what for kind in ("socket:", "eventpoll", "eventfd"))


def _is_ours(thread: threading.Thread) -> bool:
    return thread.name.startswith("epoll-")


@pytest.fixture(autouse=True)
def nothing_is_left_over() -> Iterator[None]:
    """No descriptor and no thread of ours outlives a test, also a failing one."""
    descriptors, threads = _descriptors(), set(threading.enumerate())
    yield
    deadline = time.monotonic() + SETTLE_SECONDS
    while (left := _left_over(descriptors, threads)) and time.monotonic() < deadline:
        os.sched_yield()
    assert not left, "left over: " + ", ".join(left)
