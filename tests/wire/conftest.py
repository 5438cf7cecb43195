import pytest

from pytest_epoll import EpollServer


@pytest.fixture
def server(trigger_mode):
    """A running server in each trigger mode, judged by the test itself."""
    with EpollServer(edge_triggered=trigger_mode == "edge") as server:
        yield server
