"""Whether the body of a test is running: what is registered then wins over what its fixtures registered.

Under pytest the plugin says when a test and its body begin and end, for every server of the process; what stood before
a test began counts as setup, also if the body of an earlier test registered it. Without pytest there is one phase,
which counts as a body: whoever registers a route there wants it used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from typing import Final

SETUP: Final = -1
"""The phase of what no body registers."""


class Follower(Protocol):
    """Who has to know that another test has begun."""

    def phase_changed(self) -> None:
        """Forget what was worked out from phases."""


followers: WeakSet[Follower] = WeakSet()

_test = 0  # counts tests
_is_in_body = True


def begin_setup() -> None:
    """A test begins: what is registered from now on is a fixture's, and so is all that is there."""
    global _test, _is_in_body  # noqa: PLW0603 - a process runs one test at a time
    _test += 1
    _is_in_body = False
    for follower in list(followers) if followers else ():  # to copy even an empty one takes 2 us
        follower.phase_changed()


def begin_body() -> None:
    """From now on what is registered is the test's own."""
    global _is_in_body  # noqa: PLW0603
    _is_in_body = True


def end_body() -> None:
    """From now on what is registered is a fixture's again; what the body registered still wins."""
    global _is_in_body  # noqa: PLW0603
    _is_in_body = False


def in_test_body() -> bool:
    """Whether a route that is registered now is the test's own."""
    return _is_in_body


def phase() -> int:
    """Return the phase of what is registered now."""
    return _test if _is_in_body else SETUP


def is_current_body(registered: int) -> bool:
    """Whether what was registered in that phase is the running test's own."""
    return registered == _test
