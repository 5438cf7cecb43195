"""The record of a server: facts, connections, requests and what went wrong.

Written on the loop thread, read by others behind the barrier. A request that came in one piece and was answered in one
piece has no record of its own: its place in `requests` holds its one fact, and `request_record` makes the record when
somebody looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakSet

from pytest_epoll._core import clock, timeline
from pytest_epoll._core.limits import WINDOW
from pytest_epoll._core.messages import RequestRecord, Window
from pytest_epoll._serving.spool import FileSpool
from pytest_epoll.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.messages import ConnectionRecord, Mishap
    from pytest_epoll._core.request_head import Head
    from pytest_epoll._core.timeline import Fact


class Journal:
    """Everything that a server has seen."""

    def __init__(self, parse_head: Callable[[bytes], Head]) -> None:
        self.facts: list[Fact] = []
        self.cleared: list[Fact] = []  # what was forgotten last; the report of a test that ends with that shows it
        self.connections: list[ConnectionRecord] = []
        self.accepted = 0  # connections ever; their indexes go on counting when the record is cleared
        self.elsewhere: dict[int, int] = {}  # which listener has accepted a connection, if it was not the first one
        self.requests: list[Fact | RequestRecord] = []
        self.unmatched: list[tuple[RequestRecord, str]] = []  # each with why, as the routes were at that time
        self.malformed: list[RequestRecord] = []
        self.mishaps: list[Mishap] = []  # what the test's own code raised
        self.marks: list[tuple[str, int, int]] = []  # name, connection, when
        self._spools: WeakSet[FileSpool] = WeakSet()
        self.reading: set[RequestRecord] = set()  # listed and not yet read to the end
        self._unsettled: dict[int, Window] = {}  # of answers that are being sent, by connection
        self._parse_head = parse_head
        self._earlier: dict[
            int, ConnectionRecord
        ] = {}  # open when the record was cleared; requests may still come on them

    def make_spool(self) -> FileSpool:
        """Return a file for the bytes of one large request."""
        spool = FileSpool()
        self._spools.add(spool)
        return spool

    def release_files(self) -> None:
        """Release what large requests are kept in; they can't be read any more."""
        for spool in list(self._spools):
            spool.close()

    @property
    def ended(self) -> int:
        """How many requests are no longer being read."""
        return len(self.requests) - len(self.reading)

    def record_at(self, requests: list[Fact | RequestRecord], index: int) -> RequestRecord:
        """Return the record at that place of a list of requests; callable from any thread behind the barrier."""
        entry = requests[index]
        if not isinstance(entry, RequestRecord):
            entry = requests[index] = self.unfold(entry)
        return entry

    def connection(self, index: int) -> ConnectionRecord:
        """Return the connection with that index; those on record are consecutive.

        Raises:
            UsageError: it had ended when the record was cleared.
        """
        if self.connections and index >= self.connections[0].index:
            return self.connections[index - self.connections[0].index]
        if index not in self._earlier:
            message = f"c{index} had ended when the records were cleared, and nothing is known of it any more"
            raise UsageError(message)
        return self._earlier[index]

    def unfold(self, fact: Fact) -> RequestRecord:
        """Return the record that an uneventful exchange's fact stands for."""
        at_ns, connection, exchange, _, sent, raw_head, route, _, status, image, responded_ns = fact
        record = RequestRecord(connection, exchange, at_ns)
        record.head = self._parse_head(raw_head)
        record.raw.append(raw_head)
        record.raw_size = len(raw_head)
        record.complete = True
        record.head_received_ns = record.body_received_ns = at_ns
        record.route = route
        record.status = status
        record.add_sent(memoryview(image)[:sent], responded_ns)
        record.body_sent = max(0, sent - image.find(b"\r\n\r\n") - 4)
        return record

    def records_on(self, connection: int) -> list[RequestRecord]:
        """Return the records of the requests that came on the connection with that index, in order."""
        return [
            self.record_at(self.requests, place)
            for place, entry in enumerate(self.requests)
            if (entry.connection if isinstance(entry, RequestRecord) else entry[1]) == connection
        ]

    def received_on(self, connection: ConnectionRecord) -> Window:
        """Return what was read from a connection: each request has its own bytes, the connection the rest."""
        if connection.transcript is not None:
            return connection.transcript.received
        window = Window()
        records = self.records_on(connection.index)
        if connection.unlisted is not None:
            records.append(connection.unlisted)
        for record in records:
            for piece in record.raw:
                window.add(piece)
            kept = sum(map(len, record.raw))
            if record.spool is not None:
                size = record.spool.size
                window.add(record.spool.read(0, WINDOW))
                window.skip(max(size - 2 * WINDOW, 0))
                window.add(record.spool.read(max(size - WINDOW, WINDOW)))
            else:
                window.skip(record.raw_size - kept)
        if connection.discarded is not None:
            window.add_window(connection.discarded)
        return window

    def sent_on(self, connection: ConnectionRecord) -> Window:
        """Return what was sent on a connection, answer by answer."""
        if connection.transcript is not None:
            return connection.transcript.sent
        window = Window()
        for record in self.records_on(connection.index):
            window.add(record.interim)
            window.add_window(record.sent)
        return window

    def watch_sent(self, record: RequestRecord, *, has_more: bool) -> None:
        """Have what is kept of an answer settled once all of it was sent, or its connection has ended."""
        if has_more:
            self._unsettled[record.connection] = record.sent
        else:
            record.sent.settle()
            self._unsettled.pop(record.connection, None)

    def connection_ended(self, index: int) -> None:
        """Settle what is kept of an answer that was cut off."""
        window = self._unsettled.pop(index, None)
        if window is not None:
            window.settle()

    def records(self) -> list[RequestRecord]:
        """Return all records, in order of arrival; callable from any thread behind the barrier."""
        return [self.record_at(self.requests, index) for index in range(len(self.requests))]

    def note(self, at_ns: int, record: RequestRecord, kind: str, size: int = 0, detail: object = None) -> None:
        """Append a fact about a request."""
        self.facts.append((at_ns, record.connection, record.exchange, kind, size, detail))

    def note_mark(self, name: str, connection: int) -> None:
        """Write down that a script has come to a mark."""
        at_ns = clock.now_ns()
        self.marks.append((name, connection, at_ns))
        self.facts.append((at_ns, connection, timeline.NO_EXCHANGE, timeline.MARK, 0, name))

    def unfired(self) -> list[tuple[int, int, int, str, str]]:
        """Return (route, reply, place, repr, why) of each fault that was armed at least once and never fired."""
        armed: dict[tuple[int, int, int, str, str], None] = {}
        fired = set()
        for fact in self.facts:
            if fact[3] == timeline.ARMED:
                armed[fact[5]] = None
            elif fact[3] == timeline.FAULT:
                fired.add(fact[5])
        return [detail for detail in armed if detail[:4] not in fired]

    def clear(self) -> None:
        """Forget all records; what is in flight goes on, unlisted, and indexes go on counting. Loop thread only.

        The lists are replaced, not emptied: a snapshot that somebody holds stays what it was.
        """
        self.cleared = self.facts or self.cleared
        self._earlier = {record.index: record for record in self.connections if record.ended_ns is None}
        self.facts = []
        self.connections = []
        self.requests = []
        self.unmatched = []
        self.malformed = []
        self.mishaps = []
        self.marks = []
        self.reading = set()
