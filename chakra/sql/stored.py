"""Tables as a server has them: declared columns with the types of the real ones, and the guards of writes to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from chakra.errors import FieldError
from chakra.pg.conversion.numbers import NUMBERS
from chakra.pg.types import INT2, INT4, INT8, PgType, without_binary
from chakra.schema import Column, Stored, Table
from chakra.schema.declared import JSONS, TEXTS, composites_in, refusal, storing
from chakra.sql.guards import insert_check, write_guard


def holds_money(type_: PgType) -> bool:
    """Whether values of a type are amounts of money, or hold some."""
    base = type_.base
    if base.element is not None:
        return holds_money(base.element)
    return base.name == "money" or any(holds_money(inner) for _, inner in base.fields)


def with_stored(
    table: Table, oid: int, name: str, types: Mapping[str, PgType], other_money: str | None = None
) -> Table:
    """The table with its columns as a server has them.

    Args:
        other_money: the server's ``lc_monetary``, if amounts have no two decimals there, or another decimal point.
        oid, name: of the relation; the name with its schema, quoted.
        types: type of each column by name, with modifiers.
    """
    columns: list[Column] = []
    refused: dict[str, str] = {}
    by_value: set[str] = set()
    for column in table.columns:
        actual = types.get(column.name)
        if other_money is not None and actual is not None and holds_money(actual):
            refused[column.attribute] = (
                f"{table.title}.{column.attribute} is of type money, which by this server's lc_monetary "
                f"({other_money}) has no two decimals behind a point, so that 1.23 would be another amount: give the "
                "column the type numeric, or the server a locale with two decimals, such as C"
            )
        if actual is not None and table.row_class is None:
            # Declared by nobody: what is known of the column came from the server as well, some time ago.
            columns.append(replace(column, type=actual))
            continue
        found = None if actual is None else storing(column.type, actual)
        if actual is not None and found is None:
            label = f"{table.title}.{column.attribute}"
            refused[column.attribute] = str(refusal("written", label, column.type, actual, storing))
            if column.type.base.name in NUMBERS and actual.base.name in NUMBERS:
                by_value.add(column.attribute)
                found = actual
        if found is None or _same(column.type.base, found.base):
            columns.append(column)
        else:
            columns.append(replace(column, type=found, declared=column.declared or column.type))
    stored = Stored(oid, name, dict(types), refused, frozenset(by_value))
    # The statements of a table are about its columns: those of another description do not fit.
    return replace(table, columns=tuple(columns), stored=stored, statements={}, described={})


def with_text(table: Table, names: Collection[str]) -> Table:
    """The table for a write in which some columns come as text that the server is to read.

    Args:
        names: of these columns, by attribute.
    """
    if not names:
        return table
    columns = tuple(
        replace(c, type=replace(c.type, as_text=True), declared=None) if c.attribute in names else c
        for c in table.columns
    )
    stored = table.stored
    if stored is not None:
        marked = {c.name for c in columns if c.attribute in names}
        types = {n: replace(t, as_text=True) if n in marked else t for n, t in stored.types.items()}
        stored = replace(stored, types=types)
    return replace(table, columns=columns, stored=stored, statements={}, described={})


def _same(declared: PgType, actual: PgType) -> bool:
    """Whether there is nothing to change; the OIDs of types that users make are only known to the server."""
    if declared.kind == actual.kind == "array":
        assert declared.element is not None and actual.element is not None
        return declared.ndims == actual.ndims and _same(declared.element, actual.element)
    same = declared.oid and (declared.oid, declared.typmod) == (actual.oid, actual.typmod)
    return bool(same) and not (actual.labels or actual.fields)


def check_written(table: Table, columns: Sequence[Column]) -> None:
    """Refuse columns whose declared values the server's column does not take.

    Raises:
        FieldError: names table, column, both types and the cure.
    """
    if table.stored is not None and table.stored.refused:
        for column in columns:
            if column.attribute in table.stored.refused and column.attribute not in table.stored.by_value:
                raise FieldError(table.stored.refused[column.attribute])


def copy_guard(table: Table, columns: Sequence[Column], staging: str | None = None) -> str | None:
    """The guard of a COPY of these columns; ``None`` where nothing is known of the table.

    Args:
        staging: name of the table the rows go into, quoted, if it has the columns of ``table`` but is another.
    """
    stored = table.stored
    known = [c.name for c in columns if stored is not None and c.name in stored.types]
    if stored is None or not known:
        return None
    types = [stored.types[name] for name in known]
    composites = {type_.oid: type_ for whole in types for type_ in composites_in(whole)}
    oids = [type_.oid for type_ in types]
    if staging is not None:
        sent = [without_binary(type_, to="write") or type_ for type_ in types]  # text, for now
        return write_guard(staging, known, [type_.oid for type_ in sent], tuple(composites.values()))
    return write_guard(
        table.quoted, known, oids, tuple(composites.values()), rowtype=stored.name, relation=stored.oid
    )


def row_check(table: Table, columns: Sequence[Column], *, assigned: bool = False) -> str | None:
    """The condition that the types of the columns of a write are those described, if they are known.

    Whole numbers may have become others: what the server assigns to them is the same number, or an error.

    Args:
        assigned: each value is assigned to its column as it is sent, so that texts and documents need no check.
    """
    stored = table.stored
    known = [c for c in columns if stored is not None and c.name in stored.types]
    if assigned:
        known = [c for c in known if c.type.base.kind != "base" or c.type.base.name not in _AS_SENT]
    if stored is None or not known:
        return None
    pairs: list[tuple[str, Sequence[int]]] = []
    for column in known:
        oid = stored.types[column.name].oid
        pairs.append((column.name, _WHOLE if oid in _WHOLE else (oid,)))
    return insert_check(stored.name, pairs)


_AS_SENT = TEXTS | JSONS
_WHOLE = (INT2.oid, INT4.oid, INT8.oid)

__all__ = ["check_written", "copy_guard", "holds_money", "row_check", "with_stored", "with_text"]
