"""Neighbours that came to the same thing are one range; what differs by nature does not break it."""

from itertools import pairwise

import pytest

from pytest_epoll import Response
from pytest_epoll.sweeps import Outcome, Range, Sweep, _telling

PORT = 41873


class Answer:
    """A response as clients have them: its repr says nothing of its body."""

    def __init__(self, content, status=200):
        self._content = content
        self.status = status

    def __repr__(self):
        return f"<Answer [{self.status}]>"


class Plain:
    def __init__(self, data):
        self.status = 200
        self.data = data


def sweep_of(values, *, whole=b"", how="fin"):
    """Return a sweep whose calls came to these values and exceptions."""

    def outcome(position, what):
        is_error = isinstance(what, BaseException)
        text = _telling.raised(what, PORT) if is_error else _telling.returned(what, PORT, whole)
        value, error = (None, what) if is_error else (what, None)
        return Outcome(position, how, value, error, False, False, 1, Response(), text)

    return Sweep("call", outcome(0, whole), [outcome(at, what) for at, what in enumerate(values)], [], 0)


def ranges(values, **how):
    return [str(found).replace(", fin: ", ": ") for found in sweep_of(values, **how).ranges()]


def test_equal_neighbours_are_one_range_and_one_alone_is_a_byte():
    assert ["bytes 0-1: returned 7", "byte 2: returned 9", "byte 3: returned 7"] == ranges([7, 7, 9, 7])


def test_exceptions_are_told_by_kind_and_words_and_their_numbers_may_differ():
    errors = [ValueError(f"{size} bytes read, {9 - size} more expected") for size in range(3)]

    assert [
        "bytes 0-2: raised ValueError: 0..2 bytes read, 9..7 more expected",
        "byte 3: raised ValueError: nothing",
        "byte 4: raised TypeError: nothing",
        "byte 5: raised TypeError",
    ] == ranges([*errors, ValueError("nothing"), TypeError("nothing"), TypeError()])


def test_the_numbers_of_a_value_count():
    assert ["byte 0: returned (200, None)", "byte 1: returned (500, None)"] == ranges([(200, None), (500, None)])


def test_a_number_that_moves_in_step_with_the_position_does_not():
    assert ["bytes 0-1: returned 0", "bytes 2-4: returned 1..3", "byte 5: returned 5"] == ranges([0, 0, 1, 2, 3, 5])
    assert ["bytes 0-2: returned {'left': 9..7}"] == ranges([{"left": 9}, {"left": 8}, {"left": 7}])


def test_how_much_of_the_body_is_there_does_not_count_but_whether_any_is():
    bodies = [b"", b"", b"h", b"he", b"hello", b"hold"]

    assert [
        "bytes 0-1: returned b''",
        "bytes 2-3: returned the first 1..2 of 5 bytes",
        "byte 4: returned b'hello'",
        "byte 5: returned b'hold'",
    ] == ranges(bodies, whole=b"hello")


@pytest.mark.parametrize(
    ("wrap", "text"),
    [
        (lambda body: (200, body), "(200, the first 1..3 of 4 bytes)"),
        (lambda body: [body], "[the first 1..3 of 4 bytes]"),
        (lambda body: (body,), "(the first 1..3 of 4 bytes,)"),
        (lambda body: body.decode(), "the first 1..3 of 4 characters"),
        (Answer, "<Answer [200]>, body the first 1..3 of 4 bytes"),
        (Plain, "<test_ranges.Plain object>, status 200, body the first 1..3 of 4 bytes"),
    ],
)
def test_a_body_is_found_in_what_clients_return(wrap, text):
    [found] = ranges([wrap(b"abcd"[:size]) for size in (1, 2, 3)], whole=wrap(b"abcd"))

    assert f"bytes 0-2: returned {text}" == found.replace("tests.sweeps.", "")


def test_addresses_and_ports_are_left_out():
    errors = [ConnectionError(f"<Pool object at 0x7f{digit}> at 127.0.0.1:{PORT}, port={PORT}") for digit in "0ab9"]

    assert ["bytes 0-3: raised ConnectionError: <Pool object> at 127.0.0.1:PORT, port=PORT"] == ranges(errors)


def test_what_was_delivered_may_be_quoted():
    texts = [
        _telling.raised(ValueError(f"bad status line {sent.decode()!r}"), PORT, sent)
        for sent in (b"H", b"HT", b"HTTP/1.1 ", b"HTTP/1.1 2")
    ]

    names = [
        _telling.raised(ValueError(f"headers=<'{name}': ''>, raw=(b'{name}', b'')"), PORT, b"OK\r\n" + sent)
        for name, sent in (("C", b"C"), ("Con", b"Con"), ("Content-Length", b"Content-Length: "))
    ]

    assert [(), ()] == [_telling.steps(one, other, 1) for one, other in pairwise(names)]
    assert [(), (), ()] == [_telling.steps(one, other, 1) for one, other in pairwise(texts)]
    assert "raised ValueError: bad status line 'H'..'HTTP/1.1 2'" == _telling.written(texts[0], texts[-1])


def test_long_things_are_counted_or_shortened():
    long = b"x" * 300

    assert ["byte 0: returned all 300 bytes"] == ranges([long], whole=long)
    assert ["byte 0: returned b'yyyyyyyyyyyyyyyyyyyyyyyy'... (300 bytes)"] == ranges([b"y" * 300], whole=long)
    errors = [ValueError("8" + "z" * 300), ValueError("12" + "z" * 300)]
    [found] = ranges(errors)

    assert len("bytes 0-1: ") + 240 == len(found)
    assert found.startswith("bytes 0-1: raised ValueError: 8..12zzz")
    assert found.endswith("zzz...")


def test_what_cannot_be_shown_is_an_outcome_all_the_same():
    class Broken:
        def __repr__(self):
            raise KeyError("no")

    assert ["byte 0: returned <Broken that can't be shown: KeyError>"] == ranges([Broken()])


def test_nothing_that_a_terminal_obeys_is_printed():
    assert [r"byte 0: raised ValueError: a\x1b[31m\nb"] == ranges([ValueError("a\x1b[31m\nb")])


def test_a_property_that_would_read_on_is_not_asked():
    class Lazy:
        @property
        def content(self):
            raise AssertionError("it was read")

    assert 1 == len(ranges([Lazy()]))


def test_ways_to_end_are_never_merged():
    fin, rst = sweep_of([1, 1]), sweep_of([1, 1], how="rst")
    both = Sweep("call", fin.whole, fin.outcomes + rst.outcomes, [], 0)

    assert ["bytes 0-1, fin: returned 1", "bytes 0-1, rst: returned 1"] == [str(found) for found in both.ranges()]


def test_a_range_says_where_it_begins_and_ends_and_what_is_in_it():
    [found] = sweep_of([1, 1, 1]).ranges()

    assert (0, 2, "fin", "returned 1", 3) == (found.first, found.last, found.how, found.what, len(found))
    assert "<Range bytes 0-2, fin: returned 1>" == repr(found)
    assert isinstance(found, Range)


def test_a_sweep_prints_each_range_and_an_error_the_first_twenty():
    sweep = sweep_of([value * 7 for value in range(30)])
    with pytest.raises(AssertionError) as caught:
        sweep.assert_none_returned()

    assert ["30 calls of call", "whole: returned b''", "byte 0, fin: returned 0"] == str(sweep).splitlines()[:3]
    assert 32 == len(str(sweep).splitlines())
    assert "<Sweep of 30 calls of call, 30 ranges>" == repr(sweep)
    assert "  ... and 11 more" == str(caught.value).splitlines()[20]
