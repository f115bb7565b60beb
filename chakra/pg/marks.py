"""Texts by which one layer knows an error that another had the server raise on purpose."""

STALE_RECORDS = "chakra: the attributes of a composite type were changed"

__all__ = ["STALE_RECORDS"]
