"""The steps of connection scripts: what `server.script()` takes, in the order in which a connection meets them.

For instance::

    server.script(
        steps.read_request(),
        steps.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 10\\r\\n\\r\\n12345"),
        steps.reset(),
        connection=0,
    )

A script says everything itself: no routing, no `100 Continue`, no 400 happens but by a step. It reads only as far as a
step asks, to the byte; what stands behind stays in the kernel's buffers for the next one. Scripts of several
connections run side by side, and none of them blocks another.

The client may leave at any time. Its FIN is what `read_to_eof()`, `expect_silence()`, `delay()`, `stall()` and
`routes()` can meet; it fails another step that reads. After its RST nothing can be sent or read: a script of which
anything else than goodbyes and marks is left then is a finding "script", with the step at which it stood.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pytest_epoll._core import acts
from pytest_epoll._core.checks import checked_choice, checked_delay, checked_flag, checked_text, checked_whole
from pytest_epoll._core.location import caller
from pytest_epoll._core.response import ABSENT, Response
from pytest_epoll._serving.gate import Gate
from pytest_epoll._serving.replies import acts_on_reading, as_reply, checked_how
from pytest_epoll._serving.scripts import doings
from pytest_epoll._serving.scripts.calling import checked_function
from pytest_epoll._serving.scripts.conn import Conn
from pytest_epoll._serving.scripts.inbox import Exactly, Until
from pytest_epoll._serving.scripts.play import Play
from pytest_epoll._serving.scripts.step import FAILS, LEFT, MET, SKIPPED, Step
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping

    from pytest_epoll._core.content import HeaderItems
    from pytest_epoll._core.response import Informational, StreamSource
    from pytest_epoll.faults import Fault

__all__ = (
    "Conn",
    "Step",
    "call",
    "close",
    "delay",
    "expect_silence",
    "half_close",
    "mark",
    "read_body",
    "read_exactly",
    "read_head",
    "read_request",
    "read_to_eof",
    "read_until",
    "repeat",
    "reset",
    "respond",
    "routes",
    "send",
    "stall",
    "wait",
    "wait_readable",
)


# -- reading --


def read_head() -> Step:
    """Read the next request's head, up to and including its blank line, and list the `Request` (RFC 9112 section 2.1).

    A malformed head is listed, too, with its `error`, and is no finding; the script goes on.

    It fails if the client's stream ends before, or if the body of the request before has not been read.
    """
    return Step("read_head()", Play.read_head)


def read_body() -> Step:
    """Read the newest request to its end, as its framing says (RFC 9112 section 6); also after `respond()`.

    It fails if the client's stream ends before, or if no request has been read.
    """
    return Step("read_body()", Play.read_body)


def read_request() -> Step:
    """Read one whole request, head and body, and list it; bytes behind it stay for the next step.

    It fails if the client's stream ends before.
    """
    return Step("read_request()", doings.read_request)


def read_exactly(n: int) -> Step:
    """Read `n` bytes, whatever they are; after `read_head()` they are the open request's body, as far as it goes.

    It fails if the client's stream ends before.

    Raises:
        UsageTypeError: no whole number.
        UsageError: a negative one.
    """
    checked_whole("n", n, least=0)
    return Step(f"read_exactly({n})", lambda play: play.read(Exactly(n)))


def read_until(mark: bytes) -> Step:
    """Read up to and including the next occurrence of these bytes, and not one byte further.

    It fails if the client's stream ends before.

    Raises:
        UsageTypeError: no bytes.
        UsageError: none at all.
    """
    wanted = _checked_bytes("read_until(mark)", mark)
    return Step(f"read_until({wanted!r})", lambda play: play.read(Until(wanted)))


def read_to_eof() -> Step:
    """Read all that comes until the client says goodbye, by FIN or by RST."""
    return Step("read_to_eof()", doings.read_to_eof, on_goodbye=MET)


def wait_readable() -> Step:
    """Wait until the client has sent a byte, and leave it unread.

    It fails if the client's stream ends before.
    """
    return Step("wait_readable()", doings.wait_readable)


def expect_silence(seconds: float, eof: str = "allowed") -> Step:
    """Wait for so long, in which the client must not send a byte; one that it does send stays unread.

    Its goodbye ends the wait at once. It fails on a byte, on a goodbye that is "forbidden", or if one that is
    "required" does not come in time.

    Args:
        seconds: how long; a lower bound, as every pause.
        eof: what the client's FIN or RST means: "allowed", "required" or "forbidden".

    Raises:
        UsageTypeError: an argument of a wrong type.
        UsageError: a negative number, or another word.
    """
    duration_ns = checked_delay("seconds", seconds)
    checked_choice("eof", eof, ("allowed", "required", "forbidden"))
    code = f"expect_silence({seconds!r})" if eof == "allowed" else f"expect_silence({seconds!r}, eof={eof!r})"
    return Step(
        code,
        partial(doings.expect_silence, duration_ns=duration_ns, eof=eof),
        on_goodbye=FAILS if eof == "forbidden" else MET,
        waits_for_time=True,
    )


# -- sending --


def send(*data: bytes, until_read: bool = False, delay: float = 0.0) -> Step:
    """Send bytes as they are, each item by one system call (send(2)).

    Args:
        *data: one or several items.
        until_read: wait between two items until the client has taken the one before, so that each is a `recv()` of its
            own; where that cannot be seen (another network namespace) it is a finding "inexact".
        delay: seconds to wait between two items, behind `until_read`.

    Raises:
        UsageTypeError: no bytes, or an argument of another wrong type.
        UsageError: nothing to send, or a delay that can't be.
    """
    items = tuple(_checked_bytes("send(data)", item) for item in data)
    if not items:
        message = "send() needs something to send; use stall() to stay silent"
        raise UsageError(message)
    checked_flag("until_read", until_read)
    delay_ns = checked_delay("delay", delay)
    arguments = [*map(_shown, items)]
    if until_read:
        arguments.append("until_read=True")
    if delay_ns:
        arguments.append(f"delay={delay!r}")
    do = partial(doings.send, items=items, until_read=until_read, delay_ns=delay_ns)
    return Step(f"send({', '.join(arguments)})", do, sends=True)


def respond(
    status: int = 200,
    *,
    reason: str | None = None,
    headers: HeaderItems | None = None,
    cookies: Mapping[str, str] | None = None,
    json: object = ABSENT,
    text: str | None = None,
    html: str | None = None,
    content: bytes | str | None = None,
    file: str | os.PathLike[str] | None = None,
    stream: StreamSource | None = None,
    events: StreamSource | None = None,
    raw: bytes | None = None,
    trailers: HeaderItems | None = None,
    informational: Informational | None = None,
    http_version: str = "1.1",
    delay: float = 0.0,
    gate: Gate | None = None,
    fault: Fault | Iterable[Fault] = (),
) -> Step:
    """Answer the newest request, or nobody if none was read; the arguments are those of `Route.respond`.

    The script alone ends the connection: a `Connection: close` is only said, and a reply without a length ends with the
    next `close()`.

    Args:
        status: and all up to `http_version`: as `Response` takes them.
        reason: see `Response`.
        headers: see `Response`.
        cookies: see `Response`.
        json: see `Response`.
        text: see `Response`.
        html: see `Response`.
        content: see `Response`.
        file: see `Response`.
        stream: see `Response`.
        events: see `Response`.
        raw: see `Response`.
        trailers: see `Response`.
        informational: see `Response`.
        http_version: see `Response`.
        delay: seconds to wait before the first byte, behind the informational responses.
        gate: where to wait before the first byte, behind the delay.
        fault: a fault, or several that are applied from left to right; their positions count in this reply.

    Raises:
        UsageError: a value that can't mean anything, or a fault that acts while the request is read.
        UsageTypeError: an argument of a wrong type, or two kinds of body.
        OSError: `file` can't be read.
    """
    response = Response(
        status,
        reason=reason,
        headers=headers,
        cookies=cookies,
        json=json,
        text=text,
        html=html,
        content=content,
        file=file,
        stream=stream,
        events=events,
        raw=raw,
        trailers=trailers,
        informational=informational,
        http_version=http_version,
    )
    reply = as_reply(response, **checked_how(delay, gate, fault))
    for one in reply.faults:
        if acts_on_reading(one):
            message = f"{one!r} acts while the request is read, which is a step before; give it to script() itself"
            raise UsageError(message)
    given = [repr(response).partition("(")[2][:-1]]
    given += [f"delay={delay!r}"] if delay else []
    given += [f"gate={gate.name}"] if gate is not None else []
    given += [f"fault={reply.faults[0] if len(reply.faults) == 1 else list(reply.faults)!r}"] if reply.faults else []
    return Step(f"respond({', '.join(given)})", lambda play: play.respond(reply), sends=True)


def routes() -> Step:
    """Have the routes answer from now on, as on every other connection, until either side says goodbye.

    A request that was read and not answered is answered first. Pipelined requests are read one after the other.
    """
    return Step("routes()", Play.routed, on_goodbye=MET, is_last=True, sends=True)


# -- by hand --


def call(function: Callable[[Conn], object]) -> Step:
    """Hand the connection to a function, on a thread of its own; once it has returned the script goes on.

    It gets a `Conn`, which is used like a `socket.socket`. There is no pool of threads: functions on several
    connections may wait for each other, for gates, and for the server. What the function raises is a finding
    "handler-error", and the script is over. No finding is the OSError of a connection that was closed or that the end
    of the server has taken from it, nor, if the script is `optional`, that of a client that has left.

    If the function ends the connection, only `mark()` and goodbyes can follow.

    Raises:
        UsageTypeError: no function, or one that does not run when it is called: a coroutine or a generator.
    """
    name = checked_function(function)
    code = f"call({name})"
    what = f"{code} of {caller()}"
    return Step(code, lambda play: play.call(function, what), on_goodbye=LEFT)


# -- waiting --


def delay(seconds: float) -> Step:
    """Do nothing for so long; the client's FIN does not shorten it.

    Raises:
        UsageTypeError: no number.
        UsageError: a negative one.
    """
    pause = acts.Sleep(checked_delay("seconds", seconds))
    return Step(f"delay({seconds!r})", lambda _play: iter((pause,)), on_goodbye=MET, waits_for_time=True)


def wait(gate: Gate) -> Step:
    """Wait until a gate of `server.gate()` is open.

    Raises:
        UsageTypeError: no gate.
    """
    if not isinstance(gate, Gate):
        message = f"wait(gate) takes what server.gate() returns, not {gate!r}"
        raise UsageTypeError(message)
    return Step(f"wait({gate.name})", lambda _play: iter((acts.HoldUntil(gate),)), on_goodbye=LEFT)


def mark(name: str) -> Step:
    """Write a mark into the timeline, for `server.wait_for_mark(name)`.

    Raises:
        UsageTypeError: no str.
        UsageError: an empty one.
    """
    checked_text("name", name)
    return Step(f"mark({name!r})", partial(doings.mark, name=name), on_goodbye=SKIPPED, mark=name)


def stall() -> Step:
    """Do nothing and read nothing until the client has gone, whose FIN and RST are noticed; then go on."""
    return Step("stall()", lambda _play: iter((acts.Stall(),)), on_goodbye=MET)


# -- parting --


def close(*, drain: bool = True) -> Step:
    """End the connection in good form: FIN, then read and discard until the client has closed, too.

    Args:
        drain: False closes at once and leaves it to the kernel what goes on the wire, as naive servers do: RST if
            bytes were unread, else FIN, and RST on what comes afterwards (tcp(7), RFC 9293 section 3.6.1).

    Raises:
        UsageTypeError: no bool.
    """
    do = doings.close if checked_flag("drain", drain) else doings.close_at_once
    return Step("close()" if drain else "close(drain=False)", do, on_goodbye=SKIPPED, is_last=True)


def reset(*, discard: bool = False) -> Step:
    """Break the connection off with RST, once the client's kernel has what was sent.

    Args:
        discard: do it at once, whatever is lost.

    Raises:
        UsageTypeError: no bool.
    """
    do = partial(doings.reset, discard=checked_flag("discard", discard))
    return Step("reset(discard=True)" if discard else "reset()", do, on_goodbye=SKIPPED, is_last=True)


def half_close() -> Step:
    """Send FIN and go on reading: shutdown(SHUT_WR), shutdown(2). It is no goodbye."""
    do = acts.ShutdownWrite(goodbye=False)
    return Step("half_close()", lambda _play: iter((do,)), on_goodbye=SKIPPED, is_half_close=True)


# -- in sequence --


def repeat(n: int, *steps: Step) -> Step:
    """Do these steps `n` times.

    Raises:
        UsageTypeError: no whole number, or something that is no step.
        UsageError: a number below 1, or no step.
    """
    checked_whole("n", n, least=1)
    if not steps:
        message = "repeat(n, *steps) needs at least one step"
        raise UsageError(message)
    for step in steps:
        if not isinstance(step, Step):
            message = f"repeat(n, *steps) takes steps of pytest_epoll.steps, not {step!r}"
            raise UsageTypeError(message)
    code = f"repeat({n}, {', '.join(map(repr, steps))})"
    return Step(code, doings.nothing, times=n, parts=steps)


def _checked_bytes(name: str, data: object) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        message = f"{name} takes bytes, not {data!r}"
        raise UsageTypeError(message)
    if not len(data):
        message = f"{name} is empty; leave it out"
        raise UsageError(message)
    return bytes(data)


_SHOWN = 40
"""Bytes that a step shows of what it sends."""


def _shown(data: bytes) -> str:
    return repr(data) if len(data) <= _SHOWN else f"{data[:_SHOWN]!r}... of {len(data)} bytes"
