"""What pytest-epoll costs, side by side with a raw epoll loop: `python -m benchmarks`; README.md says how and why."""

from __future__ import annotations
