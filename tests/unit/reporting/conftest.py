import pytest

from pytest_epoll._core.messages import RequestRecord
from pytest_epoll._wire.http1_head import parse_head


@pytest.fixture
def record():
    """Make a record by hand: of a request that was read whole, if nothing else is said."""

    def make(raw_head=b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", *, connection=0, exchange=0, body=b"", complete=True):
        made = RequestRecord(connection, exchange, 0)
        made.head = None if raw_head is None else parse_head(raw_head)
        made.raw_size = len(raw_head or b"") + len(body)
        made.content = [body]
        made.complete = complete
        return made

    return make
