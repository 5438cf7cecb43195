"""A process that runs one server and answers questions about it: `python -m benchmarks.host NAME OPTIONS`.

Lines of JSON on both pipes. It says `{"port": n}` once the server runs, then answers `{"do": NAME}` with
`{"result": ...}`, and ends with its standard input. What goes wrong is `{"error": "..."}`, one line.

The server is alone here with a main thread that sleeps in `read`, so what getrusage(2) says of the process is the
server's: user and system time of all its threads, and nothing of the client's.
"""

from __future__ import annotations

import gc
import json
import resource
import select
import sys
import tracemalloc
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from benchmarks.contestants import BY_NAME, Contestant

if TYPE_CHECKING:
    from collections.abc import Callable


class CountingEpoll:
    """Stands in for `select.epoll` and counts how often it was asked and how many events it gave."""

    made = select.epoll
    wakeups = 0
    events = 0

    def __init__(self) -> None:
        self._epoll = self.made()
        self.register = self._epoll.register
        self.modify = self._epoll.modify
        self.unregister = self._epoll.unregister
        self.fileno = self._epoll.fileno
        self.close = self._epoll.close

    def poll(self, timeout: float | None = None, maxevents: int = -1) -> list[tuple[int, int]]:
        events = self._epoll.poll(timeout, maxevents)
        CountingEpoll.wakeups += 1
        CountingEpoll.events += len(events)
        return events


def usage() -> dict[str, int]:
    """What this process has used so far: CPU time in ns, and how often it slept."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_ns": round((used.ru_utime + used.ru_stime) * 1e9), "sleeps": used.ru_nvcsw}


def _counts() -> dict[str, int]:
    return {"wakeups": CountingEpoll.wakeups, "events": CountingEpoll.events}


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def first_line(error: BaseException) -> str:
    """Return an exception in one line."""
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"


def _say(message: dict[str, object]) -> None:
    print(json.dumps(message), flush=True)


def serve(start: Callable[..., Contestant], options: dict[str, Any]) -> None:
    """Start a server and answer questions until standard input ends."""
    if options.pop("counts_wakeups", False):
        # A server finds the stand-in if it looks `select.epoll` up when it starts, as ours and the raw loop do.
        select.epoll = CountingEpoll  # type: ignore[misc,assignment]
    if options.pop("traces_memory", False):
        tracemalloc.start()
    try:
        contestant = start(**options)
    except Exception as error:
        _say({"error": first_line(error)})
        return
    actions = {"usage": usage, "counts": _counts, "traced": _traced, "collect": gc.collect, **contestant.actions}
    _say({"port": contestant.port})
    for line in sys.stdin:
        try:
            _say({"result": actions[json.loads(line)["do"]]()})
        except Exception as error:
            _say({"error": first_line(error)})
    # What a server has against its end is no figure; that it did not serve has been seen by then.
    with suppress(Exception):
        contestant.stop()


if __name__ == "__main__":
    serve(BY_NAME[sys.argv[1]], json.loads(sys.argv[2]))
