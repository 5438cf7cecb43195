"""What a test left unmet, as a value."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("unmatched", "unused", "unfired", "handler-error", "malformed", "script", "inexact")
"""Every kind of finding, in the order in which a report lists them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a test left unmet: an unmatched request, a route that was never used, a fault that never fired.

    Attributes:
        kind: one of "unmatched", "unused", "unfired", "handler-error", "malformed", "script", "inexact"; what
            `server.allow()` and `strict=` take.
        text: what happened, what was expected and how to go on; the first line stands alone.
        connection: the index of the connection that it is about, or None.
        exchange: the index of the exchange on that connection, or None.
    """

    kind: str
    text: str
    connection: int | None = None
    exchange: int | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"
