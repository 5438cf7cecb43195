import aiohttp
import pytest

from pytest_epoll import faults


@pytest.mark.asyncio
async def test_a_reply_is_recorded(epoll_server, show):
    epoll_server.get("/users/7").respond(json={"name": "Ada"})
    async with aiohttp.ClientSession() as session, session.get(epoll_server.url + "/users/7") as response:
        answer = await response.json()
    show("aiohttp gets a reply", f"{response.status} {answer}")

    assert answer == {"name": "Ada"}
    assert epoll_server.last_request.headers["user-agent"].startswith("Python/")


@pytest.mark.asyncio
async def test_a_download_is_cut_after_137_bytes(epoll_server, show):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    async with aiohttp.ClientSession() as session:
        async with session.get(epoll_server.url + "/big") as response:
            with pytest.raises(aiohttp.ClientError) as caught:
                await response.read()
    show("aiohttp is cut off after 137 bytes", repr(caught.value))

    connection = epoll_server.connections[0]
    assert (connection.bytes_sent, connection.closed_by, connection.closed_how) == (137, "server", "rst")


@pytest.mark.asyncio
async def test_a_reply_comes_in_exact_pieces(epoll_server, show):
    in_pieces = faults.PartialWrites(cuts=("head", 42, 45), until_read=True)
    epoll_server.get("/count").respond(content=b"onetwothree", fault=in_pieces)
    async with aiohttp.ClientSession() as session, session.get(epoll_server.url + "/count") as response:
        pieces = [piece async for piece in response.content.iter_any()]
    show("aiohttp reads exactly these pieces", pieces)

    assert pieces == [b"one", b"two", b"three"]
