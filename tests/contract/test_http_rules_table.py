"""The table of requests over real sockets: what the record says, and what the client reads."""

import re

import pytest

from pytest_epoll.testing import RawClient
from wire_cases import CASES

BEHIND = b"GET /behind HTTP/1.1\r\nHost: t\r\n\r\n"
BEFORE = b"GET /before HTTP/1.1\r\nHost: t\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer"
STATUS_LINE = re.compile(rb"HTTP/1\.1 [0-9]{3} ")
GROUPS = sorted({case.name.partition(",")[0] for case in CASES})


def cases_of(group):
    return [case for case in CASES if case.name.startswith(f"{group},")]


@pytest.fixture
def server(server):
    server.get("/before").respond(content=b"answer")
    server.get("/behind", optional=True).respond(content=b"answer")
    return server


def exchange(server, data):
    """Send it, half-close, and return what comes back, and how the connection ended."""
    with RawClient(server.address) as client:
        client.send(data)
        client.shutdown()
        return client.read_to_end()


@pytest.mark.parametrize("group", GROUPS)
def test_well_formed_requests_are_listed_as_they_are_meant_and_answered(server, group):
    for case in cases_of(group):
        if case.request is None:
            continue
        server.clear_records()
        answer, how = exchange(server, BEFORE + case.raw)
        request = server.requests[1]

        assert (2, case.request, True, None) == (len(server.requests), str(request), request.complete, request.error)
        assert answer.startswith(ANSWER + b"HTTP/1.1 501 Not Implemented\r\n")
        assert "fin" == how
        assert case.raw == request.raw
        if "body" in case.facts:
            assert case.facts["body"] == request.body
        if "headers" in case.facts:
            assert case.facts["headers"] == request.headers
        if "trailers" in case.facts:
            assert case.facts["trailers"] == request.trailers
        assert {"unmatched"} == {finding.kind for finding in server.findings()}


@pytest.mark.parametrize("group", GROUPS)
def test_malformed_requests_are_answered_after_those_before_and_nothing_behind_is(server, group):
    for case in cases_of(group):
        if case.status is None:
            continue
        server.clear_records()
        answer, how = exchange(server, BEFORE + case.raw + BEHIND)
        request = server.requests[1]

        assert answer.startswith(ANSWER + b"HTTP/1.1 %d " % case.status)
        assert (2, "fin") == (len(STATUS_LINE.findall(answer)), how)
        assert (2, False, case.status) == (len(server.requests), request.complete, request.response_status)
        assert case.words in request.error
        assert ["malformed"] == [finding.kind for finding in server.findings()]


@pytest.mark.parametrize("group", GROUPS)
def test_requests_that_a_fin_breaks_off_say_what_is_missing_and_are_no_finding(server, group):
    for case in cases_of(group):
        if case.request is not None or case.status is not None:
            continue
        server.clear_records()
        answer, how = exchange(server, BEFORE + case.raw)
        request = server.requests[1]

        assert (ANSWER, "fin") == (answer, how)
        assert (2, False, None) == (len(server.requests), request.complete, request.response_status)
        assert case.words in request.error
        assert case.raw == request.raw
        assert [] == server.findings()
