"""Faults: misbehaviour as values. One file a fault, and no other file knows its name.

A fault is a frozen value with `through(acts) -> acts`: a pure function that rewrites what the server is about to do.
Give it to a reply, `respond(content=b"...", fault=faults.Reset(after=137))`; several are applied from left to right.
"""

from __future__ import annotations

from pytest_epoll.faults._fault import Fault
from pytest_epoll.faults.partial_writes import PartialWrites
from pytest_epoll.faults.reset import Reset

__all__ = ("Fault", "PartialWrites", "Reset")
