"""Which route answers: order, phases, what is required, what can't be reached, and that no answer is ever stale."""

import re
import textwrap
import threading

import aiohttp
import pytest

from fetching import fetch
from pytest_epoll import EpollServer, Response, errors, faults, match
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n"


def kinds(server):
    return [finding.kind for finding in server.findings()]


class Asking:
    """One connection on which the same request is sent again and again."""

    def __init__(self, server, target="/x", method="GET"):
        self.message = f"{method} {target} HTTP/1.1\r\nHost: t\r\n\r\n".encode()
        self.client = RawClient(server.address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def __call__(self):
        """Return the status."""
        self.client.send(self.message)
        answer = self.client.recv()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if length:
            self.client.recv_exactly(int(length[1]) - len(body))
        return int(answer[9:12])


@pytest.fixture
def ask(server):
    with Asking(server) as asking:
        yield asking


# -- order --


def test_the_first_registered_wins(server, ask):
    server.get("/x", query={}).respond(201)
    server.get("/x").respond(202)

    assert 201 == ask()


def test_order_is_that_of_registration_whatever_the_kind_of_path(server, ask):
    paths = [re.compile("/x"), "/x", "/{any}", lambda path: True, None]
    for status, path in enumerate(paths, 201):
        server.get(path).respond(status, times=1)

    assert [201, 202, 203, 204, 205, 501] == [ask() for _ in range(6)]


def test_priority_beats_order(server, ask):
    server.get("/x", priority=-1).respond(202)
    server.get("/x").respond(201, times=1)
    server.get("/x", priority=0.5).respond(203, times=1)
    server.get("/x", priority=float("inf")).respond(204, times=1)

    assert [204, 203, 201, 202, 202] == [ask() for _ in range(5)]


def test_a_used_up_route_falls_through_and_its_near_miss_says_so(server, ask):
    server.get("/x").respond(201, times=2)
    server.get("/x").respond(202, times=1)

    assert [201, 201, 202, 501] == [ask() for _ in range(4)]
    assert ["unmatched"] == kinds(server)
    assert "used up" in server.findings()[0].text


def test_a_used_up_route_that_gets_another_reply_goes_on(server, ask):
    route = server.get("/x").respond(201, times=1)
    server.get("/x").respond(202)
    assert [201, 202, 202] == [ask() for _ in range(3)]
    route.respond(203)

    assert [203, 203] == [ask() for _ in range(2)]


def test_get_does_not_answer_head_and_the_near_miss_says_so(server):
    server.get("/x").respond(200)
    with RawClient(server.address) as client:
        client.send(b"HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n")
        assert client.recv().startswith(b"HTTP/1.1 501 ")

    assert "GET does not answer HEAD" in server.findings()[0].text


# -- live --


def test_a_route_is_live_from_its_first_reply(server, ask):
    route = server.get("/x")
    server.get("/x").respond(202)
    assert 202 == ask()
    route.respond(201)

    assert 201 == ask()


def test_replies_may_be_appended_while_requests_come(server, ask):
    route = server.get("/x").respond(201)
    assert [201, 201] == [ask(), ask()]
    route.respond(202)

    assert [202, 202] == [ask(), ask()]


def test_a_route_that_goes_live_late_keeps_its_place(server, ask):
    first = server.get("/x")
    server.get("/x").respond(202)
    first.respond(201, times=1)
    late = server.get("/x")
    with pytest.raises(errors.UsageError, match="can never be reached"):
        late.respond(203)

    assert [201, 202] == [ask(), ask()]


def test_a_reply_is_used_once_it_was_chosen_even_if_it_never_arrives(server):
    gate = server.gate()
    server.get("/x").respond(201, gate=gate, times=1).respond(202)
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        client.reset()
        server.connections[0].wait_closed()
    with Asking(server) as ask:
        assert 202 == ask()
    gate.open()

    assert [] == server.findings()


def test_route_and_records_agree(server, ask):
    route = server.get("/x").respond(201)
    other = server.route(["GET", "HEAD"], "/y").respond(202)
    for _ in range(3):
        ask()

    assert (3, True, 3) == (route.call_count, route.called, len(route.requests))
    assert (0, False, None, []) == (other.call_count, other.called, other.last_request, list(other.requests))
    assert [route] * 3 == [request.route for request in server.requests]
    server.clear_records()
    assert (0, 0) == (route.call_count, len(route.requests))
    ask()
    assert (1, 1) == (route.call_count, len(route.requests))


def test_routes_of_before_clear_are_not_taken_for_those_of_after(server, ask):
    server.get("/x").respond(201)
    ask()
    before = server.last_request
    server.clear()
    new = server.get("/x").respond(202)
    ask()

    assert (None, new) == (before.route, server.last_request.route)


# -- never stale --

CHANGES = {
    "another route before": lambda server, state: server.get("/x", priority=1).respond(299),
    "a predicate of the path": lambda server, state: state.update(path=True),
    "where": lambda server, state: state.update(where=True),
    "a predicate of a value": lambda server, state: state.update(value=True),
    "an object with an ==": lambda server, state: state.update(equal=True),
    "another reply": lambda server, state: state["route"].respond(299),
    "clear": lambda server, state: (server.clear(), server.get("/x").respond(299)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_between_two_identical_requests_everything_may_change(server, ask, change):
    """The answer to a head that was seen before is remembered, and forgotten as soon as it could be another."""
    state = dict.fromkeys(("path", "where", "value", "equal"), False)

    class Equal:
        def __eq__(self, other):
            return state["equal"]

        __hash__ = None

    server.get(lambda path: state["path"], optional=True).respond(299)
    server.get("/x", where=lambda request: state["where"], optional=True).respond(299)
    server.get("/x", headers={"Host": lambda value: state["value"]}, optional=True).respond(299)
    server.get("/x", headers={"Host": Equal()}, optional=True).respond(299)
    state["route"] = server.get("/x").respond(200)
    assert [200] * 3 == [ask() for _ in range(3)]
    CHANGES[change](server, state)

    assert [299] * 3 == [ask() for _ in range(3)]


def test_counters_are_exact_while_answers_are_remembered(server, ask):
    first = server.get("/x").respond(200)
    second = server.get("/x", priority=1)
    for _ in range(5):
        ask()
    second.respond(201, times=2)
    for _ in range(5):
        ask()

    assert (8, 2) == (first.call_count, second.call_count)
    assert [200] * 5 + [201] * 2 + [200] * 3 == [request.response_status for request in server.requests]


def test_captures_are_each_requests_own(server):
    server.get("/users/{id:int}").respond(200)
    for number in (1, 2, 1):
        fetch(f"{server.url}/users/{number}")

    assert [1, 2, 1] == [request.path_params["id"] for request in server.requests]


# -- unreachable --


def test_a_shadowed_route_is_refused_at_its_first_reply_naming_the_line():
    server = EpollServer()
    server.post("/x", query={"a": 1}, json={"b": [1]}).respond(200)
    later = server.post("/x", query={"a": 1}, json={"b": [1]})
    with pytest.raises(errors.UsageError) as caught:
        later.respond(201)

    line = test_a_shadowed_route_is_refused_at_its_first_reply_naming_the_line.__code__.co_firstlineno + 2
    assert f"test_routes.py:{line}, answers the same requests and never runs out" in str(caught.value)
    assert "times=" in str(caught.value)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({}, {"headers": {"A": "1"}}),
        ({"query": {"a": 1}}, {"query": {"a": "2"}}),
        ({"query": {"a": 1}}, {"query": match.exactly({"a": 1})}),
        ({"json": {"a": 1}}, {"json": match.contains({"a": 1})}),
        ({"json": {"a": 1}}, {"json": {"a": True}}),
        ({"json": {"a": 1}}, {"json": {"a": lambda value: True}}),
        ({"where": lambda request: True}, {"where": lambda request: True}),
        ({}, {"priority": 1}),
        ({"priority": -1}, {}),
    ],
)
def test_what_is_not_plainly_the_same_is_accepted(earlier, later):
    server = EpollServer()
    server.post("/x", **earlier).respond(200)
    server.post("/x", **later).respond(201)

    assert 2 == len(server._router.routes)


@pytest.mark.parametrize(
    ("earlier", "later", "is_refused"),
    [
        ("*", "GET", True),
        (["GET", "HEAD"], "GET", True),
        ("GET", ["GET", "HEAD"], False),
        ("GET", "*", False),
        ("GET", "POST", False),
    ],
)
def test_methods_shadow_if_they_are_all_there(earlier, later, is_refused):
    server = EpollServer()
    server.route(earlier, "/x").respond(200)
    route = server.route(later, "/x")
    if is_refused:
        with pytest.raises(errors.UsageError, match="can never be reached"):
            route.respond(201)
    else:
        assert route is route.respond(201)


def test_what_runs_out_shadows_nobody(server, ask):
    server.get("/x").respond(201, times=1)
    server.get("/x").respond(202)
    server.get("/y").respond_with(Response(stream=iter([b"a"])))
    server.get("/y").respond(202)

    assert [201, 202] == [ask(), ask()]


# -- required --


def test_a_required_route_that_nobody_asked_for_is_a_finding(server):
    server.get("/asked").respond(200)
    server.get("/required").respond(200)
    server.get("/optional", optional=True).respond(200)
    server.get("/outright", optional=False).respond(200)
    fetch(server.url + "/asked")

    assert ["unused", "unused"] == kinds(server)
    assert ["/required", "/outright"] == [finding.text.split('"')[1] for finding in server.findings()]
    assert all("never requested" in finding.text for finding in server.findings())


def test_a_reply_that_was_never_used_is_a_finding(server, ask):
    server.get("/x").respond(201).respond(202, times=3).respond(203)
    ask()
    ask()

    first_lines = [finding.text.partition("\n")[0] for finding in server.findings()]
    assert ["used 1 of 3 times", "never used"] == [line.rpartition(": ")[2] for line in first_lines]


def test_a_route_is_used_from_the_moment_all_its_criteria_held(server):
    """Also if its reply is used up, or the client has gone."""
    gate = server.gate()
    server.get("/x").respond(200, gate=gate)
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()

        assert [] == server.findings()


@pytest.mark.slow
def test_phases_under_pytest(pytester):
    """The test wins over its fixtures, whoever was first; what stood before a test began counts as setup."""
    pytester.makepyfile(
        textwrap.dedent(
            """
            import urllib.request

            import pytest

            from pytest_epoll import EpollServer

            @pytest.fixture(scope="module")
            def shared():
                with EpollServer() as server:
                    server.get("/x").respond(text="module fixture")
                    yield server

            @pytest.fixture
            def prepared(epoll_server):
                epoll_server.get("/x").respond(text="fixture")
                epoll_server.get("/never").respond(text="fixture")
                return epoll_server

            def get(server):
                return urllib.request.urlopen(server.url + "/x").read().decode()

            def test_a_fixtures_routes_answer_and_need_not_be_used(prepared):
                assert get(prepared) == "fixture"

            def test_the_body_wins(prepared):
                prepared.get("/x").respond(text="body")
                prepared.get("/x", headers={"Host": str}, priority=0)
                assert get(prepared) == "body"
                prepared.allow("unused")

            def test_priority_beats_both(prepared):
                prepared.get("/x", priority=-1, optional=True).respond(text="body")
                assert get(prepared) == "fixture"

            def test_the_first_of_the_body_wins(prepared):
                prepared.get("/x").respond(text="first")
                prepared.get("/{any}", optional=True).respond(text="second")
                assert get(prepared) == "first"

            def test_one_body(shared):
                shared.get("/x", optional=True).respond(text="one body")
                assert get(shared) == "one body"

            def test_in_another_test_it_is_setup_and_the_first_wins(shared):
                assert get(shared) == "module fixture"

            def test_which_another_body_beats(shared):
                shared.get("/x").respond(text="another body")
                assert get(shared) == "another body"

            def test_a_body_needs_its_routes(epoll_server):
                epoll_server.get("/unused").respond(200)
            """
        )
    )
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-p", "no:cacheprovider")

    result.assert_outcomes(passed=7, failed=1)
    result.stdout.fnmatch_lines(['*unused: get("/unused")*never requested*'])


# -- reading --


def test_record_body_false_reads_and_drops_and_counts(server):
    server.post("/x", record_body=False).respond(201)
    server.post("/y").respond(202)
    answers = [fetch(f"{server.url}/{path}", "POST", content=b"z" * 300_000) for path in "xy"]
    dropped, kept = server.requests

    assert [201, 202] == [answer.status_code for answer in answers]
    assert (True, 300_000) == (dropped.complete, len(kept.body))
    with pytest.raises(errors.UsageError, match="not recorded"):
        dropped.body
    assert server.connections[0].bytes_received > 300_000
    assert [300_000, 300_000] == [event.size for event in server.timeline if event.kind == "body"]


def test_record_body_false_of_a_used_up_route_does_not_count(server):
    server.post("/x", record_body=False).respond(201, times=1)
    server.post("/x").respond(202)
    for _ in range(2):
        fetch(server.url + "/x", "POST", content=b"hi")

    with pytest.raises(errors.UsageError, match="not recorded"):
        server.requests[0].body
    assert b"hi" == server.requests[1].body


def test_a_body_that_a_criterion_asks_for_is_kept(server):
    server.post("/x", record_body=False, json={"a": 1}).respond(201)

    assert 201 == fetch(server.url + "/x", "POST", json={"a": 1}).status_code


def test_connect_options_and_absolute_targets(server):
    server.route("CONNECT", "example.com:443").respond(200)
    server.options("*").respond(204)
    server.get("/x").respond(content=b"ok")
    answers = []
    for line in (b"OPTIONS * ", b"GET http://example.com/x ", b"CONNECT example.com:443 "):
        with RawClient(server.address) as client:
            client.send(line + b"HTTP/1.1\r\nHost: t\r\n\r\n")
            answers.append(client.recv())

    assert [
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ] == answers
    assert ["*", "/x", ""] == [request.path for request in server.requests]


def test_aiohttp_finds_templates_forms_and_cookies(server):
    route = server.post("/users/{id:int}/posts", form={"title": "J\xf6"}, cookies={"sid": "a"}).respond(json={"ok": 1})

    async def main():
        async with aiohttp.ClientSession(cookies={"sid": "a"}, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            async with session.post(
                server.url + "/users/7/posts", data={"title": "J\xf6"}, cookies={"sid": "a"}
            ) as got:
                return await got.json()

    import asyncio

    assert {"ok": 1} == asyncio.run(main())
    assert {"id": 7} == route.last_request.path_params


def test_threads_may_register_at_once(server):
    start = threading.Barrier(8)

    def register(number):
        start.wait(5)
        for place in range(25):
            server.get(f"/{number}/{place}").respond(text=f"{number}/{place}")

    for future in [in_thread(register, number) for number in range(8)]:
        future.result(timeout=10)
    texts = [fetch(f"{server.url}/{number}/24").text for number in range(8)]

    assert [f"{number}/24" for number in range(8)] == texts
    assert texts == [request.route._entry.path.exact[1:] for request in server.requests]


def test_a_fault_alone_is_a_reply(server):
    server.get("/x").respond_with(503, faults.Reset(), Response(201), lambda request: 202)
    statuses = []
    for _ in range(4):
        with RawClient(server.address) as client:
            client.send(GET)
            statuses.append(client.recv()[9:12] if len(statuses) != 1 else client.read_to_end())

    assert [b"503", (b"", "rst"), b"201", b"202"] == statuses
    assert [] == server.findings()
