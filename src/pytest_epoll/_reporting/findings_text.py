"""What was left unmet, in words: the findings of a server as the text of one exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core.showing import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_epoll._core.finding import Finding

_ALIKE_NAMED = 3
"""Findings that are named beside one that is the same."""


def describe(found: Sequence[Finding]) -> str:
    """Return the text of an `EpollFindings`; of requests that differ only in their names one is shown in full."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for finding in found:
        first, _, details = finding.text.rstrip().partition("\n")
        is_of_request = finding.connection is not None and bool(details)
        alike.setdefault((finding.kind, "" if is_of_request else first, details), []).append(first)
    parts = [count(len(found), "finding")]
    for (kind, _, details), firsts in alike.items():
        lines = [f"{kind}: {firsts[0]}"]
        if len(firsts) > 1:
            left = len(firsts) - 1 - _ALIKE_NAMED
            names = ", ".join(firsts[1 : 1 + _ALIKE_NAMED])
            lines.append(f"  and the same of {names}" + (f" and {left} more" if left > 0 else ""))
        parts.append("\n".join([*lines, details] if details else lines))
    return "\n\n".join(parts)
