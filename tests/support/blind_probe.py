"""Where nobody can say whether a client has received what was sent to it."""

from __future__ import annotations


class BlindProbe:
    """A probe that sees nothing, like sock_diag for a client in another network namespace."""

    def question(self, sock):
        return b""

    def look(self, sock, question):
        return None

    def why_blind(self):
        return "switched off"

    def close(self):
        pass
