"""Break the head of the reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.checks import checked_bytes
from pytest_epoll.errors import UsageError
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._finder import find_field, line_end
from pytest_epoll.faults._positions import Place, checked_position
from pytest_epoll.faults._rewrite import Edit, rewrite

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._core.image import Image


@dataclass(frozen=True, slots=True, repr=False)
class MalformedHead(FaultValue):
    """A head with another status line, or with one line more; both are sent as they are.

    When: in the head, before its first byte that differs. `status_line` takes the place of the status line; `line` goes
    right behind it, or with `after=faults.header("Name")` behind that field, as a continuation of it for instance (RFC
    9112 section 5.2). A reply without that field, or a status line that it has anyway, does not fire, which is a
    finding. Interim responses are left alone.

    On the wire: these bytes, each with a CRLF behind it; everything else is the reply as it was. The connection stays
    as it was, too.

    The kernel: nothing special.

    The client: a parse error, if it is strict; a lenient one skips the line, or takes what comes behind it for the
    body. One that judges only a whole head waits for its end, which comes.

    Exact: every byte.

    Raises:
        UsageError: not exactly one of `status_line` and `line`, or `after` with a status line, or one that is no
            `faults.header(name)`.
        UsageTypeError: something that is not bytes, or no position.
    """

    status_line: bytes | None = None
    line: bytes | None = None
    after: Place | None = None

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in ("status_line", "line") if getattr(self, name) is not None}
        if len(given) != 1:
            message = f"MalformedHead takes one of status_line= and line=, not {' and '.join(given) or 'none'}"
            raise UsageError(message)
        for name, value in given.items():
            object.__setattr__(self, name, checked_bytes(name, value))
        if self.after is None:
            return
        place = checked_position("after", self.after)
        if self.line is None or not (isinstance(place, Place) and place.kind == "header"):
            message = f"after={place!r}: a line goes behind a field, line=b'...', after=faults.header('Name')"
            raise UsageError(message)

    @property
    def unmet(self) -> str:
        """Why it has not fired."""
        return "no reply had the field" if self.after is not None else "no reply had a head that it changes"

    def through(self, acts: Acts) -> Acts:
        """Change the head."""
        return rewrite(acts, self, lambda: self._edit)

    def _edit(self, whole: Image) -> tuple[Edit, ...]:
        head = whole.head
        if self.status_line is not None:
            return (Edit(0, line_end(head, 0), self.status_line),) if head else ()
        begin = 0
        if self.after is not None:
            span = find_field(str(self.after.value), head)
            begin = -1 if span is None else span[0]
        end = head.find(b"\r\n", begin) if begin >= 0 else -1
        return () if end < 0 else (Edit(end + 2, end + 2, b"%s\r\n" % self.line),)
