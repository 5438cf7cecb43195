"""`server.attempts()`: what each attempt of a client meets."""

import httpx
import pytest

from fetching import fetch
from pytest_epoll import Response, errors, faults, steps


def call(server, times):
    outcomes = []
    for _ in range(times):
        try:
            outcomes.append(fetch(server.url + "/any?thing").status_code)
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
    assert server.findings()[0].text.startswith("attempts(), test_attempts.py:35: reply 2 of 3, ")
    assert "optional" not in server.findings()[0].text  # attempts() has none


def test_attempts_that_never_came_are_a_finding(server):
    server.attempts(503, faults.at_accept(faults.HangUp()))

    assert [
        'attempts(), test_attempts.py:44: never requested\n  not required? server.allow("unused")',
        (
            "attempt 2 of 2, faults.at_accept(faults.HangUp()), test_attempts.py:44: never run\n"
            '  0 connections came\n  not required? server.allow("unused")'
        ),
    ] == [finding.text for finding in server.findings()]


def test_a_second_plan_of_attempts_is_refused(server):
    server.attempts(503)
    with pytest.raises(errors.UsageError, match=r"attempts\(\) can never be reached"):
        server.attempts(200)


def test_attempts_of_nothing_are_refused(server):
    with pytest.raises(errors.UsageError, match=r"^attempts\(\) needs at least one reply$"):
        server.attempts()


# -- attempts that get no further than their connection --


def attempt(server, times):
    """Make attempts that each have a connection of their own."""
    outcomes = []
    for _ in range(times):
        try:
            outcomes.append(fetch(server.url).status_code)
        except httpx.TransportError:
            # Which one depends on the moment: of an RST that its write has met, httpx reads an end of file.
            outcomes.append({"rst": "reset", "fin": "closed"}[server.connections[-1].closed_how])
    return outcomes


def test_a_fault_at_accept_takes_a_connection_in_its_turn(server):
    route = server.attempts(
        faults.at_accept(faults.Reset()), 503, faults.at_accept(faults.HangUp()), Response(200, text="at last")
    )

    assert ["reset", 503, "closed", 200, 200] == attempt(server, 5)
    assert (3, []) == (route.call_count, server.findings())
    assert [0, 1, 0, 1, 1] == [len(connection.requests) for connection in server.connections]


def test_the_last_one_repeats_also_if_it_takes_connections(server):
    server.attempts(200, faults.at_accept(faults.Reset()))

    assert [200, "reset", "reset"] == attempt(server, 3)
    assert server.findings() == []


def test_a_fault_at_accept_that_ends_nothing_goes_on_with_the_routes(server):
    server.attempts(faults.at_accept(faults.Delay(0.01)), 503, 200)

    assert [503, 200] == attempt(server, 2)
    assert server.findings() == []


def test_a_fault_at_accept_that_no_connection_came_for_is_a_finding(server):
    server.attempts(503, faults.at_accept(faults.Reset()), 200)
    attempt(server, 1)
    found = {finding.text.partition("\n")[0] for finding in server.findings()}

    assert any("attempt 2 of 3, faults.at_accept(faults.Reset()), test_attempts.py:" in text for text in found)
    assert all(finding.kind == "unused" for finding in server.findings())


def test_a_script_for_a_connection_comes_before_an_attempt(server):
    server.script(steps.read_request(), steps.respond(418), connection=0)
    server.attempts(faults.at_accept(faults.Reset()), 200)

    assert [418, "reset", 200] == attempt(server, 3)


def test_clear_forgets_attempts_at_accept(server):
    server.attempts(faults.at_accept(faults.Reset()), 200)
    server.clear()
    server.get("/").respond(204)

    assert [204] == attempt(server, 1)


def test_attempts_of_connections_alone_are_refused(server):
    with pytest.raises(errors.UsageError, match=r"script\(fault\)"):
        server.attempts(faults.at_accept(faults.Reset()))


def test_what_is_no_fault_is_refused_at_accept():
    with pytest.raises(errors.UsageTypeError, match="not 503"):
        faults.at_accept(503)


def test_at_accept_is_no_reply_of_a_route(server):
    with pytest.raises(errors.UsageTypeError, match="no reply"):
        server.get("/").respond_with(faults.at_accept(faults.Reset()))
