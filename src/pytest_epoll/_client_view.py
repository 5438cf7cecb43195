"""What a client did on the wire, asked in its own terms: `server.client`.

Thin: the questions are pure functions (`_reporting.client_checks`), their texts, too (`client_text`); what is here
takes the barrier, finds the requests that are meant, and raises.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NoReturn

from pytest_epoll._assertions import check_count, checked_bounds
from pytest_epoll._core import clock, timeline
from pytest_epoll._core.checks import checked_choice, checked_flag, checked_seconds
from pytest_epoll._reporting import client_checks, client_text, timeline_text
from pytest_epoll._reporting.client_story import exchanges_of, gather
from pytest_epoll._serving.requests import Requests, is_match
from pytest_epoll._serving.route_entry import Pattern

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from typing_extensions import Unpack

    from pytest_epoll._core.timeline import Fact
    from pytest_epoll._received import Received
    from pytest_epoll._reporting.client_checks import Attempt, Retry
    from pytest_epoll._reporting.client_story import Conversation, Exchange
    from pytest_epoll._serving.criteria import Criteria
    from pytest_epoll._serving.paths import Path
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.views import Desk


class ClientView:
    """What the clients of a server did with their connections, as of now; read behind the barrier.

    Values and assertions answer for everything that is on record. Where a method takes `method`, `path` and criteria
    (those of `server.route()`), it answers for the requests that match, and it is an error if none does.

    An assertion that fails says what was there instead, and ends with the part of the timeline that shows it.
    """

    __slots__ = ("_desk", "_received")

    def __init__(self, desk: Desk, received: Received) -> None:
        self._desk = desk
        self._received = received

    def __repr__(self) -> str:
        return f"<ClientView: {len(self._received.connections())} connections>"

    # -- values --

    @property
    def requests_per_connection(self) -> list[int]:
        """How many requests came on each connection, in the order in which these were accepted."""
        return client_checks.requests_per_connection(self._look()[1])

    @property
    def pipeline_depth(self) -> int:
        """How many requests of one connection waited for their answers at the same time, at the most.

        1: no request came before the one in front of it was answered; 0: none came at all. What counts is when the
        request was read and the answer was sent: hold the answers (by a gate, a delay) to see how far a client goes.
        """
        return client_checks.pipeline_depth(self._look()[1])

    @property
    def hidden_retries(self) -> Requests:
        """The requests that are not idempotent (RFC 9110 section 9.2.2) and came again after a failure.

        "Again" is the same method, target and body. A failure is a connection that ended before the whole answer was
        sent, or an answer 408, 425, 429 or 5xx. Two that carry the same Idempotency-Key are not counted.
        """
        requests, talks, _ = self._look()
        again = {retry.again.key for retry in self._retries(requests, talks)}
        return Requests([request for request in requests if _key_of(request) in again])

    @property
    def abandoned(self) -> Requests:
        """The requests whose answers the client left: it closed with bytes unread (RST), or before all was sent."""
        requests, talks, _ = self._look()
        left = {
            one.key
            for talk in talks
            for one in talk.exchanges
            if client_checks.reading_of(talk, one, None).word == client_checks.ABANDONED
        }
        return Requests([request for request in requests if _key_of(request) in left])

    def gaps(self, method: str | Collection[str] = "*", path: Path = None, **criteria: Unpack[Criteria]) -> list[float]:
        """Return the seconds between one attempt and the next.

        An attempt is a request; without criteria, a connection that the server closed before one came is one, too.

        A gap begins when the server lets go of an attempt: with the last byte of its answer, or with its FIN or RST;
        with the request itself if the server said nothing, so a timeout of the client's is part of the gap. It ends
        with the first byte of the next request. It is never shorter than what the client waited, but a busy machine
        makes it longer: only lower bounds are safe to assert. Attempts that overlap have a gap of 0.0.

        Raises:
            UsageError: a criterion that could not match.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        return client_checks.gaps(self._attempts(method, path, criteria)[0])

    # -- connections --

    def assert_connections(
        self, n: int | None = None, *, at_least: int | None = None, at_most: int | None = None
    ) -> None:
        """Raise unless the client opened so many connections: exactly `n`, or within bounds.

        Raises:
            AssertionError: it opened more or fewer; the text says why each was opened.
            UsageError: numbers that can't mean anything.
            UsageTypeError: no whole numbers.
        """
        __tracebackhide__ = True
        least, most = checked_bounds(n, at_least, at_most, exactly="n")
        _, every, facts = self._look()
        talks = [talk for talk in every if talk.opened_ns is not None]
        if not (least <= len(talks) and (most is None or len(talks) <= most)):
            expected = client_text.number_in_words(least, most)
            surplus = talks[most].opened_place if most is not None and len(talks) > most else None
            self._fail(client_text.connections(talks, expected), _up_to(facts, surplus))

    def assert_reused(
        self, method: str | Collection[str] = "*", path: Path = None, **criteria: Unpack[Criteria]
    ) -> None:
        """Raise unless each request that matches came on a connection that had carried one before.

        Without criteria: each but the very first, so all of them came on one connection.

        Raises:
            AssertionError: one came first on its connection; the text says how the others stood then.
            UsageError: a criterion that could not match.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        __tracebackhide__ = True
        self._check_reuse(method, path, criteria, is_wanted=True)

    def assert_not_reused(
        self, method: str | Collection[str] = "*", path: Path = None, **criteria: Unpack[Criteria]
    ) -> None:
        """Raise unless each request that matches came first on a connection of its own.

        Raises:
            AssertionError: one came behind another; the text says which.
            UsageError: a criterion that could not match.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        __tracebackhide__ = True
        self._check_reuse(method, path, criteria, is_wanted=False)

    def assert_closed(self, by: str = "client", how: str | None = None) -> None:
        """Raise unless every connection was closed, and by that side first.

        Args:
            by: "client" or "server".
            how: "fin" or "rst"; None is either.

        Raises:
            AssertionError: one is open, or was closed otherwise.
            UsageError: another word.
            UsageTypeError: no str.
        """
        __tracebackhide__ = True
        checked_choice("by", by, ("client", "server"))
        if how is not None:
            checked_choice("how", how, ("fin", "rst"))
        _, talks, facts = self._look()
        wrong = [talk for talk in talks if not client_checks.was_closed(talk, by, how)]
        if wrong or not talks:
            text = client_text.closing(talks, wrong, by, how) if wrong else "the client opened no connection"
            self._fail(text, facts, wrong)

    # -- what became of requests and answers --

    def assert_read_to_end(
        self, method: str | Collection[str] = "*", path: Path = None, **criteria: Unpack[Criteria]
    ) -> None:
        """Raise unless the client has read the whole answer to each request that matches.

        Known from how the client closed (with bytes unread its kernel sends RST), from a request that came behind the
        answer, and on an open connection from the client's kernel, which is asked what its process has not taken yet.
        Where none of these tells it (the server has reset the connection, the client lives in another network
        namespace), that is an error, too: nothing passes unseen.

        Raises:
            AssertionError: an answer was left, waits unread, was not sent whole, or it can't be known.
            UsageError: a criterion that could not match.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        __tracebackhide__ = True
        talks, facts, wanted = self._wanted(method, path, criteria)
        wrong = []
        for talk in talks:
            mine = [one for one in talk.exchanges if one.key in wanted]
            untaken = self._untaken(talk) if mine else {}
            for one in mine:
                reading = client_checks.reading_of(talk, one, untaken.get(one.key))
                if reading.word != client_checks.READ:
                    wrong.append((one, reading))
        if wrong:
            self._fail(client_text.readings(wrong, len(wanted)), facts, _talks_of(talks, [one for one, _ in wrong]))

    def assert_not_pipelined(self) -> None:
        """Raise if a request came before the one in front of it was answered; see `pipeline_depth` for what is seen.

        Raises:
            AssertionError: one did; the text says which.
        """
        __tracebackhide__ = True
        _, talks, facts = self._look()
        wrong = [one for one in exchanges_of(talks) if one.depth > 1]
        if wrong:
            self._fail(client_text.pipelines(talks, wrong), facts, _talks_of(talks, wrong))

    def assert_honoured_expect(
        self, method: str | Collection[str] = "*", path: Path = None, **criteria: Unpack[Criteria]
    ) -> None:
        """Raise unless each request that matches and says `Expect: 100-continue` waited to be asked for its body.

        It was asked by `100 Continue`. A client may send its body after a while without one (RFC 9110 section
        10.1.1), and that counts here as not waiting. So does a body that comes behind a final answer.

        Raises:
            AssertionError: a body came unasked, or no request says `Expect: 100-continue`.
            UsageError: a criterion that could not match.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        __tracebackhide__ = True
        talks, facts, wanted = self._wanted(method, path, criteria)
        records = [request._record for request in wanted.values()]  # noqa: SLF001 - one house
        announced = [record for record in records if record.head is not None and record.head.expects_continue]
        wrong = [record for record in announced if client_checks.has_ignored_expect(record)]
        keys = {(record.connection, record.exchange) for record in wrong or records}
        shown = [one for one in exchanges_of(talks) if one.key in keys]
        if not announced:
            self._fail('no request says "Expect: 100-continue"', facts, _talks_of(talks, shown))
        if wrong:
            text = client_text.expects([client_text.unasked(record) for record in wrong], len(announced))
            self._fail(text, facts, _talks_of(talks, shown))

    def assert_no_hidden_retries(
        self, method: str | Collection[str] = "*", path: Path = None, **criteria: Unpack[Criteria]
    ) -> None:
        """Raise if a request that matches is a repetition of one that is not idempotent; see `hidden_retries`.

        Raises:
            AssertionError: one is; the text says which it repeats. Or no request matches.
            UsageError: a criterion that could not match.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        __tracebackhide__ = True
        talks, facts, wanted = self._wanted(method, path, criteria)
        wrong = [retry for retry in self._retries(wanted.values(), talks) if retry.again.key in wanted]
        if wrong:
            shown = [one for retry in wrong for one in retry]
            self._fail(client_text.retries(wrong), facts, _talks_of(talks, shown))

    def assert_gaps(
        self,
        method: str | Collection[str] = "*",
        path: Path = None,
        *,
        at_least: float | Sequence[float] | None = None,
        growing: bool = False,
        **criteria: Unpack[Criteria],
    ) -> None:
        """Raise unless the client waited that long between its attempts; see `gaps()` for what an attempt is.

        Args:
            method: and `path` and the criteria: as `route()` takes them.
            path: see `route()`.
            at_least: seconds; of each gap, or one number for each of them.
            growing: whether each gap is longer than the one before. A busy machine adds some milliseconds to any of
                them, so let the steps be larger than that.
            **criteria: see `route()`.

        Raises:
            AssertionError: a gap is shorter, or there are fewer than two attempts.
            UsageError: neither bound, a criterion or a number that can't mean anything.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        __tracebackhide__ = True
        bounds = client_checks.GapBounds(at_least, growing=checked_flag("growing", growing))
        attempts, facts, talks = self._attempts(method, path, criteria)
        lengths = client_checks.gaps(attempts)
        wrong = bounds.misses(lengths)
        if wrong is not None:
            names = {attempt.name.partition(".")[0] for attempt in attempts}
            text = client_text.gaps(attempts, lengths, wrong, bounds.expected)
            self._fail(text, facts, [talk for talk in talks if talk.name in names])

    def assert_back_pressure(
        self,
        method: str | Collection[str] = "*",
        path: Path = None,
        *,
        seconds: float = 0.1,
        **criteria: Unpack[Criteria],
    ) -> None:
        """Raise unless the answer to a request that matches had to wait that long for the client to read.

        Both kernels' buffers were full then. A client that reads slowly looks like one that has stopped: how much the
        server could send is `request.response_bytes_sent`.

        Args:
            method: and `path` and the criteria: as `route()` takes them.
            path: see `route()`.
            seconds: how long at one go; any large answer outruns its client for a moment.
            **criteria: see `route()`.

        Raises:
            AssertionError: no answer had to wait that long, or no request matches.
            UsageError: a criterion or a number that can't mean anything.
            UsageTypeError: an unknown criterion, or an argument of a wrong type.
        """
        __tracebackhide__ = True
        wanted_seconds = checked_seconds("seconds", seconds)
        talks, facts, wanted = self._wanted(method, path, criteria)
        now_ns = clock.now_ns()
        found = [(one, client_checks.longest_hold(one, now_ns)) for one in exchanges_of(talks) if one.key in wanted]
        if not any(one.holds and longest >= wanted_seconds for one, longest in found):
            text = client_text.holds(found, wanted_seconds)
            self._fail(text, facts, _talks_of(talks, [one for one, _ in found]))

    # -- behind the barrier --

    def _look(self) -> tuple[Requests, list[Conversation], list[Fact]]:
        """Return the requests, the connections, and the facts, which tell of all of them."""
        requests = self._received.requests()
        facts = list(self._desk.journal.facts)
        return requests, gather(facts), facts

    def _wanted(
        self, method: object, path: object, criteria: Mapping[str, object]
    ) -> tuple[list[Conversation], list[Fact], dict[tuple[int, int], Request]]:
        """Return the connections, the facts, and the requests that are meant; raise if there is none."""
        __tracebackhide__ = True
        pattern = Pattern(method, path, criteria)
        requests, talks, facts = self._look()
        if _takes_all(method, path, criteria):
            matching = list(requests)
            if not matching:
                self._fail("no request came", facts)
        else:
            matching = [request for request in requests if is_match(pattern, request)]
            check_count(pattern.text, matching, requests, pattern, (1, None))
        return talks, facts, {_key_of(request): request for request in matching}

    def _check_reuse(self, method: object, path: object, criteria: Mapping[str, object], *, is_wanted: bool) -> None:
        __tracebackhide__ = True
        talks, facts, wanted = self._wanted(method, path, criteria)
        by_index = {talk.index: talk for talk in talks}
        came = exchanges_of(talks)
        asked = [one for place, one in enumerate(came) if one.key in wanted and (place or not is_wanted)]
        wrong = [one for one in asked if client_checks.is_reuse(by_index[one.connection], one) != is_wanted]
        if wrong:
            text = client_text.reuse(talks, wrong, len(asked), is_wanted=is_wanted)
            self._fail(text, _up_to(facts, wrong[0].place))
        if not asked:
            self._fail(f"only {came[0].line} came, which was the first request and could reuse nothing", facts)

    def _attempts(
        self, method: object, path: object, criteria: Mapping[str, object]
    ) -> tuple[list[Attempt], list[Fact], list[Conversation]]:
        pattern = Pattern(method, path, criteria)
        requests, talks, facts = self._look()
        if _takes_all(method, path, criteria):
            return client_checks.attempts_of(talks, None), facts, talks
        keys = {_key_of(request) for request in requests if is_match(pattern, request)}
        return client_checks.attempts_of(talks, lambda one: one.key in keys), facts, talks

    def _retries(self, requests: Iterable[Request], talks: Iterable[Conversation]) -> list[Retry]:
        records = {_key_of(request): request._record for request in requests}  # noqa: SLF001 - one house

        def is_same_body(first: Exchange, again: Exchange) -> bool:
            one, other = records.get(first.key), records.get(again.key)
            return one is None or other is None or client_checks.may_have_same_body(one, other)

        return client_checks.hidden_retries(talks, is_same_body)

    def _untaken(self, talk: Conversation) -> dict[tuple[int, int], int]:
        """Return how many bytes of each answer the client has not taken, as its kernel says; {} if that is blind."""
        engine = self._desk.barrier.engine
        size = None if engine is None else self._desk.barrier.call(partial(engine.untaken_by, talk.index))
        return {} if size is None else client_checks.spread(talk, size)

    def _fail(self, text: str, facts: list[Fact], talks: Iterable[Conversation] | None = None) -> NoReturn:
        """Raise with that text, and the part of the timeline that is about these connections, or all of it."""
        __tracebackhide__ = True
        names = None if talks is None else {talk.index for talk in talks}
        shown = facts if names is None else [fact for fact in facts if fact[1] in names]
        if shown:
            text += "\n" + timeline_text.last_lines(self._desk.render(shown))
        raise AssertionError(text)


def _up_to(facts: list[Fact], place: int | None) -> list[Fact]:
    """Return the facts up to that place of the record, or all of them."""
    return facts if place is None else list(timeline.expand(facts))[: place + 1]


def _takes_all(method: object, path: object, criteria: Mapping[str, object]) -> bool:
    return method == "*" and path is None and not criteria


def _key_of(request: Request) -> tuple[int, int]:
    return request.connection_index, request.exchange_index


def _talks_of(talks: Iterable[Conversation], exchanges: Iterable[Exchange]) -> list[Conversation]:
    """Return the connections on which these came."""
    indexes = {one.connection for one in exchanges}
    return [talk for talk in talks if talk.index in indexes]
