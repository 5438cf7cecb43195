"""Facts: what happened on the wire, in order, as plain tuples.

Whoever sees something happen appends a fact and never reads one: views, checks and reports are functions of facts.

Facts are on the request path, and they live as long as the test. What follows from that: a fact is a tuple of atoms
(numbers, `str`, `bytes`), which the garbage collector drops from its lists at its first visit, so a hundred thousand
of them do not slow it down; it holds no connection, no request, no route, only their indexes. An exchange in which
nothing remarkable happened is *one* fact (`UNEVENTFUL`), which `expand` turns into the four that it stands for when
somebody looks (one append instead of four: 0.5 against 2.0 us a request).

    (at_ns, connection, exchange, kind, size, detail)

`exchange` is -1 for what belongs to the connection as a whole. `detail` by kind is listed at the kinds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What the server as a whole does.
LISTENER = "listener"  # detail: what it does with connections from now on, in words

# What a connection meets.
ACCEPTED = "accepted"  # detail: the client's address, as text; and where it came in, if that was not the first listener
FIN_RECEIVED = "fin-received"
RST_RECEIVED = "rst-received"
FIN_SENT = "fin-sent"  # detail: "half-close" where it is no goodbye, else None
RST_SENT = "rst-sent"  # detail: the reason where it was not asked for, else None
ENDED = "ended"  # both directions are over, the descriptor is released

# What a request meets.
HEAD = "head"  # size of the head; detail: the head's first bytes
BODY = "body"  # size of the body as on the wire, framing included
REQUEST_ENDED = "request-ended"  # size of the whole message; detail: None if complete, else the reason in words
MATCHED = "matched"  # size of the reply that is due, if it is known; detail: (route, reply number, of how many, status)
ASKED = "asked"  # no route wants it, so a hook is asked; detail: its name
UNMATCHED = "unmatched"  # detail: None, or the closest route in words
REFUSED = "refused"  # detail: the reason in words
CONTINUE_SENT = "continue-sent"

# What is sent.
SENT = "sent"  # size of what the kernel accepted; detail: its first bytes
SEND_BLOCKED = "send-blocked"  # size of what is left
SEND_RESUMED = "send-resumed"
SEND_FAILED = "send-failed"  # detail: the error in words
RECEIVED = "received"  # raw bytes that no request claims; detail: the first bytes
DELIVERED = "delivered"  # size: bytes of the connection that the peer's kernel has
PEER_READ = "peer-read"  # size: bytes of the connection that the client has taken

DUE = "due"  # internal; size of the whole answer, if it was not known when the request was matched, or has changed

# What is done on purpose.
FAULT = "fault"  # a fault fired; detail: (route, reply number, place among its faults, the fault's repr)
ARMED = "armed"  # detail: the same and why it may not fire; internal, what was armed and never fired is a finding
PAUSED = "paused"  # detail: seconds
STALLED = "stalled"
GATE = "gate"  # detail: the gate's name, and "reached" or "opened"
MARK = "mark"  # detail: the name
STEP = "step"  # detail: the step, as text
UNOBSERVED = "unobserved"  # detail: the kind of what could not be seen or done, a colon, and why
HANDLER_ERROR = "handler-error"  # detail: the error in words

UNEVENTFUL = "exchange"
"""A whole request and its whole answer: the shape is `uneventful()`'s."""

INTERNAL = frozenset((ARMED, DUE, UNEVENTFUL))
"""Kinds that users never see as an `Event`."""

KINDS = tuple(
    sorted(
        value
        for name, value in globals().items()
        if name.isupper() and isinstance(value, str) and value not in INTERNAL
    )
)
"""Every kind of an `Event`: the words above."""

NO_EXCHANGE = -1
NO_CONNECTION = -1
"""Of a fact that belongs to the server as a whole."""

Fact = tuple[Any, ...]


def uneventful(  # noqa: PLR0917 - the fields of the tuple, in their order
    at_ns: int,
    connection: int,
    exchange: int,
    sent: int,
    raw_head: bytes,
    route: int,
    reply: int,
    status: int,
    image: bytes,
    responded_ns: int,
) -> Fact:
    """Return the one fact of an exchange that came in one piece and whose answer left in one piece.

    The request path builds this tuple in place; this function is its definition, and what tests use.
    """
    return (at_ns, connection, exchange, UNEVENTFUL, sent, raw_head, route, reply, status, image, responded_ns)


def expand(facts: Iterable[Fact]) -> Iterator[Fact]:
    """Yield the facts in full: those of an uneventful exchange are the same four that any other one leaves.

    Requests that came in one read were answered by one send, so all of them were there before the first answer was.
    """
    sent: list[Fact] = []  # of the answers that left together
    batch = None
    for fact in facts:
        if sent and (fact[3] != UNEVENTFUL or fact[:2] != batch):
            yield from sent
            sent.clear()
        if fact[3] != UNEVENTFUL:
            yield fact
            continue
        at_ns, connection, exchange, _, size, raw_head, route, reply, status, image, responded_ns = fact
        batch = fact[:2]
        yield (at_ns, connection, exchange, HEAD, len(raw_head), raw_head)
        yield (at_ns, connection, exchange, REQUEST_ENDED, len(raw_head), None)
        yield (at_ns, connection, exchange, MATCHED, len(image), (route, reply, status))
        sent.append((responded_ns, connection, exchange, SENT, size, image))
    yield from sent
