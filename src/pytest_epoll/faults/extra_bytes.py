"""Send more than the reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, Send
from pytest_epoll._core.checks import checked_bytes
from pytest_epoll._core.image import Image
from pytest_epoll.errors import UsageError
from pytest_epoll.faults._cut import Here, mark
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._rewrite import rewrite

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll.faults._rewrite import Edit


@dataclass(frozen=True, slots=True, repr=False)
class ExtraBytes(FaultValue):
    """`data` behind the end of the reply, as if it belonged to it.

    When: at the end of the reply, whatever it is: also behind the head alone that HEAD, 204 and 304 get, behind `raw=`,
    and behind a live stream. A reply that never comes to its end, for a fault to the left stalls, does not fire.

    On the wire: the reply, then these bytes, in the same segment if they follow the last piece of the reply at once.
    `Delay(1, after="end")` to the left of this fault lets them come later, on an idle connection. Then the reply ends
    as it was to end: the connection stays open and is answered on, or FIN. Where only FIN ends the body (HTTP/1.0, no
    Content-Length), they are a part of it.

    The kernel: nothing special.

    The client: has a whole reply and bytes that nobody asked for. It closes the connection, or takes them for the
    beginning of the next reply: a whole one (`ExtraBytes(b"HTTP/1.1 200 OK...")`) may poison its pool.

    Exact: every byte; that they come with the last byte of the reply in one segment, not what one `recv()` returns.

    Raises:
        UsageError: no bytes.
        UsageTypeError: something that is not bytes.
    """

    data: bytes

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", checked_bytes("data", self.data))
        if not self.data:
            message = "data=b'' is nothing to send"
            raise UsageError(message)

    @property
    def unmet(self) -> str:
        """Why it has not fired."""
        return "no reply came to its end"

    def through(self, acts: Acts) -> Acts:
        """Send them before the act that ends the reply."""
        extra = Image(b"", self.data, parts=())
        held: Send | None = None  # what may be the last piece of the reply; the next act says so
        for act in mark(rewrite(acts, self, lambda: _unchanged, behind=(extra,)), iter(("end",))):
            if isinstance(act, Here):
                yield Fired(self)
                yield Send(extra if held is None else _joined(held.image, extra))
                held = None
                continue
            if held is not None:
                yield held
                held = None
            if isinstance(act, Send) and _may_be_last(act.image):
                held = act
            else:
                yield act


def _unchanged(_whole: Image) -> tuple[Edit, ...]:
    return ()


def _may_be_last(image: Image) -> bool:
    """Whether it is a whole piece that ends a reply; of a part of one, faults to the right may have seen the rest."""
    is_end = bool(image.parts) and image.parts[-1].kind == "last"
    is_only = bool(image.head) and image.rest is not None and len(image.rest) == 1
    return image.whole is image and not image.is_interim and (is_end or is_only)


def _joined(last: Image, extra: Image) -> Image:
    return Image(last.head, last.body + extra.body, events=last.events, parts=last.parts)
