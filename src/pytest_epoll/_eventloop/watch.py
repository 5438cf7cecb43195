"""A condition that another thread waits for, asked on the loop thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Bell(Protocol):
    """Wakes a task of another event loop."""

    def ring(self) -> None:
        """Wake it; callable from any thread, also when its event loop is gone."""

    async def wait(self, timeout: float) -> None:
        """Return when it was rung, or after `timeout` seconds."""


class Watch:
    """A condition that somebody waits for; looked at after each turn until it holds.

    `notify` is called once, on the loop thread, when the wait is over. Then `holds` says whether the condition came
    true; if not, `error` is what asking for it raised, or None if the loop has ended.
    """

    __slots__ = ("_condition", "_notify", "error", "holds", "is_over")

    def __init__(self, condition: Callable[[], object], notify: Callable[[], object]) -> None:
        self._condition = condition
        self._notify = notify
        self.holds = False
        self.is_over = False
        self.error: BaseException | None = None

    def look(self) -> bool:
        """Return whether the wait is over, and tell the waiter if it has just ended. Loop thread only."""
        if not self.is_over:
            try:
                self.holds = bool(self._condition())
            except BaseException as error:  # noqa: BLE001 - it belongs to the thread that waits, and is raised there
                self.error = error
                self.end()
            else:
                if self.holds:
                    self.end()
        return self.is_over

    def end(self) -> None:
        """The wait is over, however it went. Loop thread only."""
        if not self.is_over:
            self.is_over = True
            self._notify()
