import httpx


def test_a_preview_reads_everything(epoll_server):
    epoll_server.get("/song").respond(content=b"x" * 300_000)

    with httpx.stream("GET", epoll_server.url + "/song") as response:
        preview = next(response.iter_bytes(1000))

    assert len(preview) == 1000
    epoll_server.client.assert_read_to_end("GET", "/song")
