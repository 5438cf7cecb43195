"""Faults as functions of streams: one that does nothing changes nothing, all others send a beginning of the reply.

Pure first, on acts, for many plans; then a few through a server, over a real socket.
"""

import contextlib
from itertools import groupby

from hypothesis import given, settings
from hypothesis import strategies as st

from fault_acts import sent, through
from pytest_epoll import EpollServer, Response, faults
from pytest_epoll._core.acts import Drain, Fired, NextRequest, ReadTo, Send, SendContinue, ShutdownWrite, Sleep
from pytest_epoll._core.image import Image
from pytest_epoll._wire import http1_writer
from pytest_epoll._wire.http1_writer import Asker
from pytest_epoll.sweeps import strategies
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
ASKER = Asker("GET", "1.1", keep_alive=True)
BEYOND = 10_000

PIECES = st.lists(st.binary(min_size=1, max_size=12), max_size=4)
NUMBERS = st.integers(0, 160)
PLACES = strategies.positions()
BETWEEN_AND_EARLY = st.one_of(
    st.builds(faults.CloseIdle, how=st.sampled_from(["fin", "rst"])),
    st.builds(faults.RespondEarly, st.sampled_from(["keep", "linger", "close", "hold"])),
    st.just(faults.NoContinue()),
    st.builds(faults.Sometimes, st.builds(faults.HangUp, PLACES), st.just(0.5)),
)
FAULTS = strategies.faults() | BETWEEN_AND_EARLY
PLANS = st.lists(FAULTS, max_size=3)

NEVER = st.one_of(
    st.integers(BEYOND, BEYOND * 2),
    st.integers(BEYOND, BEYOND * 2).map(faults.body),
    st.integers(BEYOND, BEYOND * 2).map(faults.content),
    st.integers(50, 60).map(faults.chunk),
    st.integers(50, 60).map(faults.interim),
    st.just(faults.header("X-No")),
    st.just(faults.event(1)),
)
NO_OPS = st.lists(
    st.one_of(
        st.builds(faults.HangUp, NEVER),
        st.builds(faults.Reset, NEVER),
        st.builds(faults.Stall, NEVER),
        st.builds(faults.HalfClose, NEVER),
        st.builds(faults.Delay, st.just(3600.0), NEVER),
        st.builds(faults.PartialWrites, size=st.just(BEYOND)),
        st.builds(faults.SlowWrites, st.just(1), size=st.just(BEYOND)),
        st.builds(faults.SlowWrites, st.just(1), size=st.just(1), after=NEVER),
        st.builds(faults.Corrupt, NEVER.filter(lambda place: getattr(place, "kind", None) != "interim")),
        st.just(faults.MalformedHead(line=b"a", after=faults.header("X-No"))),
        st.just(faults.MalformedHead(status_line=b"HTTP/1.1 200 OK")),
    ),
    min_size=1,
    max_size=3,
)


def reply(pieces, *, streamed, closes):
    """Return the acts of a reply."""
    headers = {"Connection": "close"} if closes else {}
    if not streamed:
        response = Response(content=b"".join(pieces), headers=headers)
        images = [http1_writer.whole(response, http1_writer.encoding(response, ASKER))]
    else:
        response = Response(stream=pieces, headers=headers, trailers={"A": "b"})
        form = http1_writer.encoding(response, ASKER)
        rest = [http1_writer.piece(form, piece, is_event=False) for piece in pieces]
        rest.append(http1_writer.last_piece(response))
        images = [Image(form.head, rest=tuple(rest)), *rest]
    ending = (ShutdownWrite(), Drain()) if closes else (NextRequest(),)
    return [SendContinue(), ReadTo("end"), *map(Send, images), *ending]


REPLIES = st.builds(reply, PIECES, streamed=st.booleans(), closes=st.booleans())


def in_segments(acts):
    """Return the acts with sends that follow each other as one: a fault whose first piece is all of it joins them."""
    groups = groupby(acts, lambda act: isinstance(act, Send))
    return [item for is_sent, group in groups for item in ([sent(group)] if is_sent else group)]


@given(REPLIES, NO_OPS)
def test_a_plan_that_is_never_reached_changes_nothing(acts, plan):
    after = through(plan, acts)

    assert in_segments(acts) == in_segments(after)


@given(REPLIES, PLANS)
def test_every_plan_sends_a_beginning_of_the_reply(acts, plan):
    after = through(plan, acts)

    assert sent(acts).startswith(sent(after))
    assert all(act.image.size for act in after if isinstance(act, Send))


@given(REPLIES, PLANS)
def test_a_fault_fires_at_most_once_and_one_that_does_not_changes_no_byte(acts, plan):
    for fault in plan:
        after = through([fault], acts)
        fired = [act for act in after if isinstance(act, Fired)]

        assert len(fired) <= 1
        if not fired:
            assert sent(acts) == sent(after)
            assert [act for act in acts if not isinstance(act, Send)] == (
                [act for act in after if not isinstance(act, Send)]
            )


@given(REPLIES, NUMBERS)
def test_a_cut_at_a_number_is_at_that_byte_whatever_pieces_came_before(acts, after):
    whole = sent(acts)
    for first in (faults.PartialWrites(size=3), faults.SlowWrites(1e6, size=5), faults.Delay(0.1, after=7)):
        cut = through([first, faults.HangUp(after)], acts)

        assert whole[:after] == sent(cut)
        assert (after <= len(whole)) == (faults.HangUp(after) in [act.fault for act in cut if isinstance(act, Fired)])


@given(REPLIES, PLACES)
def test_every_fault_at_a_place_finds_the_same_place(acts, place):
    cuts = {
        sent(through([fault], acts))
        for fault in (faults.HangUp(place), faults.Reset(place), faults.Stall(place), faults.HalfClose(place))
    }
    paused = through([faults.Delay(1, place)], acts)
    at = next((index for index, act in enumerate(paused) if isinstance(act, Sleep)), len(paused))

    assert {sent(paused[:at])} == cuts


@given(
    st.lists(st.sampled_from(["head", "end", faults.chunk(1), faults.body(4), 20, 3]), min_size=2, max_size=4), REPLIES
)
def test_the_sources_stages_are_closed_with_the_stream(places, acts):
    closed = []

    def source():
        try:
            yield from acts
        finally:
            closed.append(True)

    stream = source()
    for place in places:
        stream = faults.Delay(0.1, after=place).through(stream)
    next(stream)
    stream.close()

    assert [True] == closed


@settings(max_examples=25, deadline=None)
@given(PIECES, st.booleans(), NO_OPS)
def test_over_a_socket_it_is_the_same_bytes_and_facts_as_without_a_fault(pieces, streamed, plan):
    body = {"stream": pieces} if streamed else {"content": b"".join(pieces)}
    seen = []
    for fault in ((), plan):
        with EpollServer() as server:
            server.get("/x").respond(fault=fault, **body)
            with RawClient(server.address) as client:
                client.send(GET * 2 + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                data, how = client.read_to_end()
            server.connections[0].wait_ended()
            facts = [(event.kind, event.exchange) for event in server.timeline if event.kind != "sent"]
            sizes = [(request.response_status, request.response_bytes_sent) for request in server.requests]
            seen.append((data, how, facts, sizes, server.connections[0].closed_by))

    assert seen[0] == seen[1]


@settings(max_examples=25, deadline=None)
@given(PIECES, st.booleans(), PLANS)
def test_over_a_socket_every_plan_sends_a_beginning(pieces, streamed, plan):
    body = {"stream": pieces} if streamed else {"content": b"".join(pieces)}
    close = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with EpollServer() as server:
        server.get("/x").respond(**body)
        server.get("/y").respond(fault=plan, **body)
        with RawClient(server.address) as client:
            client.send(close)
            whole, _ = client.read_to_end()
        with RawClient(server.address) as client:
            client.send(close.replace(b"/x", b"/y"))
            with contextlib.suppress(OSError):  # ENOTCONN: an RST was faster
                client.shutdown()  # so that a stall ends
            data, _ = client.read_to_end()
        server.wait_idle()

    assert whole.startswith(data)
