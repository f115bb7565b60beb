"""What is read of a database for models of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chakra import introspect
from chakra.errors import FieldError
from chakra.inspection.source import module_source
from chakra.migrations.observed import JOURNAL, observed, without_schema


async def read_models(database: Any, tables: Sequence[str] = (), schemas: Sequence[str] = ()) -> str:
    """Source of models for tables of a database.

    Args:
        tables: their names, with the schema where it is not the first one; default: all.
        schemas: only these; default: all but the server's own.

    Raises:
        FieldError: there is no such table or schema.
    """
    current = await database.fetchval("SELECT current_schema()::text")
    listed = [
        one
        for one in await introspect.listed(database)
        if one.name != JOURNAL and one.kind != "foreign table"
    ]
    if schemas:
        missing = set(schemas) - {one.schema for one in listed}
        if missing:
            raise FieldError(f"there are no tables in the schema {', '.join(sorted(missing))}")
        listed = [one for one in listed if one.schema in schemas]
    if tables:
        known = {one.name if one.schema == current else f"{one.schema}.{one.name}": one for one in listed}
        known |= {f"{one.schema}.{one.name}": one for one in listed}
        unknown = [name for name in tables if name not in known]
        if unknown:
            raise FieldError(
                f"there is no table {', '.join(unknown)}; there are {', '.join(sorted(known)) or 'none'}"
            )
        listed = [known[name] for name in tables]
    found = await introspect.read(database, listed)
    guards = (await observed(database)).guards
    return module_source([without_schema(table, current) for table in found], guards)


__all__ = ["read_models"]
