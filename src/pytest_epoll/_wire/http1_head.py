"""A request's head, from bytes to a value, and what RFC 9112 has against heads that llhttp lets pass.

Facts
- llhttp checks the grammar of the fields and the framing that Content-Length and Transfer-Encoding give. It says
  nothing about Host, lets CONNECT name anything, and takes whatever transfer codings stand before `chunked`.
- Every field line that it lets pass begins behind a CRLF and is not folded. So `b"\\r\\nhost:"` in the lower-cased head
  can be nothing but the beginning of a Host field.

What we do. One scan of the head's bytes finds the fields that matter for every request; the rest stays raw.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_epoll._core.request_head import Head

if TYPE_CHECKING:
    from typing import Final

REQUEST_LINE: Final = re.compile(rb"(?:\r\n)*([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([^ \r\n]+) ([A-Z]+)/([0-9]\.[0-9])\r\n")
"""RFC 9112 section 3, empty lines before it included (section 2.2): method, target, protocol, version."""

_FIELDS = re.compile(rb"\r\n(host|content-length|transfer-encoding|connection|expect):([^\r]*)").findall
"""The fields that matter for every request, in a lower-cased head."""

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*://([^/?#]*)")
_REG_NAME = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_LITERAL = r"\[[A-Za-z0-9\-._~!$&'()*+,;=:%]+\]"
_HOST = re.compile(rf"(?:{_LITERAL}|{_REG_NAME}*)(?::[0-9]*)?".encode())
"""RFC 9110 section 7.2: uri-host [ ":" port ], both of which may be empty."""

_AUTHORITY_FORM = re.compile(rf"(?:{_LITERAL}|{_REG_NAME}+):0*([1-9][0-9]{{0,4}})")
_LAST_PORT = 65535

Problem = tuple[int, str, "str | None"]
"""A status, the reason in words, and the token that it is about."""


def parse_head(raw: bytes) -> Head:
    """Return the value of a head whose request line is well formed and whose fields llhttp has accepted.

    Raises:
        ValueError: the request line is not well formed.
    """
    return examine_head(raw)[0]


def examine_head(raw: bytes) -> tuple[Head, Problem | None]:
    """Return what `parse_head` returns, and what RFC 9112 has against a head that llhttp lets pass, or None.

    Raises:
        ValueError: the request line is not well formed.
    """
    match = REQUEST_LINE.match(raw)
    if match is None:
        message = f"not a request head: {raw[:80]!r}"
        raise ValueError(message)
    raw_method, raw_target, _, raw_version = match.groups()
    method = raw_method.decode("latin-1")
    target = raw_target.decode("latin-1")
    http_version = raw_version.decode()
    path, raw_query = _split_target(method, target)
    hosts: list[bytes] = []
    codings: list[bytes] = []
    connection: list[bytes] = []
    expectations: list[bytes] = []
    length: int | None = None
    chunked = False
    for name, value in _FIELDS(raw.lower()):
        if name == b"host":
            hosts.append(value.strip(b" \t"))
        elif name == b"content-length":
            length = _number(value)
        elif name == b"connection":
            connection += _members(value)
        elif name == b"expect":
            expectations += _members(value)
        else:
            chunked = True
            codings += _members(value)
    keep_alive = http_version == "1.1"
    if connection:
        keep_alive = b"close" not in connection and (keep_alive or b"keep-alive" in connection)
    head = Head(
        raw,
        method=method,
        target=target,
        path=path,
        raw_query=raw_query,
        http_version=http_version,
        keep_alive=keep_alive,
        content_length=length,
        chunked=chunked,
        expects_continue=http_version == "1.1" and b"100-continue" in expectations,
    )
    problem = _find_host_problem(head, hosts) or _find_target_problem(head)
    if chunked and problem is None:
        problem = _find_coding_problem(head, codings)
    return head, problem


def _find_host_problem(head: Head, hosts: list[bytes]) -> Problem | None:
    """Return what RFC 9112 section 3.2 has against the Host fields."""
    if len(hosts) == 1:
        if _HOST.fullmatch(hosts[0]):
            return None
        return 400, f"malformed: Host is not 'host' or 'host:port': {hosts[0][:80]!r} (RFC 9112 section 3.2)", None
    if not hosts and head.http_version != "1.1":
        return None
    how = f"has {len(hosts)} Host fields" if hosts else "has no Host"
    return 400, f"malformed: an HTTP/{head.http_version} request {how} (RFC 9112 section 3.2)", None


def _find_target_problem(head: Head) -> Problem | None:
    """Return what RFC 9110 has against the target: CONNECT needs a port, a url needs a host."""
    target = head.target
    if head.method == "CONNECT":
        port = _AUTHORITY_FORM.fullmatch(target)
        if port is None or int(port[1]) > _LAST_PORT:
            return 400, f"malformed: CONNECT wants 'host:port', not {target[:80]!r} (RFC 9110 section 9.3.6)", None
    elif target[0] != "/" and (absolute := _ABSOLUTE.match(target)) and not absolute[1]:
        return 400, f"malformed: the target names no host: {target[:80]!r} (RFC 9110 section 4.2.1)", None
    return None


def _find_coding_problem(head: Head, codings: list[bytes]) -> Problem | None:
    """Return what RFC 9112 section 6.1 has against the transfer codings."""
    if head.http_version == "1.0":
        return 400, "malformed: Transfer-Encoding in an HTTP/1.0 request (RFC 9112 section 6.1)", None
    codings = [coding for coding in codings if coding]
    if not codings:
        return 400, "malformed: Transfer-Encoding names no coding (RFC 9112 section 6.1)", None
    if b"chunked" in codings[:-1]:
        return 400, "malformed: chunked is not the last transfer coding (RFC 9112 section 6.1)", None
    for coding in codings:
        if coding != b"chunked":
            token = coding.partition(b";")[0].rstrip(b" \t")[:80].decode("latin-1")
            return 501, f"the transfer coding {token!r} is not known", token
    return None


def _split_target(method: str, target: str) -> tuple[str, str]:
    """Return the decoded path and the raw query of a request target (RFC 9112 section 3.2).

    A fragment, which no client may send and llhttp lets pass, stays where it is: it then matches no route.
    """
    if method == "CONNECT":
        return "", ""
    if not target.startswith("/") and (absolute := _ABSOLUTE.match(target)):
        rest = target[absolute.end() :]
        target = rest if rest.startswith("/") else f"/{rest}"
    path, _, query = target.partition("?")
    return (unquote(path, errors="surrogateescape") if "%" in path else path), query


def _number(value: bytes) -> int | None:
    """Return the number; None for what is none. Python refuses to read 4,301 digits, even if all but one are zeros."""
    digits = value.strip(b" \t")
    if not digits.isdigit():
        return None
    return int(digits.lstrip(b"0")[:20] or b"0")  # llhttp has refused what needs more than 64 bits


def _members(value: bytes) -> list[bytes]:
    """Return the members of a comma-separated field (RFC 9110 section 5.6.1)."""
    return [member.strip(b" \t") for member in value.split(b",")]
