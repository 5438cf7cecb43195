"""Break the size line of a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.checks import checked_bytes, checked_whole
from pytest_epoll.errors import UsageError
from pytest_epoll.faults._chunked import checked_chunks
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._rewrite import Edit, rewrite

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.response import Response
    from pytest_epoll.faults._rewrite import Editor


@dataclass(frozen=True, slots=True, repr=False)
class MalformedChunk(FaultValue):
    """`size_line` in the place of the size line of the chunk with that index; its content stays what it is.

    When: at that chunk, the first one is 0; the last one, of size 0, does not count. It fires before the first byte
    that differs. A reply that is never chunked is a `UsageError`, and so is an index beyond the chunks if they are
    known beforehand; a live stream that has fewer, HEAD, and an HTTP/1.0 client, which gets no chunks, leave it
    unfired, which is a finding.

    On the wire: the chunks before it, the line as it is with its CRLF, and all the rest. The connection stays as it
    was.

    The kernel: nothing special.

    The client: has what came before, then a parse error: "invalid chunk length". A size that is a number and too large
    makes it wait; `HangUp(after="end")` behind this fault ends that.

    Exact: every byte.

    Raises:
        UsageError: a negative index.
        UsageTypeError: an index that is no number, a line that is not bytes.
    """

    index: int = 0
    size_line: bytes = b"zz"

    def __post_init__(self) -> None:
        checked_whole("index", self.index, least=0)
        object.__setattr__(self, "size_line", checked_bytes("size_line", self.size_line))

    @property
    def unmet(self) -> str:
        """Why it has not fired."""
        return f"no reply had a chunk with index {self.index} and another size line"

    def check(self, response: Response) -> None:
        """Raise if there is no such chunk.

        Raises:
            UsageError: the response is not chunked, or has fewer chunks.
        """
        chunks = checked_chunks(self, response)
        if chunks is not None and self.index >= chunks:
            message = f"{self!r}: the reply has chunks up to index {chunks - 1}; an empty piece is none"
            raise UsageError(message if chunks else f"{self!r}: the reply has no chunk but the last one")

    def through(self, acts: Acts) -> Acts:
        """Change the line."""
        return rewrite(acts, self, self._make_editor)

    def _make_editor(self) -> Editor:
        seen = 0

        def edit(whole: Image) -> tuple[Edit, ...]:
            nonlocal seen
            chunks = [part for part in whole.parts if part.kind == "chunk"]
            index, seen = self.index - seen, seen + len(chunks)
            if not 0 <= index < len(chunks):
                return ()
            return (Edit(chunks[index].start, chunks[index].begin - 2, self.size_line),)

        return edit
