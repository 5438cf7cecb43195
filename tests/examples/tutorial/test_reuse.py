import httpx


def temperatures(url, cities):
    """Return the temperature of each city."""
    with httpx.Client(base_url=url, timeout=1) as client:
        return [client.get(f"/now/{city}").json()["degrees"] for city in cities]


def test_one_connection_serves_all_cities(epoll_server):
    epoll_server.get("/now/turin").respond(json={"degrees": 21})
    epoll_server.get("/now/oslo").respond(json={"degrees": 12})

    assert temperatures(epoll_server.url, ["turin", "oslo", "turin"]) == [21, 12, 21]

    [connection] = epoll_server.connections
    assert [request.path for request in connection.requests] == ["/now/turin", "/now/oslo", "/now/turin"]
    assert (connection.closed_by, connection.closed_how) == ("client", "fin")
