"""Which reply answers an exchange: asked of the routes, and written down.

Predicates and `==` of the test's own are called in here, on the loop thread. What they raise is kept for the finding
"handler-error", and the request is answered 500. Loop thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pytest_epoll._core import clock, timeline
from pytest_epoll._core.response import Response
from pytest_epoll._serving.mishaps import describe
from pytest_epoll._serving.replies import Reply
from pytest_epoll._wire import http1_writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.exchange import Exchange
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.router import Router

T = TypeVar("T")


def choose(context: Context, exchange: Exchange) -> Reply:
    """Choose the answer to a request, and write down which it is."""
    record = exchange.record
    reply = exchange.refusal
    if reply is None:
        chosen = _ask(context, exchange, lambda router: router.choose(record))
        reply = exchange.refusal  # what it raised, if it did
        if chosen is not None:
            route, reply = chosen
            record.route = route.index
        elif reply is None:
            hook = context.hooks.unmatched
            reply = _refuse_unmatched(context, exchange) if hook is None else _ask_hook(context, exchange, hook)
    _note(context, exchange, reply)
    return reply


def choose_early(context: Context, exchange: Exchange) -> Reply | None:
    """Choose the answer of a request whose head has come, if it acts while the rest is read; else None."""
    record = exchange.record
    head = record.head
    if not context.router.has_early:
        return None
    chosen = None if head is None else _ask(context, exchange, lambda router: router.choose_early(record, head))
    if chosen is None:
        return None
    route, reply = chosen
    record.route = route.index
    _note(context, exchange, reply)
    return reply


def _note(context: Context, exchange: Exchange, reply: Reply) -> None:
    """Write down which reply was chosen."""
    record = exchange.record
    size = 0
    if reply.is_whole:
        image, _ = reply.encoded(record.head)
        size = image.size
        exchange.expect(image)
    record.status = reply.status or None
    if record.route is not None:
        detail = (record.route, reply.number, reply.status)
        context.journal.note(clock.now_ns(), record, timeline.MATCHED, size, detail)


def must_be_refused(context: Context, exchange: Exchange) -> bool:
    """Whether a client waits for 100 Continue with a body that no route could want."""
    record = exchange.record
    head = record.head
    if head is None or not head.expects_continue or record.body_started_ns is not None:
        return False  # it does not wait, or no longer
    if context.hooks.unmatched is not None:
        return False  # the hook sees whole requests
    return _ask(context, exchange, lambda router: router.could_match(record, head)) is False


def records_body(context: Context, exchange: Exchange) -> bool:
    """Whether the body of a request whose head has come is to be kept."""
    record = exchange.record
    head = record.head
    return head is None or _ask(context, exchange, lambda router: router.records_body(record, head)) is not False


def _ask(context: Context, exchange: Exchange, question: Callable[[Router], T]) -> T | None:
    """Return the router's answer, or None if what it called raised."""
    try:
        return question(context.router)
    except BaseException as error:  # noqa: BLE001 - what the test's own code raises, pytest.fail() included
        asked = context.router.asked
        what = "a predicate" if asked is None else f"a predicate of {asked.text}, {asked.location},"
        context.calls.fails(what, exchange.record, error)
        exchange.refusal = Reply(Response(500, text=f"{what} raised {describe(error)}\n"))
        return None


def _refuse_unmatched(context: Context, exchange: Exchange) -> Reply:
    record = exchange.record
    text = context.hooks.explain_unmatched(record)
    context.journal.unmatched.append((record, text))
    context.journal.note(clock.now_ns(), record, timeline.UNMATCHED, 0, text.strip().partition("\n")[0].rstrip(":"))
    return Reply(http1_writer.unmatched(text, closes=record.complete is None))


def _ask_hook(context: Context, exchange: Exchange, hook: Callable[[Request], object]) -> Reply:
    """Let the hook answer as a handler would; a request that it leaves alone is unmatched after all."""
    context.journal.note(clock.now_ns(), exchange.record, timeline.ASKED, 0, "pytest_epoll_unmatched")
    exchange.otherwise = lambda: _refuse_unmatched(context, exchange).response
    return Reply(Response(), handler=hook)
