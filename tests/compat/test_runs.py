"""Kinds of runs: options, reports, processes, and servers that a test brings itself."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

BAD = """
def test_bad(epoll_server):
    ask(epoll_server, "/nobody")
"""


@pytest.mark.parametrize("style", ["auto", "long", "short", "line", "native", "no"])
def test_every_style_of_traceback_names_the_findings(run_beside, style):
    result = run_beside([], BAD, f"--tb={style}")

    assert {"failed": 1} == result.counts
    if style == "no":
        result.lines.fnmatch_lines(["FAILED test_it.py::test_bad - pytest_epoll.errors.EpollFindings: 1 finding"])
    else:
        result.lines.fnmatch_lines(["*1 finding"])
    if style not in {"line", "no"}:
        result.lines.fnmatch_lines(["*unmatched: c0.0 GET /nobody"])
    if style != "native":  # Python's own way of showing it hides nothing
        assert "/pytest_epoll/" not in result.text


@pytest.mark.parametrize("verbosity", ["-q", "-qq", "-vv"])
def test_quiet_and_verbose_runs_show_the_wire(run_beside, verbosity):
    result = run_beside([], BAD, verbosity)

    result.lines.fnmatch_lines(["E   unmatched: c0.0 GET /nobody", "*epoll wire timeline (1 connection, 1 request)*"])


HOSTILE = """
from pytest_epoll.testing import RawClient

@pytest.mark.parametrize("bytes_", [
    b"GET /\\x1b[31m\\x00\\xff\\xed\\xa0\\x80<]]>&amp; HTTP/1.1\\r\\nHost: t\\r\\n\\r\\n",
    b"GET /%00%1b%ff%ED%A0%80%3C HTTP/1.1\\r\\nHost: t\\r\\nX-\\xff: \\x01\\xfe]]>\\r\\n\\r\\n",
    b"GET /x HTTP/1.1\\r\\nHost: t\\r\\nX-A: \\xed\\xa0\\x80]]>\\x7f\\r\\n\\r\\n",
    b"\\x16\\x03\\x01\\x00\\xff" + bytes(range(256)),
])
def test_it(epoll_server, bytes_):
    epoll_server.get("/y", headers={"x-a": "b\\ud800"}, optional=True).respond()
    with RawClient(epoll_server.address) as client:
        client.send(bytes_)
        assert client.recv().startswith(b"HTTP/1.1 ")
    raise ValueError("caf\\xe9 \\ud800")
"""


@pytest.mark.parametrize("logging", ["no", "all"])
def test_junitxml_is_valid_whatever_came_over_the_wire(run_beside, pytester, logging):
    result = run_beside([], HOSTILE, "--junitxml=out.xml", f"-ojunit_logging={logging}")

    assert {"failed": 4} == result.counts
    cases = ET.parse(pytester.path / "out.xml").getroot().findall(".//testcase")
    assert [True] * 4 == ["ValueError" in case.find("failure").text for case in cases]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_of_any_encoding_shows_hostile_bytes_as_text(run_beside, encoding):
    result = run_beside([], HOSTILE, environment={"PYTHONIOENCODING": encoding, "LC_ALL": "C"})

    assert {"failed": 4} == result.counts
    assert [] == [char for char in "\x00\x01\x1b\x7f" if char in result.text]
    assert 4 == result.text.count("- epoll wire timeline (")


def test_without_the_plugin_servers_are_made_by_hand(run_beside):
    result = run_beside(
        ["no:epoll"],
        """
from pytest_epoll import errors

def test_by_hand():
    with EpollServer() as server:
        server.get("/x").respond()
        with pytest.raises(errors.EpollFindings, match="never requested"):
            server.check()
        ask(server)
        server.check()

def test_the_fixture(epoll_server):
    pass
""",
    )

    assert {"passed": 1, "errors": 1} == result.counts
    assert "fixture 'epoll_server' not found" in result.text


def test_warnings_as_errors_meet_none_of_ours(run_beside):
    result = run_beside(
        [],
        """
import threading

def test_good(epoll_server, epoll_client):
    epoll_server.get("/x").respond(stream=lambda: iter([b"a", b"b"]))
    assert "ab" == epoll_client.get("/x").text

def test_by_hand():
    server = EpollServer().start()
    ask(server)
    server.stop()

def test_interrupted_client(epoll_server):
    epoll_server.get("/x").respond(stream=[b"a", 60.0, b"b"])
    ask(epoll_server)
""",
        "-Werror",
    )

    assert {"passed": 3} == result.counts


SESSION = """
@pytest.fixture(scope="session")
def peer_of_all():
    with EpollServer() as server:
        server.get("/health").respond(204)
        yield server

@pytest.fixture
def server(peer_of_all):
    yield peer_of_all
    try:
        peer_of_all.check()
    finally:
        peer_of_all.{clear}()
"""


def test_a_server_of_the_session_that_is_cleared_starts_every_test_anew(run_beside):
    result = run_beside(
        [],
        SESSION.format(clear="clear")
        + """
def test_one(server):
    server.get("/x").respond(201)
    assert ask(server).startswith(b"HTTP/1.1 201")

def test_two(server):
    assert 0 == len(server.requests)
    server.allow("unmatched")
    assert ask(server).startswith(b"HTTP/1.1 501")

def test_three(server):
    assert ask(server).startswith(b"HTTP/1.1 501")

def test_four(server):
    server.get("/x").respond()
""",
    )

    assert {"passed": 4, "errors": 2} == result.counts
    result.lines.fnmatch_lines(
        [
            "*ERROR at teardown of test_three*",
            "E * 1 finding",
            "E * unmatched: c2.0 GET /x",
            "*ERROR at teardown of test_four*",
            'E * unused: get("/x"), test_it.py:*: never requested',
        ]
    )


def test_on_a_server_of_the_session_the_test_wins_over_those_before_it(run_beside):
    result = run_beside(
        [],
        SESSION.format(clear="clear_records")
        + """
def test_one(server):
    server.get("/x").respond(201)
    server.get("/health").respond(200)
    assert ask(server).startswith(b"HTTP/1.1 201")
    assert ask(server, "/health").startswith(b"HTTP/1.1 200")

def test_two(server):
    assert 0 == len(server.requests)
    server.get("/x").respond(202)
    assert ask(server).startswith(b"HTTP/1.1 202")
    assert ask(server, "/health").startswith(b"HTTP/1.1 204")
""",
    )

    assert {"passed": 2} == result.counts


def test_a_route_that_an_earlier_test_left_unused_is_the_finding_of_that_test_alone(run_beside):
    result = run_beside(
        [],
        SESSION.format(clear="clear_records")
        + """
def test_one(server):
    server.get("/x").respond()

def test_two(server):
    server.get("/y").respond().respond(204)
    ask(server, "/y")

def test_three(server):
    server.get("/z").respond()
    ask(server, "/z")
""",
    )

    assert {"passed": 3, "errors": 2} == result.counts
    result.lines.fnmatch_lines(
        [
            "*ERROR at teardown of test_one*",
            'E * unused: get("/x"), *: never requested',
            "*ERROR at teardown of test_two*",
            "E * 1 finding",
            'E * unused: get("/y"), *: reply 2 of 2, *: never used',
        ]
    )


def test_a_server_of_the_module_for_unittest(run_beside):
    result = run_beside(
        [],
        """
import unittest

class TestIt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = EpollServer().start()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        self.addCleanup(self.server.clear)

    def test_one(self):
        self.server.get("/x").respond()
        self.assertEqual(b"HTTP/1.1 200 OK", ask(self.server))
        self.server.check()

    def test_two(self):
        self.server.get("/x").respond(204)
        self.assertEqual(b"HTTP/1.1 200 OK", ask(self.server))
""",
    )

    assert {"passed": 1, "failed": 1} == result.counts
    result.lines.fnmatch_lines(["*AssertionError: b'HTTP/1.1 200 OK' != *"])


FORKED = """
import os
from _pytest.runner import runtestprotocol

def pytest_runtest_protocol(item, nextitem):
    # As pytest-forked does it: the whole test in a child, its reports through a pipe.
    import pickle
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        data = pickle.dumps([item.config.hook.pytest_report_to_serializable(config=item.config, report=r)
                             for r in reports])
        with os.fdopen(writer, "wb") as file:
            file.write(data)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    for entry in pickle.loads(data):
        report = item.config.hook.pytest_report_from_serializable(config=item.config, data=entry)
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_tests_in_forked_processes(run_beside):
    result = run_beside(
        [],
        """
parent = EpollServer().start()
parent.get("/x").respond(201)

def test_good(epoll_server):
    epoll_server.get("/x").respond()
    assert b"HTTP/1.1 200 OK" == ask(epoll_server)

def test_bad(epoll_server):
    ask(epoll_server, "/nobody")

def test_the_parents_server():
    assert ask(parent).startswith(b"HTTP/1.1 201")

def test_that_fails():
    assert ask(parent).startswith(b"HTTP/1.1 204")
""",
        conftest=FORKED,
    )

    assert {"passed": 2, "failed": 2} == result.counts
    result.lines.fnmatch_lines(["E   unmatched: c0.0 GET /nobody", "*epoll wire timeline (1 connection, 1 request)*"])


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_client_in_a_process_of_multiprocessing(run_beside, pytester, method):
    pytester.makepyfile(
        client="""
import urllib.request

def fetch(url, answers):
    with urllib.request.urlopen(url) as answer:
        answers.put(answer.read())
"""
    )
    result = run_beside(
        [],
        f"""
import multiprocessing
from client import fetch

def test_it(epoll_server):
    epoll_server.get("/x").respond(text="hello")
    context = multiprocessing.get_context({method!r})
    answers = context.Queue()
    process = context.Process(target=fetch, args=(epoll_server.url + "/x", answers))
    process.start()
    assert b"hello" == answers.get(timeout=30)
    process.join(30)
    assert 0 == process.exitcode
    assert ["GET /x"] == [str(request) for request in epoll_server.requests]
""",
        environment=[("TMPDIR", "/tmp")],  # the socket of a fork server lies there: a long path is none for it
    )

    assert {"passed": 1} == result.counts
