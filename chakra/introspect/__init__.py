"""The catalog as ``schema.Table``: what tables a database has, and what they are made of. No data is read."""

from chakra.introspect.listing import KINDS, Found, Listed, find, listed
from chakra.introspect.normalised import normalised
from chakra.introspect.partitions import ListedPartition, partitions
from chakra.introspect.privileges import privileges
from chakra.introspect.tables import read

__all__ = [
    "KINDS",
    "Found",
    "Listed",
    "ListedPartition",
    "find",
    "listed",
    "normalised",
    "partitions",
    "privileges",
    "read",
]
