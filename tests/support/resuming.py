"""A downloader that goes on where it was broken off, as those of undici and curl do: what resuming peers are for."""

from __future__ import annotations

import re

import httpx


def resume(client, url, attempts=5):
    """Return the whole content, asking by range for what is missing."""
    content, size, tag = b"", None, None
    for _ in range(attempts):
        headers = {"Range": f"bytes={len(content)}-", "If-Range": tag or ""} if content else {}
        try:
            with client.stream("GET", url, headers=headers) as answer:
                if content and not _goes_on(answer, len(content)):
                    continue  # an error, or another content: keep what is there and ask again
                tag = answer.headers.get("ETag", tag)
                size = size or int(answer.headers.get("Content-Length", 0))
                for piece in answer.iter_raw():
                    content += piece
                return content
        except httpx.TransportError:
            pass
    raise ConnectionError(f"{len(content)} bytes of {size} after {attempts} attempts")


def _goes_on(answer, offset):
    found = re.fullmatch(r"bytes (\d+)-\d+/\d+", answer.headers.get("Content-Range", ""))
    if answer.status_code == 206 and not found:
        raise ValueError(f"Content-Range: {answer.headers.get('Content-Range')}")
    return answer.status_code == 206 and int(found[1]) == offset
