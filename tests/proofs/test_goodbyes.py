"""L2: FIN or RST is decided by the server, never by what happens to be unread or by who else holds the descriptor."""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import warnings
import weakref

import pytest

from pytest_epoll import EpollServer, errors, faults
from pytest_epoll._serving import engine

GET = b"GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLOSING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
HUNDRED = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100  # 40 + 100 bytes
ASK_TO_CLOSE = b"GET /x HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"


def goodbye(server):
    connection = server.connections[-1]
    return connection.closed_by, connection.closed_how


# -- request bytes are unread --


@pytest.mark.parametrize("left_over", [b"", b"z", GET * 3, b"z" * 200_000], ids=["none", "byte", "requests", "200 kB"])
def test_a_closing_reply_ends_with_fin_whatever_stands_unread_behind_the_request(server, place, prove, left_over):
    server.get("/x").respond(content=b"ok")

    def scene(_):
        with place.connect(server.address) as client:
            client.send(ASK_TO_CLOSE + left_over)
            return (CLOSING, "fin", ("server", "fin")), (*client.read_to_end(), goodbye(server))

    prove(scene)


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (b"GET /x\r\n\r\n" + b"z" * 100_000, b"HTTP/1.1 400"),
        (b"GET /x HTTP/1.1\r\n\r\n" + GET * 1000, b"HTTP/1.1 400"),
        (b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n" + b"z" * 50_000, b"HTTP/1.1 413"),
        (b"GET /x HTTP/1.1\r\nHost: test\r\nX: " + b"z" * 100_000, b"HTTP/1.1 431"),
        (b"BREW /x HTTP/1.1\r\nHost: test\r\n\r\n" + b"z" * 100_000, b"HTTP/1.1 501"),
        (b"POST /x HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\n" + b"z" * 50_000, b"HTTP/1.1 501"),
        (b"POST /no HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n", b"HTTP/1.1 501"),
    ],
    ids=["400", "400 pipelined", "413", "431", "501 method", "501 coding", "501 expecting"],
)
def test_an_early_answer_arrives_whole_and_ends_with_fin(trigger_mode, place, prove, message, status):
    """Closed plainly such a connection would be reset in two of three runs, and the answer often lost with it."""
    with EpollServer(edge_triggered=trigger_mode == "edge", max_body_size=1000) as server:
        server.get("/x").respond(content=b"ok")

        def scene(_):
            with place.connect(server.address) as client:
                client.send(message)
                answer, how = client.read_to_end()
                size = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                is_whole = size == len(answer.partition(b"\r\n\r\n")[2])
                return (status, True, "fin", ("server", "fin")), (answer[:12], is_whole, how, goodbye(server))

        prove(scene)


def test_an_upload_of_3_mb_is_taken_to_its_end_although_it_was_refused_at_its_head(trigger_mode, place, prove):
    head = b"POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 3000000\r\n\r\n"
    with EpollServer(edge_triggered=trigger_mode == "edge", max_body_size=1000) as server:

        def scene(_):
            with place.connect(server.address) as client:
                error, answer, how = client.upload(head, 3_000_000)
                connection = server.connections[-1]
                return (None, b"HTTP/1.1 413", "fin", len(head) + 3_000_000, 1), (
                    error,
                    answer[:12],
                    how,
                    connection.bytes_received,
                    len(connection.requests),
                )

        prove(scene, share=10)


def test_a_reset_is_an_rst_whatever_is_unread(server, place, prove):
    server.get("/x").respond(content=b"x" * 100, fault=faults.Reset(after=137))

    def scene(_):
        with place.connect(server.address) as client:
            client.send(GET + b"GET /x HTTP/1.1\r\nHost: te" + b"s" * 60_000)
            return (HUNDRED[:137], "rst", ("server", "rst")), (*client.read_to_end(), goodbye(server))

    prove(scene)


# -- the server stops --


def starting_anew(trigger_mode):
    return EpollServer(edge_triggered=trigger_mode == "edge")


@pytest.mark.parametrize("sent", [b"", GET, b"GET /x HTTP/1.1\r\nHo", GET * 100], ids=["idle", "one", "part", "many"])
def test_stopping_says_goodbye_with_fin_and_records_it(trigger_mode, place, prove, sent):
    with starting_anew(trigger_mode) as server:
        server.get("/x").respond(content=b"ok")

        def scene(_):
            server.start()
            with place.connect(server.address) as client:
                client.send(sent)
                assert len(sent) == server.connections[-1].bytes_received
                server.stop()
                answers, how = client.read_to_end()
                return (OK * sent.count(GET), "fin", ("server", "fin")), (answers, how, goodbye(server))

        prove(scene)


def test_stopping_in_the_middle_of_a_reply_ends_it_with_fin(trigger_mode, place, prove):
    """What the kernel had taken is delivered; the rest of the reply never existed."""
    with starting_anew(trigger_mode) as server:
        server.get("/x").respond(content=b"x" * 8_000_000)

        def scene(_):
            server.start()
            with place.connect(server.address, receive_buffer=65536) as client:
                client.send(GET)
                server.connections[-1].wait_event("send-blocked")
                server.stop()
                sent = server.connections[-1].bytes_sent
                total, _, how = client.digest_to_end()
                return (sent, "fin", ("server", "fin")), (total, how, goodbye(server))

        prove(scene, share=10)


def test_stopping_beside_fifty_waiting_clients_ends_each_with_fin(trigger_mode, place):
    with starting_anew(trigger_mode) as server, contextlib.ExitStack() as stack:
        server.get("/x").respond(content=b"hello", fault=faults.PartialWrites(size=1, until_read=True))
        clients = [stack.enter_context(place.connect(server.address)) for _ in range(50)]
        for client in clients:
            client.send(GET)
        server.wait_for_requests(50)
        server.stop()

        assert [("fin", b"H")] * 50 == [client.read_to_end()[::-1] for client in clients]


# -- a forked child --


@contextlib.contextmanager
def forked(child):
    """A child of `os.fork` that does something and then holds whatever it holds until the block is left.

    Yields what `child` returned.
    """
    from_child, to_parent = os.pipe()
    hold, release = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on: other threads are running
        pid = os.fork()
    if not pid:
        status = 1
        try:
            os.close(release)
            os.write(to_parent, pickle.dumps(child()))
            os.read(hold, 1)  # until the parent lets go, or is gone
            status = 0
        finally:
            os._exit(status)
    os.close(to_parent)
    os.close(hold)
    try:
        ready, _, _ = select.select((from_child,), (), (), 20)
        assert ready, "the child said nothing"
        yield pickle.loads(os.read(from_child, 65536))
    finally:
        os.close(release)
        os.close(from_child)
        status = os.waitpid(pid, 0)[1]
    assert 0 == status


def sockets_and_polls():
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return [what for what in found if any(kind in what for kind in ("socket:", "eventpoll", "eventfd"))]


@pytest.fixture
def children_hold_everything(monkeypatch):
    """Without our handler a child keeps every descriptor, as after a fork in C, which runs no handlers of Python."""
    monkeypatch.setattr(engine, "_running", weakref.WeakSet())


def close_by_reply(server, client):
    client.send(ASK_TO_CLOSE)
    return (CLOSING, "fin", ("server", "fin"))


def reset_by_reply(server, client):
    client.send(b"GET /reset HTTP/1.1\r\nHost: test\r\n\r\n")
    return (HUNDRED[:137], "rst", ("server", "rst"))


def refuse(server, client):
    client.send(b"GET /x\r\n\r\n" + b"z" * 5000)
    return (b"HTTP/1.1 400", "fin", ("server", "fin"))


@pytest.mark.parametrize("part", [close_by_reply, reset_by_reply, refuse], ids=lambda part: part.__name__)
def test_a_child_that_holds_the_descriptors_delays_no_goodbye(server, place, prove, children_hold_everything, part):
    """`close` alone would put nothing on the wire before the child has ended: these reads would time out."""
    server.get("/x").respond(content=b"ok")
    server.get("/reset").respond(content=b"x" * 100, fault=faults.Reset(after=137))

    def scene(_):
        with place.connect(server.address) as client:
            assert server.connections[-1].is_open
            with forked(sockets_and_polls) as held:
                expected = part(server, client)
                answer, how = client.read_to_end()
                return (True, *expected), (len(held) >= 4, answer[: len(expected[0])], how, goodbye(server))

    prove(scene, share=5)


@pytest.mark.parametrize("sent", [b"", GET], ids=["idle", "answered"])
def test_a_child_that_holds_the_descriptors_does_not_keep_a_stopped_server_open(
    trigger_mode, place, prove, children_hold_everything, sent
):
    with starting_anew(trigger_mode) as server:
        server.get("/x").respond(content=b"ok")

        def scene(_):
            server.start()
            with place.connect(server.address) as client:
                client.send(sent)
                assert len(sent) == server.connections[-1].bytes_received
                with forked(sockets_and_polls):
                    server.stop()
                    end = client.read_to_end()
                    try:
                        place.connect(server.address).close()
                    except ConnectionRefusedError:
                        after = "refused"
                    else:
                        after = "connected"
                return ((OK * bool(sent), "fin"), "refused"), (end, after)

        prove(scene, share=5)


def test_a_child_has_none_of_our_descriptors(trigger_mode, near_place, prove):
    others = set(sockets_and_polls())
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        server.get("/reset").respond(content=b"x" * 100, fault=faults.Reset(after=137))
        with near_place.connect(server.address) as client:
            client.send(b"GET /reset HTTP/1.1\r\nHost: test\r\n\r\n")
            client.read_to_end()  # now the server has looked at the client through a netlink socket
        with near_place.connect(server.address) as client:
            assert server.connections[-1].is_open
            clients = f"socket:[{os.fstat(client.socket.fileno()).st_ino}]"

            def scene(_):
                ours = set(sockets_and_polls()) - others - {clients}
                with forked(sockets_and_polls) as held:
                    return (True, set()), (len(ours) >= 4, ours & set(held))

            prove(scene, share=5)


def test_a_child_may_ask_where_the_server_is_and_nothing_else(server, near_place):
    route = server.get("/x").respond(content=b"ok")
    with near_place.connect(server.address) as client:
        client.send(GET)
        client.recv_exactly(len(OK))
        connection, request = server.connections[0], server.requests[0]
    allowed = {"url": str, "host": str, "port": int, "address": tuple}
    asked = {
        "requests": lambda: server.requests,
        "connections": lambda: server.connections,
        "timeline": lambda: server.timeline,
        "unmatched": lambda: server.unmatched,
        "last_request": lambda: server.last_request,
        "wait_for_requests": server.wait_for_requests,
        "wait_for_connections": server.wait_for_connections,
        "findings": server.findings,
        "check": server.check,
        "clear": server.clear,
        "clear_records": server.clear_records,
        "stop": server.stop,
        "start": server.start,
        "allow": lambda: server.allow("unused"),
        "route": lambda: server.get("/y"),
        "respond": lambda: route.respond(201),
        "call_count": lambda: route.call_count,
        "closed_by": lambda: connection.closed_by,
        "wait_closed": connection.wait_closed,
        "body": lambda: request.body,
        "complete": lambda: request.complete,
    }

    def child():
        outcome = {name: type(getattr(server, name)) for name in allowed}
        for name, ask in asked.items():
            try:
                ask()
            except errors.UsageError as error:
                outcome[name] = "forked" in str(error)
            except BaseException as error:
                outcome[name] = repr(error)
            else:
                outcome[name] = "no error"
        return outcome

    with forked(child) as outcome:
        assert {**allowed, **dict.fromkeys(asked, True)} == outcome


def test_the_parent_serves_on_while_a_child_lives_and_after_it(server, place, prove):
    """The epoll set is shared with the child: closing descriptors there must not take them out of it."""
    server.get("/x").respond(content=b"ok")

    def scene(_):
        got = []
        with place.connect(server.address) as old:
            old.send(GET)
            got.append(old.recv_exactly(len(OK)))
            with forked(sockets_and_polls):
                old.send(GET)
                got.append(old.recv_exactly(len(OK)))
                with place.connect(server.address) as new:
                    new.send(GET)
                    got.append(new.recv_exactly(len(OK)))
                new_is_open = server.connections[-1].is_open
            old.send(GET)
            got.append(old.recv_exactly(len(OK)))
            is_open = server.connections[-2].is_open
        return ([OK] * 4, False, True, ("client", "fin")), (
            got,
            new_is_open,
            is_open,
            (
                server.connections[-2].closed_by,
                server.connections[-2].closed_how,
            ),
        )

    prove(scene, share=5)
