"""A run of pytest that is measured from inside: `blocks` runs and times it, `kinds` has the tests."""

from __future__ import annotations
