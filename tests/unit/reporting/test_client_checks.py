"""What a client did, as functions of the record alone."""

import pytest

from pytest_epoll._core import timeline
from pytest_epoll._core.messages import RequestRecord
from pytest_epoll._reporting import client_checks as checks
from pytest_epoll._reporting.client_story import exchanges_of, gather
from pytest_epoll._wire.http1_head import parse_head
from pytest_epoll.errors import UsageError, UsageTypeError
from tapes import SIZE, Tape

SECOND = 1000


@pytest.fixture
def tape():
    return Tape()


def reading(tape, key=(0, 0), untaken=None):
    talks = gather(tape.facts)
    (talk,) = (talk for talk in talks if talk.index == key[0])
    (exchange,) = (one for one in talk.exchanges if one.key == key)
    return checks.reading_of(talk, exchange, untaken)


# -- read to the end or not --


def test_who_closes_with_nothing_unread_has_read_to_the_end(tape):
    tape.opened(0).exchange(0).parted(0)

    assert ("read", "the client closed with nothing unread") == reading(tape)


def test_who_resets_behind_an_answer_has_left_it(tape):
    tape.opened(0).exchange(0).parted(0, timeline.RST_RECEIVED)

    word, reason = reading(tape)
    assert ("abandoned", True) == (word, f"{SIZE} bytes" in reason)


def test_who_resets_behind_our_fin_has_left_the_answer(tape):
    tape.opened(0).exchange(0).parted(0, timeline.FIN_SENT).parted(0, timeline.RST_RECEIVED)

    assert "abandoned" == reading(tape).word


def test_who_asks_again_on_the_same_connection_has_read_what_came_before(tape):
    tape.opened(0).exchange(0).exchange(0, 1, "GET /b").parted(0, timeline.RST_RECEIVED)

    assert ("read", "c0.1 GET /b came behind it") == reading(tape)
    assert "abandoned" == reading(tape, (0, 1)).word


def test_of_pipelined_answers_before_a_reset_only_the_last_is_known_to_be_left(tape):
    tape.opened(0).request(0).request(0, 1).sent(0).sent(0, 1).parted(0, timeline.RST_RECEIVED)

    assert ["unknown", "abandoned"] == [reading(tape, (0, number)).word for number in (0, 1)]


def test_a_half_close_before_the_answer_tells_nothing(tape):
    tape.opened(0).request(0).parted(0).sent(0)

    assert "unknown" == reading(tape).word


def test_who_leaves_before_all_was_sent_has_left_the_answer(tape):
    tape.opened(0).request(0).sent(0, due=100, size=20).parted(0)

    assert ("abandoned", "the client left when 20 of 100 bytes of the reply had been sent") == reading(tape)


def test_an_answer_that_the_server_breaks_off_has_no_end_to_read(tape):
    tape.opened(0).request(0).sent(0, due=100, size=20)(0, 0, timeline.FAULT, 0, (0, 0, 0, "x"))
    tape.parted(0, timeline.RST_SENT)

    assert ("unfinished", "the server broke it off after 20 of 100 bytes") == reading(tape)


def test_an_answer_that_is_being_sent_has_no_end_to_read_yet(tape):
    tape.opened(0).request(0).sent(0, due=100, size=20)

    assert ("unfinished", "20 of 100 bytes were sent so far") == reading(tape)


@pytest.mark.parametrize(
    ("untaken", "word"), [(0, "read"), (7, "unread"), (None, "unknown")], ids=["taken", "waiting", "blind"]
)
def test_on_an_open_connection_the_clients_kernel_knows(tape, untaken, word):
    tape.opened(0).exchange(0)

    assert word == reading(tape, untaken=untaken).word


def test_what_is_not_taken_is_what_was_sent_last(tape):
    tape.opened(0).exchange(0).exchange(0, 1)
    (talk,) = gather(tape.facts)

    assert {(0, 1): SIZE, (0, 0): 3} == checks.spread(talk, SIZE + 3)


@pytest.mark.parametrize(
    ("sends", "word"),
    [
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", b"0\r\n\r\n"], "read"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", b"0\r\nA: b\r\n\r\n"], "read"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", b"0\r\n", b"\r\n"], "read"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"], "abandoned"),
    ],
    ids=["whole", "trailers", "cut into pieces", "before the last chunk"],
)
def test_of_a_stream_the_last_chunk_is_the_end(tape, sends, word):
    tape.opened(0).request(0)(0, 0, timeline.MATCHED, 0, (0, 0, 200))
    for data in sends:
        tape(0, 0, timeline.SENT, len(data), data)
    tape.parted(0)

    assert word == reading(tape).word


def test_what_a_script_sends_is_as_long_as_it_says(tape):
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    tape.opened(0).request(0)(0, 0, timeline.SENT, len(data) + 2, data + b"ab")

    assert ("unfinished", "40 of 43 bytes were sent so far") == reading(tape)
    tape(0, 0, timeline.SENT, 3, b"cde")
    assert "read" == reading(tape, untaken=0).word


def test_what_a_script_sends_to_head_is_a_head(tape):
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    tape.opened(0).request(0, 0, "HEAD /a")(0, 0, timeline.SENT, len(data), data)

    assert "read" == reading(tape, untaken=0).word


def test_of_a_stream_that_nothing_delimits_our_fin_is_the_end(tape):
    tape.opened(0).request(0).sent(0, due=0).parted(0, timeline.FIN_SENT).parted(0)

    assert "read" == reading(tape).word


def test_a_stream_whose_source_failed_has_no_end(tape):
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    tape.opened(0).request(0)(0, 0, timeline.SENT, len(head), head)(0, 0, timeline.HANDLER_ERROR, 0, "KeyError")
    tape.parted(0, timeline.FIN_SENT)

    assert "unfinished" == reading(tape.parted(0)).word


def test_an_interim_response_belongs_to_no_answer(tape):
    tape.opened(0).request(0)(0, 0, timeline.SENT, 25, b"HTTP/1.1 103 Early Hints\r\n").sent(0).parted(0)

    (exchange,) = exchanges_of(gather(tape.facts))
    assert (SIZE, 200, True) == (exchange.sent, exchange.status, exchange.is_whole)


# -- connections --


def test_each_connection_counts_its_requests(tape):
    tape.opened(0, 1, 2).exchange(0).exchange(0, 1).exchange(2)

    assert [2, 0, 1] == checks.requests_per_connection(gather(tape.facts))


def test_a_connection_of_before_the_record_counts_from_its_next_request(tape):
    assert [] == checks.requests_per_connection(gather(tape.parted(0).facts))
    assert [1] == checks.requests_per_connection(gather(tape.exchange(0, 7).facts))


def test_a_request_reuses_the_connection_on_which_another_came(tape):
    tape.opened(0, 1).exchange(0).exchange(0, 1).exchange(1)
    first, other = gather(tape.facts)

    assert [False, True] == [checks.is_reuse(first, one) for one in first.exchanges]
    assert not checks.is_reuse(other, other.exchanges[0])


def test_the_first_goodbye_says_who_closed(tape):
    tape.opened(0, 1, 2).parted(0).parted(0, timeline.FIN_SENT).parted(1, timeline.FIN_SENT, "half-close")
    tape.parted(2, timeline.RST_SENT)
    talks = gather(tape.facts)

    assert [True, False, False] == [checks.was_closed(talk, "client", None) for talk in talks]
    assert [True, False, False] == [checks.was_closed(talk, "client", "fin") for talk in talks]
    assert [False, False, False] == [checks.was_closed(talk, "client", "rst") for talk in talks]
    assert [False, False, True] == [checks.was_closed(talk, "server", "rst") for talk in talks]


# -- pipelining --


def depths(tape):
    return [one.depth for one in exchanges_of(gather(tape.facts))]


def test_one_request_after_the_other_is_no_pipeline(tape):
    tape.opened(0).exchange(0).exchange(0, 1).exchange(0, 2)

    assert [1, 1, 1] == depths(tape)


def test_a_pipeline_is_as_deep_as_answers_are_owed(tape):
    tape.opened(0).request(0).request(0, 1).sent(0).request(0, 2).sent(0, 1).sent(0, 2).exchange(0, 3)

    assert [1, 2, 2, 1] == depths(tape)
    assert 2 == checks.pipeline_depth(gather(tape.facts))


def test_requests_of_several_connections_are_no_pipeline(tape):
    tape.opened(0, 1).request(0).request(1).sent(0).sent(1)

    assert [1, 1] == depths(tape)


def test_requests_that_were_read_and_answered_together_are_a_pipeline(tape):
    head = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
    both = [timeline.uneventful(5, 0, number, 9, head, 0, 0, 200, b"x" * 9, 6) for number in (0, 1)]

    assert [1, 2] == [one.depth for one in exchanges_of(gather(both))]


def test_a_request_in_the_middle_of_a_stream_is_pipelined(tape):
    tape.opened(0).request(0).sent(0, due=0, size=5).request(0, 1)(0, 0, timeline.SENT, 5, b"0\r\n\r\n")

    assert [1, 2] == depths(tape)


def test_a_request_behind_a_stalled_answer_is_pipelined(tape):
    tape.opened(0).request(0).sent(0, due=100, size=5)(0, 0, timeline.STALLED).request(0, 1)

    assert [1, 2] == depths(tape)


def test_no_request_is_no_pipeline():
    assert 0 == checks.pipeline_depth([])


# -- attempts and gaps --


def gaps(tape, is_wanted=None):
    return checks.gaps(checks.attempts_of(gather(tape.facts), is_wanted))


def test_a_gap_begins_before_the_answer_leaves(tape):
    """The stamp of a send is made behind it: the client may have it before, and begins to wait then."""
    tape.opened(0).request(0)(0, 0, timeline.MATCHED, SIZE, (0, 0, 503)).later(50)
    tape(0, 0, timeline.SENT, SIZE, b"HTTP/1.1 503 Service Unavailable\r\n").later(100).exchange(0, 1)

    assert [0.15] == gaps(tape)


def test_a_delay_of_ours_is_no_part_of_a_gap(tape):
    tape.opened(0).request(0)(0, 0, timeline.PAUSED, 0, 0.5).later(500 + 3).sent(0).later(100).exchange(0, 1)

    assert [pytest.approx(0.103, abs=0.004)] == gaps(tape)


def test_a_timeout_of_the_clients_is_part_of_a_gap(tape):
    tape.opened(0, 1).request(0).later(SECOND).parted(0).later(100).exchange(1)

    assert [pytest.approx(1.1, abs=0.01)] == gaps(tape)


def test_a_goodbye_of_ours_lets_go_of_an_attempt(tape):
    tape.opened(0, 1).request(0).sent(0, size=0).later(SECOND)(0, 0, timeline.FAULT, 0, (0, 0, 0, "x"))
    tape.parted(0, timeline.RST_SENT).later(100).exchange(1)

    assert [pytest.approx(0.1, abs=0.01)] == gaps(tape)


def test_our_answer_to_the_clients_fin_lets_go_of_nothing(tape):
    tape.opened(0, 1).exchange(0).later(SECOND).parted(0).parted(0, timeline.FIN_SENT).exchange(1)

    assert [pytest.approx(1.0, abs=0.01)] == gaps(tape)


def test_attempts_that_overlap_have_no_gap(tape):
    tape.opened(0, 1).request(0).request(1).later(SECOND).sent(0).sent(1)

    assert [0.0] == gaps(tape)


def test_connections_that_the_server_closes_at_once_are_attempts_too(tape):
    tape.opened(0).parted(0, timeline.FIN_SENT).later(100).opened(1).parted(1, timeline.FIN_SENT).later(200).opened(2)
    tape.exchange(2)

    assert [pytest.approx(0.1, abs=0.005), pytest.approx(0.2, abs=0.005)] == gaps(tape)


def test_connections_on_which_the_client_never_asked_are_none(tape):
    tape.opened(0, 1).parted(0).exchange(1)

    assert [] == gaps(tape)


def test_only_what_is_meant_is_an_attempt(tape):
    tape.opened(0).exchange(0).exchange(0, 1, "GET /b").later(100).exchange(0, 2)

    assert [pytest.approx(0.1, abs=0.01)] == gaps(tape, lambda one: one.line == "GET /a")


@pytest.mark.parametrize(
    ("least", "growing", "lengths", "wrong"),
    [
        (0.1, False, [0.1, 0.3], None),
        (0.1, False, [0.1, 0.09], {1: "at least 0.1 s"}),
        ([0.1, 0.2], False, [0.1, 0.2], None),
        ((0.1, 0.2), False, [0.2, 0.1], {1: "at least 0.2 s"}),
        ([0.1, 0.2], False, [0.1], {}),
        ([0.1], False, [0.1, 0.1], {}),
        (None, True, [0.1, 0.2, 0.3], None),
        (None, True, [0.1, 0.2, 0.2], {2: "more than before"}),
        (0.1, True, [0.05, 0.2], {0: "at least 0.1 s"}),
        (0, False, [], {}),
    ],
)
def test_bounds_of_gaps_are_lower_ones_and_growth(least, growing, lengths, wrong):
    assert wrong == checks.GapBounds(least, growing=growing).misses(lengths)


@pytest.mark.parametrize(
    ("least", "growing", "error", "says"),
    [
        (None, False, UsageError, "growing=True"),
        (-1, False, UsageError, "at_least=-1"),
        ([0.1, -1], False, UsageError, "at_least=-1"),
        ("0.1", False, UsageTypeError, "'0.1'"),
        ([None], False, UsageTypeError, "None"),
        (float("nan"), False, UsageError, "nan"),
    ],
)
def test_bounds_that_mean_nothing_are_refused(least, growing, error, says):
    with pytest.raises(error, match=says):
        checks.GapBounds(least, growing=growing)


# -- what came again --


def retries(tape, is_same_body=None):
    return [(one.first.name, one.again.name) for one in checks.hidden_retries(gather(tape.facts), is_same_body)]


def test_a_post_that_comes_again_without_an_answer_to_the_first_is_a_retry(tape):
    tape.opened(0, 1).request(0, 0, "POST /o", body=7).parted(0, timeline.RST_SENT).exchange(1, 0, "POST /o", body=7)

    assert [("c0.0", "c1.0")] == retries(tape)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503])
def test_a_post_that_comes_again_after_a_failure_is_a_retry(tape, status):
    tape.opened(0).exchange(0, 0, "POST /o", status=status).exchange(0, 1, "POST /o")

    assert [("c0.0", "c0.1")] == retries(tape)


@pytest.mark.parametrize("status", [200, 201, 303, 400, 404, 409])
def test_a_post_that_comes_again_after_an_answer_is_another_one(tape, status):
    tape.opened(0).exchange(0, 0, "POST /o", status=status).exchange(0, 1, "POST /o")

    assert [] == retries(tape)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
def test_what_is_idempotent_may_come_again(tape, method):
    tape.opened(0, 1).request(0, 0, f"{method} /o").parted(0, timeline.RST_SENT).exchange(1, 0, f"{method} /o")

    assert [] == retries(tape)


def test_posts_at_the_same_time_are_no_retries(tape):
    tape.opened(0, 1).request(0, 0, "POST /o").request(1, 0, "POST /o").sent(0).sent(1)

    assert [] == retries(tape)


def test_posts_that_are_both_in_progress_are_no_retries(tape):
    tape.opened(0, 1).request(0, 0, "POST /o").request(1, 0, "POST /o")

    assert [] == retries(tape)


@pytest.mark.parametrize(("line", "body"), [("POST /other", 7), ("PATCH /o", 7), ("POST /o", 8)])
def test_another_request_is_no_retry(tape, line, body):
    tape.opened(0, 1).request(0, 0, "POST /o", body=7).parted(0, timeline.RST_SENT).exchange(1, 0, line, body=body)

    assert [] == retries(tape)


def test_a_request_that_was_broken_off_comes_again_with_a_longer_body(tape):
    tape.opened(0, 1).request(0, 0, "POST /o", body=7).facts.pop()
    tape(0, 0, timeline.REQUEST_ENDED, 7, "the client reset the connection").parted(0, timeline.RST_RECEIVED)
    tape.exchange(1, 0, "POST /o", body=700)

    assert [("c0.0", "c1.0")] == retries(tape)


def test_other_header_fields_do_not_make_another_request_of_it(tape):
    tape.opened(0, 1).request(0, 0, "POST /o", "X-Attempt: 1").parted(0, timeline.RST_SENT)
    tape.exchange(1, 0, "POST /o", "X-Attempt: 2")

    assert [("c0.0", "c1.0")] == retries(tape)


@pytest.mark.parametrize(("second", "found"), [("Idempotency-Key: a", []), ("Idempotency-Key: b", [("c0.0", "c1.0")])])
def test_the_same_key_makes_it_idempotent_and_another_one_does_not(tape, second, found):
    tape.opened(0, 1).request(0, 0, "POST /o", "idempotency-key: a").parted(0, timeline.RST_SENT)
    tape.exchange(1, 0, "POST /o", second)

    assert found == retries(tape)


def test_a_third_attempt_repeats_the_second(tape):
    tape.opened(0, 1, 2)
    for connection in range(3):
        tape.request(connection, 0, "POST /o").parted(connection, timeline.RST_SENT)

    assert [("c0.0", "c1.0"), ("c1.0", "c2.0")] == retries(tape)


def test_who_knows_the_bodies_has_the_last_word(tape):
    tape.opened(0, 1).request(0, 0, "POST /o", body=7).parted(0, timeline.RST_SENT).exchange(1, 0, "POST /o", body=7)

    assert [] == retries(tape, lambda *_: False)


@pytest.mark.parametrize(
    ("first", "again", "same"),
    [(b"abc", b"abc", True), (b"abc", b"abd", False), (b"ab", b"abc", True), (None, b"abc", True)],
)
def test_bodies_are_compared_as_far_as_they_came(first, again, same):
    assert same == checks.may_have_same_body(posted(first), posted(again))


def posted(body):
    record = RequestRecord(0, 0, 0)
    record.head = parse_head(b"POST /o HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n")
    record.keeps_body = body is not None
    record.raw = [record.head.raw, body or b""]
    return record


# -- Expect --


@pytest.mark.parametrize(
    ("field", "announces"),
    [
        ("Expect: 100-continue", True),
        ("expect:100-Continue ", True),
        ("X-Expect: 100-continue", False),
        ("Expect: 200-ok", False),
    ],
)
def test_the_announcement_is_found_in_a_head(field, announces):
    assert announces == checks.announces_expect(f"PUT / HTTP/1.1\r\nHost: t\r\n{field}\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("field", "body_ns", "continued_ns", "ignored"),
    [
        (b"Expect: 100-continue\r\n", 5, None, True),
        (b"Expect: 100-continue\r\n", 5, 4, False),
        (b"Expect: 100-continue\r\n", None, None, False),
        (b"", 5, None, False),
    ],
    ids=["unasked", "asked", "no body", "no announcement"],
)
def test_a_body_that_came_unasked_has_ignored_the_announcement(field, body_ns, continued_ns, ignored):
    record = RequestRecord(0, 0, 0)
    record.head = parse_head(b"PUT / HTTP/1.1\r\nHost: t\r\nContent-Length: 1\r\n" + field + b"\r\n")
    record.body_started_ns, record.continued_ns = body_ns, continued_ns

    assert ignored == checks.has_ignored_expect(record)


# -- back-pressure --


def longest(tape, now_ms=10_000):
    return max(checks.longest_hold(one, now_ms * 1_000_000) for one in exchanges_of(gather(tape.facts)))


@pytest.fixture
def blocked(tape):
    """An answer of which the kernel took a part, at the third millisecond from the end."""
    tape.opened(0).request(0).sent(0, due=1000, size=20)
    return tape(0, -1, timeline.SEND_BLOCKED, 980)


def test_bytes_wait_from_a_full_buffer_to_the_next_that_it_takes(blocked):
    blocked.later(300)(0, 0, timeline.SENT, 500, b"x").later(200)(0, 0, timeline.SENT, 480, b"x")
    blocked(0, -1, timeline.SEND_RESUMED).later(5000)

    assert 0.3 == longest(blocked)


def test_bytes_that_still_wait_have_waited_until_now(blocked):
    assert pytest.approx(10, abs=0.01) == longest(blocked)


@pytest.mark.parametrize("kind", [timeline.RST_RECEIVED, timeline.RST_SENT, timeline.SEND_FAILED, timeline.ENDED])
def test_nothing_waits_behind_the_end(blocked, kind):
    blocked.later(300)(0, -1, kind)

    assert 0.3 == longest(blocked)


def test_who_takes_everything_keeps_nothing_waiting(tape):
    assert 0.0 == longest(tape.opened(0).exchange(0))


def test_what_was_blocked_before_the_record_was_cleared_is_nobodys(tape):
    assert [] == exchanges_of(gather(tape(0, -1, timeline.SEND_BLOCKED, 5)(0, -1, timeline.SEND_RESUMED).facts))


def test_answers_that_leave_together_wait_one_after_the_other(tape):
    tape.opened(0).request(0).request(0, 1).sent(0, due=100, size=20)(0, -1, timeline.SEND_BLOCKED, 5)
    tape.later(100)(0, 0, timeline.SENT, 80, b"x").sent(0, 1, size=5).later(200)(0, 1, timeline.SENT, SIZE, b"x")
    tape(0, -1, timeline.SEND_RESUMED)
    first, second = exchanges_of(gather(tape.facts))

    assert [0.1] == [checks.longest_hold(first, 0)]
    assert [0.2] == [checks.longest_hold(second, 0)]
