"""What is known of a response before anybody asks for it: what a server does with it for a plain GET."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_epoll._core import acts
from pytest_epoll._core.response import Response
from pytest_epoll._core.score import is_fault
from pytest_epoll._wire import http1_reply, http1_writer

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.image import Image

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
    yield from http1_reply.interims(response)
    if response.delay_ns:
        yield acts.Sleep(response.delay_ns)
    form = http1_reply.streamed(response, _ASKER)
    if form is None or response.score is None:
        image, closes = http1_reply.encode(response, _ASKER)
        yield acts.Send(image)
        yield from http1_reply.ending(closes=closes)
        return
    yield acts.Send(http1_reply.opening(response, form))
    items = response.score.items
    if items is None:
        yield acts.Note("live")
        yield from http1_reply.ending(closes=form.closes)
    else:
        yield from http1_reply.played(iter(items), response, form, _through, closes=form.closes)


def bare(status: int) -> Image:
    """Return an answer without a body, after which the connection can't be used any more."""
    response = Response(status, headers={"Connection": "close"})
    return http1_writer.whole(response, http1_writer.encoding(response, _ASKER))


def _through(fault: Any, stream: Acts) -> Acts:
    changed: Acts = fault.through(stream)
    return changed
