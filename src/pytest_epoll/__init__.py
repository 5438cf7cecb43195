"""A real HTTP server for tests that records everything and misbehaves on purpose.

Where to start reading: `server` is what a test holds, `route` what it registers, `faults` how it misbehaves, `steps`
what a connection meets that no route is asked for; `sweeps` runs a client through every cut of an answer. Below them,
floor by floor: `_serving` (routes, exchanges, sessions, the record; `_serving/scripts` what is scripted), `_eventloop`
(sockets and time), `_wire` (HTTP/1.1 as bytes), `_core` (plain values). `_reporting` turns the record into what people
read; `plugin` hangs it all into pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_epoll import errors, faults, match, steps, sweeps, types
    from pytest_epoll._client_view import ClientView
    from pytest_epoll._core.finding import Finding
    from pytest_epoll._core.headers import Headers
    from pytest_epoll._core.response import Response
    from pytest_epoll._listening import Listener
    from pytest_epoll._serving.connection import Connection
    from pytest_epoll._serving.gate import Gate
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.views import Event, Mark
    from pytest_epoll.route import Route
    from pytest_epoll.server import EpollServer

__all__ = (
    "ClientView",
    "Connection",
    "EpollServer",
    "Event",
    "Finding",
    "Gate",
    "Headers",
    "Listener",
    "Mark",
    "Request",
    "Response",
    "Route",
    "errors",
    "faults",
    "match",
    "steps",
    "sweeps",
    "types",
)

_HOMES = {
    "ClientView": "_client_view",
    "Connection": "_serving.connection",
    "EpollServer": "server",
    "Event": "_serving.views",
    "Finding": "_core.finding",
    "Gate": "_serving.gate",
    "Headers": "_core.headers",
    "Listener": "_listening",
    "Mark": "_serving.views",
    "Request": "_serving.request",
    "Response": "_core.response",
    "Route": "route",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for (PEP 562): a run that uses none of them loads nothing."""
    if name in _HOMES:
        found = globals()[name] = getattr(import_module(f"pytest_epoll.{_HOMES[name]}"), name)  # not asked for again
        return found
    if name in {"errors", "faults", "match", "steps", "sweeps", "types"}:
        return import_module(f"pytest_epoll.{name}")
    message = f"module 'pytest_epoll' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted((*globals(), *__all__))
