"""What came, in words."""

from pytest_epoll._reporting import received_text


def test_a_long_list_of_requests_is_cut_in_the_middle():
    lines = list(received_text.what_came([f"GET /{number}" for number in range(40)]))

    assert lines[0] == "40 requests came, in order:"
    assert lines[6:9] == ["  GET /5", "  ... 28 more lines", "  GET /34"]


def test_an_order_that_was_not_kept_says_what_is_missing():
    text = received_text.describe_order(["GET /a", "GET /b", "GET /c"], 1, ["GET /a"])

    assert text.splitlines() == [
        "GET /b did not come behind GET /a",
        "  1. GET /a  came",
        "  2. GET /b  missing",
        "  3. GET /c  not looked for",
        "  1 request came, in order:",
        "    GET /a",
    ]


def test_an_expired_wait_lists_how_far_each_request_is(record):
    ended = record()
    ended.status = 200
    ended.sent.add(b"x")
    half = record(b"POST /b HTTP/1.1\r\nContent-Length: 100\r\n\r\n", connection=1, body=b"x" * 40, complete=None)
    patient = record(
        b"PUT /c HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", connection=2, complete=None
    )
    broken = record(connection=3, complete=False)
    broken.error = "the client reset the connection"

    text = received_text.describe_requests(5, "ended", [ended, half, patient, broken])

    assert text.splitlines() == [
        "5 requests, 2 have ended",
        "  c0.0 GET /a   ended, answered 200",
        "  c1.0 POST /b  head and 40 of 100 body bytes received; the client is still sending or has stopped",
        "  c2.0 PUT /c   head and 0 of 9 body bytes received; the client waits for 100 Continue",
        "  c3.0 GET /a   broken off: the client reset the connection",
    ]


def test_a_wait_for_which_nothing_came_says_that():
    assert received_text.describe_requests(1, "ended", []) == "1 request, 0 have ended\n  no request came"
