import gc
from contextlib import ExitStack

import pytest
import urllib3


@pytest.fixture
def server(epoll_server_factory, trigger_mode):
    """A running server in each trigger mode, as `epoll_server` would be: what the test leaves unmet fails it."""
    return epoll_server_factory(edge_triggered=trigger_mode == "edge")


@pytest.fixture
def make_pool(caplog):
    """Make an `urllib3.PoolManager` that is closed when the test ends.

    A retry logs the error of the attempt before, pytest keeps what was logged, and the error's traceback keeps the
    pool: without that only the garbage collector is left to close an attempt's socket.
    """
    caplog.set_level("ERROR", "urllib3")
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(urllib3.PoolManager(**{"timeout": 30, **how}))
    gc.collect()


@pytest.fixture
def make_host_pool(server, caplog):
    """Make an `HTTPConnectionPool` of the server's; see `make_pool` for what is logged."""
    caplog.set_level("ERROR", "urllib3")
    pools = []

    def make(**how):
        pools.append(urllib3.HTTPConnectionPool(*server.address, **{"timeout": 30, **how}))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()
