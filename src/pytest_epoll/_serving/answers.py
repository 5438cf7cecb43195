"""What answers a request: bytes that are all there is to send, or a stream of acts. Loop thread only."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import ReadTo, SendContinue
from pytest_epoll._serving import chooser
from pytest_epoll._serving.performance import Performance

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.exchange import Exchange
    from pytest_epoll._serving.replies import Reply


def answer_to(
    context: Context, exchange: Exchange, preemption: tuple[Act, ...] | None
) -> tuple[Image | None, Acts | None]:
    """Return what answers a request whose turn has come: an image and nothing else, or a stream of acts.

    If its body has not come yet, the stream reads it first, unless nothing is chosen by it. A preemption is what
    happens in place of an answer, and no route is asked.
    """
    if preemption is not None:
        first = () if _holds_back(exchange.record) else (ReadTo("end"),)
        return None, iter((*first, *preemption))
    if exchange.early is not None:
        return None, _performance(context, exchange, exchange.early)
    if exchange.record.complete is None and not chooser.must_be_refused(context, exchange):
        return None, _read_first(partial(_performance, context, exchange))
    reply = chooser.choose(context, exchange)
    image, closes = reply.encoded(exchange.record.head) if reply.is_plain else (None, True)
    if image is not None and not closes:
        return image, None
    return None, _performance(context, exchange, reply)


def _holds_back(record: RequestRecord) -> bool:
    """Whether the client waits for a 100 before it sends its body; nobody is going to send one."""
    return record.head is not None and record.head.expects_continue and record.body_started_ns is None


def _read_first(answer: Callable[[], Acts]) -> Acts:
    yield SendContinue()
    yield ReadTo("end")
    yield from answer()


def _performance(context: Context, exchange: Exchange, reply: Reply | None = None) -> Acts:
    return Performance(exchange, reply or chooser.choose(context, exchange), context).acts()
