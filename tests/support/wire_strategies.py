"""Hypothesis strategies of requests as bytes, valid ones together with what they mean, and of damage to them."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "M-SEARCH", "PURGE"]
TOKEN = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TARGET = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) != "#")
FRAMING = {"host", "content-length", "transfer-encoding", "connection", "upgrade", "expect"}
FIELD_BYTES = bytes([*range(0x21, 0x7F), *range(0x80, 0x100)]).decode("latin-1")

blanks = st.text(" \t", max_size=2)
tokens = st.text(TOKEN, min_size=1, max_size=8)
names = tokens.filter(lambda name: name.lower() not in FRAMING)
words = st.text(FIELD_BYTES, max_size=10)
values = st.lists(words, max_size=3).map(lambda parts: " ".join(parts).strip(" \t"))
hosts = st.sampled_from(["t", "", "example.com:8080", "[::1]:80", "127.0.0.1"])
contents = st.binary(max_size=40) | st.sampled_from([b"\r\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"])


@dataclass(frozen=True)
class Meant:
    """A request as bytes, and what its sender meant."""

    raw: bytes
    facts: dict[str, object]
    is_upgrade: bool = False
    has_empty_lines: bool = False


@st.composite
def targets(draw, method):
    if method == "OPTIONS" and draw(st.booleans()):
        return "*"
    tail = "/" + draw(st.text(TARGET, max_size=20))
    return draw(st.sampled_from(["", "", "http://t", "https://[::1]:80"])) + tail


@st.composite
def field_lines(draw, pairs):
    """Return the lines of fields, with white space around values as it pleases the sender."""
    lines = []
    for name, value in pairs:
        blank, behind = draw(st.just((" ", "")) | st.tuples(blanks, blanks))
        if name.lower() in ("transfer-encoding", "content-length"):
            behind = behind.replace("\t", "")  # a known difference: llhttp refuses a tab there, for lengths up to 9.2
        lines.append(f"{name}:{blank}{value}{behind}\r\n")
    return "".join(lines).encode("latin-1")


@st.composite
def chunked_bodies(draw):
    """Return (bytes on the wire, content, sizes of the chunks, trailers)."""
    pieces = draw(st.lists(contents.filter(bool), max_size=5))
    raw = []
    for piece in pieces:
        size = draw(st.sampled_from(["%x", "%X", "%04x"])) % len(piece)
        raw.append(size.encode() + draw(extensions()) + b"\r\n" + piece + b"\r\n")
    trailers = draw(st.lists(st.tuples(names, values), max_size=2))
    last = draw(st.sampled_from([b"0", b"000"])) + draw(extensions()) + b"\r\n"
    raw.append(last + draw(field_lines(trailers)) + b"\r\n")
    return b"".join(raw), b"".join(pieces), [len(piece) for piece in pieces], trailers


@st.composite
def extensions(draw):
    members = draw(st.lists(st.tuples(tokens, st.none() | tokens | st.just('"a;\\"b"')), max_size=2))
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in members).encode()


@st.composite
def valid_requests(draw, *, empty_lines=True, upgrades=True):
    method = draw(st.sampled_from(METHODS))
    target = draw(targets(method))
    version = draw(st.sampled_from(["1.1", "1.1", "1.1", "1.0"]))
    pairs = draw(st.lists(st.tuples(names, values), max_size=4))
    if version == "1.1" or draw(st.booleans()):
        name = draw(st.sampled_from(["Host", "host", "HOST"]))
        pairs.insert(draw(st.integers(0, len(pairs))), (name, draw(hosts)))
    framing = draw(st.sampled_from(["none", "length", "chunked"] if version == "1.1" else ["none", "length"]))
    facts = {"body": b"", "chunks": [], "trailers": [], "length": None}
    body = b""
    if framing == "length":
        body = facts["body"] = draw(contents)
        facts["length"] = len(body)
        pairs.append(("Content-Length", draw(st.sampled_from(["%d", "%03d"])) % len(body)))
    elif framing == "chunked":
        body, facts["body"], facts["chunks"], facts["trailers"] = draw(chunked_bodies())
        pairs.append(("Transfer-Encoding", "chunked"))
    is_upgrade = upgrades and draw(st.sampled_from([False, False, False, True]))
    if is_upgrade:
        pairs += [("Connection", "Upgrade"), ("Upgrade", draw(st.sampled_from(["websocket", "h2c"])))]
    before = b"\r\n" * (draw(st.sampled_from([0, 0, 0, 1, 2])) if empty_lines else 0)
    head = before + f"{method} {target} HTTP/{version}\r\n".encode() + draw(field_lines(pairs)) + b"\r\n"
    facts |= {"request": f"{method} {target}", "version": version, "headers": pairs, "raw": head}
    return Meant(head + body, facts, is_upgrade=is_upgrade, has_empty_lines=bool(before))


def pipelines(**keywords):
    """Return a strategy of several valid requests, one behind the other."""
    return st.lists(valid_requests(**keywords), min_size=1, max_size=5)


spice = st.sampled_from(
    [
        *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"/", b"0", b"\x7f", b"\xff", b"a"),
        *(b"Host: t\r\n", b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n"),
        *(b" HTTP/1.1\r\n", b"HTTP/1.0", b"HTTP/2.0", b"\r\n x", b"chunked", b";a", b"Upgrade: h2c\r\n"),
    ]
)


@st.composite
def damaged(draw, originals):
    """Return a valid input with a few bytes removed, replaced, inserted or repeated."""
    data = draw(originals)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.sampled_from([0, 1, 1, 2, 5]))
        new = draw(spice | st.binary(max_size=2) | st.just(data[at : at + 12]))
        data = data[:at] + new + data[at + size :]
    return data


raw_pipelines = pipelines().map(lambda meant: b"".join(request.raw for request in meant))
damaged_inputs = damaged(raw_pipelines)
garbage = st.binary(max_size=200) | st.lists(spice | tokens.map(str.encode), max_size=20).map(b"".join)
positions = st.lists(st.integers(0, 600), max_size=8)
