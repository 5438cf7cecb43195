"""The texts of findings: the first line stands alone, the last one says how to go on."""

import pytest

from pytest_epoll import EpollServer, faults
from pytest_epoll._core import timeline
from pytest_epoll.testing import RawClient


def ask(server, target="/x", method="GET", raw=None):
    with RawClient(server.address) as client:
        client.send(raw or f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return client.read_to_end()


def lines_of(server):
    (finding,) = server.findings()
    return [line.strip() for line in finding.text.splitlines()]


def here(line):
    """A line without the number of the line of code."""
    return line.partition(".py:")[0]


@pytest.fixture
def server():
    with EpollServer() as server:
        yield server


def test_an_unmatched_request(server):
    server.get("/users", optional=True).respond()
    ask(server, "/user")

    lines = lines_of(server)

    assert lines[0] == "c0.0 GET /user"
    assert lines[1].startswith('closest: get("/users"), test_findings.py:')
    assert lines[-1] == 'not to be answered? server.allow("unmatched")'


def test_a_route_that_was_never_requested(server):
    server.get("/users", optional=False).respond()

    lines = lines_of(server)

    assert here(lines[0]) == 'get("/users"), test_findings'
    assert lines[0].endswith(": never requested")
    assert lines[1:] == ['not required? .route(..., optional=True), or server.allow("unused")']


def test_a_route_that_an_unmatched_request_may_have_been_meant_for(server):
    server.get("/users", optional=False, headers={"x": "a" * 100}).respond()
    ask(server, "/users")

    _, unused = (finding.text.splitlines() for finding in server.findings())

    assert here(unused[0]) == 'get("/users"), test_findings'
    assert unused[1:] == [
        "  the unmatched c0.0 GET /users came closest",
        '  not required? .route(..., optional=True), or server.allow("unused")',
    ]


def test_a_route_without_a_reply(server):
    server.get("/users")

    lines = lines_of(server)

    assert lines[0].endswith(": it has no reply, so it is not live")
    assert lines[1:] == ["add one: .respond(...)"]


def test_a_reply_that_was_never_used(server):
    server.get("/x", optional=False).respond().respond(503)
    ask(server)

    lines = lines_of(server)

    assert ": reply 2 of 2, test_findings.py:" in lines[0]
    assert lines[0].endswith(": never used")
    assert lines[1:] == [
        "1 request came to the route, and replies are used in order",
        'not required? optional=True on the route, or server.allow("unused")',
    ]


def test_a_reply_that_was_not_used_often_enough(server):
    server.get("/x", optional=False).respond(times=3)
    ask(server)

    assert lines_of(server)[0].endswith(": used 1 of 3 times")


def test_a_fault_whose_position_was_never_reached(server):
    server.get("/x").respond(content=b"0123456789", fault=faults.Reset(after=4096))
    ask(server)

    lines = lines_of(server)

    assert lines[0].startswith('faults.Reset(after=4096) on get("/x"), test_findings.py:')
    assert lines[0].endswith(": armed but never fired")
    assert lines[1:] == [
        "its position was never reached: in c0.0 68 bytes were sent",
        'not required? server.allow("unfired")',
    ]


CHUNKED = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"  # 75 bytes


@pytest.mark.parametrize(
    ("position", "why"),
    [
        (faults.body(20), ""),
        (faults.half_of("body"), " (nobody knows the half of a chunked body before its end)"),
        (
            faults.before(faults.half_of("body"), 1),
            " (nobody knows the half of a chunked body before its end)",
        ),
        (faults.before("end", 9000), " (in a chunked request at most 8192 bytes can be looked ahead)"),
    ],
)
@pytest.mark.parametrize("fault", [faults.Stall, faults.StopReading])
def test_a_fault_whose_position_in_the_request_was_never_reached(server, fault, position, why):
    server.post("/x").respond(fault=fault(after_reading=position))
    with RawClient(server.address) as client:
        client.send(CHUNKED)
        client.recv()

    assert f"its position was never reached{why}: c0.0 had 75 bytes" == lines_of(server)[1]


def test_a_fault_of_the_tests_own_that_never_fired(server):
    class Never:
        def through(self, acts):
            return acts

        def __repr__(self):
            return "Never()"

    server.get("/x").respond(content=b"0123456789", fault=Never(), times=2)
    ask(server)
    ask(server)

    lines = lines_of(server)

    assert lines[0].startswith('Never() on get("/x"), test_findings.py:')
    assert lines[1] == "nothing came that it acts on: in c0.0 68 bytes were sent, the longest of 2 replies"


def test_a_fault_of_a_route_that_was_forgotten_is_no_finding(server):
    server.get("/x").respond(fault=faults.Reset(after=4096))
    ask(server)
    server._router.clear()

    assert server.findings() == []


def test_a_handler_that_raised(server):
    def place(request):
        raise ValueError("no such order")

    server.get("/x").respond_with(place)
    ask(server)

    lines = lines_of(server)

    assert lines[0].startswith("c0.0 handler place of test_findings.py:")
    assert lines[0].endswith(" raised ValueError: no such order")
    assert 'raise ValueError("no such order")' in lines
    assert lines[-1] == 'meant to happen? server.allow("handler-error")'


def test_a_malformed_request_shows_what_came(server):
    ask(server, raw=b"GET / HTTP/1.1\r\nAuthorization: Basic s3cr3t\r\n\r\n")

    lines = lines_of(server)

    assert lines == [
        "c0.0 GET /: malformed: an HTTP/1.1 request has no Host (RFC 9112 section 3.2)",
        "received: GET / HTTP/1.1\\r\\nAuthorization: Basic ***\\r\\n\\r\\n",
        'answered 400; sent on purpose? server.allow("malformed")',
    ]


def test_a_delivery_that_nobody_could_see(server):
    server._journal.facts.append((0, 3, 1, timeline.UNOBSERVED, 38, "delivered: no sock_diag"))

    assert lines_of(server) == [
        "c3.1 nobody can tell whether the 38 bytes arrived: no sock_diag",
        'exact=False on the fault accepts it, or server.allow("inexact")',
    ]


def test_a_goodbye_that_nobody_could_see_is_no_finding(server):
    server._journal.facts.append((0, 3, -1, timeline.UNOBSERVED, 0, "fin-received: select(2)"))

    assert server.findings() == []


def test_no_finding_has_an_unprintable_letter_or_a_blank_end(server):
    server.get("/x", headers={"a": "\x1b[31m"}, optional=True).respond()
    ask(server, raw=b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: \x9b\xff\r\n\r\n")

    assert all(line.isprintable() and line == line.rstrip() for f in server.findings() for line in f.text.splitlines())
