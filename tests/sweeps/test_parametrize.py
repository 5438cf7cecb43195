"""A test for each cut: names that can be read and repeated, and the plain fixtures."""

import pytest

from pytest_epoll import Response, sweeps

TESTS = """
import http.client
from pytest_epoll import sweeps

@sweeps.parametrize(Response(content=b"hello"), how={how})
def test_cut(epoll_server, cut):
    epoll_server.get("/").respond_with(cut)
    client = http.client.HTTPConnection(*epoll_server.address, timeout=5)
    try:
        client.request("GET", "/")
        with pytest.raises((http.client.HTTPException, OSError)):
            client.getresponse().read()
    finally:
        client.close()
"""

SIZE = len(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
GULLIBLE = range(12, SIZE - len(b"5\r\n\r\nhello") + 1)
"""Where http.client returns an empty body, for it takes what it has got for a head without a length."""


def test_each_cut_is_a_test_whose_name_says_where(run):
    result = run(TESTS.format(how=("rst", "fin")), "-rA")
    lines = result.stdout.lines
    failed = [line.partition("[")[2].partition("]")[0] for line in lines if line.startswith("FAILED")]

    result.assert_outcomes(passed=2 * SIZE - len(GULLIBLE), failed=len(GULLIBLE))
    assert [f"fin-{position}" for position in GULLIBLE] == failed
    assert f"PASSED test_it.py::test_cut[rst-{SIZE - 1}]" in lines


def test_a_split_can_be_a_test_too(run):
    result = run("""
from pytest_epoll import sweeps
from pytest_epoll.testing import RawClient

@sweeps.parametrize(Response(content=b"hello"), "split", argname="response")
def test_split(epoll_server, response, request):
    size = int(request.node.name.partition("split-")[2].rstrip("]"))
    epoll_server.get("/").respond_with(response)
    with RawClient(epoll_server.address) as client:
        client.send(b"GET / HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n")
        pieces = [client.recv(), client.recv()]
    assert pieces == [WHOLE[:size], WHOLE[size:]]

WHOLE = b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello"
""")

    result.assert_outcomes(passed=SIZE - 1)


def test_a_client_that_closes_meets_a_cut_at_every_byte_of_the_body(run):
    """It is told `Connection: close`, which moves the body."""
    result = run("""
import urllib.request
from pytest_epoll import sweeps

@sweeps.parametrize(Response(content=b"hello"), how="rst")
def test_cut(epoll_server, cut):
    epoll_server.get("/").respond_with(cut)
    with pytest.raises(OSError):
        urllib.request.urlopen(epoll_server.url, timeout=5).read()
    print(f"body of {epoll_server.last_request.response_body_bytes_sent}")
""", "-rP")  # fmt: skip
    bodies = [int(line.rpartition(" ")[2]) for line in result.stdout.lines if line.startswith("body of ")]

    result.assert_outcomes(passed=SIZE)
    assert [0, 1, 2, 3, 4] == bodies[-5:]


@pytest.mark.slow
def test_workers_of_xdist_collect_the_same_tests(run_beside):
    result = run_beside(["xdist"], TESTS.format(how="'rst'"), "-n2", "-q")

    assert {"passed": SIZE} == result.counts


@pytest.mark.parametrize(
    "response",
    [
        Response(stream=[b"a", 0.2, b"b"], trailers={"A": "b"}),
        Response(content=b"a", informational=[103]),
        Response(events=["a"]),
        Response(raw=b"no head"),
    ],
)
def test_what_a_test_gets_is_a_response_that_prints_as_code(response):
    names = {"Response": Response, "faults": __import__("pytest_epoll").faults}
    mark = sweeps.parametrize(response, ("fin", "rst", "stall", "split")).mark
    cuts = [entry.values[0] for entry in mark.args[1]]

    assert "cut" == mark.args[0]
    assert cuts == [eval(repr(cut), names) for cut in cuts]
    assert len(cuts) == len({entry.id for entry in mark.args[1]})
