"""What scripts left unmet: never run, failed at a step, or left by the client before the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core.finding import Finding
from pytest_epoll._core.secrets import masked
from pytest_epoll._core.showing import count, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.scripts.book import Run, ScriptBook
    from pytest_epoll._serving.scripts.step import Step

_LINE = 120
"""Characters of a step that is shown."""

_BYTES = 60
"""Bytes that are shown of what had come."""


def script_findings(scripts: ScriptBook, journal: Journal) -> Iterator[Finding]:
    """Yield what is unmet, script by script."""
    for script in scripts.all():
        if script.is_optional:
            continue
        if not any(run.script is script for run in scripts.runs):
            came = count(journal.accepted, "connection")
            how = "" if script.title else "script(..., optional=True), or "
            text = f'{script.name}: never run\n  {came} came\n  not required? {how}server.allow("unused")'
            yield Finding("unused", text)
    for run in scripts.runs:
        unmet = run.unmet()
        if unmet is not None and not (run.script.is_optional and (run.failure is None or run.has_lost_client)):
            yield _unfinished(run, *unmet)


def _unfinished(run: Run, where: str, step: Step) -> Finding:
    code = shortened(printable(step.code), _LINE)
    if run.failure is not None:
        first = f"c{run.record.index} {run.script.name}, {where}: {code}: {run.failure}"
    elif run.step is step:
        first = f"c{run.record.index} {run.script.name}, {where}: {code}: it is still waiting"
    else:
        first = f"c{run.record.index} {run.script.name}, {where}: {code}: it never came"
    lines = [first, *_how_far(run, step), *_what_came(run)]
    lines.append('  not required? script(..., optional=True), or server.allow("script")')
    return Finding("script", "\n".join(lines), run.record.index)


def _how_far(run: Run, step: Step) -> Iterator[str]:
    if run.step is not None and run.step is not step:
        yield f"  the script stands at {run.where}: {shortened(printable(run.step.code), _LINE)}"


def _what_came(run: Run) -> Iterator[str]:
    transcript = run.record.transcript
    assert transcript is not None  # every scripted connection has one
    received, sent = transcript.received, transcript.sent.size
    if not received.size:
        yield f"  nothing had come, {count(sent, 'byte')} sent"
        return
    begin = received.parts()[0]
    shown = printable(masked(begin[:_BYTES].decode("latin-1"))) + ("..." if received.size > _BYTES else "")
    yield f"  {count(received.size, 'byte')} had come: {shown}; {count(sent, 'byte')} sent"
