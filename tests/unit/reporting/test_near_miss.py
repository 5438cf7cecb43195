import re

import pytest

from pytest_epoll import EpollServer, match
from pytest_epoll._core.comparison import Comparison, Criterion, RouteSummary
from pytest_epoll._reporting import near_miss
from pytest_epoll._serving.closest import closest_requests
from pytest_epoll._serving.route_entry import Pattern
from pytest_epoll.testing import RawClient


def text_of(record, *routes, count=None, others=()):
    """The near miss of a request, without the two columns that every line begins with."""
    text = near_miss.explain(record, Comparison(routes, others, len(routes) if count is None else count))
    return [line.removeprefix("  ") for line in text.splitlines()]


def test_criteria_stand_below_each_other_with_what_came(record):
    route = RouteSummary(
        'post("/v1/orders")',
        "test_orders.py:12",
        (
            Criterion("method", "POST"),
            Criterion("path", "/v1/orders"),
            Criterion(
                "headers", "authorization: Bearer abc", "(absent)", field="authorization", wanted="Bearer abc", found=[]
            ),
            Criterion("query", "page: 1", "2", field="page", wanted=1, found=["2"]),
        ),
    )

    assert text_of(record(), route) == [
        'closest: post("/v1/orders"), test_orders.py:12: headers and query differ',
        "  method   POST                       ok",
        "  path     /v1/orders                 ok",
        "  headers  authorization: Bearer abc  got: (absent)",
        "  query    page: 1                    got: 2",
        'would have matched: headers without authorization, query={"page": "2"}',
    ]


def test_a_long_value_stands_below_what_is_expected(record):
    wanted, found = f"{'v' * 100}1", f"{'v' * 100}2"
    route = RouteSummary(
        'get("/")', "t.py:1", (Criterion("query", f"q: {wanted}", found, field="q", wanted=wanted, found=[found]),)
    )

    lines = text_of(record(), route)

    assert lines[1].startswith("  query    q:   ...vvv")
    assert lines[2].startswith("           got: ...vvv")
    assert lines[1].index("1") == lines[2].index("2") == lines[3].index("^")


def test_a_route_that_is_used_up_says_so_and_what_to_do(record):
    route = RouteSummary('get("/x")', "t.py:1", (Criterion("method", "GET"),), "used up: its one reply was used")

    assert text_of(record(), route) == [
        'closest: get("/x"), t.py:1: used up: its one reply was used',
        "  method   GET  ok",
        "to answer more: append a reply, or leave out times= of the last one, which then repeats",
    ]


def test_where_no_route_is_like_it_the_routes_are_named(record):
    others = (('get("/b")', "t.py:1"), ('get("/c")', "t.py:2"))

    assert text_of(record(), count=40, others=others) == [
        "none of 40 routes is like it:",
        '  get("/b"), t.py:1',
        '  get("/c"), t.py:2',
        "  and 38 others",
        'would have matched: server.get("/a")',
    ]


def test_without_routes_the_one_that_is_missing_is_shown(record):
    odd = record(b"PURGE /a%7Bb%7D HTTP/1.1\r\nHost: x\r\n\r\n")

    assert text_of(odd) == [
        "no route is registered; PURGE /a%7Bb%7D came",
        'would have matched: server.route("PURGE", "/a{{b}}")',
    ]


def test_what_two_routes_have_in_common_is_said_once(record):
    criterion = Criterion("query", "page: 1", "2", field="page", wanted=1, found=["2"])
    routes = [RouteSummary('get("/x")', f"t.py:{line}", (criterion,)) for line in (1, 2)]

    lines = text_of(record(), *routes, count=7)

    assert lines.count('would have matched: query={"page": "2"}') == 1
    assert lines[-1] == "and 5 other routes"


def test_a_secret_is_shown_up_to_where_it_differs(record):
    route = RouteSummary(
        'get("/x")',
        "t.py:1",
        (
            Criterion(
                "headers",
                "authorization: Bearer test",
                "Bearer top-secret-token",
                field="authorization",
                wanted="Bearer test",
                found=["Bearer top-secret-token"],
            ),
        ),
    )

    lines = text_of(record(), route)

    assert lines[1] == "  headers  authorization: Bearer test  got: Bearer top-s***"
    assert lines[2] == 'would have matched: headers={"authorization": "Bearer top-s***"}'


# -- hints --


@pytest.mark.parametrize(
    ("route", "asked", "hint"),
    [
        ("/users", "/users/", "only the slash at the end differs: the client asked with one"),
        ("/users/", "/users", "only the slash at the end differs: the client asked without one"),
        ("/Users", "/users", "only upper and lower case differ"),
        ("/a%20b", "/a%20b", "paths are compared decoded: write the path without percent-encoding"),
        ("/a b", "/a%2520b", "the client has encoded the path twice: it is still percent-encoded after decoding"),
        ("/v1/users", "/api/v1/users", "the client's path has '/api' before it: is it part of the base url?"),
        ("/v1/users", "/users", "the client's path lacks '/v1' at its beginning: is it missing in the base url?"),
        ("/v1/users", "/v1//users", "the client's path has a double slash: was a base url joined to a path?"),
        ("/v1/users/{id}", "/v1/user/7", "'user' for 'users': a typo?"),
        ("/v1/users/{id:int}", "/v1/users/me", "{id:int} takes digits, not 'me'"),
    ],
)  # fmt: skip
def test_a_path_that_is_nearly_right_gets_a_hint(route, asked, hint):
    with EpollServer() as server:
        server.get(route).respond()

        assert f"hint: {hint}" in unmatched_by(server, f"GET {asked}")


def unmatched_by(server, request, body=b"", headers=()):
    """Send a request that no route answers; return the lines of its finding without the last."""
    lines = [f"{request} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}", *headers]
    with RawClient(server.address) as client:
        client.send("\r\n".join([*lines, "", ""]).encode() + body)
        reply, _ = client.read_to_end()
    assert reply.startswith(b"HTTP/1.1 501 ")
    finding = next(finding for finding in server.findings() if finding.kind == "unmatched")
    return [line.strip() for line in finding.text.splitlines()][:-1]


def test_get_does_not_answer_head_and_that_is_said():
    with EpollServer() as server:
        server.get("/x").respond()

        lines = unmatched_by(server, "HEAD /x")

    assert "method   GET  got: HEAD" in lines
    assert 'hint: GET does not answer HEAD: add a route with .head(...), or use method=["GET", "HEAD"]' in lines


def test_a_redirect_that_became_a_get_is_suspected():
    with EpollServer() as server:
        server.post("/x").respond()

        lines = unmatched_by(server, "GET /x")

    assert "hint: a GET where POST was meant: did the client follow a 301, 302 or 303?" in lines


def test_a_form_where_json_is_expected_is_named():
    with EpollServer() as server:
        server.post("/x", json={"sku": 7}).respond()

        lines = unmatched_by(server, "POST /x", b"sku=7", ["Content-Type: application/x-www-form-urlencoded"])

    assert 'json     {"sku": 7}  got: not JSON: Expecting value: line 1 column 1 (char 0)' in lines
    assert 'would have matched: body="sku=7"' in lines
    assert "hint: the client has sent a form: form= compares it name by name" in lines


def test_json_that_differs_only_in_types_is_named():
    with EpollServer() as server:
        server.post("/x", json={"sku": 7}).respond()

        lines = unmatched_by(server, "POST /x", b'{"sku": "7"}')

    assert lines[-3:] == [
        '+ "sku": "7"',
        'would have matched: json={"sku": "7"}',
        "hint: only types differ: a text where a number is expected, or the other way round",
    ]


# -- a real server --


def test_the_differences_of_a_large_json_are_shown_by_their_paths():
    items = [{"id": number, "name": f"name {number}"} for number in range(50)]
    with EpollServer() as server:
        server.post("/x", json={"items": items, "total": 50}).respond()
        items = [dict(item) for item in items]
        items[7]["name"] = "nome 7"
        del items[9]["id"]

        lines = unmatched_by(server, "POST /x", match.json.dumps({"items": items, "total": 50, "more": None}).encode())

    assert lines[4:10] == [
        "json     differs:",
        '- "items"[7].name: "name 7"',
        '+ "items"[7].name: "nome 7"',
        '- "items"[9].id: 9',
        '+ "items"[9].id: (absent)',
        '+ "more": null',
    ]


def test_the_route_with_the_fewest_differences_comes_first():
    with EpollServer() as server:
        for number in range(30):
            server.post("/x", json={"a": 0, "b": number, "c": number}).respond()

        lines = unmatched_by(server, "POST /x", b'{"a": 1, "b": 2, "c": 2}')

    assert 'json     {"a": 0, "b": 2, "c": 2}  got: {"a": 1, "b": 2, "c": 2}' in lines[:5]


def test_a_body_is_compared_as_text():
    with EpollServer() as server:
        server.post("/x", body="name=joe&street=1+long+street&zip=12345").respond()

        lines = unmatched_by(server, "POST /x", b"name=joe&street=1+long+street&zip=12346")

    assert "- name=joe&street=1+long+street&zip=12345" in lines
    assert "+ name=joe&street=1+long+street&zip=12346" in lines
    assert 'would have matched: body="name=joe&street=1+long+street&zip=12346"' in lines


def test_patterns_predicates_and_absences_are_explained():
    def is_right(request):
        return False

    with EpollServer() as server:
        server.get("/x", query={"q": re.compile("a+"), "z": match.absent}, where=is_right).respond()

        lines = unmatched_by(server, "GET /x?q=b&z=1")

    assert lines[2:] == [
        "method   GET              ok",
        "path     /x               ok",
        "query    q: re 'a+'       got: b",
        "query    z: match.absent  got: 1",
        "where    is_right         got: False",
        'would have matched: query={"q": "b", "z": "1"}, no where=',
    ]


def test_code_of_the_test_that_raises_in_an_explanation_is_no_defect_of_ours():
    def raises(value):
        raise ZeroDivisionError

    with EpollServer() as server:
        server.post(raises).respond()
        server.get("/x", query={"a": raises}).respond()

        lines = unmatched_by(server, "GET /y?a=b")

    assert [line.partition(", test_")[0] for line in lines] == [
        "c0.0 GET /y?a=b",
        "none of 2 routes is like it:",
        "post(raises)",
        'get("/x", query={"a": raises})',
        'would have matched: server.get("/y")',
    ]


def test_a_thousand_routes_are_not_explained_one_by_one():
    asked = []

    def is_asked(value):
        asked.append(value)
        return False

    with EpollServer() as server:
        for number in range(1000):
            server.get(f"/items/{number}", query={"q": is_asked}).respond()

        lines = unmatched_by(server, "GET /itms/1?q=1")

    assert len(asked) <= 3
    assert len(lines) < 24


# -- assertions --


def test_a_failed_assertion_says_what_came():
    criteria = (Criterion("method", "POST", "GET", wanted=frozenset({"POST"}), found="GET"), Criterion("path", "/b"))
    came = ["GET /a", "GET /a", "GET /b", "GET /a"]

    text = near_miss.describe_assertion('post("/b")', 0, (1, None), [("c1.0 GET /b", criteria)], came)

    assert text.splitlines() == [
        'post("/b") was never requested, expected at least once',
        "  closest: c1.0 GET /b: method differs",
        "    method   POST  got: GET",
        "    path     /b    ok",
        "    hint: a GET where POST was meant: did the client follow a 301, 302 or 303?",
        "  4 requests came, in order:",
        "    GET /a x2",
        "    GET /b",
        "    GET /a",
    ]


def test_an_assertion_that_nothing_came_lists_what_did():
    others = [("c0.0 GET /a", (Criterion("method", "GET"),))]

    text = near_miss.describe_assertion('get("/a")', 2, (0, 0), others, ["GET /a", "GET /a"])

    assert text.splitlines() == [
        'get("/a") was requested twice, expected never',
        "  matches: c0.0 GET /a",
        "  2 requests came, in order:",
        "    GET /a x2",
    ]


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((1, None), "at least once"),
        ((2, None), "at least twice"),
        ((3, 3), "exactly 3 times"),
        ((0, 2), "at most twice"),
        ((1, 2), "1 to 2 times"),
    ],
)
def test_how_often_is_said_in_words(bounds, words):
    text = near_miss.describe_assertion('get("/a")', 0, bounds, [], [])

    assert text == f'get("/a") was never requested, expected {words}\n  no request came'


def test_the_closest_requests_are_found_among_many():
    with EpollServer() as server:
        server.route().respond()
        with RawClient(server.address) as client:
            for target in (*["/v1/orders"] * 50, "/v1/order", "/other"):
                client.send(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" % target.encode())
            requests = server.wait_for_requests(52)
        pattern = Pattern("GET", "/v1/orders", {})

        closest = closest_requests(pattern, requests)

    assert [name for name, _ in closest] == ["c0.49 POST /v1/orders", "c0.50 POST /v1/order"]


# -- findings and waits --
