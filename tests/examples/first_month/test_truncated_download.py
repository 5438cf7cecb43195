"""A truncated download: an orderly end in mid-body is an error, and no half file is left."""

import httpx
import pytest

from pytest_epoll import faults


def download(url, path):
    """Save what is at the url, whole or not at all."""
    partial = path.with_suffix(".part")
    try:
        with httpx.stream("GET", url) as response, partial.open("wb") as file:
            for piece in response.iter_bytes():
                file.write(piece)
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def test_a_whole_file_is_saved(epoll_server, tmp_path):
    epoll_server.get("/big").respond(content=b"x" * 4096)
    download(epoll_server.url + "/big", tmp_path / "big")

    assert (tmp_path / "big").read_bytes() == b"x" * 4096


@pytest.mark.parametrize("after", ["head", 137, 4136])
def test_a_truncated_file_is_not(epoll_server, tmp_path, after):
    epoll_server.get("/big").respond(content=b"x" * 4096, fault=faults.HangUp(after=after))

    with pytest.raises(httpx.RemoteProtocolError):
        download(epoll_server.url + "/big", tmp_path / "big")
    assert list(tmp_path.iterdir()) == []
