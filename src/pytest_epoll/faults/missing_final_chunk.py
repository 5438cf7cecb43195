"""Leave out the end of a chunked body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Drain, Fired, NextRequest, ShutdownWrite
from pytest_epoll.faults._chunked import checked_chunks
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._rewrite import Edit, rewrite

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.response import Response


@dataclass(frozen=True, slots=True, repr=False)
class MissingFinalChunk(FaultValue):
    """A chunked reply without its last chunk and its trailers; then FIN.

    When: in the place of the last chunk. A reply that is never chunked is a `UsageError`; HEAD, an HTTP/1.0 client,
    which gets no chunks, and a stream that breaks off before leave it unfired, which is a finding.

    On the wire: head and all chunks, then a segment with the FIN flag, as from a server whose worker has died. "end",
    for faults to the right, lies between the two: `Reset(after="end")` or `Stall(after="end")` behind this fault is
    another end. Without any the client would wait for ever, so it ends, also where the head promises keep-alive; what
    the client has asked behind it stays unanswered.

    The kernel: as with `HangUp`.

    The client: has the whole content and must not take it for whole: "incomplete chunked read", "premature end".

    Exact: every byte, always.
    """

    @property
    def unmet(self) -> str:
        """Why it has not fired."""
        return "no reply came to a last chunk"

    def check(self, response: Response) -> None:
        """Raise if there are no chunks.

        Raises:
            UsageError: the response is not chunked.
        """
        checked_chunks(self, response)

    def through(self, acts: Acts) -> Acts:
        """Leave the last chunk out, and part."""
        has_fired = False
        for act in rewrite(acts, self, lambda: _without_last):
            if isinstance(act, Fired) and act.fault is self:
                has_fired = True
            if has_fired and isinstance(act, NextRequest):
                yield ShutdownWrite()
                yield Drain()
                return
            yield act


def _without_last(whole: Image) -> tuple[Edit, ...]:
    return tuple(Edit(part.start, part.stop, b"") for part in whole.parts if part.kind == "last")
