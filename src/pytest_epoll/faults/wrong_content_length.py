"""Announce another length than that of the body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_epoll._core.checks import checked_whole
from pytest_epoll._core.content import encoded
from pytest_epoll.errors import UsageError, UsageTypeError
from pytest_epoll.faults._beforehand import outline
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._finder import find_field
from pytest_epoll.faults._rewrite import Edit, rewrite

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.image import Image
    from pytest_epoll._core.response import Response

_DIGITS: Final = 1000
_LARGEST: Final = 10**_DIGITS
"""Far beyond what any client counts in, and within what Python turns into text (`sys.get_int_max_str_digits`)."""


@dataclass(frozen=True, slots=True, repr=False)
class WrongContentLength(FaultValue):
    """A Content-Length of `value`, or one that is `delta` bytes off; the body stays what it is.

    When: in the head, before its first byte that differs. `value` is a number, also a negative one, or a text such as
    "5, 6"; where the reply has no Content-Length (it is chunked, or 204) the line is added as the last one. `delta`
    needs one that is a number: of a reply that never has one, such as `stream=`, that is a `UsageError`. A length that
    comes out as the right one does not fire, which is a finding. HEAD gets the lie, too.

    On the wire: the same reply with that one value, in a head that may be longer or shorter; positions of the faults to
    the right count on it. The end of the reply is what it was: an open connection stays open, and is answered on.

    The kernel: nothing special.

    The client: told of more than there is, it waits, for ever or until its read timeout; with `HangUp(after="end")`
    behind this fault it reads an incomplete body ("incomplete read"). Told of less, it takes the body for whole, and
    what is left for the beginning of the next reply, or for a connection that can't be used again.

    Exact: every byte.

    Raises:
        UsageError: not exactly one of `value` and `delta`, a delta of 0, or a value that would end the line.
        UsageTypeError: a value that is no number and no text, or a delta that is no number.
    """

    value: int | str | bytes | None = None
    delta: int | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.delta is None):
            message = "WrongContentLength takes one of value= and delta="
            raise UsageError(message)
        if self.delta is not None and checked_whole("delta", self.delta) == 0:
            message = "delta=0 is no lie; use the number of bytes that the length is off"
            raise UsageError(message)
        if isinstance(self.value, int) and abs(self.value) >= _LARGEST:
            message = "value has too many digits for a number; write it as a text"
            raise UsageError(message)
        if isinstance(self.value, bool) or not isinstance(self.value, (int, str, bytes, type(None))):
            message = f"value={self.value!r} is no length; use a number, or a text to send as it is"
            raise UsageTypeError(message)
        if isinstance(self.value, (str, bytes)):
            encoded("value", self.value)

    @property
    def unmet(self) -> str:
        """Why it has not fired."""
        return "the reply announced no other length with it than without it"

    def check(self, response: Response) -> None:
        """Raise if there is no length that could be off.

        Raises:
            UsageError: `delta` and no Content-Length that is a number.
        """
        head = outline(response).head
        if self.delta is not None and _length(head) is None:
            message = f"{self!r} needs a reply with a Content-Length, and this one has none; use value= to add one"
            raise UsageError(message)

    def through(self, acts: Acts) -> Acts:
        """Change the value, or add the line."""
        return rewrite(acts, self, lambda: self._edit)

    def _edit(self, whole: Image) -> tuple[Edit, ...]:
        span = find_field("Content-Length", whole.head)
        if span is not None:
            text = self._text(_length(whole.head))
            return () if text is None else (Edit(*span, text),)
        if self.delta is None and whole.head.endswith(b"\r\n\r\n"):
            at = whole.head_size - 2
            return (Edit(at, at, b"Content-Length: %s\r\n" % self._text(None)),)
        return ()

    def _text(self, length: int | None) -> bytes | None:
        if self.delta is not None:
            return None if length is None else b"%d" % (length + self.delta)
        return b"%d" % self.value if isinstance(self.value, int) else encoded("value", self.value)


def _length(head: bytes) -> int | None:
    span = find_field("Content-Length", head)
    text = b"" if span is None else head[slice(*span)].rstrip(b" \t")
    return int(text) if text.isdigit() and len(text) <= _DIGITS else None
