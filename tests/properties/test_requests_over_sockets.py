"""What holds for every request holds over a socket, too: the same record, an answer to each, nothing left over."""

import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_epoll import EpollServer
from pytest_epoll.testing import RawClient
from reading import cut, read, whole
from wire_strategies import damaged_inputs, garbage, pipelines, positions

pytestmark = pytest.mark.slow
some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

STATUS_LINE = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
long_pipelines = st.lists(pipelines(), min_size=1, max_size=3).map(
    lambda lists: [one for many in lists for one in many]
)


@pytest.fixture
def server(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.route("*", "/answered", optional=True).respond(content=b"ok")
        yield server


def talk(server, pieces):
    """Send the pieces, one segment each, half-close, and return what comes back and how the connection ended."""
    with RawClient(server.address) as client:
        for piece in pieces:
            client.send(piece)
        client.shutdown()
        return client.read_to_end()


def descriptors():
    return set(os.listdir("/proc/self/fd"))


@some
@given(
    st.lists(pipelines(), min_size=1, max_size=3).map(lambda lists: [one for many in lists for one in many]), positions
)
def test_long_pipelines_of_valid_requests_are_listed_as_meant_and_answered_in_order(server, meant, at):
    data = b"".join(request.raw for request in meant)
    # What says close, or is HTTP/1.0, ends the conversation: what stands behind it is listed, not answered.
    answered = next((place for place, one in enumerate(meant, 1) if one.facts["version"] == "1.0"), len(meant))
    server.clear_records()
    answer, how = talk(server, cut(data, at))
    requests = list(server.requests)

    assert "fin" == how
    assert [b"501"] * answered == STATUS_LINE.findall(answer)
    assert len(requests) >= answered
    for request, one in zip(requests[:answered], meant):
        assert (one.raw, True, None) == (request.raw, request.complete, request.error)
        assert one.facts["body"] == request.body
        assert one.facts["headers"] == request.headers
        assert one.facts["trailers"] == request.trailers
        assert tuple(one.facts["chunks"]) == request.chunk_sizes
    assert {"unmatched"} == {finding.kind for finding in server.findings()}


@some
@given(damaged_inputs | garbage, positions)
def test_damaged_requests_are_refused_for_what_the_reader_says_and_leave_nothing_behind(server, data, at):
    before = descriptors()
    server.clear_records()
    expected, _, missing = read(whole(data))
    answer, how = talk(server, cut(data, at))
    if server.connections:
        server.connections[0].wait_ended()

    assert "fin" == how
    requests = list(server.requests)
    closes = next((place for place, one in enumerate(expected, 1) if "refused" in one or not one["keep_alive"]), None)
    for request, message in zip(requests[:closes], expected):
        refused = message.get("refused")
        assert (refused is None) == request.complete
        assert (None if refused is None else refused[1]) == request.error
    statuses = STATUS_LINE.findall(answer)
    assert (len(expected) if closes is None else closes) <= len(requests)
    assert len(statuses) >= (len(expected) if closes is None else 1)
    if missing is not None and closes is None:
        assert missing == requests[-1].error
    kinds = {finding.kind for finding in server.findings()}
    assert kinds <= {"unmatched", "malformed"}
    str(server.timeline)
    server.clear_records()
    assert before == descriptors()
