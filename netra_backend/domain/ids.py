"""Identifiers. An id is text on the wire and in code; only the database stores a packed UUID.

Tenant and user ids come from tokens, so they are any text; the others are UUIDs made here.
"""

from collections.abc import Callable
from typing import NamedTuple, NewType

TenantId = NewType("TenantId", str)
UserId = NewType("UserId", str)
ThreadId = NewType("ThreadId", str)
MessageId = NewType("MessageId", str)
RunId = NewType("RunId", str)
ConnectionId = NewType("ConnectionId", str)
WorkerId = NewType("WorkerId", str)

IdSource = Callable[[], str]
"""Makes a new unique id, in text form. Time-ordered ids keep index inserts local."""


class Owner(NamedTuple):
    """Whose data a storage call is about. Every storage call takes one; there is no default."""

    tenant_id: TenantId
    user_id: UserId


def uuid7(unix_ms: int, random_bits: int) -> str:
    """A version 7 UUID (RFC 9562, section 5.7) from milliseconds since 1970 and 74 random bits."""
    high = (unix_ms & (1 << 48) - 1) << 80
    low = random_bits & (1 << 74) - 1
    bits = high | 0x7 << 76 | (low >> 62) << 64 | 0b10 << 62 | low & (1 << 62) - 1
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
