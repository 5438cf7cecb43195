import httpx
import pytest


def temperature(url, city, timeout):
    """Return the temperature of a city, in degrees, or None if the answer takes too long."""
    try:
        return httpx.get(f"{url}/now/{city}", timeout=timeout).json()["degrees"]
    except httpx.ReadTimeout:
        return None


def test_it_does_not_wait_for_ever(epoll_server):
    epoll_server.get("/now/turin").respond(json={"degrees": 21}, delay=60)

    assert temperature(epoll_server.url, "turin", timeout=0.05) is None
    assert epoll_server.connections[0].closed_by == "client"


@pytest.mark.parametrize("delay", [0, 0.05])
def test_a_little_patience_it_has(epoll_server, delay):
    epoll_server.get("/now/turin").respond(json={"degrees": 21}, delay=delay)

    assert temperature(epoll_server.url, "turin", timeout=5) == 21
