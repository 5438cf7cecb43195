"""HTTP/2 with prior knowledge (RFC 9113 section 3.3), frame by frame, as bytes."""

import httpx
import pytest

from pytest_epoll import steps

SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


def asked(stream):
    """Read up to where the head of a GET on that stream begins: HEADERS with END_STREAM and END_HEADERS."""
    return steps.read_until(b"\x01\x05\0\0\0" + bytes([stream]))


def answer(stream):
    """Return HEADERS that end the stream, with `:status 200` from the static table (RFC 7541)."""
    return b"\0\0\x01\x01\x05\0\0\0" + bytes([stream]) + b"\x88"


def test_fp_180_behind_a_stream_that_was_reset_the_connection_is_used_again(server):
    reset = b"\0\0\x04\x03\0\0\0\0\x01" + b"\0\0\0\x07"  # RST_STREAM: REFUSED_STREAM
    server.script(asked(1), steps.send(SETTINGS + reset), asked(3), steps.send(answer(3)), steps.read_to_eof())

    with httpx.Client(http1=False, http2=True, trust_env=False, verify=False, timeout=30) as client:
        with pytest.raises(httpx.RemoteProtocolError, match=r"StreamReset stream_id:1, error_code:\S*(7|REFUSED)"):
            client.get(server.url)
        assert 200 == client.get(server.url).status_code

    assert 1 == len(server.connections)


def test_fp_180_behind_a_goaway_the_next_request_has_a_connection_of_its_own(server):
    goaway = b"\0\0\x08\x07\0\0\0\0\0" + b"\0\0\0\0" + b"\0\0\0\0"  # nothing was taken, no error
    server.script(asked(1), steps.send(SETTINGS + goaway), steps.read_to_eof(), connection=0)
    server.script(asked(1), steps.send(SETTINGS + answer(1)), steps.read_to_eof(), connection=1)

    with httpx.Client(http1=False, http2=True, trust_env=False, verify=False, timeout=30) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.get(server.url)
        assert 200 == client.get(server.url).status_code


def test_fp_181_a_connection_without_a_preface_is_not_asked_again_and_the_next_one_is_kept(server):
    server.script(steps.stall(), connection=0)
    served = [asked(1), steps.send(SETTINGS + answer(1)), asked(3), steps.send(answer(3)), steps.read_to_eof()]
    server.script(*served, connection=1)

    with httpx.Client(http1=False, http2=True, trust_env=False, verify=False) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(server.url, timeout=httpx.Timeout(30, read=0.1))
        assert [200, 200] == [client.get(server.url, timeout=30).status_code for _ in range(2)]

    assert 2 == len(server.connections)
