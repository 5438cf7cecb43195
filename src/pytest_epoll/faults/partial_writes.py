"""Write the reply in pieces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, count
from typing import TYPE_CHECKING

from pytest_epoll._core.acts import Fired, Send, Sleep, WaitPeerRead
from pytest_epoll._core.checks import checked_delay, checked_flag, checked_whole
from pytest_epoll._core.showing import count as count_of
from pytest_epoll.errors import UsageError, UsageTypeError
from pytest_epoll.faults._cut import Here, mark
from pytest_epoll.faults._fault import FaultValue
from pytest_epoll.faults._pieces import as_one, joined
from pytest_epoll.faults._positions import checked_position

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Act, Acts
    from pytest_epoll.faults._positions import Position


@dataclass(frozen=True, slots=True)
class PartialWrites(FaultValue):
    """The reply in pieces: of `size` bytes each, of these `sizes` and then the rest, or cut at each of these `cuts`.

    When: from the first byte of the reply on. It fires with the first cut; a reply with no byte behind the first piece
    has none, and then it does not fire, which is a finding.

    On the wire: the same bytes as without it, one `send` a piece; between two pieces `delay` seconds, or with
    `until_read` as long as it takes the client to read the one before. A piece ends also where the reply itself does
    not go on at once: before a pause in a stream, behind each item of a live one, behind an interim response.

    The kernel: segments that are sent one right after the other are read as one (37 of 40 times, with TCP_NODELAY,
    too), even if each was acknowledged. So pieces alone split nothing; `until_read` waits until the client's receive
    queue is empty and what went through it is all that was sent, and only then sends the next piece.

    The client: with `until_read` every piece is what one `recv()` returns, if its buffer is large enough.

    Exact: the cuts, always; that pieces are the client's reads, with `until_read`. Where the client's side can't be
    seen (another network namespace, no sock_diag) that is a finding "inexact", unless `exact=False` accepts it. Not
    exact: without `until_read`, what one `recv()` returns; `delay` is a lower bound.

    Raises:
        UsageError: not exactly one of `size`, `sizes` and `cuts`; a size below 1; a negative delay or position.
        UsageTypeError: something that is no number, a flag that is no bool.
    """

    size: int | None = None
    sizes: tuple[int, ...] | None = None
    cuts: tuple[Position, ...] | None = None
    delay: float = 0.0
    until_read: bool = False
    exact: bool = True

    def __post_init__(self) -> None:
        given = [name for name in ("size", "sizes", "cuts") if getattr(self, name) is not None]
        if len(given) != 1:
            message = f"PartialWrites takes one of size=, sizes= and cuts=, not {' and '.join(given) or 'none'}"
            raise UsageError(message)
        for name in ("sizes", "cuts"):
            value = getattr(self, name)
            if value is not None:
                if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
                    message = f"PartialWrites: {name}= takes a sequence, not {value!r}"
                    raise UsageTypeError(message)
                object.__setattr__(self, name, tuple(value))
            if value is not None and not getattr(self, name):
                message = f"{name}=() cuts nothing; give at least one"
                raise UsageError(message)
        for size in (self.size,) if self.sizes is None and self.cuts is None else self.sizes or ():
            checked_whole(given[0], size, least=1)
        for cut in self.cuts or ():
            checked_position("cuts", cut)
        checked_delay("delay", self.delay)
        checked_flag("until_read", self.until_read)
        checked_flag("exact", self.exact)

    def __repr__(self) -> str:
        name = next(name for name in ("size", "sizes", "cuts") if getattr(self, name) is not None)
        arguments = [f"{name}={getattr(self, name)!r}"]
        arguments += [f"delay={self.delay!r}"] if self.delay else []
        arguments += [
            f"{flag}={value}"
            for flag, value, default in (("until_read", self.until_read, False), ("exact", self.exact, True))
            if value != default
        ]
        return f"faults.PartialWrites({', '.join(arguments)})"

    @property
    def unmet(self) -> str:
        """Why it has not fired, in words for the finding."""
        if self.cuts is not None:
            return "no reply had bytes on both sides of one of its cuts"
        return f"no reply had a byte behind its first {count_of(self.size or (self.sizes or (0,))[0], 'byte')}"

    def positions(self) -> tuple[Position, ...]:
        """Return the places in the reply."""
        return self.cuts or ()

    def _marked(self, acts: Iterable[Act | Here]) -> Iterable[Act | Here]:
        if self.size is not None:
            return mark(acts, count(self.size, self.size))
        if self.sizes is not None:
            return mark(acts, accumulate(self.sizes))
        cuts = self.cuts or ()
        for cut in cuts:  # in any order: where each lies comes out only when the reply passes by
            if not isinstance(cut, int):
                acts = mark(acts, iter((cut,)))
        return mark(acts, iter(sorted(cut for cut in cuts if isinstance(cut, int))))

    def through(self, acts: Acts) -> Acts:
        """Cut the reply at each position, and wait there if there is something to send behind it."""
        has_sent = is_cut = has_fired = False
        for act in joined(self._marked(as_one(acts))):
            if isinstance(act, Here):
                is_cut = has_sent
                continue
            if isinstance(act, Send):
                if is_cut and not has_fired:
                    has_fired = True
                    yield Fired(self)
                if self.until_read and has_sent:
                    yield WaitPeerRead(exact=self.exact)
                if is_cut and self.delay:
                    yield Sleep(checked_delay("delay", self.delay))
                has_sent, is_cut = True, False
            yield act
