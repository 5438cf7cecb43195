"""What a channel asks of the protocol above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Act
    from pytest_epoll._core.pace import Pace
    from pytest_epoll._eventloop.pieces import Sink


class Conversation(Protocol):
    """What a channel needs of the protocol above it."""

    @property
    def sink(self) -> Sink:
        """Who counts what the channel sends."""
        ...

    def read_to(self, position: object, within: object, *, read_on: bool) -> bool:
        """Read up to a position, or to the end of what it lies in; False: not yet, `Channel.resume` will be called."""
        ...

    @property
    def has_reached(self) -> bool:
        """Whether the last position was reached, not only the end of the request before it."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the request has ended, whole or not."""
        ...

    def read_on(self) -> None:
        """Have what is left of the request read while later acts run."""

    @property
    def has_read_ahead(self) -> bool:
        """Whether bytes were read that stand behind what the acts have asked for."""
        ...

    def set_pace(self, pace: Pace | None) -> None:
        """Read so many bytes at once, with a pause of so many nanoseconds behind them."""

    def wants_continue(self, unless_at: tuple[object, ...]) -> bool:
        """Whether `100 Continue` is wanted, and none of these positions has been reached."""
        ...

    def send_continue(self) -> None:
        """Send `100 Continue`."""

    def note_sent(self, views: list[memoryview]) -> None:
        """Count bytes of an interim response; see `Sink`."""

    def goodbye_noticed(self) -> None:
        """The client has sent FIN, and the stream has come to a stall."""

    def begin_drain(self) -> None:
        """From now on discard what the client sends."""

    def preempt_next(self, then: tuple[Act, ...]) -> None:
        """Have this happen once the next request was read, in place of its answer."""

    def stream_ended(self, *, is_free: bool) -> None:
        """The stream is over; `is_free`: the connection may go on with the next request."""
