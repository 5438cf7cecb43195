"""What is said of the client is what is on record, whatever it does."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_epoll import EpollServer, faults
from pytest_epoll._reporting import client_text
from pytest_epoll.testing import RawClient

pytestmark = pytest.mark.slow
some = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

PLAIN = b"GET /plain HTTP/1.1\r\nHost: t\r\n\r\n"
MESSAGES = {
    "plain": PLAIN,
    "pipelined": PLAIN * 3,
    "chunked": b"GET /chunked HTTP/1.1\r\nHost: t\r\n\r\n",
    "broken": b"GET /broken HTTP/1.1\r\nHost: t\r\n\r\n",
    "reset": b"POST /reset HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nab",
    "nobody": b"DELETE /nobody HTTP/1.1\r\nHost: t\r\n\r\n",
    "old": b"GET /plain HTTP/1.0\r\n\r\n",
    "unasked": b"POST /plain HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    "malformed": b"GET /plain HTTP/1.1\r\nHost : t\r\n\r\n",
    "half": b"POST /plain HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\na",
}
IDEMPOTENT = {"GET", "DELETE"}
"""What is sent; what follows half a body loses its first letter to it, and an "ET" or an "OST" promises nothing."""
steps = st.tuples(st.integers(0, 3), st.sampled_from([*MESSAGES, "read", "half-close", "close", "reset it"]))


@pytest.fixture
def server(trigger_mode):
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.route("*", "/plain", optional=True).respond(content=b"ok")
        server.get("/chunked").respond(stream=[b"one", b"two"])
        server.get("/broken").respond(content=b"x" * 50, fault=faults.HangUp(after=faults.body(10)))
        server.post("/reset").respond_with(faults.Reset())
        yield server


def play(server, script):
    """Let some clients do what the script says; who is gone does nothing more."""
    clients = {}
    for number, step in script:
        client = clients.setdefault(number, None) or RawClient(server.address)
        clients[number] = client
        try:
            if step in MESSAGES:
                client.send(MESSAGES[step])
            elif step == "half-close":
                client.shutdown()
            elif step in {"close", "reset it"}:
                client.reset() if step == "reset it" else client.close()
                clients[number] = None
            else:
                client.socket.setblocking(False)
                client.recv()
        except OSError:
            pass  # the server has parted from it, or nothing is there
        finally:
            if client.socket.fileno() >= 0:
                client.socket.settimeout(5)
    return [client for client in clients.values() if client is not None]


@some
@given(st.lists(steps, max_size=14))
def test_what_is_said_of_clients_is_what_is_on_record(server, script):
    server.clear_records()
    left = play(server, script)
    try:
        client = server.client
        connections, requests = list(server.connections), list(server.requests)

        assert [len(connection.requests) for connection in connections] == client.requests_per_connection
        client.assert_connections(len(connections))
        assert len(requests) >= client.pipeline_depth >= (1 if requests else 0)
        assert set(client.abandoned) <= set(requests)
        assert set(client.hidden_retries) <= {one for one in requests if one.method not in IDEMPOTENT}
        assert all(gap >= 0 for gap in client.gaps())
        assert (1 < len(requests) and not all(one.exchange_index for one in requests[1:])) == fails(
            client.assert_reused, requests
        )
        assert any(one.exchange_index for one in requests) == fails(client.assert_not_reused, requests)
        assert any((one.closed_by, one.closed_how) != ("client", "fin") for one in connections) == fails(
            client.assert_closed, connections, "client", "fin"
        )
        for assertion in (
            client.assert_read_to_end,
            client.assert_honoured_expect,
            client.assert_no_hidden_retries,
            client.assert_not_pipelined,
            client.assert_back_pressure,
        ):
            fails(assertion, requests)
        client_text.describe(server.facts())
    finally:
        for one in left:
            one.close()


def fails(assertion, there, *args):
    """Whether an assertion fails; without anything there all of them do, which says nothing."""
    try:
        assertion(*args)
    except AssertionError as error:
        assert str(error)
        return bool(len(there) > (assertion.__name__ == "assert_reused"))
    return False
