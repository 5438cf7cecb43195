"""What markers, the ini file and the command line say has effect, all of it."""

from __future__ import annotations

import pytest

CONFTEST = """
def pytest_epoll_configure(server):
    print("made with", server._poller, server._edge_triggered, sorted(server._allowance._strict), server._seed,
          server._reading.max_head_size, server._reading.max_body_size)
"""


def test_markers_are_merged_from_module_to_function_keyword_by_keyword(run):
    result = run(
        """
pytestmark = pytest.mark.epoll_server(max_head_size=1000, max_body_size=1000, seed=1, strict=False)

@pytest.mark.epoll_server(max_body_size=2000, seed=2)
class TestIt:
    @pytest.mark.epoll_server(seed=3)
    def test_it(self, epoll_server):
        pass

    def test_class(self, epoll_server):
        pass

def test_module(epoll_server):
    pass

@pytest.mark.epoll_server(seed=8)
@pytest.mark.epoll_server(seed=7, max_body_size=7000)
def test_twice(epoll_server_factory):
    epoll_server_factory(seed=9)
""",
        "-s",
        conftest=CONFTEST,
    )

    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(
        [
            "*made with epoll False [[]] 3 1000 2000",
            "*made with epoll False [[]] 2 1000 2000",
            "*made with epoll False [[]] 1 1000 1000",
            "*made with epoll False [[]] 9 1000 7000",
        ]
    )


def test_a_marker_with_a_keyword_that_there_is_not_fails_where_the_server_is_made(run):
    result = run("""
@pytest.mark.epoll_server(colour="green")
def test_it(epoll_server):
    pass
""")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E*TypeError: *colour*"])


def test_a_marker_takes_keywords_only(run):
    result = run("""
@pytest.mark.epoll_server("127.0.0.1")
def test_it(epoll_server):
    pass
""")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["E*UsageTypeError: @pytest.mark.epoll_server takes keywords of EpollServer, *127.0.0.1*"]
    )


ONE_FINDING = """
def test_it(epoll_server):
    ask(epoll_server, "/nobody")
"""


@pytest.mark.parametrize(
    ("strict", "failed"),
    [("all", 1), ("none", 0), ("unmatched", 1), ("unused", 0), ("unused unmatched", 1), ("", 0)],
)
def test_epoll_strict_says_what_fails_a_test(run, strict, failed):
    result = run(ONE_FINDING, ini=f"epoll_strict = {strict}")

    result.assert_outcomes(failed=failed, passed=1 - failed)


def test_a_marker_goes_before_epoll_strict(run):
    result = run("pytestmark = pytest.mark.epoll_server(strict=True)\n" + ONE_FINDING, ini="epoll_strict = none")

    result.assert_outcomes(failed=1)


@pytest.mark.parametrize("poller", ["epoll", "poll", "select"])
def test_epoll_poller_chooses_how_to_wait(run, poller):
    result = run(
        """
def test_it(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server)
""",
        "-s",
        ini=f"epoll_poller = {poller}",
        conftest=CONFTEST,
    )

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"*made with {poller} False *"])


def test_epoll_edge_triggered_switches_the_trigger_mode(run):
    result = run("def test_it(epoll_server): pass", "-s", ini="epoll_edge_triggered = true", conftest=CONFTEST)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*made with epoll True *"])


def test_epoll_seed_is_what_servers_start_from(run):
    result = run("def test_it(epoll_server): pass", "-s", "--epoll-seed=137", conftest=CONFTEST)

    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*made with epoll False * 137 *"])


FLAKY = """
from pytest_epoll import faults
from pytest_epoll.testing import RawClient

def test_it(epoll_server_factory):
    server = epoll_server_factory({keywords})
    server.get("/x").respond(fault=faults.Sometimes(faults.HangUp(), 0.5))
    for _ in range(3):
        with RawClient(server.address) as client:
            client.send(b"GET /x HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n")
            client.recv()
    assert False
"""


@pytest.mark.parametrize(
    ("arguments", "keywords", "seed", "how"),
    [
        ((), "", 0, "rerun with --epoll-seed=0"),
        (("--epoll-seed=137",), "", 137, "rerun with --epoll-seed=137"),
        (("--epoll-seed=137",), "seed=5", 5, "made with EpollServer(seed=5)"),
    ],
)
def test_a_failing_test_says_what_its_choices_came_from(run, arguments, keywords, seed, how):
    result = run(FLAKY.replace("{keywords}", keywords), *arguments)

    result.assert_outcomes(failed=1)
    fault = "faults.Sometimes(fault=faults.HangUp(), probability=0.5)"
    result.stdout.fnmatch_lines([f"chance: {fault}: seed {seed}, {how} (drawn ? of 3 times)"])


@pytest.mark.parametrize(("arguments", "is_said"), [((), False), (("--epoll-seed=137",), True)])
def test_a_seed_that_was_asked_for_is_in_the_header(run, arguments, is_said):
    result = run("def test_it(): pass", *arguments)

    assert is_said is ("epoll: --epoll-seed=137" in result.stdout.str())


WAITS = {
    "requests": "epoll_server.wait_for_requests()",
    "connections": "epoll_server.wait_for_connections()",
    "by hand": "EpollServer().start().wait_for_requests()",
    "closed": "client(epoll_server).wait_closed()",
    "event": 'client(epoll_server).wait_event("mark")',
    "ended": "client(epoll_server).wait_ended()",
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_epoll_timeout_is_the_deadline_of_every_wait_that_is_given_none(run, wait):
    result = run(
        f"""
from pytest_epoll.testing import RawClient

held = []

def client(server):
    held.append(RawClient(server.address))
    return server.wait_for_connections(timeout=5)[0]

@pytest.fixture(autouse=True)
def tidy():
    yield
    from pytest_epoll._serving.registry import known_servers

    for one in (*held, *known_servers()):
        getattr(one, "stop", one.close if isinstance(one, RawClient) else None)()

def test_it(epoll_server):
    {wait}
""",
        ini="epoll_timeout = 0.02",
    )

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*WaitTimeout: waited 0.02 s for *"])


def test_a_timeout_that_is_given_goes_before_epoll_timeout_even_if_it_is_the_default(run):
    result = run(
        """
from pytest_epoll.testing import in_thread

def test_it(epoll_server):
    waiting = in_thread(epoll_server.wait_for_requests, 1, timeout=5.0)
    with pytest.raises(errors.WaitTimeout):
        epoll_server.wait_for_connections()
    epoll_server.get("/x").respond()
    ask(epoll_server)
    assert 1 == len(waiting.result(5))
""",
        ini="epoll_timeout = 0.02",
    )

    result.assert_outcomes(passed=1)


def test_after_a_run_the_deadline_is_what_it_was(run):
    from pytest_epoll._serving import settings

    before = settings.wait_seconds
    run("def test_it(): pass", ini="epoll_timeout = 0.02")

    assert before == settings.wait_seconds


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("epoll_timeout = soon", "*epoll_timeout = 'soon': this ini option takes seconds, from 0 on"),
        ("epoll_timeout = -1", "*epoll_timeout = '-1': this ini option takes seconds, from 0 on"),
        ("epoll_timeout = nan", "*epoll_timeout = 'nan': this ini option takes seconds, from 0 on"),
        ("epoll_poller = kqueue", "*epoll_poller = 'kqueue': this ini option takes 'epoll', 'poll', 'select'"),
        (
            "epoll_strict = unused unmached",
            "*epoll_strict = 'unmached': this ini option takes 'all', 'none' or a list of 'unmatched', 'unused', *",
        ),
        ("epoll_trace_lines = all", "*epoll_trace_lines = 'all': this ini option takes a whole number, from 0 on"),
    ],
)
def test_an_ini_option_that_cannot_be_ends_the_run_with_its_name(run, ini, message):
    result = run("def test_it(): pass", ini=ini)

    assert pytest.ExitCode.USAGE_ERROR == result.ret
    result.stderr.fnmatch_lines([message])


def test_the_marker_and_the_options_are_described(pytester):
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    markers = pytester.runpytest_inprocess("-pno:rerunfailures", "--markers")
    options = pytester.runpytest_inprocess("-pno:rerunfailures", "--help")

    markers.stdout.fnmatch_lines(["@pytest.mark.epoll_server(??keywords): *"])
    options.stdout.fnmatch_lines(
        ["  --epoll-trace=*", "  --epoll-seed=*", *(f"  {name} *" for name in ("epoll_strict*", "epoll_poller*"))]
    )
