"""Every proper prefix of a response, to the byte, and what a sweep makes of calls that hang, fail or cheat."""

import asyncio
import contextvars
import inspect
import os
import sys
import threading
from contextlib import suppress

import pytest

from pytest_epoll import Response, errors, faults
from pytest_epoll.sweeps import cuts
from sweeping import HEAD, IMAGES, ask, client_of, read_all, read_impatiently


@pytest.mark.parametrize("kind", IMAGES)
def test_every_proper_prefix_arrives_to_the_byte(kind, make_server):
    response, image = IMAGES[kind]
    sweep = cuts(response, read_all, how=("fin", "rst"), make_server=make_server)
    due = [((image[:size], how), size, how) for how in ("fin", "rst") for size in range(len(image))]

    assert (image, "fin") == sweep.whole.value
    assert due == [(outcome.value, outcome.position, outcome.how) for outcome in sweep.outcomes]
    assert () == sweep.findings


def test_each_cut_has_a_fresh_connection_and_is_delivered_once():
    sweep = cuts(Response(content=b"hi"), read_all, how="fin")

    assert {1} == {outcome.requests for outcome in sweep.outcomes}


def test_a_stall_delivers_the_prefix_and_lasts_until_the_call_gives_up(make_server):
    seen = []

    def call(url):
        with client_of(url, timeout=0.5) as client:
            ask(client)
            seen.append(b"")
            while piece := client.recv():
                seen[-1] += piece

    sweep = cuts(Response(raw=b"abc"), call, how="stall", make_server=make_server)

    assert [b"abc", b"", b"a", b"ab"] == seen
    assert ["bytes 0-2, stall: raised TimeoutError: timed out"] == [str(found) for found in sweep.ranges()]


def test_what_the_client_asks_for_decides_what_there_is_to_cut():
    sweep = cuts(Response(content=b"hi"), lambda url: read_all(url, "HEAD"), how="fin")

    assert (HEAD, "fin") == sweep.whole.value
    assert list(range(len(HEAD))) == [outcome.position for outcome in sweep.outcomes]


# -- calls that don't come back --


def test_a_call_that_does_not_give_up_is_noted_as_late_and_freed_by_the_end_of_its_server(make_server):
    sweep = cuts(Response(raw=b"ab"), read_all, how="stall", timeout=0.5, make_server=make_server)
    lines = [
        "byte 0, stall: did not come back within 0.5 s; when the server had stopped it returned (b'', 'fin')",
        "byte 1, stall: did not come back within 0.5 s; when the server had stopped it returned (b'a', 'fin')",
    ]

    assert [(True, False), (True, False)] == [(outcome.is_late, outcome.is_lost) for outcome in sweep.outcomes]
    assert lines == [line.replace("the first 1 of 2 bytes", "b'a'") for line in map(str, sweep.outcomes)]


def test_a_call_that_never_comes_back_does_not_hang_the_sweep(monkeypatch):
    monkeypatch.setattr("pytest_epoll.sweeps._running.GRACE_SECONDS", 0.01)
    end = threading.Event()
    calls = []

    def call(url):
        calls.append(threading.current_thread())
        with suppress(OSError):  # the server may have gone before it was asked
            if read_all(url) == (b"abcdef", "fin"):
                return
        end.wait()

    try:
        sweep = cuts(Response(raw=b"abcdef"), call, how="fin", timeout=0.5)
    finally:
        end.set()
        for thread in calls:
            thread.join()

    assert [True] * 3 == [outcome.is_lost for outcome in sweep.outcomes]
    assert 3 == sweep.untried
    assert [
        "bytes 0-2, fin: did not come back within 0.5 s, not even when the server had stopped",
        "3 deliveries not tried, as too many calls never came back",
    ] == str(sweep).splitlines()[2:]
    with pytest.raises(AssertionError, match="3 deliveries not tried"):
        sweep.assert_none_returned()


# -- calls --


async def fetch(url):
    reader, writer = await asyncio.open_connection(*url.removeprefix("http://").split(":"))
    writer.write(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    data = await reader.read()
    writer.close()
    return data


@pytest.mark.parametrize("call", [fetch, lambda url: fetch(url)], ids=["coroutine function", "returns an awaitable"])
def test_a_call_may_be_asynchronous(call):
    sweep = cuts(Response(raw=b"abc"), call, how="fin")

    assert [b"", b"a", b"ab"] == [outcome.value for outcome in sweep.outcomes]


def test_calls_come_one_after_the_other_unless_told_otherwise():
    running = threading.Semaphore(1)

    def call(url):
        assert running.acquire(blocking=False)
        found = read_all(url)
        running.release()
        return found

    sweep = cuts(Response(raw=b"x" * 20), call, how="fin")

    assert all(outcome.has_returned for outcome in sweep.outcomes)


def test_at_once_calls_run_at_the_same_time_and_outcomes_stay_in_order():
    together = threading.Barrier(4)

    def call(url):
        found = read_all(url)
        if found != (b"abcd", "fin"):
            together.wait(5)
        return found

    sweep = cuts(Response(raw=b"abcd"), call, how=("rst", "fin"), at_once=4, timeout=5)
    due = [(b"abcd"[:size], how) for how in ("fin", "rst") for size in range(4)]

    assert due == [outcome.value for outcome in sweep.outcomes]


def test_a_call_sees_the_context_variables_of_the_caller():
    variable = contextvars.ContextVar("variable")
    variable.set("mine")
    sweep = cuts(Response(raw=b"a"), lambda url: (read_all(url), variable.get()), how="fin")

    assert ["mine", "mine"] == [outcome.value[1] for outcome in (sweep.whole, *sweep.outcomes)]


def test_a_call_that_silently_asks_again_is_counted():
    def call(url):
        first = read_all(url)
        return first if first[0] == b"ab" else read_all(url)

    sweep = cuts(Response(raw=b"ab"), call, how="fin")

    assert [2, 2] == [outcome.requests for outcome in sweep.outcomes]
    assert "byte 0, fin: asked 2 times and returned (b'', 'fin')" == str(sweep.outcomes[0])


def test_a_call_that_stops_asking_is_told_of():
    cache = []

    def call(url):
        cache.append(cache[0] if cache else read_all(url))
        return cache[0]

    sweep = cuts(Response(raw=b"ab"), call, how="fin")

    assert ["bytes 0-1, fin: sent no request and returned (b'ab', 'fin')"] == [str(one) for one in sweep.ranges()]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda url: "hello", r"call\('http://127.0.0.1:\d+'\) has sent no request; it must ask the url"),
        (lambda: "hello", "has sent no request; it raised TypeError"),
    ],
)
def test_a_call_that_cannot_be_swept_is_refused(call, says):
    with pytest.raises(errors.UsageError, match=says):
        cuts(Response(raw=b"ab"), call)


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_verdict_of_the_tests_own_ends_the_sweep(at_once):
    calls = []

    def call(url):
        calls.append(url)
        if read_all(url)[0] == b"a":
            pytest.skip("as the test wants it")

    with pytest.raises(pytest.skip.Exception):
        cuts(Response(raw=b"abc" * 10), call, how="fin", at_once=at_once)

    assert 3 <= len(calls) < 30


def test_what_ends_a_program_is_an_outcome():
    sweep = cuts(Response(raw=b"ab"), lambda url: sys.exit(len(read_all(url)[0])), how="fin")

    assert [(SystemExit, 0), (SystemExit, 1)] == [(type(one.error), one.error.code) for one in sweep.outcomes]


# -- what is left behind --


class Failed(Exception):
    pass


def test_nothing_is_left_behind_however_many_calls_have_failed():
    def call(url):
        client = client_of(url)
        ask(client)
        try:
            raise Failed(client.read_to_end())  # and the client stays open for as long as this frame lives
        except Failed as error:
            raise ValueError from error

    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    with pytest.warns(ResourceWarning):
        sweep = cuts(Response(content=b"x" * 20), call, how=("fin", "rst"))

    assert (threads, descriptors) == (threading.active_count(), len(os.listdir("/proc/self/fd")))
    assert all(outcome.error.__traceback__ is None for outcome in sweep.outcomes)


# -- verdicts --


def gullible(url):
    """Return the body, and take whatever comes for a head."""
    data, _ = read_all(url)
    if b"200" not in data:
        raise ValueError(data)
    return data.partition(b"\r\n\r\n")[2]


def test_a_client_that_takes_a_cut_for_a_complete_response_is_found():
    sweep = cuts(Response(content=b"hello"), gullible, how="fin")
    with pytest.raises(AssertionError) as caught:
        sweep.assert_none_returned()
    image = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    lines = str(caught.value).splitlines()

    assert [
        f"{len(image) - 12} of {len(image)} calls of gullible returned",
        f"  bytes 12-{len(image) - 5}, fin: returned b''",
        f"  bytes {len(image) - 4}-{len(image) - 1}, fin: returned the first 1..4 of 5 bytes",
        "  whole: returned b'hello'",
        "to see the first one:",
        "",
    ] == lines[:6]


def test_the_code_that_is_printed_shows_the_defect(run, pytester):
    sweep = cuts(Response(content=b"hello"), gullible, how="rst")
    with pytest.raises(AssertionError) as caught:
        sweep.assert_none_returned()
    code = str(caught.value).partition("to see the first one:\n\n")[2]
    pytester.makepyfile(clients=f"from sweeping import read_all\n\n{inspect.getsource(gullible)}")
    result = run(f"from clients import gullible\n\n{code} == b''\n".replace("    gullible(", "    assert gullible("))

    assert "def test_rst_after_12_bytes(epoll_server):" in code
    result.assert_outcomes(passed=1)


def test_a_client_that_notices_every_cut_passes():
    def strict(url):
        data, how = read_all(url)
        if not data.endswith(b"\r\n\r\nhello"):
            raise ValueError(how)
        return data

    sweep = cuts(Response(content=b"hello"), strict, how=("fin", "rst"))
    sweep.assert_none_returned()

    assert {"ValueError"} == {type(outcome.error).__name__ for outcome in sweep.outcomes}


def test_a_client_that_waits_for_ever_does_not_pass():
    def patient(url):
        data, _ = read_all(url)
        if data != b"ab":
            raise ValueError(data)

    sweep = cuts(Response(raw=b"ab"), patient, how="stall", timeout=0.5)

    with pytest.raises(AssertionError, match="2 of 2 calls of patient did not come back in time"):
        sweep.assert_none_returned()


def test_a_client_that_fails_with_the_whole_response_proves_nothing():
    def broken(url):
        raise ValueError(len(read_all(url)))

    with pytest.raises(
        AssertionError, match=r"broken fails with the whole response, too.*\n.*whole: raised ValueError: 2"
    ):
        cuts(Response(raw=b"ab"), broken, how="fin").assert_none_returned()


# -- what was not as it should be --


def test_what_could_not_be_exact_fails_every_verdict(monkeypatch):
    monkeypatch.setattr("pytest_epoll._eventloop.probes.PeerProbe.look", lambda *_: None)
    monkeypatch.setattr("pytest_epoll._eventloop.probes.PeerProbe.why_blind", lambda _: "no sock_diag")

    def strict(url):
        data, how = read_all(url)
        if data != b"ab":
            raise ValueError(how)

    sweep = cuts(Response(raw=b"ab"), strict, how="rst")

    assert ["inexact", "inexact"] == [finding.kind for finding in sweep.findings]
    assert "inexact: rst-0: c0.0 nobody can tell whether the 0 bytes arrived: no sock_diag" in str(sweep)
    with pytest.raises(AssertionError, match=r"rst-1: c0\.0 nobody can tell whether the 1 byte arrived"):
        sweep.assert_none_returned()


def test_a_delivery_of_another_size_is_told_of():
    calls = []

    def call(url):
        calls.append(url)
        return read_all(url, "GET" if len(calls) == 1 else "HEAD")

    sweep = cuts(Response(content=b"hi"), call, how="fin")
    short = "fin-58: 57 of 58 bytes were sent; is the response to this request a shorter one?"

    assert 57 == len(HEAD)
    assert [("inexact", short)] == [(one.kind, one.text) for one in sweep.findings]


# -- bad input --


@pytest.mark.parametrize(
    ("response", "says"),
    [
        (Response(stream=lambda: [b"a"]), "nobody knows how many bytes"),
        (Response(events=iter(["a"])), "nobody knows how many bytes"),
        (Response(raw=b""), "no bytes on the wire"),
        (Response(content=b"x" * 65536), "65597 bytes on the wire"),
        (Response().with_faults(faults.StopReading()), "acts while the request is read"),
    ],
)
def test_a_response_that_cannot_be_swept_is_refused(response, says):
    with pytest.raises(errors.UsageError, match=says):
        cuts(response, read_impatiently)
