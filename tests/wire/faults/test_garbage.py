import pytest

from pytest_epoll import EpollServer, Response, faults
from pytest_epoll.testing import RawClient
from real_clients import reports

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
MADE = bytes.fromhex("ebaf5ccd6f0d0a0d0a")  # of size=9, seed=1


def read(server, request=GET):
    with RawClient(server.address) as client:
        client.send(request)
        return client.read_to_end()


def test_so_many_bytes_that_are_not_http_come_and_then_fin(server):
    server.get("/x").respond_with(faults.Garbage())
    data, how = read(server)

    assert (64, "fin", True) == (len(data), how, data[0] > 127)
    assert [("server", "fin", 64)] == [(c.closed_by, c.closed_how, c.bytes_sent) for c in server.connections]
    assert (64, 0) == (server.last_request.response_bytes_sent, server.last_request.response_body_bytes_sent)
    assert [] == server.findings()


def test_the_same_seed_gives_the_same_bytes_each_time(server):
    fault = faults.Garbage(size=100)
    server.get("/x").respond_with(fault, times=2)
    server.get("/x").respond_with(faults.Garbage(size=100, seed=fault.seed))

    assert 1 == len({read(server)[0] for _ in range(3)})


def test_the_seed_that_was_drawn_stands_in_the_timeline(server):
    fault = faults.Garbage()
    server.get("/x").respond_with(fault)
    read(server)
    server.connections[0].wait_ended()

    fired = [event.detail for event in server.timeline if event.kind == "fault"]

    assert [f"faults.Garbage(seed={fault.seed})"] == fired


@pytest.mark.parametrize(
    "response",
    [Response(content=b"hello"), Response(stream=[b"hello"]), Response(stream=lambda: [b"hello"]), Response(raw=b"A")],
)
def test_it_stands_in_place_of_every_kind_of_reply(server, response):
    server.get("/x").respond_with(response, fault=faults.Garbage(size=9, seed=1))

    assert (MADE, "fin") == read(server)
    assert [] == server.findings()


def test_of_what_a_handler_returns_or_instead_of_an_answer(server):
    server.get("/x").respond_with(lambda _: faults.Garbage(size=9, seed=1), times=1)
    server.get("/x").respond_with(lambda _: b"hello", fault=faults.Garbage(size=9, seed=1))

    assert 1 == len({read(server) for _ in range(2)})
    assert [] == server.findings()


def test_interim_responses_come_before_it(server):
    server.get("/x").respond(informational=[103], fault=faults.Garbage(size=9))

    assert read(server)[0].startswith(b"HTTP/1.1 103 Early Hints\r\n\r\n")


def test_what_was_asked_behind_it_stays_unanswered_and_is_no_finding(server):
    server.get("/x").respond_with(faults.Garbage(size=9, seed=1))

    assert (MADE, "fin") == read(server, GET * 3)
    assert [] == server.findings()


@pytest.mark.parametrize(
    ("fault", "size", "how"),
    [(faults.Reset(after="end"), 64, "rst"), (faults.HangUp(after=3), 3, "fin"), (faults.HalfClose(), 64, "fin")],
)
def test_another_ending_stands_to_its_right(server, fault, size, how):
    server.get("/x").respond_with(faults.Garbage(), fault=fault)

    data, end = read(server)

    assert (size, how) == (len(data), end)
    assert [] == server.findings()


def test_megabytes(server):
    server.get("/x").respond_with(faults.Garbage(size=2**22))

    assert 2**22 == len(read(server)[0])


def test_behind_a_fault_that_goes_silent_it_is_a_finding(server):
    server.get("/x").respond_with(faults.Stall(), fault=faults.Garbage(seed=1))
    with RawClient(server.address) as client:
        client.send(GET)
        server.wait_for_connections()[0].wait_event("stalled")

    assert "faults.Garbage(seed=1)" in server.findings()[0].text
    assert "no reply came to its first byte" in server.findings()[0].text


@pytest.mark.parametrize("size", [4, 64])
def test_what_clients_report(server, size):
    server.get("/x").respond_with(faults.Garbage(size=size))
    expected = ["BadStatusLine", "ProtocolError", "ConnectionError", "RemoteProtocolError", "ClientResponseError"]

    assert expected == reports(server, expected)
    assert [] == server.findings()


def test_a_server_of_another_poller_sends_it_too():
    with EpollServer(poller="select") as server:
        server.get("/x").respond_with(faults.Garbage())

        assert 64 == len(read(server)[0])
