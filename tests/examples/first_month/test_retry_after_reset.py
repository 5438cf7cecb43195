"""A connection that breaks: what may be repeated is, and what must not be is not."""

import httpx
import pytest

from pytest_epoll import faults


def read_balance(client, attempts=2):
    """Reading twice does no harm."""
    for left in reversed(range(attempts)):
        try:
            return client.get("/balance").raise_for_status().json()
        except httpx.TransportError:
            if not left:
                raise
    return None


def transfer(client, amount):
    """Sent twice it would be paid twice: whoever calls has to look at the balance first."""
    return client.post("/transfers", json={"amount": amount}).raise_for_status().json()


@pytest.mark.parametrize("fault", [faults.Reset(), faults.HangUp(), faults.Reset(after="head")])
def test_a_read_is_repeated_on_a_connection_of_its_own(epoll_server, fault):
    epoll_server.get("/balance").respond(json=7, fault=fault).respond(json=7)

    with httpx.Client(base_url=epoll_server.url) as client:
        assert read_balance(client) == 7

    broken, whole = epoll_server.connections
    assert (broken.closed_by, whole.closed_by) == ("server", "client")


@pytest.mark.parametrize("fault", [faults.Reset(), faults.HangUp(), faults.HangUp(after_reading=faults.body(5))])
def test_a_transfer_is_never_repeated(epoll_server, fault):
    transfers = epoll_server.post("/transfers").respond(201, fault=fault)

    with httpx.Client(base_url=epoll_server.url) as client, pytest.raises(httpx.TransportError):
        transfer(client, 100)

    assert transfers.call_count == 1
