"""From the chosen reply to a stream of acts: its handler is called, its response sent, its faults act on all of it."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import HoldUntil, Pending, ReadTo, Send, SendContinue, Sleep
from pytest_epoll._core.response import Response
from pytest_epoll._serving.async_home import find_home
from pytest_epoll._serving.calls import NOTHING_YET, THE_END
from pytest_epoll._serving.fault_notes import changed_by
from pytest_epoll._serving.mishaps import describe
from pytest_epoll._serving.replies import as_response, asker_of, check_places
from pytest_epoll._wire import http1_reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_epoll._core.acts import Acts
    from pytest_epoll._serving.calls import Feed
    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.exchange import Exchange
    from pytest_epoll._serving.replies import Reply
    from pytest_epoll._wire.http1_writer import Encoding


class Performance:
    """A reply that takes more than one send: what it does on the wire, step by step."""

    __slots__ = ("_asker", "_calls", "_context", "_exchange", "_owner", "_places", "_reply")

    def __init__(
        self,
        exchange: Exchange,
        reply: Reply,
        context: Context,
        *,
        script: tuple[int, int] | None = None,
    ) -> None:
        """Prepare the answer of a route, or of that (script, step): then the connection is none of its business."""
        self._owner = script or (exchange.record.route or 0, reply.number)  # whose faults these are
        self._exchange = exchange
        self._reply = reply
        self._context = context
        self._calls = context.calls
        self._asker = asker_of(exchange.record.head, is_told=script is None)
        self._places = 0  # of faults in the order in which they are met; it tells them apart in the record

    def acts(self) -> Acts:
        """Return the stream, the reply's faults applied from left to right."""
        reply = self._reply
        before = self._before_the_head(reply)
        stream = self._called(before) if reply.handler is not None else self._responding(reply.response, before)
        if reply.is_early:
            stream = chain((SendContinue(), ReadTo("end")), stream)
        return self._shaped(stream, reply.faults)

    def _shaped(self, stream: Acts, faults: Iterable[object]) -> Acts:
        plain = stream
        for fault in faults:
            stream = self._noting(fault, stream)
        return stream if stream is plain else self._measured(stream)

    def _measured(self, stream: Acts) -> Acts:
        """Have what is counted as head and as body measured by what faults have made of the reply."""
        is_first = True
        for act in stream:
            if is_first and isinstance(act, Send) and not act.image.is_interim:
                is_first = False
                self._exchange.change_answer(act.image.whole)
            yield act

    def _noting(self, fault: object, stream: Acts) -> Acts:
        place = (*self._owner, self._places)
        self._places += 1
        return changed_by(fault, stream, place, self._context, self._exchange.record)

    @staticmethod
    def _before_the_head(reply: Reply) -> Acts:
        return _after(reply.delay_ns, iter(() if reply.gate is None else (HoldUntil(reply.gate),)))

    # -- handlers --

    def _called(self, before: Acts) -> Acts:
        """Call the handler, then do what it says."""
        reply, record = self._reply, self._exchange.record
        assert reply.handler is not None
        call = self._calls.call(
            reply.what, record, reply.handler, self._context.router.view(record), reply.home or find_home()
        )
        while not call.is_done:
            yield Pending(call.when_done)
        response = self._response_of(call.error, call.result)
        yield from self._shaped(self._responding(response, _after(response.delay_ns, before)), response.faults)

    def _response_of(self, error: BaseException | None, result: object) -> Response:
        exchange = self._exchange
        if error is None:
            try:
                if result is None and exchange.otherwise is not None:
                    return exchange.otherwise()
                response = as_response(result)
                check_places(response, self._reply.faults)  # of a handler's answer nobody knew the kind before
                return response
            except (TypeError, ValueError) as raised:
                self._calls.fails(self._reply.what, exchange.record, raised)
                error = raised
        return Response(500, text=f"{self._reply.what} raised {describe(error)}\n")

    # -- responses --

    def _responding(self, response: Response, before: Acts) -> Acts:
        yield from http1_reply.interims(response)
        yield from before
        form = http1_reply.streamed(response, self._asker)
        if form is not None:
            yield from self._streaming(response, form)
            return
        image, closes = http1_reply.encode(response, self._asker)
        self._exchange.begin_answer(response.status, image, None if self._reply.is_whole else image.size)
        yield Send(image)
        yield from http1_reply.ending(closes=closes and self._asker.is_told)

    def _streaming(self, response: Response, form: Encoding) -> Acts:
        score = response.score
        assert score is not None
        head = http1_reply.opening(response, form)
        self._exchange.begin_answer(response.status, head, None)
        yield Send(head)
        closes = form.closes and self._asker.is_told
        if score.items is not None:
            yield from http1_reply.played(iter(score.items), response, form, self._noting, closes=closes)
            return
        reply = self._reply
        feed = self._calls.feed(reply.what, self._exchange.record, score, reply.home or find_home())
        try:
            yield from http1_reply.played(_taking(feed), response, form, self._noting, closes=closes)
        finally:
            feed.cancel()


def _taking(feed: Feed) -> Iterator[object]:
    """Yield what a feed gives, `Pending` while there is nothing, and last the exception that ended it, if one did."""
    while True:
        item = feed.take()
        if item is NOTHING_YET:
            yield Pending(feed.when_ready)
        elif item is THE_END:
            if feed.error is not None:
                yield feed.error
            return
        else:
            yield item


def _after(delay_ns: int, acts: Acts) -> Acts:
    if delay_ns:
        yield Sleep(delay_ns)
    yield from acts
