"""A fault that a test has written itself: it acts like ours, and what it raises is its own mistake."""

import pytest

from pytest_epoll import faults
from pytest_epoll._core.acts import Fired, Send, Sleep
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Hesitate:
    def through(self, acts):
        for act in acts:
            if isinstance(act, Send):
                yield Fired(self)
                yield Sleep(1_000_000)
            yield act


class Fails:
    def __repr__(self):
        return "Fails()"

    def through(self, acts):
        raise RuntimeError("no such place")


class FailsBehindSeven(Fails):
    def through(self, acts):
        for act in faults.HangUp(after=7).through(acts):
            yield act
            if isinstance(act, Send):
                raise RuntimeError("no such place")


def test_it_acts_and_fires_like_one_of_ours(server):
    server.get("/x").respond(content=b"hello", fault=[Hesitate(), faults.HangUp(after=40)])
    with RawClient(server.address) as client:
        client.send(GET)

        assert (REPLY[:40], "fin") == client.read_to_end()
    assert [] == server.findings()


@pytest.mark.parametrize(("fault", "sent"), [(Fails(), b""), (FailsBehindSeven(), REPLY[:7])], ids=["first", "later"])
def test_what_it_raises_is_a_finding_and_breaks_the_reply_off(server, fault, sent):
    server.get("/x").respond(content=b"hello", fault=fault)
    server.get("/y").respond()
    with RawClient(server.address) as client:
        client.send(GET)

        assert (sent, "rst") == client.read_to_end()
    with RawClient(server.address) as client:
        client.send(GET.replace(b"/x", b"/y"))

        assert b"HTTP/1.1 200 OK" == client.recv_exactly(15)
    texts = [finding.text for finding in server.findings() if finding.kind == "handler-error"]

    assert ["c0.0 fault Fails() raised RuntimeError: no such place"] == [text.partition("\n")[0] for text in texts]
    assert "in through" in texts[0]


def test_what_it_raises_in_a_script_is_a_finding_too(server):
    server.script(FailsBehindSeven(), connection=0)
    server.get("/x").respond(content=b"hello")
    with RawClient(server.address) as client:
        client.send(GET)

        assert (REPLY[:7], "rst") == client.read_to_end()
    texts = [finding.text for finding in server.findings() if finding.kind == "handler-error"]

    assert ["c0 fault Fails() raised RuntimeError: no such place"] == [text.partition("\n")[0] for text in texts]
