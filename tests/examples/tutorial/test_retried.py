import httpx
import pytest

from pytest_epoll import faults


def temperature(url, city):
    """Return the temperature of a city, in degrees; one broken connection does not matter."""
    for is_last in (False, True):
        try:
            response = httpx.get(f"{url}/now/{city}", timeout=1)
        except httpx.NetworkError:
            if is_last:
                raise
        else:
            return response.raise_for_status().json()["degrees"]


@pytest.mark.parametrize("after", [0, 1, "head", 80])
def test_it_tries_again_after_a_broken_connection(epoll_server, after):
    turin = epoll_server.get("/now/turin")
    turin.respond(json={"degrees": 21}, fault=faults.Reset(after=after))
    turin.respond(json={"degrees": 22})

    assert temperature(epoll_server.url, "turin") == 22
    assert [connection.closed_by for connection in epoll_server.connections] == ["server", "client"]


def test_it_gives_up_after_the_second(epoll_server):
    turin = epoll_server.get("/now/turin").respond(json={"degrees": 21}, fault=faults.Reset())

    with pytest.raises(httpx.NetworkError):
        temperature(epoll_server.url, "turin")
    assert turin.call_count == 2
