import re
import shutil
import subprocess

import pytest

from pytest_epoll import faults

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on the path")


def curl(*arguments):
    command = ["curl", "--silent", "--show-error", "--max-time", "5", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_reply_is_recorded(epoll_server, show):
    epoll_server.post("/users").respond(201, json={"id": 7})
    finished = curl("--data", "name=Ada", epoll_server.url + "/users")
    show("curl posts a form and gets a reply", finished.stdout)

    assert finished.stdout == '{"id": 7}'
    assert epoll_server.last_request.form() == {"name": "Ada"}


def test_a_download_is_cut_after_137_bytes(epoll_server, show):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.Reset(after=137))
    finished = curl(epoll_server.url + "/big")
    show("curl is cut off after 137 bytes", finished.stderr.strip())

    assert (finished.returncode, len(finished.stdout)) == (
        56,
        137 - len("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n"),
    )
    connection = epoll_server.connections[0]
    assert (connection.bytes_sent, connection.closed_by, connection.closed_how) == (137, "server", "rst")


def test_a_reply_comes_in_exact_pieces(epoll_server, show):
    in_pieces = faults.PartialWrites(cuts=("head", 42, 45), until_read=True)
    epoll_server.get("/count").respond(content=b"onetwothree", fault=in_pieces)
    finished = curl("--trace-ascii", "-", "--output", "/dev/null", epoll_server.url + "/count")
    pieces = re.findall(r"^<= Recv data, (\d+) bytes", finished.stdout, re.MULTILINE)
    show("curl reads exactly these pieces", f"{', '.join(pieces)} bytes")

    assert pieces == ["3", "3", "5"]
