import enum
import json
import re
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_epoll import match
from pytest_epoll.match import diff, identity, is_plain, show, text_test, value_test


class IsPositive:
    """An object with an `==` of its own, as those of dirty-equals."""

    def __eq__(self, other):
        return isinstance(other, int) and other > 0

    __hash__ = None

    def __repr__(self):
        return "IsPositive()"


class IsAnyKind(type):
    """A class that compares without being called, as dirty-equals has them."""

    def __eq__(cls, other):
        return isinstance(other, int)

    __hash__ = type.__hash__


class IsInt(metaclass=IsAnyKind):
    pass


def is_even(value):
    return value % 2 == 0


class Colour(str, enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (None, None),
        (1, 1),
        (1, 1.0),
        (True, True),
        ("a", "a"),
        (b"a", b"a"),
        (Colour.RED, "red"),
        ({"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1}),
        ((1, 2), [1, 2]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (re.compile("b"), "abc"),
        (re.compile(b"b"), b"abc"),
        (is_even, 2),
        (IsPositive(), 3),
        (IsInt, 3),
        ({"id": IsPositive(), "name": re.compile("^J")}, {"id": 7, "name": "Jo"}),
        ([is_even, IsInt], [2, 3]),
        ({"a": match.absent}, {}),
        ({"a": {"b": match.absent}}, {"a": {}}),
        (match.contains({"a": 1}), {"a": 1, "b": 2}),
        (match.contains({"a": {"b": 1}}), {"a": {"b": 1, "c": 2}, "d": 3}),
        (match.contains({"a": [match.contains({"b": 1})]}), {"a": [{"b": 1, "c": 2}], "d": 3}),
        (match.contains({"a": match.exactly({"b": 1})}), {"a": {"b": 1}, "c": 2}),
        (match.contains({"a": match.contains("b")}), {"a": "abc", "c": 2}),
        ({"a": match.contains({"b": 1})}, {"a": {"b": 1, "c": 2}}),
        (match.contains("b"), "abc"),
        (match.contains(b"b"), b"abc"),
        (match.exactly({"a": 1}), {"a": 1}),
        (match.contains({}), {"a": 1}),
        ([], []),
    ],
)
def test_a_value_matches(expected, actual):
    assert value_test(expected)(actual)
    assert [] == list(diff(expected, actual))


@pytest.mark.parametrize(
    ("expected", "actual", "lines"),
    [
        (1, True, ["- 1", "+ true"]),
        (True, 1, ["- true", "+ 1"]),
        (0, False, ["- 0", "+ false"]),
        ({"a": 1}, {"a": True}, ['- "a": 1', '+ "a": true']),
        ("1", 1, ['- "1"', "+ 1"]),
        (None, 0, ["- null", "+ 0"]),
        ({"a": 1}, {"a": 1, "b": 2}, ['+ "b": 2']),
        ({"a": 1, "b": 2}, {"a": 1}, ['- "b": 2', '+ "b": (absent)']),
        ({"a": None}, {}, ['- "a": null', '+ "a": (absent)']),
        ({"a": match.absent}, {"a": None}, ['+ "a": null']),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, ['- "a".b[1].c: 2', '+ "a".b[1].c: 3']),
        (match.contains({"a": [{"b": 1}]}), {"a": [{"b": 1, "c": 2}]}, ['+ "a"[0].c: 2']),
        ([1, 2], [1, 2, 3], ["- [1, 2]", "+ [1, 2, 3]"]),
        ([1, 2], [2, 1], ["- [0]: 1", "+ [0]: 2", "- [1]: 2", "+ [1]: 1"]),
        ({"a": 1}, [1], ['- {"a": 1}', "+ [1]"]),
        ([1], {"a": 1}, ["- [1]", '+ {"a": 1}']),
        (re.compile("^b"), "abc", ["- re '^b'", '+ "abc"']),
        (re.compile("1"), 1, ["- re '1'", "+ 1"]),
        (re.compile(b"b"), "b", ["- re b'b'", '+ "b"']),
        (is_even, 3, ["- is_even", "+ 3"]),
        (IsPositive(), -3, ["- IsPositive()", "+ -3"]),
        (match.contains({"a": [1]}), {"a": [1, 2]}, ['- "a": [1]', '+ "a": [1, 2]']),
        (match.contains({"a": match.exactly({})}), {"a": {"b": 1}}, ['+ "a".b: 1']),
        (match.contains("x"), "abc", ["- match.contains('x')", '+ "abc"']),
        (match.contains("a"), b"abc", ["- match.contains('a')", "+ b'abc'"]),
        (match.contains({"state": "active"}), {"state": "inactive"}, ['- "state": "active"', '+ "state": "inactive"']),
        (match.contains(["a"]), ["abc"], ['- [0]: "a"', '+ [0]: "abc"']),
        (match.contains({"a": 1}), 5, ['- {"a": 1}', "+ 5"]),
    ],
)
def test_a_value_that_does_not_match_is_explained_in_lines(expected, actual, lines):
    assert not value_test(expected)(actual)
    assert lines == list(diff(expected, actual))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
PATTERNS = st.recursive(
    JSON | st.sampled_from([re.compile("a"), IsPositive(), callable]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner | st.just(match.absent), max_size=3)
        | st.builds(match.contains, inner)
        | st.builds(match.exactly, inner)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_json_matches_itself_and_only_with_its_own_types(value):
    assert value_test(value)(json.loads(json.dumps(value)))


@given(PATTERNS, JSON)
def test_what_tells_whether_it_matches_and_what_explains_it_agree(expected, actual):
    assert value_test(expected)(actual) is (not list(diff(expected, actual)))


@given(JSON, JSON)
def test_what_is_contained_is_still_contained_with_more_beside_it(value, other):
    assert value_test(match.contains({"a": value}))({"a": value, "z": other})


@pytest.mark.parametrize(
    ("expected", "values"),
    [
        ("1", ["1"]),
        ("1", ["0", "1"]),
        (1, ["1"]),
        (1.5, ["1.5"]),
        (True, ["true"]),
        (True, ["True"]),
        (False, ["false"]),
        (b"caf\xe9", ["caf\xe9"]),
        (b"caf\xc3\xa9", ["caf\xe9"]),
        (["a", "b"], ["a", "b"]),
        (("a", re.compile("b")), ["a", "abc"]),
        (re.compile("^b"), ["a", "bc"]),
        (str.isdigit, ["a", "7"]),
        (match.absent, []),
        (match.contains("json"), ["text/html, application/json"]),
        (match.exactly("a"), ["a"]),
        (match.exactly(["a", 1]), ["a", "1"]),
        (match.contains(["c", "a"]), ["a", "b", "c"]),
        (Colour.RED, ["red"]),
    ],
)
def test_the_values_of_a_name_match(expected, values):
    assert text_test(expected)(values)


@pytest.mark.parametrize(
    ("expected", "values"),
    [
        ("1", []),
        ("1", ["11"]),
        (1, ["01"]),
        (True, ["1"]),
        (1, ["true"]),
        (["a", "b"], ["b", "a"]),
        (["a"], ["a", "b"]),
        (["a"], []),
        (re.compile("b"), ["a"]),
        (re.compile(".*"), []),
        (str.isdigit, ["a"]),
        (lambda value: True, []),
        (match.absent, [""]),
        (match.contains("xml"), ["application/json"]),
        (match.exactly("a"), ["a", "a"]),
        (match.contains(["a", "d"]), ["a", "b"]),
        (IsPositive(), ["1"]),
    ],
)
def test_the_values_of_a_name_do_not_match(expected, values):
    assert not text_test(expected)(values)


@pytest.mark.parametrize(
    "pattern",
    [
        match.absent,
        match.contains({"a": [1, None, "b"]}),
        match.exactly({"a": match.absent}),
        match.contains("part"),
        match.exactly(re.compile("^a", re.IGNORECASE)),
    ],
)
def test_the_repr_of_a_pattern_is_code_that_makes_it_again(pattern):
    again = eval(repr(pattern), {"match": match, "re": re})

    assert identity(pattern) == identity(again)


def test_a_pattern_equals_what_matches_it_so_it_can_stand_in_other_values():
    assert {"a": match.contains({"b": 1})} == {"a": {"b": 1, "c": 2}}
    assert match.contains({"b": 1}) != {"c": 2}
    assert match.contains({"b": 1}) == match.contains({"b": 1})
    assert match.contains({"b": 1}) != match.exactly({"b": 1})
    assert 1 == len({match.contains({"b": 1}), match.contains({"b": 1})})


def test_a_pattern_explains_itself_beside_a_value():
    assert ['- "a": 1', '+ "a": 2'] == list(match.contains({"a": 1}).explain({"a": 2, "b": 3}))
    assert [] == list(match.contains({"a": 1}).explain({"a": 1}))


class Checker:
    def check(self, value):
        return True


CHECKER = Checker()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}),
        (re.compile("a"), re.compile("a")),
        (match.contains({"a": 1}), match.contains({"a": 1})),
        (match.absent, match.absent),
        (is_even, is_even),
        (CHECKER.check, CHECKER.check),
        (IsInt, IsInt),
        ({"a": is_even}, {"a": is_even}),
    ],
)
def test_what_says_the_same_has_one_identity(one, other):
    assert identity(one) == identity(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (1, "1"),
        ([1], (1,)),
        ({"a": 1}, {"a": IsPositive()}),
        ({"a": 1}, match.contains({"a": 1})),
        (match.exactly({"a": 1}), match.contains({"a": 1})),
        ({"a": 1}, {"a": match.contains(1)}),
        (re.compile("a"), re.compile("a", re.IGNORECASE)),
        (IsPositive(), IsPositive()),
        (lambda value: True, lambda value: True),
        (CHECKER.check, Checker().check),
        (IsInt, 3),
    ],
)
def test_what_may_say_something_else_has_another(one, other):
    assert identity(one) != identity(other)


@pytest.mark.parametrize(
    "value", [None, 1, 1.5, "a", b"a", True, [1, ("a",)], {"a": {1}}, re.compile("a"), match.absent]
)
def test_plain_values_run_no_code_of_the_tests(value):
    assert is_plain(value)
    assert is_plain(match.contains(value))


@pytest.mark.parametrize("value", [is_even, IsPositive(), IsInt, [1, is_even], {"a": IsPositive()}, object()])
def test_what_runs_code_of_the_tests_is_not_plain(value):
    assert not is_plain(value)
    assert not is_plain(match.contains(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": "ä"}, '{"a": "ä"}'),
        (re.compile("a.b"), "re 'a.b'"),
        (is_even, "is_even"),
        (lambda value: True, "<lambda>"),
        (b"\x00", "b'\\x00'"),
        ("x" * 100, '"' + "x" * 56 + "..."),
        ("\ud800", '"\\ud800"'),
        (match.contains({"a": 1}), "match.contains({'a': 1})"),
    ],
)
def test_values_are_shown_on_one_short_line(value, text):
    assert text == show(value)
