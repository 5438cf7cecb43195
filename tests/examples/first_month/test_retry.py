"""Retry on 503, then success: how often it asked, and that it gives up."""

import httpx
import pytest


def fetch_report(url, attempts=3):
    """Ask until the server is not busy any more."""
    with httpx.Client(base_url=url) as client:
        for _ in range(attempts):
            response = client.get("/report")
            if response.status_code != 503:
                break
        return response.raise_for_status().text


def test_it_asks_again_while_the_server_is_busy(epoll_server):
    report = epoll_server.get("/report").respond(503).respond(503).respond(text="done")

    assert fetch_report(epoll_server.url) == "done"
    assert report.call_count == 3


def test_it_gives_up_after_three_attempts(epoll_server):
    report = epoll_server.get("/report").respond(503)

    with pytest.raises(httpx.HTTPStatusError):
        fetch_report(epoll_server.url)
    assert report.call_count == 3


def test_another_error_is_not_tried_again(epoll_server):
    report = epoll_server.get("/report").respond(404)

    with pytest.raises(httpx.HTTPStatusError):
        fetch_report(epoll_server.url)
    assert report.call_count == 1
