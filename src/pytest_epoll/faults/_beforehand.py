"""What is known of a response before anybody asks for it: what a server does with it for a plain GET."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_epoll._core import acts
from pytest_epoll._core.content import checked_delay
from pytest_epoll._core.image import Image
from pytest_epoll._core.response import Response
from pytest_epoll._core.score import is_fault, is_gate
from pytest_epoll._wire import http1_writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll._core.acts import Acts
    from pytest_epoll._wire.http1_writer import Encoding

_ASKER: Final = http1_writer.Asker("GET", "1.1", keep_alive=True)


class Outline(NamedTuple):
    """How a response is written."""

    head: bytes
    is_chunked: bool
    chunks: int | None  # how many, the last one not counted; None if that comes out only when it is sent


def outline(response: Response) -> Outline:
    """Return how a response is written; of `raw=` nothing is known but where its head ends."""
    if response.raw is not None:
        return Outline(http1_writer.raw(response).head, is_chunked=False, chunks=0)
    form = http1_writer.encoding(response, _ASKER)
    if not (form.is_chunked and form.has_content):
        return Outline(form.head, is_chunked=False, chunks=0)
    if response.score is None:
        return Outline(form.head, is_chunked=True, chunks=1 if response.body else 0)
    items = response.score.items
    if items is None or any(map(is_fault, items)):
        return Outline(form.head, is_chunked=True, chunks=None)
    return Outline(form.head, is_chunked=True, chunks=sum(isinstance(item, bytes) and item != b"" for item in items))


def sent_bytes(response: Response) -> bytes:
    """Return what goes on the wire for it, the interim responses and what its faults do included."""
    stream = answer(response)
    given: tuple[Any, ...] = response.faults
    for fault in given:
        stream = fault.through(stream)
    return b"".join(act.image.joined() for act in stream if isinstance(act, acts.Send))


def answer(response: Response) -> Acts:
    """Yield what a server does with a response to a plain GET."""
    for interim in response.informational:
        yield acts.Send(http1_writer.interim(interim))
    if response.delay_ns:
        yield acts.Sleep(response.delay_ns)
    if response.raw is not None:
        yield acts.Send(http1_writer.raw(response))
        yield acts.NextRequest()
        return
    form = http1_writer.encoding(response, _ASKER)
    if response.score is None or not form.has_content:
        yield acts.Send(http1_writer.whole(response, form))
        yield from _ending(form)
        return
    items = response.score.items
    pieces = [] if items is None else [item for item in items if isinstance(item, bytes) and item]
    is_events = response.score.is_events
    rest = [http1_writer.piece(form, piece, is_event=is_events) for piece in pieces]
    if form.is_chunked:
        rest.append(http1_writer.last_piece(response))
    is_known = items is not None and not any(map(is_fault, items))
    yield acts.Send(Image(form.head, rest=tuple(rest) if is_known else None))
    if items is None:
        yield acts.Note("live")
        yield from _ending(form)
        return
    yield from _played(iter(items), response, form)


def bare(status: int) -> Image:
    """Return an answer without a body, after which the connection can't be used any more."""
    response = Response(status, headers={"Connection": "close"})
    return http1_writer.whole(response, http1_writer.encoding(response, _ASKER))


def _played(items: Iterator[object], response: Response, form: Encoding) -> Acts:
    assert response.score is not None
    for item in items:
        if isinstance(item, bytes):
            if item:
                yield acts.Send(http1_writer.piece(form, item, is_event=response.score.is_events))
        elif is_fault(item):
            yield from item.through(_played(items, response, form))  # type: ignore[attr-defined]  # is_fault() looked
            return
        elif is_gate(item):
            yield acts.HoldUntil(item)  # type: ignore[arg-type]  # is_gate() has looked
        else:
            yield acts.Sleep(checked_delay("pause", item))
    if form.is_chunked:
        yield acts.Send(http1_writer.last_piece(response))
    yield from _ending(form)


def _ending(form: Encoding) -> Acts:
    if form.closes:
        yield acts.ShutdownWrite()
        yield acts.Drain()
    else:
        yield acts.NextRequest()
