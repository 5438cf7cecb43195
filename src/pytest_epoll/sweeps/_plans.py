"""What a sweep delivers: one response, ended or split at each of its bytes.

A response is delivered as it was given, with one more fault, so that what is printed can be pasted and read. Three
kinds are delivered as the bytes that they come to (`raw=`): those with interim responses, for positions lie behind
these and a sweep goes through them, too; those that carry faults, whose order would have to be thought about; and, to
be split, streams, which go out in more than one `send`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_epoll import faults
from pytest_epoll._core.checks import checked_words
from pytest_epoll._core.response import Response
from pytest_epoll._core.score import is_gate
from pytest_epoll.errors import UsageError, UsageTypeError
from pytest_epoll.faults._beforehand import sent_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_epoll.faults import Fault
    from pytest_epoll.faults._positions import Position

ENDINGS: Final = {"fin": faults.HangUp, "rst": faults.Reset, "stall": faults.Stall}
"""How a cut-off response ends, in the order in which a sweep goes through them."""

SPLIT: Final = "split"

LARGEST: Final = 65536
"""Bytes of a response: each of them is a call, or three. Nothing happens at the thousandth byte of a body that has not
happened at the tenth."""


class Plan(NamedTuple):
    """One delivery of a sweep."""

    position: int
    how: str  # one of ENDINGS, or SPLIT
    response: Response

    @property
    def name(self) -> str:
        """What a test is called that gets it."""
        return f"{self.how}-{self.position}"


def checked_response(response: object) -> Response:
    """Return a response that a caller gave to be swept.

    Raises:
        UsageTypeError: something that is no `Response`.
        UsageError: one whose bytes can't be known beforehand.
    """
    if not isinstance(response, Response):
        message = f"response must be a Response, not {response!r}"
        raise UsageTypeError(message)
    score = response.score
    if score is not None and score.items is None:
        message = f"response: nobody knows how many bytes {score!r} will be; give the pieces as a list"
        raise UsageError(message)
    if score is not None and any(map(is_gate, score.items or ())):
        message = f"response: {score!r} waits at a gate, and nobody opens it during a sweep; leave it out"
        raise UsageError(message)
    for fault in response.faults:
        if getattr(fault, "acts_on_reading", False):
            message = f"response: {fault!r} acts while the request is read; a sweep is about what is sent"
            raise UsageError(message)
    return response


def checked_how(how: object, choices: tuple[str, ...] = tuple(ENDINGS)) -> tuple[str, ...]:
    """Return the ways to end that a caller gave, in the order of a sweep.

    Raises:
        UsageTypeError: no words.
        UsageError: an unknown one, or none.
    """
    given = checked_words("how", how, choices)
    if not given:
        message = f"how is empty; use {', '.join(map(repr, choices))}"
        raise UsageError(message)
    return tuple(word for word in choices if word in given)


def to_cut(response: Response) -> Response:
    """Return a response in the form in which it is cut."""
    if response.informational or response.faults or _acts_by_itself(response):
        return Response(raw=sent_bytes(response))
    return response


def to_split(response: Response) -> Response:
    """Return a response in the form in which it is split: what goes out in one `send`."""
    if response.informational or response.faults or response.score is not None:
        return Response(raw=sent_bytes(response))
    return response


def _acts_by_itself(response: Response) -> bool:
    """Whether there is more in its stream than bytes."""
    score = response.score
    return score is not None and not all(isinstance(item, bytes) for item in score.items or ())


def uncut(response: Response) -> Response:
    """Return all of it; nobody but us knows where a raw one ends, so FIN says it."""
    return response if response.raw is None else response.with_faults(faults.HangUp("end"))


def cut(response: Response, how: str, place: Position) -> Response:
    """Return the delivery of what lies before a place, ended so."""
    ending: Any = ENDINGS[how]
    return response.with_faults(ending(after=place))


def split(response: Response, *places: Position) -> Response:
    """Return the delivery of it in pieces, each of them one `recv()`."""
    pieces: Fault = faults.PartialWrites(cuts=places, until_read=True)
    return uncut(response).with_faults(pieces)


def cuts(response: Response, how: tuple[str, ...], places: Sequence[Position]) -> Iterator[Plan]:
    """Yield every cut of a response with a place behind each of its bytes."""
    for ending in how:
        for position, place in enumerate(places):
            yield Plan(position, ending, cut(response, ending, place))


def splits(response: Response, places: Sequence[Position]) -> Iterator[Plan]:
    """Yield every two-way split of a response with a place behind each of its bytes."""
    for position, place in enumerate(places):
        if position:
            yield Plan(position, SPLIT, split(response, place))


def places_in(image: bytes) -> list[Position]:
    """Return the places behind 0 bytes, behind one, up to the last but one, of a response to a client not known yet.

    To one that closes we say `Connection: close`, which makes the head longer. So places in the body are counted from
    its beginning; else a client that closes (as urllib.request does) would never see the end of the body cut off.
    """
    head = image.find(b"\r\n\r\n") + 4
    if head < 4:  # noqa: PLR2004 - it was not found
        return list(range(len(image)))
    return [place if place < head else faults.body(place - head) for place in range(len(image))]


def checked_size(size: int) -> int:
    """Return the size of what is to be swept.

    Raises:
        UsageError: nothing, or more than anybody waits for.
    """
    if not size:
        message = "response: it has no bytes on the wire, so there is nothing to cut"
        raise UsageError(message)
    if size > LARGEST:
        message = (
            f"response: it has {size} bytes on the wire, and a sweep makes a call for each; "
            f"use a shorter body, which finds the same (at most {LARGEST} bytes)"
        )
        raise UsageError(message)
    return size
