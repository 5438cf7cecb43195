"""Rows, and how they are printed and judged."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.measure import Spread

HEADINGS = ("what", "measured", "quartiles", "bar", "goal", "")
_WIDTHS = (66, 14, 18, 13, 13, 12)


@dataclass(frozen=True)
class Row:
    """One figure beside the bar and the goal of the design.

    `sign` says what is good: ">=" at least the bar, "<=" at most, "" nothing was promised.
    """

    benchmark: str
    what: str
    figure: Spread | float | None
    unit: str = "x"
    sign: str = ""
    bar: float | None = None
    goal: float | None = None
    note: str = ""

    @property
    def value(self) -> float | None:
        return self.figure[0] if isinstance(self.figure, tuple) else self.figure

    @property
    def verdict(self) -> str:
        value = self.value
        if value is None:
            return "not measured" if self.sign else ""
        if not self.sign:
            return ""
        if self.goal is not None and self._is_met(value, self.goal):
            return "goal"
        if self.bar is not None:
            return "bar" if self._is_met(value, self.bar) else "MISSED"
        return "short of goal"

    def _is_met(self, value: float, limit: float) -> bool:
        return value >= limit if self.sign == ">=" else value <= limit

    def cells(self) -> tuple[str, ...]:
        spread = ""
        if isinstance(self.figure, tuple):
            spread = f"{number(self.figure.low)}..{number(self.figure.high)}"
        measured = "-" if self.value is None else f"{number(self.value)} {self.unit}"
        return (self.what, measured, spread, self._limit(self.bar), self._limit(self.goal), self.verdict)

    def _limit(self, limit: float | None) -> str:
        return "-" if limit is None else f"{self.sign} {limit:g} {self.unit}"

    def as_json(self) -> dict[str, object]:
        row = asdict(self)
        row["figure"] = self.figure._asdict() if isinstance(self.figure, tuple) else self.figure
        return {**row, "verdict": self.verdict}


def number(value: float) -> str:
    """Return a figure with as many digits as mean something."""
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if size >= 10 else f"{value:.3f}"


def _line(cells: tuple[str, ...]) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)).rstrip()


def heading() -> str:
    """Return the first lines of a table."""
    return f"{_line(HEADINGS)}\n{'-' * sum(_WIDTHS)}"


def render(row: Row) -> str:
    """Return a row as text, its note indented below it."""
    lines = [_line(row.cells()), *(f"    {line}" for line in row.note.splitlines())]
    return "\n".join(lines)


def summary(rows: list[Row]) -> str:
    """Return how many promises were kept."""
    verdicts = [row.verdict for row in rows if row.sign]
    kept = ", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("goal", "bar", "MISSED", "short of goal"))
    lines = [f"of {len(verdicts)} budgets: {kept}"]
    lines += [f"  {row.verdict}: {row.what}" for row in rows if row.verdict == "MISSED"]
    return "\n".join(lines)
