"""How the plugin serves and judges: what `plugin.py` calls once a test has asked for a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_epoll._reporting import near_miss, timeline_text
from pytest_epoll.errors import EpollFindings
from pytest_epoll.server import EpollServer, running_servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_epoll._core.finding import Finding

_LATE_KINDS = frozenset(("unmatched", "handler-error"))
"""What still fails a test when it happens after the verdict; unused routes are judged once."""

_OUTCOMES = (pytest.skip.Exception, pytest.exit.Exception, KeyboardInterrupt)
"""What ends a test without being its failure."""


class Docket:
    """What is known of one test: its servers, what was found, what is to be shown."""

    def __init__(self) -> None:
        self.servers: list[EpollServer] = []
        self.is_judged = False
        self.judged: list[Finding] = []
        self.sections: list[tuple[str, str]] = []
        self.seen: dict[EpollServer, int] = {}  # facts of servers that were there before the test


_docket = pytest.StashKey[Docket]()


def begin(item: pytest.Item) -> None:
    """Note what the servers that are there already have seen before this test."""
    docket = _docket_of(item)
    docket.seen = {server: len(server.facts()) for server in running_servers()}


def serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., EpollServer]]:
    """Yield the function that makes servers; stop them and judge what came after the verdict."""
    __tracebackhide__ = True
    docket = _docket_of(request.node)
    defaults = _keywords(request)
    hook = request.config.hook

    def make(**keywords: object) -> EpollServer:
        server = EpollServer(**{**defaults, **keywords})  # type: ignore[arg-type]  # it checks what it is given
        hook.pytest_epoll_configure(server=server)
        server.start()
        docket.servers.append(server)
        return server

    yield make
    for server in docket.servers:
        server.stop()
        hook.pytest_epoll_stopped(server=server)
    if docket.is_judged:
        late = [
            finding for finding in _findings(docket) if finding.kind in _LATE_KINDS and finding not in docket.judged
        ]
        if late:
            raise EpollFindings(late, near_miss.describe_findings(late))


def after_success(item: pytest.Item) -> None:
    """Fail a test that has passed but left something unmet."""
    __tracebackhide__ = True
    docket = _docket_of(item)
    # unittest.TestCase keeps its failures and skips to itself until the report is made.
    kept = getattr(item, "_excinfo", None)
    if kept:
        after_failure(item, kept[-1].value)
        return
    found = _judge(docket)
    if found:
        raise EpollFindings(found, near_miss.describe_findings(found))


def after_failure(item: pytest.Item, error: BaseException) -> None:
    """Put the wire's side beside a test's failure; a skip is none."""
    docket = _docket_of(item)
    found = _judge(docket)
    if isinstance(error, _OUTCOMES):
        return
    if found:
        docket.sections.append(("epoll findings", near_miss.describe_findings(found)))
    notes = [] if isinstance(error, AssertionError) else [note for _, note in _wire_notes(docket) if note]
    add_note = getattr(error, "add_note", None)  # from Python 3.11 on
    if add_note is not None:
        for note in notes:
            add_note(note)
    elif notes:
        docket.sections.append(("epoll wire", "\n".join(notes)))


def add_sections(item: pytest.Item, report: pytest.TestReport) -> None:
    """Append findings and timelines to the report of a failing test."""
    docket = _docket_of(item)
    sections, docket.sections = docket.sections, []
    mode = item.config.getoption("--epoll-trace")
    limit = 0 if mode == "full" else int(item.config.getini("epoll_trace_lines"))
    for server, facts in _traffic(docket) if mode != "off" else ():
        lines = server.render(facts).splitlines()
        item.config.hook.pytest_epoll_report(server=server, lines=lines)
        title = timeline_text.title(facts)
        sections.append((f"epoll wire timeline ({title})", "\n".join(timeline_text.shorten(lines, limit))))
    report.sections.extend(section for section in sections if section not in report.sections)


def _docket_of(item: pytest.Item) -> Docket:
    docket = item.stash.get(_docket, None)
    if docket is None:
        docket = item.stash[_docket] = Docket()
    return docket


def _keywords(request: pytest.FixtureRequest) -> dict[str, object]:
    """Return what servers are made with: ini, command line, then the markers from module to function."""
    config = request.config
    strict = config.getini("epoll_strict")
    keywords: dict[str, object] = {
        "poller": config.getini("epoll_poller"),
        "edge_triggered": config.getini("epoll_edge_triggered"),
        "strict": {"all": True, "none": False}.get(strict[0] if len(strict) == 1 else "", strict),
        "seed": config.getoption("--epoll-seed"),
    }
    for marker in reversed(list(request.node.iter_markers("epoll_server"))):
        keywords.update(marker.kwargs)
    return keywords


def _judge(docket: Docket) -> list[Finding]:
    docket.is_judged = True
    docket.judged = _findings(docket)
    return docket.judged


def _findings(docket: Docket) -> list[Finding]:
    return [finding for server in docket.servers for finding in server.findings()]


def _traffic(docket: Docket) -> Iterator[tuple[EpollServer, list[tuple[object, ...]]]]:
    """Yield the servers that saw traffic in this test, whoever made them, with what they saw."""
    servers = dict.fromkeys((*docket.servers, *running_servers()))
    for server in servers:
        facts = server.facts()[docket.seen.get(server, 0) :]
        if facts:
            yield server, facts


def _wire_notes(docket: Docket) -> Iterator[tuple[EpollServer, str]]:
    for server, facts in _traffic(docket):
        yield server, timeline_text.note(facts)
