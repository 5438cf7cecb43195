"""Who is told what a transport sees."""

from __future__ import annotations

from typing import Protocol


class Owner(Protocol):
    """Who is told what a transport sees."""

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""

    def eof_received(self) -> None:
        """The client has sent FIN; it may still read."""

    def goodbye_noticed(self) -> None:
        """The client has sent FIN on a connection that must not be read now."""

    def connection_lost(self) -> None:
        """The client has reset the connection; nothing can be sent any more."""

    def all_sent(self) -> None:
        """The kernel has taken the rest of what it could not take at once."""

    def released(self) -> None:
        """The descriptor has been given up; nothing more will be told."""
