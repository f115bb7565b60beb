"""What the server knows about types: enum labels, composites, domains, extension types; read once, shared."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chakra.errors import FieldError
from chakra.pg.types import BY_NAME, BY_OID, PgType

if TYPE_CHECKING:
    from chakra.db.database import Database
    from chakra.db.executor import Executor

# Everything a type stands on, in one query: elements of arrays, bases of domains, subtypes of ranges, ranges
# of multiranges, columns of composites. Manual: chapter 52, pg_type, pg_attribute, pg_enum, pg_range.
_QUERY = """
WITH RECURSIVE types AS (
    SELECT t.oid, t.typname::text AS name, n.nspname::text AS schema, t.typarray AS array_oid,
           t.typlen::int AS size, t.typtype::text AS kind, t.typbasetype AS base, t.typtypmod AS typmod,
           -- anyarray: array_send() asks the elements' type, which a column of pg_statistic says with each value.
           t.typsend::oid <> 0 AND t.oid <> 'pg_catalog.anyarray'::pg_catalog.regtype AS sends,
           t.typreceive::oid <> 0 AS receives,
           t.typndims AS ndims, t.typrelid AS relation, r.rngsubtype AS subtype, m.rngtypid AS range_of,
           CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0 END AS element,
           pg_catalog.pg_type_is_visible(t.oid) AS visible
    FROM pg_catalog.pg_type t
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
    LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid = t.oid
), wanted(oid) AS (
    SELECT unnest($1::oid[])
  UNION
    SELECT needed.oid
    FROM wanted JOIN types t ON t.oid = wanted.oid
    CROSS JOIN LATERAL (
        SELECT unnest(ARRAY[t.element, t.base, t.subtype, t.range_of]) AS oid
      UNION ALL
        SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.kind = 'c' AND a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
    ) needed
    WHERE needed.oid <> 0
)
SELECT t.*,
    (SELECT array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
       FROM pg_catalog.pg_enum e WHERE t.kind = 'e' AND e.enumtypid = t.oid) AS labels,
    f.names, f.types, f.typmods, f.dims
FROM types t
JOIN wanted USING (oid)
LEFT JOIN LATERAL (
    SELECT array_agg(a.attname::text ORDER BY a.attnum) AS names,
           array_agg(a.atttypid ORDER BY a.attnum) AS types,
           array_agg(a.atttypmod ORDER BY a.attnum) AS typmods,
           array_agg(a.attndims::int ORDER BY a.attnum) AS dims
    FROM pg_catalog.pg_attribute a
    WHERE t.kind = 'c' AND a.attrelid = t.relation AND a.attnum > 0 AND NOT a.attisdropped
) f ON true
"""

_EXTENSION_TYPES = tuple(t.name for t in BY_NAME.values() if not t.oid)


class TypeCatalog:
    """Types of one database by OID, shared by all its connections.

    Built-in types are known without asking. Anything else is read with all it stands on at its first use and
    kept until ``invalidate()``, which every DDL statement that goes through the database calls.

    Attributes:
        version: how often it was invalidated; what was built of older types is out of date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, PgType] = {}
        self._names: dict[tuple[Hashable, str], int] = {}
        self.version = 0

    async def resolve(self, type_: int | str, *, executor: Executor | None = None) -> PgType:
        """Return a type by OID or by name (``"mood"``, ``"public.mood"``, ``"mood[]"``), as SQL spells it.

        Args:
            executor: where to ask; a type made in an open transaction is only visible there.

        Raises:
            FieldError: the server knows no such type.
        """
        if isinstance(type_, int):
            return (await self.resolve_many([type_], executor=executor))[type_]
        source = executor or self._database
        held = source.held_session()
        key = (None if held is None else held.path.elsewhere, type_)  # another search path, another type
        oid = self._names.get(key)
        if oid is None:
            row = await source.run_fetchrow("SELECT pg_catalog.to_regtype($1)::oid AS oid", (type_,))
            oid = row["oid"] if row is not None else None
            if oid is None:
                raise FieldError(f"the database {self._database.name} has no type {type_!r}")
            self._names[key] = oid
        return (await self.resolve_many([oid], executor=executor))[oid]

    async def resolve_many(
        self, oids: Iterable[int], *, executor: Executor | None = None
    ) -> dict[int, PgType]:
        """Return types by OID, asking the server once for all those not known yet.

        Raises:
            FieldError: the server has no type with one of the OIDs.
        """
        wanted = dict.fromkeys(oids)
        missing = [oid for oid in wanted if oid not in BY_OID and oid not in self._known]
        if missing:
            rows = await (executor or self._database).run_fetch(_QUERY, (missing,))
            built: dict[int, PgType] = {}
            by_oid = {row["oid"]: row for row in rows}
            for oid in missing:
                if oid not in by_oid:
                    raise FieldError(
                        f"the database {self._database.name} has no type with OID {oid}; it was dropped or "
                        "made anew after the statement was prepared"
                    )
                _build(oid, by_oid, built)
            self._known.update(built)
        return {oid: BY_OID.get(oid) or self._known[oid] for oid in wanted}

    def known(self, oid: int) -> PgType | None:
        """Return a type by OID if it is known without asking."""
        return BY_OID.get(oid) or self._known.get(oid)

    def invalidate(self) -> None:
        """Forget everything that was read; the next use asks again."""
        self._known.clear()
        self._names.clear()
        self.version += 1


def with_modifier(type_: PgType, typmod: int, ndims: int = 0) -> PgType:
    """Return a type with the modifier (and declared dimensions) of a column, which for an array means its
    elements.
    """
    if type_.kind == "array":
        assert type_.element is not None
        element = with_modifier(type_.element, typmod)
        return replace(type_, element=element, typmod=typmod, ndims=max(ndims, 1))
    return type_ if typmod == type_.typmod else replace(type_, typmod=typmod)


def _build(oid: int, rows: Mapping[int, Any], built: dict[int, PgType]) -> PgType:
    """Put a type together from its row and those of what it stands on."""
    known = BY_OID.get(oid) or built.get(oid)
    if known is not None:
        return known
    row = rows[oid]
    name, schema = row["name"], row["schema"]
    common: dict[str, Any] = {
        "name": name,
        "oid": oid,
        "array_oid": row["array_oid"],
        "size": row["size"],
        "schema": None if schema == "pg_catalog" else schema,
    }
    kind = row["kind"]
    if row["element"]:
        element = _build(row["element"], rows, built)
        found = PgType(**common, kind="array", python=list, element=element, ndims=1)
    elif kind == "e":
        found = PgType(**common, kind="enum", python=str, labels=tuple(row["labels"] or ()))
    elif kind == "c":
        fields = tuple(
            (field, with_modifier(_build(type_, rows, built), typmod, dims))
            for field, type_, typmod, dims in zip(
                row["names"] or (), row["types"] or (), row["typmods"] or (), row["dims"] or (), strict=True
            )
        )
        found = PgType(**common, kind="composite", python=tuple, fields=fields)
    elif kind == "d":
        base = with_modifier(_build(row["base"], rows, built), row["typmod"], row["ndims"])
        found = PgType(**common, kind="domain", python=base.python, element=base)
    elif kind == "r":
        found = PgType(**common, kind="range", python=str, element=_build(row["subtype"], rows, built))
    elif kind == "m":
        found = PgType(**common, kind="multirange", python=list, element=_build(row["range_of"], rows, built))
    elif name in _EXTENSION_TYPES and row["visible"]:
        found = replace(BY_NAME[name], oid=oid, array_oid=row["array_oid"], size=row["size"])
    elif name in _EXTENSION_TYPES:
        found = replace(BY_NAME[name], **(common | {"sql_name": ""}))
    else:
        found = PgType(**common, python=str, sends=row["sends"], receives=row["receives"])
    built[oid] = found
    return found


__all__ = ["TypeCatalog", "with_modifier"]
