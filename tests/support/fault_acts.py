"""Faults as functions of acts: what a plan makes of a reply, without a socket."""

from __future__ import annotations

from pytest_epoll._core.acts import Fired, Send
from pytest_epoll.faults._beforehand import answer


def through(plan, acts):
    """Return what these faults make of acts, from left to right."""
    stream = iter(acts)
    for fault in plan:
        stream = fault.through(stream)
    return list(stream)


def pieces(acts):
    """Return the bytes of each send."""
    return [act.image.joined() for act in acts if isinstance(act, Send)]


def sent(acts):
    """Return all bytes that are sent."""
    return b"".join(pieces(acts))


def fired(acts):
    """Return the faults that have fired, in order."""
    return [act.fault for act in acts if isinstance(act, Fired)]


def on_reply(response, *plan):
    """Return (bytes, faults that fired): what a plan makes of a response to a plain GET."""
    acts = through(plan, answer(response))
    return sent(acts), fired(acts)
