import httpx


def test_place_order(epoll_server):
    epoll_server.post("/v1/orders", headers={"Authorization": "Bearer abc"}, json={"sku": 7, "qty": 1}).respond(201)

    reply = httpx.post(epoll_server.url_for("/v1/orders"), json={"sku": "7", "qty": 1})

    assert reply.status_code == 201
