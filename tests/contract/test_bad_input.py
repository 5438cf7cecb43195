"""What a test's author gets wrong is said at the call: the argument, and what to write instead.

A wrong type is a `UsageTypeError` (a `TypeError`), a value that can't mean anything a `UsageError` (a `ValueError`).
Each parameter of each public callable is tried with an `object()` unless it takes one; what is special has a row.
"""

import asyncio
import functools
import inspect
import re
from types import SimpleNamespace

import pytest

from pytest_epoll import (
    ClientView,
    EpollServer,
    Gate,
    Request,
    Response,
    Route,
    errors,
    faults,
    match,
    steps,
    sweeps,
    testing,
)
from pytest_epoll._core.timeline import KINDS
from pytest_epoll._serving.connection import Connection
from pytest_epoll.testing import RawClient

WRONG_TYPE, IMPOSSIBLE = errors.UsageTypeError, errors.UsageError

VERBS = ("get", "post", "put", "patch", "delete", "head", "options")
EXPANDED = {
    "criteria": ["query", "headers", "cookies", "body", "json", "form", "where"],
    "how": ["query", "headers", "cookies", "body", "json", "form", "where", "optional", "priority", "record_body"],
}


# By callable: what else it must be given, and what nobody but us calls.
MINIMAL = {
    "EpollServer.route": {"path": "/x"},
    "Route.respond_with": {"replies": (200,)},
    "Connection.wait_event": {"kind": "accepted"},
    "Request.wait_received": {"body_bytes": 0},
    "ClientView.assert_gaps": {"at_least": 0},
    "RawClient": {"address": ("127.0.0.1", 1)},
    "faults.PartialWrites": {"size": 1},
    "faults.Delay": {"seconds": 0.5},
    "faults.SlowWrites": {"bytes_per_second": 1000},
    "faults.SlowReads": {"bytes_per_second": 1000},
    "faults.Sometimes": {"fault": faults.Reset(), "probability": 0.5},
    "faults.Wait": {"gate": EpollServer().gate()},
    "faults.before": {"position": "end", "n": 1},
    "faults.ChunkExtensions": {"extension": b";a"},
    "faults.Corrupt": {"at": 0},
    "faults.ExtraBytes": {"data": b"a"},
    "faults.MalformedHead": {"line": b"a"},
    "faults.WrongContentLength": {"value": 1},
    **{f"EpollServer.{verb}": {"path": "/x"} for verb in VERBS},
    "EpollServer.url_for": {"path": "/x"},
    "EpollServer.also_listen": {"host_or_path": "127.0.0.2"},
    "sweeps.cuts": {"response": Response(), "call": print},
    "sweeps.splits": {"response": Response(), "call": print},
    "sweeps.parametrize": {"response": Response()},
    "sweeps.strategies.segmentations": {"response": Response()},
    "EpollServer.script": {"steps_or_faults": (steps.stall(),)},
    "EpollServer.wait_for_mark": {"name": "x"},
    "faults.at_accept": {"fault": faults.Reset()},
    "steps.read_exactly": {"n": 1},
    "steps.read_until": {"mark": b"x"},
    "steps.expect_silence": {"seconds": 1},
    "steps.send": {"data": (b"x",)},
    "steps.delay": {"seconds": 1},
    "steps.wait": {"gate": EpollServer().gate()},
    "steps.mark": {"name": "x"},
    "steps.repeat": {"n": 1, "steps": (steps.stall(),)},
}
EXCLUSIVE = {"sizes": "size", "cuts": "size", "status_line": "line", "delta": "value"}
OURS = {
    "EpollServer.facts", "EpollServer.render", "Gate.when_open", "Gate.release", "faults.Fault", "steps.Step",
    "steps.Conn", "ClientView", "Connection", "Gate", "Request", "Route", "sweeps.Outcome", "sweeps.Range",
    "sweeps.Sweep",
}  # fmt: skip
TAKES_ANYTHING = {
    "EpollServer.url_for.query": "str() of it is sent",
    "match.contains.expected": "an object with an == of its own",
    "match.exactly.expected": "an object with an == of its own",
    "testing.in_thread.args": "handed on",
    "testing.in_thread.kwargs": "handed on",
}
CRITERIA_OF_VALUES = {"query", "headers", "cookies", "body", "json", "form"}
"""They take any object, for it may have an == of its own."""

CRITERIA = [
    ({"query": 5}, WRONG_TYPE, "query= takes a mapping"),
    ({"query": b"a=1"}, WRONG_TYPE, "query= takes a mapping"),
    ({"query": [5]}, WRONG_TYPE, "5 is no pair"),
    ({"query": {5: "a"}}, WRONG_TYPE, "no pair with a str"),
    ({"query": {"a": None}}, IMPOSSIBLE, "match.absent"),
    ({"query": {"a": {"b": 1}}}, WRONG_TYPE, "query['a']"),
    ({"query": {"a": ["b", None]}}, IMPOSSIBLE, "query['a']"),
    ({"query": {"a": [["b"]]}}, WRONG_TYPE, "query['a']"),
    ({"query": {"a": re.compile(b"b")}}, WRONG_TYPE, "re.Pattern of str"),
    ({"query": match.exactly({"a": None})}, IMPOSSIBLE, "match.absent"),
    ({"headers": "Accept: a"}, WRONG_TYPE, "headers= takes a mapping"),
    ({"headers": None}, WRONG_TYPE, "headers= takes a mapping"),
    ({"headers": match.absent}, IMPOSSIBLE, "headers=match.absent"),
    ({"cookies": "a=1"}, WRONG_TYPE, "cookies= takes a mapping"),
    ({"form": "a=1"}, WRONG_TYPE, "form= takes a mapping"),
    ({"form": {"a": {1}}}, WRONG_TYPE, "form['a']"),
    ({"body": {"a": 1}}, WRONG_TYPE, "use json="),
    ({"body": None}, WRONG_TYPE, "body= takes"),
    ({"body": match.contains(5)}, WRONG_TYPE, "body= takes"),
    ({"body": match.absent}, IMPOSSIBLE, "body=match.absent"),
    ({"json": match.absent}, IMPOSSIBLE, "json=match.absent"),
    ({"where": True}, WRONG_TYPE, "where= takes a predicate"),
    ({"optional": 0}, WRONG_TYPE, "optional"),
    ({"priority": "high"}, WRONG_TYPE, "priority"),
    ({"priority": float("nan")}, IMPOSSIBLE, "priority"),
    ({"record_body": None}, WRONG_TYPE, "record_body"),
    ({"heders": {}}, WRONG_TYPE, "'heders' is no criterion"),
]

CRITERIA_ALONE = [row for row in CRITERIA if not row[0].keys() & {"optional", "priority", "record_body"}]

CONTENT = [
    ({"status": "200"}, WRONG_TYPE, "status"),
    ({"status": True}, WRONG_TYPE, "status"),
    ({"status": 99}, IMPOSSIBLE, "three digits"),
    ({"status": 1000}, IMPOSSIBLE, "three digits"),
    ({"reason": 5}, WRONG_TYPE, "reason"),
    ({"reason": "a\r\nb"}, IMPOSSIBLE, "raw="),
    ({"headers": "X: 1"}, WRONG_TYPE, "headers= takes"),
    ({"headers": [("X",)]}, WRONG_TYPE, "headers= takes"),
    ({"headers": {"X": 1}}, WRONG_TYPE, "headers['X']"),
    ({"headers": {5: "a"}}, WRONG_TYPE, "headers"),
    ({"headers": {"": "a"}}, IMPOSSIBLE, "no name"),
    ({"headers": {"X:": "a"}}, IMPOSSIBLE, "no name"),
    ({"headers": {"X": "a\nb"}}, IMPOSSIBLE, "line break"),
    ({"headers": {"X": "a\0"}}, IMPOSSIBLE, "NUL"),
    ({"cookies": "a=1"}, WRONG_TYPE, "cookies= takes"),
    ({"cookies": {"a": 1}}, WRONG_TYPE, "cookies= takes str"),
    ({"cookies": {"a b": "1"}}, IMPOSSIBLE, "no name of a cookie"),
    ({"cookies": {"a": "1\r\n"}}, IMPOSSIBLE, "line break"),
    ({"json": {1, 2}}, WRONG_TYPE, "JSON"),
    ({"text": b"a"}, WRONG_TYPE, "content="),
    ({"html": 5}, WRONG_TYPE, "html="),
    ({"content": ["a"]}, WRONG_TYPE, "content="),
    ({"content": 5}, WRONG_TYPE, "content="),
    ({"file": 5}, WRONG_TYPE, "file="),
    ({"stream": b"abc"}, WRONG_TYPE, "content="),
    ({"stream": {"a": 1}}, WRONG_TYPE, "stream= takes"),
    ({"stream": [b"a", "b"]}, WRONG_TYPE, "stream= takes"),
    ({"stream": [-1]}, IMPOSSIBLE, "pause"),
    ({"stream": [faults.Reset]}, WRONG_TYPE, "stream= takes"),
    ({"stream": [True]}, WRONG_TYPE, "stream= takes"),
    ({"events": "hi"}, WRONG_TYPE, "events= takes"),
    ({"events": [5j]}, WRONG_TYPE, "events= takes"),
    ({"events": [{"evnt": "a"}]}, WRONG_TYPE, "'evnt'"),
    ({"events": [{"id": None, "data": "a"}]}, WRONG_TYPE, "leave it out"),
    ({"events": [{"event": "a\nb"}]}, IMPOSSIBLE, "line break"),
    ({"events": [{"data": {1}}]}, WRONG_TYPE, "JSON"),
    ({"raw": "HTTP/1.1 200 OK"}, WRONG_TYPE, "raw="),
    ({"raw": b"", "headers": {"A": "b"}}, WRONG_TYPE, "headers= into it"),
    ({"raw": b"", "reason": "a", "http_version": "1.0"}, WRONG_TYPE, "reason= and http_version="),
    ({"trailers": 5}, WRONG_TYPE, "trailers= takes"),
    ({"trailers": {"a": "b"}, "headers": {"Content-Length": "0"}}, IMPOSSIBLE, "trailers="),
    ({"trailers": {"a": "b"}, "content": b"", "headers": {"Transfer-Encoding": "chunked"}}, IMPOSSIBLE, "trailers="),
    ({"informational": 103}, WRONG_TYPE, "informational= takes a list"),
    ({"informational": [200]}, IMPOSSIBLE, "200 is final"),
    ({"informational": ["103"]}, WRONG_TYPE, "status"),
    ({"informational": [(103, 5)]}, WRONG_TYPE, "headers= takes"),
    ({"informational": [Response(103, content=b"a")]}, IMPOSSIBLE, "has a body"),
    ({"http_version": 1.1}, WRONG_TYPE, "http_version"),
    ({"http_version": "2"}, IMPOSSIBLE, "http_version"),
    ({"content": b"", "text": ""}, WRONG_TYPE, "text= and content="),
    ({"json": None, "stream": []}, WRONG_TYPE, "json= and stream="),
]

TIMING = [
    ({"delay": "1"}, WRONG_TYPE, "delay"),
    ({"delay": -1}, IMPOSSIBLE, "delay"),
    ({"delay": float("inf")}, IMPOSSIBLE, "gate"),
    ({"delay": float("nan")}, IMPOSSIBLE, "delay"),
    ({"delay": 1e300}, IMPOSSIBLE, "delay"),
    ({"gate": True}, WRONG_TYPE, "server.gate()"),
    ({"fault": "Reset"}, WRONG_TYPE, "fault="),
    ({"fault": faults.Reset}, WRONG_TYPE, "fault="),
    ({"fault": [faults.Reset(), 5]}, WRONG_TYPE, "fault="),
    ({"times": 0}, IMPOSSIBLE, "times=0"),
    ({"times": 1.0}, WRONG_TYPE, "times"),
    ({"times": True}, WRONG_TYPE, "times"),
]

TIMEOUTS = [
    ({"timeout": "5"}, WRONG_TYPE, "timeout"),
    ({"timeout": None}, WRONG_TYPE, "timeout"),
    ({"timeout": -1}, IMPOSSIBLE, "timeout"),
    ({"timeout": float("inf")}, IMPOSSIBLE, "timeout"),
    ({"timeout": float("nan")}, IMPOSSIBLE, "timeout"),
]

SWEPT = [
    ({"response": 200}, WRONG_TYPE, "response must be a Response"),
    ({"response": Response(stream=lambda: [b"a"])}, IMPOSSIBLE, "give the pieces as a list"),
    ({"response": Response(stream=[EpollServer().gate()])}, IMPOSSIBLE, "waits at a gate"),
    ({"response": Response().with_faults(faults.Stall(after_reading=0))}, IMPOSSIBLE, "while the request is read"),
]

CALLED = [
    *SWEPT,
    *TIMEOUTS,
    ({"call": "fetch"}, WRONG_TYPE, "call must be a function"),
    ({"timeout": 0}, IMPOSSIBLE, "timeout=0 gives a call no time"),
    ({"make_server": EpollServer()}, WRONG_TYPE, "make_server must be a function"),
    ({"at_once": 0}, IMPOSSIBLE, "at_once=0"),
    ({"at_once": 1.5}, WRONG_TYPE, "at_once"),
]

HOW = [
    ({"how": "fim"}, IMPOSSIBLE, "'fin', 'rst', 'stall'"),
    ({"how": ()}, IMPOSSIBLE, "how is empty"),
    ({"how": [5]}, WRONG_TYPE, "how"),
]

ROWS = {
    "EpollServer": [
        ({"host": None}, WRONG_TYPE, "host"),
        ({"host": ""}, IMPOSSIBLE, "host"),
        ({"host": ("127.0.0.1", 5)}, WRONG_TYPE, "host"),
        ({"host": b"127.0.0.1"}, WRONG_TYPE, "('127.0.0.1', '::1')"),
        ({"host": ()}, IMPOSSIBLE, "at least one"),
        ({"host": ("::1", "::1")}, IMPOSSIBLE, "twice"),
        ({"host": "/run/x.sock"}, IMPOSSIBLE, "also_listen('/run/x.sock')"),
        ({"port": "80"}, WRONG_TYPE, "port"),
        ({"port": True}, WRONG_TYPE, "port"),
        ({"port": -1}, IMPOSSIBLE, "0 to 65535"),
        ({"port": 65536}, IMPOSSIBLE, "0 to 65535"),
        ({"poller": "kqueue"}, IMPOSSIBLE, "'epoll', 'poll', 'select'"),
        ({"poller": None}, WRONG_TYPE, "poller"),
        ({"edge_triggered": 1}, WRONG_TYPE, "edge_triggered"),
        ({"edge_triggered": True, "poller": "poll"}, IMPOSSIBLE, "poller='epoll'"),
        ({"backlog": -1}, IMPOSSIBLE, "backlog"),
        ({"backlog": 2**31}, IMPOSSIBLE, "backlog"),
        ({"nodelay": 1}, WRONG_TYPE, "nodelay"),
        ({"max_head_size": 0}, IMPOSSIBLE, "max_head_size"),
        ({"max_head_size": 1.5}, WRONG_TYPE, "max_head_size"),
        ({"max_body_size": -1}, IMPOSSIBLE, "max_body_size"),
        ({"strict": "unmached"}, IMPOSSIBLE, "'unmatched'"),
        ({"strict": {5}}, WRONG_TYPE, "strict"),
        ({"strict": None}, WRONG_TYPE, "strict"),
        ({"strict": b"unmatched"}, WRONG_TYPE, "strict"),
        ({"seed": 1.5}, WRONG_TYPE, "seed"),
    ],
    "EpollServer.also_listen": [
        ({"host_or_path": ""}, IMPOSSIBLE, "host_or_path"),
        ({"host_or_path": b"/run/x.sock"}, WRONG_TYPE, "host_or_path"),
        ({"host_or_path": "/" + 106 * "x"}, IMPOSSIBLE, "at most 106 bytes"),
        ({"host_or_path": "/run/x.sock", "port": 80}, IMPOSSIBLE, "has no port"),
        ({"port": "80"}, WRONG_TYPE, "port"),
        ({"port": -1}, IMPOSSIBLE, "0 to 65535"),
    ],
    "EpollServer.route": [
        ({"method": b"GET"}, WRONG_TYPE, "method must be"),
        ({"method": ["GET", 5]}, WRONG_TYPE, "method must be"),
        ({"method": "GET POST"}, IMPOSSIBLE, "no token"),
        ({"method": ""}, IMPOSSIBLE, "no token"),
        ({"method": []}, IMPOSSIBLE, "'*' for every method"),
        ({"path": "users"}, IMPOSSIBLE, "slash"),
        ({"path": "/users?a=1"}, IMPOSSIBLE, "query='a=1'"),
        ({"path": b"/users"}, WRONG_TYPE, "path must be"),
        *CRITERIA,
    ],
    **{f"EpollServer.{verb}": CRITERIA for verb in VERBS},
    "EpollServer.url_for": [({"path": "users"}, IMPOSSIBLE, "slash"), ({"path": None}, WRONG_TYPE, "path")],
    "EpollServer.allow": [
        ({"kinds": ("unmached",)}, IMPOSSIBLE, "'unmatched'"),
        ({"kinds": (["unmatched"],)}, WRONG_TYPE, "kinds"),
    ],
    "EpollServer.wait_for_requests": [
        ({"n": -1}, IMPOSSIBLE, "n=-1"),
        ({"n": 1.0}, WRONG_TYPE, "n must be"),
        ({"state": "done"}, IMPOSSIBLE, "'ended', 'head'"),
        *TIMEOUTS,
    ],
    "EpollServer.wait_for_connections": [({"n": -1}, IMPOSSIBLE, "n=-1"), *TIMEOUTS],
    "EpollServer.wait_idle": TIMEOUTS,
    "EpollServer.assert_requested": CRITERIA_ALONE,
    "EpollServer.assert_not_requested": CRITERIA_ALONE,
    "EpollServer.assert_requested_in_order": [
        ({"requests": "GET /a"}, WRONG_TYPE, "takes a list"),
        ({"requests": [5]}, WRONG_TYPE, "not 5"),
    ],
    "EpollServer.close_connections": [({"how": "bye"}, IMPOSSIBLE, "how"), ({"idle_only": 1}, WRONG_TYPE, "idle_only")],
    "Route.assert_requested": CRITERIA_ALONE,
    "Route.assert_not_requested": CRITERIA_ALONE,
    "Route.wait_for_requests": TIMEOUTS,
    "Request.wait_received": [({"body_bytes": -1}, IMPOSSIBLE, "body_bytes"), *TIMEOUTS],
    "Connection.wait_closed": TIMEOUTS,
    "Connection.wait_ended": TIMEOUTS,
    "Connection.wait_event": [({"kind": "snet"}, IMPOSSIBLE, "'sent'"), *TIMEOUTS],
    "Gate.wait_reached": TIMEOUTS,
    **{
        f"ClientView.{name}": CRITERIA_ALONE
        for name in (
            "gaps", "assert_reused", "assert_not_reused", "assert_read_to_end", "assert_honoured_expect",
            "assert_no_hidden_retries",
        )
    },
    "ClientView.assert_connections": [
        ({"n": -1}, IMPOSSIBLE, "n=-1"),
        ({"n": 1.0}, WRONG_TYPE, "n must be"),
        ({"n": 1, "at_most": 2}, IMPOSSIBLE, "n= says how many exactly"),
        ({"at_least": 2, "at_most": 1}, IMPOSSIBLE, "above at_most=1"),
    ],
    "ClientView.assert_closed": [
        ({"by": "peer"}, IMPOSSIBLE, "'client', 'server'"),
        ({"how": "bye"}, IMPOSSIBLE, "'fin', 'rst'"),
    ],
    "ClientView.assert_gaps": [
        ({"at_least": None}, IMPOSSIBLE, "growing=True"),
        ({"at_least": -1}, IMPOSSIBLE, "at_least=-1"),
        ({"at_least": [0.1, "1"]}, WRONG_TYPE, "at_least must be a number, not '1'"),
        ({"at_least": "1"}, WRONG_TYPE, "at_least must be a number, not '1'"),
        ({"growing": 1}, WRONG_TYPE, "growing"),
        *CRITERIA_ALONE,
    ],
    "ClientView.assert_back_pressure": [({"seconds": -1}, IMPOSSIBLE, "seconds=-1"), *CRITERIA_ALONE],
    "Response": CONTENT,
    "Response.with_faults": [
        ({"faults": (faults.Reset,)}, WRONG_TYPE, "with_faults()"),
        ({"faults": ([faults.Reset()],)}, WRONG_TYPE, "with_faults()"),
    ],
    "Response.with_delay": [({"seconds": -1}, IMPOSSIBLE, "seconds"), ({"seconds": None}, WRONG_TYPE, "seconds")],
    "Route.respond": [*CONTENT, *TIMING, ({"stream": iter([b"a"]), "times": 2}, IMPOSSIBLE, "iterator")],
    "Route.respond_with": [
        ({"replies": ()}, IMPOSSIBLE, "at least one"),
        ({"replies": (True,)}, WRONG_TYPE, "no reply"),
        ({"replies": (b"hi",)}, WRONG_TYPE, "no reply"),
        ({"replies": ("hi",)}, WRONG_TYPE, "no reply"),
        ({"replies": (None,)}, WRONG_TYPE, "no reply"),
        ({"replies": (Response,)}, WRONG_TYPE, "no reply"),
        ({"replies": (faults.Reset,)}, WRONG_TYPE, "no reply"),
        ({"replies": (99,)}, IMPOSSIBLE, "three digits"),
        ({"replies": (200, "hi")}, WRONG_TYPE, "no reply"),
        ({"replies": (faults.Reset(after=5),)}, IMPOSSIBLE, "needs a reply"),
        ({"replies": (faults.PartialWrites(size=1),)}, IMPOSSIBLE, "needs a reply"),
        *TIMING,
    ],
    "steps.call": [
        ({"function": steps.stall()}, WRONG_TYPE, "takes a function of a conn"),
        ({"function": asyncio.sleep}, WRONG_TYPE, "takes a plain function"),
    ],
    "Route.handler": [({"function": 200}, WRONG_TYPE, "handler()")],
    **{
        f"faults.{name}": [
            ({"after": -1}, IMPOSSIBLE, "after=-1"),
            ({"after": "middle"}, IMPOSSIBLE, "'middle'"),
            ({"after": 1.5}, WRONG_TYPE, "after=1.5"),
        ]
        for name in ("HalfClose", "Delay", "Wait", "SlowWrites")
    },
    **{
        f"faults.{name}": [
            ({"after": -1}, IMPOSSIBLE, "after=-1"),
            ({"after_reading": -1}, IMPOSSIBLE, "after_reading=-1"),
            ({"after_reading": faults.event(1)}, IMPOSSIBLE, "no position of a request"),
            ({"after": 1, "after_reading": 1}, IMPOSSIBLE, "give one of them"),
        ]
        for name in ("HangUp", "Stall")
    },
    "faults.StopReading": [({"after_reading": faults.event(1)}, IMPOSSIBLE, "no position of a request")],
    "faults.SlowReads": [({"bytes_per_second": 0}, IMPOSSIBLE, "StopReading()")],
    "faults.half_of": [({"what": "head"}, IMPOSSIBLE, "'status-line'"), ({"what": 5}, WRONG_TYPE, "what")],
    "faults.body": [({"n": -1}, IMPOSSIBLE, "n")],
    "faults.chunk": [({"n": 0}, IMPOSSIBLE, "from 1 on")],
    "faults.before": [({"n": -1}, IMPOSSIBLE, "n"), ({"position": "middle"}, IMPOSSIBLE, "'middle'")],
    "faults.Reset": [
        ({"after": -1}, IMPOSSIBLE, "after=-1"),
        ({"after": "middle"}, IMPOSSIBLE, "'middle'"),
        ({"after": 1.5}, WRONG_TYPE, "after=1.5"),
        ({"discard": 1}, WRONG_TYPE, "discard"),
        ({"exact": None}, WRONG_TYPE, "exact"),
    ],
    "faults.PartialWrites": [
        ({"size": 0}, IMPOSSIBLE, "size=0"),
        ({"size": 1, "sizes": (1,)}, IMPOSSIBLE, "not size and sizes"),
        ({"size": None}, IMPOSSIBLE, "one of"),
        ({"size": None, "sizes": (1, 0)}, IMPOSSIBLE, "sizes=0"),
        ({"size": None, "sizes": b"ab"}, WRONG_TYPE, "sizes="),
        ({"size": None, "cuts": (-1,)}, IMPOSSIBLE, "cuts=-1"),
        ({"delay": -1}, IMPOSSIBLE, "delay"),
        ({"until_read": 1}, WRONG_TYPE, "until_read"),
        ({"exact": 1}, WRONG_TYPE, "exact"),
    ],
    "faults.Garbage": [({"size": 0}, IMPOSSIBLE, "size=0"), ({"seed": 1.5}, WRONG_TYPE, "seed")],
    "faults.Corrupt": [
        ({"at": "end"}, IMPOSSIBLE, "faults.before('end', 1)"),
        ({"at": faults.interim(1)}, IMPOSSIBLE, "left alone"),
        ({"xor": 0}, IMPOSSIBLE, "from 1 to 255"),
        ({"xor": b""}, IMPOSSIBLE, "flips nothing"),
    ],
    "faults.WrongContentLength": [
        ({"value": None}, IMPOSSIBLE, "one of value= and delta="),
        ({"value": "1\r\n"}, IMPOSSIBLE, "line break"),
        ({"delta": 0}, IMPOSSIBLE, "no lie"),
    ],
    "faults.MalformedHead": [
        ({"line": None}, IMPOSSIBLE, "one of status_line= and line="),
        ({"line": "a"}, WRONG_TYPE, "line="),
        ({"after": "head"}, IMPOSSIBLE, "after=faults.header('Name')"),
    ],
    "faults.MalformedChunk": [({"index": -1}, IMPOSSIBLE, "index=-1"), ({"size_line": "zz"}, WRONG_TYPE, "size_line=")],
    "faults.ChunkExtensions": [({"extension": b""}, IMPOSSIBLE, "changes nothing")],
    "faults.ExtraBytes": [({"data": b""}, IMPOSSIBLE, "nothing to send")],
    "testing.in_thread": [({"fn": 5}, WRONG_TYPE, "fn must be")],
    "sweeps.cuts": [*CALLED, *HOW],
    "sweeps.splits": CALLED,
    "sweeps.parametrize": [*SWEPT, *HOW, ({"argname": ""}, IMPOSSIBLE, "argname is empty")],
    "sweeps.strategies.responses": [
        ({"framings": "size"}, IMPOSSIBLE, "'length', 'chunked', 'close'"),
        ({"max_size": -1}, IMPOSSIBLE, "max_size=-1"),
    ],
    "sweeps.strategies.cuts": HOW,
    **{f"sweeps.strategies.{name}": SWEPT for name in ("positions", "faults", "lies", "segmentations")},
    "RawClient": [
        ({"address": "http://127.0.0.1:80"}, IMPOSSIBLE, "use server.address"),
        ({"address": ("127.0.0.1",)}, WRONG_TYPE, "(host, port)"),
        ({"address": ("127.0.0.1", "80")}, WRONG_TYPE, "port must be"),
        ({"address": ("127.0.0.1", 70000)}, IMPOSSIBLE, "port=70000"),
        ({"receive_buffer": 0}, IMPOSSIBLE, "receive_buffer=0"),
        *TIMEOUTS,
    ],
    "RawClient.send": [({"data": "GET /"}, WRONG_TYPE, "data must be bytes")],
    "RawClient.recv": [({"size": 0}, IMPOSSIBLE, "size=0")],
    "RawClient.recv_exactly": [({"size": -1}, IMPOSSIBLE, "size=-1")],
}  # fmt: skip


OF_A_SERVER = (EpollServer, Route, Gate, Connection, Request, ClientView, RawClient)


def public_callables():
    """Return every public function and method with parameters, by the name that rows use."""
    found = {}
    modules = {
        "faults": faults,
        "match": match,
        "steps": steps,
        "sweeps": sweeps,
        "sweeps.strategies": sweeps.strategies,
    }
    for name, owner in modules.items():
        found |= {
            f"{name}.{entry}": getattr(owner, entry) for entry in owner.__all__ if callable(getattr(owner, entry))
        }
    found["testing.in_thread"] = testing.in_thread
    for owner in (Response, *OF_A_SERVER):
        found[owner.__name__] = owner
        for entry, member in vars(owner).items():
            if inspect.isfunction(member) and not entry.startswith("_"):
                found[f"{owner.__name__}.{entry}"] = member
    return {name: fn for name, fn in found.items() if name not in OURS and parameters(fn)}


def parameters(fn):
    found = []
    for name, parameter in inspect.signature(fn).parameters.items():
        if name != "self":
            found += EXPANDED[name] if parameter.kind is parameter.VAR_KEYWORD and name in EXPANDED else [name]
    return found


def takes_anything(name, parameter):
    is_criterion = parameter in CRITERIA_OF_VALUES and parameter not in inspect.signature(CALLABLES[name]).parameters
    return f"{name}.{parameter}" in TAKES_ANYTHING or is_criterion


CALLABLES = public_callables()
ANY_OBJECT = [
    (name, parameter)
    for name, fn in CALLABLES.items()
    for parameter in parameters(fn)
    if not takes_anything(name, parameter)
]


@pytest.fixture
def objects(name):
    """One object of each class whose methods are called; a server runs where the row is about one of it."""
    if name.rpartition(".")[0] not in {owner.__name__ for owner in OF_A_SERVER}:
        yield SimpleNamespace(Response=Response())
        return
    with EpollServer() as server:
        route = server.get("/here").respond(200)
        with RawClient(server.address) as client:
            client.send(b"GET /here HTTP/1.1\r\nHost: t\r\n\r\n")
            client.recv()
            yield SimpleNamespace(
                EpollServer=server,
                Route=route,
                Gate=server.gate(),
                Connection=server.connections[0],
                Request=server.requests[0],
                ClientView=server.client,
                RawClient=client,
            )


def call(objects, name, given):
    """Call it with that and what else it must be given."""
    owner, _, method = name.rpartition(".")
    fn = getattr(getattr(objects, owner), method) if hasattr(objects, owner) else CALLABLES[name]
    left_out = {EXCLUSIVE[entry] for entry in given if entry in EXCLUSIVE} - given.keys()
    keywords = {entry: value for entry, value in MINIMAL.get(name, {}).items() if entry not in left_out} | given
    positional = []
    entries = inspect.signature(fn).parameters.items()
    for number, (entry, parameter) in enumerate(entries):
        if parameter.kind is parameter.VAR_POSITIONAL:
            positional = [keywords.pop(before) for before, _ in list(entries)[:number] if before in keywords]
            positional += keywords.pop(entry, ())
    return fn(*positional, **keywords)


def is_variable(name, parameter):
    entry = inspect.signature(CALLABLES[name]).parameters.get(parameter)
    return entry is not None and entry.kind is entry.VAR_POSITIONAL


@pytest.mark.parametrize(("name", "parameter"), ANY_OBJECT)
def test_an_object_of_no_kind_is_a_type_error_that_names_the_argument(objects, name, parameter):
    wrong = object()
    with pytest.raises(errors.UsageTypeError) as caught:
        call(objects, name, {parameter: (wrong,) if is_variable(name, parameter) else wrong})

    assert isinstance(caught.value, TypeError)
    assert repr(wrong) in str(caught.value)
    words = {
        "function": "handler()" if name.startswith("Route") else "call(function)",
        "replies": "reply",
        "faults": "with_faults()",
        "requests": "takes a list",
        "steps_or_faults": "script()",
    }
    assert words.get(parameter, parameter) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "given", "error", "says"), [(name, *row) for name, rows in ROWS.items() for row in rows]
)
def test_what_cannot_be_meant_is_refused_at_the_call_with_the_fix(objects, name, given, error, says):
    with pytest.raises(errors.UsageError) as caught:
        call(objects, name, given)

    assert error is type(caught.value)
    assert says in str(caught.value)


def test_every_parameter_of_every_public_callable_has_a_row():
    tried = {f"{name}.{parameter}" for name, parameter in ANY_OBJECT}
    tried |= {f"{name}.{parameter}" for name, rows in ROWS.items() for given, *_ in rows for parameter in given}
    all_of_them = {f"{name}.{parameter}" for name, fn in CALLABLES.items() for parameter in parameters(fn)}

    assert set(TAKES_ANYTHING) == all_of_them - tried


def test_no_row_is_about_something_that_is_gone():
    assert set(ROWS) <= set(CALLABLES)
    assert {name.rpartition(".")[0] for name in TAKES_ANYTHING} <= set(CALLABLES)


def test_a_refused_call_leaves_nothing_behind():
    server = EpollServer()
    route = server.get("/x").respond(200, times=1)
    with pytest.raises(errors.UsageTypeError):
        server.get("/y", query=5)
    with pytest.raises(errors.UsageTypeError):
        route.respond_with(201, "hi")

    assert (1, 1) == (len(server._router.routes), len(route._entry.replies))


def test_an_unknown_keyword_is_a_type_error():
    for function in (
        EpollServer,
        Response,
        EpollServer().get("/x").respond,
        functools.partial(EpollServer().get, "/x"),
    ):
        with pytest.raises(TypeError, match="heders"):
            function(heders={})


def test_what_is_taken_although_it_looks_odd():
    server = EpollServer(port=65535, backlog=0, max_body_size=0, strict=[], seed=-1)
    server.get("/x", query={"a": [1, "b", match.contains("c")]}, priority=float("inf")).respond(
        299, reason="", headers={}, cookies={}, trailers=(), informational=(), times=1, fault=iter([faults.Reset()])
    )
    server.get("/y").respond(stream=()).respond(events=({"id": 7, "retry": 3}, b": a comment\n\n", 0))

    assert "accepted" in KINDS
    assert {"fault", "sent", "handler-error"} <= set(KINDS)
    assert not {"armed", "due", "exchange"} & set(KINDS)
