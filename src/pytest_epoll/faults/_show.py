"""How faults print: as the code that makes them, without what is the default anyway."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any


def code_of(fault: Any) -> str:
    """Return `faults.Name(first=..., other=...)`; arguments that have their default are left out."""
    arguments = []
    for field in fields(fault):
        value = getattr(fault, field.name)
        if field.default is MISSING or value != field.default or type(value) is not type(field.default):
            arguments.append(f"{field.name}={value!r}")
    return f"faults.{type(fault).__name__}({', '.join(arguments)})"
