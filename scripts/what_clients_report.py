"""Write docs/reference/what-clients-report.md: what Python's HTTP clients make of the same wire event.

Each cell is the result of three real calls on fresh connections; one that differs between them is marked. Run it again
after an update of a client: `python scripts/what_clients_report.py`.
"""

from __future__ import annotations

import asyncio
import http.client
import io
import platform
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import aiohttp
import httpx
import requests
import urllib3

from pytest_epoll import EpollServer, faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_epoll import Route
    from pytest_epoll.faults import Fault

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "what-clients-report.md"
TIMES = 3
READ_TIMEOUT = 0.5
BODY = b"x" * 96
UPLOAD = b"y" * (16 * 2**20)
CHUNK: dict[str, Any] = {"content": BODY, "trailers": {"A": "b"}}
"""A chunked reply that leaves in one piece: what a client has read at once makes a difference."""

SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

SCENARIOS: dict[str, Callable[[Route], object]] = {
    "RST before the first byte": lambda route: route.respond_with(faults.Reset()),
    "FIN before the first byte": lambda route: route.respond_with(faults.HangUp()),
    "FIN inside the head": lambda route: route.respond(content=BODY, fault=faults.HangUp(after=25)),
    "FIN right after the head": lambda route: route.respond(content=BODY, fault=faults.HangUp(after="head")),
    "FIN inside a body with Content-Length": lambda r: r.respond(content=BODY, fault=faults.HangUp(faults.body(40))),
    "RST inside a body with Content-Length": lambda r: r.respond(content=BODY, fault=faults.Reset(faults.body(40))),
    "FIN inside a chunk": lambda r: r.respond(stream=[BODY], fault=faults.HangUp(faults.half_of("chunk:1"))),
    "FIN before the last chunk": lambda r: r.respond(stream=[BODY], fault=faults.HangUp("last-chunk")),
    "RST inside a body that FIN delimits": lambda r: r.respond(
        content=BODY, headers={"Content-Length": None}, fault=faults.Reset(faults.body(40))
    ),
    "silence before the first byte": lambda route: route.respond_with(faults.Stall()),
    "silence inside the body": lambda r: r.respond(content=BODY, fault=faults.Stall(faults.body(40))),
    "32 bytes every 0.2 s": lambda r: r.respond(content=BODY, fault=faults.SlowWrites(160, size=32, after="head")),
    "Content-Length one too large, then FIN": lambda r: r.respond(
        content=BODY, fault=[faults.WrongContentLength(delta=1), faults.HangUp("end")]
    ),
    "Content-Length one too large": lambda r: r.respond(content=BODY, fault=faults.WrongContentLength(delta=1)),
    "Content-Length one too small": lambda r: r.respond(content=BODY, fault=faults.WrongContentLength(delta=-1)),
    "Content-Length: -1, then FIN": lambda r: r.respond(
        content=BODY, fault=[faults.WrongContentLength(value=-1), faults.HangUp("end")]
    ),
    "Content-Length: 0 beside chunks": lambda r: r.respond(stream=[BODY], fault=faults.WrongContentLength(value=0)),
    "a chunk's size is `zz`": lambda r: r.respond(**CHUNK, fault=faults.MalformedChunk()),
    "a chunk's size is `zz`, read behind the head": lambda r: r.respond(
        **CHUNK, fault=[faults.MalformedChunk(), faults.PartialWrites(cuts=("head",), until_read=True)]
    ),
    "a chunk's size is too large, then FIN": lambda r: r.respond(
        **CHUNK, fault=[faults.MalformedChunk(size_line=b"fff"), faults.HangUp("end")]
    ),
    "chunk extensions": lambda r: r.respond(**CHUNK, fault=faults.ChunkExtensions(b";a=b", last=b";c")),
    "no last chunk, then FIN": lambda r: r.respond(**CHUNK, fault=faults.MissingFinalChunk()),
    "bytes behind a complete body": lambda r: r.respond(content=BODY, fault=faults.ExtraBytes(b"SURPLUS")),
    "a second reply behind the first": lambda r: r.respond(content=BODY, fault=faults.ExtraBytes(SECOND)),
    "bytes behind a 204": lambda r: r.respond(204, fault=faults.ExtraBytes(b"SURPLUS")),
    "a status line that is `HELLO`": lambda r: r.respond(
        content=BODY, fault=faults.MalformedHead(status_line=b"HELLO")
    ),
    "a status line of HTTP/0.5": lambda r: r.respond(
        content=BODY, fault=faults.MalformedHead(status_line=b"HTTP/0.5 200 OK")
    ),
    "a status of 001": lambda r: r.respond(content=BODY, fault=faults.MalformedHead(status_line=b"HTTP/1.1 001 No")),
    "a header line without a colon": lambda r: r.respond(content=BODY, fault=faults.MalformedHead(line=b"no colon")),
    "a first header line that begins with a space": lambda r: r.respond(
        content=BODY, fault=faults.MalformedHead(line=b" folded")
    ),
    "a flipped byte in the body": lambda r: r.respond(content=BODY, fault=faults.Corrupt("head")),
    "64 bytes that are not HTTP, then FIN": lambda r: r.respond_with(faults.Garbage(seed=1)),
}


class How(TypedDict, total=False):
    """How a client is to ask."""

    timeout: float
    method: str
    body: bytes | None
    between: Callable[[], object] | None  # what happens between an earlier GET on the connection and the request


Call = tuple[str, How]


def _with_http_client(
    url: str,
    timeout: float = READ_TIMEOUT,
    *,
    method: str = "GET",
    body: bytes | None = None,
    between: Callable[[], object] | None = None,
) -> tuple[int, bytes]:
    host, _, port = url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        if between is not None:
            connection.request("GET", "/")
            connection.getresponse().read()
            between()
        connection.request(method, "/", body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _with_urllib3(
    url: str,
    timeout: float = READ_TIMEOUT,
    *,
    method: str = "GET",
    body: bytes | None = None,
    between: Callable[[], object] | None = None,
) -> tuple[int, bytes]:
    with urllib3.PoolManager(retries=False, timeout=timeout) as pool:
        if between is not None:
            pool.request("GET", url)
            between()
        answer = pool.request(method, url, body=body)
        return answer.status, answer.data


def _with_requests(
    url: str,
    timeout: float = READ_TIMEOUT,
    *,
    method: str = "GET",
    body: bytes | None = None,
    between: Callable[[], object] | None = None,
) -> tuple[int, bytes]:
    with requests.Session() as session:
        session.trust_env = False
        if between is not None:
            session.get(url, timeout=timeout)
            between()
        answer = session.request(method, url, data=body, timeout=timeout)
        return answer.status_code, answer.content


def _with_httpx(
    url: str,
    timeout: float = READ_TIMEOUT,
    *,
    method: str = "GET",
    body: bytes | None = None,
    between: Callable[[], object] | None = None,
) -> tuple[int, bytes]:
    with httpx.Client(trust_env=False, verify=False, timeout=timeout) as client:  # no certificates to load
        if between is not None:
            client.get(url)
            between()
        answer = client.request(method, url, content=body)
        return answer.status_code, answer.content


def _with_aiohttp(
    url: str,
    timeout: float = READ_TIMEOUT,
    *,
    method: str = "GET",
    body: bytes | None = None,
    between: Callable[[], object] | None = None,
) -> tuple[int, bytes]:
    async def run() -> tuple[int, bytes]:
        limit = aiohttp.ClientTimeout(total=3 * timeout, sock_read=timeout)
        async with aiohttp.ClientSession(timeout=limit) as session:
            if between is not None:
                async with session.get(url) as first:
                    await first.read()
                await asyncio.to_thread(between)
            data = None if body is None else io.BytesIO(body)
            async with session.request(method, url, data=data) as answer:
                return answer.status, await answer.read()

    return asyncio.run(run())


CLIENTS: dict[str, Callable[..., tuple[int, bytes]]] = {
    "http.client": _with_http_client,
    "urllib3": _with_urllib3,
    "requests": _with_requests,
    "httpx": _with_httpx,
    "aiohttp": _with_aiohttp,
}


def _on_a_fresh_connection(arrange: Callable[[Route], object], server: EpollServer) -> Call:
    arrange(server.get("/"))
    return server.url, {}


def _on_a_used_connection(fault: Fault, method: str, server: EpollServer) -> Call:
    route = server.route(path="/")
    route.respond(content=BODY, fault=fault, times=1).respond(content=BODY)
    if isinstance(fault, faults.CloseIdle):
        return server.url, {"method": method, "between": lambda: server.connections[0].wait_event("fin-sent")}
    return server.url, {"method": method, "between": lambda: None}


def _with_an_upload(fault: Fault, server: EpollServer) -> Call:
    server.post("/").respond(413, fault=fault)
    is_stuck = fault == faults.RespondEarly("hold")
    timeout = READ_TIMEOUT if is_stuck else 10 * READ_TIMEOUT
    return server.url, {"method": "POST", "body": UPLOAD, "timeout": timeout}


FRESH = {name: partial(_on_a_fresh_connection, arrange) for name, arrange in SCENARIOS.items()}
USED = {
    f"{event}, {method}": partial(_on_a_used_connection, fault, method)
    for event, fault in (
        ("FIN while it was idle", faults.CloseIdle()),
        ("FIN in answer to the next request", faults.CloseOnReuse()),
        ("RST at the first byte of the next request", faults.CloseOnReuse("rst")),
    )
    for method in ("GET", "POST")
}
UPLOADS = {
    "and read on": partial(_with_an_upload, faults.RespondEarly()),
    "FIN, and read on": partial(_with_an_upload, faults.RespondEarly("linger")),
    "and closed": partial(_with_an_upload, faults.RespondEarly("close")),
    "and nothing read": partial(_with_an_upload, faults.RespondEarly("hold")),
}


def observe(arrange: Callable[[EpollServer], Call], report: Callable[..., tuple[int, bytes]]) -> str:
    """Return what a client reports, in Markdown."""
    with EpollServer(strict=False) as server:
        url, how = arrange(server)
        try:
            status, body = report(url, **how)
            told = f"**{status}, {len(body)} bytes**"
        except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
            told = type(error).__name__
        again = len(server.connections) - 1
    return told + (f", asked {again + 1} times" if again else "")


def table(what: str, scenarios: Mapping[str, Callable[[EpollServer], Call]]) -> str:
    """Return a table."""
    lines = [f"| {what} | {' | '.join(CLIENTS)} |", f"|---|{'---|' * len(CLIENTS)}"]
    for name, arrange in scenarios.items():
        cells = []
        for report in CLIENTS.values():
            seen: dict[str, None] = dict.fromkeys(observe(arrange, report) for _ in range(TIMES))
            cells.append(" *or* ".join(sorted(seen)))
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    libraries = [f"{name} {version(name)}" for name in ("urllib3", "requests", "httpx", "aiohttp")]
    versions = ", ".join([f"Python {platform.python_version()}", *libraries])
    PAGE.write_text(f"""# What clients report

The same event on the wire, and what Python's HTTP clients make of it: an exception, or **a response** with its status
and the number of body bytes. The reply is 200 with a body of {len(BODY)} bytes, the read timeout {READ_TIMEOUT} s,
the connection fresh. "asked 2 times" means that the client silently connected again and repeated the request.

Made by `scripts/what_clients_report.py` from {TIMES} real calls a cell, with
{versions}.
Nothing here is a promise of those clients: run the script after an update.

{table("wire event", FRESH)}

On a connection that the client has used before. "asked 2 times" means here that it noticed and took another connection,
or repeated the request on one:

{table("wire event", USED)}

An upload of {len(UPLOAD) // 2**20} MiB that is answered 413 as soon as its head has come:

{table("answered early", UPLOADS)}

What to take from it:

- A response in bold where the body was cut off is data loss that no exception tells of: check the length yourself, or
  use a client that does.
- The same event has another name in each client, so a retry rule that is written for one of them misses in another.
- What a client makes of bytes that it did not expect may depend on what it has read together with them. aiohttp reports
  a malformed chunk that comes with the head, and waits for one behind it until its timeout for the whole call, which is
  what its `TimeoutError` says here.
- A client that looks at its pooled connections survives an idle timeout; none survives a goodbye behind that look, but
  by asking again. aiohttp does that by itself for what is idempotent, the others only if they are told to.
- An early answer is lost to `http.client`, and now and then to aiohttp, if the server closes behind it.
- "read timed out" never fires while bytes keep coming, however slowly: only a timeout for the whole call ends that.
""")


if __name__ == "__main__":
    main()
