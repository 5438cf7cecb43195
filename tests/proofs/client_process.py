"""The client of the proofs, and the loop of a process in which it lives: one question a line, one answer each.

Run as a script it reads pickled `(number, method, arguments)` from its standard input and writes `(is_error, value)`
to its standard output; method "connect" makes client `number`. When an answer has come, the client's kernel has done
what was asked: whoever reads the server's record after that reads it after the client's act.
"""

from __future__ import annotations

import pickle
import sys
import zlib

from pytest_epoll.testing import RawClient


class Client(RawClient):
    """A raw client that also knows its address, and in which pieces its `recv` calls got the bytes."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self.address = self.socket.getsockname()

    def reads(self, total):
        """Return what each `recv` returned until there were `total` bytes, or the end."""
        pieces = []
        while sum(map(len, pieces)) < total and (piece := self.recv()):
            pieces.append(piece)
        return pieces

    def pieces_to_end(self):
        """Return what each `recv` returned until the end, and how that was."""
        pieces = []
        try:
            while piece := self.recv():
                pieces.append(piece)
        except ConnectionResetError:
            return pieces, "rst"
        return pieces, "fin"

    def digest_to_end(self, size=262144):
        """Return how many bytes come until the end, their checksum and the end: for bodies that nobody wants to pickle.

        `size` is what each `recv` asks for: a small one makes a slow reader.
        """
        total, checksum = 0, 0
        try:
            while piece := self.recv(size):
                total += len(piece)
                checksum = zlib.crc32(piece, checksum)
        except ConnectionResetError:
            return total, checksum, "rst"
        return total, checksum, "fin"

    def pour(self, head, size):
        """Send a head and so many bytes, which have not all reached the server when this returns."""
        self.send(head + b"u" * size)

    def upload(self, head, size):
        """Send a head and so many bytes, read the answer to its end: (error of the upload, answer, end)."""
        error = None
        try:
            self.send(head)
            self.send(b"u" * size)
        except OSError as failure:
            error = type(failure).__name__
        return error, *self.read_to_end()


def serve():
    clients = {}
    while True:
        try:
            number, method, arguments, keywords = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            if method == "connect":
                clients[number] = Client(*arguments, **keywords)
                answer = (False, clients[number].address)
            else:
                answer = (False, getattr(clients[number], method)(*arguments, **keywords))
        except Exception as error:
            answer = (True, error)
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve()
