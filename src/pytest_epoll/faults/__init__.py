"""Faults: misbehaviour as values. One file a fault, and no other file knows its name.

A fault is a frozen value with `through(acts) -> acts`: a pure function that rewrites what the server is about to do.
Give it to a reply, `respond(content=b"...", fault=faults.Reset(after=137))`; several are applied from left to right.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from pytest_epoll.faults._at_accept import at_accept
from pytest_epoll.faults._fault import Fault
from pytest_epoll.faults._positions import before, body, chunk, content, event, half_of, header, interim

if TYPE_CHECKING:
    from pytest_epoll.faults.chunk_extensions import ChunkExtensions
    from pytest_epoll.faults.close_idle import CloseIdle
    from pytest_epoll.faults.close_on_reuse import CloseOnReuse
    from pytest_epoll.faults.corrupt import Corrupt
    from pytest_epoll.faults.delay import Delay
    from pytest_epoll.faults.extra_bytes import ExtraBytes
    from pytest_epoll.faults.garbage import Garbage
    from pytest_epoll.faults.half_close import HalfClose
    from pytest_epoll.faults.hang_up import HangUp
    from pytest_epoll.faults.malformed_chunk import MalformedChunk
    from pytest_epoll.faults.malformed_head import MalformedHead
    from pytest_epoll.faults.missing_final_chunk import MissingFinalChunk
    from pytest_epoll.faults.no_continue import NoContinue
    from pytest_epoll.faults.partial_writes import PartialWrites
    from pytest_epoll.faults.reject_continue import RejectContinue
    from pytest_epoll.faults.reset import Reset
    from pytest_epoll.faults.respond_early import RespondEarly
    from pytest_epoll.faults.slow_reads import SlowReads
    from pytest_epoll.faults.slow_writes import SlowWrites
    from pytest_epoll.faults.sometimes import Sometimes
    from pytest_epoll.faults.stall import Stall
    from pytest_epoll.faults.stop_reading import StopReading
    from pytest_epoll.faults.wait import Wait
    from pytest_epoll.faults.wrong_content_length import WrongContentLength

__all__ = (
    "ChunkExtensions",
    "CloseIdle",
    "CloseOnReuse",
    "Corrupt",
    "Delay",
    "ExtraBytes",
    "Fault",
    "Garbage",
    "HalfClose",
    "HangUp",
    "MalformedChunk",
    "MalformedHead",
    "MissingFinalChunk",
    "NoContinue",
    "PartialWrites",
    "RejectContinue",
    "Reset",
    "RespondEarly",
    "SlowReads",
    "SlowWrites",
    "Sometimes",
    "Stall",
    "StopReading",
    "Wait",
    "WrongContentLength",
    "at_accept",
    "before",
    "body",
    "chunk",
    "content",
    "event",
    "half_of",
    "header",
    "interim",
)


def __getattr__(name: str) -> object:
    """Load a fault when it is first asked for (PEP 562): a test uses few of them, and each costs a millisecond."""
    if name not in __all__:
        message = f"module 'pytest_epoll.faults' has no attribute {name!r}"
        raise AttributeError(message)
    found = globals()[name] = getattr(import_module(f"pytest_epoll.faults.{_file_of(name)}"), name)
    return found


def _file_of(name: str) -> str:
    """Return the file of a fault: its name, in the words of files."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
