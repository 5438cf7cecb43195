"""What a sweep found: an outcome for each delivery, and neighbours that came to the same thing as one range."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pytest_epoll._core.showing import count
from pytest_epoll.sweeps import _telling
from pytest_epoll.sweeps._plans import SPLIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from pytest_epoll._core.finding import Finding
    from pytest_epoll._core.response import Response

_LINES: Final = 20
"""Ranges that an `AssertionError` lists; `str()` of the sweep has all of them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one call came to.

    Attributes:
        position: how many bytes of the response were delivered; of a split, in the first of its two pieces.
        how: "fin", "rst" or "stall", and "split" of a split.
        value: what the call returned, or None.
        error: what it raised, without its traceback, or None.
        is_late: whether it was still running when the sweep's `timeout` was over, so that the server was stopped.
        is_lost: whether it did not even come back then; its thread still runs.
        requests: how many requests it sent: 2 if it has silently tried again.
        delivered: the response with the fault that was delivered, as `Route.respond_with()` takes it.
    """

    position: int
    how: str
    value: object
    error: BaseException | None
    is_late: bool
    is_lost: bool
    requests: int
    delivered: Response = field(repr=False)
    _text: _telling.Text = field(repr=False)

    @property
    def has_returned(self) -> bool:
        """Whether the call came back with a value, late or not."""
        return self.error is None and not self.is_lost

    def __str__(self) -> str:
        return str(Range((self,)))


class Range:
    """Neighbouring positions at which calls came to the same thing.

    Attributes:
        outcomes: one or more, in order.
    """

    __slots__ = ("outcomes",)

    def __init__(self, outcomes: tuple[Outcome, ...]) -> None:
        self.outcomes = outcomes

    @property
    def first(self) -> int:
        """The first position."""
        return self.outcomes[0].position

    @property
    def last(self) -> int:
        """The last position; the same as the first if there is but one."""
        return self.outcomes[-1].position

    @property
    def how(self) -> str:
        """How they were delivered: "fin", "rst", "stall" or "split"."""
        return self.outcomes[0].how

    @property
    def what(self) -> str:
        """What the calls came to, in words; numbers that differ as "first..last"."""
        return _telling.written(self.outcomes[0]._text, self.outcomes[-1]._text)  # noqa: SLF001 - the same module

    def __len__(self) -> int:
        return len(self.outcomes)

    def __repr__(self) -> str:
        return f"<Range {self}>"

    def __str__(self) -> str:
        where = f"byte {self.first}" if self.first == self.last else f"bytes {self.first}-{self.last}"
        return f"{where}, {self.how}: {self.what}"


class Sweep:
    """What came out of a sweep; `str()` of it has a line for each range.

    Attributes:
        whole: what the call came to with the whole response, before anything was cut.
        outcomes: one for each delivery, in order: fin, rst, stall, and each from the first byte to the last.
        findings: deliveries that could not be exact, or were not what they should have been.
        untried: how many deliveries were given up because too many calls never came back.
    """

    __slots__ = ("_call", "findings", "outcomes", "untried", "whole")

    def __init__(
        self, call: str, whole: Outcome, outcomes: Iterable[Outcome], findings: Iterable[Finding], untried: int
    ) -> None:
        self._call = call
        self.whole = whole
        self.outcomes = tuple(outcomes)
        self.findings = tuple(findings)
        self.untried = untried

    def ranges(self) -> list[Range]:
        """Return the outcomes with equal neighbours merged.

        Two are equal if they came to the same kind of exception with the same words, whatever the numbers in them, or
        returned what prints the same: of a body, how many of its bytes are there may differ, and any other number if it
        moves in step with the position, as a length does. Addresses and ports never count.
        """
        return [
            Range(tuple(merged))
            for _, group in groupby(self.outcomes, lambda one: one.how)
            for merged in _merged(group)
        ]

    def assert_none_returned(self) -> None:
        """Raise unless each call raised, and in time: no cut was taken for a complete response, none made it hang.

        Raises:
            AssertionError: a call returned or did not come back in time; so did the whole response not, and then that a
                cut raises shows nothing; or a delivery was not exact. It shows the ranges, and code to paste for the
                first of them.
        """
        __tracebackhide__ = True
        if not self.whole.has_returned:
            message = f"{self._call} fails with the whole response, too, so a cut proves nothing\n  {self._whole()}"
            raise AssertionError(message)
        self._judge(lambda one: one.has_returned or one.is_late, ("returned", "did not come back in time"))

    def assert_same_as_whole(self) -> None:
        """Raise unless each call came to what the whole response came to, and in time: for splits.

        Raises:
            AssertionError: a call came to something else, or a delivery was not exact. It shows the ranges, and code to
                paste for the first of them.
        """
        __tracebackhide__ = True
        whole = self.whole._text  # noqa: SLF001 - the same module
        is_other = lambda one: one.is_late or not _telling.is_same(one._text, whole)  # noqa: E731, SLF001
        self._judge(is_other, ("did not come to what the whole response came to", "did not come back in time"))

    def _judge(self, is_wrong: Callable[[Outcome], bool], verdicts: tuple[str, str]) -> None:
        """Raise about the wrong ones, with one verdict on those that came back in time and one on the others."""
        __tracebackhide__ = True
        wrong = [found for found in self.ranges() if is_wrong(found.outcomes[0])]
        number = sum(map(len, wrong))
        verdict = " or ".join(verdicts[late] for late in sorted({found.outcomes[0].is_late for found in wrong}))
        lines = [f"{number} of {count(len(self.outcomes), 'call')} of {self._call} {verdict}"] if wrong else []
        lines += _shortened([f"  {found}" for found in wrong])
        if wrong:
            lines.append(f"  {self._whole()}")
        lines += self._not_tried()
        lines += _shortened([str(finding) for finding in self.findings])
        if wrong:
            lines += ["to see the first one:", "", *code_to_paste(wrong[0].outcomes[0], self._call)]
        if lines:
            raise AssertionError("\n".join(lines))

    def _whole(self) -> str:
        text = self.whole._text  # noqa: SLF001 - the same module
        return f"whole: {_telling.written(text, text)}"

    def _not_tried(self) -> list[str]:
        return [f"{count(self.untried, 'delivery', 'deliveries')} not tried, {_GIVEN_UP}"] if self.untried else []

    def __repr__(self) -> str:
        return f"<Sweep of {count(len(self.outcomes), 'call')} of {self._call}, {count(len(self.ranges()), 'range')}>"

    def __str__(self) -> str:
        lines = [f"{count(len(self.outcomes), 'call')} of {self._call}", self._whole(), *map(str, self.ranges())]
        return "\n".join([*lines, *self._not_tried(), *map(str, self.findings)])


_GIVEN_UP: Final = "as too many calls never came back"


def _merged(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    run: list[Outcome] = []
    moving: tuple[int, ...] | None = None
    for outcome in outcomes:
        found = _steps(run[-1], outcome) if run else None
        if found is None or (moving is not None and found != moving):
            if run:
                yield run
            run, moving = [outcome], None
        else:
            run.append(outcome)
            moving = found
    if run:
        yield run


def _steps(one: Outcome, other: Outcome) -> tuple[int, ...] | None:
    return _telling.steps(one._text, other._text, other.position - one.position)  # noqa: SLF001 - the same module


def _shortened(lines: Sequence[str]) -> list[str]:
    if len(lines) <= _LINES:
        return list(lines)
    return [*lines[: _LINES - 1], f"  ... and {len(lines) - _LINES + 1} more"]


def code_to_paste(outcome: Outcome, call: str) -> list[str]:
    """Return a test that meets one call with what it met."""
    where = f"{'split' if outcome.how == SPLIT else outcome.how}_after_{outcome.position}_bytes"
    return [
        "from pytest_epoll import Response, faults",
        "",
        "",
        f"def test_{where}(epoll_server):",
        f"    epoll_server.route().respond_with({outcome.delivered!r})",
        "",
        f"    {call}(epoll_server.url)",
    ]
