import pytest

from pytest_epoll import EpollServer, Headers
from pytest_epoll._core.headers import Values
from pytest_epoll._reporting.assertrepr import explain_compare
from pytest_epoll.testing import RawClient

SENT = Headers([("Accept", "*/*"), ("X-Trace", "1"), ("Authorization", "Bearer s3cr3t-token")])


def test_headers_show_what_differs_and_count_what_does_not():
    lines = explain_compare("==", Headers([("Accept", "*/*"), ("X-Trace", "1")]), {"accept": "*/*", "x-trace": "2"})

    assert lines == ["headers differ", "- X-Trace: 1", "+ x-trace: 2", "  (1 pair is the same)"]


def test_the_left_side_is_minus_whichever_is_ours():
    lines = explain_compare("==", [("a", "1")], Values([("a", "2"), ("b", "3")]))

    assert lines == ["values differ", "- a: 1", "+ a: 2", "+ b: 3"]


def test_secrets_are_shown_up_to_where_they_differ():
    lines = explain_compare("==", SENT, {"Authorization": "Bearer test"})

    assert "- Authorization: Bearer s3cr***" in lines
    assert "+ Authorization: Bearer test" in lines


def test_another_order_is_said_to_be_that():
    lines = explain_compare("==", Values([("a", "1"), ("b", "2")]), [("b", "2"), ("a", "1")])

    assert lines == ["values differ", "the same pairs in another order:", "  left:  a, b", "  right: b, a"]


def test_a_repeated_name_can_equal_no_dict():
    lines = explain_compare("==", Values([("a", "1"), ("a", "1")]), {"a": "1"})

    assert lines[:2] == ["values differ", "- a: 1"]


def test_a_name_that_is_not_there_lists_those_that_are():
    assert explain_compare("in", "x-trase", SENT) == [
        "'x-trase' is no name of the headers",
        "the names are: Accept, X-Trace, Authorization",
        "did you mean 'X-Trace'?",
    ]


def test_a_name_that_should_not_be_there_shows_its_value():
    assert explain_compare("not in", "accept", SENT) == ["'accept' is a name of the headers", "accept: */*"]


@pytest.mark.parametrize(
    ("op", "left", "right"),
    [
        ("==", 1, 2),
        ("==", [1], [2]),
        ("==", {"a": "b"}, {}),
        ("<", SENT, SENT),
        ("==", SENT, 7),
        ("==", SENT, "text"),
        ("==", SENT, [1, 2]),
        ("in", "a", ["b"]),
        ("==", [], []),
    ],
)
def test_what_is_not_ours_is_left_to_pytest(op, left, right):
    assert explain_compare(op, left, right) is None


def test_hostile_values_are_escaped():
    lines = explain_compare("==", Headers([("a", "\x1b[31m")]), {"a": "b"})

    assert all(line.isprintable() for line in lines)


def test_many_pairs_are_cut():
    lines = explain_compare("==", Values([(f"n{number}", "x") for number in range(100)]), {})

    assert (len(lines), lines[-1]) == (21, "... 81 more lines")


def test_lists_of_requests_are_compared_by_their_names():
    with EpollServer() as server:
        server.route().respond()
        with RawClient(server.address) as client:
            for target in ("/a", "/b"):
                client.send(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target.encode())
                client.recv()
        requests = server.requests
        lines = explain_compare("==", requests, [requests[0], "GET /c"])

        assert explain_compare("==", [], requests)[0] == "0 requests on the left, 2 on the right"

    assert lines == ["2 requests on the left, 2 on the right", "  c0.0 GET /a", "- c0.1 GET /b", "+ 'GET /c'"]
