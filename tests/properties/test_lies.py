"""Faults that change bytes: whatever has been cut before, whatever counts behind, they make the same reply."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fault_acts import fired, sent, through
from pytest_epoll import EpollServer, Response, errors, faults
from pytest_epoll._core.acts import Send
from pytest_epoll.faults._beforehand import answer, sent_bytes
from pytest_epoll.sweeps import strategies
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"

PIECES = st.lists(st.binary(min_size=1, max_size=12), max_size=4)
PLACES = strategies.positions()
LIES = strategies.lies()
KEEPING_LIES = LIES.filter(lambda lie: not isinstance(lie, (faults.MissingFinalChunk, faults.ExtraBytes)))
CUTS = st.lists(
    st.one_of(
        st.builds(faults.PartialWrites, size=st.integers(1, 30)),
        st.builds(
            faults.PartialWrites, cuts=st.lists(st.integers(0, 160), min_size=1, max_size=5).map(sorted).map(tuple)
        ),
        st.builds(faults.SlowWrites, st.just(1e6), size=st.integers(1, 30)),
        st.builds(faults.Delay, st.just(0.0001), PLACES),
    ),
    max_size=2,
)


def response(pieces, kind):
    """Return a response of these pieces."""
    if kind == "content":
        return Response(content=b"".join(pieces), headers={"X": "abc"})
    if kind == "raw":
        return Response(raw=b"HTTP/1.1 200 OK\r\nX: abc\r\n\r\n" + b"".join(pieces))
    if kind == "one chunk":
        return Response(content=b"".join(pieces), headers={"X": "abc"}, trailers={"A": "b"})
    return Response(stream=list(pieces), headers={"X": "abc"}, trailers={"A": "b"})


RESPONSES = st.builds(response, PIECES, st.sampled_from(["content", "raw", "one chunk", "stream"]))


@given(RESPONSES, CUTS, st.lists(LIES, min_size=1, max_size=3))
def test_cuts_to_the_left_change_nothing_in_what_is_sent(reply, cuts, lies):
    plain, cut = through(lies, answer(reply)), through([*cuts, *lies], answer(reply))

    assert sent(plain) == sent(cut)
    assert all(act.image.size for act in cut if isinstance(act, Send))
    assert sorted(map(repr, fired(plain))) == sorted(repr(fault) for fault in fired(cut) if fault not in cuts)


@given(RESPONSES, CUTS, st.lists(LIES, min_size=1, max_size=3), CUTS, st.integers(0, 300))
def test_a_number_to_the_right_counts_what_they_made(reply, before, lies, behind, after):
    whole = sent(through(lies, answer(reply)))
    cut = through([*before, *lies, *behind, faults.HangUp(after)], answer(reply))

    assert whole[:after] == sent(cut)
    assert (after <= len(whole)) == (faults.HangUp(after) in fired(cut))


@given(RESPONSES, CUTS, st.lists(LIES, min_size=1, max_size=3), st.integers(0, 80))
def test_the_end_is_known_to_the_right_where_it_was_to_the_left(reply, cuts, lies, distance):
    whole = sent(through(lies, answer(reply)))
    cut = through([*cuts, *lies, faults.HangUp(faults.before("end", distance))], answer(reply))

    assert whole[: max(len(whole) - distance, 0)] == sent(cut)


@given(RESPONSES, LIES)
def test_one_fires_at_most_once_and_exactly_if_a_byte_differs(reply, lie):
    plain, made = sent(answer(reply)), through([lie], answer(reply))

    assert (plain != sent(made)) == (fired(made) == [lie])
    assert len(fired(made)) <= 1


@given(RESPONSES, st.lists(LIES, min_size=1, max_size=3), st.integers(0, 160))
def test_behind_a_cut_they_lie_no_further_than_what_was_sent(reply, lies, after):
    """But for what is added at the end, whatever that is."""
    assume(not any(isinstance(lie, faults.ExtraBytes) for lie in lies))
    cut = sent(through([faults.HangUp(after), *lies], answer(reply)))

    assert sent(through(lies, answer(reply))).startswith(cut)


@given(RESPONSES, CUTS, st.lists(KEEPING_LIES, min_size=1, max_size=3))
def test_the_landmarks_of_what_they_made_are_in_order(reply, cuts, lies):
    for act in through([*cuts, *lies], answer(reply)):
        if isinstance(act, Send):
            whole = act.image.whole
            places = [place for part in whole.parts for place in part[1:]]

            assert places == sorted(places)
            assert not places or (whole.head_size <= places[0] and places[-1] <= whole.size)
            assert act.image.joined() == whole.joined()[act.image.offset :][: act.image.size]


def fits(fault, reply):
    """Whether it is not refused for that response."""
    try:
        fault.check(reply)
    except errors.UsageError:
        return False
    return True


@settings(max_examples=40, deadline=None)
@given(RESPONSES, CUTS, st.lists(LIES, min_size=1, max_size=3), st.booleans())
def test_over_a_socket_it_is_the_same(reply, cuts, lies, by_handler):
    plan = [*(fault for fault in (*cuts, *lies) if fits(fault, reply)), faults.HangUp("end")]
    carrying = reply.with_faults(*plan)
    with EpollServer() as server:
        server.get("/x").respond_with((lambda _: carrying) if by_handler else carrying)
        with RawClient(server.address) as client:
            client.send(GET)
            data, how = client.read_to_end()

        assert (sent_bytes(carrying), "fin") == (data, how)
        assert len(data) == server.requests[0].response_bytes_sent
