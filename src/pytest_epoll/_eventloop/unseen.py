"""The goodbye that can't come: a FIN behind bytes for which the receive window has no room (RFC 9293 section 3.8.6).

Facts
- A FIN takes its turn behind the bytes that were sent before it. While nobody reads and the window is closed, it stays
  in the client's kernel, also if the client's process has ended; nothing tells our side. An RST needs no room.
- The client's socket is in the state FIN_WAIT1 then, which sock_diag(7) shows; `ss` lists it without a process.

What we do. While a connection is stalled a barrier looks whether bytes are unread here, and only then at the client's
socket. What it finds is no goodbye, as nothing is on the wire; it is written down once as what could not be seen.

What it costs: nothing in silence; a barrier 1 us for each stalled connection, 8 us for one with unread bytes.

Loop thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_epoll._core import timeline
from pytest_epoll._eventloop import probes
from pytest_epoll._eventloop.sockets import is_unix

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._eventloop.probes import PeerProbe
    from pytest_epoll._eventloop.transport import Transport


class Noting(Protocol):
    """Writes an event of a connection into the timeline."""

    def __call__(self, kind: str, size: int, detail: object, /) -> None: ...


def fin_behind_closed_window(transport: Transport, probe: PeerProbe, note: Noting) -> Callable[[], bool]:
    """Return a question for each barrier: whether there is nothing more to look for on a connection that is stalled."""

    def look() -> bool:
        if not transport.is_open or transport.record.closed_by is not None or is_unix(transport.sock):
            return True
        unread = probes.unread_bytes(transport.fd)
        question = probe.question(transport.sock) if unread else None
        if question is None:
            return False
        view = probe.look(transport.sock, question)
        if view is None:
            why = f"it may wait behind bytes that nobody reads; {probe.why_blind()}"
        elif view.is_parting:
            why = "the client has closed, but its FIN waits behind bytes that nobody reads"
        else:
            return False
        note(timeline.UNOBSERVED, unread, f"{timeline.FIN_RECEIVED}: {why}")
        return True

    return look
