"""One request and its answer: from the chosen reply to a stream of acts."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from pytest_epoll._core import clock, limits, timeline
from pytest_epoll._core.acts import (
    Fired,
    HoldUntil,
    Note,
    Pending,
    ReadTo,
    Send,
    SendContinue,
    Sleep,
    with_branches,
)
from pytest_epoll._core.response import Response
from pytest_epoll._serving.async_home import find_home
from pytest_epoll._serving.calls import NOTHING_YET, THE_END
from pytest_epoll._serving.hooks import tell_of_fault
from pytest_epoll._serving.mishaps import describe
from pytest_epoll._serving.replies import as_response, asker_of, check_places
from pytest_epoll._wire import http1_reply, http1_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.calls import Feed
    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.replies import Reply
    from pytest_epoll._wire.http1_writer import Encoding


class Exchange:
    """A request that is being read or answered. Loop thread only."""

    __slots__ = ("_announced", "_due", "_journal", "early", "head_size", "is_listed", "otherwise", "record", "refusal")

    def __init__(self, journal: Journal, record: RequestRecord) -> None:
        self._journal = journal
        self.record = record
        self.is_listed = False  # whether it is in the journal's list of requests
        self.head_size = 0  # of the answer; what is sent beyond it counts as its body
        self._due = 0  # bytes of the answer, if they are known
        self._announced: Image | None = None  # its first piece, as it was before any fault
        self.early: Reply | None = None  # the answer, chosen at the head, that acts while the request is read
        self.refusal: Reply | None = None  # the answer to a request that can't be routed
        self.otherwise: Callable[[], Response] | None = None  # the answer if a handler may return None, and does

    def note_sent(self, views: list[memoryview]) -> None:
        """Note bytes of the answer that the kernel has accepted."""
        record = self.record
        at_ns = clock.now_ns()
        before = record.sent.size
        has_more = before + sum(map(len, views)) < self._due
        for view in views:
            record.add_sent(view, at_ns, has_more=has_more)
        if self._due > WORTH_WAITING:
            self._journal.watch_sent(record, has_more=has_more)
        record.body_sent += max(0, record.sent.size - max(before, self.head_size))
        size = record.sent.size - before
        self._journal.note(at_ns, record, timeline.SENT, size, bytes(views[0][:PREVIEW]))

    def note_interim(self, views: list[memoryview]) -> None:
        """Note an interim response, which belongs to no answer's bytes."""
        record, at_ns = self.record, clock.now_ns()
        size = sum(map(len, views))
        data = bytes(views[0][:PREVIEW])
        kind, detail = (
            (timeline.CONTINUE_SENT, None) if data.startswith(http1_writer.CONTINUE) else (timeline.SENT, data)
        )
        if kind == timeline.CONTINUE_SENT and record.continued_ns is None:
            record.continued_ns = at_ns
        record.interim += b"".join(views)
        self._journal.note(at_ns, record, kind, size, detail)

    def expect(self, image: Image) -> None:
        """Note what is about to be sent."""
        self.head_size, self._due = image.head_size, image.size

    def begin_answer(self, status: int, image: Image, size: int | None) -> None:
        """Note what is about to be sent; `size` of all of it, if that is known."""
        self.head_size = image.head_size
        self._announced = image
        self.record.status = status
        if size is not None:
            self._journal.note(clock.now_ns(), self.record, timeline.DUE, size)

    @property
    def has_begun(self) -> bool:
        """Whether it is known what answers it: a reply, and not bytes of a script."""
        return self.head_size > 0

    def change_answer(self, image: Image) -> None:
        """Note what faults have made of the first piece, before anything of it is sent."""
        if image is self._announced:
            return
        self.expect(image)
        is_own = self._announced is None  # the reply was not even begun, the answer is a fault's own
        if is_own:
            self.record.status = http1_writer.status_of(image.head) or self.record.status
        if image.rest is not None and (is_own or (self._announced is not None and self._announced.rest == ())):
            size = image.size + sum(piece.size for piece in image.rest)
            self._journal.note(clock.now_ns(), self.record, timeline.DUE, size)


WORTH_WAITING = 2 * limits.WINDOW
"""Bytes of an answer up to which all of it is in the record's window anyway."""

PREVIEW = 256
"""Bytes of a segment that its fact keeps: enough for a line of the timeline; the rest is in the record's window."""


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

    def _noting(self, fault: Any, stream: Acts) -> Acts:
        place = (*self._owner, self._places)
        self._places += 1
        acting = self._context.router.chance.draw(fault, place)
        if acting is None:
            return stream
        then = partial(tell_of_fault, self._context, self._exchange.record, acting)
        return noting(acting.through(stream), acting, (*place, repr(fault)), then, is_armed=acting is fault)

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


def noting(
    stream: Acts,
    fault: object,
    identity: tuple[int, int, int, str],
    then: Callable[[], object] | None = None,
    *,
    is_armed: bool = True,
) -> Acts:
    """Turn a fault's `Fired` into a fact that says which one it was, and `then`; write down if it `is_armed`."""
    fired = Note(timeline.FAULT, identity, then)

    def noted(act: Act) -> Act:
        if isinstance(act, Fired) and act.fault is fault:
            return fired
        return with_branches(act, noted)

    try:
        if is_armed:
            yield Note(timeline.ARMED, (*identity, getattr(fault, "unmet", "nothing came that it acts on")))
        yield from map(noted, stream)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
