"""`server.attempts()`: what each attempt of a client meets."""

import httpx
import pytest

from pytest_epoll import Response, errors, faults


def call(server, times):
    outcomes = []
    for _ in range(times):
        try:
            outcomes.append(httpx.get(server.url + "/any?thing", trust_env=False).status_code)
        except httpx.TransportError as error:
            outcomes.append(type(error))
    return outcomes


def test_each_reply_is_used_once_and_the_last_one_repeats(server):
    route = server.attempts(faults.Reset(), 503, Response(200, text="at last"))

    assert [httpx.ReadError, 503, 200, 200] == call(server, 4)
    assert (4, []) == (route.call_count, server.findings())


def test_attempts_win_over_routes_of_any_other_priority(server):
    server.route(priority=1000).respond(204)
    server.attempts(503)

    assert [503] == call(server, 1)


def test_an_attempt_that_never_came_is_a_finding(server):
    server.attempts(503, 502, 200)
    call(server, 1)

    assert ["unused", "unused"] == [finding.kind for finding in server.findings()]
    assert "reply 2 of 3" in server.findings()[0].text


def test_a_second_plan_of_attempts_is_refused(server):
    server.attempts(503)
    with pytest.raises(errors.UsageError, match="can never be reached"):
        server.attempts(200)


def test_attempts_of_nothing_are_refused(server):
    with pytest.raises(errors.UsageError, match="at least one reply"):
        server.attempts()
