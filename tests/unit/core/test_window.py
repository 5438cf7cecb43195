"""A window keeps the first and the last bytes of a stream, however they come, and no more memory than it should."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_epoll._core import limits
from pytest_epoll._core.messages import Window

WINDOW = limits.WINDOW
SOURCE = bytes(range(251)) * (8 * WINDOW // 251)
SIZES = [1, 100, 1023, 1024, 5000, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, 2 * WINDOW + 7]

pieces = st.lists(
    st.tuples(st.sampled_from(SIZES), st.integers(0, 5 * WINDOW), st.sampled_from(["bytes", "view", "whole"])),
    max_size=9,
)


def piece_of(size, start, kind):
    piece = SOURCE[start : start + size]
    if kind == "bytes":
        return piece
    return memoryview(piece) if kind == "whole" else memoryview(SOURCE)[start : start + size]


@given(pieces, st.lists(st.booleans(), min_size=9, max_size=9), st.booleans())
def test_first_and_last_bytes_are_kept_whatever_pieces_they_come_in(given_pieces, has_more, is_settled):
    window, stream = Window(), b""
    for number, given_piece in enumerate(given_pieces):
        piece = piece_of(*given_piece)
        window.add(piece, has_more=has_more[number])
        stream += piece
    if is_settled:
        window.settle()
    first, missing, last = window.parts()

    assert len(stream) == window.size == len(first) + missing + len(last)
    assert stream[:WINDOW] == first
    assert stream[len(first) :][-WINDOW:] == last


@given(pieces, st.integers(1, 1000))
def test_bytes_behind_those_that_are_missing_are_the_last_ones(given_pieces, size):
    window = Window()
    for given_piece in given_pieces:
        window.add(piece_of(*given_piece))
    before = window.size
    window.skip(size)
    window.add(b"end")

    assert before + size + 3 == window.size
    assert b"end" == window.parts()[2]


def test_what_was_kept_of_a_buffer_stays_when_the_buffer_changes():
    buffer = bytearray(b"a" * (3 * WINDOW))
    window = Window()
    window.add(memoryview(buffer))
    buffer[:] = b"b" * len(buffer)

    assert (b"a" * WINDOW, WINDOW, b"a" * WINDOW) == window.parts()


@pytest.mark.parametrize(
    ("size", "is_kept"), [(4 * WINDOW, True), (4 * WINDOW + 1, False)], ids=["small: a view", "large: copied"]
)
def test_bytes_are_kept_without_a_copy_only_if_that_keeps_nothing_large(size, is_kept):
    whole = bytes(size)
    before = sys.getrefcount(whole)
    window = Window()
    for start in range(0, size, WINDOW):
        window.add(memoryview(whole)[start : start + WINDOW])

    assert is_kept == (sys.getrefcount(whole) > before)


def test_the_last_bytes_of_a_large_body_are_kept_in_the_same_memory_all_along():
    whole = memoryview(SOURCE)
    window = Window()
    window.add(whole[: 2 * WINDOW])
    kept = window._last[0]
    for start in range(2 * WINDOW, 6 * WINDOW, WINDOW):
        window.add(whole[start : start + WINDOW])

    assert [kept] == window._last
    assert kept is window._last[0]
    assert SOURCE[5 * WINDOW : 6 * WINDOW] == kept


def test_what_waited_to_be_copied_keeps_nothing_large_once_it_is_settled():
    whole = bytes(8 * WINDOW)
    before = sys.getrefcount(whole)
    window = Window()
    for start in range(0, 8 * WINDOW, WINDOW):
        window.add(memoryview(whole)[start : start + WINDOW], has_more=True)

    assert sys.getrefcount(whole) > before
    window.settle()
    assert before == sys.getrefcount(whole)


def test_a_buffer_that_may_change_is_copied_even_if_more_is_to_come():
    buffer = bytearray(b"a" * (3 * WINDOW))
    window = Window()
    window.add(memoryview(buffer), has_more=True)
    buffer[:] = b"b" * len(buffer)

    assert (b"a" * WINDOW, WINDOW, b"a" * WINDOW) == window.parts()
