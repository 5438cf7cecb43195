"""The pytest plugin: fixtures and hooks, each a few lines; the server is loaded only when a test asks for one.

The verdict falls in the *call* phase (F, not E): every server that our fixtures made is in the item's stash, and the
wrapper of `pytest_runtest_call` judges them when the test has returned. What comes later, in the teardown of other
fixtures, is judged when our own fixture ends. How, is in `_judgement`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_epoll._serving import phases

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import ModuleType

    from pytest_epoll.server import EpollServer

__all__ = ("epoll_server", "epoll_server_factory")


@pytest.fixture
def epoll_server(epoll_server_factory: Callable[..., EpollServer]) -> EpollServer:
    """A running `EpollServer`, fresh for every test; what the test leaves unmet fails it."""
    return epoll_server_factory()


@pytest.fixture
def epoll_server_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., EpollServer]]:
    """A function that takes `EpollServer`'s keywords and returns a running one: for several peers in a test."""
    from pytest_epoll import _judgement  # noqa: PLC0415 - a run without the fixture must not load the server

    yield from _judgement.serve(request)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options of the command line and of the ini file."""
    group = parser.getgroup("epoll", "pytest-epoll: a misbehaving HTTP server")
    group.addoption(
        "--epoll-trace",
        choices=("auto", "full", "off"),
        default="auto",
        help="the wire timeline: of failing tests, shortened (auto), of failing tests whole (full), never (off)",
    )
    group.addoption("--epoll-seed", type=int, default=0, help="what servers start their random choices from")
    parser.addini(
        "epoll_strict", "kinds of findings that fail a test; 'all' (the default) or 'none' or a list", "args", ["all"]
    )
    parser.addini("epoll_poller", "epoll (the default), poll or select", "string", "epoll")
    parser.addini("epoll_edge_triggered", "use edge-triggered epoll", "bool", default=False)
    parser.addini("epoll_timeout", "seconds after which a wait expires", "string", "5.0")
    parser.addini("epoll_trace_lines", "lines of the timeline of a failing test, at the most", "string", "60")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "epoll_server(**keywords): what the fixtures' EpollServer is made with")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks of `hookspecs`."""
    from pytest_epoll import hookspecs  # noqa: PLC0415 - pytest asks for it here

    pluginmanager.add_hookspecs(hookspecs)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """What is registered from here on is a fixture's."""
    phases.begin_setup()
    if (judgement := _judgement_if_loaded()) is not None:
        judgement.begin(item)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge the servers when the test has returned."""
    __tracebackhide__ = True
    phases.begin_body()
    try:
        result = yield
    except BaseException as error:
        if (judgement := _judgement_if_loaded()) is not None:
            judgement.after_failure(item, error)
        raise
    finally:
        phases.begin_setup()
    if (judgement := _judgement_if_loaded()) is not None:
        judgement.after_success(item)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the timeline beside a failure."""
    report = yield
    if report.failed and (judgement := _judgement_if_loaded()) is not None:
        judgement.add_sections(item, report)
    return report


def _judgement_if_loaded() -> ModuleType | None:
    """Return the module that judges, if any server of ours was made in this process."""
    return sys.modules.get("pytest_epoll._judgement")
