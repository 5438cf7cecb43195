import httpx


def temperature(url, city):
    """Return the temperature of a city, in degrees."""
    response = httpx.get(f"{url}/now/{city}", timeout=1, headers={"Accept": "application/json"})
    return response.raise_for_status().json()["degrees"]


def test_it_asks_for_json(epoll_server):
    turin = epoll_server.get("/now/turin").respond(json={"degrees": 21})
    temperature(epoll_server.url, "turin")

    assert turin.call_count == 1
    assert turin.last_request.headers["accept"] == "application/json"
