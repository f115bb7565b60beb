"""CREATE and DROP of what tables stand in and stand on: schemas and extensions."""

from __future__ import annotations

from chakra.errors import FieldError
from chakra.pg.quoting import quote_identifier


def create_schema(name: str, *, if_not_exists: bool = False) -> str:
    """``CREATE SCHEMA``."""
    quoted = _quoted("create_schema", name)
    return f"CREATE SCHEMA {'IF NOT EXISTS ' if if_not_exists else ''}{quoted}"


def drop_schema(name: str, *, if_exists: bool = False, cascade: bool = False) -> str:
    """``DROP SCHEMA``."""
    quoted = _quoted("drop_schema", name)
    return f"DROP SCHEMA {'IF EXISTS ' if if_exists else ''}{quoted}{' CASCADE' if cascade else ''}"


def create_extension(
    name: str, *, schema: str | None = None, version: str | None = None, cascade: bool = False
) -> str:
    """``CREATE EXTENSION IF NOT EXISTS``."""
    quoted = [_quoted("create_extension", given) for given in (name, schema, version) if given is not None]
    words = ["CREATE EXTENSION IF NOT EXISTS", quoted.pop(0)]
    for word, given in (("SCHEMA", schema), ("VERSION", version)):
        if given is not None:
            words += [word, quoted.pop(0)]
    return " ".join([*words, *(["CASCADE"] if cascade else [])])


def _quoted(call: str, name: object) -> str:
    if not isinstance(name, str):
        raise FieldError(f"{call}() takes a name as text, not {name!r}")
    return quote_identifier(name)


__all__ = ["create_extension", "create_schema", "drop_schema"]
