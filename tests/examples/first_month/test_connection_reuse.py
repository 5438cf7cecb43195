"""Connection reuse: a client that is meant to keep its connection does keep it."""

import requests


def prices(url, skus, session):
    """Return the price of each item."""
    return [session.get(f"{url}/prices/{sku}", timeout=5).json() for sku in skus]


def test_a_session_uses_one_connection(epoll_server):
    for sku, price in (("tea", 3), ("cake", 4), ("milk", 1)):
        epoll_server.get(f"/prices/{sku}").respond(json=price)

    with requests.Session() as session:
        assert prices(epoll_server.url, ["tea", "cake", "milk"], session) == [3, 4, 1]

    [connection] = epoll_server.connections
    assert [str(request) for request in connection.requests] == [
        "GET /prices/tea",
        "GET /prices/cake",
        "GET /prices/milk",
    ]
    assert (connection.closed_by, connection.closed_how) == ("client", "fin")


def test_a_server_that_says_close_gets_a_new_one(epoll_server):
    epoll_server.get("/prices/tea").respond(json=3, headers={"Connection": "close"})

    with requests.Session() as session:
        assert prices(epoll_server.url, ["tea", "tea"], session) == [3, 3]

    assert [connection.closed_by for connection in epoll_server.connections] == ["server", "server"]
