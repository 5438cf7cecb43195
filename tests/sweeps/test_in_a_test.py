"""Sweeps inside of a test that has servers of its own: what they find is the sweep's business alone."""

SWEPT = """
from pytest_epoll.sweeps import cuts

def call(url):
    with RawClient((url.rpartition("/")[2].partition(":")[0], int(url.rpartition(":")[2]))) as client:
        client.send(b"GET / HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n")
        return client.read_to_end()
from pytest_epoll.testing import RawClient

def test_it(epoll_server):
    epoll_server.get("/x").respond()
    sweep = cuts(Response(raw=b"ab").with_faults(faults.HangUp(after=99)), call, how="rst")
    assert [one.value for one in sweep.outcomes] == [(b"", "rst"), (b"a", "rst")]
    {rest}
"""


def test_a_sweep_leaves_the_tests_own_server_and_its_verdict_alone(run):
    passed = run(SWEPT.format(rest="ask(epoll_server)"))
    passed.assert_outcomes(passed=1)
    failed = run(SWEPT.format(rest=""))

    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["E*EpollFindings: 1 finding*", 'E   unused: get("/x"), *'])


def test_a_failing_test_shows_the_sweep_and_not_the_timelines_of_its_servers(run):
    result = run(SWEPT.format(rest="sweep.assert_none_returned()"))
    text = result.stdout.str()

    result.assert_outcomes(failed=1)
    assert "E       AssertionError: 2 of 2 calls of call returned" in text
    assert "epoll wire timeline" not in text
    assert "_outcomes.py" not in text.replace("sweeps/_outcomes.py:", "")
