"""The servers under comparison, by name: each a function that starts one and returns what the host needs of it.

They run in a process of their own (`host`) and are imported only there, so that one who lacks a dependency, or a
feature, is missing alone.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.raw_loop import BODY, Pump, RawBodyLoop, RawLoop, Sink, Yardstick, answer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

LATE_PATH = "/late"
LATE_SECONDS = 60.0


@dataclass
class Contestant:
    """A running server: where, how to stop it, and what else can be asked of it by name."""

    port: int
    stop: Callable[[], object]
    actions: dict[str, Callable[[], object]] = field(default_factory=dict)


def _body(size: int) -> bytes:
    return BODY if size == len(BODY) else b"x" * size


def _started(yardstick: Yardstick) -> Contestant:
    yardstick.start()
    return Contestant(yardstick.port, yardstick.stop)


def raw(*, body: int = len(BODY)) -> Contestant:
    """The textbook loop."""
    return _started(RawLoop(answer_of(_body(body))))


def raw_body(*, body: int = len(BODY), request_size: int) -> Contestant:
    """The textbook loop for large messages."""
    return _started(RawBodyLoop(answer_of(_body(body)), request_size))


def pump(*, body: int) -> Contestant:
    """One `sendall` a request."""
    return _started(Pump(answer_of(_body(body))))


def sink(*, request_size: int) -> Contestant:
    """Receives into one buffer and keeps nothing."""
    return _started(Sink(answer_of(BODY), request_size))


def route_path(index: int) -> str:
    """Return the path of the n-th of many routes."""
    return f"/resources/{index:06}"


def epoll(*, body: int = len(BODY), routes: int = 0, **keywords: Any) -> Contestant:
    """pytest-epoll as a test would set it up, with `routes` more exact paths, and one whose answer comes late."""
    from pytest_epoll import EpollServer

    server = EpollServer(**keywords)
    for index in range(routes):
        server.get(route_path(index)).respond(content=_body(body))
    server.get("/").respond(content=_body(body))
    server.post("/").respond(content=_body(body))
    server.get(LATE_PATH).respond(content=BODY, delay=LATE_SECONDS)
    server.start()
    return Contestant(
        server.port,
        server.stop,
        {"clear": lambda: server.clear_records(), "recorded": lambda: len(server.requests)},
    )


def httpserver() -> Contestant:
    """pytest-httpserver, which closes after each answer: it speaks HTTP/1.0."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request to a terminal is not what it is about
    server = import_module("pytest_httpserver").HTTPServer()
    server.expect_request("/").respond_with_data(BODY)
    server.start()
    return Contestant(server.port, server.stop)


def _on_asyncio(serve: Callable[[list[int], threading.Event], Coroutine[Any, Any, None]]) -> Contestant:
    """Run a coroutine function on a thread's event loop; it notes its port, sets the event and serves for ever."""
    ports: list[int] = []
    is_ready = threading.Event()
    threading.Thread(target=lambda: asyncio.run(serve(ports, is_ready)), daemon=True).start()
    if not is_ready.wait(timeout=10):
        raise RuntimeError("the server did not start within 10 s")
    return Contestant(ports[0], lambda: None)  # ends with its process


def aiohttp() -> Contestant:
    """The test server of aiohttp."""
    web, test_utils = import_module("aiohttp.web"), import_module("aiohttp.test_utils")

    async def answer(_: object) -> object:
        return web.Response(body=BODY)

    async def serve(ports: list[int], is_ready: threading.Event) -> None:
        app = web.Application()
        app.router.add_get("/", answer)
        server = test_utils.TestServer(app)
        await server.start_server()
        ports.append(server.port)
        is_ready.set()
        await asyncio.Event().wait()

    return _on_asyncio(serve)


def uvicorn() -> Contestant:
    """uvicorn, with httptools where that is there, and an application of one line."""
    module = import_module("uvicorn")

    async def app(scope: dict[str, object], _: object, send: Callable[[dict[str, object]], Any]) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"13")]})
            await send({"type": "http.response.body", "body": BODY})

    async def serve(ports: list[int], is_ready: threading.Event) -> None:
        quiet = {"log_level": "critical", "access_log": False, "lifespan": "off"}
        # Its connections rest while the others have their turn, on a busy machine for longer than the usual 5 s.
        server = module.Server(module.Config(app, port=0, timeout_keep_alive=600, **quiet))
        server.install_signal_handlers = lambda: None  # not on the main thread
        running = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        ports.append(server.servers[0].sockets[0].getsockname()[1])
        is_ready.set()
        await running

    return _on_asyncio(serve)


BY_NAME: dict[str, Callable[..., Contestant]] = {
    "raw": raw,
    "raw_body": raw_body,
    "pump": pump,
    "sink": sink,
    "epoll": epoll,
    "httpserver": httpserver,
    "aiohttp": aiohttp,
    "uvicorn": uvicorn,
}
