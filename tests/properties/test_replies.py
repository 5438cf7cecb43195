"""Every legal reply that we write is what h11 reads: over a real socket, to every kind of request."""

from __future__ import annotations

import h11
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_epoll import EpollServer
from pytest_epoll.sweeps import strategies
from pytest_epoll.testing import RawClient

FIELDS = strategies.fields()
PIECES = st.lists(st.binary(max_size=40), max_size=5)
STATUS = st.sampled_from([200, 201, 204, 299, 301, 304, 404, 418, 500, 599])

BODY = st.one_of(
    st.builds(lambda pieces: ({"content": b"".join(pieces)}, b"".join(pieces)), PIECES),
    st.builds(lambda pieces: ({"stream": pieces}, b"".join(pieces)), PIECES),
    st.builds(lambda pieces: ({"stream": lambda: iter(pieces)}, b"".join(pieces)), PIECES),
    st.builds(lambda text: ({"text": text}, text.encode()), st.text(st.characters(exclude_categories=["Cs"]))),
    st.just(({}, b"")),
)
INTERIM = st.lists(st.sampled_from([102, 103]), max_size=2)
ASKS = st.sampled_from(
    [
        ("GET", "1.1", ""),
        ("GET", "1.1", "Connection: close\r\n"),
        ("HEAD", "1.1", ""),
        ("POST", "1.1", ""),
        ("GET", "1.0", ""),
        ("GET", "1.0", "Connection: keep-alive\r\n"),
        ("HEAD", "1.0", ""),
    ]
)


def read(client, method):
    """Return (informational, response, body, trailers, whether the connection may go on) as h11 reads them."""
    parser = h11.Connection(h11.CLIENT)
    parser.send(h11.Request(method=method, target="/x", headers=[("Host", "t")]))
    parser.send(h11.EndOfMessage())
    interim, response, body = [], None, b""
    while True:
        event = parser.next_event()
        if event is h11.NEED_DATA:
            parser.receive_data(client.recv())
        elif isinstance(event, h11.InformationalResponse):
            interim.append(event)
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        else:
            assert isinstance(event, h11.EndOfMessage)
            return interim, response, body, list(event.headers.raw_items()), parser.their_state is h11.DONE


def pairs(fields):
    return [(name.encode(), value.encode("latin-1")) for name, value in fields]


def ask(server, method, version, connection):
    """Return what h11 has read for one request and, if the connection goes on, for a second one on it."""
    request = f"{method} /x HTTP/{version}\r\nHost: t\r\n{connection}\r\n".encode()
    with RawClient(server.address) as client:
        client.send(request)
        first = read(client, method)
        if not first[-1]:
            return [first]
        client.send(request)
        return [first, read(client, method)]


def test_what_was_meant_is_what_h11_reads():
    with EpollServer() as server:

        @settings(deadline=None, max_examples=150)
        @given(STATUS, FIELDS, BODY, st.none() | FIELDS, INTERIM, ASKS, st.sampled_from(["1.1", "1.0"]))
        def check(status, fields, body, trailers, interim, asked, spoken):  # noqa: PLR0917
            arguments, content = body
            method = asked[0]
            server.clear()
            server.route(method, "/x").respond(
                status, headers=fields, trailers=trailers, informational=interim, http_version=spoken, **arguments
            )
            answers = ask(server, *asked)
            has_content = method != "HEAD" and status not in {204, 304}
            for seen_interim, response, seen_body, seen_trailers, _ in answers:
                is_chunked = (b"transfer-encoding", b"chunked") in response.headers

                assert (status, spoken.encode()) == (response.status_code, response.http_version)
                assert interim == [event.status_code for event in seen_interim]
                assert pairs(fields) == response.headers.raw_items()[: len(fields)]
                assert (content if has_content else b"") == seen_body
                assert (pairs(trailers or []) if is_chunked and has_content else []) == seen_trailers
            assert [True] * len(answers) == [request.complete for request in server.requests]
            assert [] == server.findings()

        check()
