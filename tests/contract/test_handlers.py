"""Handlers: what they may return, where they run, and what their mistakes look like on the wire."""

import asyncio
import threading
import warnings

import httpx
import pytest
import requests
import trio
import trio.lowlevel

from fetching import async_client, fetch
from pytest_epoll import EpollServer, Response, errors, faults
from pytest_epoll.testing import RawClient, in_thread

GET = b"GET /x HTTP/1.1\r\nHost: t\r\n\r\n"
CLOSE = b"GET /x HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"


def ask(server, message=CLOSE):
    """Return (answer, how the connection ended)."""
    with RawClient(server.address) as client:
        client.send(message)
        return client.read_to_end()


def kinds(server):
    return [finding.kind for finding in server.findings()]


def some_bytes(request):
    yield b"ab"
    yield b"cd"


async def some_bytes_later(request):
    yield b"ab"
    await asyncio.sleep(0)
    yield b"cd"


async def later(request):
    await asyncio.sleep(0)
    return 201


class Callable:
    def __call__(self, request):
        return {"path": request.path}


@pytest.mark.parametrize(
    ("handler", "status", "body"),
    [
        (lambda request: 204, 204, b""),
        (lambda request: Response(418, text="tea"), 418, b"tea"),
        (lambda request: (201, b"made"), 201, b"made"),
        (lambda request: (201, {"id": 1}), 201, b'{"id": 1}'),
        (lambda request: (202, None), 202, b""),
        (lambda request: (200, some_bytes(request)), 200, b"abcd"),
        (lambda request: {"a": 1}, 200, b'{"a": 1}'),
        (lambda request: [1, None], 200, b"[1, null]"),
        (lambda request: "h\xe9", 200, b"h\xc3\xa9"),
        (lambda request: b"raw", 200, b"raw"),
        (lambda request: bytearray(b"raw"), 200, b"raw"),
        (lambda request: iter([b"ab", 0, b"cd"]), 200, b"abcd"),
        (lambda request: Response(stream=[b"ab"]), 200, b"ab"),
        (lambda request: lambda again: (203, again.path), 203, b"/x"),
        (lambda request: later, 201, b""),
        (some_bytes, 200, b"abcd"),
        (some_bytes_later, 200, b"abcd"),
        (later, 201, b""),
        (Callable(), 200, b'{"path": "/x"}'),
        (lambda request: request.headers["host"].split(":")[0], 200, b"127.0.0.1"),
    ],
)
def test_what_a_handler_may_return(server, handler, status, body):
    server.get("/x").handler(handler)
    answers = [get(server.url + "/x") for get in (fetch, requests.get)]

    assert [(status, body)] * 2 == [(answer.status_code, answer.content) for answer in answers]
    assert [] == server.findings()


def test_headers_beside_status_and_body(server):
    server.get("/x").respond_with(lambda request: (200, "<p>", [("Content-Type", "text/html"), ("X-A", "1")]))
    answer = fetch(server.url + "/x")

    assert ("text/html", "1", "<p>") == (answer.headers["content-type"], answer.headers["x-a"], answer.text)


def test_a_handler_can_break_off(server):
    server.get("/x").handler(lambda request: faults.Reset())
    server.get("/y").handler(lambda request: Response(content=b"x" * 100).with_faults(faults.Reset(after="head")))

    assert (b"", "rst") == ask(server)
    assert (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", "rst") == ask(
        server, b"GET /y HTTP/1.1\r\nHost: t\r\n\r\n"
    )
    assert [] == server.findings()


def test_the_decorator_returns_the_function_and_what_it_answers_is_recorded(server):
    route = server.post("/x")

    @route.handler
    def made(request):
        return 201, {"name": request.json()["name"]}

    answer = fetch(server.url + "/x", "POST", json={"name": "Jo"})

    assert "made" == made.__name__
    assert ({"name": "Jo"}, 201, 1) == (answer.json(), route.last_request.response_status, route.call_count)


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (lambda request: None, "returned None"),
        (lambda request: True, "returned True"),
        (lambda request: 5.5, "returned 5.5"),
        (lambda request: object, "returned <class 'object'>"),
        (lambda request: (200,), "a tuple is (status, body)"),
        (lambda request: ("200", "a"), "a tuple is (status, body)"),
        (lambda request: (200, 5), "returned 5"),
        (lambda request: 99, "three digits"),
        (lambda request: (200, "a", 5), "headers= takes"),
        (lambda request: faults.Reset(after=5), "needs a reply"),
        (lambda request: faults.HangUp(after_reading="head"), "acts while the request is read"),
        (lambda request: Response().with_faults(faults.NoContinue()), "acts while the request is read"),
        (lambda request: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda request: pytest.fail("no"), "Failed: no"),
        (lambda request: {"a": {1}}, "can't be written as JSON"),
        (lambda: 200, "TypeError"),
    ],
)
def test_a_mistake_before_the_head_is_answered_500_and_a_finding(server, handler, says):
    server.get("/x").handler(handler)
    answer, how = ask(server)

    assert (b"HTTP/1.1 500 Internal Server Error", "fin") == (answer.partition(b"\r\n")[0], how)
    assert says in answer.decode()
    assert ["handler-error"] == kinds(server)
    assert says in server.findings()[0].text
    assert "handler-error" in [event.kind for event in server.timeline]


def test_the_finding_shows_the_line_that_raised_and_none_of_ours(server):
    def breaks(request):
        raise KeyError("missing")

    server.get("/x").handler(breaks)
    ask(server)
    text = server.findings()[0].text

    assert "c0.0 handler breaks of test_handlers.py" in text
    assert 'raise KeyError("missing")' in text
    assert "pytest_epoll/_serving" not in text


@pytest.mark.parametrize(
    ("how", "end"),
    [
        ({}, "fin"),  # chunked: the last chunk is missing
        ({"headers": {"Content-Length": "10"}}, "fin"),
        ({"headers": {"Transfer-Encoding": None}}, "rst"),  # our FIN would complete it
        ({"headers": {"Transfer-Encoding": "gzip"}}, "rst"),
        ({"http_version": "1.0"}, "rst"),
    ],
)
def test_a_mistake_behind_the_head_breaks_the_reply_off_so_that_it_shows(server, how, end):
    def source():
        yield b"abc"
        raise OSError("disk")

    server.get("/x").respond(stream=source, **how)
    answer, ended = ask(server, GET)

    assert end == ended
    assert b"abc" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert ["handler-error"] == kinds(server)
    with pytest.raises(httpx.TransportError):
        fetch(server.url + "/x")


@pytest.mark.parametrize("item", ["text", None, b"a".hex, -1, [b"a"], faults.StopReading()])
def test_an_item_that_is_none_of_a_streams_breaks_it_off(server, item):
    server.get("/x").handler(lambda request: iter([b"abc", item]))
    answer, how = ask(server, GET)

    assert (True, "fin") == (answer.endswith(b"3\r\nabc\r\n"), how)
    assert ["handler-error"] == kinds(server)


@pytest.mark.parametrize("source", [lambda: b"abc", lambda: "abc", lambda: None, lambda: {"a": 1}, lambda: 5])
def test_a_callable_that_returns_no_score_breaks_the_stream_off(server, source):
    """Bytes above all: item by item they would be pauses of so many seconds."""
    server.get("/x").respond(stream=source)
    answer, how = ask(server, GET)

    assert (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "fin") == (answer, how)
    assert "stream= takes" in server.findings()[0].text


def test_a_blocking_handler_delays_nobody(server):
    gate = server.gate()

    @server.get("/blocked").handler
    def blocked(request):
        gate.wait()
        return b"at last"

    server.get("/x").respond(content=b"ok")
    server.get("/handled").handler(lambda request: "handled")
    held = [in_thread(fetch, server.url + "/blocked") for _ in range(20)]
    server.wait_for_requests(20)
    gate.wait_reached()

    assert [b"ok", b"handled"] == [fetch(f"{server.url}/{path}").content for path in ("x", "handled")]
    assert not any(future.done() for future in held)
    gate.open()
    assert [b"at last"] * 20 == [future.result(timeout=5).content for future in held]


def test_requests_behind_a_slow_handler_are_answered_in_order(server):
    gate = server.gate()
    server.get("/slow").handler(lambda request: gate.wait() or "slow")
    server.get("/x").respond(content=b"ok")
    with RawClient(server.address) as client:
        client.send(b"GET /slow HTTP/1.1\r\nHost: t\r\n\r\n" + CLOSE)
        server.wait_for_requests(2)
        gate.wait_reached()
        assert [None, None] == [request.response_status for request in server.requests]
        gate.open()
        answer, _ = client.read_to_end()

    assert answer.index(b"slow") < answer.index(b"ok")


def test_a_handler_may_use_the_servers_own_views(server):
    server.get("/other").respond(content=b"other")

    @server.post("/x").handler
    def looks(request):
        return {
            "body": request.body.decode(),
            "complete": request.complete,
            "requests": [str(entry) for entry in server.requests],
            "last": str(server.last_request),
            "route": request.route.call_count,
            "open": request.connection.is_open,
            "events": "head" in [event.kind for event in server.timeline],
            "other": fetch(server.url + "/other").text,
        }

    assert {
        "body": "hi",
        "complete": True,
        "requests": ["POST /x"],
        "last": "POST /x",
        "route": 1,
        "open": True,
        "events": True,
        "other": "other",
    } == fetch(server.url + "/x", "POST", content=b"hi").json()


def test_a_handler_may_register_routes_and_wait(server):
    @server.post("/hooks").handler
    def register(request):
        server.get(request.json()["path"]).respond(content=b"new")
        server.wait_for_requests(1, state="head")
        return 201

    with httpx.Client(trust_env=False, verify=False) as client:
        client.post(server.url + "/hooks", json={"path": "/new"})

        assert b"new" == client.get(server.url + "/new").content


@pytest.mark.parametrize("where", ["where", "query", "path"])
def test_a_predicate_may_register_and_look_but_not_block(server, where):
    seen = []

    def predicate(_):
        seen.append(len(server.requests))
        with pytest.raises(errors.UsageError, match="must not block"):
            server.wait_for_requests(5)
        with pytest.raises(errors.UsageError, match="must not block"):
            server.gate().wait()
        return True

    if where == "path":
        server.get(predicate).respond(200)
    else:
        server.get("/x", **{where: predicate}).respond(200)

    assert 200 == fetch(server.url + "/x").status_code
    assert 1 in seen


@pytest.mark.parametrize("outcome", [pytest.fail, pytest.skip])
def test_a_predicate_that_ends_its_test_is_a_finding_and_ends_no_server(outcome):
    """What they raise is no `Exception`."""
    with EpollServer() as server:
        server.get(lambda path: outcome("now"), optional=True).respond(200)

        answer, _ = ask(server)

        assert answer.startswith(b"HTTP/1.1 500 ")
        assert ["handler-error"] == kinds(server)


@pytest.mark.parametrize("where", ["where", "query", "path", "json", "equal"])
def test_a_predicate_that_raises_is_answered_500_and_a_finding(server, where):
    class Unequal:
        def __eq__(self, other):
            raise LookupError("of mine")

        __hash__ = None

    def predicate(_):
        raise LookupError("of mine")

    if where == "path":
        server.post(predicate).respond(200)
    elif where == "equal":
        server.post("/x", json={"a": Unequal()}).respond(200)
    else:
        server.post("/x", **{where: predicate}).respond(200)
    with httpx.Client(trust_env=False, verify=False) as client:
        answers = [client.post(server.url + "/x", json={"a": 1}) for _ in range(2)]

    assert [500, 500] == [answer.status_code for answer in answers]
    assert "LookupError: of mine" in answers[0].text
    assert {"handler-error"} == set(kinds(server)) - {"unused"}
    assert "test_handlers.py" in server.findings()[-1].text


# -- coroutines --


def test_a_coroutine_runs_on_the_loop_that_ran_when_it_was_registered(server):
    async def main():
        async def handler(request):
            loops.append(asyncio.get_running_loop())
            await asyncio.sleep(0)
            return {"ok": True}

        loops = []
        server.get("/x").handler(handler)
        async with async_client() as client:
            answer = await client.get(server.url + "/x")
        return answer.json(), loops == [asyncio.get_running_loop()]

    assert ({"ok": True}, True) == asyncio.run(main())


def test_a_coroutine_shares_the_tests_objects(server):
    async def main():
        queue, done = asyncio.Queue(), asyncio.Event()

        @server.post("/x").handler
        async def handler(request):
            await queue.put(request.body)
            await done.wait()
            return 202

        async with async_client() as client:
            call = asyncio.create_task(client.post(server.url + "/x", content=b"hi"))
            got = await asyncio.wait_for(queue.get(), 5)
            done.set()
            return got, (await call).status_code

    assert (b"hi", 202) == asyncio.run(main())


def test_trio_too(server):
    async def main():
        done = trio.Event()
        seen = []

        @server.get("/x").handler
        async def handler(request):
            seen.append(trio.lowlevel.current_trio_token() is token)
            done.set()
            await trio.lowlevel.checkpoint()
            return "trio"

        @server.get("/stream").handler
        async def stream(request):
            yield b"a"
            await trio.lowlevel.checkpoint()
            yield b"b"

        @server.get("/bad").handler
        async def bad(request):
            raise KeyError("of mine")

        token = trio.lowlevel.current_trio_token()
        async with async_client() as client:
            texts = [(await client.get(f"{server.url}/{path}")).text for path in ("x", "stream")]
            status = (await client.get(server.url + "/bad")).status_code
        await done.wait()
        return texts, seen, status

    assert (["trio", "ab"], [True], 500) == trio.run(main)
    assert ["handler-error"] == kinds(server)


def test_without_a_loop_a_coroutine_has_one_of_its_own(server):
    @server.get("/x").handler
    async def handler(request):
        task = asyncio.create_task(asyncio.sleep(0, "done"))
        asyncio.create_task(asyncio.sleep(3600)).add_done_callback(lambda task: left.append(task.cancelled()))
        return threading.current_thread().name, await task

    left = []

    @server.get("/y").handler
    async def name(request):
        return threading.current_thread().name

    assert fetch(server.url + "/y").text.startswith("epoll-worker-")
    fetch(server.url + "/x")
    assert [True] == left


def test_a_coroutine_whose_loop_is_over_is_a_finding_and_no_warning(server):
    async def main():
        async def handler(request):
            return 200

        server.get("/x").handler(handler)

    asyncio.run(main())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer, _ = ask(server)

    assert b"Event loop is closed" in answer
    assert ["handler-error"] == kinds(server)


def test_a_coroutine_waits_at_a_gate_without_stopping_its_loop(server):
    gate = server.gate()

    @server.get("/blocks").handler
    async def blocks(request):
        gate.wait()

    async def main(checkpoint):
        @server.get("/x", priority=len(seen)).handler
        async def waits(request):
            await gate.aio.wait()
            return "opened"

        async with async_client() as client:
            call = in_thread(fetch, server.url + "/x")
            await gate.aio.wait_reached()
            blocked = await client.get(server.url + "/blocks")
            gate.open()
            while not call.done():
                await checkpoint(0)
            return call.result().text, blocked.text

    seen = []
    for run, checkpoint in ((asyncio.run, asyncio.sleep), (trio.run, trio.sleep)):
        text, blocked = run(main, checkpoint) if run is trio.run else run(main(checkpoint))
        seen.append(text)
        assert "await gate.aio.wait()" in blocked
        gate = server.gate()

    assert ["opened", "opened"] == seen
    assert {"handler-error"} == set(kinds(server))


def test_a_coroutine_that_waits_at_a_gate_is_let_go_by_stop(server):
    gate = server.gate()

    @server.get("/x").handler
    async def waits(request):
        await gate.aio.wait()

    with RawClient(server.address) as client:
        client.send(GET)
        gate.wait_reached()
        server.stop()

        assert (b"", "fin") == client.read_to_end()
    assert [] == server.findings()


# -- the end --


@pytest.mark.slow
def test_a_handler_that_does_not_end_is_named_with_its_stack():
    may_end = threading.Event()
    server = EpollServer().start()

    @server.get("/x").handler
    def stubborn(request):
        may_end.wait(20)
        return 200

    with RawClient(server.address) as client:
        client.send(GET)
        server.wait_for_requests(1)
        with pytest.warns(errors.HandlerStillRunning, match=r"handler stubborn .*test_handlers\.py") as caught:
            server.stop()
        may_end.set()

        assert (b"", "rst") != client.read_to_end()
    assert "may_end.wait(20)" in str(caught[0].message)
    assert ["handler-error"] == kinds(server)
    assert "may_end.wait(20)" in server.findings()[0].text


def test_stop_lets_go_of_handlers_that_wait_for_us(server):
    gate = server.gate()

    @server.get("/gate").handler
    def waits(request):
        gate.wait()
        return 200

    @server.get("/stream").handler
    def streams(request):
        while True:
            yield b"x" * 65536

    @server.get("/coroutine").handler
    async def sleeps(request):
        await asyncio.sleep(3600)

    @server.get("/generator").handler
    async def trickles(request):
        yield b"a"
        await asyncio.sleep(3600)

    clients = []
    for path in ("gate", "stream", "coroutine", "generator"):
        client = RawClient(server.address)
        client.send(f"GET /{path} HTTP/1.1\r\nHost: t\r\n\r\n".encode())
        clients.append(client)
    server.wait_for_requests(4)
    gate.wait_reached()
    server.connections[1].wait_event("send-blocked")
    server.connections[3].wait_event("sent")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        server.stop()
    for client in clients:
        client.close()

    assert [] == server.findings()
