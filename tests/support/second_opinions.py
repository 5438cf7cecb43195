"""What two other parsers make of a request: llhttp as httptools gives it, and h11."""

from __future__ import annotations

import h11
import httptools

ACCEPTS, REFUSES, WAITS = "accepts", "refuses", "waits"


class _Told:
    def __init__(self):
        self.target = b""
        self.headers = []
        self.trailers = []
        self.body = b""
        self.has_head = False
        self.is_done = False

    def on_url(self, url):
        self.target += url

    def on_header(self, name, value):
        (self.trailers if self.has_head else self.headers).append((name, value))

    def on_headers_complete(self):
        self.has_head = True

    def on_body(self, body):
        self.body += body

    def on_message_complete(self):
        self.is_done = True


def _text(pairs):
    return [(name.decode("latin-1"), value.decode("latin-1").strip(" \t")) for name, value in pairs]


def llhttp(raw):
    """Return (verdict, what it saw, its reason) for one request."""
    told = _Told()
    parser = httptools.HttpRequestParser(told)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        return REFUSES, None, str(error)
    if not told.is_done:
        return WAITS, None, ""
    method = parser.get_method().decode()
    return (
        ACCEPTS,
        {
            "request": f"{method} {told.target.decode('latin-1')}",
            "headers": _text(told.headers),
            "body": told.body,
            "trailers": _text(told.trailers),
            "is_upgrade": parser.should_upgrade(),
        },
        "",
    )


def second_opinion(raw):
    """Return (verdict, what h11 saw, its reason) for one request."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=65536)
    body = b""
    try:
        connection.receive_data(raw)
        request = connection.next_event()
        if request is h11.NEED_DATA:
            return WAITS, None, ""
        while isinstance(event := connection.next_event(), h11.Data):
            body += event.data
    except h11.RemoteProtocolError as error:
        return REFUSES, None, f"{error.error_status_hint} {error}"
    if event is h11.NEED_DATA:
        return WAITS, None, ""
    assert isinstance(event, h11.EndOfMessage), event
    return (
        ACCEPTS,
        {
            "request": f"{request.method.decode()} {request.target.decode('latin-1')}",
            "version": request.http_version.decode(),
            "headers": _text(request.headers.raw_items()),
            "body": body,
            "trailers": _text(event.headers.raw_items()) if event.headers else [],
        },
        "",
    )
