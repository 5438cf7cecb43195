"""How the plugin serves and judges: what `plugin.py` calls once there is a server, by a fixture or by hand.

Facts
- pytest makes the report of a phase after the hook of that phase has returned or raised; what is raised by a wrapper of
  `pytest_runtest_call` is the test's failure (F), what is raised by a fixture's teardown an error beside it (E).
- `unittest` keeps failures and skips to itself and hands them over only when the report is made.
- A test's item lives as long as the run, and what is in its stash lives as long as the item.

What we do. Each test has a docket in its item's stash. The fixtures' servers are judged when the test has returned;
unmatched requests and handler errors that come after that, in the teardown of other fixtures, when ours ends. The
docket goes with the report of the teardown: the records of ten thousand tests must not add up.
"""

from __future__ import annotations

import socket
import warnings
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pluggy
import pytest

from pytest_epoll._core import clock
from pytest_epoll._core.location import is_ours
from pytest_epoll._reporting import chance_text, client_text, findings_text, timeline_text, wire_note
from pytest_epoll._serving import phases
from pytest_epoll._serving.registry import forget_stopped_servers, is_running, known_servers, latest
from pytest_epoll.errors import (
    EpollFindings,
    HandlerStillRunning,
    InternalError,
    UsageError,
    UsageTypeError,
    WaitTimeout,
)
from pytest_epoll.server import EpollServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_epoll._core.finding import Finding
    from pytest_epoll._core.timeline import Fact
    from pytest_epoll._serving.hooks import Hooks

_PLUGGY = str(Path(pluggy.__file__).parent) + "/"

_LATE_KINDS = frozenset(("unmatched", "handler-error"))
"""What still fails a test when it happens after the verdict; unused routes are judged once."""

_OUTCOMES = (pytest.skip.Exception, pytest.exit.Exception, KeyboardInterrupt)
"""What ends a test without being its failure: then nothing is judged, now and later."""

_OF_CONNECTIONS = (ConnectionError, TimeoutError, socket.timeout, socket.gaierror)
"""What a client's exception is made of when it has not reached anybody; until Python 3.10 socket.timeout is another."""

_AT_THE_CALL = (UsageError, pytest.fail.Exception)
"""What is to be shown at the call that the test made, without our frames behind it."""


class Docket:
    """What is known of one test: its servers, what was found, what is to be shown."""

    def __init__(self) -> None:
        self.servers: list[EpollServer] = []
        self.is_judged = False
        self.is_broken = False  # a defect of ours has been reported; once is enough
        self.judged: dict[EpollServer, list[Finding]] = {}
        self.sections: list[tuple[str, str]] = []
        self.begun_ns = 0  # what happened before is no business of this test's


_docket = pytest.StashKey[Docket]()


def begin(item: pytest.Item) -> None:
    """Note when this test, or this run of it, begins: what the servers that are there have seen is recorded by then."""
    forget_stopped_servers()
    docket = item.stash[_docket] = Docket()
    for server in known_servers():
        server._barrier.settle_if_possible()  # noqa: SLF001 - as in `forget`
        server._journal.cleared = []  # noqa: SLF001
    docket.begun_ns = clock.now_ns()


def forget(item: pytest.Item) -> None:
    """Let go of the servers of a test that is over, and release the files of their large records at once."""
    for server in item.stash.setdefault(_docket, Docket()).servers:
        server._journal.release_files()  # noqa: SLF001 - nobody else may: a record outlives its server
    del item.stash[_docket]


def serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., EpollServer]]:
    """Yield the function that makes servers; stop them and judge what came after the verdict."""
    __tracebackhide__ = True
    docket = _docket_of(request.node)
    defaults = _keywords(request)
    hook = request.node.ihook  # of the conftests above this test, and of plugins
    with ExitStack() as stack:

        def make(**keywords: object) -> EpollServer:
            server = EpollServer(**{**defaults, **keywords})  # type: ignore[arg-type]  # it checks what it is given
            server._hooks = _implemented(hook, server)  # noqa: SLF001 - not before the start, and by nobody else
            _configure(hook, server)
            docket.servers.append(_start(server))
            stack.callback(hook.pytest_epoll_stopped, server=server)
            stack.callback(_stop, docket, server)
            return server

        yield make
    late = _late(docket) if docket.is_judged else {}
    if late:
        raise _as_error(docket, late, when="after the test had ended: ")


def after_success(item: pytest.Item) -> None:
    """Fail a test that has passed but left something unmet."""
    __tracebackhide__ = True
    docket = item.stash.get(_docket, None)
    if docket is None:
        return
    kept = getattr(item, "_excinfo", None)  # where unittest.TestCase keeps its failures and skips
    if kept:
        after_failure(item, kept[-1].value)
        return
    found = _judge(docket)
    if found:
        raise _as_error(docket, found)


def after_failure(item: pytest.Item, error: BaseException) -> None:
    """Put the wire's side beside a test's failure; a skip is none."""
    if isinstance(error, _OUTCOMES):
        return
    docket = _docket_of(item)
    try:
        found = _judge(docket)
    except (InternalError, WaitTimeout) as failure:  # a defect of ours, or a predicate that blocks the server's thread
        docket.sections.append(("epoll findings", f"could not be told: {failure}"))
    else:
        if found:
            docket.sections.append(("epoll findings", str(_as_error(docket, found))))
    notes = [] if isinstance(error, AssertionError) else _wire_notes(docket, error)
    add_note = getattr(error, "add_note", None)  # from Python 3.11 on
    if add_note is not None:
        for note in notes:
            add_note(note)
    elif notes:
        docket.sections.append(("epoll wire", "\n".join(notes)))


def hide_our_frames(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Let the traceback end at the call that the test made, if that was a mistake or was ended from outside.

    From outside is, for instance, a wait in which pytest-timeout calls `pytest.fail()`. What is behind the call is our
    business. pytest asks each frame, its locals and then its globals, whether it is to be hidden.
    """
    if isinstance(excinfo.value, _AT_THE_CALL):
        for entry in excinfo.traceback:
            if is_ours(str(entry.path)):
                entry.frame.f_globals.setdefault("__tracebackhide__", _is_at_the_call)


def _is_at_the_call(excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
    return isinstance(excinfo.value, _AT_THE_CALL)


def tidy(report: pytest.TestReport, excinfo: pytest.ExceptionInfo[BaseException] | None) -> None:
    """Mark every line of our verdict, or of a mistake in a marker, as the error; that it is hidden is of no interest.

    pytest marks only the first line of a traceback without entries, and adds a line about `--full-trace`.
    """
    traceback = getattr(report.longrepr, "reprtraceback", None)
    if traceback is None or excinfo is None or not isinstance(excinfo.value, (EpollFindings, UsageError)):
        return
    if traceback.extraline is not None and traceback.extraline.startswith("All traceback entries are hidden"):
        traceback.extraline = None
        for entry in traceback.reprentries:
            entry.lines[:] = ["E" + line[1:] if line.startswith("    ") else line for line in entry.lines]


def add_sections(item: pytest.Item, report: pytest.TestReport) -> None:
    """Append findings and timelines to the report of a failing test."""
    docket = _docket_of(item)
    sections, docket.sections = docket.sections, []
    mode = item.config.getoption("--epoll-trace")
    limit = 0 if mode == "full" else int(item.config.getini("epoll_trace_lines"))
    for server, facts in _traffic(docket) if mode != "off" else ():
        lines = server.render(facts).splitlines()
        item.ihook.pytest_epoll_report(server=server, lines=lines)
        title = timeline_text.title(facts)
        shown = timeline_text.shorten(lines, limit) + [f"client: {line}" for line in client_text.describe(facts)]
        chance = server._router.chance  # noqa: SLF001 - as it is not the test's business
        is_default = chance.seed == item.config.getoption("--epoll-seed")
        shown += chance_text.describe(chance.tallies.values(), chance.seed, is_default=is_default)
        if _is_coloured(item.config):
            shown = timeline_text.coloured(shown)
        sections.append((f"epoll wire timeline ({title})", "\n".join(shown)))
    report.sections.extend(sections)


def _is_coloured(config: pytest.Config) -> bool:
    """Whether the report goes to a terminal that shows colours; a worker of xdist has none."""
    return config.pluginmanager.has_plugin("terminalreporter") and config.get_terminal_writer().hasmarkup


def _docket_of(item: pytest.Item) -> Docket:
    return item.stash.setdefault(_docket, Docket())


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
        if marker.args:
            message = f"@pytest.mark.epoll_server takes keywords of EpollServer, not {marker.args[0]!r} by position"
            raise UsageTypeError(message)
        keywords.update(marker.kwargs)
    return keywords


def _configure(hook: pluggy.HookRelay, server: EpollServer) -> None:
    """Let hooks configure a server; what they register is no test's own, also if one asked for it in its body."""
    was_in_body = phases.in_test_body()
    phases.end_body()
    try:
        hook.pytest_epoll_configure(server=server)
    finally:
        if was_in_body:
            phases.begin_body()


def _start(server: EpollServer) -> EpollServer:
    """Start a server; where pytest-socket keeps every socket from being made, say how to let ours through."""
    __tracebackhide__ = True
    try:
        return server.start()
    except RuntimeError as error:
        if type(error).__module__ != "pytest_socket":
            raise
        message = (
            "pytest-socket forbids every socket, the server's too.\n"
            "  Use --allow-hosts=127.0.0.1 in place of --disable-socket, or mark the test: @pytest.mark.enable_socket."
        )
        raise UsageError(message) from None


def _implemented(hook: pluggy.HookRelay, server: EpollServer) -> Hooks:
    """Return as plain callables what somebody implements of the hooks that a request can meet."""
    hooks = server._hooks  # noqa: SLF001 - what `serve` is about to replace
    if hook.pytest_epoll_unmatched.get_hookimpls():
        ask = _without_pluggy(hook.pytest_epoll_unmatched)
        hooks = replace(hooks, unmatched=lambda request: ask(server=server, request=request))
    if hook.pytest_epoll_request.get_hookimpls():
        tell = _without_pluggy(hook.pytest_epoll_request)
        hooks = replace(hooks, request=lambda request: tell(server=server, request=request))
    if hook.pytest_epoll_fault_fired.get_hookimpls():
        connection = server._desk.connection  # noqa: SLF001 - by its index on record, not by its place in a snapshot
        note = _without_pluggy(hook.pytest_epoll_fault_fired)
        hooks = replace(
            hooks, fault_fired=lambda fault, index: note(server=server, fault=fault, connection=connection(index))
        )
    return hooks


def _without_pluggy(hook: pluggy.HookCaller) -> Callable[..., object]:
    """Return a call of a hook; the traceback of what it raises begins where the hook does."""

    def call(**arguments: object) -> object:
        try:
            return hook(**arguments)
        except BaseException as error:  # noqa: BLE001 - it is raised again
            begin = error.__traceback__
            while begin is not None and _is_in_between(begin.tb_frame.f_code.co_filename):
                begin = begin.tb_next
            raise error.with_traceback(begin) from error.__cause__

    return call


def _is_in_between(path: str) -> bool:
    return is_ours(path) or path.startswith(_PLUGGY)


def _stop(docket: Docket, server: EpollServer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HandlerStillRunning)  # it is a finding here
        try:
            server.stop()
        except InternalError:
            if not docket.is_broken:
                raise


def _judge(docket: Docket) -> dict[EpollServer, list[Finding]]:
    docket.is_judged = True
    try:
        docket.judged = _findings(docket)
    except InternalError:
        docket.is_broken = True
        raise
    return docket.judged


def _findings(docket: Docket) -> dict[EpollServer, list[Finding]]:
    """Return the servers with findings, and these."""
    return {server: found for server in docket.servers if (found := server.findings())}


def _late(docket: Docket) -> dict[EpollServer, list[Finding]]:
    """Return what was found only after the verdict."""
    late = {}
    for server, found in _findings(docket).items():
        judged = docket.judged.get(server, ())
        rest = [finding for finding in found if finding.kind in _LATE_KINDS and finding not in judged]
        if rest:
            late[server] = rest
    return late


def _as_error(docket: Docket, found: dict[EpollServer, list[Finding]], *, when: str = "") -> EpollFindings:
    """Return the findings as an exception that names the server of each, if there are several."""
    texts = [
        (f"{server.url}: " if len(docket.servers) > 1 else "") + when + findings_text.describe(findings)
        for server, findings in found.items()
    ]
    return EpollFindings([finding for findings in found.values() for finding in findings], "\n\n".join(texts))


def _traffic(docket: Docket) -> list[tuple[EpollServer, list[Fact]]]:
    """Return the servers that saw traffic in this test, whoever made them, with what they saw."""
    found = []
    for server in dict.fromkeys((*docket.servers, *known_servers())):
        facts = _since(docket.begun_ns, server.facts())
        # A test that clears its server behind itself, whatever happened, still wants to know what did.
        new = facts or _since(docket.begun_ns, server._journal.cleared)  # noqa: SLF001 - as in `forget`
        if new:
            found.append((server, new))
    # A test of all of them, or of one after the other, as Hypothesis has an example after another.
    if len(found) > _SEVERAL:
        kept = {*docket.servers, *latest(server for server, _ in found)}
        found = [(server, facts) for server, facts in found if server in kept]
    return found


_SEVERAL = 4
"""Servers that a failing test shows in any case."""


def _since(begun_ns: int, facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact[0] >= begun_ns]


def _wire_notes(docket: Docket, error: BaseException) -> list[str]:
    """Return the wire's side of a client's exception, of each server that has one."""
    traffic = dict(_traffic(docket))
    notes = [
        wire_note.note(facts, url=server.url, is_running=_is_there(docket, server)) for server, facts in traffic.items()
    ]
    found = [note for note in notes if note]
    if found or not _is_of_a_connection(error):
        return found
    unreached = [server for server in docket.servers if server not in traffic]
    return [wire_note.note([], url=server.url, is_running=_is_there(docket, server)) for server in unreached]


def _is_there(docket: Docket, server: EpollServer) -> bool:
    """Whether a server could be reached when the test failed; one made by hand has stopped since, by its own `with`."""
    return server not in docket.servers or is_running(server)


def _is_of_a_connection(error: BaseException | None) -> bool:
    """Whether an exception, or one that it was made of, is about a connection: then a server may have been missed."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, _OF_CONNECTIONS):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False
