"""INSERT, UPDATE and DELETE statements; the counterpart of ``select`` for writes.

Single-row statements take their values in the order of the attributes they are compiled for; those over a query
take the query's literals behind the assigned ones, numbered like the query's shape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Condition, Expression, Lookup, Slot
from chakra.expressions.aggregates import has_aggregate
from chakra.expressions.windows import has_window
from chakra.pg.quoting import quote_identifier
from chakra.pg.types import PgType
from chakra.schema import Column, Table
from chakra.schema.declared import JSONS
from chakra.sql.adapting import ToColumn, ToMember, ToType
from chakra.sql.ctes import Numbers
from chakra.sql.grouping import group_terms
from chakra.sql.literals import bare_type
from chakra.sql.nodes import InnerQuery, Withs
from chakra.sql.partners import columns_of
from chakra.sql.render import RENDERERS, render, render_conditions, write_from, write_select
from chakra.sql.resolve import resolve_annotations, resolve_filters, resolve_joins, resolve_select
from chakra.sql.scope import Scope
from chakra.sql.select import Numbered, Select, numbered
from chakra.sql.sources import ColumnRef
from chakra.sql.statement import Output, Statement, Writer
from chakra.sql.stored import row_check
from chakra.sql.writes import NumberedWrite, OfSide, Returned, numbered_assignments


def compile_insert(table: Table, attributes: Sequence[str], returning: Sequence[str] = ()) -> Statement:
    """``INSERT`` of one row with the given attributes, returning others."""
    return compile_insert_rows(table, attributes, 1, returning)


def compile_insert_rows(
    table: Table, attributes: Sequence[str], rows: int, returning: Sequence[str] = ()
) -> Statement:
    """``INSERT`` of several rows in one statement; values come row after row."""
    columns = [table.by_attribute[name] for name in attributes]
    writer = Writer()
    writer.touch(table.quoted, write=True)
    writer.write(f"INSERT INTO {table.quoted}")
    if columns:
        writer.write(f" ({', '.join(c.quoted for c in columns)})")
        check = row_check(table, columns, assigned=True) if rows == 1 else None
        width = len(columns)
        for row in range(rows):
            # A row of VALUES has no condition; several rows of SELECT would not take the types of the columns.
            writer.write((", (" if row else " VALUES (") if check is None else " SELECT ")
            for position, column in enumerate(columns):
                writer.write(", " if position else "")
                store(writer, row * width + position, column, table)
            writer.write(")" if check is None else f" WHERE {check}")
    else:
        writer.write(" DEFAULT VALUES")
    return writer.finish(returned(writer, table, returning))


def compile_insert_computed(
    table: Table, values: Mapping[str, Any], returning: Sequence[str] = ()
) -> Statement:
    """``INSERT`` of one row, some of whose values the server computes.

    Raises:
        FieldError: an expression names a field: there is no row yet that would have it.
    """
    writer = Writer()
    write_insert(table, numbered_assignments(values, Numbers()), writer)
    return writer.finish(returned(writer, table, returning))


def write_insert(
    table: Table,
    values: Mapping[str, Expression],
    writer: Writer,
    *,
    alias: str = "",
    also: Sequence[Column] = (),
) -> None:
    """Write an INSERT of one row whose literals are numbered; see ``compile_insert_computed``.

    Args:
        alias: what the rest of the statement calls the table.
        also: columns to which it assigns literals.
    """
    scope = Scope(table)
    columns = [table.by_attribute[name] for name in values]
    found: list[Expression] = []
    for column, value in zip(columns, values.values(), strict=True):
        if isinstance(value, Slot):
            found.append(value)
            continue
        resolved = scope.resolve_right(ColumnRef(scope.root, column), "exact", value)
        if any(True for _ in columns_of(resolved)) or has_aggregate(resolved) or has_window(resolved):
            raise FieldError(
                f"{table.title}.{column.attribute}: {value!r} is computed from rows, and a new row has no values yet; "
                "what other rows have is Subquery(…)"
            )
        found.append(resolved)
    writer.qualify = scope.qualified
    writer.touch(table.quoted, write=True)
    named = f" AS {alias}" if alias else ""
    writer.write(f"INSERT INTO {table.quoted}{named}")
    if not columns:
        writer.write(" DEFAULT VALUES")
        return
    writer.write(f" ({', '.join(c.quoted for c in columns)})")
    sent = [c for c, expression in zip(columns, found, strict=True) if isinstance(expression, Slot)]
    check = row_check(table, list(dict.fromkeys((*sent, *also))), assigned=True)
    writer.write(" VALUES (" if check is None else " SELECT ")
    for position, (column, expression) in enumerate(zip(columns, found, strict=True)):
        writer.write(", " if position else "")
        if isinstance(expression, Slot):
            store(writer, expression.index, column, table)
        else:
            render(expression, writer)
    writer.write(")" if check is None else f" WHERE {check}")


# Types whose values the driver takes as the elements of an array, one for one. Others are sequences in Python (it
# would take them for inner arrays), or unnest() would take them apart.
_ELEMENTS = frozenset(
    {"bool", "int2", "int4", "int8", "oid", "float4", "float8", "numeric"}
    | {"text", "varchar", "bpchar", "name", "bytea", "uuid"}
    | {"date", "time", "timetz", "timestamp", "timestamptz", "interval"}
)
_AS_TEXT = frozenset({"json", "jsonb", "citext"})


def takes_columns(column: Column) -> bool:
    """Whether :func:`compile_insert_columns` can write the column."""
    base = column.type.base
    return base.kind == "enum" or (base.kind == "base" and base.name in _ELEMENTS | _AS_TEXT)


def compile_insert_columns(
    table: Table, attributes: Sequence[str], returning: Sequence[str] = ()
) -> Statement:
    """``INSERT`` of any number of rows from one array for each attribute; rows return in the arrays' order."""
    columns = [table.by_attribute[name] for name in attributes]
    names = ", ".join(c.quoted for c in columns)
    picked = ", ".join(
        f"c{i}" if _element(c) == c.type.base.name else f"c{i}::{bare_type(c.type.base)}"
        for i, c in enumerate(columns)
    )
    writer = Writer()
    writer.touch(table.quoted, write=True)
    writer.write(f"INSERT INTO {table.quoted} ({names}) SELECT {picked} FROM unnest(")
    for index, column in enumerate(columns):
        writer.write(", " if index else "")
        label = f"{table.title}.{column.attribute}"
        writer.parameter(index, (_elements(column),), None, label)
        # The bare name, for an explicit cast would cut values to the column's length: "bpchar" is no char(1).
        writer.write(f"::pg_catalog.{quote_identifier(_element(column))}[]")
    writer.write(f") AS v({', '.join(f'c{i}' for i in range(len(columns)))})")
    check = row_check(table, columns)
    if check is not None:
        writer.write(f" WHERE {check}")
    return writer.finish(returned(writer, table, returning))


def _element(column: Column) -> str:
    """Name of the type in which the values travel."""
    base = column.type.base
    return base.name if base.kind == "base" and base.name in _ELEMENTS else "text"


def _elements(column: Column) -> ToColumn:
    """Values of instances as array elements."""
    # A text declared for such a column is JSON text already.
    documents = (column.declared or column.type).base.name in ("json", "jsonb")
    return ToColumn(column.attribute, _stored_as(column), documents, column.members)


_NUMBERS = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric"})


def _stored_as(column: Column) -> tuple[PgType, ...]:
    """The types that a value of an instance is converted to: the declared one, and the column's own if that is
    another number; a text for another type is left to the server.
    """
    declared = column.declared
    if declared is None:
        return (column.type,)
    same = declared.base.name == column.type.base.name
    if column.type.base.name in _NUMBERS and not same:
        return (declared, column.type)
    return (declared,)


def compile_update_row(table: Table, attributes: Sequence[str], returning: Sequence[str] = ()) -> Statement:
    """``UPDATE`` of the row with a given primary key; the key's values come behind the attributes', and then the
    version that the row has to have, if the table has one, which is counted up.
    """
    writer = Writer()
    writer.touch(table.quoted, write=True)
    writer.write(f"UPDATE {table.quoted} SET ")
    for position, name in enumerate(attributes):
        column = table.by_attribute[name]
        writer.write(f"{', ' if position else ''}{column.quoted} = ")
        store(writer, position, column, table)
    if table.version:
        version = table.by_attribute[table.version].quoted
        writer.write(f"{', ' if attributes else ''}{version} = {version} + 1")
    _where_key(writer, table, len(attributes))
    check = row_check(table, [table.by_attribute[name] for name in attributes], assigned=True)
    if check is not None:
        writer.write(f" AND {check}")
    return writer.finish(returned(writer, table, returning))


def compile_delete_row(table: Table) -> Statement:
    """``DELETE`` of the row with a given primary key, and with the version behind it, if the table has one."""
    writer = Writer()
    writer.touch(table.quoted, write=True)
    writer.write(f"DELETE FROM {table.quoted}")
    _where_key(writer, table, 0)
    return writer.finish()


def compile_update(
    select: Select, assignments: Mapping[str, Any], stored: Table, returning: Sequence[Returned] = ()
) -> Statement:
    """``UPDATE`` of all rows of a query; literals of the assignments come before the query's, as in its shape.

    Args:
        stored: the table as the server has it.
        returning: attributes whose values the rows have afterwards.

    Raises:
        FieldError: an unknown field, or a query that UPDATE cannot take (limit, distinct).
    """
    values, query = _numbered(assignments, select)
    writer = Writer()
    return writer.finish(write_update(values, query, stored, returning, writer))


def write_update(
    values: Mapping[str, Expression],
    query: Numbered,
    stored: Table,
    returning: Sequence[Returned],
    writer: Writer,
) -> list[Output]:
    """Write an UPDATE whose literals are numbered, and return what it returns; see ``compile_update``."""
    select = query.select
    table = select.table
    scope = Scope(table)
    _begin(query, scope, "update")
    sets: list[tuple[Column, Expression]] = []
    for name, value in values.items():
        column = table.column(name)
        if stored.by_attribute[column.attribute].declared is not None:
            column = stored.by_attribute[column.attribute]
        sets.append((column, scope.resolve_right(ColumnRef(scope.root, column), "exact", value)))
    for _, value in sets:
        if has_window(value):
            raise FieldError("update() sets no field from a window; put its query into Subquery(…)")
        joined = scope.sources[1:]  # what a condition asks of partners stands in a subquery of its own
        if has_aggregate(value) or any(ref.source in joined for ref in columns_of(value)):
            raise FieldError(
                "update() can set a field from fields of the same table only, not across relations"
            )
    conditions = _rows(query, scope)
    if query.withs:
        render(Withs(query.withs), writer)
    outside, writer.qualify = writer.qualify, scope.qualified
    writer.touch(table.quoted, write=True)
    writer.write(f"UPDATE {table.quoted} SET ")
    for position, (column, expression) in enumerate(sets):
        writer.write(f"{', ' if position else ''}{column.quoted} = ")
        if isinstance(expression, Slot):
            store(writer, expression.index, column, table)
        else:
            render(expression, writer)
    sent = [column for column, expression in sets if isinstance(expression, Slot)]
    _where(writer, select, scope, conditions, row_check(stored, sent, assigned=True))
    writer.qualify = outside
    return returned(writer, stored, returning, bare=True)


def compile_delete(
    select: Select, held: int, stored: Table | None = None, returning: Sequence[str] = ()
) -> Statement:
    """``DELETE`` of all rows of a query.

    Args:
        held: how many values its shape has listed.
        stored: the table as the server has it, where something is returned.
        returning: attributes whose values from before are returned.

    Raises:
        FieldError: a query that DELETE cannot take (limit, distinct).
    """
    writer = Writer()
    return writer.finish(write_delete(numbered(select, held), stored, returning, writer))


def write_delete(
    query: Numbered, stored: Table | None, returning: Sequence[str], writer: Writer
) -> list[Output]:
    """Write a DELETE whose literals are numbered, and return what it returns; see ``compile_delete``."""
    select = query.select
    table, scope = select.table, Scope(select.table)
    _begin(query, scope, "delete")
    conditions = _rows(query, scope)
    if query.withs:
        render(Withs(query.withs), writer)
    outside, writer.qualify = writer.qualify, scope.qualified
    writer.touch(table.quoted, write=True)
    writer.write(f"DELETE FROM {table.quoted}")
    _where(writer, select, scope, conditions)
    writer.qualify = outside
    return returned(writer, table if stored is None else stored, returning)


def _numbered(assignments: Mapping[str, Any], select: Select) -> tuple[dict[str, Expression], Numbered]:
    """An UPDATE with slots for its literals, in the order of its shape (``update_statement``)."""
    numbers = Numbers()
    return numbered_assignments(assignments, numbers), select.numbered(numbers)


def write_returning(node: NumberedWrite, writer: Writer) -> None:
    """A row of the table of rendering: a write in WITH. Texts are returned as such, whatever the server stores."""
    write, values, query = node
    returning: Sequence[str] = ()
    if write.kind == "update":
        sent = [name for name, value in values.items() if isinstance(value, Slot)]
        write_update(values, query, write.table, returning, writer)
    elif write.kind == "delete":
        sent = []
        write_delete(query, None, returning, writer)
    else:
        sent = []
        _write_insert(node, writer)
    columns = [write.table.by_attribute[name] for name in write.returning]
    picked = [c.quoted + ("::text" if c.type.base.name == "text" else "") for c in columns]
    writer.write(" RETURNING " + ", ".join(picked))
    writer.writes(write.table, sent)


def _write_insert(node: NumberedWrite, writer: Writer) -> None:
    """INSERT of the rows of a query, with values beside them that are the same for all."""
    write, values, query = node
    table = write.table
    given = ", ".join(table.by_attribute[name].quoted for name in (*write.columns, *values))
    writer.touch(table.quoted, write=True)
    writer.write(f"INSERT INTO {table.quoted} ({given}) ")
    if values:
        writer.write("SELECT given.*")
        for name, value in values.items():
            assert isinstance(value, Slot)
            writer.write(", ")
            store(writer, value.index, table.by_attribute[name], table)
        writer.write(" FROM (")
    write_select(query, resolve_select(query, Scope(query.select.table)), writer)
    writer.write(") AS given" if values else "")


def _begin(query: Numbered, scope: Scope, what: str) -> None:
    """Resolve what a write's conditions and values may name: the computed values of its query.

    Raises:
        FieldError: a query that a write cannot take.
    """
    select = query.select
    if select.sliced or select.clauses.distinct is not None:
        raise FieldError(
            f"{what}() takes no sliced or distinct query; filter on the primary keys of the rows instead"
        )
    if select.clauses.groups:
        names = ", ".join(term if isinstance(term, str) else repr(term) for term in select.clauses.groups)
        raise FieldError(
            f"{what}() takes no query grouped by {names}: a group is no row; annotate() without values()"
        )
    scope.per_row = True
    if query.inner is None:
        resolve_joins(query, scope)
        resolve_annotations(select, scope)


def _rows(query: Numbered, scope: Scope) -> list[Condition]:
    """Which rows are written to: conditions, or that a row is one of a query that is more than these.

    Raises:
        FieldError: it is, and there is no key to find rows by.
    """
    if query.inner is None and not query.select.windowed and query.select.clauses.sample is None:
        return resolve_filters(query.select.filters, scope)
    table = query.select.table
    if not table.primary_key:
        raise FieldError(no_key(table))
    keys = query.select.with_clauses(outputs=tuple((name, name) for name in table.primary_key))
    keys.result, keys.order, keys.backwards = "tuple", (), False
    rows = query._replace(select=keys, order=())
    inside = resolve_select(rows, scope.inner(table))
    return [Lookup(scope.resolve_value("pk"), "in", InnerQuery(rows, inside, [], None))]


def _where(
    writer: Writer, select: Select, scope: Scope, conditions: list[Any], check: str | None = None
) -> None:
    """The WHERE of a write; a query over several tables or over groups finds its rows by primary key in a subquery.

    Args:
        check: a condition about the statement as a whole.
    """
    first = "FALSE" if select.clauses.nothing else check
    if first is not None:
        writer.write(f" WHERE {first}")
    having = [condition for condition in conditions if has_aggregate(condition)]
    if not scope.joined and not having:
        render_conditions(conditions, writer, " WHERE " if first is None else " AND ")
        return
    table = select.table
    if not table.primary_key:
        raise FieldError(
            f"{table.title} has no primary key; a write across relations or over groups needs one"
        )
    keys = ", ".join(c.quoted for c in table.key_columns)
    writer.write(f" {'WHERE' if first is None else 'AND'} ({keys}) IN (SELECT ")
    for position, column in enumerate(table.key_columns):
        writer.write(", " if position else "")
        render(ColumnRef(scope.root, column), writer)
    write_from(scope, writer)
    render_conditions([condition for condition in conditions if not has_aggregate(condition)], writer)
    if having:
        writer.write(" GROUP BY ")
        for position, term in enumerate(group_terms((), scope, having)):
            writer.write(", " if position else "")
            render(term, writer)
        render_conditions(having, writer, " HAVING ")
    writer.write(")")


def _where_key(writer: Writer, table: Table, first: int) -> None:
    if not table.primary_key:
        raise FieldError(no_key(table))
    for position, column in enumerate(table.key_columns):
        writer.write(f"{' AND ' if position else ' WHERE '}{column.quoted} = ")
        _parameter(writer, first + position, column, table)
    if table.version:
        version = table.by_attribute[table.version]
        writer.write(f" AND {version.quoted} = ")
        _parameter(writer, first + len(table.primary_key), version, table)


def no_key(table: Table) -> str:
    """What errors say where a row is to be found again, and its table has no primary key."""
    return (
        f"{table.title} has no primary key; single rows cannot be told apart. Declare one (id: Field[int] = "
        "field(primary_key=True)), or write through a query: filter(…).update(…), filter(…).delete()"
    )


def store(writer: Writer, index: int, column: Column, table: Table) -> None:
    """A value that is assigned. Texts are sent as text, whichever text type the column has: a parameter of the column's
    type would keep that when the column gets another, and ``bpchar`` drops blanks, ``jsonb`` writes documents anew.
    """
    base = column.type.base
    if column.declared is not None and _inner(base).name in JSONS:
        writer.parameter(index, _steps(column), None, f"{table.title}.{column.attribute}", beside_column=True)
        if _holds_text_as_document(column):
            writer.write("::text[]" if base.kind == "array" else "::text")
        # Which json, jsonb and text are assigned as it is.
        writer.write("::json[]" if base.kind == "array" else "::json")
        return
    _parameter(writer, index, column, table)
    if base.kind == "base" and base.name in _TRAVELS:
        writer.write(_TRAVELS[base.name])


# What is too long for a name is an error as a parameter; the assignment of a text would cut it.
_TRAVELS = dict.fromkeys(("text", "varchar", "bpchar", "citext"), "::text") | {"name": "::name"}


def _parameter(writer: Writer, index: int, column: Column, table: Table) -> None:
    label = f"{table.title}.{column.attribute}"
    writer.parameter(index, _steps(column), column.type, label, beside_column=True)


def _steps(column: Column) -> tuple[ToType | ToMember, ...]:
    """The driver takes nothing but str for texts, and what is too long or holds a NUL the server refuses."""
    steps = [ToType(type_) for type_ in _stored_as(column)]
    return (*steps, ToMember(column.members)) if column.members is not None else tuple(steps)


def _holds_text_as_document(column: Column) -> bool:
    """Whether a column that a model declares as text, which is JSON text then, is json or jsonb in the database."""
    declared = column.declared
    return (
        declared is not None and _inner(column.type.base).name in JSONS and _inner(declared).name not in JSONS
    )


def _read_as(column: Column) -> str:
    if not _holds_text_as_document(column):
        return ""
    return "::text[]" if column.type.base.kind == "array" else "::text"


def _inner(type_: PgType) -> PgType:
    return type_.element.base if type_.kind == "array" and type_.element is not None else type_.base


def returned(
    writer: Writer, table: Table, attributes: Sequence[Returned], *, alias: str = "", bare: bool = False
) -> list[Output]:
    """Write RETURNING, and return what comes of it.

    Args:
        alias: what the statement calls the table, where there is another one beside it.
        bare: whether it calls the table by its own name, which may be that of a side.
    """
    if not attributes:
        return []
    before = f"{alias}." if alias else ""
    sides = {"old": "old", "new": "new"}
    writer.write(" RETURNING ")
    if bare and table.name in sides and any(isinstance(one, OfSide) for one in attributes):
        sides = {"old": "chakra_old", "new": "chakra_new"}
        writer.write("WITH (OLD AS chakra_old, NEW AS chakra_new) ")
    picked: list[str] = []
    outputs: list[Output] = []
    for one in attributes:
        if isinstance(one, OfSide):
            column, name, of = table.by_attribute[one.attribute], one.name, f"{sides[one.word]}."
        else:
            column, name, of = table.by_attribute[one], one, before
        picked.append(of + column.quoted + _read_as(column))
        nullable = column.nullable or isinstance(one, OfSide)
        outputs.append(Output(name, column.type, nullable, column.load))
    writer.write(", ".join(picked))
    return outputs


RENDERERS[NumberedWrite] = write_returning  # a row of the table, whose functions stand below this module

__all__ = [
    "compile_delete",
    "compile_delete_row",
    "compile_insert",
    "compile_insert_columns",
    "compile_insert_computed",
    "compile_insert_rows",
    "compile_update",
    "compile_update_row",
    "no_key",
    "returned",
    "store",
    "takes_columns",
    "write_delete",
    "write_insert",
    "write_update",
]
