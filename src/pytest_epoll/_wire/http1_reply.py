"""From a response to acts: what a server does to send it, whoever asked, and in a dry run likewise.

A response whose body is known is one image. A streamed one is its head and then an image an item of its score, with the
score's pauses, gates and faults between them; what a fault in a score acts on is all that follows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core.acts import (
    Drain,
    HoldUntil,
    NextRequest,
    Pending,
    Send,
    SendRst,
    ShutdownWrite,
    Sleep,
    WaitDelivered,
)
from pytest_epoll._core.checks import checked_delay
from pytest_epoll._core.image import Image
from pytest_epoll._core.score import is_fault, is_gate
from pytest_epoll._wire import http1_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.response import Response
    from pytest_epoll._wire.http1_writer import Asker, Encoding

    Meeting = Callable[[object, Acts], Acts]
    """Returns what a fault in a score makes of the acts that follow it."""


def encode(response: Response, asker: Asker) -> tuple[Image, bool]:
    """Return a response whose body is known as bytes, and whether the connection ends with it."""
    if response.raw is not None:
        return http1_writer.raw(response), False
    form = http1_writer.encoding(response, asker)
    return http1_writer.whole(response, form), form.closes


def interims(response: Response) -> Acts:
    """Yield what is sent before the head."""
    for interim in response.informational:
        yield Send(http1_writer.interim(interim))


def streamed(response: Response, asker: Asker) -> Encoding | None:
    """Return how a response is written whose body is streamed to who asks; None for one that is a single image."""
    if response.score is None:
        return None
    form = http1_writer.encoding(response, asker)
    return form if form.has_content else None


def opening(response: Response, form: Encoding) -> Image:
    """Return the head of a streamed response; it knows what follows if that is a list which no fault in it changes."""
    score = response.score
    if score is None or score.items is None or any(map(is_fault, score.items)):
        return Image(form.head, rest=None)
    pieces = [item for item in score.items if isinstance(item, bytes) and item]
    rest = [http1_writer.piece(form, item, is_event=score.is_events) for item in pieces]
    if form.is_chunked:
        rest.append(http1_writer.last_piece(response))
    return Image(form.head, rest=tuple(rest))


def played(items: Iterator[object], response: Response, form: Encoding, meet: Meeting, *, closes: bool) -> Acts:
    """Perform the items of a score, and what ends the reply.

    Args:
        items: bytes, pauses in seconds, gates and faults; `Pending` where there is nothing yet, and an exception where
            the source has failed.
        response: whose score it is.
        form: how it is written.
        meet: returns what a fault makes of all that follows it.
        closes: whether the connection ends with the reply.
    """
    for item in items:
        if isinstance(item, Pending):
            yield item
        elif isinstance(item, bytes):
            if item:  # an empty chunk would be the last one
                is_event = response.score is not None and response.score.is_events
                yield Send(http1_writer.piece(form, item, is_event=is_event))
        elif is_gate(item):
            yield HoldUntil(item)  # type: ignore[arg-type]  # is_gate() has looked
        elif is_fault(item):
            yield from meet(item, played(items, response, form, meet, closes=closes))
            return
        elif isinstance(item, BaseException):
            yield from _breaking_off(form)
            return
        else:
            yield Sleep(checked_delay("pause", item))
    if form.is_chunked:
        yield Send(http1_writer.last_piece(response))
    yield from ending(closes=closes)


def ending(*, closes: bool) -> Acts:
    """Yield what comes behind the last byte."""
    if closes:
        yield ShutdownWrite()
        yield Drain()
    else:
        yield NextRequest()


def _breaking_off(form: Encoding) -> Acts:
    """End a reply whose source has failed so that it shows: by FIN, or by RST where FIN would complete it."""
    if form.ends_itself:
        yield ShutdownWrite()
        yield Drain()
    else:
        yield WaitDelivered(exact=False)
        yield SendRst(exact=False)
