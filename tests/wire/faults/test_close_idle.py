import asyncio
import contextlib
import http.client
import subprocess
import sys

import aiohttp
import httpx
import pytest
import requests
import urllib3

from blind_probe import BlindProbe
from pytest_epoll import EpollServer, Response, faults
from pytest_epoll.testing import RawClient

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes
BODY = b"x" * 100
SOON = 0.02
LATE = 600.0


def ask(client):
    client.send(GET)
    return client.recv_exactly(140)


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("seconds", [0, SOON])
def test_the_reply_is_whole_and_our_goodbye_follows(server, seconds, how):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(seconds, how=how))
    with RawClient(server.address) as client:
        client.send(GET)

        assert (REPLY, how) == client.read_to_end()
        assert ("server", how) == (server.connections[0].closed_by, server.connections[0].closed_how)
    assert [] == server.findings()


def test_it_is_no_sooner_than_it_says(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(0.05))
    with RawClient(server.address) as client:
        client.send(GET)
        client.read_to_end()

    [sent] = [event.at for event in server.timeline if event.kind == "sent"]
    [fin] = [event.at for event in server.timeline if event.kind == "fin-sent"]
    assert fin - sent >= 0.05


def test_requests_in_time_are_answered_and_each_begins_the_wait_anew(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(LATE), times=3).respond(
        content=BODY, fault=faults.CloseIdle(SOON)
    )
    with RawClient(server.address) as client:
        assert [REPLY] * 3 == [ask(client) for _ in range(3)]
        client.send(GET)

        assert (REPLY, "fin") == client.read_to_end()
    assert (4, 1) == (len(server.requests), len(server.connections))


def test_an_exchange_in_progress_is_no_idleness(server):
    gate = server.gate()
    server.get("/x").respond(content=BODY, gate=gate, fault=faults.CloseIdle(0.01))
    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        assert not server._barrier.engine.loop.wait(lambda: False, 0.03)
        gate.open()

        assert (REPLY, "fin") == client.read_to_end()


def test_a_request_that_has_begun_ends_the_idleness(server):
    """However long the rest of it takes."""
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(0.01), times=1).respond(content=BODY)
    with RawClient(server.address) as client:
        client.send(GET + GET[:1])
        assert REPLY == client.recv_exactly(140)
        assert not server._barrier.engine.loop.wait(lambda: False, 0.03)
        client.send(GET[1:])

        assert REPLY == client.recv_exactly(140)
    assert ["unfired"] == [finding.kind for finding in server.findings()]


def test_pipelined_requests_are_no_idleness(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(LATE))
    with RawClient(server.address) as client:
        client.send(GET * 3)

        assert REPLY * 3 == client.recv_exactly(3 * 140)
    assert [(0, True)] * 3 == [(request.connection_index, request.complete) for request in server.requests]


def test_without_a_time_it_is_right_behind_the_reply_whatever_was_pipelined(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle())
    with RawClient(server.address) as client:
        client.send(GET * 2)

        assert (REPLY, "fin") == client.read_to_end()
    assert [] == server.findings()


@pytest.mark.parametrize("part", ["close", "shutdown", "reset"])
def test_a_client_that_leaves_before_leaves_it_unfired(server, part):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(LATE))
    with RawClient(server.address) as client:
        ask(client)
        getattr(client, part)()
        server.connections[0].wait_ended()

    assert ("client", "rst" if part == "reset" else "fin") == (
        server.connections[0].closed_by,
        server.connections[0].closed_how,
    )
    [finding] = server.findings()
    first, why, *_ = finding.text.splitlines()
    assert first.startswith('faults.CloseIdle(seconds=600.0) on get("/x")')
    assert "  no connection was kept open and idle for 600 s behind the reply: in c0.0 140 bytes were sent" == why


def test_a_reply_that_ends_the_connection_leaves_it_unfired(server):
    server.get("/x").respond(content=BODY, headers={"Connection": "close"}, fault=faults.CloseIdle())
    with RawClient(server.address) as client:
        client.send(GET)
        client.read_to_end()

    assert ["unfired"] == [finding.kind for finding in server.findings()]


def test_while_it_waits_the_server_is_idle(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(LATE))
    with RawClient(server.address) as client:
        ask(client)
        server.wait_idle(timeout=0)

        assert 1 == server.close_connections(idle_only=True)
        assert (b"", "fin") == client.read_to_end()


def test_while_it_waits_nothing_wakes_the_loop(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(LATE))
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            ask(stack.enter_context(RawClient(server.address)))
        turns = []
        assert not server._barrier.engine.loop.wait(lambda: turns.append(1), 0.05)

        assert len(turns) <= 4


def test_stop_ends_the_wait_at_once(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/x").respond(content=BODY, fault=faults.CloseIdle(LATE))
        with RawClient(server.address) as client:
            ask(client)
            server.stop()

            assert (b"", "fin") == client.read_to_end()


def test_the_route_may_look_at_the_body_and_a_handler_may_return_it(server):
    server.post("/x", json={"a": 1}).handler(lambda _: Response(content=BODY).with_faults(faults.CloseIdle()))
    with RawClient(server.address) as client:
        client.send(b'POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 7\r\n\r\n{"a":1}')

        assert (REPLY, "fin") == client.read_to_end()
    assert [] == server.findings()


@pytest.mark.parametrize("poller", ["poll", "select"])
def test_other_pollers_keep_the_promise(poller):
    with EpollServer(poller=poller) as server:
        server.get("/x").respond(content=BODY, fault=faults.CloseIdle(SOON))
        with RawClient(server.address) as client:
            client.send(GET)

            assert (REPLY, "fin") == client.read_to_end()
        assert [] == server.findings()


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_for_a_client_in_another_process(server, how):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(SOON, how=how))
    call = (
        "import sys\nfrom pytest_epoll.testing import RawClient\n"
        f"with RawClient((sys.argv[1], int(sys.argv[2]))) as client:\n    client.send({GET!r})\n"
        "    data, how = client.read_to_end()\n    print(len(data), how)\n"
    )
    command = [sys.executable, "-c", call, server.host, str(server.port)]

    assert f"140 {how}\n" == subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("exact", "kinds"), [(True, ["inexact"]), (False, [])])
def test_that_nobody_can_say_whether_the_reply_arrived_is_a_finding_unless_it_is_accepted(
    monkeypatch, trigger_mode, exact, kinds
):
    monkeypatch.setattr("pytest_epoll._serving.engine.PeerProbe", BlindProbe)
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/x").respond(content=BODY, fault=faults.CloseIdle(how="rst", exact=exact))
        with RawClient(server.address) as client:
            client.send(GET)
            client.read_to_end()

        assert kinds == [finding.kind for finding in server.findings()]


# -- real clients: each has read the reply and keeps the connection in its pool when the goodbye comes --


def closed(server):
    server.connections[0].wait_event("fin-sent")


def test_http_client_notices_only_when_it_sends(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(), times=1)
    with contextlib.closing(http.client.HTTPConnection(*server.address, timeout=5)) as connection:
        connection.request("GET", "/x")
        assert BODY == connection.getresponse().read()
        closed(server)
        connection.request("GET", "/x")
        with pytest.raises(http.client.RemoteDisconnected):
            connection.getresponse()

    assert 1 == len(server.requests)


@pytest.mark.parametrize("name", ["urllib3", "requests", "httpx"])
def test_pools_that_look_before_they_reuse_connect_again(server, name):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(), times=1).respond(content=BODY)
    with contextlib.ExitStack() as stack:
        if name == "urllib3":
            pool = stack.enter_context(urllib3.PoolManager(retries=False))
            get = lambda: pool.request("GET", server.url + "/x").data
        elif name == "requests":
            session = stack.enter_context(requests.Session())
            session.trust_env = False
            get = lambda: session.get(server.url + "/x", timeout=5).content
        else:
            client = stack.enter_context(httpx.Client(trust_env=False, verify=False))
            get = lambda: client.get(server.url + "/x").content
        first = get()
        closed(server)

        assert [BODY, BODY] == [first, get()]
        assert ([0, 1], []) == ([request.connection_index for request in server.requests], server.findings())


def test_aiohttp_connects_again(server):
    server.get("/x").respond(content=BODY, fault=faults.CloseIdle(), times=1).respond(content=BODY)

    async def main():
        async with aiohttp.ClientSession() as session:
            for is_first in (True, False):
                async with session.get(server.url + "/x") as answer:
                    assert BODY == await answer.read()
                if is_first:
                    await server.connections[0].aio.wait_event("fin-sent")

    asyncio.run(main())

    assert [0, 1] == [request.connection_index for request in server.requests]
