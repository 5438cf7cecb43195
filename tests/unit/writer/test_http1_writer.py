import pytest

from pytest_epoll import Response
from pytest_epoll._core.image import Part
from pytest_epoll._wire import http1_writer
from pytest_epoll._wire.http1_reply import encode
from pytest_epoll._wire.http1_writer import Asker

GET = Asker("GET", "1.1", keep_alive=True)
HEAD = Asker("HEAD", "1.1", keep_alive=True)
CONNECT = Asker("CONNECT", "1.1", keep_alive=True)
CLOSING = Asker("GET", "1.1", keep_alive=False)
OLD = Asker("GET", "1.0", keep_alive=False)
OLD_KEPT = Asker("GET", "1.0", keep_alive=True)
OLD_HEAD = Asker("HEAD", "1.0", keep_alive=True)

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("response", "asker", "image", "closes"),
    [
        # bodies
        (Response(), GET, OK + b"Content-Length: 0\r\n\r\n", False),
        (Response(content=b"hi"), GET, OK + b"Content-Length: 2\r\n\r\nhi", False),
        (Response(content="\xe9"), GET, OK + b"Content-Length: 2\r\n\r\n\xc3\xa9", False),
        (
            Response(text="\xe9"),
            GET,
            OK + b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\n\xc3\xa9",
            False,
        ),
        (
            Response(html="<p>"),
            GET,
            OK + b"Content-Type: text/html; charset=utf-8\r\nContent-Length: 3\r\n\r\n<p>",
            False,
        ),
        (Response(json=None), GET, OK + b"Content-Type: application/json\r\nContent-Length: 4\r\n\r\nnull", False),
        (
            Response(json={"a": [1]}),
            GET,
            OK + b'Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"a": [1]}',
            False,
        ),
        # status line
        (Response(404), GET, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", False),
        (Response(299), GET, b"HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n", False),
        (Response(999, reason="Odd"), GET, b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", False),
        (Response(reason=""), GET, b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", False),
        (Response(reason="\xe9"), GET, b"HTTP/1.1 200 \xe9\r\nContent-Length: 0\r\n\r\n", False),
        # headers: order, case, repetition; overridden, removed, lied about
        (
            Response(headers=[("b", "1"), ("A", "2"), ("b", "3")]),
            GET,
            OK + b"b: 1\r\nA: 2\r\nb: 3\r\nContent-Length: 0\r\n\r\n",
            False,
        ),
        (Response(headers={b"X": b"\xff"}), GET, OK + b"X: \xff\r\nContent-Length: 0\r\n\r\n", False),
        (Response(headers={"X": "\u20ac"}), GET, OK + b"X: \xe2\x82\xac\r\nContent-Length: 0\r\n\r\n", False),
        (
            Response(json=1, headers={"content-type": "text/plain"}),
            GET,
            OK + b"content-type: text/plain\r\nContent-Length: 1\r\n\r\n1",
            False,
        ),
        (Response(json=1, headers={"content-TYPE": None}), GET, OK + b"Content-Length: 1\r\n\r\n1", False),
        (Response(content=b"hi", headers={"content-length": "5"}), GET, OK + b"content-length: 5\r\n\r\nhi", False),
        (
            Response(content=b"hi", headers=[("Content-Length", "2"), ("Content-Length", "3")]),
            GET,
            OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
            False,
        ),
        (
            Response(content=b"hi", headers={"Content-Length": None}),
            GET,
            OK + b"Connection: close\r\n\r\nhi",
            True,
        ),
        (
            Response(cookies={"a": "1", "b": "2; HttpOnly"}),
            GET,
            OK + b"Set-Cookie: a=1\r\nSet-Cookie: b=2; HttpOnly\r\nContent-Length: 0\r\n\r\n",
            False,
        ),
        # statuses without content
        (Response(204, content=b"hi"), GET, b"HTTP/1.1 204 No Content\r\n\r\n", False),
        (Response(304), GET, b"HTTP/1.1 304 Not Modified\r\n\r\n", False),
        (Response(304, content=b"hi"), GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", False),
        (Response(103, content=b"hi"), GET, b"HTTP/1.1 103 Early Hints\r\n\r\n", False),
        (
            Response(204, headers={"Content-Length": "5"}),
            GET,
            b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
            False,
        ),
        # HEAD announces
        (Response(content=b"hi"), HEAD, OK + b"Content-Length: 2\r\n\r\n", False),
        (Response(stream=[b"hi"]), HEAD, OK + b"Transfer-Encoding: chunked\r\n\r\n", False),
        (Response(content=b"hi", headers={"Content-Length": None}), HEAD, OK + b"\r\n", False),
        # CONNECT
        (Response(content=b"hi"), CONNECT, OK + b"\r\n", False),
        (
            Response(407, content=b"hi"),
            CONNECT,
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nhi",
            False,
        ),
        # codings
        (
            Response(content=b"2\r\nhi\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"}),
            GET,
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            False,
        ),
        (
            Response(content=b"hi", headers={"Transfer-Encoding": "gzip, Chunked "}),
            GET,
            OK + b"Transfer-Encoding: gzip, Chunked \r\n\r\nhi",
            False,
        ),
        (
            Response(content=b"hi", headers={"Transfer-Encoding": "gzip"}),
            GET,
            OK + b"Transfer-Encoding: gzip\r\nConnection: close\r\n\r\nhi",
            True,
        ),
        (
            Response(content=b"hi", headers={"Transfer-Encoding": "xchunked"}),
            GET,
            OK + b"Transfer-Encoding: xchunked\r\nConnection: close\r\n\r\nhi",
            True,
        ),
        (
            Response(content=b"hi", trailers=[("X-Sum", "1"), ("X-Sum", "2")]),
            GET,
            OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n",
            False,
        ),
        (
            Response(trailers={"X-Sum": "1"}),
            GET,
            OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\n\r\n",
            False,
        ),
        (Response(content=b"hi", trailers={"X-Sum": "1"}), HEAD, OK + b"Transfer-Encoding: chunked\r\n\r\n", False),
        (
            Response(content=b"hi", trailers={"X-Sum": "1"}),
            OLD,
            OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nhi",
            True,
        ),
        # connection
        (Response(), CLOSING, OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n", True),
        (Response(), OLD, OK + b"Content-Length: 0\r\nConnection: close\r\n\r\n", True),
        (Response(), OLD_KEPT, OK + b"Content-Length: 0\r\nConnection: keep-alive\r\n\r\n", False),
        (
            Response(headers={"Connection": "close"}),
            GET,
            OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n",
            True,
        ),
        (
            Response(headers={"connection": "x, Close"}),
            GET,
            OK + b"connection: x, Close\r\nContent-Length: 0\r\n\r\n",
            True,
        ),
        (
            Response(headers={"Connection": "keep-alive"}),
            CLOSING,
            OK + b"Connection: keep-alive\r\nContent-Length: 0\r\n\r\n",
            True,
        ),
        (Response(headers={"Connection": None}), CLOSING, OK + b"Content-Length: 0\r\n\r\n", True),
        (Response(headers={"Connection": None}), OLD_KEPT, OK + b"Content-Length: 0\r\n\r\n", False),
        (
            Response(http_version="1.0"),
            GET,
            b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            True,
        ),
        (
            Response(http_version="1.0", headers={"Connection": "Keep-Alive"}),
            GET,
            b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
            False,
        ),
        # raw
        (Response(raw=b"HTTP/1.1 200 OK\n\nhi"), GET, b"HTTP/1.1 200 OK\n\nhi", False),
        (Response(raw=b"nonsense"), CLOSING, b"nonsense", False),
        (
            Response(raw=b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi"),
            HEAD,
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhi",
            False,
        ),
    ],
)
def test_what_a_response_is_on_the_wire(response, asker, image, closes):
    encoded, is_last = encode(response, asker)

    assert (image, closes) == (encoded.joined(), is_last)


@pytest.mark.parametrize(
    ("response", "asker", "head", "is_chunked_ends_itself_closes"),
    [
        (Response(stream=[b"hi"]), GET, OK + b"Transfer-Encoding: chunked\r\n\r\n", (True, True, False)),
        (
            Response(events=["hi"]),
            GET,
            OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            (True, True, False),
        ),
        (Response(stream=[b"hi"]), OLD, OK + b"Connection: close\r\n\r\n", (False, False, True)),
        (Response(stream=[b"hi"]), OLD_KEPT, OK + b"Connection: close\r\n\r\n", (False, False, True)),
        (
            Response(stream=[b"hi"], http_version="1.0"),
            GET,
            b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n",
            (False, False, True),
        ),
        (
            Response(stream=[b"hi"], headers={"Content-Length": "2"}),
            GET,
            OK + b"Content-Length: 2\r\n\r\n",
            (False, True, False),
        ),
        (
            Response(stream=[b"hi"], headers={"Transfer-Encoding": None}),
            GET,
            OK + b"Connection: close\r\n\r\n",
            (False, False, True),
        ),
        (
            Response(stream=[b"hi"], headers={"transfer-encoding": "gzip, chunked"}),
            GET,
            OK + b"transfer-encoding: gzip, chunked\r\n\r\n",
            (True, True, False),
        ),
        (
            Response(stream=[b"hi"], headers={"Transfer-Encoding": "gzip"}),
            GET,
            OK + b"Transfer-Encoding: gzip\r\nConnection: close\r\n\r\n",
            (True, False, True),
        ),
    ],
)
def test_how_a_stream_is_framed(response, asker, head, is_chunked_ends_itself_closes):
    form = http1_writer.encoding(response, asker)

    assert (head, True) == (form.head, form.has_content)
    assert is_chunked_ends_itself_closes == (form.is_chunked, form.ends_itself, form.closes)


def test_a_chunk_and_the_last_one():
    form = http1_writer.encoding(Response(stream=[]), Asker("GET", "1.1", keep_alive=True))
    piece = http1_writer.piece(form, b"0123456789", is_event=False)
    last = http1_writer.last_piece(Response(stream=[], trailers={"A": "b"}))

    assert (b"a\r\n0123456789\r\n", (Part("chunk", 0, 3, 13, 15),)) == (piece.joined(), piece.parts)
    assert (b"0\r\nA: b\r\n\r\n", (Part("last", 0, 3, 3, 11),)) == (last.joined(), last.parts)


def test_an_interim_response_has_no_framing_and_does_not_count():
    image = http1_writer.interim(Response(103, headers=[("Link", "</a>"), ("Link", "</b>")]))

    assert b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n" == image.joined()
    assert image.is_interim


def test_the_head_of_a_raw_reply_ends_at_its_first_blank_line():
    assert 19 == http1_writer.raw(Response(raw=b"HTTP/1.1 200 OK\r\n\r\na\r\n\r\nb")).head_size
    assert (8, b"") == (
        http1_writer.raw(Response(raw=b"nonsense")).head_size,
        http1_writer.raw(Response(raw=b"x")).body,
    )
