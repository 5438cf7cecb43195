"""HTTP/1.1 requests as bytes, each with its verdict: what any reader of ours must make of them.

`ok` cases are complete requests, `no` cases must be refused, `waits` cases lack something. `differs` names the known
difference (`DIFFERENCES`) if llhttp or h11 sees a case in another way than we do; the tests know both directions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DIFFERENCES = {
    "empty lines before": "Empty lines before the request line (RFC 9112 section 2.2: should be ignored)",
    "bare CR or LF before": "A bare CR or LF before the request line",
    "two spaces": "More than one space between method and target, or target and version (RFC 9112 section 3)",
    "no version": "A request line without a version (HTTP/0.9)",
    "version": "HTTP/0.9, HTTP/2.0 or any other version than 1.0 and 1.1",
    "protocol": "RTSP/1.0 or ICE/1.0 instead of HTTP",
    "PRI": "The preface of HTTP/2 (RFC 9113 section 3.4)",
    "unknown method": "A method that llhttp does not know",
    "target characters": "A relative target, or an authority as the target of anything but CONNECT (RFC 9112 section 3.2)",
    "no host in target": "An absolute target without a host (RFC 9110 section 4.2.1)",
    "CONNECT target": "CONNECT to anything but host:port (RFC 9110 section 9.3.6)",
    "no Host": "HTTP/1.1 without a Host field (RFC 9112 section 3.2)",
    "two Hosts": "More than one Host field",
    "Host value": "A Host field that is not host or host:port",
    "bare LF": "Lines that end with LF alone (RFC 9112 section 2.2: may be recognized)",
    "control characters": "Control characters other than CR, LF and NUL in a field's value (RFC 9110 section 5.5)",
    "folding": "Obsolete line folding (RFC 9112 section 5.2: must be refused or unfolded)",
    "equal lengths": "Content-Length twice with the same value, or as a list of equal values (RFC 9112 section 6.3)",
    "long length": "A Content-Length of more than 20 digits",
    "huge length": "A Content-Length of 2**64 or more",
    "length and coding": "Content-Length beside Transfer-Encoding, a way to smuggle requests (RFC 9112 section 6.1)",
    "coding in 1.0": "Transfer-Encoding in an HTTP/1.0 request (RFC 9112 section 6.1)",
    "other codings": "Another transfer coding before chunked",
    "coding list": "Empty members in the list of transfer codings (RFC 9110 section 5.6.1), or a tab behind it",
    "chunk spaces": "White space around a chunk's size or in its extensions (RFC 9112 section 7.1.1)",
    "chunk extension": "A chunk extension that is none: without a name, or with an unfinished value",
    "long chunk size": "A chunk size with leading zeros, of more than 20 digits in all",
    "chunk too large": "A chunk of 2**64 bytes or more",
    "long extension": "A chunk's size line of more than 16 KiB",
    "control in extension": "A control character in a chunk's extension",
    "early refusal": "A chunk's extension or a last line that can't become a valid one",
    "framing in trailers": "Content-Length or Transfer-Encoding among the trailers (RFC 9110 section 6.5.1)",
    "upgrade body": "A body behind an Upgrade or CONNECT, which llhttp does not read",
    "case of chunked": "`Chunked` in another case, which h11 reports in lower case",
    "sizes": "A head or trailers larger than `max_head_size`",
}


@dataclass(frozen=True)
class Case:
    """One request, and what is to be made of it."""

    name: str
    raw: bytes
    request: str | None = None  # "GET /x" of one that is complete
    status: int | None = None  # of the refusal
    words: str = ""  # in the reason of the refusal, or of what is missing
    differs: str | None = None
    facts: dict[str, object] = field(default_factory=dict)  # more about a complete one, by name

    def __repr__(self) -> str:
        return self.name


_cases: dict[str, list[Case]] = {}
_group = ""


def group(name):
    global _group
    _group = name
    _cases.setdefault(name, [])


def _add(case):
    _cases[_group].append(case)


def _name(raw):
    return f"{_group}, {len(raw)} bytes: {raw[:90]!r}"


def ok(request, raw, *, differs=None, **facts):
    _add(Case(_name(raw), raw, request=request, differs=differs, facts=facts))


def no(status, words, raw, *, differs=None):
    _add(Case(_name(raw), raw, status=status, words=words, differs=differs))


def waits(words, raw, *, differs=None):
    _add(Case(_name(raw), raw, words=words, differs=differs))


# -- the request line -------------------------------------------------------------------------------------------------

group("request line")
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\n\r\n", version="1.1", path="/", query="", body=b"", keep_alive=True)
ok("GET /", b"GET / HTTP/1.0\r\n\r\n", version="1.0", keep_alive=False)
ok("GET /", b"GET / HTTP/1.0\r\nHost: t\r\n\r\n", version="1.0")
ok("HEAD /x", b"HEAD /x HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "request line", b"GET  / HTTP/1.1\r\nHost: t\r\n\r\n", differs="two spaces")
no(400, "request line", b"GET /  HTTP/1.1\r\nHost: t\r\n\r\n", differs="two spaces")
no(400, "request line", b"GET / HTTP/1.1 \r\nHost: t\r\n\r\n")
no(400, "request line", b"GET / HTTP/1.1\t\r\nHost: t\r\n\r\n")
no(400, "method", b" GET / HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "method", b"\tGET / HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "method", b"GET\t/ HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "request line", b"GET /\tHTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "request line", b"GET / a HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "request line", b"GET\r\n\r\n")
no(400, "request line", b"GET \r\n\r\n")
no(400, "request line", b"GET /\r\n\r\n", differs="no version")
no(400, "request line", b"GET /\r\nHost: t\r\n\r\n", differs="no version")
no(400, "request line", b"GET / \r\nHost: t\r\n\r\n")
no(400, "request line", b"GET HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "request line", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
no(400, "request line", b"GET / HTTP/1.1\nHost: t\r\n\r\n", differs="bare LF")
no(400, "request line", b"GET / HTTP/1.1\r\r\nHost: t\r\n\r\n")
no(400, "request line", b"GET /\r HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "request line", b"GET / HTTP/1.1\rHost: t\r\n\r\n")
no(400, "method", b"GET\r/ HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "method", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
no(400, "method", b"\x00GET / HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "method", b"\xef\xbb\xbfGET / HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "method", b'{"a": 1}\r\n\r\n')
no(400, "method", b"<xml/>\r\n\r\n")
no(400, "method", b": GET / HTTP/1.1\r\nHost: t\r\n\r\n")
waits("inside the head, after 1 bytes", b"G")
waits("inside the head, after 3 bytes", b"GET")
waits("inside the head, after 4 bytes", b"GET ")
waits("inside the head, after 14 bytes", b"GET / HTTP/1.1")
waits("inside the head, after 15 bytes", b"GET / HTTP/1.1\r")
waits("inside the head, after 16 bytes", b"GET / HTTP/1.1\r\n")
waits("inside the head, after 25 bytes", b"GET / HTTP/1.1\r\nHost: t\r\n")
waits("inside the head, after 26 bytes", b"GET / HTTP/1.1\r\nHost: t\r\n\r")

group("empty lines before")
ok("GET /", b"\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n", headers=[("Host", "t")], differs="empty lines before")
ok("GET /", b"\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n", differs="empty lines before")
ok(
    "POST /",
    b"\r\nPOST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\n\r\n",
    body=b"\r\n",
    differs="empty lines before",
)
no(400, "no empty lines", b"\nGET / HTTP/1.1\r\nHost: t\r\n\r\n", differs="bare CR or LF before")
no(400, "no empty lines", b"\rGET / HTTP/1.1\r\nHost: t\r\n\r\n", differs="bare CR or LF before")
no(400, "no empty lines", b"\r\n\rGET / HTTP/1.1\r\nHost: t\r\n\r\n", differs="bare CR or LF before")
no(400, "no empty lines", b"\r\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n", differs="bare CR or LF before")
no(400, "method", b"\r\n GET / HTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "Host", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", differs="no Host")
waits("inside the head, after 5 bytes", b"\r\n\r\nG", differs="empty lines before")

group("methods")
for name in [
    "DELETE",
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "OPTIONS",
    "TRACE",
    "COPY",
    "LOCK",
    "MKCOL",
    "MOVE",
    "PROPFIND",
    "PROPPATCH",
    "SEARCH",
    "UNLOCK",
    "BIND",
    "REBIND",
    "UNBIND",
    "ACL",
    "REPORT",
    "MKACTIVITY",
    "CHECKOUT",
    "MERGE",
    "M-SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PATCH",
    "PURGE",
    "MKCALENDAR",
    "LINK",
    "UNLINK",
]:
    ok(f"{name} /x", f"{name} /x HTTP/1.1\r\nHost: t\r\n\r\n".encode(), method=name)
for name in [
    "BREW",
    "get",
    "Get",
    "GETX",
    "XGET",
    "GE",
    "PRIX",
    "BASELINE-CONTROL",
    "!",
    "#$%&'*+-.^_`|~0az",
    "DESCRIBE",
    "SETUP",
    "PLAY",
    "TEARDOWN",
    "FLUSH",
    "ANNOUNCE",
]:
    no(501, f"method {name!r}", f"{name} /x HTTP/1.1\r\nHost: t\r\n\r\n".encode(), differs="unknown method")
no(501, "method", b"A" * 256 + b" /x HTTP/1.1\r\nHost: t\r\n\r\n", differs="unknown method")
no(501, "method", b"A" * 257 + b" /x HTTP/1.1\r\nHost: t\r\n\r\n", differs="unknown method")
no(400, "", b"BREW /x HTTP/1.1\r\nHost : t\r\n\r\n")
no(400, "", b"BREW x HTTP/1.1\r\nHost: t\r\n\r\n", differs="target characters")
no(400, "request line", b"BREW /x\r\nHost: t\r\n\r\n")
for byte in b'"(),/:;<=>?@[\\]{}\x01\x0b\x7f\x80\xff':
    no(400, "method", b"GE%cT / HTTP/1.1\r\nHost: t\r\n\r\n" % byte)

group("versions")
for version in ("0.9", "1.2", "1.9", "2.0", "2.1", "3.0", "9.9", "0.0"):
    no(505, f"HTTP/{version}", f"GET / HTTP/{version}\r\nHost: t\r\n\r\n".encode(), differs="version")
no(505, "HTTP/2.0", b"HEAD / HTTP/2.0\r\n\r\n", differs="version")
no(505, "HTTP/2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", differs="PRI")
no(501, "'PRI'", b"PRI * HTTP/1.1\r\nHost: t\r\n\r\n", differs="PRI")
no(501, "'PRI'", b"PRI /x HTTP/1.1\r\nHost: t\r\n\r\n", differs="PRI")
for version in (
    "HTTP/1",
    "HTTP/11",
    "HTTP/1.",
    "HTTP/.1",
    "HTTP/1.10",
    "HTTP/01.1",
    "HTTP/1.01",
    "HTTP/1,1",
    "HTTP/1.1.1",
):
    no(400, "request line", f"GET / {version}\r\nHost: t\r\n\r\n".encode())
for version in (
    "HTTP/a.1",
    "HTTP/1.a",
    "HTTP/-1.1",
    "HTTP",
    "HTTP/",
    "HTTP 1.1",
    "http/1.1",
    "Http/1.1",
    "1.1",
    "HTTP\\1.1",
):
    no(400, "request line", f"GET / {version}\r\nHost: t\r\n\r\n".encode())
no(400, "the protocol is HTTPS", b"GET / HTTPS/1.1\r\nHost: t\r\n\r\n")
no(400, "the protocol is XTTP", b"GET / XTTP/1.1\r\nHost: t\r\n\r\n")
no(400, "the protocol is RTSP", b"GET / RTSP/1.0\r\nHost: t\r\n\r\n", differs="protocol")
no(400, "the protocol is RTSP", b"DESCRIBE / RTSP/1.0\r\n\r\n", differs="protocol")
no(400, "the protocol is ICE", b"SOURCE / ICE/1.0\r\n\r\n", differs="protocol")

group("targets")
ok("GET /a%20b", b"GET /a%20b HTTP/1.1\r\nHost: t\r\n\r\n", path="/a b")
ok("GET /a+b", b"GET /a+b HTTP/1.1\r\nHost: t\r\n\r\n", path="/a+b")
ok("GET /%C3%A9", b"GET /%C3%A9 HTTP/1.1\r\nHost: t\r\n\r\n", path="/\xe9")
ok("GET /%ff", b"GET /%ff HTTP/1.1\r\nHost: t\r\n\r\n", path="/\udcff")
ok("GET /%zz", b"GET /%zz HTTP/1.1\r\nHost: t\r\n\r\n", path="/%zz")
ok("GET /%", b"GET /% HTTP/1.1\r\nHost: t\r\n\r\n", path="/%")
ok("GET /%4", b"GET /%4 HTTP/1.1\r\nHost: t\r\n\r\n", path="/%4")
ok("GET /%00", b"GET /%00 HTTP/1.1\r\nHost: t\r\n\r\n", path="/\0")
ok("GET /%2F%3F", b"GET /%2F%3F HTTP/1.1\r\nHost: t\r\n\r\n", path="//?", query="")
ok("GET /a?b=c", b"GET /a?b=c HTTP/1.1\r\nHost: t\r\n\r\n", path="/a", query="b=c")
ok("GET /?", b"GET /? HTTP/1.1\r\nHost: t\r\n\r\n", path="/", query="")
ok("GET /a?b?c", b"GET /a?b?c HTTP/1.1\r\nHost: t\r\n\r\n", path="/a", query="b?c")
ok("GET /a?b=%20+%zz", b"GET /a?b=%20+%zz HTTP/1.1\r\nHost: t\r\n\r\n", query="b=%20+%zz")
ok("GET /a#b", b"GET /a#b HTTP/1.1\r\nHost: t\r\n\r\n", path="/a#b")
ok("GET /a#b?c", b"GET /a#b?c HTTP/1.1\r\nHost: t\r\n\r\n", path="/a#b", query="c")
ok("GET //", b"GET // HTTP/1.1\r\nHost: t\r\n\r\n", path="//")
ok("GET //a/../b", b"GET //a/../b HTTP/1.1\r\nHost: t\r\n\r\n", path="//a/../b")
ok("GET /..", b"GET /.. HTTP/1.1\r\nHost: t\r\n\r\n", path="/..")
ok('GET /"<>\\^`{|}', b'GET /"<>\\^`{|} HTTP/1.1\r\nHost: t\r\n\r\n', path='/"<>\\^`{|}')
ok("GET /:@!$&'()*+,;=-._~", b"GET /:@!$&'()*+,;=-._~ HTTP/1.1\r\nHost: t\r\n\r\n")
ok("GET http://t/x", b"GET http://t/x HTTP/1.1\r\nHost: t\r\n\r\n", path="/x")
ok("GET http://t/x?y=z", b"GET http://t/x?y=z HTTP/1.1\r\nHost: u\r\n\r\n", path="/x", query="y=z")
ok("GET http://t", b"GET http://t HTTP/1.1\r\nHost: t\r\n\r\n", path="/", query="")
ok("GET http://t?y", b"GET http://t?y HTTP/1.1\r\nHost: t\r\n\r\n", path="/", query="y")
ok("GET http://t:80/x", b"GET http://t:80/x HTTP/1.1\r\nHost: t\r\n\r\n", path="/x")
ok("GET http://u:p@t/x", b"GET http://u:p@t/x HTTP/1.1\r\nHost: t\r\n\r\n", path="/x")
ok("GET http://[::1]:80/x", b"GET http://[::1]:80/x HTTP/1.1\r\nHost: t\r\n\r\n", path="/x")
ok("GET https://t/x", b"GET https://t/x HTTP/1.1\r\nHost: t\r\n\r\n", path="/x")
ok("GET HTTP://T/X", b"GET HTTP://T/X HTTP/1.1\r\nHost: t\r\n\r\n", path="/X")
ok("GET http://t/x?http://u/y", b"GET http://t/x?http://u/y HTTP/1.1\r\nHost: t\r\n\r\n", path="/x", query="http://u/y")
ok("GET /http://u/y", b"GET /http://u/y HTTP/1.1\r\nHost: t\r\n\r\n", path="/http://u/y")
no(400, "no host", b"GET http:///x HTTP/1.1\r\nHost: t\r\n\r\n", differs="no host in target")
no(400, "no host", b"GET http://?x HTTP/1.1\r\nHost: t\r\n\r\n", differs="no host in target")
ok("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n", path="*", query="")
ok("GET *", b"GET * HTTP/1.1\r\nHost: t\r\n\r\n", path="*")
ok("GET *x", b"GET *x HTTP/1.1\r\nHost: t\r\n\r\n", path="*x")
ok("CONNECT t:80", b"CONNECT t:80 HTTP/1.1\r\nHost: t:80\r\n\r\n", path="", query="")
ok("CONNECT [::1]:443", b"CONNECT [::1]:443 HTTP/1.1\r\nHost: t\r\n\r\n", path="")
ok("CONNECT t:65535", b"CONNECT t:65535 HTTP/1.1\r\nHost: t\r\n\r\n")
ok("CONNECT t:80", b"CONNECT t:80 HTTP/1.0\r\n\r\n", version="1.0")
for target in (
    "t",
    "/x",
    "t:",
    "t:0",
    "t:65536",
    "t:99999999",
    "t:x",
    ":80",
    "http://t/",
    "t:80/",
    "t:80?x",
    "u@t:80",
    "*",
    "[::1]",
):
    no(400, "CONNECT wants", f"CONNECT {target} HTTP/1.1\r\nHost: t\r\n\r\n".encode(), differs="CONNECT target")
for target in ("x", "x/y", "t:80", "urn:a", "http:/x", "?x", "#x", "://t/", "1://t/x", "ht%20tp://t/", "a_b://t/"):
    no(400, "malformed", f"GET {target} HTTP/1.1\r\nHost: t\r\n\r\n".encode(), differs="target characters")
for byte in b"\0\x01\x08\x0b\x1f\x7f\x80\xa0\xc3\xff":
    no(400, "malformed", b"GET /a%cb HTTP/1.1\r\nHost: t\r\n\r\n" % byte)
    no(400, "malformed", b"GET /?a%cb HTTP/1.1\r\nHost: t\r\n\r\n" % byte)
ok("GET /" + "a" * 8000, b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\nHost: t\r\n\r\n")

# -- the fields -------------------------------------------------------------------------------------------------------

group("Host")
for value in (
    "",
    "t",
    "T.example",
    "t:",
    "t:80",
    "127.0.0.1:8080",
    "[::1]",
    "[::1]:80",
    "[v1.a:b]",
    "a_b",
    "%41",
    "t.",
    "a,b",
    "x!$&'()*+;=~",
):
    ok("GET /", f"GET / HTTP/1.1\r\nHost: {value}\r\n\r\n".encode(), headers=[("Host", value)])
ok("GET /", b"GET / HTTP/1.1\r\nHOST:t\r\n\r\n", headers=[("HOST", "t")])
ok("GET /", b"GET / HTTP/1.1\r\nhost: \t t\t \r\n\r\n", headers=[("host", "t")])
ok("GET /", b"GET / HTTP/1.1\r\nX: Host: a\r\nHost: t\r\nHosts: b\r\nX-Host: c\r\n\r\n")
no(400, "no Host", b"GET / HTTP/1.1\r\n\r\n", differs="no Host")
no(400, "no Host", b"GET / HTTP/1.1\r\nX: Host: t\r\n\r\n", differs="no Host")
no(400, "no Host", b"GET / HTTP/1.1\r\nHosts: t\r\n\r\n", differs="no Host")
no(400, "no Host", b"GET http://t/ HTTP/1.1\r\n\r\n", differs="no Host")
no(400, "2 Host", b"GET / HTTP/1.1\r\nHost: t\r\nHost: t\r\n\r\n", differs="two Hosts")
no(400, "2 Host", b"GET / HTTP/1.1\r\nHost: t\r\nX: y\r\nhost: u\r\n\r\n", differs="two Hosts")
no(400, "3 Host", b"GET / HTTP/1.1\r\nHost: t\r\nHost: t\r\nHost:\r\n\r\n", differs="two Hosts")
no(400, "2 Host", b"GET / HTTP/1.0\r\nHost: t\r\nHost: t\r\n\r\n", differs="two Hosts")
for value in (
    "a b",
    "a/b",
    "u@t",
    "t:x",
    "t:80:80",
    "http://t",
    "::1",
    "[::1",
    "[]",
    "a\tb",
    "a?b",
    "%4",
    "<t>",
    "t#",
    "\\",
    "{t}",
):
    no(400, "Host is not", f"GET / HTTP/1.1\r\nHost: {value}\r\n\r\n".encode(), differs="Host value")
no(400, "Host is not", b"GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", differs="Host value")

group("field names")
for byte in b"!#$%&'*+-.^_`|~09azAZ":
    ok(
        "GET /",
        b"GET / HTTP/1.1\r\nHost: t\r\nA%cB: y\r\n\r\n" % byte,
        headers=[("Host", "t"), (f"A{chr(byte)}B", "y")],
    )
for byte in b'"(),/;<=>?@[\\]{} \t\0\x01\x0b\x7f\x80\xff':
    no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nA%cB: y\r\n\r\n" % byte)
    no(
        400,
        "malformed",
        b"GET / HTTP/1.1\r\nHost: t\r\n%cAB: y\r\n\r\n" % byte,
        differs="folding" if byte in b" \t" else None,
    )
    no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nAB%c: y\r\n\r\n" % byte)
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\n: y\r\n\r\n")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nX\r\n\r\n")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost : t\r\n\r\n")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost\t: t\r\n\r\n")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nContent-Length : 5\r\n\r\nhello")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n")
no(400, "malformed", b"GET / HTTP/1.1\r\n Host: t\r\n\r\n")
no(400, "malformed", b"GET / HTTP/1.1\r\nGET / HTTP/1.1\r\nHost: t\r\n\r\n")
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\n" + b"x" * 5000 + b": y\r\n\r\n")

group("field values")
ok(
    "GET /",
    b"GET / HTTP/1.1\r\nHost: t\r\nX:\r\nY: \r\nZ:\t \t\r\n\r\n",
    headers=[("Host", "t"), ("X", ""), ("Y", ""), ("Z", "")],
)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nX: a b\tc  d\r\n\r\n", headers=[("Host", "t"), ("X", "a b\tc  d")])
ok(
    "GET /",
    b"GET / HTTP/1.1\r\nHost: t\r\nX:a\r\nX:  b  \r\nx: a\r\n\r\n",
    headers=[("Host", "t"), ("X", "a"), ("X", "b"), ("x", "a")],
)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nX: a:b: c\r\n\r\n", headers=[("Host", "t"), ("X", "a:b: c")])
ok(
    "GET /",
    b"GET / HTTP/1.1\r\nHost: t\r\nX: \xc3\xa9\xff\x80\r\n\r\n",
    headers=[("Host", "t"), ("X", "\xc3\xa9\xff\x80")],
)
ok("GET /", b'GET / HTTP/1.1\r\nHost: t\r\nX: "a, b"; c="\\""\r\n\r\n')
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"y" * 20000 + b"\r\n\r\n")
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\n" + b"X: y\r\n" * 1000 + b"\r\n")
for byte in b"\0\x01\x02\x07\x08\x0b\x0c\x0e\x1b\x1f\x7f":
    no(
        400,
        "malformed",
        b"GET / HTTP/1.1\r\nHost: t\r\nX: a%cb\r\n\r\n" % byte,
        differs=None if chr(byte) in "\0\x0b\x0c" else "control characters",
    )
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nX: a\rb\r\n\r\n")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\r\n\r\n")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nX: \0\r\n\r\n")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nX: a\nY: b\r\n\r\n", differs="bare LF")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\n\r\n", differs="bare LF")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\n\n", differs="bare LF")
no(400, "request line", b"GET / HTTP/1.1\nHost: t\n\n", differs="bare LF")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n b\r\n\r\n", differs="folding")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n\tb\r\n\r\n", differs="folding")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nX:\r\n a\r\n\r\n", differs="folding")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost: t\r\nX: a\r\n \r\n\r\n", differs="folding")
no(400, "malformed", b"GET / HTTP/1.1\r\nHost:\r\n t\r\n\r\n", differs="folding")
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length:\r\n 2\r\n\r\nhi", differs="folding")
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    differs="folding",
)

# -- persistence and upgrades -----------------------------------------------------------------------------------------

group("persistence")
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", keep_alive=False)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Close\r\n\r\n", keep_alive=False)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: keep-alive\r\n\r\n", keep_alive=True)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: foo, close\r\n\r\n", keep_alive=False)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: foo\r\nConnection: close\r\n\r\n", keep_alive=False)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: keep-alive, close\r\n\r\n", keep_alive=False)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: closed\r\n\r\n", keep_alive=True)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection:\r\n\r\n", keep_alive=True)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nX: Connection: close\r\n\r\n", keep_alive=True)
ok("GET /", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", keep_alive=True)
ok("GET /", b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", keep_alive=True)
ok("GET /", b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", keep_alive=False)
ok("GET /", b"GET / HTTP/1.0\r\nConnection: foo\r\n\r\n", keep_alive=False)
ok("GET /", b"GET / HTTP/1.0\r\nConnection:\r\n\r\n", keep_alive=False)

group("Expect")
ok(
    "POST /",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi",
    expects=True,
    body=b"hi",
)
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nexpect: 100-Continue\r\n\r\nhi", expects=True)
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: x, 100-continue\r\n\r\nhi", expects=True)
ok(
    "POST /",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: x\r\nExpect: 100-continue\r\n\r\nhi",
    expects=True,
)
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect: 100-continued\r\n\r\nhi", expects=False)
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\nExpect:\r\n\r\nhi", expects=False)
ok("POST /", b"POST / HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi", expects=False)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nExpect: 100-continue\r\n\r\n", body=b"")

group("upgrades")
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", keep_alive=True)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\n\r\n")
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\n\r\n")
ok(
    "GET /",
    b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n\r\n", keep_alive=False)
ok(
    "POST /",
    b"POST / HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello",
    body=b"hello",
    differs="upgrade body",
)
ok(
    "POST /",
    b"POST / HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    body=b"hello",
    chunks=[5],
    differs="upgrade body",
)
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    differs="upgrade body",
)
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloGET / HTTP/1.1\r\n",
    differs="upgrade body",
)
ok(
    "CONNECT t:80",
    b"CONNECT t:80 HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi",
    body=b"hi",
    differs="upgrade body",
)

# -- bodies -----------------------------------------------------------------------------------------------------------

group("Content-Length")
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello", body=b"hello", length=5)
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\n\r\n", body=b"", length=0)
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\n\r\n", body=b"", length=None)
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello", body=b"hello")
ok("HEAD /", b"HEAD / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhello", body=b"hello")
ok("POST /", b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", body=b"hello")
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\ncontent-length:5\r\n\r\nhello", body=b"hello")
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: \t5 \r\n\r\nhello", body=b"hello")
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 005\r\n\r\nhello", body=b"hello", length=5)
ok(
    "POST /",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: " + b"0" * 6000 + b"5\r\n\r\nhello",
    body=b"hello",
    differs="long length",
)
ok(
    "POST /",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: " + b"0" * 6000 + b"\r\n\r\n",
    body=b"",
    differs="long length",
)
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nX: Content-Length: 9\r\nContent-Length: 5\r\n\r\nhello", body=b"hello")
ok(
    "POST /",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    body=b"GET / HTTP/1.1\r\n\r\n",
)
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 256\r\n\r\n" + bytes(range(256)), body=bytes(range(256)))
waits("after 4 of 5 body bytes", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\nhell")
waits("after 0 of 5 body bytes", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\n\r\n")
waits("after 1 of 18446744073709551615", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 18446744073709551615\r\n\r\na")
for value in (
    "-1",
    "+5",
    "5.0",
    "0x5",
    "5a",
    "a5",
    "five",
    "5 5",
    "5;",
    "5,",
    ",5",
    "5, 6",
    "1e1",
    '"5"',
    "5\x0b",
    "\xb2",
    "18446744073709551616",
    "9" * 20,
):
    no(
        400,
        "malformed",
        b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: " + value.encode("latin-1") + b"\r\n\r\nhello",
        differs={"18446744073709551616": "huge length", "9" * 20: "huge length", "5,": None}.get(value),
    )
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length:\r\n\r\nhello")
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\nX: y\r\ncontent-length: 5\r\n\r\nhello")
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    differs="equal lengths",
)
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5, 5\r\n\r\nhello", differs="equal lengths")
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    differs="equal lengths",
)

group("Transfer-Encoding")
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", body=b"", chunks=[])
ok(
    "POST /",
    b"POST / HTTP/1.1\r\nHost: t\r\nTRANSFER-ENCODING:Chunked\r\n\r\n0\r\n\r\n",
    body=b"",
    differs="case of chunked",
)
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: \t chunked  \r\n\r\n0\r\n\r\n", body=b"")
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", body=b"hi")
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nX: Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", differs="coding list")
ok("POST /", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: , ,, chunked\r\n\r\n0\r\n\r\n", differs="coding list")
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n")
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n",
    differs="coding list",
)
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n")
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: ,\r\n\r\n0\r\n\r\n")
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n")
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
)
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n")
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
)
no(501, "coding 'gzip'", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip\r\n\r\nhello")
no(
    501,
    "coding 'gzip'",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    differs="other codings",
)
no(
    501,
    "coding 'gzip'",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: GZip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    differs="other codings",
)
no(
    501,
    "coding 'x'",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: x;q=1, chunked\r\n\r\n0\r\n\r\n",
    differs="other codings",
)
no(501, "coding 'identity'", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: identity\r\n\r\n")
no(
    501,
    "coding 'identity'",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
    differs="other codings",
)
no(501, "coding 'xchunked'", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")
no(501, "coding 'chunkedx'", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n")
no(501, "coding 'chunked'", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n")
no(501, "coding '\"chunked\"'", b'POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n')
no(501, "coding 'chunk ed'", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunk ed\r\n\r\n0\r\n\r\n")
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n")
no(400, "HTTP/1.0", b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", differs="coding in 1.0")
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    differs="length and coding",
)
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    differs="length and coding",
)
no(400, "malformed", b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n\r\nhello")
no(
    400,
    "malformed",
    b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 0\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    differs="length and coding",
)

_CHUNKED = b"POST / HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(raw, **expected):
    ok("POST /", _CHUNKED + raw, **expected)


def not_chunked(words, raw, *, status=400, differs=None):
    no(status, words, _CHUNKED + raw, differs=differs)


group("chunks")
chunked(b"5\r\nhello\r\n0\r\n\r\n", body=b"hello", chunks=[5], trailers=[])
chunked(b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n", body=b"abcdef", chunks=[1, 2, 3])
chunked(b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", body=b"01234567890123456789", chunks=[10, 10])
chunked(b"10\r\n0123456789abcdef\r\n0\r\n\r\n", body=b"0123456789abcdef", chunks=[16])
chunked(b"005\r\nhello\r\n000\r\n\r\n", body=b"hello", chunks=[5])
chunked(b"0000000000000005\r\nhello\r\n0\r\n\r\n", body=b"hello")
chunked(b"0" * 30 + b"5\r\nhello\r\n0\r\n\r\n", body=b"hello", differs="long chunk size")
chunked(b"5\r\n\r\n0\r\n\r\n0\r\n\r\n", body=b"\r\n0\r\n", chunks=[5])
chunked(b"2\r\n\r\n\r\n0\r\n\r\n", body=b"\r\n")
chunked(b"100\r\n" + bytes(range(256)) + b"\r\n0\r\n\r\n", body=bytes(range(256)), chunks=[256])
waits("chunked body, after 0 bytes", _CHUNKED)
waits("chunked body, after 0 bytes", _CHUNKED + b"5")
waits("chunked body, after 0 bytes", _CHUNKED + b"5\r")
waits("chunked body, after 0 bytes", _CHUNKED + b"5\r\n")
waits("chunked body, after 2 bytes", _CHUNKED + b"5\r\nhe")
waits("chunked body, after 5 bytes", _CHUNKED + b"5\r\nhello")
waits("chunked body, after 5 bytes", _CHUNKED + b"5\r\nhello\r")
waits("chunked body, after 5 bytes", _CHUNKED + b"5\r\nhello\r\n")
waits("chunked body, after 5 bytes", _CHUNKED + b"5\r\nhello\r\n0")
waits("chunked body, after 5 bytes", _CHUNKED + b"5\r\nhello\r\n0\r\n")
waits("chunked body, after 5 bytes", _CHUNKED + b"5\r\nhello\r\n0\r\n\r")
waits("chunked body, after 5 bytes", _CHUNKED + b"5\r\nhello\r\n0\r\nX: y\r\n")
waits("chunked body, after 0 bytes", _CHUNKED + b"ffffffffffffffff\r\n")
not_chunked("malformed", b"10000000000000000\r\n", differs="chunk too large")
not_chunked("malformed", b"fffffffffffffffff\r\n", differs="chunk too large")
not_chunked("malformed", b"1" * 21 + b"\r\n")
not_chunked("malformed", b"\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"g\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"0x5\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"+5\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"-5\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"5_0\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"5.\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"\xb5\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b" 5\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"5 \r\nhello\r\n0\r\n\r\n", differs="chunk spaces")
not_chunked("malformed", b"5\t\r\nhello\r\n0\r\n\r\n", differs="chunk spaces")
not_chunked("malformed", b"5 5\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"5\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"5\r\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"5\rhello\r\n0\r\n\r\n")
not_chunked("malformed", b"5\r\nhello\n0\r\n\r\n")
not_chunked("malformed", b"5\r\nhello\r0\r\n\r\n")
not_chunked("malformed", b"5\r\nhello0\r\n\r\n")
not_chunked("malformed", b"5\r\nhello!\r\n0\r\n\r\n")
not_chunked("malformed", b"5\r\nhell\r\n0\r\n\r\n")
not_chunked("malformed", b"5\r\nhello\r\n\r\n0\r\n\r\n")
not_chunked("malformed", b"5\r\nhello\r\r\n0\r\n\r\n")
not_chunked("malformed", b"0\n\r\n")
not_chunked("malformed", b"0\r\n\n", differs="bare LF")
not_chunked("malformed", b"0\r\n\rX", differs="early refusal")
not_chunked("malformed", b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")

group("chunk extensions")
chunked(b"5;a\r\nhello\r\n0\r\n\r\n", body=b"hello", chunks=[5])
chunked(b"5;a=b\r\nhello\r\n0\r\n\r\n", body=b"hello")
chunked(b"5;a=b;c;d=e\r\nhello\r\n0;f\r\n\r\n", body=b"hello")
chunked(b'5;a="b;c=\xe9 d"\r\nhello\r\n0\r\n\r\n', body=b"hello")
chunked(b'5;a="\\"\\\\"\r\nhello\r\n0\r\n\r\n', body=b"hello")
chunked(b'5;a=""\r\nhello\r\n0\r\n\r\n', body=b"hello")
chunked(b"5;" + b"a" * 16000 + b"\r\nhello\r\n0\r\n\r\n", body=b"hello")
not_chunked("longer than", b"5;" + b"a" * 20000 + b"\r\nhello\r\n0\r\n\r\n", differs="long extension")
not_chunked("malformed", b"5 ;a\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"5; a\r\nhello\r\n0\r\n\r\n", differs="chunk spaces")
not_chunked("malformed", b"5;a =b\r\nhello\r\n0\r\n\r\n", differs="chunk spaces")
not_chunked("malformed", b"5;a= b\r\nhello\r\n0\r\n\r\n", differs="chunk spaces")
not_chunked("malformed", b"5;a \r\nhello\r\n0\r\n\r\n", differs="chunk spaces")
not_chunked("malformed", b"5;\r\nhello\r\n0\r\n\r\n", differs="chunk extension")
not_chunked("malformed", b"5;;\r\nhello\r\n0\r\n\r\n", differs="chunk extension")
not_chunked("malformed", b"5;=b\r\nhello\r\n0\r\n\r\n", differs="chunk extension")
not_chunked("malformed", b"5;a=\r\nhello\r\n0\r\n\r\n", differs="chunk extension")
not_chunked("malformed", b'5;a="\r\nhello\r\n0\r\n\r\n', differs="chunk extension")
not_chunked("malformed", b'5;a="b"c\r\nhello\r\n0\r\n\r\n', differs="chunk extension")
not_chunked("malformed", b'5;a=b"c"\r\nhello\r\n0\r\n\r\n', differs="chunk extension")
not_chunked("malformed", b"5;\xff\r\nhello\r\n0\r\n\r\n", differs="chunk extension")
not_chunked("malformed", b"5;a\nb\r\nhello\r\n0\r\n\r\n")
not_chunked("malformed", b"5;a\rb\r\nhello\r\n0\r\n\r\n", differs="control in extension")
not_chunked("malformed", b'5;a="\n"\r\nhello\r\n0\r\n\r\n')
not_chunked("malformed", b"5;a\0b\r\nhello\r\n0\r\n\r\n", differs="control in extension")
not_chunked("malformed", b"5a;\x01=b\r\nhello\r\n0\r\n\r\n", differs="early refusal")

group("trailers")
chunked(b"0\r\nX: y\r\n\r\n", body=b"", trailers=[("X", "y")])
chunked(b"2\r\nhi\r\n0\r\nX: y\r\nX:  z \r\nA:\r\n\r\n", body=b"hi", trailers=[("X", "y"), ("X", "z"), ("A", "")])
chunked(b"0\r\nX: a:b\xff\r\n\r\n", trailers=[("X", "a:b\xff")])
chunked(
    b"0\r\nHost: u\r\nConnection: close\r\n\r\n", trailers=[("Host", "u"), ("Connection", "close")], keep_alive=True
)
chunked(b"0\r\nX: " + b"y" * 5000 + b"\r\n\r\n")
chunked(b"0\r\n" + b"X: y\r\n" * 500 + b"\r\n")
no(431, "trailers", _CHUNKED + b"0\r\nX: " + b"y" * 70000 + b"\r\n\r\n", differs="sizes")
no(431, "trailers", _CHUNKED + b"0\r\n" + b"X: y\r\n" * 20000 + b"\r\n", differs="sizes")
not_chunked("malformed", b"0\r\nX\r\n\r\n")
not_chunked("malformed", b"0\r\nX : y\r\n\r\n")
not_chunked("malformed", b"0\r\n: y\r\n\r\n")
not_chunked("malformed", b"0\r\n X: y\r\n\r\n")
not_chunked("malformed", b"0\r\nX: y\r\n z\r\n\r\n", differs="folding")
not_chunked("malformed", b"0\r\nX: y\nZ: a\r\n\r\n", differs="bare LF")
not_chunked("malformed", b"0\r\nX: y\n\n", differs="bare LF")
not_chunked("malformed", b"0\r\nX: y\rz\r\n\r\n")
not_chunked("malformed", b"0\r\nX: \0\r\n\r\n")
not_chunked("malformed", b"0\r\nX(: y\r\n\r\n")
not_chunked("malformed", b"0\r\nContent-Length: 5\r\n\r\n", differs="framing in trailers")
not_chunked("malformed", b"0\r\nTransfer-Encoding: chunked\r\n\r\n", differs="framing in trailers")

# -- sizes ------------------------------------------------------------------------------------------------------------

group("sizes")
ok("GET /", b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"y" * (65536 - 32) + b"\r\n\r\n")
no(431, "larger than 65536", b"GET / HTTP/1.1\r\nHost: t\r\nX: " + b"y" * (65537 - 32) + b"\r\n\r\n", differs="sizes")
no(431, "larger than 65536", b"GET /" + b"y" * 70000 + b" HTTP/1.1\r\nHost: t\r\n\r\n", differs="sizes")
no(431, "larger than 65536", b"\r\n" * 40000, differs="sizes")
no(431, "larger than 65536", b"GET / HTTP/1.1\r\nHost: t\r\n" + b"X: y\r\n" * 20000 + b"\r\n", differs="sizes")

CASES = [case for cases in _cases.values() for case in cases]
