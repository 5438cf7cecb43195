import httpx


def warmest(url, cities):
    """Return the warmest of some cities."""
    degrees = {city: httpx.get(f"{url}/now/{city}", timeout=1).json()["degrees"] for city in cities[:-1]}
    return max(degrees, key=degrees.get)


def test_the_warmest_city(epoll_server):
    epoll_server.get("/now/turin").respond(json={"degrees": 21})
    epoll_server.get("/now/oslo").respond(json={"degrees": 12})

    assert warmest(epoll_server.url, ["turin", "oslo"]) == "turin"
