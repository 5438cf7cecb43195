"""A connection that breaks: what may be repeated is, and what must not be is not."""

import pytest
import urllib3

from pytest_epoll import faults


def read_balance(pool, url):
    """Reading twice does no harm."""
    return pool.request("GET", f"{url}/balance", retries=2).json()


def transfer(pool, url, amount):
    """Sent twice it would be paid twice: whoever calls has to look at the balance first."""
    return pool.request("POST", f"{url}/transfers", json={"amount": amount}, retries=False).status


@pytest.mark.parametrize("fault", [faults.Reset(), faults.HangUp(), faults.Reset(after="head")])
def test_a_read_is_repeated_on_a_connection_of_its_own(epoll_server, fault):
    epoll_server.get("/balance").respond(json=7, fault=fault).respond(json=7)

    with urllib3.PoolManager() as pool:
        assert read_balance(pool, epoll_server.url) == 7
        broken, whole = epoll_server.connections

        assert (broken.closed_by, whole.is_open) == ("server", True)
        pool.clear()


@pytest.mark.parametrize("fault", [faults.Reset(), faults.HangUp(), faults.HangUp(after_reading=faults.body(5))])
def test_a_transfer_is_never_repeated(epoll_server, fault):
    transfers = epoll_server.post("/transfers").respond(201, fault=fault)

    with urllib3.PoolManager() as pool, pytest.raises(urllib3.exceptions.ProtocolError):
        transfer(pool, epoll_server.url, 100)

    assert transfers.call_count == 1
