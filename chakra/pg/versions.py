"""Which PostgreSQL servers Chakra works with."""

from __future__ import annotations

from typing import Final

OLDEST_MAJOR: Final = 14
"""The oldest major version that is supported: what the suite is run on ends there (``ci/matrix.sh``)."""

__all__ = ["OLDEST_MAJOR"]
