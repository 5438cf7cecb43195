"""Pagination: a route for each page, told apart by the query."""

import httpx


def all_users(url):
    """Collect the users of all pages."""
    users, page = [], 1
    with httpx.Client(base_url=url) as client:
        while page is not None:
            answer = client.get("/users", params={"page": page}).json()
            users += answer["users"]
            page = answer["next"]
    return users


def test_it_reads_page_after_page(epoll_server):
    epoll_server.get("/users", query={"page": 1}).respond(json={"users": ["Ada", "Grace"], "next": 2})
    epoll_server.get("/users", query={"page": 2}).respond(json={"users": ["Barbara"], "next": None})

    assert all_users(epoll_server.url) == ["Ada", "Grace", "Barbara"]
    assert [request.query["page"] for request in epoll_server.requests] == ["1", "2"]


def test_an_empty_page_is_the_end(epoll_server):
    epoll_server.get("/users", query={"page": 1}).respond(json={"users": [], "next": None})

    assert all_users(epoll_server.url) == []
