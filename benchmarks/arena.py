"""Where servers and loads of one benchmark live: all of them end when it does.

Facts
- A load in Python takes as long for a request as the fastest server. On two cores whoever is ahead by chance waits for
  the other, once in 60 requests or after each one, and a server that waits pays for its wake-ups: in some runs the
  raw loop found 60 events at a wake-up, in others 6, and the ratio to it was 0.77 or 0.90.
- On one core client and server alternate, unless a wake-up makes the scheduler preempt whoever has caused it; it does
  not do so among processes of the class SCHED_BATCH (sched(7)).

What we do. In an arena all of them share one core and that class: the client asks on every connection, the server
answers all that is there, and so on. `saturation` shows it: some 60 events at each wake-up of 64 connections.

What it costs: a run takes longer, as nothing overlaps. CPU time is what we count, so that is all.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from benchmarks.load import CONNECTIONS, Load, bare, open_connection, read_answer
from benchmarks.measure import Subject
from benchmarks.processes import Host

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from typing_extensions import Self


_UNACCEPTED = 64
"""How many connections may wait to be accepted: half of what Python programs usually give listen(2)."""


class Arena(ExitStack):
    """Starts servers and loads, and ends them; inside, this process and those that it starts take turns on a core."""

    def __enter__(self) -> Self:
        entered = super().__enter__()
        if hasattr(os, "SCHED_BATCH"):
            with suppress(PermissionError):  # some containers forbid it
                self._take_turns()
        return entered

    def _take_turns(self) -> None:
        cores, policy, parameter = os.sched_getaffinity(0), os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setaffinity(0, {max(cores)})
        self.callback(os.sched_setaffinity, 0, cores)
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        self.callback(os.sched_setscheduler, 0, policy, parameter)

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
