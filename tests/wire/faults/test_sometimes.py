import subprocess
import sys

import pytest

from pytest_epoll import EpollServer, Response, errors, faults, steps
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
SEED_0 = "0010111111111100"  # of a probability of a half, for the first route's first reply


def play(seed, register, *, times=16, edge_triggered=False):
    """Return a digit a request: 1 if it met the fault, and what the server has found."""
    met = ""
    with EpollServer(seed=seed, edge_triggered=edge_triggered) as server:
        register(server)
        for _ in range(times):
            with RawClient(server.address) as client:
                client.send(GET)
                met += "1" if client.recv_exactly(len(OK)) != OK else "0"
        return met, server.findings()


HALF = faults.Sometimes(faults.HangUp(), 0.5)

WAYS = {
    "respond": lambda server: server.get("/x").respond(content=b"hi", fault=HALF),
    "respond_with": lambda server: server.get("/x").respond_with(Response(content=b"hi"), fault=HALF),
    "with_faults": lambda server: server.get("/x").respond_with(Response(content=b"hi").with_faults(HALF)),
    "a list": lambda server: server.get("/x").respond(content=b"hi", fault=[HALF, faults.PartialWrites(size=3)]),
    "a handler": lambda server: server.get("/x").handler(lambda _: Response(content=b"hi").with_faults(HALF)),
    "while reading": lambda server: server.get("/x").respond(
        content=b"hi", fault=faults.Sometimes(faults.HangUp(after_reading="head"), 0.5)
    ),
    "at a place": lambda server: server.get("/x").respond(
        content=b"hi", fault=faults.Sometimes(faults.HangUp(after=faults.half_of("body")), 0.5)
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_choices_are_those_of_the_seed_wherever_it_is_given(trigger_mode, way):
    assert (SEED_0, []) == play(0, WAYS[way], edge_triggered=trigger_mode == "edge")


def test_another_seed_has_other_choices_and_the_same_one_again_the_same():
    first, second = play(1, WAYS["respond"]), play(1, WAYS["respond"])

    assert first == second
    assert SEED_0 != first[0]


def test_two_of_them_are_drawn_one_without_the_other(server):
    server.get("/x").respond(
        content=b"hi",
        fault=[faults.Sometimes(faults.HangUp(after=1), 0.5), faults.Sometimes(faults.HangUp(after=2), 0.5)],
    )
    sizes = set()
    for _ in range(32):
        with RawClient(server.address) as client:
            client.send(GET)
            sizes.add(len(client.recv_exactly(len(OK))))

    assert ({1, 2, len(OK)}, []) == (sizes, server.findings())


@pytest.mark.parametrize(("probability", "met"), [(0, "0" * 8), (1, "1" * 8)])
def test_never_and_always(probability, met):
    fault = faults.Sometimes(faults.HangUp(), probability)

    assert (met, []) == play(0, lambda server: server.get("/x").respond(content=b"hi", fault=fault), times=8)


def test_one_within_another():
    fault = faults.Sometimes(faults.Sometimes(faults.HangUp(), 0.7), 0.7)
    met, findings = play(0, lambda server: server.get("/x").respond(content=b"hi", fault=fault), times=200)

    assert 70 < met.count("1") < 130
    assert [] == findings


def test_one_that_was_drawn_and_has_not_fired_is_no_finding():
    fault = faults.Sometimes(faults.HangUp(after=10_000), 1)

    assert ("0000", []) == play(0, lambda server: server.get("/x").respond(content=b"hi", fault=fault), times=4)


def test_what_has_fired_is_on_the_timeline_with_its_probability(server):
    server.get("/x").respond(content=b"hi", fault=faults.Sometimes(faults.HangUp(), 1))
    with RawClient(server.address) as client:
        client.send(GET)
        client.read_to_end()

    assert "! faults.Sometimes(fault=faults.HangUp(), probability=1) fired" in " ".join(str(server.timeline).split())


def test_in_a_stream():
    score = [b"hi", faults.Sometimes(faults.HangUp(), 0.5), b"hi"]
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
    with EpollServer() as server:
        server.get("/x").respond(stream=score)
        met = ""
        for _ in range(16):
            with RawClient(server.address) as client:
                client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
                data, _ = client.read_to_end()
                met += "0" if data.endswith(b"0\r\n\r\n") else "1"
                assert data.startswith(chunked[:15])

        assert (SEED_0, []) == (met, server.findings())


def met_on_connections(server):
    """Return for each of 16 connections whether the fault was met."""
    server.get("/x").respond(content=b"hi")
    met = ""
    for _ in range(16):
        with RawClient(server.address) as client:
            client.send(GET)
            met += "1" if client.recv_exactly(len(OK)) != OK else "0"
    return met


def test_on_whole_connections_it_is_drawn_alike_whatever_was_scripted_before():
    def drawn():
        with EpollServer() as server:
            server.script(HALF, optional=True)
            return met_on_connections(server)

    assert 1 == len({drawn() for _ in range(3)})


def test_on_whole_connections():
    with EpollServer() as server:
        server.script(HALF, steps.routes())

        assert 4 < met_on_connections(server).count("1") < 12
        assert [] == server.findings()


def test_it_is_no_reply_by_itself(server):
    with pytest.raises(errors.UsageError, match="needs a reply"):
        server.get("/x").respond_with(HALF)


def test_one_that_acts_on_reading_is_chosen_at_the_head(server):
    with pytest.raises(errors.UsageError, match="json="):
        server.post("/x", json={}).respond(fault=faults.Sometimes(faults.StopReading(), 0.5))


def test_a_request_that_is_not_met_by_one_that_acts_on_reading_is_read_as_ever(server):
    server.post("/x").respond(content=b"hi", fault=faults.Sometimes(faults.StopReading(), 0))
    with RawClient(server.address) as client:
        client.send(b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv_exactly(25)
        client.send(b"hello")

        assert OK == client.recv_exactly(len(OK))
    assert (b"hello", []) == (server.last_request.body, server.findings())


def test_for_a_client_in_another_process(server):
    server.get("/x").respond(content=b"hi", fault=HALF)
    call = (
        "import sys\nfrom pytest_epoll.testing import RawClient\nfor _ in range(16):\n"
        "    with RawClient((sys.argv[1], int(sys.argv[2]))) as client:\n"
        f"        client.send({GET!r})\n        print(int(client.recv_exactly({len(OK)}) != {OK!r}), end='')\n"
    )
    command = [sys.executable, "-c", call, server.host, str(server.port)]

    assert SEED_0 == subprocess.run(command, capture_output=True, text=True, check=True).stdout
