"""Where in the test's code a call came from: what findings and timelines name."""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGE = str(Path(__file__).parents[1]) + "/"


def caller() -> str:
    """Return "file.py:12", the innermost frame that is not ours."""
    frame = sys._getframe(1)  # noqa: SLF001 - what `inspect.currentframe` returns, without its import
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}"
