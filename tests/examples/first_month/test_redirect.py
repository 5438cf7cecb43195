"""Redirects: followed to the end, and what must not be taken along is left behind."""

import httpx
import pytest


def fetch(url, token):
    """Fetch with a token, wherever the server sends us."""
    with httpx.Client(follow_redirects=True, max_redirects=3) as client:
        return client.get(url, headers={"Authorization": f"Bearer {token}"}).text


def test_a_redirect_is_followed(epoll_server):
    epoll_server.get("/old").respond(301, headers={"Location": "/new"})
    new = epoll_server.get("/new").respond(text="here")

    assert fetch(epoll_server.url + "/old", "secret") == "here"
    assert new.last_request.headers["Authorization"] == "Bearer secret"


def test_the_token_stays_at_home(epoll_server, epoll_server_factory):
    elsewhere = epoll_server_factory()
    epoll_server.get("/file").respond(302, headers={"Location": elsewhere.url + "/file"})
    elsewhere.get("/file").respond(text="here")

    assert fetch(epoll_server.url + "/file", "secret") == "here"
    assert "Authorization" not in elsewhere.last_request.headers


def test_a_circle_is_left_after_three_rounds(epoll_server):
    circle = epoll_server.get("/round").respond(302, headers={"Location": "/round"})

    with pytest.raises(httpx.TooManyRedirects):
        fetch(epoll_server.url + "/round", "secret")
    assert circle.call_count == 4
