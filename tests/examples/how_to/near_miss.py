import httpx


def test_an_order(epoll_server):
    headers = {"Authorization": "Bearer secret"}
    epoll_server.post("/orders", headers=headers, json={"sku": "tea", "quantity": 2}).respond(201)

    httpx.post(epoll_server.url + "/orders", json={"sku": "tea", "quantity": "2"})
