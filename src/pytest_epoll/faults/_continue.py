"""Faults that act where a client waits for `100 Continue`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, Outcome, SendContinue

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Act, Acts

UNASKED = "no client waited for 100 Continue: it did not ask, or had begun its body"


def without_continue(acts: Acts, fault: object, instead: tuple[Act, ...] = ()) -> Acts:
    """Withhold the 100; the fault fires if a client waits for it, and then `instead` is all that follows, if given."""
    for act in acts:
        if not isinstance(act, SendContinue):
            yield act
            continue
        outcome = act.outcome or Outcome()
        yield replace(act, is_withheld=True, outcome=outcome)
        if outcome.holds:
            yield Fired(fault)
            if instead:
                yield from instead
                return
