"""The one place that reads time.

Facts: freezegun and time-machine replace `time.time`, `time.monotonic`, `time.monotonic_ns` and their kin in every
module, also where they were imported by name; `time.clock_gettime_ns` they leave alone. Frozen time in a test must
not stop the server, so that is what we read. One reading costs some 50 ns.
"""

from __future__ import annotations

import time
from functools import partial

now_ns = partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC)
"""Monotonic nanoseconds; a `partial`, because a Python function around the call would double its price."""

_epoch_ns: int | None = None


def start_epoch() -> None:
    """Let public times count from now, unless a server of this process started before."""
    global _epoch_ns  # noqa: PLW0603 - one clock for all servers of the process is the point
    if _epoch_ns is None:
        _epoch_ns = now_ns()


def seconds(at_ns: int) -> float:
    """Return an instant as the seconds since the process's first server started."""
    return (at_ns - (_epoch_ns or 0)) / 1e9


def to_ns(duration: float) -> int:
    """Return a duration in seconds as whole nanoseconds."""
    return round(duration * 1e9)
