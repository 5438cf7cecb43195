"""What steps do that is more than one act or one call of `Play`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core import acts
from pytest_epoll._serving.scripts.inbox import ToEof
from pytest_epoll._serving.scripts.step import ClientLeftError, StepFailedError

if TYPE_CHECKING:
    from pytest_epoll._core.acts import Acts
    from pytest_epoll._serving.scripts.play import Play


def nothing(_play: Play) -> Acts:
    """Do nothing: what is repeated is done step by step."""
    return iter(())


def read_request(play: Play) -> Acts:
    """Read a head, and the body that its framing announces."""
    yield from play.read_head()
    yield from play.read_body()


def read_to_eof(_play: Play) -> Acts:
    """Read until the client has said goodbye."""
    end = ToEof()
    yield acts.ReadTo(end, read_on=False, within=end)


def wait_readable(play: Play) -> Acts:
    """Wait for a byte, and leave it unread."""
    yield acts.WaitReadable()
    if not play.stage.look_ahead():
        message = "the client sent FIN before it"
        raise ClientLeftError(message)


def expect_silence(play: Play, *, duration_ns: int, eof: str) -> Acts:
    """Wait for so long, or until the client sends something; what that means is said by `eof`."""
    yield acts.WaitReadable(duration_ns)
    unread = play.stage.look_ahead()
    if unread:
        message = f"the client sent {unread!r}"
        raise StepFailedError(message)
    if unread is not None:
        if eof == "forbidden":
            message = "the client sent FIN"
            raise StepFailedError(message)
    elif eof == "required":
        message = f"the client did not send FIN within {duration_ns / 1e9:g} s"
        raise StepFailedError(message)


def send(_play: Play, *, items: tuple[bytes, ...], until_read: bool, delay_ns: int) -> Acts:
    """Send item by item, with the waits in between."""
    for number, item in enumerate(items):
        if number and until_read:
            yield acts.WaitPeerRead()
        if number and delay_ns:
            yield acts.Sleep(delay_ns)
        yield from _play.send(item)


def mark(play: Play, *, name: str) -> Acts:
    """Write a mark down."""
    play.note_mark(name)
    return iter(())


def close(_play: Play) -> Acts:
    """Part in good form."""
    yield acts.ShutdownWrite()
    yield acts.Drain()


def close_at_once(_play: Play) -> Acts:
    """Close, whatever the kernel makes of it."""
    yield acts.Close()


def reset(_play: Play, *, discard: bool) -> Acts:
    """Reset, once everything that was sent has been delivered."""
    if not discard:
        yield acts.WaitDelivered()
    yield acts.SendRst()
