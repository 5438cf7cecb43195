"""WebSockets that are accepted wrongly, or accepted and then ignored."""

import asyncio
from base64 import b64encode
from hashlib import sha1

import aiohttp
import pytest

from pytest_epoll import Response, faults

GOOD = {"Upgrade": "websocket", "Connection": "Upgrade"}


def accept_key(request):
    """Return what proves that a server has understood (RFC 6455 section 4.2.2)."""
    key = request.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    return b64encode(sha1(key.encode()).digest()).decode()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"Connection": "keep-alive"}, "Invalid connection header"),
        ({"Upgrade": "other"}, "Invalid upgrade header"),
        ({"Sec-WebSocket-Accept": "bm8="}, "Invalid challenge response"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
@pytest.mark.asyncio
async def test_fp_176_a_websocket_that_is_accepted_wrongly_is_given_up(server, wrong, message):
    def accept(request):
        return Response(101, headers={**GOOD, "Sec-WebSocket-Accept": accept_key(request), **wrong})

    server.get("/").respond_with(accept)

    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match=message):
            await session.ws_connect(server.url)

    assert "client" == server.connections[0].closed_by


@pytest.mark.asyncio
async def test_fp_176_text_behind_the_acceptance_is_no_frame(server):
    def accept(request):
        return Response(101, headers={**GOOD, "Sec-WebSocket-Accept": accept_key(request)})

    server.get("/").respond_with(accept, fault=[faults.ExtraBytes(b"HTTP/1.1 200 OK\r\n\r\n"), faults.Stall("end")])

    async with aiohttp.ClientSession() as session, session.ws_connect(server.url) as websocket:
        message = await websocket.receive()

    assert (aiohttp.WSMsgType.ERROR, 1002) == (message.type, websocket.close_code)


@pytest.mark.asyncio
async def test_fp_179_a_websocket_that_answers_no_ping_is_closed_as_abnormal(server):
    def accept(request):
        return Response(101, headers={**GOOD, "Sec-WebSocket-Accept": accept_key(request)})

    server.get("/").respond_with(accept, fault=faults.Stall("end"))

    async with aiohttp.ClientSession() as session, session.ws_connect(server.url, heartbeat=0.1) as websocket:
        await websocket.receive()

        assert 1006 == websocket.close_code
    assert "client" == server.connections[0].closed_by


@pytest.mark.asyncio
async def test_fp_179_a_close_that_nobody_answers_times_out(server):
    def accept(request):
        return Response(101, headers={**GOOD, "Sec-WebSocket-Accept": accept_key(request)})

    server.get("/").respond_with(accept, fault=faults.Stall("end"))

    timeout = aiohttp.ClientWSTimeout(ws_close=0.1)
    async with aiohttp.ClientSession() as session, session.ws_connect(server.url, timeout=timeout) as websocket:
        await websocket.close()

        assert isinstance(websocket.exception(), asyncio.TimeoutError)
        assert 1006 == websocket.close_code
