"""What `assert_requested()` and its kin check, for a server and for a route: counting, and the texts of a failure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_epoll._core.checks import checked_whole
from pytest_epoll._reporting import near_miss, received_text
from pytest_epoll._serving.closest import closest_requests
from pytest_epoll.errors import UsageError, UsageTypeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.route_entry import Pattern


def check_count(
    asked: str,
    matching: Sequence[Request],
    requests: Sequence[Request],
    pattern: Pattern,
    bounds: tuple[int, int | None],
) -> None:
    """Raise `AssertionError` unless so many requests match; the text has those that came close.

    Args:
        asked: what was asked for, as code.
        matching: the requests that match.
        requests: all of them.
        pattern: what they were compared with.
        bounds: the least and the most that are right.
    """
    __tracebackhide__ = True
    least, most = bounds
    if least <= len(matching) and (most is None or len(matching) <= most):
        return
    is_too_few = len(matching) < least
    shown = [request for request in requests if request not in matching] if is_too_few else matching
    compared = closest_requests(pattern, shown)
    text = near_miss.describe_assertion(asked, len(matching), bounds, compared, list(map(str, requests)))
    raise AssertionError(text)


def checked_bounds(
    times: int | None, at_least: int | None, at_most: int | None, *, exactly: str = "times"
) -> tuple[int, int | None]:
    """Return the least and the most that a caller wants: at least one, if nothing was said.

    Args:
        times: exactly so many.
        at_least: so many or more.
        at_most: so many or fewer.
        exactly: what the first argument is called at the caller's.

    Raises:
        UsageTypeError: no whole numbers.
        UsageError: negative numbers, an exact number beside a bound, or a least above the most.
    """
    for name, value in ((exactly, times), ("at_least", at_least), ("at_most", at_most)):
        if value is not None:
            checked_whole(name, value, least=0)
    if times is not None:
        if at_least is not None or at_most is not None:
            message = f"{exactly}= says how many exactly; give at_least= and at_most= without it"
            raise UsageError(message)
        return times, times
    least = at_least if at_least is not None else 0 if at_most is not None else 1
    if at_most is not None and least > at_most:
        message = f"at_least={least} lies above at_most={at_most}"
        raise UsageError(message)
    return least, at_most


def check_order(wanted: Iterable[object], requests: Sequence[Request]) -> None:
    """Raise `AssertionError` unless these came in this order, whatever came in between.

    Args:
        wanted: texts such as "GET /users" (as `str(request)`), and routes.
        requests: what came.

    Raises:
        UsageTypeError: something else than texts and routes.
    """
    __tracebackhide__ = True
    from pytest_epoll.route import Route  # noqa: PLC0415 - `route` uses this module

    if isinstance(wanted, (str, bytes)) or not isinstance(wanted, Iterable):
        message = f"assert_requested_in_order() takes a list such as ['GET /a', 'POST /b'], not {wanted!r}"
        raise UsageTypeError(message)
    rest = iter(requests)
    names: list[str] = []
    missing = None
    for item in wanted:
        if isinstance(item, Route):
            names.append(item._entry.text)  # noqa: SLF001 - one house
        elif isinstance(item, str):
            names.append(item)
        else:
            message = f"assert_requested_in_order() takes texts such as 'GET /a', and routes, not {item!r}"
            raise UsageTypeError(message)
        if missing is None and not any(
            str(request) == item if isinstance(item, str) else request.route == item for request in rest
        ):
            missing = len(names) - 1
    if missing is not None:
        raise AssertionError(received_text.describe_order(names, missing, list(map(str, requests))))
