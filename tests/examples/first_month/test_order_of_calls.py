"""The order of calls: first the lock, then the change, then the release, whatever else there is between."""

import httpx
import pytest


def rename(url, name):
    """Rename the document under a lock."""
    with httpx.Client(base_url=url) as client:
        lock = client.post("/locks").json()["id"]
        try:
            client.patch("/document", json={"name": name}).raise_for_status()
        finally:
            client.delete(f"/locks/{lock}")


def test_the_document_is_locked_while_it_is_changed(epoll_server):
    epoll_server.post("/locks").respond(201, json={"id": 7})
    change = epoll_server.patch("/document").respond(200)
    epoll_server.delete("/locks/7").respond(204)

    rename(epoll_server.url, "new")

    epoll_server.assert_requested_in_order(["POST /locks", change, "DELETE /locks/7"])


def test_the_lock_is_released_if_the_change_fails(epoll_server):
    epoll_server.post("/locks").respond(201, json={"id": 7})
    epoll_server.patch("/document").respond(409)
    epoll_server.delete("/locks/7").respond(204)

    with pytest.raises(httpx.HTTPStatusError):
        rename(epoll_server.url, "new")

    epoll_server.assert_requested("DELETE", "/locks/7", times=1)
