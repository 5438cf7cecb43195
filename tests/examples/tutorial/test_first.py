import httpx


def temperature(url, city):
    """Return the temperature of a city, in degrees."""
    response = httpx.get(f"{url}/now/{city}", timeout=1)
    return response.raise_for_status().json()["degrees"]


def test_the_temperature_of_a_city(epoll_server):
    epoll_server.get("/now/turin").respond(json={"degrees": 21})

    assert temperature(epoll_server.url, "turin") == 21
