"""Questions about a client, answered from its connections: pure functions, without a socket or a clock.

How each answer comes about, and what can't be known, is told in `client_story`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_epoll._core.checks import checked_seconds
from pytest_epoll._core.showing import count
from pytest_epoll._reporting.client_story import Conversation, Exchange, exchanges_of
from pytest_epoll.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_epoll._core.messages import RequestRecord

_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
"""RFC 9110 section 9.2.2; a method that is not registered may mean anything."""

_KEYS = (b"idempotency-key:", b"x-idempotency-key:")
"""Fields that make of any request one that may be repeated (those that Go's net/http takes for that, too)."""

_EXPECT = re.compile(rb"\r\nExpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)

_FAILED: Final = frozenset((408, 425, 429))
"""Statuses beside 5xx after which a client asks again (RFC 9110 section 15, RFC 8470, RFC 6585)."""

_SERVER_ERRORS: Final = 500

READ: Final = "read"
UNREAD: Final = "unread"
ABANDONED: Final = "abandoned"
UNFINISHED: Final = "unfinished"
UNKNOWN: Final = "unknown"


class Reading(NamedTuple):
    """What became of an answer at the client: one of the words above, and how that is known."""

    word: str
    reason: str


def reading_of(talk: Conversation, exchange: Exchange, untaken: int | None) -> Reading:
    """Return whether the client has read an answer to its end.

    Args:
        talk: its connection.
        exchange: the request and its answer.
        untaken: bytes of this answer that the client had not taken when its kernel was asked; None if it was not.
    """
    bye = talk.goodbye
    if not exchange.is_whole:
        return _of_a_part(exchange, "" if bye is None else bye.by)
    is_last = exchange is talk.answered_last
    if not is_last:
        later = next(one for one in talk.exchanges if one.place > exchange.place)
        if later.place > exchange.sent_place:
            return Reading(READ, f"{later.name} {later.line} came behind it")
    reset, fin = talk.of_client("rst"), talk.of_client("fin")
    if reset is not None:
        behind = f"the client closed with bytes unread, or reset, after {count(exchange.sent, 'byte')} of the reply"
        return Reading(ABANDONED, behind) if is_last else Reading(UNKNOWN, "the client reset the connection later on")
    if fin is not None:
        if fin.place > exchange.sent_place:
            return Reading(READ, "the client closed with nothing unread")
        return Reading(UNKNOWN, "the client had sent FIN before: what it reads after that can't be seen")
    if untaken is None:
        return Reading(
            UNKNOWN, "what the client has read can't be seen any more" if bye else "the client can't be seen"
        )
    if untaken:
        return Reading(UNREAD, f"{untaken} of {count(exchange.sent, 'byte')} wait unread")
    return Reading(READ, "the client has taken every byte")


def _of_a_part(exchange: Exchange, left: str) -> Reading:
    so_far = f"{exchange.sent} of {exchange.due}" if exchange.due else f"{exchange.sent}"
    if left == "client":
        return Reading(ABANDONED, f"the client left when {so_far} bytes of the reply had been sent")
    if left == "server":
        return Reading(UNFINISHED, f"the server broke it off after {so_far} bytes")
    return Reading(UNFINISHED, f"{so_far} bytes were sent so far")


def spread(talk: Conversation, untaken: int) -> dict[tuple[int, int], int]:
    """Return how many bytes of each answer of a connection the client has not taken: what was sent last waits last."""
    shares = {}
    for exchange in reversed(talk.exchanges):
        shares[exchange.key] = min(untaken, exchange.sent)
        untaken -= shares[exchange.key]
    return shares


# -- connections --


def requests_per_connection(talks: Iterable[Conversation]) -> list[int]:
    """Return how many requests came on each connection; one of before the record was cleared counts if any came."""
    return [len(talk.exchanges) for talk in talks if talk.exchanges or talk.opened_ns is not None]


def pipeline_depth(talks: Iterable[Conversation]) -> int:
    """Return how many requests of one connection waited for their answers at the same time, at the most."""
    return max((one.depth for one in exchanges_of(talks)), default=0)


def is_reuse(talk: Conversation, exchange: Exchange) -> bool:
    """Whether a request came on a connection that had carried one before; also if that one was forgotten."""
    return exchange.exchange > 0 or talk.opened_ns is None


def was_closed(talk: Conversation, by: str, how: str | None) -> bool:
    """Whether the first goodbye on a connection was that one's, and of that kind."""
    bye = talk.goodbye
    return bye is not None and bye.by == by and how in {None, bye.how}


# -- attempts --


class Attempt(NamedTuple):
    """A request, or a connection on which none came; times in nanoseconds."""

    name: str
    line: str
    begun_ns: int
    spoken_ns: int  # when the server let go of it, or when it came if the server said nothing


def attempts_of(talks: Sequence[Conversation], is_wanted: Callable[[Exchange], bool] | None) -> list[Attempt]:
    """Return the attempts in the order in which they came.

    Args:
        talks: the connections.
        is_wanted: which requests are meant; None: all, and the connections that the server closed before one came.
    """
    found = [
        Attempt(one.name, one.line, one.begun_ns, one.begun_ns if one.spoken_ns is None else one.spoken_ns)
        for one in exchanges_of(talks)
        if is_wanted is None or is_wanted(one)
    ]
    for talk in talks if is_wanted is None else ():
        bye = talk.goodbye
        if not talk.exchanges and talk.opened_ns is not None and bye is not None and bye.by == "server":
            found.append(Attempt(talk.name, "(no request)", talk.opened_ns, talk.opened_ns))
    return sorted(found, key=lambda attempt: attempt.begun_ns)


def gaps(attempts: Iterable[Attempt]) -> list[float]:
    """Return the seconds from when the server let go of an attempt to the next one; 0.0 where they overlap."""
    return [max(0, later.begun_ns - earlier.spoken_ns) / 1e9 for earlier, later in pairwise(attempts)]


class GapBounds:
    """What a caller wants of the gaps between attempts."""

    __slots__ = ("_growing", "_least")

    def __init__(self, least: object, *, growing: bool) -> None:
        """Take the arguments of a caller.

        Raises:
            UsageTypeError: `at_least` is neither a number nor numbers.
            UsageError: nothing is wanted, or a negative number.
        """
        if least is None and not growing:
            message = "assert_gaps() wants at_least= (seconds, for all gaps or for each), growing=True, or both"
            raise UsageError(message)
        self._growing = growing
        self._least: float | list[float] | None = None
        if isinstance(least, Iterable) and not isinstance(least, (str, bytes)):
            self._least = [checked_seconds("at_least", one) for one in least]
        elif least is not None:
            self._least = checked_seconds("at_least", least)

    @property
    def expected(self) -> str:
        """What is wanted, in words."""
        least = self._least
        parts = []
        if isinstance(least, list):
            parts.append(f"{count(len(least), 'gap')} of at least {', '.join(f'{one:g}' for one in least)} s")
        elif least is not None:
            parts.append(f"gaps of at least {least:g} s")
        if self._growing:
            parts.append("growing gaps" if not parts else "each longer than the one before")
        return ", ".join(parts)

    def misses(self, lengths: Sequence[float]) -> dict[int, str] | None:
        """Return what was expected of each gap that is wrong, by its place; None if nothing is wrong.

        Wrong without a place: there are more or fewer gaps than there should be.
        """
        least = self._least if isinstance(self._least, list) else [self._least] * len(lengths)
        wrong: dict[int, str] = {}
        for place, (length, bound) in enumerate(zip(lengths, least, strict=False)):
            if bound is not None and length < bound:
                wrong[place] = f"at least {bound:g} s"
            elif self._growing and place and length <= lengths[place - 1]:
                wrong[place] = "more than before"
        is_number_right = len(lengths) == len(least) and lengths
        return None if is_number_right and not wrong else wrong


class Retry(NamedTuple):
    """A request that came again, and the one that it repeats."""

    first: Exchange
    again: Exchange

    @property
    def outcome(self) -> str:
        """What became of the first one."""
        return f"was answered {self.first.status}" if self.first.is_whole else "got no whole answer"


def hidden_retries(
    talks: Iterable[Conversation], is_same_body: Callable[[Exchange, Exchange], bool] | None = None
) -> list[Retry]:
    """Return the requests that are not idempotent and came again although the one before them had reached the server.

    One that was answered well and comes again is no retry but another request, and so is one that comes while the other
    is still being answered.

    Args:
        talks: the connections.
        is_same_body: whether two requests of the same size have the same body; None: it is not known.
    """
    by_index = {talk.index: talk for talk in talks}
    failed: dict[bytes, list[Exchange]] = {}  # by request line; the others can't have been repeated
    found = []
    for one in exchanges_of(by_index.values()):
        if not one.head or _method(one.head) in _IDEMPOTENT:
            continue
        line = _first_line(one.head)
        for first in reversed(failed.get(line, ())):
            if (
                not (first.is_whole and first.sent_place > one.place)
                and _may_be_same(first, one)
                and (is_same_body is None or is_same_body(first, one))
            ):
                found.append(Retry(first, one))
                break
        if _has_failed(one, by_index[one.connection]):
            failed.setdefault(line, []).append(one)
    return found


def _has_failed(exchange: Exchange, talk: Conversation) -> bool:
    """Whether a client had reason to ask again, sooner or later."""
    if exchange.is_whole:
        return exchange.status in _FAILED or exchange.status >= _SERVER_ERRORS
    return not talk.is_open


def _may_be_same(first: Exchange, again: Exchange) -> bool:
    """Whether both are as long, as far as they came, and no key says that they may be one to the server."""
    key = _key_of(first.head)
    if key and key == _key_of(again.head):
        return False
    return first.body == again.body or not (first.is_complete and again.is_complete)


def may_have_same_body(first: RequestRecord, again: RequestRecord) -> bool:
    """Whether two requests have the same body, as far as both came and were kept."""
    if not (first.keeps_body and again.keeps_body and first.head and again.head):
        return True
    one, other = _raw_body(first), _raw_body(again)
    size = min(len(one), len(other))
    return one[:size] == other[:size]


def _raw_body(record: RequestRecord) -> bytes:
    raw = b"".join(record.raw) if record.spool is None else record.spool.read()
    return raw[len(record.head.raw) :] if record.head is not None else b""


def _first_line(head: bytes) -> bytes:
    return head.lstrip(b"\r\n").split(b"\r\n", 1)[0]


def _method(head: bytes) -> bytes:
    return _first_line(head).split(b" ", 1)[0]


def _key_of(head: bytes) -> bytes:
    lines = head.split(b"\r\n")
    return next((line.partition(b":")[2].strip() for line in lines if line.lower().startswith(_KEYS)), b"")


# -- within a request --


def announces_expect(head: bytes) -> bool:
    """Whether a head says `Expect: 100-continue` (RFC 9110 section 10.1.1)."""
    return _EXPECT.search(head) is not None


def has_ignored_expect(record: RequestRecord) -> bool:
    """Whether a client announced `Expect: 100-continue` and sent its body before it was asked for it."""
    head = record.head
    announced = head is not None and head.expects_continue
    return announced and record.body_started_ns is not None and record.continued_ns is None


def longest_hold(exchange: Exchange, now_ns: int) -> float:
    """Return for how many seconds at the longest bytes of an answer waited for the client to read."""
    return max((hold.lasted_ns(now_ns) for hold in exchange.holds), default=0) / 1e9
