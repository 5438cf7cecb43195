"""The hooks: when they are called, with what, and what they may do."""

from __future__ import annotations


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
