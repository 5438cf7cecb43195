"""Authorization and JSON: only the right request gets the right answer."""

import re

import httpx
import pytest

from pytest_epoll import match


class Shop:
    """A small client of a shop."""

    def __init__(self, url, token):
        self.client = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"})

    def order(self, sku, quantity):
        response = self.client.post("/orders", json={"sku": sku, "quantity": quantity, "source": "app"})
        return response.raise_for_status().json()["id"]

    def close(self):
        self.client.close()


@pytest.fixture
def shop(epoll_server):
    """The client under test, pointed at our server."""
    shop = Shop(epoll_server.url, token="secret")
    yield shop
    shop.close()


def test_an_order_carries_the_token_and_the_items(epoll_server, shop):
    epoll_server.post(
        "/orders",
        headers={"Authorization": "Bearer secret"},
        json={"sku": "tea", "quantity": 2, "source": "app"},
    ).respond(201, json={"id": 7})

    assert shop.order("tea", 2) == 7


def test_only_what_matters_is_compared(epoll_server, shop):
    epoll_server.post(
        "/orders",
        headers={"Authorization": re.compile(r"Bearer \w+")},
        json=match.contains({"sku": "tea"}),
    ).respond(201, json={"id": 7})

    assert shop.order("tea", 2) == 7


def test_a_wrong_token_is_an_error(epoll_server, shop):
    epoll_server.post("/orders", headers={"Authorization": "Bearer other"}, optional=True).respond(201, json={"id": 7})
    epoll_server.post("/orders").respond(401)

    with pytest.raises(httpx.HTTPStatusError, match="401"):
        shop.order("tea", 2)
