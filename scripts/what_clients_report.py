"""Write docs/reference/what-clients-report.md: what Python's HTTP clients make of the same wire event.

Each cell is the result of three real calls on fresh connections; one that differs between them is marked. Run it again
after an update of a client: `python scripts/what_clients_report.py`.
"""

from __future__ import annotations

import asyncio
import http.client
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import httpx
import requests
import urllib3

from pytest_epoll import EpollServer, faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll import Route

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "what-clients-report.md"
TIMES = 3
READ_TIMEOUT = 0.5
BODY = b"x" * 96

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
    "bytes behind a complete body": lambda r: r.respond(
        raw=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokSURPLUS", fault=faults.HangUp("end")
    ),
    "a status line that is none": lambda r: r.respond(raw=b"HELLO\r\n\r\n", fault=faults.HangUp("end")),
}


def _with_http_client(url: str) -> tuple[int, bytes]:
    host, _, port = url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=READ_TIMEOUT)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _with_urllib3(url: str) -> tuple[int, bytes]:
    with urllib3.PoolManager(retries=False, timeout=READ_TIMEOUT) as pool:
        answer = pool.request("GET", url)
        return answer.status, answer.data


def _with_requests(url: str) -> tuple[int, bytes]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, timeout=READ_TIMEOUT)
        return answer.status_code, answer.content


def _with_httpx(url: str) -> tuple[int, bytes]:
    with httpx.Client(trust_env=False, timeout=READ_TIMEOUT) as client:
        answer = client.get(url)
        return answer.status_code, answer.content


def _with_aiohttp(url: str) -> tuple[int, bytes]:
    async def call() -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(sock_read=READ_TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status, await answer.read()

    return asyncio.run(call())


CLIENTS: dict[str, Callable[[str], tuple[int, bytes]]] = {
    "http.client": _with_http_client,
    "urllib3": _with_urllib3,
    "requests": _with_requests,
    "httpx": _with_httpx,
    "aiohttp": _with_aiohttp,
}


def observe(arrange: Callable[[Route], object], call: Callable[[str], tuple[int, bytes]]) -> str:
    """Return what a client reports, in Markdown."""
    with EpollServer(strict=False) as server:
        arrange(server.get("/"))
        try:
            status, body = call(server.url)
            told = f"**{status}, {len(body)} bytes**"
        except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
            told = type(error).__name__
        again = len(server.connections) - 1
    return told + (f", asked {again + 1} times" if again else "")


def table() -> str:
    """Return the table."""
    lines = [f"| wire event | {' | '.join(CLIENTS)} |", f"|---|{'---|' * len(CLIENTS)}"]
    for name, arrange in SCENARIOS.items():
        cells = []
        for call in CLIENTS.values():
            seen: dict[str, None] = dict.fromkeys(observe(arrange, call) for _ in range(TIMES))
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

{table()}

What to take from it:

- A response in bold where the body was cut off is data loss that no exception tells of: check the length yourself, or
  use a client that does.
- The same event has another name in each client, so a retry rule that is written for one of them misses in another.
- "read timed out" never fires while bytes keep coming, however slowly: only a timeout for the whole call ends that.
""")


if __name__ == "__main__":
    main()
