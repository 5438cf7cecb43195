"""Sizes and bounds, each with its reason."""

from __future__ import annotations

READ_SIZE = 16 * 1024
"""One `recv` between requests: a client's head has 100 to 2,000 bytes, and a larger buffer costs time to allocate."""

LOOKAHEAD = 8 * 1024
"""How far a chunked request is looked ahead for a position: half of what one look sees, and far less than any receive
buffer holds unread."""

BODY_READ_SIZE = 1024 * 1024
"""One `recv` inside a body that has so much left: 64 MiB took 46 ms of CPU time at 256 KiB and 35 ms at this, as each
piece that is written to a file has its price, and a file takes larger pieces in larger pages."""

BATCH_SIZE = 256 * 1024
"""Bytes of pipelined requests that are looked at, or of their answers that are sent, at once."""

READS_A_TURN = 4
"""How often one connection may be read, edge-triggered, before the others get their turn: a flood delays nobody. One
read of a flood of requests has 500 of them, which are some milliseconds of work; of an upload it has 1 MiB, which is
half a millisecond."""

DRAIN_SECONDS = 60.0
"""How long a half-closed connection is drained: a client's pool may hold a dead socket for long, a test does not."""

SMALL_BODY = 64 * 1024
"""Up to here head and body are one piece of bytes, one `send`; beyond, copying would cost more than a second one."""

HEADS_REMEMBERED = 1024
"""Distinct request heads that a server remembers; a test has a handful, a fuzzer must not fill the memory."""

PIPELINE_DEPTH = 1024
"""Requests of one connection that are read before the first is answered; then the client meets back-pressure."""

FEED_DEPTH = 16
"""Items that a worker may be ahead of the connection that it feeds: enough that neither waits for each other's turn."""

SPILL_SIZE = 1024 * 1024
"""Bytes of a request beyond which they are kept in a file."""

PREVIEW = 256
"""Bytes of a segment that its fact keeps: enough for a line of the timeline; the rest is in the record's window."""

WINDOW = 256 * 1024
"""Bytes that a connection keeps of the beginning and of the end of each direction."""

BARRIER_NS = 1_000_000_000
"""How long a barrier may go on while clients flood or thousands are active: a second, a fifth of a read's patience."""

SHORTEST_BARRIER_NS = 2_000_000
"""What is left of that after several barriers in a row that found no end: a handful of reads of every client."""

STOP_BARRIER_NS = 200_000_000
"""The same for the last one, and for those before it once the server is to stop: `stop()` has one second in all."""


class Default(float):
    """A number that a caller did not give: a setting may take its place, unlike that of an equal one that was given."""

    __slots__ = ()


WAIT_SECONDS = Default(5.0)
"""The default deadline of every wait: long enough for a loaded machine, short enough to sit through once."""

ANSWER_SECONDS = 10.0
"""What a reader gives the server's thread to answer. That waits for nobody: only code of the test that blocks it, or a
machine that starves it, takes longer."""

STOP_SECONDS = 1.0
"""What `stop()` may take at the most, whatever clients and handlers do."""
