"""The hooks: when they are called, with what, and what they may do."""

from __future__ import annotations

import pytest


def test_configure_is_called_before_the_start_and_its_routes_need_not_be_used(run):
    result = run(
        """
def test_it(epoll_server):
    assert b"HTTP/1.1 204 No Content" == ask(epoll_server, "/health")
    ask(epoll_server, "/nobody")

def test_unused(epoll_server):
    pass

def test_in_the_middle(request):
    request.getfixturevalue("epoll_server")
    epoll_server = request.getfixturevalue("epoll_server_factory")()
""",
        "-s",
        conftest="""
def pytest_epoll_configure(server):
    print("configured", server)
    server.get("/health").respond(204)
    server.allow("unmatched")
""".replace('print("configured", server)', 'print("configured", repr(server))'),
    )

    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["*configured <EpollServer never started, stopped>"])


def test_stopped_is_called_once_for_every_server_when_all_is_over(run):
    result = run(
        """
def test_it(epoll_server_factory):
    one, two = epoll_server_factory(), epoll_server_factory()
    one.stop()
    ask(two, "/nobody")
""",
        "-s",
        conftest="""
def pytest_epoll_stopped(server):
    print("stopped", repr(server), len(server.requests))
""",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines_random(
        ["*stopped <EpollServer http://127.0.0.1:*, stopped> 0", "*stopped <EpollServer http://127.0.0.1:*, stopped> 1"]
    )
    assert 2 == result.stdout.str().count("stopped <")


def test_report_may_change_the_lines_of_the_timeline(run):
    result = run(
        """
def test_it(epoll_server):
    ask(epoll_server, "/nobody")
""",
        conftest="""
def pytest_epoll_report(server, lines):
    lines[:] = [line for line in lines if "unmatched" in line]
    lines.append(f"reported for {server}")
""",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*- epoll wire timeline*", "*unmatched, answered 501*", "reported for http://127.0.0.1:*"]
    )
    assert "accepted from" not in result.stdout.str()


def test_report_is_not_called_for_a_passing_test(run):
    result = run(
        """
def test_it(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server)
""",
        "-s",
        conftest="""
def pytest_epoll_report(server, lines):
    print("reported")
""",
    )

    result.assert_outcomes(passed=1)
    assert "reported" not in result.stdout.str()


def test_a_hook_that_there_is_not_is_refused(run):
    result = run("def test_it(): pass", conftest="def pytest_epoll_configured(server): pass")

    assert "unknown hook 'pytest_epoll_configured'" in result.stdout.str() + result.stderr.str()


UNMATCHED_HOOK = """
import threading

import pytest

from pytest_epoll import Response, faults

def pytest_epoll_unmatched(server, request):
    {}
"""


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("return 204", "HTTP/1.1 204 No Content"),
        ("return Response(404, reason='Nothing here')", "HTTP/1.1 404 Nothing here"),
        ("return faults.HangUp()", ""),
        ("return lambda request: (418, request.path)", "HTTP/1.1 418 I'm a Teapot"),
        ("return (200, request.query['q'][0])", "HTTP/1.1 200 OK"),
    ],
)
def test_unmatched_may_answer_and_an_answered_request_is_no_finding(run, reply, answer):
    result = run(
        f"""
def test_it(epoll_server):
    assert {answer.encode()!r}.lower() == ask(epoll_server, "/nobody?q=1").lower()
    assert [] == list(epoll_server.unmatched)
    assert 1 == len(epoll_server.requests)
""",
        conftest=UNMATCHED_HOOK.format(reply),
    )

    result.assert_outcomes(passed=1)


def test_a_request_that_unmatched_leaves_alone_is_a_finding_with_its_near_miss(run):
    result = run(
        """
def test_it(epoll_server):
    epoll_server.route("GET", "/users", optional=True).respond()
    assert b"HTTP/1.1 501 Not Implemented" == ask(epoll_server, "/user")
    assert ["/user"] == [request.path for request in epoll_server.unmatched]
""",
        conftest=UNMATCHED_HOOK.format("return 204 if request.path == '/other' else None"),
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E   unmatched: c0.0 GET /user",
            "E     closest: *",
            "*asked pytest_epoll_unmatched*no route wants it",
            "*unmatched, answered 501*",
        ]
    )


def test_a_hook_for_unmatched_that_is_a_coroutine_or_blocks_stalls_nobody(run):
    result = run(
        """
import threading
from pytest_epoll.testing import in_thread

may_answer = threading.Event()

def test_it(epoll_server):
    epoll_server.get("/x").respond()
    slow = in_thread(ask, epoll_server, "/slow")
    epoll_server.wait_for_requests(1)
    assert b"HTTP/1.1 200 OK" == ask(epoll_server, "/x")
    assert b"HTTP/1.1 203 Non-Authoritative Information" == ask(epoll_server, "/async")
    may_answer.set()
    assert b"HTTP/1.1 204 No Content" == slow.result(10)
""",
        conftest=UNMATCHED_HOOK.format("""
    async def answer():
        return 203
    if request.path == "/async":
        return answer()
    import test_it
    assert test_it.may_answer.wait(10)
    return 204
"""),
    )

    result.assert_outcomes(passed=1)


def test_the_first_hook_that_answers_wins(run):
    result = run(
        """
def test_it(epoll_server):
    assert b"HTTP/1.1 202 Accepted" == ask(epoll_server, "/nobody")
""",
        conftest="""
import pytest

class Second:
    def pytest_epoll_unmatched(self, request):
        return 202

class Third:
    def pytest_epoll_unmatched(self, request):
        return 203

def pytest_configure(config):
    config.pluginmanager.register(Third())
    config.pluginmanager.register(Second())

@pytest.hookimpl(tryfirst=True)
def pytest_epoll_unmatched(request):
    return None
""",
    )

    result.assert_outcomes(passed=1)


def test_unmatched_is_asked_about_whole_requests_also_if_the_client_waits_for_100_continue(run):
    result = run(
        """
from pytest_epoll.testing import RawClient

def test_it(epoll_server):
    with RawClient(epoll_server.address) as client:
        client.send(b"POST /x HTTP/1.1\\r\\nHost: a\\r\\nExpect: 100-continue\\r\\nContent-Length: 5\\r\\n\\r\\n")
        assert b"HTTP/1.1 100 Continue\\r\\n\\r\\n" == client.recv()
        client.send(b"hello")
        assert client.recv().endswith(b"\\r\\n\\r\\nhello")
""",
        conftest=UNMATCHED_HOOK.format("return Response(content=request.body)"),
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "raising", ["raise KeyError('sku')", "pytest.fail('sku')", "return object()", "return faults.PartialWrites(size=1)"]
)
def test_what_unmatched_raises_is_a_finding_and_the_client_is_answered_500(run, raising):
    result = run(
        """
def test_it(epoll_server):
    assert b"HTTP/1.1 500 Internal Server Error" == ask(epoll_server, "/nobody")
""",
        conftest=UNMATCHED_HOOK.format(raising),
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E * 1 finding", "E   handler-error: c0.0 the hook pytest_epoll_unmatched raised *", "*epoll wire timeline*"]
    )
    assert [] == [path for path in ("/pluggy/", "/pytest_epoll/") if path in result.stdout.str()]


def test_request_is_called_once_for_every_request_however_it_ended(run):
    result = run(
        """
from pytest_epoll.testing import RawClient

def test_it(epoll_server):
    epoll_server.allow("unmatched", "malformed")
    epoll_server.get("/x").respond()
    for _ in range(3):
        ask(epoll_server, "/x")
    ask(epoll_server, "/nobody")
    ask(epoll_server, "/bad", method="BREW")
    with RawClient(epoll_server.address) as client:
        client.send(b"PUT /upload HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 5\\r\\n\\r\\nhel")
    epoll_server.wait_for_requests(6)
    import conftest
    assert conftest.seen == [
        ("/x", True, True), ("/x", True, True), ("/x", True, True), ("/nobody", True, True),
        (None, False, True), ("/upload", False, True),
    ]
""",
        conftest="""
seen = []

def pytest_epoll_request(server, request):
    path = None if request.method == "BREW" or not request.raw_head else request.path
    seen.append((path, request.complete, server.last_request == request))
""",
    )

    result.assert_outcomes(passed=1)


def test_a_route_that_request_registers_applies_to_that_request(run):
    result = run(
        """
def test_it(epoll_server):
    assert b"HTTP/1.1 204 No Content" == ask(epoll_server, "/new")
""",
        conftest="""
def pytest_epoll_request(server, request):
    server.get(request.path).respond(204)
""",
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("raising", ["raise KeyError('sku')", "pytest.fail('sku')", "server.wait_idle()"])
def test_what_request_raises_is_a_finding_and_the_request_is_answered_all_the_same(run, raising):
    result = run(
        """
def test_it(epoll_server):
    epoll_server.get("/x").respond(204)
    assert b"HTTP/1.1 204 No Content" == ask(epoll_server, "/x")
""",
        conftest=f"""
import pytest

def pytest_epoll_request(server):
    {raising}
""",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E * 1 finding",
            "E   handler-error: c0.0 the hook pytest_epoll_request raised *",
            'E       File "*conftest.py", line 4, in pytest_epoll_request',
        ]
    )
    assert [] == [path for path in ("/pluggy/", "/pytest_epoll/") if path in result.stdout.str()]


def test_fault_fired_is_called_each_time_a_fault_has_its_first_effect(run):
    result = run(
        """
def test_it(epoll_server):
    epoll_server.get("/x").respond(content=b"hello", fault=faults.Reset(after=3))
    epoll_server.get("/slow").respond(fault=faults.Delay(0.001, after="head"))
    ask(epoll_server, "/x")
    ask(epoll_server, "/x")
    ask(epoll_server, "/slow")
    epoll_server.wait_idle()
    import conftest
    assert conftest.fired == [
        (epoll_server.url, "faults.Reset(after=3)", 0),
        (epoll_server.url, "faults.Reset(after=3)", 1),
        (epoll_server.url, "faults.Delay(seconds=0.001, after='head')", 2),
    ]
""",
        conftest="""
fired = []

def pytest_epoll_fault_fired(server, fault, connection):
    fired.append((server.url, repr(fault), connection.index))
""",
    )

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("fault", ["faults.HangUp(after=3)", "faults.HangUp(after_reading='head')"])
def test_what_fault_fired_raises_is_a_finding_and_the_fault_goes_on(run, fault):
    result = run(
        f"""
def test_it(epoll_server):
    epoll_server.get("/x").respond(fault={fault})
    assert ask(epoll_server, "/x") in (b"", b"HTT")
    assert ask(epoll_server, "/x") in (b"", b"HTT")
""",
        conftest="""
def pytest_epoll_fault_fired(fault):
    raise KeyError(repr(fault))
""",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E   pytest_epoll.errors.EpollFindings: 2 findings",
            "E   handler-error: c0.0 the hook pytest_epoll_fault_fired raised KeyError: *",
            "E     and the same of c1.0 *",
        ]
    )


def test_hooks_of_a_conftest_concern_the_tests_below_it(run, pytester):
    below = pytester.mkdir("below")
    (below / "conftest.py").write_text("""
def pytest_epoll_configure(server):
    server.get("/health").respond(204)

def pytest_epoll_unmatched(request):
    return 204

def pytest_epoll_report(lines):
    lines[:] = ["shortened"]
""")
    (below / "test_below.py").write_text("""
from peer import ask

def test_it(epoll_server):
    assert ask(epoll_server, "/nobody").startswith(b"HTTP/1.1 204")
    assert ask(epoll_server, "/health").startswith(b"HTTP/1.1 204")
""")
    result = run("""
def test_it(epoll_server):
    assert ask(epoll_server, "/nobody").startswith(b"HTTP/1.1 501")
    assert ask(epoll_server, "/health").startswith(b"HTTP/1.1 501")
""")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E * 2 findings"])
    assert "shortened" not in result.stdout.str()


def test_where_nobody_implements_them_nothing_is_called_and_answers_are_settled(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server, "/x")
    hooks = epoll_server._hooks
    assert (None, None, None) == (hooks.unmatched, hooks.request, hooks.fault_fired)
    assert 1 == len(epoll_server._router.settled)
""")

    result.assert_outcomes(passed=1)
