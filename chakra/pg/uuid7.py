"""UUIDs whose order is that of their making (version 7, RFC 9562 section 5.7), as PostgreSQL 18 makes them."""

from __future__ import annotations

import os
import threading
import time
import uuid

TICKS = 4096
"""Parts of a millisecond that the 12 bits behind the version count: 244 ns, as ``uuidv7()`` does (method 3 of RFC 9562
section 6.2; ``generate_uuidv7``, src/backend/utils/adt/uuid.c)."""

_lock = threading.Lock()
_last = 0


def uuid7() -> uuid.UUID:
    """A new UUID of version 7: ``id: Field[UUID] = field(primary_key=True, default=chakra.uuid7)``.

    Its first 60 bits are the time, so that new rows stand at the end of the index of their key. Each is larger than
    those made before it in this process, in whatever thread, also where the clock stands still or is set back; 62 bits
    are random. On the server PostgreSQL 18 makes such: ``field(db_default=GenerateUUID7())``.
    """
    global _last
    with _lock:
        ticks = time.time_ns() * TICKS // 1_000_000
        if ticks <= _last:
            ticks = _last + 1
        _last = ticks
    noise = int.from_bytes(os.urandom(8)) >> 2
    return uuid.UUID(int=(ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62 | noise)


__all__ = ["uuid7"]
