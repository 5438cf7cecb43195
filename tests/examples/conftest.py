import httpcore  # noqa: F401 - httpx loads it at its first request; inside a run of pytester it would be forgotten again
import pytest


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """A proxy of the environment would stand between the client and the server."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
