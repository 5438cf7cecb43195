"""Credentials in what a report shows: reports end in logs that many people can read.

Masked are the values of Authorization, Proxy-Authorization, Cookie and Set-Cookie (RFC 9110 section 11.6, RFC 6265) and
the user information of a url, wherever received or sent bytes are shown. A criterion of the test's own is compared in
the open up to a few characters behind the first difference: what it expects stands in the test's source anyway.
"""

from __future__ import annotations

import re

MASK = "***"

SECRET_FIELDS = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie"))

_SHOWN_BEHIND = 4
"""Characters that are shown from the first difference on: enough to see that it is another value, not to use it."""

_SCHEME = r"(?:(?:basic|bearer|digest|negotiate|token|apikey)[ \t]+)?"

_FIELD = re.compile(rf"(?im)^((?:{'|'.join(sorted(SECRET_FIELDS))})[ \t]*:[ \t]*{_SCHEME})[^\r\n]+")

_USER = re.compile(r"(?<=//)[^/@\s]+(?=@)")


def masked(text: str) -> str:
    """Return lines of a message with the values of secret fields masked."""
    if ":" not in text:
        return text
    return _USER.sub(MASK, _FIELD.sub(rf"\g<1>{MASK}", text))


def masked_value(found: str, wanted: str) -> str:
    """Return a secret value up to just behind the first place where it differs from what a test expects."""
    same = next((at for at, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b), None)
    if same is None:
        same = min(len(found), len(wanted))
    end = same + _SHOWN_BEHIND
    return found if len(found) <= end else found[:end] + MASK
