"""How often a loop wakes up."""

from __future__ import annotations


class CountingPoller:
    """A poller that counts how often it has returned with something, or has waited."""

    def __init__(self, poller):
        self._poller = poller
        self.wake_ups = 0

    def __getattr__(self, name):
        return getattr(self._poller, name)

    def poll(self, timeout):
        events = self._poller.poll(timeout)
        self.wake_ups += 1
        return events
