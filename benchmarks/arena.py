"""Where servers and loads of one benchmark live: all of them end when it does."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from benchmarks.load import CONNECTIONS, Load, bare, open_connection, read_answer
from benchmarks.measure import Subject
from benchmarks.processes import Host

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence


_UNACCEPTED = 64
"""How many connections may wait to be accepted: half of what Python programs usually give listen(2)."""


class Arena(ExitStack):
    """Starts servers and loads, and ends them."""

    def host(self, name: str, **options: object) -> Host:
        """Start a server in a process of its own.

        Raises:
            NotYet: it can't be started.
        """
        return self.enter_context(Host(name, **options))

    def load(
        self, host: Host, requests: bytes | Sequence[bytes], *, connections: int = CONNECTIONS, pipeline: int = 1
    ) -> Load:
        """Connect a load to a server."""
        load = Load(host.port, requests, connections=connections, pipeline=pipeline)
        self.callback(load.close)
        return load

    def subject(
        self, name: str, contestant: str, request: bytes | None = None, *, pipeline: int = 1, **options: object
    ) -> Subject:
        """Start a server and a load that asks it one request, the smallest there is if none is given."""
        host = self.host(contestant, **options)
        return Subject(name, host, self.load(host, request or bare(), pipeline=pipeline))

    def connections(self, host: Host, count: int) -> list[socket.socket]:
        """Open connections that stay as they are; returns when the server has accepted them.

        Every so often the newest one asks: its answer shows that all before it have been accepted. A client that does
        not wait fills the queue (listen(2)), and is made to wait for a second by the first SYN that finds it full.
        """
        opened = []
        for index in range(1, count + 1):
            sock = self.enter_context(open_connection(host.port))
            opened.append(sock)
            if index % _UNACCEPTED == 0 or index == count:
                sock.sendall(bare())
                read_answer(sock)
        return opened
