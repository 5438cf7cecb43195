import re

import pytest

from pytest_epoll import EpollServer, errors
from records import get


def captured(path, target, method="GET"):
    """Return what a route with that path captures of a target, None if it does not match."""
    server = EpollServer()
    server.route("*", path).respond(200)
    record = get(target, method=method)
    return None if server._router.choose(record) is None else record.path_params or {}


@pytest.mark.parametrize(
    ("path", "target", "params"),
    [
        ("/users", "/users", {}),
        ("/users", "/users?page=1", {}),
        ("/users", "/users?", {}),
        ("/a b", "/a%20b", {}),
        ("/ä", "/%C3%A4", {}),
        ("/users", "http://example.com/users", {}),
        ("/users", "http://example.com/users?page=1", {}),
        ("/", "/", {}),
        ("/", "http://example.com", {}),
        ("/users/{id}", "/users/7", {"id": "7"}),
        ("/users/{id}", "/users/a%20b", {"id": "a b"}),
        ("/users/{id:int}", "/users/7", {"id": 7}),
        ("/users/{id:int}", "/users/-7", {"id": -7}),
        ("/users/{id:int}", "/users/007", {"id": 7}),
        ("/at/{x:float}/{y:float}", "/at/1.5/-2", {"x": 1.5, "y": -2.0}),
        ("/users/{id:str}/posts/{post:int}", "/users/jo/posts/3", {"id": "jo", "post": 3}),
        ("/files/{rest:path}", "/files/", {"rest": ""}),
        ("/files/{rest:path}", "/files/a/b%2Fc", {"rest": "a/b/c"}),
        ("/files/{rest:path}", "/files/a%0Ab", {"rest": "a\nb"}),
        ("/files/{rest:path}/raw", "/files/a/b/raw", {"rest": "a/b"}),
        ("/{name}.{kind}", "/logo.png", {"name": "logo", "kind": "png"}),
        ("/a{{b}}", "/a%7Bb%7D", {}),
        ("/a{{b}}/{c}", "/a%7Bb%7D/1", {"c": "1"}),
        ("/a.b/{c}", "/a.b/1", {"c": "1"}),
        ("/(x)/{c}", "/(x)/1", {"c": "1"}),
        ("/proxy/http://other/{c}", "/proxy/http://other/1", {"c": "1"}),
        (re.compile(r"/v(?P<major>\d+)(?:\.(?P<minor>\d+))?"), "/v2.1", {"major": "2", "minor": "1"}),
        (re.compile(r"/v(?P<major>\d+)(?:\.(?P<minor>\d+))?"), "/v2", {"major": "2", "minor": None}),
        (re.compile("/a b"), "/a%20b", {}),
        (lambda path: path.endswith(".png"), "/a/b.png", {}),
        (None, "/whatever", {}),
    ],
)
def test_a_path_matches_and_captures(path, target, params):
    assert params == captured(path, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/users", "/users/"),
        ("/users", "/user"),
        ("/users", "/Users"),
        ("/users/{id}", "/users/"),
        ("/users/{id}", "/users/7/8"),
        ("/users/{id}", "/users/7%2F8"),
        ("/users/{id:int}", "/users/x"),
        ("/users/{id:int}", "/users/+7"),
        ("/users/{id:int}", "/users/" + "9" * 5000),
        ("/users/{id:int}", "/users/%D9%A3"),
        ("/at/{x:float}", "/at/1."),
        ("/at/{x:float}", "/at/nan"),
        ("/files/{rest:path}", "/files"),
        ("/a.b/{c}", "/axb/1"),
        (re.compile("/v1"), "/v1/x"),
        (re.compile("v1"), "/v1"),
        (lambda path: False, "/v1"),
    ],
)
def test_a_path_does_not_match(path, target):
    assert captured(path, target) is None


def test_options_asterisk_and_connect_have_targets_that_are_no_paths():
    assert {} == captured("*", "*", method="OPTIONS")
    assert {} == captured("example.com:443", "example.com:443", method="CONNECT")
    assert {"host": "a.b"} == captured(re.compile("(?P<host>.+):443"), "a.b:443", method="CONNECT")
    assert {} == captured(None, "*", method="OPTIONS")
    assert captured("/", "*", method="OPTIONS") is None
    assert captured("*", "/", method="OPTIONS") is None


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/users?page=1", "query='page=1'"),
        ("users", "slash"),
        ("", "slash"),
        ("http://example.com/users", "url"),
        ("/users/{id", "brace"),
        ("/users/id}", "brace"),
        ("/users/{id}}", "brace"),
        ("/users/{}", "no capture"),
        ("/users/{7}", "no capture"),
        ("/users/{id:uuid}", "'uuid' is no kind"),
        ("/users/{id}/{id}", "twice"),
    ],
)
def test_a_path_that_could_not_match_is_refused_with_the_fix(path, says):
    with pytest.raises(errors.UsageError, match=says):
        EpollServer().get(path)


@pytest.mark.parametrize("path", [7, b"/x", re.compile(b"/x"), ["/x"], str])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(errors.UsageTypeError, match="path must be"):
        EpollServer().get(path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/x", "/x"),
        ("/users/{id}", "/users/{name}"),
        ("/users/{id}", "/users/{id:str}"),
        (re.compile("/x"), re.compile("/x")),
        (None, None),
        (len, len),
        ("/a{{b}}", "/a{{b}}"),
    ],
)
def test_the_same_path_twice_is_unreachable(one, other):
    server = EpollServer()
    server.get(one).respond(200)

    with pytest.raises(errors.UsageError, match="can never be reached"):
        server.get(other).respond(200)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/users/{id:int}", "/users/{id}"),
        ("/users/{id}", "/users/{id:path}"),
        (re.compile("/x"), re.compile("/x", re.IGNORECASE)),
        (re.compile("/x"), "/x"),
        (lambda path: True, lambda path: True),
        ("/x", None),
    ],
)
def test_another_path_is_reachable(one, other):
    server = EpollServer()
    server.get(one).respond(200)
    server.get(other).respond(200)

    assert 2 == len(server._router.routes)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/x", 'get("/x")'),
        ('/a"b', 'get("/a\\"b")'),
        ("/{a}", 'get("/{a}")'),
        (re.compile("/x"), "get(re.compile('/x'))"),
        (len, "get(len)"),
        (None, "get(None)"),
    ],
)
def test_a_route_is_named_as_code(path, text):
    assert f"<Route {text}," == repr(EpollServer().get(path)).rpartition(" ")[0]


def test_templates_with_another_first_segment_are_no_candidates():
    server = EpollServer()
    for number in range(20):
        server.get(f"/other{number}/{{id}}").respond(200)
    server.get("/users/{id}").respond(200)
    record = get("/users/7")

    assert 1 == len(list(server._router.candidates(record, record.head)))
