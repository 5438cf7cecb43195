"""The pytest plugin: fixtures and hooks, each a few lines; the server is loaded only when a test asks for one.

The verdict falls in the *call* phase (F, not E): every server that our fixtures made is in the item's stash, and the
wrapper of `pytest_runtest_call` judges them when the test has returned. What comes later, in the teardown of other
fixtures, is judged when our own fixture ends. How, is in `_judgement`, which is loaded once a server is there.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_epoll._serving import phases, settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Iterator
    from types import ModuleType

    import httpx

    from pytest_epoll.server import EpollServer

__all__ = ("epoll_async_client", "epoll_client", "epoll_server", "epoll_server_factory")


@pytest.fixture
def epoll_server(epoll_server_factory: Callable[..., EpollServer]) -> EpollServer:
    """A running `EpollServer`, fresh for every test; what the test leaves unmet fails it."""
    return epoll_server_factory()


@pytest.fixture
def epoll_server_factory(request: pytest.FixtureRequest) -> Iterator[Callable[..., EpollServer]]:
    """A function that takes `EpollServer`'s keywords and returns a running one: for several peers in a test."""
    __tracebackhide__ = True
    from pytest_epoll import _judgement  # noqa: PLC0415 - a run without the fixture must not load the server

    yield from _judgement.serve(request)


@pytest.fixture
def epoll_client(epoll_server: EpollServer) -> Iterator[httpx.Client]:
    """An `httpx.Client` whose base url is `epoll_server`'s; it asks no proxy and knows no certificate."""
    import httpx  # noqa: PLC0415 - 60 ms, and only those who use the fixture pay them

    with httpx.Client(base_url=epoll_server.url, trust_env=False, verify=_trust_nobody()) as client:
        yield client


@pytest.fixture
def epoll_async_client(epoll_server: EpollServer) -> httpx.AsyncClient:
    """An `httpx.AsyncClient` like `epoll_client`, not entered yet: `async with epoll_async_client as client:`."""
    import httpx  # noqa: PLC0415 - as above

    return httpx.AsyncClient(base_url=epoll_server.url, trust_env=False, verify=_trust_nobody())


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
    """Declare the marker, and set what the ini file says about every wait."""
    config.addinivalue_line("markers", "epoll_server(**keywords): what the fixtures' EpollServer is made with")
    _number(config, "epoll_trace_lines", int)
    earlier = settings.wait_seconds
    config.add_cleanup(lambda: setattr(settings, "wait_seconds", earlier))  # a run inside of a run, as with pytester
    settings.wait_seconds = _number(config, "epoll_timeout", float)
    _words(config, "epoll_poller", ("epoll", "poll", "select"))
    if config.getini("epoll_strict") not in (["all"], ["none"]):
        from pytest_epoll._core.finding import KINDS  # noqa: PLC0415 - a list of kinds is rare

        _words(config, "epoll_strict", KINDS, or_else="'all', 'none' or a list of ")


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks of `hookspecs`."""
    from pytest_epoll import hookspecs  # noqa: PLC0415 - pytest asks for it here

    pluginmanager.add_hookspecs(hookspecs)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what a run was seeded with, if that was asked for."""
    seed = config.getoption("--epoll-seed")
    return f"epoll: --epoll-seed={seed}" if seed else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    """What is registered from here on is a fixture's."""
    phases.begin_setup()
    if (judgement := _judgement_if_needed()) is not None:
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
        if (judgement := _judgement_if_needed()) is not None:
            judgement.after_failure(item, error)
        raise
    finally:
        phases.end_body()
    if (judgement := _judgement_if_needed()) is not None:
        judgement.after_success(item)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the timeline beside a failure, and forget the servers of a test that is over."""
    if call.excinfo is not None and (judgement := _judgement_if_needed()) is not None:
        judgement.hide_our_frames(call.excinfo)
    report = yield
    if (judgement := _judgement_if_needed()) is not None:
        if report.failed:
            judgement.tidy(report, call.excinfo)
            judgement.add_sections(item, report)
        if report.when == "teardown":
            judgement.forget(item)
    return report


@pytest.hookimpl(tryfirst=True)  # pytest takes the first explanation, and has one of its own for mappings
def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Explain a failing comparison of headers, queries, forms or lists of requests."""
    if "pytest_epoll._core.headers" not in sys.modules:
        return None
    from pytest_epoll._reporting.assertrepr import explain_compare  # noqa: PLC0415 - only for a failing comparison

    return explain_compare(op, left, right)


def _judgement_if_needed() -> ModuleType | None:
    """Return the module that judges, if a server was loaded in this process at all, by a fixture or by hand."""
    if "pytest_epoll.server" not in sys.modules:
        return None
    from pytest_epoll import _judgement  # noqa: PLC0415 - see above

    return _judgement


def _trust_nobody() -> ssl.SSLContext:
    """Return an SSL context without authorities: loading them costs 34 ms, and the server speaks plain HTTP."""
    import ssl  # noqa: PLC0415 - 10 ms, and only those who use a client fixture pay them

    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _words(config: pytest.Config, name: str, known: tuple[str, ...], *, or_else: str = "") -> None:
    """End the run with a message that names an ini option of which a word is not known."""
    given = config.getini(name)
    unknown = [word for word in ([given] if isinstance(given, str) else given) if word not in known]
    if unknown:
        message = f"{name} = {unknown[0]!r}: this ini option takes {or_else}{', '.join(map(repr, known))}"
        raise pytest.UsageError(message)


def _number(config: pytest.Config, name: str, kind: Callable[[str], float]) -> float:
    """Return the number that an ini option is, or end the run with a message that names it."""
    text = config.getini(name)
    try:
        value = kind(text)
    except ValueError:
        value = -1
    if not 0 <= value < math.inf:
        message = (
            f"{name} = {text!r}: this ini option takes {'a whole number' if kind is int else 'seconds'}, from 0 on"
        )
        raise pytest.UsageError(message)
    return value
