"""Whether the body of a test is running: what is registered then wins over what its fixtures registered.

Under pytest the plugin says when a body begins and ends, for every server of the process. Without pytest there is one
phase, which counts as a body: whoever registers a route there wants it used.
"""

from __future__ import annotations

_is_under_pytest = False
_is_in_body = False


def begin_setup() -> None:
    """From now on what is registered is a fixture's."""
    global _is_under_pytest, _is_in_body  # noqa: PLW0603 - a process runs one test at a time
    _is_under_pytest = True
    _is_in_body = False


def begin_body() -> None:
    """From now on what is registered is the test's own."""
    global _is_in_body  # noqa: PLW0603
    _is_in_body = True


def in_test_body() -> bool:
    """Whether a route that is registered now is the test's own."""
    return _is_in_body or not _is_under_pytest
