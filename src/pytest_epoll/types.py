"""For annotations: what the calls of the public classes take and return, and nobody makes.

What most tests name (`Request`, `Connection`, `Route`) is in `pytest_epoll` itself.
"""

from __future__ import annotations

from pytest_epoll._core.headers import Values
from pytest_epoll._received import ServerAio
from pytest_epoll._serving.connection import ConnectionAio
from pytest_epoll._serving.criteria import Criteria
from pytest_epoll._serving.gate import GateAio
from pytest_epoll._serving.multipart import Part, Parts
from pytest_epoll._serving.paths import Path
from pytest_epoll._serving.request import RequestAio
from pytest_epoll._serving.requests import Requests
from pytest_epoll._serving.views import Timeline
from pytest_epoll.route import RouteAio

__all__ = (
    "ConnectionAio",
    "Criteria",
    "GateAio",
    "Part",
    "Parts",
    "Path",
    "RequestAio",
    "Requests",
    "RouteAio",
    "ServerAio",
    "Timeline",
    "Values",
)
