"""`python -m benchmarks`: run all benchmarks or those named, print the table, write results and plot."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import bodies, environment, growth, idle, lifecycle, plot, plugin_cost, pollers, table, throughput
from benchmarks.load import LoadError
from benchmarks.measure import QUICK, Scale
from benchmarks.processes import ROOT, NotYet
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

BENCHMARKS: dict[str, Callable[[Scale], Iterator[Row]]] = {
    "saturation": throughput.saturation,
    "throughput": throughput.throughput,
    "httpx": throughput.like_a_client,
    "startup": lifecycle.startup,
    "stop": lifecycle.stop,
    "test": plugin_cost.in_a_test,
    "loading": plugin_cost.loading,
    "pollers": pollers.pollers,
    "idle": idle.idle,
    "growth": growth.growth,
    "bodies": bodies.bodies,
    "memory": idle.memory,
    "silence": idle.silence,
}
RESULTS = ROOT / "benchmarks" / "results"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all if none is named"
    )
    parser.add_argument("--quick", action="store_true", help="a short look, within a minute; the figures are coarse")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write results.json and the plot")
    parser.add_argument("--picture", type=Path, help="where else to draw the plot: a path without .svg and .png")
    return parser


def _rows(name: str, scale: Scale) -> Iterator[Row]:
    """Yield a benchmark's rows; one that can't be measured is a row that says so."""
    try:
        yield from BENCHMARKS[name](scale)
    except (NotYet, LoadError) as error:
        yield Row(name, "could not be measured", None, note=str(error))


def _write(folder: Path, picture: Path | None, surroundings: dict[str, object], rows: list[Row]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    found = {"environment": surroundings, "rows": [row.as_json() for row in rows]}
    (folder / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    written = ["results.json"]
    places = [folder / "plot", *([] if picture is None else [picture])]
    pictures = [place.with_suffix(ending) for place in places for ending in (".svg", ".png")]
    problem = plot.draw(rows, environment.render(surroundings), pictures)
    if problem is None:
        written += [str(path.relative_to(folder) if folder in path.parents else path) for path in pictures]
    else:
        print(problem)
    print(f"wrote {', '.join(written)} to {folder}")


def main(words: Sequence[str]) -> int:
    """Run benchmarks; return the exit status, which is about whether they ran and never about how fast."""
    parser = _parser()
    options = parser.parse_args(words)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    scale = QUICK if options.quick else Scale()
    surroundings = environment.describe()
    print(environment.render(surroundings))
    if options.quick:
        print("--quick: few and short rounds, good to see whether it runs, not to decide by")
    print()
    print(table.heading())
    begin = time.monotonic()
    rows = []
    seconds: dict[str, float] = {}
    for name in options.names or BENCHMARKS:
        begin_one = time.monotonic()
        for row in _rows(name, scale):
            print(table.render(row), flush=True)
            rows.append(row)
        seconds[name] = round(time.monotonic() - begin_one, 1)
        print()
    surroundings["seconds"] = seconds
    print(table.summary(rows))
    print(f"took {time.monotonic() - begin:.0f} s")
    _write(options.results, options.picture, surroundings, rows)
    return 0 if all(row.what != "could not be measured" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
