"""Where the figures come from: they mean little without it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

from benchmarks.processes import ROOT

PACKAGES = ("pytest-epoll", "httptools", "pytest", "uvicorn", "aiohttp", "pytest-httpserver")


def describe() -> dict[str, object]:
    """Return what the figures depend on."""
    return {
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain", "src") else ""),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def render(surroundings: dict[str, object]) -> str:
    """Return it as text."""
    packages = surroundings["packages"]
    assert isinstance(packages, dict)
    installed = ", ".join(f"{name} {number or 'not installed'}" for name, number in packages.items())
    return (
        f"{surroundings['python']}, {surroundings['system']}, {surroundings['cores']} cores at load "
        f"{surroundings['load']}, commit {surroundings['commit'] or 'unknown'}\n{installed}"
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(*words: str) -> str:
    try:
        done = subprocess.run(("git", *words), cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip()
