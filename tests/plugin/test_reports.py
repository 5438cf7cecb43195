"""What stands beside a failure: the wire's side of a client's error, and the timeline."""

from __future__ import annotations

import re

import pytest

RESET = """
def test_it(epoll_server, epoll_client):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    epoll_client.get("/big")
"""

NOTE = "wire: c0.0 GET /big: 137 of 4137 bytes delivered, then RST (faults.Reset(after=137))"


@pytest.mark.skipif(not hasattr(BaseException, "add_note"), reason="exceptions take notes from Python 3.11 on")
def test_a_clients_error_carries_the_wires_side(run):
    result = run(RESET)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E   *httpx.ReadError: *reset by peer", f"E   *{NOTE}"])
    assert "- epoll wire -" not in result.stdout.str()


@pytest.mark.parametrize(
    ("path", "note"),
    [
        ("/nobody", "wire: c0.0 GET /nobody: unmatched, answered 501; the only route is not like it*"),
        ("/broken", "wire: c0.0 GET /broken: *broken* raised KeyError: 'sku'; answered 500*"),
    ],
)
def test_what_else_may_explain_a_clients_error_is_said_too(run, path, note):
    result = run(f"""
def test_it(epoll_server, epoll_client):
    @epoll_server.get("/broken").handler
    def broken(request):
        raise KeyError("sku")
    epoll_client.get("{path}").raise_for_status()
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{note}"])


CLIENTS_MISSED = {
    "http.client": "http.client.HTTPConnection('127.0.0.1', port, timeout=5).connect()",
    "httpx": "httpx.get(f'http://127.0.0.1:{port}/', trust_env=False)",
    "requests": "requests.get(f'http://127.0.0.1:{port}/', timeout=5)",
    "urllib3": "urllib3.PoolManager(retries=False).request('GET', f'http://127.0.0.1:{port}/')",
    "socket": "socket.create_connection(('127.0.0.1', port), timeout=5)",
}


@pytest.mark.skipif(not hasattr(BaseException, "add_note"), reason="exceptions take notes from Python 3.11 on")
@pytest.mark.parametrize("client", CLIENTS_MISSED)
def test_a_client_that_has_reached_nobody_is_told_where_the_server_is(run, client):
    result = run(f"""
import http.client, httpx, requests, socket, urllib3

def test_it(epoll_server):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        {CLIENTS_MISSED[client]}
""")

    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines([r"E +wire: no connection reached the server at http://127\.0\.0\.1:\d+$"])


def test_an_error_of_the_tests_own_says_nothing_of_a_server_that_nobody_asked(run):
    result = run("""
def test_it(epoll_server):
    open("/no/such/file")
""")

    result.assert_outcomes(failed=1)
    assert "no connection reached" not in result.stdout.str()


@pytest.mark.skipif(not hasattr(BaseException, "add_note"), reason="exceptions take notes from Python 3.11 on")
@pytest.mark.parametrize(
    ("before", "note"),
    [
        ("pass", "wire: no connection reached the server at http://*, which has been stopped"),
        ("ask(epoll_server)", "wire: the server at http://* has been stopped"),
    ],
)
def test_a_client_of_a_server_that_was_stopped_is_told_so(run, before, note):
    result = run(f"""
def test_it(epoll_server, epoll_client):
    epoll_server.get("/x", optional=True).respond()
    {before}
    epoll_server.stop()
    epoll_client.get("/x")
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *{note}"])


def test_of_a_server_made_by_hand_nobody_says_that_it_was_stopped(run):
    """Its own `with` stops it on the way out."""
    result = run("""
def test_it():
    with EpollServer() as server:
        server.get("/x").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
        ask(server)
        raise ConnectionError
""")

    result.assert_outcomes(failed=1)
    assert "faults.Reset(after=137)" in result.stdout.str()
    assert "has been stopped" not in result.stdout.str()


def test_a_test_that_clears_behind_itself_still_sees_what_happened(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.get("/before").respond()
    ask(epoll_server, "/before")
    epoll_server.clear_records()
    epoll_server.get("/x").respond(text="one")
    try:
        ask(epoll_server)
        assert 1 == 2
    finally:
        epoll_server.clear()
        epoll_server.clear_records()
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*epoll wire timeline*", "*> GET /x*", '*route get("/x"), test_it.py:*'])
    assert "GET /before" not in result.stdout.str().partition("epoll wire timeline")[2]


def test_what_was_cleared_before_the_failure_is_not_shown_beside_what_came_after(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.route().respond()
    ask(epoll_server, "/before")
    epoll_server.clear_records()
    ask(epoll_server, "/behind")
    assert 1 == 2
""")

    timeline = result.stdout.str().partition("epoll wire timeline")[2]
    assert ("GET /before" in timeline, "GET /behind" in timeline) == (False, True)


def test_what_an_earlier_test_has_cleared_is_not_shown(run):
    result = run("""
import pytest

@pytest.fixture(scope="module")
def shared():
    with EpollServer() as server:
        yield server

def test_one(shared):
    shared.route().respond()
    ask(shared, "/one")
    shared.clear()

def test_two(shared):
    assert 1 == 2
""")

    result.assert_outcomes(passed=1, failed=1)
    assert "wire timeline" not in result.stdout.str()


def test_an_error_without_anything_remarkable_on_the_wire_has_no_note(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server)
    raise ValueError("of the test's own making")
""")

    result.assert_outcomes(failed=1)
    assert "wire: c0.0" not in result.stdout.str()


def test_an_exception_that_takes_no_notes_has_the_wires_side_as_a_section(run):
    """As every exception of Python 3.10."""
    result = run("""
class Old(Exception):
    add_note = None

def test_it(epoll_server):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    ask(epoll_server, "/big")
    raise Old
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*- epoll wire -*", NOTE, "*- epoll wire timeline*"])


def test_a_failing_assertion_has_the_timeline_and_no_note(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    assert ask(epoll_server, "/big") == b"HTTP/1.1 201 Created"
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*- epoll wire timeline (1 connection, 1 request) -*"])
    assert "wire: c0.0" not in result.stdout.str()


def test_the_timeline_tells_what_happened_in_the_order_in_which_it_did(run):
    result = run(RESET)

    result.stdout.fnmatch_lines(
        [
            "*- epoll wire timeline (1 connection, 1 request) -*",
            "http://127.0.0.1:*",
            "     0.0 ms c0     accepted from 127.0.0.1:*",
            "* c0.0 > GET /big HTTP/1.1 * bytes, 5 headers",
            '* c0.0   route get("/big"), test_it.py:* reply 1 of 1',
            "* c0.0 < HTTP/1.1 200 OK * 137 of 4137 bytes",
            "* c0.0 ! faults.Reset(after=137) * fired",
            "* c0   < RST*",
        ],
        consecutive=False,
    )


def test_servers_made_by_hand_are_shown_running_and_stopped(run):
    result = run("""
def test_it():
    running = EpollServer().start()
    try:
        with EpollServer() as stopped:
            ask(running, "/one")
            ask(stopped, "/two")
        assert 1 == 2
    finally:
        running.stop()

def test_inside():
    with EpollServer() as server:
        ask(server, "/three")
        assert 1 == 2
""")

    result.assert_outcomes(failed=2)
    text = result.stdout.str()
    assert [1, 1, 1] == [text.count(f"GET /{name} HTTP/1.1") for name in ("one", "two", "three")]


def test_a_server_of_the_module_shows_only_what_it_saw_in_this_test(run):
    result = run("""
@pytest.fixture(scope="module")
def server():
    with EpollServer() as server:
        yield server

def test_one(server):
    ask(server, "/one")

def test_two(server):
    ask(server, "/two")
    assert 1 == 2

def test_three(server):
    server.clear_records()
    ask(server, "/three")
    assert 1 == 2

def test_four(server):
    assert 1 == 2
""")

    result.assert_outcomes(passed=1, failed=3)
    text = result.stdout.str()
    assert [0, 1, 1] == [text.count(f"GET /{name} HTTP/1.1") for name in ("one", "two", "three")]
    assert 2 == text.count("- epoll wire timeline")


def test_a_passing_test_shows_nothing(run):
    result = run(
        """
def test_it(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server)
""",
        "-rA",
    )

    result.assert_outcomes(passed=1)
    assert "timeline" not in result.stdout.str()


MANY = """
def test_it(epoll_server):
    epoll_server.get("/x").respond()
    for _ in range(30):
        ask(epoll_server)
    assert 1 == 2
"""


def timeline_lines(result):
    text = result.stdout.str()
    if "- epoll wire timeline" not in text:
        return 0
    section = text.partition("- epoll wire timeline")[2].partition("=====")[0]
    return len(section.splitlines()) - 1


@pytest.mark.parametrize(
    ("arguments", "ini", "lines"),
    [
        ((), "", 60),
        ((), "epoll_trace_lines = 12", 12),
        (("--epoll-trace=auto",), "epoll_trace_lines = 12", 12),
        (("--epoll-trace=full",), "epoll_trace_lines = 12", 30 * 6 + 1),
        (("--epoll-trace=off",), "", 0),
        ((), "epoll_trace_lines = 0", 30 * 6 + 1),
    ],
)
def test_the_timeline_is_as_long_as_was_asked_for(run, arguments, ini, lines):
    result = run(MANY, *arguments, ini=ini)

    result.assert_outcomes(failed=1)
    assert lines == timeline_lines(result)
    if 0 < lines < 100:
        result.stdout.fnmatch_lines([f"... {30 * 6 + 1 - lines + 1} lines; all of them with --epoll-trace=full"])


@pytest.mark.parametrize(
    "mistake", ['epoll_server.get("/x?y=1")', 'epoll_server.get("/x", quer={})', 'epoll_server.get("/x").respond(99)']
)
def test_the_traceback_of_a_mistake_ends_at_the_call_that_the_test_made(run, mistake):
    result = run(f"""
def test_it(epoll_server):
    {mistake}
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f">   *{mistake}", "E   *pytest_epoll.errors.Usage*Error: *", "test_it.py:*Error"])
    assert "src/pytest_epoll" not in result.stdout.str()


def test_a_mistake_in_a_marker_has_no_traceback_at_all(run):
    result = run("""
@pytest.mark.epoll_server(strict={"unsued"})
def test_it(epoll_server):
    pass
""")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E   *pytest_epoll.errors.UsageError: *'unsued'*"])
    assert "hidden" not in result.stdout.str()


def test_a_comparison_of_headers_is_explained(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.get("/x").respond()
    ask(epoll_server)
    assert epoll_server.last_request.headers == {"Host": "y"}
""")

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*assert headers differ", "E*- Host: *", "E*+ Host: y"])


def test_comparisons_of_others_are_left_to_pytest(run):
    result = run("def test_it(epoll_server):\n    assert [1, 2] == [1, 3]")

    result.stdout.fnmatch_lines(["E*assert [[]1, 2] == [[]1, 3]", "E*At index 1 diff: 2 != 3"])


def test_what_the_client_left_behind_stands_below_the_timeline(run):
    result = run("""
def test_it(epoll_server):
    epoll_server.post("/x").respond_with(faults.HangUp()).respond()
    for _ in range(2):
        ask(epoll_server, "/x", "POST")
    assert 1 == 2
""")

    result.stdout.fnmatch_lines(["client: POST /x came twice (c0.0, c1.0), the first without a whole answer: *"])


def test_a_client_that_leaves_nothing_behind_has_no_line(run):
    result = run("""
def test_it(epoll_server, epoll_client):
    epoll_server.post("/x").respond(json={"big": "x" * 100_000})
    for _ in range(2):
        epoll_client.post("/x", json=[1])
    assert 1 == 2
""")

    assert "epoll wire timeline" in result.stdout.str()
    assert "client:" not in result.stdout.str()


def test_a_terminal_with_colours_gets_a_timeline_in_colours(run):
    body = """
def test_it(epoll_server):
    ask(epoll_server, "/x")
    assert 1 == 2
"""

    assert "\x1b[31;1m! unmatched" in run(body, "--color=yes").stdout.str()
    assert "\x1b[" not in run(body, "--color=no").stdout.str()


ONE_AFTER_THE_OTHER = """
def test_it(epoll_server):
    kept = []
    epoll_server.get("/own").respond()
    ask(epoll_server, "/own")
    for number in range({times}):
        with EpollServer() as first, EpollServer() as second:
            kept += [first, second]
            for server in (first, second):
                server.get(f"/{{number}}").respond()
                ask(server, f"/{{number}}")
            assert number < {times} - 1
"""


def test_of_many_servers_that_were_stopped_those_are_shown_that_ran_last(run):
    """Hypothesis makes one for each example, and only the last one has failed."""
    result = run(ONE_AFTER_THE_OTHER.format(times=5))
    shown = re.findall(r"> GET (\S+)", result.stdout.str())

    assert ["/4", "/4", "/own"] == sorted(shown)


def test_of_a_few_servers_all_are_shown(run):
    result = run("""
def test_it():
    kept = []
    for number in range(4):
        with EpollServer() as server:
            kept.append(server)
            server.get(f"/{number}").respond()
            ask(server, f"/{number}")
    assert not kept
""")
    shown = re.findall(r"> GET (\S+)", result.stdout.str())

    assert ["/0", "/1", "/2", "/3"] == sorted(shown)
