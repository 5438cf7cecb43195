"""The scripts of a server, which connection meets which, and how far each has come.

Loop thread only, but for `Script` itself, which never changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

from pytest_epoll._serving.scripts.step import FAILS, LEFT, unrolled
from pytest_epoll.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.messages import ConnectionRecord
    from pytest_epoll._serving.scripts.step import Step
    from pytest_epoll.faults import Fault


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """What one connection, or every one that is not claimed otherwise, meets."""

    steps: tuple[Step, ...]
    faults: tuple[Fault, ...]
    connection: int | None
    is_optional: bool
    location: str
    index: int  # among the server's scripts, the same in a rerun; below -1, so that it is no route's and not nobody's
    title: str = ""  # of one that an attempt stands for

    @property
    def name(self) -> str:
        """How findings name it."""
        if self.title:
            return f"{self.title}, {self.location}"
        whose = "every connection" if self.connection is None else f"connection {self.connection}"
        return f"script for {whose}, {self.location}"


class Run:
    """How far one connection has come in its script."""

    __slots__ = (
        "begun",
        "failure",
        "has_lost_client",
        "is_busy",
        "is_cut",
        "is_over",
        "record",
        "script",
        "step",
        "where",
    )

    def __init__(self, script: Script, record: ConnectionRecord) -> None:
        self.script = script
        self.record = record
        self.begun = 0  # steps
        self.where = "step 1"
        self.step: Step | None = None
        self.failure: str | None = None  # in words
        self.has_lost_client = False  # that is why
        self.is_over = False  # the last step is done
        self.is_busy: Callable[[], bool] | None = None  # whether a function of it is about to do something by itself
        self.is_cut = False  # a fault of its own, or the test, has ended it

    def fail(self, why: str, *, has_lost_client: bool) -> None:
        """Note why the step that is carried out now could not be done."""
        self.failure, self.has_lost_client = why, has_lost_client

    def begin(self, where: str, step: Step) -> None:
        """Note the step that is carried out now."""
        self.begun += 1
        self.where, self.step = where, step

    def unmet(self) -> tuple[str, Step] | None:
        """Return the first step that is neither done nor met by the client's goodbye, if there is one."""
        if self.is_over or self.is_cut:
            return None
        if self.step is not None and (self.failure is not None or self.step.on_goodbye == FAILS):
            return self.where, self.step
        rest = islice(unrolled(self.script.steps), self.begun, None)
        return next(((where, step) for where, step in rest if step.on_goodbye in {FAILS, LEFT}), None)

    @property
    def must_be_awaited(self) -> bool:
        """Whether it stands at a step that will be over by itself, and needs its client; or a function runs."""
        if self.is_busy is not None and self.is_busy():
            return True
        if self.step is None or not self.step.waits_for_time or self.is_over or self.is_cut or self.failure is not None:
            return False
        return self.record.ended_ns is None and self.record.closed_by != "client"


class Attempts:
    """What the attempts of a client meet: None for one that a reply of the route meets, a script for a connection.

    Args:
        scripts: one entry an attempt, in their order.
        count_requests: how many attempts have met a reply so far.
    """

    def __init__(self, scripts: tuple[Script | None, ...], count_requests: Callable[[], int]) -> None:
        self.scripts = scripts
        self._count_requests = count_requests
        self._connections = 0

    def claim(self) -> Script | None:
        """Return the script that the connection which is accepted now meets, if it is one's turn; the last repeats."""
        turn = min(self._count_requests() + self._connections, len(self.scripts) - 1)
        script = self.scripts[turn]
        self._connections += script is not None
        return script


class ScriptBook:
    """One server's scripts."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.attempts: Attempts | None = None
        self.runs: list[Run] = []
        self.indexes = count(-2, -1)  # any thread takes the next one

    @property
    def is_empty(self) -> bool:
        """Whether no connection has anything to meet."""
        return not self.scripts and self.attempts is None

    def all(self) -> list[Script]:
        """Return the scripts, those of attempts included."""
        attempts = () if self.attempts is None else self.attempts.scripts
        return [*self.scripts, *(script for script in attempts if script is not None)]

    def add(self, script: Script, accepted: int) -> None:
        """Enter a script; so many connections have been accepted.

        Raises:
            UsageError: that connection has a script, or was accepted already.
        """
        other = next((other for other in self.scripts if other.connection == script.connection), None)
        if other is not None:
            whose = "every other connection" if script.connection is None else f"connection {script.connection}"
            message = f"{whose} has a script already, of {other.location}; clear() forgets it"
            raise UsageError(message)
        if script.connection is not None and script.connection < accepted:
            message = (
                f"connection={script.connection} was accepted already ({accepted} so far), before its script was there;"
                f" connection={accepted} is the next one"
            )
            raise UsageError(message)
        self.scripts.append(script)

    def plan(self, attempts: Attempts) -> None:
        """Enter what attempts meet."""
        self.attempts = attempts

    def claim(self, record: ConnectionRecord) -> Run | None:
        """Return the run of a connection's script, if it has one."""
        found = next((script for script in self.scripts if script.connection == record.index), None)
        if found is None and self.attempts is not None:
            found = self.attempts.claim()
        if found is None:
            found = next((script for script in self.scripts if script.connection is None), None)
        if found is None:
            return None
        run = Run(found, record)
        self.runs.append(run)
        return run

    def is_pending(self) -> bool:
        """Whether a script will come further by itself."""
        return any(run.must_be_awaited for run in self.runs)

    def clear(self) -> None:
        """Forget all scripts; those that run go on."""
        self.scripts.clear()
        self.runs.clear()
        self.attempts = None
