import urllib3


def test_the_pool_keeps_its_connection(epoll_server):
    epoll_server.get("/prices").respond(json={"tea": 3}, headers={"Connection": "close"})
    epoll_server.get("/stock").respond(json={"tea": 40})

    with urllib3.PoolManager() as pool:
        pool.request("GET", epoll_server.url + "/prices")
        pool.request("GET", epoll_server.url + "/stock")

    epoll_server.client.assert_reused("GET", "/stock")
