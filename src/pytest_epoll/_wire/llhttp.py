"""llhttp, the HTTP/1.1 parser of node, in its strict mode: it says whether bytes are well formed.

Facts
- httptools tells no offsets: not where a head ends, not how large a chunk is, not where in a buffer a message is over.
  It can't be stopped in mid-buffer, and fires once for each message of pipelined input.
- A callback for each header costs 2 us a request. Without one llhttp validates and frames at the same price for any
  number of headers.
- It accepts what RFC 9112 does not: a request line without a version, HTTP/2.0, RTSP/1.0, two spaces, no Host. It
  refuses a method or a version that it does not know before the line is over.
- After a head with an Upgrade it takes the next byte for the beginning of another message, also inside a body.

What we do. Here it is a validator and no more: `http1_reader` finds where things begin and end, shows it slices, and
the two have to agree.
"""

from __future__ import annotations

import httptools


class _Progress:
    """What llhttp calls back: how far it has come. Its owner must not be the validator, that would be a cycle."""

    __slots__ = ("has_head", "is_done")

    def __init__(self) -> None:
        self.has_head = False
        self.is_done = False

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_message_complete(self) -> None:
        self.is_done = True


class Validator:
    """One parser of a message, or of a part of one; see the module's docstring."""

    __slots__ = ("_parser", "objection", "progress")

    def __init__(self) -> None:
        self.progress = _Progress()
        self.objection = ""  # in words
        self._parser = httptools.HttpRequestParser(self.progress)

    def accepts(self, data: bytes) -> bool:
        """Show bytes to llhttp; return whether it has nothing against them."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # an Upgrade that nobody asked for is ignored (RFC 9110 section 7.8), and CONNECT is routed like GET
        except httptools.HttpParserError as error:
            self.objection = f"malformed: {error}"
            return False
        return True
