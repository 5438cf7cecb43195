"""What the test run has set for every server of the process, whoever makes it.

Its own module, and an empty one, because the plugin writes to it in every run, also in those that load no server.
"""

from __future__ import annotations

wait_seconds: float = 5.0
"""How long a wait without a `timeout` of its own may take; the ini option `epoll_timeout` changes it."""
