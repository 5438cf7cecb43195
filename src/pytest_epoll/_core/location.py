"""Whose code a frame is: the test's, which findings and timelines name, or ours, which reports leave out."""

from __future__ import annotations

import sys
import typing
from pathlib import Path
from typing import Final

_PACKAGE: Final = str(Path(__file__).parents[1]) + "/"
_LIBRARY: Final = str(Path(typing.__file__).parent) + "/"


def is_ours(path: str) -> bool:
    """Whether a file is one of this package."""
    return path.startswith(_PACKAGE)


def is_library(path: str) -> bool:
    """Whether a file is one of Python's own, which runs in the name of whoever has called it."""
    inside = path.removeprefix(_LIBRARY)
    return path.startswith("<frozen ") or (
        inside != path and not inside.startswith(("site-packages/", "dist-packages/"))
    )


def caller() -> str:
    """Return "file.py:12", the innermost frame that is not ours."""
    frame = sys._getframe(1)  # noqa: SLF001 - what `inspect.currentframe` returns, without its import
    while frame.f_back is not None and is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"
