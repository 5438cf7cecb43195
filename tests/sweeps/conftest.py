import functools

import pytest

from inner_runs import run, run_beside  # noqa: F401 - fixtures
from pytest_epoll import EpollServer


@pytest.fixture
def make_server(trigger_mode):
    """What makes a sweep's servers, in each trigger mode."""
    return functools.partial(EpollServer, edge_triggered=trigger_mode == "edge")
