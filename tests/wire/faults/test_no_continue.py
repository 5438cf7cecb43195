import subprocess
import sys

import pytest

from calling import curl, needs_curl
from pytest_epoll import EpollServer, errors, faults
from pytest_epoll.testing import RawClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
EXPECT = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
PLAIN = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize(("head", "body"), [(EXPECT, b"hello"), (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n")])
def test_not_a_byte_is_sent_before_the_body_has_come(server, head, body):
    server.post("/x").respond(fault=faults.NoContinue())
    with RawClient(server.address) as client:
        client.send(head)
        server.wait_for_requests(state="head")
        assert 0 == server.connections[0].bytes_sent
        client.send(body)

        assert OK == client.recv_exactly(len(OK))
    request = server.last_request
    assert (b"hello", True, None) == (request.body, request.complete, request.continued_at)
    assert [] == server.findings()


def test_the_connection_stays_usable(server):
    server.post("/x").respond(fault=faults.NoContinue())
    with RawClient(server.address) as client:
        for _ in range(2):
            client.send(EXPECT)
            server.wait_for_requests(state="head")
            client.send(b"hello")

            assert OK == client.recv_exactly(len(OK))
    assert 1 == len(server.connections)


@pytest.mark.parametrize("message", [PLAIN + b"hello", EXPECT + b"hello"], ids=["no Expect", "body at once"])
def test_for_a_client_that_does_not_wait_it_is_unfired(server, message):
    server.post("/x").respond(fault=faults.NoContinue())
    with RawClient(server.address) as client:
        client.send(message)

        assert OK == client.recv_exactly(len(OK))
    [finding] = server.findings()
    assert "no client waited for 100 Continue: it did not ask, or had begun its body" in finding.text


def test_a_client_that_gives_up_has_met_it(server):
    server.post("/x").respond(fault=faults.NoContinue())
    with RawClient(server.address) as client:
        client.send(EXPECT)
        server.wait_for_requests(state="head")

    server.connections[0].wait_ended()
    assert ("client", False, []) == (
        server.connections[0].closed_by,
        server.last_request.complete,
        server.findings(),
    )


def test_it_is_chosen_at_the_head(server):
    with pytest.raises(errors.UsageError, match="json="):
        server.post("/x", json={}).respond(fault=faults.NoContinue())


def test_stop_ends_it_at_once(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.post("/x").respond(fault=faults.NoContinue())
        with RawClient(server.address) as client:
            client.send(EXPECT)
            server.wait_for_requests(state="head")
            server.stop()

            assert (b"", "fin") == client.read_to_end()


def test_for_a_client_in_another_process(server):
    server.post("/x").respond(fault=faults.NoContinue())
    call = (
        "import sys\nfrom pytest_epoll.testing import RawClient\n"
        "with RawClient((sys.argv[1], int(sys.argv[2])), timeout=0.1) as client:\n"
        f"    client.send({EXPECT!r})\n"
        "    try:\n        print(client.recv())\n"
        "    except TimeoutError:\n        client.socket.settimeout(30)\n        client.send(b'hello')\n"
        f"    print(client.recv_exactly({len(OK)}))\n"
    )
    command = [sys.executable, "-c", call, server.host, str(server.port)]

    assert f"{OK!r}\n" == subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
@needs_curl
def test_curl_waits_a_second_and_sends_all_the_same(server):
    server.post("/x").respond(200, content=b"got it", fault=faults.NoContinue())
    finished = curl("--header", "Expect: 100-continue", "--data", "hello", server.url + "/x")

    assert (0, b"got it", []) == (finished.returncode, finished.stdout, server.findings())
    request = server.last_request
    assert (b"hello", None) == (request.body, request.continued_at)
    assert request.body_started_at - request.head_received_at >= 0.5
