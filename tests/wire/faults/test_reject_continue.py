import subprocess
import sys

import pytest

from calling import curl, needs_curl
from pytest_epoll import errors, faults
from pytest_epoll.testing import RawClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSAL = b"HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
EXPECT = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
PLAIN = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n"


def test_the_refusal_comes_before_the_body_and_then_fin(server):
    server.post("/x").respond(fault=faults.RejectContinue())
    with RawClient(server.address) as client:
        client.send(EXPECT)

        assert (REFUSAL, "fin") == client.read_to_end()
    request = server.last_request
    assert "73 bytes" in str(server.timeline)
    assert (417, len(REFUSAL), 0, None) == (
        request.response_status,
        request.response_bytes_sent,
        request.response_body_bytes_sent,
        request.continued_at,
    )
    assert (False, b"", "server", []) == (
        request.complete,
        request.body_so_far,
        server.connections[0].closed_by,
        server.findings(),
    )


def test_a_body_that_is_sent_all_the_same_is_discarded_and_the_refusal_arrives(server):
    server.post("/x").respond(fault=faults.RejectContinue(413))
    size = 4_000_000
    with RawClient(server.address) as client:
        client.send(EXPECT.replace(b": 5", b": %d" % size))
        server.connections[0].wait_event("fin-sent")
        client.send(b"y" * size)

        data, how = client.read_to_end()
    assert (b"HTTP/1.1 413 ", "fin") == (data[:13], how)
    server.connections[0].wait_ended()
    assert (size, []) == (server.connections[0].bytes_received - len(server.last_request.raw_head), server.findings())


def test_a_client_that_repeats_it_without_expect_gets_the_reply(server):
    server.post("/x").respond(fault=faults.RejectContinue())
    for message, answer in ((EXPECT, REFUSAL), (PLAIN + b"hello", OK)):
        with RawClient(server.address) as client:
            client.send(message)

            assert answer == client.recv_exactly(len(answer))
    assert [417, 200] == [request.response_status for request in server.requests]
    assert [] == server.findings()


@pytest.mark.parametrize("message", [PLAIN + b"hello", EXPECT + b"hello"], ids=["no Expect", "body at once"])
def test_for_a_client_that_does_not_wait_it_is_unfired(server, message):
    server.post("/x").respond(fault=faults.RejectContinue())
    with RawClient(server.address) as client:
        client.send(message)

        assert OK == client.recv_exactly(len(OK))
    [finding] = server.findings()
    assert "unfired" == finding.kind
    assert "no client waited for 100 Continue: it did not ask, or had begun its body" in finding.text


def test_a_handler_is_not_called_for_what_was_refused(server):
    calls = []
    server.post("/x").respond_with(calls.append, fault=faults.RejectContinue())
    with RawClient(server.address) as client:
        client.send(EXPECT)

        assert (REFUSAL, "fin") == client.read_to_end()
    assert ([], []) == (calls, server.findings())


def test_it_is_chosen_at_the_head(server):
    with pytest.raises(errors.UsageError, match="body="):
        server.post("/x", body=b"hello").respond(fault=faults.RejectContinue())


def test_it_needs_a_reply_for_everybody_else(server):
    with pytest.raises(errors.UsageError, match="needs a reply"):
        server.post("/x").respond_with(faults.RejectContinue())


def test_for_a_client_in_another_process(server):
    server.post("/x").respond(fault=faults.RejectContinue())
    call = (
        "import sys\nfrom pytest_epoll.testing import RawClient\n"
        "with RawClient((sys.argv[1], int(sys.argv[2]))) as client:\n"
        f"    client.send({EXPECT!r})\n    print(client.read_to_end())\n"
    )
    command = [sys.executable, "-c", call, server.host, str(server.port)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)

    assert f"{(REFUSAL, 'fin')}\n" == finished.stdout


@needs_curl
@pytest.mark.parametrize("status", [417, 413])
def test_curl_takes_the_refusal_and_sends_no_body(server, status):
    """It sends `Expect` by itself with a body of more than a megabyte."""
    server.post("/x").respond(200, fault=faults.RejectContinue(status))
    finished = curl("--write-out", "%{http_code}", "--data-binary", "@-", server.url + "/x", body=b"y" * 2_000_000)

    assert (str(status).encode(), []) == (finished.stdout, server.findings())
    assert (1, len(server.last_request.raw_head)) == (len(server.requests), server.connections[0].bytes_received)
