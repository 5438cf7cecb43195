"""The verdict falls in the call phase: whatever kind of test it is, and however it ends."""

from __future__ import annotations

import pytest

UNMATCHED = "E   unmatched: c0.0 GET /nobody"

FINDINGS = {
    "unmatched": (
        """
        epoll_server.get("/users").respond(json=[])
        ask(epoll_server, "/users")
        ask(epoll_server, "/user")
        """,
        [
            "E   pytest_epoll.errors.EpollFindings: 1 finding",
            "E   unmatched: c1.0 GET /user",
            'E     closest: get("/users"), test_it.py:*',
            "E       method   GET * ok",
            "E       path * got: /user",
        ],
    ),
    "used up": (
        """
        epoll_server.get("/x").respond(times=1)
        ask(epoll_server)
        ask(epoll_server)
        """,
        [
            "E   unmatched: c1.0 GET /x",
            'E     closest: get("/x"), test_it.py:*: used up: its one reply answered 1 request',
        ],
    ),
    "never requested": (
        """
        epoll_server.get("/x").respond()
        """,
        [
            'E   unused: get("/x"), test_it.py:*: never requested',
            'E     not required? .route(..., optional=True), or server.allow("unused")',
        ],
    ),
    "reply never used": (
        """
        epoll_server.get("/x").respond(503).respond(200)
        ask(epoll_server)
        """,
        ['E   unused: get("/x"), test_it.py:*: reply 2 of 2, test_it.py:*: never used'],
    ),
    "no reply": (
        """
        epoll_server.get("/x")
        """,
        ['E   unused: get("/x"), test_it.py:*: it has no reply, so it is not live', "E     add one: .respond(...)"],
    ),
    "unfired": (
        """
        epoll_server.get("/x").respond(content=b"short", fault=faults.Reset(after=1000))
        ask(epoll_server)
        """,
        ['E   unfired: faults.Reset(after=1000) on get("/x"), test_it.py:*: armed but never fired'],
    ),
    "handler": (
        """
        @epoll_server.get("/x").handler
        def broken(request):
            raise KeyError("sku")
        assert ask(epoll_server).startswith(b"HTTP/1.1 500")
        """,
        ["E   handler-error: c0.0 *", "E*KeyError: 'sku'"],
    ),
    "predicate": (
        """
        epoll_server.route(path="/x", where=lambda request: request.nothing).respond()
        assert ask(epoll_server).startswith(b"HTTP/1.1 500")
        """,
        ["E   handler-error: c0.0 *", "E*AttributeError: *nothing*"],
    ),
    "stream": (
        """
        def items():
            yield b"a"
            raise RuntimeError("no more")
        import httpx
        epoll_server.get("/x").respond(stream=items)
        with pytest.raises(httpx.RemoteProtocolError):  # which has waited for the end
            httpx.get(epoll_server.url + "/x", trust_env=False)
        """,
        ["E   handler-error: c0.0 stream=items of test_it.py:* raised RuntimeError: no more", "E*in items"],
    ),
    "too large": (
        """
        epoll_server.get("/x", optional=True).respond()
        ask(epoll_server, "/" + "x" * 70_000)
        """,
        ["E   malformed: c0.0*", "E     received: GET /xxx*", "E     answered 431; sent on purpose? *"],
    ),
    "not HTTP": (
        """
        ask(epoll_server, "/x y z")
        """,
        ["E   malformed: c0.0*", "E     answered 400; sent on purpose? *"],
    ),
    "malformed": (
        """
        ask(epoll_server, method="BREW")
        """,
        ["E   malformed: c0.0*: *'BREW'*"],
    ),
}


@pytest.mark.parametrize(("body", "lines"), FINDINGS.values(), ids=FINDINGS)
def test_a_finding_fails_the_test_and_says_why(run, body, lines):
    result = run(f"def test_it(epoll_server):{body}")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([*lines, "*epoll wire timeline*"] if "ask" in body else lines)
    text = result.stdout.str()
    assert [] == [words for words in ("full-trace", "/pytest_epoll/", "yield from") if words in text]


def test_a_delivery_that_could_not_be_seen_fails_the_test(run, monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.probes.PeerProbe.look", lambda *_: None)
    result = run("""
def test_it(epoll_server):
    epoll_server.get("/x").respond(content=b"hello", fault=faults.Reset(after=7))
    ask(epoll_server)
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E   inexact: c0.0 *", "E     exact=False on the fault accepts it, *"])


def test_a_test_that_leaves_nothing_unmet_passes(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.get("/x").respond()
    assert b"HTTP/1.1 200 OK" == ask(epoll_server)
""")

    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("mark", ["asyncio", "anyio"])
def test_async_tests_are_judged(run, mark):
    result = run(f"""
@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.{mark}
async def test_bad(epoll_server):
    ask(epoll_server, "/nobody")

@pytest.mark.{mark}
async def test_good(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server)
""")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([UNMATCHED])


UNITTEST = """
import unittest

class TestIt(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _server(self, epoll_server):
        self.server = epoll_server

    def test_it(self):
        ask(self.server, "/nobody")
"""


def test_methods_of_unittest_are_judged(run):
    result = run(UNITTEST)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([UNMATCHED])


def test_a_failing_method_of_unittest_keeps_its_failure(run):
    result = run(UNITTEST + "        self.assertEqual(1, 2)\n")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*AssertionError: 1 != 2", "*epoll findings*", "unmatched: c0.0 GET /nobody"])


def test_a_method_of_unittest_that_skips_is_not_judged(run):
    result = run(UNITTEST + '        self.skipTest("not today")\n')

    result.assert_outcomes(skipped=1)


def test_an_expected_failure_of_unittest_is_met_by_a_finding_of_none(run):
    """unittest's own mark looks at the method alone; a finding is no failure of the method."""
    result = run(
        UNITTEST.replace("    def test_it", "    @unittest.expectedFailure\n    def test_it") + "        assert 0\n"
    )

    result.assert_outcomes(xfailed=1)


def test_under_xfail_a_finding_is_a_failure_like_any_other(run):
    result = run("""
@pytest.mark.xfail
def test_expected(epoll_server):
    ask(epoll_server, "/nobody")

@pytest.mark.xfail(raises=AssertionError)
def test_expected_as_what_it_is(epoll_server):
    ask(epoll_server, "/nobody")

@pytest.mark.xfail(raises=OSError)
def test_another_was_expected(epoll_server):
    ask(epoll_server, "/nobody")

@pytest.mark.xfail
def test_nothing_is_wrong(epoll_server):
    pass
""")

    result.assert_outcomes(xfailed=2, failed=2)
    result.stdout.fnmatch_lines(["*test_another_was_expected*", UNMATCHED, "*XPASS(strict)*"])


LATE = """
@pytest.fixture
def late(epoll_server):
    yield
    ask(epoll_server, "/late")

"""


def test_a_skip_inside_the_test_is_not_judged_then_or_later(run):
    result = run(
        LATE
        + """
def test_it(epoll_server, late):
    epoll_server.get("/x").respond()
    ask(epoll_server, "/nobody")
    pytest.skip("not today")
"""
    )

    result.assert_outcomes(skipped=1)


def test_an_exit_ends_the_run_and_is_not_judged(run):
    result = run("""
def test_it(epoll_server):
    ask(epoll_server, "/nobody")
    pytest.exit("enough")
""")

    result.stdout.fnmatch_lines(["*Exit: enough*"])
    assert "unmatched" not in result.stdout.str()


def test_a_test_that_fails_for_another_reason_keeps_it_and_shows_the_findings_beside_it(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server, "/nobody")
    assert 1 == 2
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E       assert 1 == 2",
            "*- epoll findings -*",
            "2 findings",
            "unmatched: c0.0 GET /nobody",
            'unused: get("/x"), test_it.py:*: never requested',
            "*- epoll wire timeline (1 connection, 1 request) -*",
            "FAILED test_it.py::test_it - assert 1 == 2",
        ]
    )


def test_a_server_asked_for_in_the_middle_of_a_test_is_judged(run):
    result = run("""
def test_it(request):
    ask(request.getfixturevalue("epoll_server"), "/nobody")
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([UNMATCHED])


def test_every_server_of_the_factory_is_judged_and_named(run):
    result = run("""
def test_it(epoll_server_factory):
    one, two = epoll_server_factory(), epoll_server_factory()
    assert one.port != two.port
    one.get("/x").respond()
    ask(two, "/nobody")
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E   pytest_epoll.errors.EpollFindings: http://127.0.0.1:*: 1 finding",
            'E   unused: get("/x"), test_it.py:*: never requested',
            "E   http://127.0.0.1:*: 1 finding",
            UNMATCHED,
        ]
    )


def test_an_unmatched_request_of_a_later_teardown_fails_there(run):
    result = run(
        LATE
        + """
def test_it(epoll_server, late):
    pass
"""
    )

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "E   pytest_epoll.errors.EpollFindings: after the test had ended: 1 finding",
            "E   unmatched: c0.0 GET /late",
            "*- epoll wire timeline (1 connection, 1 request) -*",
        ]
    )


def test_a_handler_that_raises_in_a_later_teardown_fails_there(run):
    result = run(
        LATE
        + """
@pytest.fixture
def routes(epoll_server):
    @epoll_server.get("/late").handler
    def broken(request):
        raise KeyError("sku")

def test_it(epoll_server, routes, late):
    pass
"""
    )

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E*after the test had ended: 1 finding", "E   handler-error: c0.0 *"])


def test_a_handler_that_does_not_end_fails_the_test_with_its_stack(run):
    result = run(
        """
import threading

may_end = threading.Event()

@pytest.fixture(autouse=True)
def end():
    yield
    may_end.set()

def test_it(end, epoll_server):
    @epoll_server.get("/x").handler
    def stubborn(request):
        may_end.wait(20)
        return 200
    from pytest_epoll.testing import RawClient
    with RawClient(epoll_server.address) as client:
        client.send(b"GET /x HTTP/1.1\\r\\nHost: test\\r\\n\\r\\n")
        epoll_server.wait_for_requests()
""",
        "-W",
        "error",
    )

    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["E   handler-error: *", "E*stubborn*"])


def test_what_was_judged_is_not_judged_again_with_what_comes_later(run):
    """The explanation of the early request has another text by then, as the route is used up."""
    result = run(
        LATE
        + """
def test_it(epoll_server, late):
    epoll_server.get("/late").respond(times=1)
    epoll_server.get("/x").respond()
    ask(epoll_server, "/nobody")
"""
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([UNMATCHED, 'E   unused: get("/x"), test_it.py:*'])


def test_a_route_may_be_used_by_a_later_teardown_if_it_need_not_be_used_before(run):
    result = run(
        LATE
        + """
@pytest.fixture
def routes(epoll_server):
    epoll_server.get("/late").respond()

def test_it(epoll_server, routes, late):
    pass
"""
    )

    result.assert_outcomes(passed=1)


def test_a_failing_setup_is_not_judged_but_shows_the_wire(run):
    result = run("""
@pytest.fixture
def broken(epoll_server):
    ask(epoll_server, "/nobody")
    raise ValueError("broken")

def test_it(broken):
    pass
""")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E*ValueError: broken", "*epoll wire timeline*", "*unmatched, answered 501*"])
    assert "EpollFindings" not in result.stdout.str()


def test_with_xdist_the_verdict_and_the_timeline_reach_the_terminal(run):
    result = run(
        """
@pytest.mark.parametrize("number", range(4))
def test_it(epoll_server, number):
    epoll_server.get("/x").respond()
    ask(epoll_server, "/x" if number else "/nobody")
""",
        "-n2",
        subprocess=True,
    )

    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines([UNMATCHED, "*- epoll wire timeline (1 connection, 1 request) -*"])


def test_what_the_test_allows_is_no_failure(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.allow("unmatched")
    ask(epoll_server, "/nobody")
""")

    result.assert_outcomes(passed=1)


def test_a_server_made_by_hand_is_not_judged(run):
    result = run("""
def test_it():
    with EpollServer() as server:
        ask(server, "/nobody")
""")

    result.assert_outcomes(passed=1)


def test_a_stopped_server_is_judged_too(run):
    result = run("""
def test_it(epoll_server):
    ask(epoll_server, "/nobody")
    epoll_server.stop()
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([UNMATCHED])


def test_a_defect_of_ours_fails_its_test_once_and_the_run_goes_on(run, monkeypatch):
    result = run("""
def test_bad(epoll_server_factory, monkeypatch):
    def broken(*_):
        raise RuntimeError("a defect")

    one, two = epoll_server_factory(), epoll_server_factory()
    with monkeypatch.context() as patch:
        patch.setattr("pytest_epoll._serving.session.Session.data_received", broken)
        ask(one)

def test_good(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server)
""")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*InternalError: the server has ended by a defect of pytest-epoll: RuntimeError*"])


def test_a_defect_of_ours_stands_beside_the_failure_of_a_test(run):
    result = run("""
def test_it(epoll_server, monkeypatch):
    def broken(*_):
        raise RuntimeError("a defect")

    monkeypatch.setattr("pytest_epoll._serving.session.Session.data_received", broken)
    ask(epoll_server)
    raise OSError("mine")
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E*OSError: mine", "*- epoll findings -*", "could not be told: *a defect*", "*wire timeline*"]
    )


def test_a_test_that_is_run_again_is_judged_anew(run):
    result = run(
        """
runs = []

def test_it(epoll_server):
    runs.append(1)
    epoll_server.allow("unmatched" if len(runs) > 1 else "unused")
    ask(epoll_server, "/nobody" if len(runs) == 1 else "/x")
    if len(runs) > 1:
        assert ["/x"] == [request.path for request in epoll_server.requests]
""",
        conftest="""
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    runtestprotocol(item, log=False, nextitem=nextitem)
    runtestprotocol(item, nextitem=nextitem)
    return True
""",
    )

    result.assert_outcomes(passed=1)


def test_the_records_of_a_test_do_not_outlive_it(run):
    """In a process of its own, as pytester keeps what hooks were called with."""
    result = run(
        """
import gc, weakref

servers = []

def test_one(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server)
    servers.append(weakref.ref(epoll_server))

def test_two():
    gc.collect()
    assert [None] == [server() for server in servers]
""",
        subprocess=True,
    )

    result.assert_outcomes(passed=2)


def test_the_files_of_large_bodies_are_released_with_their_test(pytester):
    """Also those of a failing one, and although its report keeps the server alive."""
    pytester.makepyfile(
        """
        import gc, os
        import httpx

        gc.disable()
        before = set(os.listdir("/proc/self/fd"))

        def left_over():
            links = {fd: os.readlink(f"/proc/self/fd/{fd}") for fd in set(os.listdir("/proc/self/fd")) - before
                     if os.path.exists(f"/proc/self/fd/{fd}") or os.path.islink(f"/proc/self/fd/{fd}")}
            return [link for link in links.values() if "deleted" in link]

        def test_one(epoll_server):
            epoll_server.post("/up").respond(201)
            httpx.post(epoll_server.url + "/up", content=b"x" * 2**21, trust_env=False)
            assert len(left_over()) == 1
            assert epoll_server.last_request.body == b""

        def test_two():
            assert left_over() == []
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["FAILED *test_one*"])
