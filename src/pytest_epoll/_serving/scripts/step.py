"""A step of a script, as a value: its code, what it does, and what it means to it that the client has gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_epoll._core.acts import Acts
    from pytest_epoll._serving.scripts.play import Play

FAILS: Final = "fails"
"""It needs the client: one that never comes, or that the client leaves unfinished, is a finding."""
MET: Final = "met"
"""The client's goodbye is one of the things that it waits for."""
LEFT: Final = "left"
"""It may be left in the middle, but not untouched."""
SKIPPED: Final = "skipped"
"""It is our own goodbye; there is nobody left to say it to."""


class StepFailedError(Exception):
    """A step could not be done; the text says why."""


class ClientLeftError(StepFailedError):
    """A step could not be done, because the client has left."""


class ConnectionOverError(Exception):
    """A function or an answer has ended the connection, and steps may be left; the text says so."""


class ScriptBrokenError(Exception):
    """A function has raised, which is a finding of its own, or a fault has acted: the script is over."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Step:
    """One step; made by the functions of `pytest_epoll.steps`."""

    code: str
    acts: Callable[[Play], Acts]
    on_goodbye: str = FAILS
    mark: str | None = None  # what it calls the place, if that is all it does
    waits_for_time: bool = False  # it is over by itself, so the verdict waits for it
    is_last: bool = False  # nothing but marks may follow
    sends: bool = False  # it can't come behind our FIN
    is_half_close: bool = False
    times: int = 1
    parts: tuple[Step, ...] = ()

    def __repr__(self) -> str:
        return f"steps.{self.code}"


def unrolled(steps: Iterable[Step], where: str = "step ") -> Iterator[tuple[str, Step]]:
    """Yield the steps one by one, repeated ones as often as they come, each with its place in words."""
    for number, step in enumerate(steps, 1):
        if not step.parts:
            yield f"{where}{number}", step
            continue
        for turn in range(1, step.times + 1):
            yield from unrolled(step.parts, f"{where}{number}, round {turn} of {step.times}, step ")
