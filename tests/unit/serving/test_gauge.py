"""Where reading stops, without sockets: whatever pieces a request comes in, it stops at the same byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_epoll import faults
from pytest_epoll._core import limits
from pytest_epoll._core.messages import RequestRecord
from pytest_epoll._eventloop.gauged_reads import MORE
from pytest_epoll._serving import gauge
from pytest_epoll._wire.http1_reader import BODY, COMPLETE, FAILED, RequestReader

HEAD = b"POST /x HTTP/1.1\r\nHost: test\r\n"


class Reading:
    """A request that comes in pieces, of which so much is taken as the gauge says."""

    def __init__(self, position):
        self.position = position
        self.reader = RequestReader(heads={}, max_head_size=65536, max_body_size=None)
        self.record = RequestRecord(0, 0, 0)
        self.unread = b""
        self.taken = b""
        self.is_there = False

    def come(self, data):
        self.unread += data
        while self.unread and not self.is_there and self.reader.state not in (COMPLETE, FAILED):
            size, self.is_there = gauge.room(self.reader, self.record, self.position, self.unread)
            if size == MORE:
                return
            piece, self.unread = self.unread[:size], self.unread[size:]
            self.taken += piece
            assert size == (self.reader.feed(piece, 0) if piece else 0)
            self.record.raw_size += size
            self.record.content_size = self.reader.content_size
            if self.record.head is None and self.reader.state == BODY:
                self.record.head = self.reader.head
                self.is_there = gauge.look(self.reader, self.record, self.position).is_reached


def fields(*names_and_values):
    return HEAD + b"".join(b"%s: %s\r\n" % pair for pair in names_and_values) + b"\r\n"


SIZES = st.lists(st.integers(1, 20), max_size=5)
EXTENSIONS = st.sampled_from([b"", b";a=b", b';a="0;\\""'])
ZEROS = st.sampled_from([b"", b"0", b"000"])


@st.composite
def chunked_bodies(draw):
    """Return a chunked body with the offsets in it: of lines, contents, ends of chunks, and the last chunk."""
    body, lines, contents, ends = b"", [], [], []
    for size in draw(SIZES):
        line = draw(ZEROS) + b"%x" % size + draw(EXTENSIONS)
        lines.append((len(body), len(line)))
        body += line + b"\r\n"
        contents.append((len(body), size))
        body += draw(st.sampled_from([b"0\r\n", b"x"]))[:1] * size + b"\r\n"
        ends.append(len(body))
    last = len(body)
    body += draw(ZEROS) + b"0" + draw(EXTENSIONS) + b"\r\n"
    trailers = len(body)
    body += draw(st.sampled_from([b"", b"T: 0\r\n"])) + b"\r\n"
    return body, lines, contents, ends, last, trailers


@st.composite
def places_in_chunks(draw):
    """Return a body, a position, and where that is in the body; None: nowhere."""
    body, lines, contents, ends, last, trailers = draw(chunked_bodies())
    half_of_line = lines[0][0] + lines[0][1] // 2 if lines else None
    places = [
        ("head", 0),
        ("last-chunk", last),
        ("trailers", trailers),
        (faults.half_of("chunk-size"), half_of_line),
        (faults.chunk(len(ends) + 1), None),
        (faults.half_of(f"chunk:{len(ends) + 1}"), None),
        (faults.half_of("body"), None),
        (faults.header("X-No"), None),
        *((faults.chunk(number), end) for number, end in enumerate(ends, 1)),
        *((faults.half_of(f"chunk:{n}"), begin + size // 2) for n, (begin, size) in enumerate(contents, 1)),
    ]
    within = draw(st.integers(0, len(body) - 1))
    position, offset = draw(st.sampled_from([*places, (faults.body(within), within)]))
    for distance in draw(st.lists(st.integers(0, 30), max_size=2)):
        if draw(st.booleans()) and position == "last-chunk":
            position, offset = "end", len(body)
        position = faults.before(position, distance)
        offset = None if offset is None else max(offset - distance, 0)
    return body, position, offset


@pytest.mark.slow
@given(places_in_chunks(), st.data())
def test_in_a_chunked_body_reading_stops_at_the_same_byte_whatever_pieces_it_comes_in(place, data):
    body, position, offset = place
    head = fields((b"Transfer-Encoding", b"chunked"))
    message = head + body
    cuts = data.draw(st.lists(st.integers(0, len(message)), max_size=8).map(sorted))
    reading = Reading(position)
    for begin, end in zip([0, *cuts], [*cuts, len(message)], strict=True):
        reading.come(message[begin:end])

    if offset != len(body):
        assert (offset is not None) == reading.is_there
    assert (message if offset is None else message[: len(head) + offset]) == reading.taken


@pytest.mark.slow
@given(places_in_chunks())
def test_byte_by_byte_nothing_is_taken_too_early_or_held_back_for_ever(place):
    body, position, offset = place
    head = fields((b"Transfer-Encoding", b"chunked"))
    reading = Reading(position)
    for byte in head + body:
        reading.come(bytes((byte,)))

    assert (head + body if offset is None else head + body[:offset]) == reading.taken


@given(st.integers(0, 30), st.integers(0, 40), st.sampled_from(["end", "body", "half"]))
def test_with_a_length_before_is_an_offset(size, distance, base):
    head = fields((b"Content-Length", b"%d" % size))
    base, offset = {
        "end": ("end", size),
        "body": (faults.body(7), 7),
        "half": (faults.half_of("body"), size // 2),
    }[base]
    reading = Reading(faults.before(base, distance))
    reading.come(head + b"x" * size)

    assert head + b"x" * min(max(offset - distance, 0), size) == reading.taken


@pytest.mark.parametrize("line", [b"0" * 9000, b"5" + b";" + b"a" * 9000])
def test_a_size_line_that_nobody_can_see_whole_is_no_position(line):
    for position in ("last-chunk", faults.half_of("chunk-size")):
        reading = Reading(position)
        reading.come(fields((b"Transfer-Encoding", b"chunked")))
        reading.come(line)

        assert b"" == reading.unread


def test_what_lies_further_ahead_than_one_can_look_is_no_position():
    reading = Reading(faults.before("end", limits.LOOKAHEAD + 1))
    reading.come(fields((b"Transfer-Encoding", b"chunked")))
    reading.come(b"ffff\r\n" + b"x" * 20_000)

    assert b"" == reading.unread


@pytest.mark.parametrize("position", ["last-chunk", faults.half_of("chunk-size"), faults.before("end", 3)])
def test_a_malformed_size_line_is_read(position):
    reading = Reading(position)
    reading.come(fields((b"Transfer-Encoding", b"chunked")) + b"zz\r\n")

    assert b"" == reading.unread
    assert FAILED == reading.reader.state
