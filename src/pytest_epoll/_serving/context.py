"""What every session of a server shares, passed whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.checks import checked_whole

if TYPE_CHECKING:
    from pytest_epoll._core.request_head import Head
    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._eventloop.probes import PeerProbe
    from pytest_epoll._serving.calls import Calls
    from pytest_epoll._serving.hooks import Hooks
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.router import Router


@dataclass(frozen=True, slots=True)
class Reading:
    """What reading requests needs: heads seen before, and what a client may send; see `EpollServer`."""

    heads: dict[bytes, Head]
    max_head_size: int
    max_body_size: int | None


def checked_reading(max_head_size: object, max_body_size: object) -> Reading:
    """Return the limits that a caller gave, with no head seen yet.

    Raises:
        UsageTypeError: no whole number.
        UsageError: one below the least.
    """
    most = None if max_body_size is None else checked_whole("max_body_size", max_body_size, least=0)
    return Reading({}, checked_whole("max_head_size", max_head_size, least=1), most)


@dataclass(frozen=True, slots=True)
class Context:
    """One server's parts, without methods."""

    loop: Loop
    probe: PeerProbe
    journal: Journal
    router: Router
    calls: Calls
    reading: Reading
    hooks: Hooks
