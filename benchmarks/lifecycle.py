"""Start, first answer, stop: what a test pays for a server of its own. In one process, as a test has it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from benchmarks.contestants import LATE_SECONDS
from benchmarks.load import bare, open_connection, read_answer
from benchmarks.measure import ratio, spread
from benchmarks.processes import in_fresh_process
from benchmarks.raw_loop import BODY, RawLoop
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measure import Scale, Spread

STALLED = 50
_WARM_UP = 20


def startup(scale: Scale) -> Iterator[Row]:
    """Start + first answer + stop, ours and the raw loop's in turn."""
    found = in_fresh_process("benchmarks.lifecycle:measure_cycles", cycles=scale.cycles)
    ours, raw = found["ours"], found["raw"]
    cost = spread([value / 1e6 for value in ours["cpu"]])
    note = "of all threads, the client's part included"
    yield Row("startup", "CPU time of start + first answer + stop", cost, "ms", "<=", 1.0, None, note)
    note = f"{_us(ours['cpu']).median:.0f} and {_us(raw['cpu']).median:.0f} us"
    yield Row(
        "startup",
        "that against the raw loop's start + first answer + stop",
        ratio(ours["cpu"], raw["cpu"]),
        "x",
        "<=",
        1.5,
        1.25,
        note,
    )
    note = "\n".join(f"{who}: {_phases(times)}" for who, times in (("ours", ours), ("the raw loop", raw)))
    wall = ratio(ours["wall"], raw["wall"])
    yield Row("startup", "the same as wall time, which is the neighbours' affair, too", wall, "x", note=note)


def _phases(times: dict[str, list[int]]) -> str:
    phases = ", ".join(f"{name} {_us(times[name]).median:.0f}" for name in ("make", "start", "answer", "stop"))
    return f"{_us(times['wall']).median:.0f} us: {phases}"


def _us(values: list[int]) -> Spread:
    return spread([value / 1000 for value in values])


def stop(scale: Scale) -> Iterator[Row]:
    """Stop with connections whose answers are still due."""
    found = in_fresh_process("benchmarks.lifecycle:measure_stops", cycles=max(20, scale.cycles // 6))
    goal = _us(found["raw"]).median / 1000
    cost = spread([value / 1e6 for value in found["stop"]])
    theirs = _us(found["raw_stop"]).median
    note = f"the goal is the raw loop's whole cycle; the raw loop's stop with as many: {theirs:.0f} us"
    what = f"CPU time of stop with {STALLED} stalled connections"
    yield Row("stop", what, cost, "ms", "<=", 1.0, round(goal, 3), note)


def _ask(port: int) -> Any:
    sock = open_connection(port)
    sock.sendall(bare())
    read_answer(sock)
    return sock


def _cycle(make: Callable[[], Any], times: dict[str, list[int]]) -> None:
    """One server's life; the client closes when the server has gone, as a test's does."""
    now, cpu = time.perf_counter_ns, time.process_time_ns
    begin_cpu, begin = cpu(), now()
    server = make()
    made = now()
    server.start()
    started = now()
    client = _ask(server.port)
    answered = now()
    server.stop()
    stopped, stopped_cpu = now(), cpu()
    client.close()
    times["make"].append(made - begin)
    times["start"].append(started - made)
    times["answer"].append(answered - started)
    times["stop"].append(stopped - answered)
    times["wall"].append(stopped - begin)
    times["cpu"].append(stopped_cpu - begin_cpu)


def _ours() -> Any:
    from pytest_epoll import EpollServer

    server = EpollServer()
    server.get("/").respond(content=BODY)
    return server


def measure_cycles(*, cycles: int) -> dict[str, dict[str, list[int]]]:
    """Let ours and the raw loop live in turn; return what each phase took, in ns."""
    found: dict[str, dict[str, list[int]]] = {}
    for count in (_WARM_UP, cycles):
        found = {who: {"make": [], "start": [], "answer": [], "stop": [], "wall": [], "cpu": []} for who in _MAKERS}
        for turn in range(count):
            for who in (list(_MAKERS), list(reversed(_MAKERS)))[turn % 2]:
                _cycle(_MAKERS[who], found[who])
    return found


_MAKERS: dict[str, Callable[[], Any]] = {"ours": _ours, "raw": RawLoop}


def _stop_ours() -> int:
    server = _ours()
    server.get("/late").respond(content=BODY, delay=LATE_SECONDS)
    server.start()
    with ExitStack() as clients:
        for _ in range(STALLED):
            clients.enter_context(open_connection(server.port)).sendall(bare("/late"))
        server.wait_for_requests(STALLED)
        begin = time.process_time_ns()
        server.stop()
        return time.process_time_ns() - begin


def _stop_raw() -> int:
    server = RawLoop()
    server.start()
    with ExitStack() as clients:
        for _ in range(STALLED):
            clients.enter_context(_ask(server.port))
        begin = time.process_time_ns()
        server.stop()
        return time.process_time_ns() - begin


def measure_stops(*, cycles: int) -> dict[str, list[int]]:
    """Stop servers with stalled connections; return what it took, in ns, and what a raw loop's whole life takes."""
    found: dict[str, list[int]] = {}
    for count in (3, cycles):
        raw_times: dict[str, list[int]] = {"make": [], "start": [], "answer": [], "stop": [], "wall": [], "cpu": []}
        found = {"stop": [], "raw_stop": []}
        for _ in range(count):
            found["stop"].append(_stop_ours())
            found["raw_stop"].append(_stop_raw())
            _cycle(RawLoop, raw_times)
        found["raw"] = raw_times["cpu"]
    return found
