"""Hypothesis strategies of responses, faults and segmentations: for combinations that nobody has thought of.

Each value prints as the code that makes it, so what Hypothesis has shrunk can be pasted into a test. They shrink
towards `Response(200)`, position 0 and the fewest pieces. Hypothesis is no dependency of pytest-epoll: install it.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any, Final

from pytest_epoll import faults as kinds
from pytest_epoll._core.checks import checked_whole, checked_words
from pytest_epoll._core.response import Response
from pytest_epoll.errors import UsageTypeError
from pytest_epoll.faults._beforehand import sent_bytes
from pytest_epoll.faults._positions import Place
from pytest_epoll.sweeps import _plans

# Facts: Hypothesis shrinks the sequence of choices that were drawn. Where one choice decides which follow, changing it
# leaves the others without a place: they become the smallest ones, and what failed because of them fails no more, so
# the value stays as it happened to be. What follows: everything is drawn, in the same order whatever it turns into, and
# only then made into a value; what depends on the size of something comes before it and is adapted.

try:
    from hypothesis import strategies as st
    from hypothesis.strategies import SearchStrategy
except ModuleNotFoundError as error:
    message = "pytest_epoll.sweeps.strategies needs Hypothesis: pip install hypothesis"
    raise ModuleNotFoundError(message, name=error.name) from error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hypothesis.strategies import DrawFn

    from pytest_epoll.faults import Fault
    from pytest_epoll.faults._positions import Position

__all__ = ("cuts", "faults", "fields", "lies", "positions", "responses", "segmentations", "splits")

FRAMINGS: Final = ("length", "chunked", "close")
"""What ends a body: Content-Length, the last chunk, or our FIN (RFC 9112 section 6.3)."""

_TOKEN: Final = string.ascii_letters + string.digits + "-_!#$%&'*+.^`|~"
_VALUE: Final = "".join(chr(code) for code in (*range(0x21, 0x7F), *range(0xA0, 0x100)))
_FRAMING_FIELDS: Final = frozenset(
    ("content-length", "transfer-encoding", "connection", "content-type", "upgrade", "set-cookie")
)
"""Fields that say more than their value: how the message is framed, or what a client keeps."""

_STATUSES: Final = (200, 201, 202, 206, 400, 404, 409, 410, 422, 500, 503)
"""Without redirects and what makes a client ask again, and without those that have no content."""


# -- responses --


def fields() -> SearchStrategy[list[tuple[str, str]]]:
    """Header fields in any number, legal ones (RFC 9110 section 5) that say nothing about framing."""
    names = st.text(_TOKEN, min_size=1, max_size=8).filter(lambda name: name.lower() not in _FRAMING_FIELDS)
    return st.lists(st.tuples(names, st.text(_VALUE, max_size=12)), max_size=4)


def responses(framings: str | Iterable[str] = FRAMINGS, *, max_size: int = 40) -> SearchStrategy[Response]:
    """Legal responses with a status, header fields and a body of any kind, whose bytes are known.

    Args:
        framings: what may end the body: "length", "chunked", "close", or several of them.
        max_size: bytes of content, at the most.

    Raises:
        UsageTypeError: an argument of a wrong type.
        UsageError: an unknown framing, or a negative size.
    """
    given = checked_words("framings", framings, FRAMINGS)
    size = checked_whole("max_size", max_size, least=0)
    return _responses([body for framing in FRAMINGS if framing in given for body in _BODIES[framing]], size)


@st.composite
def _responses(draw: DrawFn, bodies: list[Callable[[bytes, int], dict[str, Any]]], size: int) -> Response:
    content, number = draw(st.binary(max_size=size)), draw(st.integers(1, 4))
    arguments = draw(st.sampled_from(bodies))(content, number)
    status, headers, trailers = draw(st.sampled_from(_STATUSES)), draw(fields()), draw(fields())
    if headers or "headers" in arguments:
        arguments["headers"] = [*headers, *arguments.pop("headers", ())]
    if trailers and arguments.keys() & {"stream", "events"}:
        arguments["trailers"] = trailers
    return Response(status, **arguments)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _pieces(content: bytes, number: int) -> list[bytes]:
    size = -(-len(content) // number)
    return [content[start : start + size] for start in range(0, len(content), size)] if content else []


_BODIES: Final[dict[str, list[Callable[[bytes, int], dict[str, Any]]]]] = {
    "length": [
        lambda content, _: {"content": content} if content else {},
        lambda content, _: {"text": _text(content)},
        lambda content, _: {"json": _text(content)},
    ],
    "chunked": [
        lambda content, number: {"stream": _pieces(content, number)},
        lambda content, number: {"events": [_text(piece) for piece in _pieces(content, number)]},
    ],
    "close": [
        lambda content, _: {"content": content, "headers": [("Content-Length", None)]},
        lambda content, _: {"text": _text(content), "headers": [("Content-Length", None)]},
    ],
}
"""By framing, what makes the arguments of a response from its content and a number of pieces."""


# -- faults --


def positions(response: Response | None = None) -> SearchStrategy[Position]:
    """Positions: all that there are in a response, or of every kind if none is given; then some are in no response.

    Raises:
        UsageTypeError: something that is no `Response`.
        UsageError: a response of unknown length.
    """
    if response is not None:
        size = len(sent_bytes(_plans.checked_response(response)))
        return st.one_of(st.integers(0, size), st.just("end"))
    small = st.integers(0, 40)
    return st.one_of(
        st.integers(0, 160),
        st.sampled_from(["head", "end", "last-chunk", "trailers"]),
        st.builds(kinds.body, small),
        st.builds(kinds.content, small),
        st.builds(kinds.chunk, st.integers(1, 5)),
        st.builds(kinds.interim, st.integers(1, 3)),
        st.builds(kinds.header, st.sampled_from(["Transfer-Encoding", "content-length", "X-No"])),
        st.builds(
            kinds.half_of, st.sampled_from(["status-line", "header:Content-Length", "chunk-size", "chunk:2", "body"])
        ),
        st.builds(kinds.before, st.sampled_from(["end", "last-chunk", "head", kinds.chunk(2), kinds.body(3)]), small),
    )


def faults(response: Response | None = None) -> SearchStrategy[Fault]:
    """Faults of the reply, of every kind that needs nothing from a server; pauses in them are short.

    Args:
        response: all of them act somewhere in it; if it is not given, some would act in no response.

    Raises:
        UsageTypeError: see `positions()`.
        UsageError: see `positions()`.
    """
    if response is None:
        return _faults(positions(), 160, is_known=False)
    size = len(sent_bytes(_plans.checked_response(response)))
    return _faults(positions(response), max(size, 2), is_known=True)


@st.composite
def _faults(draw: DrawFn, places: SearchStrategy[Position], size: int, *, is_known: bool) -> Fault:
    place, is_set = draw(places), draw(st.booleans())
    numbers = draw(st.lists(st.integers(1, min(size - 1, 30)), min_size=1, max_size=4))
    before_the_end = numbers[-1] - 1 if is_known else place  # where there is still something to be slow with
    make: Callable[[], Fault] = draw(
        st.sampled_from(
            [
                lambda: kinds.HangUp(place),
                lambda: kinds.Reset(place, discard=is_set),
                lambda: kinds.Stall(place),
                lambda: kinds.HalfClose(place),
                lambda: kinds.Delay(0.0001, place),
                lambda: kinds.PartialWrites(size=numbers[0]),
                lambda: kinds.PartialWrites(sizes=tuple(numbers)),
                lambda: kinds.PartialWrites(cuts=_within(numbers, size)),
                lambda: kinds.SlowWrites(1e6, size=numbers[0], after=before_the_end),
                lambda: kinds.SlowReads(1e6),
            ]
        )
    )
    return make()


def lies(response: Response | None = None) -> SearchStrategy[Fault]:
    """Faults that change bytes: of the framing, of the head, of the content.

    Args:
        response: each of them changes something in it; if it is not given, some would be refused or change nothing.

    Raises:
        UsageTypeError: see `positions()`.
        UsageError: see `positions()`.
    """
    if response is not None:
        sent_bytes(_plans.checked_response(response))
    return _lies(response)


@st.composite
def _lies(draw: DrawFn, response: Response | None) -> Fault:
    place = draw(positions(response).filter(_is_at_a_byte))
    number, length, some = (
        draw(st.integers(1, 99)),
        draw(st.integers(-10, 10**6)),
        draw(st.binary(min_size=1, max_size=8)),
    )
    mask = draw(st.integers(1, 255) | st.binary(min_size=1, max_size=30).filter(any))
    name, last = draw(st.sampled_from(["X", "Content-Length", "X-No"])), draw(st.binary(max_size=4))
    made: list[Fault] = [
        kinds.Corrupt(place, mask),
        kinds.ExtraBytes(some),
        kinds.WrongContentLength(value=length),
        kinds.WrongContentLength(delta=number),
        kinds.MalformedHead(status_line=some),
        kinds.MalformedHead(line=some),
        kinds.MalformedHead(line=some, after=kinds.header(name)),
        kinds.MissingFinalChunk(),
        kinds.MalformedChunk(number % 5, some),
        kinds.ChunkExtensions(some, last=last),
    ]
    return draw(st.sampled_from([lie for lie in made if response is None or _changes(lie, response)]))


def _is_at_a_byte(place: Position) -> bool:
    return place != "end" and not (isinstance(place, Place) and place.kind == "interim")


def _changes(lie: Fault, response: Response) -> bool:
    """Whether a lie changes a byte of a response."""
    return sent_bytes(response) != sent_bytes(response.with_faults(lie))


NOT_DRAWN: Final = {
    "CloseIdle": "about what comes before the next request",
    "CloseOnReuse": "about the next request",
    "Garbage": "in place of a reply, whatever that is",
    "NoContinue": "about what is read",
    "RejectContinue": "about what is read",
    "RespondEarly": "about what is read",
    "Sometimes": "another fault, or none",
    "StopReading": "about what is read",
    "Wait": "needs a gate of the server's",
}
"""Faults that neither `faults()` nor `lies()` draws, and why."""


def segmentations(response: Response) -> SearchStrategy[Fault]:
    """Ways to deliver a response in pieces, each of which is what one `recv()` of the client returns.

    Raises:
        UsageTypeError: something that is no `Response`.
        UsageError: a response of unknown length.
    """
    size = len(_places_in(_plans.checked_response(response)))
    places = st.lists(st.integers(1, max(size - 1, 1)), min_size=1)
    return places.map(lambda drawn: kinds.PartialWrites(cuts=_within(drawn, size), until_read=True))


def _places_in(response: Response) -> list[Position]:
    image = sent_bytes(response)
    _plans.checked_size(len(image))
    return _plans.places_in(image)


_PLACES: Final = st.one_of(st.integers(0, 255), st.integers(0, 4095), st.integers(0, _plans.LARGEST))
"""Places in a response that is drawn only after them; those that lie behind it are moved to its end."""

_SOME_PLACES: Final = st.lists(_PLACES, min_size=1)


def _within(places: Iterable[int], size: int) -> tuple[int, ...]:
    """Return places inside of so many bytes, in order."""
    last = max(size - 1, 1)
    return tuple(sorted({min(max(place, 1), last) for place in places}))


# -- responses that carry faults --


def cuts(
    responses: SearchStrategy[Response] | None = None, how: str | Iterable[str] = ("fin", "rst", "stall")
) -> SearchStrategy[Response]:
    """Responses that are cut off somewhere before their end, as `sweeps.cuts()` does: what a client must notice.

    Args:
        responses: what to cut; `responses()` without those that only FIN ends, where FIN looks like the end.
        how: "fin", "rst", "stall", or several of them.

    Raises:
        UsageTypeError: an argument of a wrong type.
        UsageError: an unknown way to end; when it is drawn, a response of unknown length.
    """
    return _cut_off(_checked_responses(responses, ("length", "chunked")), _plans.checked_how(how))


@st.composite
def _cut_off(draw: DrawFn, whole: SearchStrategy[Response], ways: tuple[str, ...]) -> Response:
    ending, place = draw(st.sampled_from(ways)), draw(_PLACES)
    response = _plans.to_cut(_plans.checked_response(draw(whole)))
    places = _places_in(response)
    return _plans.cut(response, ending, places[min(place, len(places) - 1)])


def splits(responses: SearchStrategy[Response] | None = None) -> SearchStrategy[Response]:
    """Responses in pieces that are the client's `recv()`s: what it must not notice.

    Args:
        responses: what to split; `responses()`.

    Raises:
        UsageTypeError: something that is no strategy.
        UsageError: when it is drawn, a response of unknown length.
    """
    return _segmented(_checked_responses(responses, FRAMINGS))


@st.composite
def _segmented(draw: DrawFn, whole: SearchStrategy[Response]) -> Response:
    numbers = draw(_SOME_PLACES)
    response = _plans.to_split(_plans.checked_response(draw(whole)))
    places = _places_in(response)
    return _plans.split(response, *(places[number] for number in _within(numbers, len(places))))


def _checked_responses(given: object, framings: tuple[str, ...]) -> SearchStrategy[Response]:
    if given is None:
        return responses(framings)
    if not isinstance(given, SearchStrategy):
        text = f"responses must be a strategy, such as strategies.responses(), not {given!r}"
        raise UsageTypeError(text)
    return given
