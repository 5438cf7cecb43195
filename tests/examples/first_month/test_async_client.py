"""An async client: many requests at once, and a slow one that delays nobody."""

import asyncio

import httpx
import pytest


async def fetch_all(url, names):
    """Fetch all at once, in the order of the names."""
    async with httpx.AsyncClient(base_url=url) as client:
        answers = await asyncio.gather(*(client.get(f"/items/{name}") for name in names))
        return [answer.text for answer in answers]


@pytest.mark.asyncio
async def test_all_are_fetched_at_once(epoll_server):
    names = [f"n{number}" for number in range(10)]
    for name in names:
        epoll_server.get(f"/items/{name}").respond(text=name.upper())

    assert await fetch_all(epoll_server.url, names) == [name.upper() for name in names]
    assert len(epoll_server.requests) == 10


@pytest.mark.asyncio
async def test_a_slow_answer_does_not_hold_up_the_others(epoll_server):
    slow = epoll_server.get("/items/slow").respond(text="SLOW", delay=0.2)
    quick = epoll_server.get("/items/quick").respond(text="QUICK")

    assert await fetch_all(epoll_server.url, ["slow", "quick"]) == ["SLOW", "QUICK"]
    assert quick.last_request.responded_at < slow.last_request.responded_at
