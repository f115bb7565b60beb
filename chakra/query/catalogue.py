"""What is in a database: its tables, and the columns of one of them, out of the catalog; no data is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Generic, SupportsIndex, TypeVar

from chakra import introspect
from chakra.query.shown import html_table, text_table
from chakra.schema import Column, Table
from chakra.sql.ddl.privileges import Privileges

if TYPE_CHECKING:
    from chakra.db import Database

T = TypeVar("T")

NAMES_SHOWN = 12
"""Tables that an error names."""


class Listing(list[T], Generic[T]):
    """A list that shows itself as a table."""

    heads: tuple[str, ...] = ()

    def _cells(self) -> list[tuple[str, ...]]:
        return [tuple(item.cells) for item in self]  # type: ignore[attr-defined]

    def __repr__(self) -> str:
        return text_table(self.heads, self._cells()) if self else f"no {type(self).__name__.lower()}"

    def _repr_html_(self) -> str:
        return html_table(self.heads, self._cells())


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table, view or foreign table.

    Attributes:
        schema, name: where it is.
        kind: ``"table"``, ``"partitioned table"``, ``"view"``, ``"materialized view"`` or ``"foreign table"``.
        rows: about how many rows it has, as the server's statistics say; ``None`` where it has none (views, and
            tables that were never vacuumed or analyzed).
    """

    schema: str
    name: str
    kind: str
    rows: int | None

    @property
    def cells(self) -> tuple[str, ...]:
        """What a listing shows."""
        return self.schema, self.name, self.kind, "" if self.rows is None else f"{self.rows:,}"


class Tables(Listing[TableInfo]):
    """The tables of a database."""

    heads = ("schema", "name", "kind", "rows (about)")


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """A column of a table.

    Attributes:
        name: in the database.
        type: as SQL spells it.
        nullable: whether NULL is allowed.
        default: SQL of the server's default, ``"identity"``, ``"serial"``, ``"computed: …"``, or ``None``.
        key: ``"primary key"``, ``"unique"`` and ``"→ table.column"`` where they apply, joined by commas; or ``""``.
    """

    name: str
    type: str
    nullable: bool
    default: str | None
    key: str

    @property
    def cells(self) -> tuple[str, ...]:
        """What a listing shows."""
        return self.name, self.type, "NULL" if self.nullable else "NOT NULL", self.default or "", self.key


class Columns(Listing[ColumnInfo]):
    """The columns of a table; ``columns["name"]`` is one of them."""

    heads = ("column", "type", "null", "default", "key")

    if not TYPE_CHECKING:

        def __getitem__(self, key: str | SupportsIndex | slice) -> Any:
            if isinstance(key, str):
                found = next((column for column in self if column.name == key), None)
                if found is None:
                    raise KeyError(f"no column {key!r}; there are {', '.join(c.name for c in self)}")
                return found
            return list.__getitem__(self, key)


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table and its columns.

    Attributes:
        table: schema, name, kind and about how many rows.
        columns: in their order.
    """

    table: TableInfo
    columns: Columns

    @property
    def title(self) -> str:
        """``table public.orders, about 1,000 rows``."""
        rows = "" if self.table.rows is None else f", about {self.table.rows:,} rows"
        return f"{self.table.kind} {self.table.schema}.{self.table.name}{rows}"

    def __repr__(self) -> str:
        return f"{self.title}\n{self.columns!r}"

    def _repr_html_(self) -> str:
        return f"<p><b>{self.title}</b></p>{self.columns._repr_html_()}"


async def tables(database: Database, schema: str | None = None) -> Tables:
    """The tables, views and foreign tables of a database, or of one schema; partitions are left out."""
    return Tables(TableInfo(*one[1:]) for one in await introspect.listed(database, schema))


async def describe(database: Database, table: Table) -> TableDescription:
    """A reflected table as people read it."""
    found = await tables(database, table.schema)
    info = next(
        (item for item in found if item.name == table.name),
        TableInfo(table.schema or "", table.name, "partition", None),
    )
    return TableDescription(info, columns_of(table))


def columns_of(table: Table) -> Columns:
    """The columns of a described table."""
    return Columns(
        ColumnInfo(c.name, c.type.sql, c.nullable, _default(c), _key(table, c.name)) for c in table.columns
    )


def _default(column: Column) -> str | None:
    if column.computed is not None:
        return f"computed: {column.computed}"
    if column.identity:
        return "serial" if column.serial else "identity"
    return column.db_default


def _key(table: Table, name: str) -> str:
    parts = []
    if name in table.primary_key:
        parts.append("primary key")
    parts += ["unique" for unique in table.uniques if name in unique.columns and len(unique.columns) == 1]
    for key in table.foreign_keys:
        for own, other in zip(key.columns, key.target_columns, strict=True):
            if own == name:
                where = (
                    key.target
                    if key.target_schema in (None, table.schema)
                    else f"{key.target_schema}.{key.target}"
                )
                parts.append(f"→ {where}.{other}")
    return ", ".join(dict.fromkeys(parts))


async def instead_of(database: Database, schema: str | None, name: str) -> str:
    """What an error says of the tables there are, when one was not found: the same name in other schemas, similar
    ones, or all of them.
    """
    found = await tables(database)
    same = [item for item in found if item.name == name and item.schema != schema]
    if same:
        return f"; there is {_listed(same)}: name the schema, or put it on the search path"
    other_case = [item for item in found if item.name.lower() == name.lower()]
    if other_case:
        return f"; there is {_listed(other_case)}: upper and lower case matter here"
    near = get_close_matches(name, [item.name for item in found], n=3)
    if near:
        return f". Did you mean {_listed([item for item in found if item.name in near])}?"
    return f"; it has {_listed(found)}" if found else "; it has no tables"


def _listed(items: Sequence[TableInfo] | Iterable[TableInfo]) -> str:
    names = [item.name if item.schema == "public" else f"{item.schema}.{item.name}" for item in items]
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


async def privileges_of(database: Database, tables: Iterable[Table]) -> dict[str, Privileges]:
    """Owners and grants of those tables and views that are there, by their quoted names."""
    return await introspect.privileges(database, [table.quoted for table in tables])


__all__ = [
    "ColumnInfo",
    "Columns",
    "TableDescription",
    "TableInfo",
    "Tables",
    "columns_of",
    "describe",
    "instead_of",
    "tables",
]
