"""What is read of a database for models of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chakra import introspect
from chakra.errors import FieldError
from chakra.inspection.leaving import Fitted, fit
from chakra.inspection.needs import needs_of
from chakra.inspection.source import module_source
from chakra.migrations.observed import JOURNAL, observed, without_schema


async def read_fitted(database: Any, tables: Sequence[str] = (), schemas: Sequence[str] = ()) -> Fitted:
    """What models can make of tables of a database.

    Args:
        tables: their names, with the schema where it is not the first one; default: all.
        schemas: only these; default: all but the server's own.

    Raises:
        FieldError: there is no such table or schema.
    """
    current = await database.fetchval("SELECT current_schema()::text")
    listed = [one for one in await introspect.listed(database) if one.name != JOURNAL]
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
    foreign = [one for one in listed if one.kind == "foreign table"]
    listed = [one for one in listed if one.kind != "foreign table"]
    found = await introspect.read(database, listed)
    state = await observed(database)
    described = {one.oid: without_schema(table, current) for one, table in zip(listed, found, strict=True)}
    needs = await needs_of(database, described, current)
    fitted = fit(
        described, state.guards, state.domains, state.composites, needs, chosen=bool(tables or schemas)
    )
    said = [f"{one.name}: a foreign table, left out" for one in foreign]
    return replace(fitted, said=(*said, *fitted.said))


async def read_models(database: Any, tables: Sequence[str] = (), schemas: Sequence[str] = ()) -> str:
    """Source of models for tables of a database; arguments and errors of ``read_fitted``."""
    return module_source(await read_fitted(database, tables, schemas))


__all__ = ["read_fitted", "read_models"]
