"""Clients that fetch a path, read the whole answer and close."""

from __future__ import annotations

import asyncio
import http.client
import subprocess

import aiohttp
import requests
import urllib3

from fetching import fetch


def read_with_http_client(server, path):
    client = http.client.HTTPConnection(*server.address, timeout=5)
    client.request("GET", path)
    client.getresponse().read()
    client.close()


def read_with_requests(server, path):
    with requests.Session() as session:
        session.get(server.url + path, timeout=5)


def read_with_urllib3(server, path):
    with urllib3.PoolManager() as pool:
        pool.request("GET", server.url + path)


def read_with_aiohttp(server, path):
    async def main():
        async with aiohttp.ClientSession() as session, session.get(server.url + path) as response:
            await response.read()

    asyncio.run(main())


def read_with_curl(server, path):
    subprocess.run(["curl", "--silent", "--max-time", "5", server.url + path], check=True, stdout=subprocess.DEVNULL)


READERS = {  # by name
    "http.client": read_with_http_client,
    "requests": read_with_requests,
    "urllib3": read_with_urllib3,
    "httpx": lambda server, path: fetch(server.url + path),
    "aiohttp": read_with_aiohttp,
    "curl": read_with_curl,
}
