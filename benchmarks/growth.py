"""What a request costs as things get more: routes, records, fields, pipelined requests, chunks, bytes, connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.arena import Arena
from benchmarks.contestants import LATE_PATH, route_path
from benchmarks.load import bare, with_body, with_chunks, with_fields
from benchmarks.measure import Subject, interleave, ratio, spread
from benchmarks.raw_loop import BODY
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measure import Scale

ROUTES = 1000
RECORDS = 100_000
PIPELINED = 16
CHUNKS = 10_000
DELAYS = 10_000
BUSY = 1000
FIELDS = ((10, 1.25), (100, 2.5))
SIZES = (1024, 64 * 1024, 1024 * 1024)


def growth(scale: Scale) -> Iterator[Row]:
    """All of them."""
    for part in (_routes, _records, _fields, _pipelining, _chunks, _delays, _busy, _replies, _uploads):
        yield from part(scale)


def _row(what: str, subjects: list[Subject], scale: Scale, bar: float | None, goal: float | None) -> Row:
    """Compare the second subject with the first."""
    few, many = interleave(subjects, scale)
    note = f"{few.median_us:.2f} and {many.median_us:.2f} us a request"
    sign = "" if bar is goal is None else "<="
    return Row("growth", what, ratio(many.cpu_us, few.cpu_us), "x", sign, bar, goal, note)


def _routes(scale: Scale) -> Iterator[Row]:
    with Arena() as arena:
        subjects = [
            arena.subject("1 route", "epoll", bare(route_path(0)), routes=1),
            arena.subject(f"{ROUTES} routes", "epoll", bare(route_path(ROUTES - 1)), routes=ROUTES),
        ]
        yield _row(f"{ROUTES:,} exact paths, the last one asked, against 1", subjects, scale, 1.1, 1.05)
    with Arena() as arena:
        paths = [bare(route_path(index)) for index in range(ROUTES)]
        one, many = arena.host("epoll", routes=1), arena.host("epoll", routes=ROUTES)
        subjects = [
            # The same client loop for both: it takes the next of many requests, which here are alike.
            Subject("1 route", one, arena.load(one, [paths[0]] * ROUTES)),
            Subject("each in turn", many, arena.load(many, paths)),
        ]
        yield _row(f"{ROUTES:,} exact paths, asked in turn, against 1", subjects, scale, 1.1, 1.05)


def _records(scale: Scale) -> Iterator[Row]:
    with Arena() as arena:
        none, many = (arena.subject(name, "epoll") for name in ("none", "many"))
        none.before = lambda: none.host.do("clear")
        records = RECORDS // 10 if scale.is_quick else RECORDS
        while many.host.do("recorded") < records:
            many.load.run(100)
        yield _row(f"{records:,} recorded requests and more against none", [none, many], scale, 1.1, 1.05)


def _fields(scale: Scale) -> Iterator[Row]:
    for count, bar in FIELDS:
        with Arena() as arena:
            subjects = [arena.subject(f"{fields}", "epoll", with_fields(fields)) for fields in (1, count)]
            raw = [arena.subject(f"{fields}", "raw", with_fields(fields)) for fields in (1, count)]
            few, many, raw_few, raw_many = interleave([*subjects, *raw], scale)
            note = (
                f"{few.median_us:.2f} and {many.median_us:.2f} us a request; "
                f"the raw loop: {raw_few.median_us:.2f} and {raw_many.median_us:.2f}"
            )
            what = f"{count} header fields against 1"
            yield Row("growth", what, ratio(many.cpu_us, few.cpu_us), "x", "<=", bar, None, note)


def _pipelining(scale: Scale) -> Iterator[Row]:
    with Arena() as arena:
        subjects = [arena.subject(f"{depth}", "epoll", pipeline=depth) for depth in (1, PIPELINED)]
        yield _row(f"{PIPELINED} pipelined requests against 1", subjects, scale, None, 0.5)


def _chunks(scale: Scale) -> Iterator[Row]:
    with Arena() as arena:
        hosts = [arena.host("epoll") for _ in range(2)]
        subjects = [
            Subject(f"{count}", host, arena.load(host, with_chunks(count), connections=8), _clear(host.do))
            for host, count in zip(hosts, (1, CHUNKS), strict=True)
        ]
        few, many = interleave(subjects, scale)
        costs = [(b - a) / (CHUNKS - 1) for a, b in zip(few.cpu_us, many.cpu_us, strict=True)]
        note = f"a request of 1 chunk {few.median_us:.2f} us, of {CHUNKS:,} chunks {many.median_us:,.0f} us"
        yield Row("growth", "a chunk of eight bytes in a request", spread(costs), "us", "<=", 2.0, None, note)


def _clear(do: Callable[[str], object]) -> Callable[[], object]:
    return lambda: do("clear")


def _delays(scale: Scale) -> Iterator[Row]:
    with Arena() as arena:
        subjects = []
        for count in (10, DELAYS // 10 if scale.is_quick else DELAYS):
            subject = arena.subject(f"{count}", "epoll")
            for sock in arena.connections(subject.host, count):
                sock.sendall(bare(LATE_PATH))
            subjects.append(subject)
        yield _row(
            f"{subjects[1].name} pending delays against 10, for an unrelated request", subjects, scale, 1.1, None
        )


def _busy(scale: Scale) -> Iterator[Row]:
    with Arena() as arena:
        subjects = []
        for contestant in ("epoll", "raw"):
            for count in (64, BUSY):
                host = arena.host(contestant)
                subjects.append(Subject(contestant, host, arena.load(host, bare(), connections=count)))
        few, many, raw_few, raw_many = interleave(subjects, scale)
        theirs = ratio(raw_many.cpu_us, raw_few.cpu_us).median
        note = f"{few.median_us:.2f} and {many.median_us:.2f} us a request; the raw loop's grows {theirs:.2f} times"
        what = f"{BUSY:,} busy connections against 64"
        yield Row("growth", what, ratio(many.cpu_us, few.cpu_us), "x", "<=", 1.3, None, note)


def _replies(scale: Scale) -> Iterator[Row]:
    for size in SIZES:
        with Arena() as arena:
            ours = arena.host("epoll", body=size)
            raw = arena.host("raw_body", body=size, request_size=len(bare()))
            subjects = [
                Subject("raw", raw, arena.load(raw, bare(), connections=8)),
                Subject("ours", ours, arena.load(ours, bare(), connections=8), _clear(ours.do)),
            ]
            yield _row(f"a reply of {size // 1024} KiB, against the raw loop", subjects, scale, None, None)


def _uploads(scale: Scale) -> Iterator[Row]:
    for size in SIZES:
        with Arena() as arena:
            request = with_body(size)
            ours = arena.host("epoll", body=len(BODY))
            raw = arena.host("raw_body", request_size=len(request))
            subjects = [
                Subject("raw", raw, arena.load(raw, request, connections=8)),
                Subject("ours", ours, arena.load(ours, request, connections=8), _clear(ours.do)),
            ]
            yield _row(f"a request of {size // 1024} KiB, against the raw loop", subjects, scale, None, None)
