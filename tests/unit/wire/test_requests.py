"""The table of requests against the reader, without sockets: whole, byte by byte, and with something behind."""

import pytest

from reading import bytewise, read, whole
from wire_cases import CASES

BEHIND = b"GET /behind HTTP/1.1\r\nHost: t\r\n\r\n"
COMPLETE = [case for case in CASES if case.request is not None]
REFUSED = [case for case in CASES if case.status is not None]
INCOMPLETE = [case for case in CASES if case.request is None and case.status is None]


def test_the_table_names_every_case_once():
    names = [case.name for case in CASES]

    assert [] == sorted({name for name in names if names.count(name) > 1})


@pytest.mark.parametrize("case", COMPLETE, ids=repr)
def test_a_well_formed_request_is_read_as_it_is_meant(case):
    expected = {"request": case.request, **case.facts}
    for pieces in (whole, bytewise):
        messages, taken, missing = read(pieces(case.raw))

        assert (1, len(case.raw), None) == (len(messages), taken, missing)
        assert expected == {name: messages[0].get(name) for name in expected}


@pytest.mark.parametrize("case", COMPLETE, ids=repr)
def test_what_stands_behind_a_request_is_the_next_one(case):
    alone, _, _ = read(whole(case.raw))
    for pieces in (whole, bytewise):
        messages, taken, missing = read(pieces(case.raw + BEHIND))

        assert (len(case.raw + BEHIND), None) == (taken, missing)
        assert alone == messages[:1]
        assert ["GET /behind"] == [message["request"] for message in messages[1:]]


@pytest.mark.parametrize("case", REFUSED, ids=repr)
def test_a_malformed_request_is_refused_with_its_reason_whatever_pieces_it_comes_in(case):
    seen = [read(pieces(raw)) for pieces in (whole, bytewise) for raw in (case.raw, case.raw + BEHIND)]

    refusals = [messages[-1]["refused"] for messages, _, _ in seen]
    assert [1, 1, 1, 1] == [len(messages) for messages, _, _ in seen]
    assert refusals[:1] * 4 == refusals
    assert case.status == refusals[0][0]
    assert case.words in refusals[0][1]


@pytest.mark.parametrize("case", INCOMPLETE, ids=repr)
def test_of_a_request_broken_off_it_is_said_what_is_missing(case):
    for pieces in (whole, bytewise):
        messages, taken, missing = read(pieces(case.raw))

        assert ([], len(case.raw)) == (messages, taken)
        assert case.words in missing
