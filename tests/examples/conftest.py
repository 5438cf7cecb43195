import httpcore  # noqa: F401 - httpx loads it at its first request; inside a run of pytester it would be forgotten again
