"""What holds for every request that a client can send, whole, in pieces, damaged or made of nothing but noise."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import second_opinions
from reading import bytewise, cut, read, whole
from second_opinions import ACCEPTS, REFUSES, WAITS
from wire_cases import CASES
from wire_strategies import damaged, damaged_inputs, garbage, pipelines, positions, raw_pipelines, valid_requests

pytestmark = pytest.mark.slow
thorough = settings(max_examples=2500, deadline=None)

SEEN_BY_ALL = ("request", "headers", "body", "trailers")


def seen(message):
    """What must not depend on the pieces: everything but how a refused body was taken apart."""
    if "refused" not in message:
        return message
    return {name: message.get(name) for name in ("refused", "request", "headers")}


def verdict(data, pieces, **limits):
    messages, taken, missing = read(pieces, **limits)
    return [seen(message) for message in messages], missing, None if "refused" in (messages or [{}])[-1] else taken


@thorough
@given(pipelines(), positions)
def test_valid_requests_are_read_as_they_were_meant_whatever_pieces_they_come_in(meant, at):
    data = b"".join(request.raw for request in meant)
    for pieces in (whole(data), cut(data, at), bytewise(data)):
        messages, taken, missing = read(pieces)

        assert (len(data), None) == (taken, missing)
        assert [request.facts for request in meant] == [
            {name: message[name] for name in request.facts} for message, request in zip(messages, meant, strict=True)
        ]


@thorough
@given(damaged_inputs | garbage | st.sampled_from([case.raw for case in CASES]), positions)
def test_the_verdict_on_any_bytes_does_not_depend_on_the_pieces_they_come_in(data, at):
    expected = verdict(data, whole(data))

    assert expected == verdict(data, cut(data, at))
    assert expected == verdict(data, bytewise(data))


@thorough
@given(
    raw_pipelines | damaged_inputs,
    positions,
    st.integers(10, 200),
    st.integers(0, 40),
)
def test_limits_are_met_at_the_same_byte_whatever_pieces_it_comes_in(data, at, max_head_size, max_body_size):
    limits = {"max_head_size": max_head_size, "max_body_size": max_body_size}
    expected = verdict(data, whole(data), **limits)

    assert expected == verdict(data, cut(data, at), **limits)
    assert expected == verdict(data, bytewise(data), **limits)
    for message in expected[0]:
        if "refused" not in message:
            assert len(message["raw"]) <= max_head_size
            assert len(message["body"]) <= max_body_size


@thorough
@given(valid_requests(), garbage, positions)
def test_what_stands_behind_a_request_does_not_change_it(meant, junk, at):
    alone = read(whole(meant.raw))[0]

    assert alone == read(cut(meant.raw + junk, at))[0][:1]


@thorough
@given(raw_pipelines | damaged_inputs)
def test_remembered_heads_change_nothing(data):
    heads = {}
    first = read(whole(data), heads=heads)

    assert first == read(whole(data), heads=heads)
    assert first == read(bytewise(data), heads=heads) or "refused" in first[0][-1]


@thorough
@given(valid_requests(empty_lines=False))
def test_h11_reads_every_valid_request_as_we_do(meant):
    ours = read(whole(meant.raw))[0][0]
    opinion, theirs, reason = second_opinions.second_opinion(meant.raw)

    assert (ACCEPTS, "") == (opinion, reason)
    assert {name: theirs[name] for name in (*SEEN_BY_ALL, "version")} == {
        name: ours[name] for name in (*SEEN_BY_ALL, "version")
    }


@thorough
@given(valid_requests(upgrades=False))
def test_llhttp_reads_every_valid_request_as_we_do(meant):
    ours = read(whole(meant.raw))[0][0]
    opinion, theirs, reason = second_opinions.llhttp(meant.raw)

    assert (ACCEPTS, "") == (opinion, reason)
    assert {name: theirs[name] for name in SEEN_BY_ALL} == {name: ours[name] for name in SEEN_BY_ALL}


OUR_RULES = (
    "the request line is not 'method target HTTP/version'",
    "before the request line there are",
    "the protocol is",
    "is not spoken here",
    "the method 'PRI' is not known",
    "Host",
    "CONNECT wants",
    "the target names no host",
    "the transfer coding",
    "Transfer-Encoding in an HTTP/1.0 request",
    "a chunk's size line",
)
"""Words of the refusals that llhttp would not have made: all others are its own."""

LAXER_THAN_H11 = (
    "no request line received",
    "bad Content-Length",
    "Only Transfer-Encoding: chunked is supported",
    "illegal chunk header",
    "multiple Transfer-Encoding headers",
)
"""Words of h11 about what we accept as llhttp does: empty lines before, long numbers, lists of codings."""

STRICTER_THAN_H11 = (
    *OUR_RULES,
    "is not known",
    "Invalid header value char",
    "Invalid header field char",
    "Missing expected CR",
    "Unexpected whitespace after header value",
    "Duplicate Content-Length",
    "Invalid character in Content-Length",
    "Content-Length can't be present with Transfer-Encoding",
    "Transfer-Encoding can't be present with Content-Length",
    "Invalid `Transfer-Encoding` header value",
    "Request has invalid `Transfer-Encoding`",
    "Invalid character in chunk",
    "Expected LF after chunk",
    "Invalid quoted-pair in chunk",
    "url",
)
"""Words of our refusals of what h11 accepts; `wire_cases.DIFFERENCES` has them all."""


@settings(max_examples=6000, deadline=None)
@given(damaged(valid_requests(upgrades=False).map(lambda meant: meant.raw)))
def test_we_accept_nothing_that_llhttp_refuses_and_refuse_beyond_it_only_by_rules_of_our_own(data):
    messages, _, _ = read(whole(data))
    if not messages or b"upgrade" in data.lower() or data.lstrip(b"\r\n").startswith(b"CONNECT"):
        return
    opinion, theirs, reason = second_opinions.llhttp(data[: messages[0]["size"]])
    if "refused" in messages[0]:
        if opinion != REFUSES:
            status, ours, _ = messages[0]["refused"]
            assert status in (501, 505) or any(words in ours for words in OUR_RULES) or opinion == WAITS, ours
    else:
        assert (ACCEPTS, "") == (opinion, reason)
        assert {name: theirs[name] for name in SEEN_BY_ALL} == {name: messages[0][name] for name in SEEN_BY_ALL}


@settings(max_examples=6000, deadline=None)
@given(damaged(valid_requests().map(lambda meant: meant.raw)))
@example(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
def test_where_h11_disagrees_with_us_the_difference_is_a_known_one(data):
    messages, _, _ = read(whole(data))
    if not messages:
        return
    opinion, theirs, reason = second_opinions.second_opinion(data[: messages[0]["size"]])
    if "refused" in messages[0]:
        ours = messages[0]["refused"][1]
        if opinion == ACCEPTS:
            assert any(words in ours for words in STRICTER_THAN_H11), ours
    elif opinion == REFUSES:
        assert any(words in reason for words in LAXER_THAN_H11), reason
    else:
        assert ACCEPTS == opinion
        assert {name: theirs[name] for name in ("request", "body")} == {
            name: messages[0][name] for name in ("request", "body")
        }


@settings(max_examples=6000, deadline=None)
@given(garbage | damaged_inputs)
def test_no_bytes_raise_and_what_is_wrong_with_them_is_a_refusal(data):
    messages, taken, missing = read(whole(data))

    assert taken <= len(data)
    for message in messages:
        if "refused" in message:
            status, reason, _ = message["refused"]
            assert status in (400, 413, 431, 501, 505)
            assert reason
    assert missing is None or missing.startswith("the client closed")
