"""Patterns of a method and a path alone are shared; what routes make of them is their own."""

import pytest

from pytest_epoll import EpollServer
from pytest_epoll._serving.route_entry import pattern_of
from pytest_epoll.errors import UsageError


def test_routes_that_ask_for_the_same_method_and_path_share_a_pattern():
    assert pattern_of("GET", "/x/{id:int}", {}) is pattern_of("GET", "/x/{id:int}", {})


def test_a_criterion_or_another_type_makes_a_pattern_of_its_own():
    class Text(str):
        __slots__ = ()

    shared = pattern_of("GET", "/x", {})

    assert shared is not pattern_of("GET", "/x", {"query": {"a": "1"}})
    assert shared is not pattern_of("GET", Text("/x"), {})
    assert shared is not pattern_of(["GET"], "/x", {})
    assert shared is not pattern_of("POST", "/x", {})


def test_what_is_no_path_is_refused_each_time():
    for _ in range(2):
        with pytest.raises(UsageError, match="must begin with a slash"):
            pattern_of("GET", "x", {})


def test_servers_with_the_same_route_count_their_own_calls():
    one, other = EpollServer(), EpollServer()
    routes = [server.get("/x").respond(200) for server in (one, other)]
    routes[0]._entry.calls += 1

    assert [1, 0] == [route.call_count for route in routes]
