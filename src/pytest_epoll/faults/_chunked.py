"""Faults that act on the framing of chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll.errors import UsageError
from pytest_epoll.faults._beforehand import outline

if TYPE_CHECKING:
    from pytest_epoll._core.response import Response


def checked_chunks(fault: object, response: Response) -> int | None:
    """Return how many chunks a response has, None if nobody knows yet.

    Raises:
        UsageError: it is not sent in chunks, whoever asks for it.
    """
    if response.raw is not None:
        message = f"{fault!r}: what raw= sends has no chunks that we know of; write the lie into it"
        raise UsageError(message)
    known = outline(response)
    if not known.is_chunked:
        message = f"{fault!r} acts on chunks, and this reply has none; use stream= or events=, or give it trailers="
        raise UsageError(message)
    return known.chunks
