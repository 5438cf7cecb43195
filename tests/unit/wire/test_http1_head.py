"""Rules about heads that llhttp enforces, too: they are ours as well, because its releases differ in them."""

import pytest

from pytest_epoll._wire.http1_head import examine_head, parse_head
from reading import read, whole

START = b"POST /x HTTP/1.1\r\nHost: t\r\n"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (b"Transfer-Encoding: chunked, chunked\r\n", "chunked is not the last"),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "chunked is not the last"),
        (b"Transfer-Encoding: chunked, gzip\r\n", "chunked is not the last"),
        (b"Transfer-Encoding:\r\n", "names no coding"),
        (b"Transfer-Encoding: ,\r\n", "names no coding"),
    ],
)
def test_codings_that_leave_the_end_of_the_body_open_are_refused(fields, words):
    _, problem = examine_head(START + fields + b"\r\n")

    assert problem is not None
    assert 400 == problem[0]
    assert words in problem[1]


def test_what_is_no_request_head_is_a_value_error():
    with pytest.raises(ValueError, match="not a request head"):
        parse_head(b"nonsense\r\n\r\n")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n", None),
        (b"a\r\nabcdefghij\r\n0\r\n\r\n", None),
        (b"b\r\nabcdefghijk\r\n0\r\n\r\n", 413),
        (b"4\r\nabcd\r\n7\r\nefghijk\r\n0\r\n\r\n", 413),
        (b"a\r\nabcdefghij\r\n1\r\nk\r\n0\r\n\r\n", 413),
    ],
)
def test_a_chunked_body_is_refused_at_the_size_line_that_crosses_the_limit(body, status):
    head = START + b"Transfer-Encoding: chunked\r\n\r\n"
    messages, _, _ = read(whole(head + body), max_body_size=10)

    assert [status] == [message.get("refused", (None,))[0] for message in messages]
    assert len(messages[0]["body"]) <= 10
