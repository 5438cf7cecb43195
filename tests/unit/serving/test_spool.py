"""Bytes in a file that has no name: whatever pieces they come in, they are read as they were written."""

import fcntl
import os
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_epoll import errors
from pytest_epoll._serving import spool as spool_module
from pytest_epoll._serving.spool import FileSpool

SIZES = st.sampled_from([0, 1, 54, 4096, 65535, 65536, 65537, 131072, 262144])


@pytest.fixture
def spool():
    made = FileSpool()
    yield made
    made.close()


@given(st.lists(SIZES, max_size=8), st.integers(0, 700_000), st.integers(0, 700_000) | st.none())
def test_any_part_can_be_read_whatever_pieces_were_written(sizes, start, stop):
    written = FileSpool()
    whole = b""
    for number, size in enumerate(sizes):
        piece = random.Random(number).randbytes(size)
        written.write(piece)
        whole += piece

        assert len(whole) == written.size
    assert whole[start:stop] == written.read(start, stop)
    assert whole == written.read()
    written.close()


def test_many_small_pieces_are_kept_in_order(spool):
    pieces = [b"%06d" % number for number in range(30_000)]
    for piece in pieces:
        spool.write(piece)

    assert b"".join(pieces) == spool.read()


def test_each_write_to_the_file_begins_and_ends_at_a_block(spool, monkeypatch):
    real, seen = os.pwritev, []

    def watch(fd, pieces, at):
        seen.append((at, sum(map(len, pieces))))
        return real(fd, pieces, at)

    monkeypatch.setattr(spool_module.os, "pwritev", watch)
    spool.write(b"x" * 54)
    for _ in range(5):
        spool.write(b"y" * 262_144)

    assert [] == [(at, size) for at, size in seen if at % 65536 or size % 65536]
    assert 5 * 262_144 == sum(size for _, size in seen)


@pytest.mark.parametrize("most", [1, 1000, 65536, 100_000])
def test_a_file_that_takes_less_at_once_gets_all_of_it(spool, monkeypatch, most):
    monkeypatch.setattr(spool_module.os, "pwritev", lambda fd, pieces, at: os.pwrite(fd, b"".join(pieces)[:most], at))
    data = random.Random(0).randbytes(200_000)
    spool.write(data[:50_000])
    spool.write(data[50_000:])

    assert data == spool.read()


@pytest.fixture
def pipe():
    """A function that puts bytes into a pipe and returns where to take them from."""
    ends = os.pipe()
    fcntl.fcntl(ends[1], fcntl.F_SETPIPE_SZ, 2**20)

    def fill(data):
        assert len(data) == os.write(ends[1], data)
        return ends[0]

    yield fill
    for fd in ends:
        os.close(fd)


@pytest.mark.parametrize("before", [0, 1, 54, 65535, 65536, 100_000])
@pytest.mark.parametrize(
    "sizes", [(1,), (65536,), (65535, 2), (10, 20, 200_000), (300_000, 54, 70_000), (917_504,) * 3]
)
def test_what_lies_in_a_pipe_is_appended(spool, pipe, before, sizes):
    whole = random.Random(0).randbytes(before)
    spool.write(whole)
    for number, size in enumerate(sizes):
        piece = random.Random(number).randbytes(size)
        spool.write_from(pipe(piece), size)
        whole += piece

        assert (len(whole), whole) == (spool.size, spool.read())
    spool.write(b"end")

    assert whole + b"end" == spool.read()


def test_the_best_size_ends_at_a_block_and_only_whole_blocks_go_to_the_file(spool, pipe, monkeypatch):
    real, seen = os.splice, []

    def watch(source, target, count, **keywords):
        seen.append((keywords["offset_dst"], count))
        return real(source, target, count, **keywords)

    monkeypatch.setattr(spool_module.os, "splice", watch)
    spool.write(b"x" * 54)
    for _ in range(3):
        size = spool.best_size
        spool.write_from(pipe(b"y" * size), size)

        assert 0 == spool.size % 65536
    spool.write_from(pipe(b"y" * 100_000), 100_000)

    assert [] == [(at, size) for at, size in seen if at % 65536 or size % 65536]
    assert 4 == len(seen)


def test_a_file_that_takes_less_of_a_pipe_at_once_gets_all_of_it(spool, pipe, monkeypatch):
    real = os.splice
    monkeypatch.setattr(
        spool_module.os,
        "splice",
        lambda source, target, count, **keywords: real(source, target, min(count, 1000), **keywords),
    )
    data = random.Random(0).randbytes(200_000)
    spool.write_from(pipe(data), len(data))

    assert data == spool.read()


def test_what_was_released_can_not_be_read(spool):
    spool.write(b"x" * 100_000)
    spool.close()

    with pytest.raises(errors.UsageError, match="released at the end of its test"):
        spool.read()
