import re

import pytest

from pytest_epoll import EpollServer, errors, match
from records import answer, get, record_of


class IsPositive:
    def __eq__(self, other):
        return str(other).isdigit()

    __hash__ = None


FORM = "Content-Type: application/x-www-form-urlencoded"
PLAIN = get("/x?page=1&tag=a&tag=b&empty=", "X-Id: 7", "Accept: text/html, */*", "Cookie: sid=abc; theme=dark")
JSON = get("/x", method="POST", body=b'{"sku": 7, "tags": ["a", {"b": 1}], "note": null}')
TEXT = get("/x", method="POST", body="caf\xe9 au lait".encode())
FIELDS = get("/x", FORM, method="POST", body=b"name=J%C3%B6+S&tag=a&tag=b")
TWICE = get("/x", "X-Id: 1", "x-id: 2", "Cookie: a=1", "Cookie: b=2; a=3")
EMPTY = get("/x")


@pytest.mark.parametrize(
    ("criteria", "record"),
    [
        ({"query": {"page": "1"}}, PLAIN),
        ({"query": {"page": 1}}, PLAIN),
        ({"query": {}}, PLAIN),
        ({"query": {"tag": "a"}}, PLAIN),
        ({"query": {"tag": ["a", "b"]}}, PLAIN),
        ({"query": [("tag", "a"), ("tag", "b")]}, PLAIN),
        ({"query": "tag=a&tag=b"}, PLAIN),
        ({"query": "?page=1"}, PLAIN),
        ({"query": {"empty": ""}}, PLAIN),
        ({"query": {"page": re.compile("[0-9]")}}, PLAIN),
        ({"query": {"page": str.isdigit}}, PLAIN),
        ({"query": {"page": IsPositive()}}, PLAIN),
        ({"query": {"missing": match.absent}}, PLAIN),
        ({"query": match.exactly({"page": 1, "tag": ["a", "b"], "empty": ""})}, PLAIN),
        ({"query": match.exactly({})}, EMPTY),
        ({"query": match.exactly({"missing": match.absent})}, EMPTY),
        ({"query": match.contains({"page": 1})}, PLAIN),
        ({"query": lambda query: query.get_list("tag") == ["a", "b"]}, PLAIN),
        ({"headers": {"x-ID": "7"}}, PLAIN),
        ({"headers": {"X-Id": 7}}, PLAIN),
        ({"headers": {"Accept": match.contains("html")}}, PLAIN),
        ({"headers": {"Accept": re.compile("^text/")}}, PLAIN),
        ({"headers": {"Authorization": match.absent}}, PLAIN),
        ({"headers": {"X-Id": "2"}}, TWICE),
        ({"headers": {"X-ID": ["1", "2"]}}, TWICE),
        ({"headers": [("X-Id", "1"), ("x-id", "2")]}, TWICE),
        ({"headers": match.exactly({"host": "t"})}, EMPTY),
        ({"headers": lambda headers: headers["x-id"] == "7"}, PLAIN),
        ({"cookies": {"sid": "abc"}}, PLAIN),
        ({"cookies": match.exactly({"sid": "abc", "theme": re.compile("dark|light")})}, PLAIN),
        ({"cookies": {"a": "1", "b": 2}}, TWICE),
        ({"cookies": {"sid": match.absent}}, EMPTY),
        ({"cookies": lambda cookies: not cookies}, EMPTY),
        ({"json": {"sku": 7, "tags": ["a", {"b": 1}], "note": None}}, JSON),
        ({"json": match.contains({"sku": 7})}, JSON),
        ({"json": match.contains({"tags": ["a", match.contains({})]})}, JSON),
        ({"json": lambda value: value["sku"] > 3}, JSON),
        ({"json": {"sku": int, "tags": list, "note": None}.__contains__}, get("/x", method="POST", body=b'"sku"')),
        ({"json": None}, get("/x", method="POST", body=b"null")),
        ({"json": False}, get("/x", method="POST", body=b"false")),
        ({"body": "caf\xe9 au lait"}, TEXT),
        ({"body": b"caf\xc3\xa9 au lait"}, TEXT),
        ({"body": bytearray(b"caf\xc3\xa9 au lait")}, TEXT),
        ({"body": match.contains("au")}, TEXT),
        ({"body": match.contains(b"\xc3\xa9")}, TEXT),
        ({"body": re.compile("^caf. ")}, TEXT),
        ({"body": re.compile(b"^caf.. ")}, TEXT),
        ({"body": lambda body: len(body) == 13}, TEXT),
        ({"body": b""}, EMPTY),
        ({"form": {"name": "J\xf6 S"}}, FIELDS),
        ({"form": {"tag": "b"}}, FIELDS),
        ({"form": match.exactly({"name": "J\xf6 S", "tag": ["a", "b"]})}, FIELDS),
        ({"form": lambda form: form["name"].startswith("J")}, FIELDS),
        ({"where": lambda request: request.method == "GET"}, PLAIN),
        ({"where": lambda request: request.body == b""}, PLAIN),
        ({"query": {"page": 1}, "headers": {"X-Id": 7}, "cookies": {"sid": "abc"}}, PLAIN),
    ],
)
def test_criteria_hold(criteria, record):
    server = EpollServer()
    server.route(**criteria).respond(200)

    assert 200 == answer(server, record)


@pytest.mark.parametrize(
    ("criteria", "record", "expected", "got"),
    [
        ({"query": {"page": "2"}}, PLAIN, "page: 2", "1"),
        ({"query": {"page": True}}, PLAIN, "page: true", "1"),
        ({"query": {"tag": "c"}}, PLAIN, "tag: c", "a, b"),
        ({"query": {"tag": ["b", "a"]}}, PLAIN, 'tag: ["b", "a"]', "a, b"),
        ({"query": {"Page": "1"}}, PLAIN, "Page: 1", "(absent)"),
        ({"query": {"page": match.absent}}, PLAIN, "page: match.absent", "1"),
        ({"query": match.exactly({"page": 1})}, PLAIN, "no others", "tag, empty"),
        ({"query": lambda query: False}, PLAIN, "<lambda>", "Values("),
        ({"headers": {"X-Id": "8"}}, PLAIN, "x-id: 8", "7"),
        ({"headers": {"Authorization": re.compile("Bearer")}}, PLAIN, "authorization: re 'Bearer'", "(absent)"),
        ({"headers": match.exactly({"host": "t", "x-id": 7})}, PLAIN, "no others", "accept, cookie"),
        ({"cookies": {"sid": "abd"}}, PLAIN, "sid: abd", "abc"),
        ({"cookies": {"a": "3"}}, TWICE, "a: 3", "1"),
        ({"json": {"sku": 7}}, JSON, '{"sku": 7}', '{"sku": 7, "tags"'),
        ({"json": match.contains({"sku": "7"})}, JSON, "match.contains({'sku': '7'})", '{"sku": 7'),
        ({"json": {}}, TEXT, "{}", "not JSON: Expecting value"),
        ({"json": None}, EMPTY, "null", "not JSON: the body is empty"),
        ({"json": lambda value: True}, TEXT, "<lambda>", "not JSON: "),
        ({"body": "caf\xe9"}, TEXT, "caf\xe9", "b'caf\\xc3\\xa9 au lait'"),
        ({"body": re.compile("^lait")}, TEXT, "re '^lait'", "b'caf"),
        ({"form": {"name": "Jo"}}, FIELDS, "name: Jo", "J\xf6 S"),
        ({"form": {"name": "Jo"}}, EMPTY, "name: Jo", "(absent)"),
        ({"where": lambda request: None}, PLAIN, "<lambda>", "False"),
    ],
)
def test_a_criterion_that_does_not_hold_says_what_was_there(criteria, record, expected, got):
    server = EpollServer()
    route = server.route(**criteria).respond(200)
    assert answer(server, record) is None
    (missed,) = [
        c for c in route._entry.explain(server._desk.request(record), record.head).criteria if c.got is not None
    ]

    assert (next(iter(criteria)), expected) == (missed.name, missed.expected)
    assert got in missed.got


def test_a_route_explains_itself_in_lines():
    server = EpollServer()
    route = server.post("/x", headers={"X-Id": 7}, json={"sku": 7, "qty": 1}).respond(200)
    request = server._desk.request(get("/x", "X-Id: 7", method="POST", body=b'{"sku": "7", "qty": 1}'))
    lines = [re.sub(" +", " ", line).strip() for line in route.explain(request)]

    assert ["method POST ok", "path /x ok", "headers x-id: 7 ok"] == lines[:3]
    assert ['- "sku": 7', '+ "sku": "7"'] == lines[-2:]


def test_a_pattern_explains_itself_beside_a_request():
    server = EpollServer()
    request = server._desk.request(get("/x", method="POST", body=b'{"a": 2}'))
    broken = server._desk.request(get("/x", method="POST", body=b"{"))

    assert ['- "a": 1', '+ "a": 2'] == list(match.contains({"a": 1}).explain(request))
    assert [] == list(match.contains(b'"a"').explain(request))
    assert ["- match.contains('b')", '+ "{\\"a\\": 2}"'] == list(match.contains("b").explain(request))
    assert next(match.exactly({}).explain(broken)).startswith("+ not JSON: ")


@pytest.mark.parametrize(
    ("method", "taken"),
    [
        ("GET", {"GET"}),
        ("get", {"GET"}),
        (["GET", "HEAD"], {"GET", "HEAD"}),
        ({"post"}, {"POST"}),
        ("*", {"GET", "HEAD", "POST", "DELETE"}),
        (["*", "GET"], {"GET", "HEAD", "POST", "DELETE"}),
        (iter, None),
    ],
)
def test_methods(method, taken):
    server = EpollServer()
    if taken is None:
        with pytest.raises(errors.UsageTypeError, match="method must be"):
            server.route(method)
        return
    server.route(method, "/x").respond(200)
    all_methods = ("GET", "HEAD", "POST", "DELETE")

    assert taken == {name for name in all_methods if answer(server, get("/x", method=name))}


def test_what_was_captured_is_there_for_where():
    server = EpollServer()
    server.get("/users/{id:int}", where=lambda request: request.path_params["id"] > 10).respond(201)
    server.get("/users/{name}", where=lambda request: request.path_params == {"name": "7"}).respond(202)

    assert [201, 202, None] == [answer(server, get(f"/users/{name}")) for name in ("11", "7", "8")]
    record = get("/users/8")
    answer(server, record)
    assert record.path_params is None


def test_a_hostile_request_is_no_error():
    server = EpollServer()
    server.get("/x", query={"a": "b"}).respond(200)
    server.post("/x", form={"a": "b"}).respond(200)
    server.post("/x", json={"a": "b"}).respond(200)
    hostile = [
        get("/x?%ff=%zz&&=&a=%c3%28"),
        get("/x", method="POST", body=b"\xff\xfe%zz&=&a=%ff"),
        get("/x", method="POST", body=b"[" * 100_000),
        record_of(b"GET /x HTTP/1.1\r\nHost: t\r\nCookie: ;;=;a;b=\xff\r\n\r\n"),
    ]

    assert [None] * 4 == [answer(server, record) for record in hostile]


def test_repr_of_criteria_is_code():
    server = EpollServer()
    route = server.post("/x", query={"a": 1}, headers={"B": match.absent}, json=match.contains({"c": None}), where=len)

    code = 'post("/x", query={"a": 1}, headers={"B": match.absent}, json=match.contains({\'c\': None}), where=len)'
    assert f"<Route {code}, " == repr(route).rpartition("test_criteria")[0]
