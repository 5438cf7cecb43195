from urllib3 import PoolManager, Retry

from pytest_epoll import faults


def place_order(url, order):
    with PoolManager(retries=Retry(3, allowed_methods=None)) as pool:
        return pool.request("POST", f"{url}/orders", json=order).json()


def test_an_order_is_placed_once(epoll_server):
    orders = epoll_server.post("/orders")
    orders.respond(201, json={"id": 7}, fault=faults.Reset())  # it was placed, but the answer is lost
    orders.respond(201, json={"id": 8})

    place_order(epoll_server.url, {"sku": "tea"})

    assert orders.call_count == 1
