import httpx

from pytest_epoll import faults


def temperature(url, city):
    """Return the temperature of a city, in degrees."""
    response = httpx.get(f"{url}/now/{city}", timeout=1)
    return response.raise_for_status().json()["degrees"]


def test_a_connection_that_breaks(epoll_server):
    epoll_server.get("/now/turin").respond(json={"degrees": 21}, fault=faults.Reset(after="head"))

    assert temperature(epoll_server.url, "turin") == 21
