"""Send something that is not HTTP."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_epoll._core.acts import Drain, Fired, Send, ShutdownWrite
from pytest_epoll._core.checks import checked_whole
from pytest_epoll._core.image import Image
from pytest_epoll.faults._at_one_place import at_place
from pytest_epoll.faults._fault import FaultValue

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts

_BLANK: Final = b"\r\n\r\n"

_SAFE: Final = bytes(byte | 0x80 if byte in b"Hh\r\n" else byte for byte in range(0x100))
"""Without an H there is no HTTP/ anywhere; line breaks come at the end alone: it is one line and a blank one."""

_SEEDS: Final = 2**32
"""A seed of at most ten digits can be copied from a report by hand."""


@dataclass(frozen=True, slots=True, repr=False)
class Garbage(FaultValue):
    """`size` bytes that are not HTTP in place of the reply, then FIN.

    When: in place of the first byte of the reply; what comes before it (a delay, interim responses) comes. It needs no
    reply to act on: `route.respond_with(faults.Garbage())`.

    On the wire: bytes drawn from `seed`, the same each time; without one a seed is drawn when the fault is made, and
    stands in its repr, so also in the timeline. The first byte is above 0x7F, there is no letter H, and from five bytes
    on the last four are a blank line, the only line breaks. Then FIN; the client's bytes are discarded as by `HangUp`,
    and what it has asked behind this stays unanswered. "end", for faults to the right, lies before the FIN.

    The kernel: as with `HangUp`.

    The client: a parse error; the blank line lets also those judge the bytes that read a whole head first. Fewer than
    five bytes may look to these like no answer at all.

    Exact: every byte, always.

    Raises:
        UsageError: a size below 1.
        UsageTypeError: a size or a seed that is no whole number.
    """

    size: int = 64
    seed: int | None = None

    needs_reply = False

    def __post_init__(self) -> None:
        checked_whole("size", self.size, least=1)
        if self.seed is None:
            object.__setattr__(self, "seed", random.SystemRandom().randrange(_SEEDS))
        checked_whole("seed", self.seed)

    @property
    def unmet(self) -> str:
        """Why it has not fired."""
        return "no reply came to its first byte"

    def through(self, acts: Acts) -> Acts:
        """Send it, and part."""
        then = (Fired(self), Send(Image(_drawn(self.seed, self.size))), ShutdownWrite(), Drain())
        return at_place(acts, 0, then)


def _drawn(seed: int | None, size: int) -> bytes:
    """Return bytes that depend on nothing but the arguments: SHAKE (FIPS 202) is the same in every release of Python.

    It makes a megabyte in milliseconds: whoever is served by the same loop waits no longer than that.
    """
    ending = _BLANK if size > len(_BLANK) else b""
    drawn = bytearray(hashlib.shake_128(str(seed).encode()).digest(size - len(ending)).translate(_SAFE))
    drawn[0] |= 0x80  # no message of HTTP, of any version, begins so, nor white space that a lenient parser would skip
    return bytes(drawn) + ending
