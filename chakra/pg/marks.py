"""Texts by which one layer knows an error that another had the server raise on purpose."""

from __future__ import annotations

STALE_TYPES = "chakra_stale_types"
"""What the error of a failed guard reads (``chakra.sql.guards``): the server says it of an integer it cannot parse."""

STALE_RECORDS = "chakra: the attributes of a composite type were changed"

__all__ = ["STALE_RECORDS", "STALE_TYPES"]
