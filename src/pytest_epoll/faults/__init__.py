"""Faults: misbehaviour as values. One file a fault, and no other file knows its name.

A fault is a frozen value with `through(acts) -> acts`: a pure function that rewrites what the server is about to do.
Give it to a reply, `respond(content=b"...", fault=faults.Reset(after=137))`; several are applied from left to right.
"""

from __future__ import annotations

from pytest_epoll.faults._fault import Fault
from pytest_epoll.faults._positions import before, body, chunk, content, event, half_of, header, interim
from pytest_epoll.faults.close_idle import CloseIdle
from pytest_epoll.faults.close_on_reuse import CloseOnReuse
from pytest_epoll.faults.delay import Delay
from pytest_epoll.faults.half_close import HalfClose
from pytest_epoll.faults.hang_up import HangUp
from pytest_epoll.faults.partial_writes import PartialWrites
from pytest_epoll.faults.reset import Reset
from pytest_epoll.faults.slow_reads import SlowReads
from pytest_epoll.faults.slow_writes import SlowWrites
from pytest_epoll.faults.stall import Stall
from pytest_epoll.faults.stop_reading import StopReading
from pytest_epoll.faults.wait import Wait

__all__ = (
    "CloseIdle",
    "CloseOnReuse",
    "Delay",
    "Fault",
    "HalfClose",
    "HangUp",
    "PartialWrites",
    "Reset",
    "SlowReads",
    "SlowWrites",
    "Stall",
    "StopReading",
    "Wait",
    "before",
    "body",
    "chunk",
    "content",
    "event",
    "half_of",
    "header",
    "interim",
)
