"""What the server knows about types: enum labels, composites, domains, extension types; read once, shared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from chakra.db.statements import Own, Statement
from chakra.errors import FieldError
from chakra.pg.types import BY_NAME, BY_OID, PgType

Fetch: TypeAlias = Callable[[Statement, Sequence[Any]], Awaitable[Sequence[Any]]]
"""Runs a question about the server and returns its rows."""

# Everything a type stands on, in one query: elements of arrays, bases of domains, subtypes of ranges, ranges
# of multiranges, columns of composites. Manual: chapter 52, pg_type, pg_attribute, pg_enum, pg_range.
_QUERY = Own("""
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
""")

_BY_NAME = Own("SELECT pg_catalog.to_regtype($1)::oid AS oid")

_EXTENSION_TYPES = tuple(t.name for t in BY_NAME.values() if not t.oid)


class TypeCatalog:
    """Types of one database by OID, shared by all its connections.

    Built-in types are known without asking. Anything else is read with all it stands on at its first use and
    kept until ``invalidate()``, which every DDL statement that goes through the database calls.

    Attributes:
        database: the name of the database, for messages.
        version: how often it was invalidated; what was built of older types is out of date.
    """

    __slots__ = ("_known", "_names", "database", "version")

    def __init__(self, database: str = "") -> None:
        self.database = database
        self._known: dict[int, PgType] = {}
        self._names: dict[tuple[Hashable, str], int] = {}
        self.version = 0

    async def resolve(self, type_: int | str, fetch: Fetch, path: Hashable = None) -> PgType:
        """Return a type by OID or by name (``"mood"``, ``"public.mood"``, ``"mood[]"``), as SQL spells it.

        Args:
            fetch: asks where it is called for; a type made in an open transaction is only visible there.
            path: stands for the search path that holds there: under another one a name is another type.

        Raises:
            FieldError: the server knows no such type.
        """
        if isinstance(type_, int):
            return (await self.resolve_many([type_], fetch))[type_]
        oid = self._names.get((path, type_))
        if oid is None:
            rows = await fetch(_BY_NAME, (type_,))
            oid = rows[0]["oid"] if rows else None
            if oid is None:
                raise FieldError(f"the database {self.database} has no type {type_!r}")
            self._names[path, type_] = oid
        return (await self.resolve_many([oid], fetch))[oid]

    async def resolve_many(self, oids: Iterable[int], fetch: Fetch) -> dict[int, PgType]:
        """Return types by OID, asking the server once for all those not known yet.

        Raises:
            FieldError: the server has no type with one of the OIDs.
        """
        wanted = dict.fromkeys(oids)
        missing = [oid for oid in wanted if oid not in BY_OID and oid not in self._known]
        if missing:
            rows = await fetch(_QUERY, (missing,))
            built: dict[int, PgType] = {}
            by_oid = {row["oid"]: row for row in rows}
            for oid in missing:
                if oid not in by_oid:
                    raise FieldError(
                        f"the database {self.database} has no type with OID {oid}; it was dropped or "
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


class Types:
    """The types of a database, asked for over one connection or whichever is free.

    Args:
        catalog: what is known of them, for all connections.
        fetch: asks the server.
        path: gives what stands for the search path that holds when a name is looked up.
    """

    __slots__ = ("_catalog", "_fetch", "_path")

    def __init__(self, catalog: TypeCatalog, fetch: Fetch, path: Callable[[], Hashable]) -> None:
        self._catalog = catalog
        self._fetch = fetch
        self._path = path

    @property
    def version(self) -> int:
        """How often what is known was invalidated."""
        return self._catalog.version

    async def resolve(self, type_: int | str) -> PgType:
        """Return a type by OID or by name; see ``TypeCatalog``."""
        return await self._catalog.resolve(type_, self._fetch, self._path())

    async def resolve_many(self, oids: Iterable[int]) -> dict[int, PgType]:
        """Return types by OID, asking the server once for all those not known yet; see ``TypeCatalog``."""
        return await self._catalog.resolve_many(oids, self._fetch)

    def known(self, oid: int) -> PgType | None:
        """Return a type by OID if it is known without asking."""
        return self._catalog.known(oid)

    def invalidate(self) -> None:
        """Forget everything that was read; the next use asks again."""
        self._catalog.invalidate()


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


__all__ = ["TypeCatalog", "Types", "with_modifier"]
