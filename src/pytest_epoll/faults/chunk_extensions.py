"""Write something behind the size of each chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.checks import checked_bytes
from pytest_epoll.errors import UsageError
from pytest_epoll.faults._chunked import checked_chunks
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._rewrite import Edit, rewrite

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.response import Response


@dataclass(frozen=True, slots=True, repr=False)
class ChunkExtensions(FaultValue):
    """`extension` behind the size of every chunk, and `last` behind the 0 of the last one.

    When: at each chunk; it fires with the first one. A reply that is never chunked is a `UsageError`; HEAD, and an
    HTTP/1.0 client, which gets no chunks, leave it unfired, which is a finding.

    On the wire: `5;a=b` CRLF in the place of `5` CRLF. The bytes are sent as they are, so a `;` belongs to them.

    The kernel: nothing special.

    The client: must ignore extensions that it does not know (RFC 9112 section 7.1.1), so nothing changes; one that
    reads lines into a small buffer, or compares the line with a number, fails. Anything but an extension, b"junk" for
    instance, is a malformed size in every chunk.

    Exact: every byte.

    Raises:
        UsageError: both are empty.
        UsageTypeError: something that is not bytes.
    """

    extension: bytes
    last: bytes = b""

    def __post_init__(self) -> None:
        for name in ("extension", "last"):
            object.__setattr__(self, name, checked_bytes(name, getattr(self, name)))
        if not (self.extension or self.last):
            message = "ChunkExtensions(extension=b'', last=b'') changes nothing; give one of them"
            raise UsageError(message)

    @property
    def unmet(self) -> str:
        """Why it has not fired."""
        return "no reply had a chunk to write it into"

    def check(self, response: Response) -> None:
        """Raise if there are no chunks.

        Raises:
            UsageError: the response is not chunked.
        """
        checked_chunks(self, response)

    def through(self, acts: Acts) -> Acts:
        """Change the lines."""
        return rewrite(acts, self, lambda: self._edit)

    def _edit(self, whole: Image) -> tuple[Edit, ...]:
        ends = {"chunk": self.extension, "last": self.last}
        return tuple(Edit(part.begin - 2, part.begin - 2, ends[part.kind]) for part in whole.parts if part.kind in ends)
