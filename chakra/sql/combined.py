"""Set operations: the rows of several queries as those of one, which stand in place of a table's.

What is said of the result is said around it, so it can be filtered, joined and counted like any query. The rows of
instances stand in place of their own table's, those of values in place of one that is made for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chakra.errors import FieldError
from chakra.expressions.rules import TEXT_TYPES, common_type
from chakra.pg.types import PgType
from chakra.schema import Column, Table
from chakra.sql.nodes import RootColumn
from chakra.sql.own_rows import names_partners
from chakra.sql.rowplan import UNKNOWN, Compiled
from chakra.sql.select import Combined, Select
from chakra.sql.shapes import remember, select_statement
from chakra.sql.statement import Output


def combined(word: str, parts: Sequence[Select]) -> Select:
    """A query over the rows of several.

    Args:
        word: ``UNION``, ``INTERSECT`` or ``EXCEPT``, with ``ALL`` or without.

    Raises:
        FieldError: a query locks rows, or has rows of another kind, other columns or other types than the first.
    """
    first = parts[0]
    for part in parts:
        if part.clauses.lock is not None:
            raise FieldError(
                f"{word}: select_for_update() locks rows of tables, and what is combined is made of them; lock them in "
                "a query of their own: filter(pk__in=query)"
            )
    return _instances(word, parts) if first.result == "instances" else _values(word, parts)


def _instances(word: str, parts: Sequence[Select]) -> Select:
    first = parts[0]
    table, said = first.table, first.clauses
    names = [name for name, _ in said.annotations if name not in said.hidden]
    for part in parts[1:]:
        if (
            part.result != "instances" or part.table.columns is not table.columns
        ):  # of partitions, the same ones
            other = f"rows of {part.table.title}" if part.result == "instances" else "values"
            raise FieldError(
                f"{word} of rows of {table.title} and {other}: these are no rows of one kind; name fields of both: "
                'values("…")'
            )
        others = [name for name, _ in part.clauses.annotations if name not in part.clauses.hidden]
        if sorted(others) != sorted(names):
            raise FieldError(
                f"{word} of rows annotated with {', '.join(names) or 'nothing'} and with "
                f"{', '.join(others) or 'nothing'}; annotate both alike"
            )
    returned = (*(column.attribute for column in table.columns), *names)
    outputs = tuple([(name, name) for name in returned])
    rows = [as_rows(part.with_clauses(**_AS_ROWS, outputs=outputs)) for part in parts]
    computed = columns_of_rows(word, rows)[len(table.columns) :] if names else ()
    columns = (*(column.quoted for column in table.columns), *(column.quoted for column in computed))
    return Select(table).with_clauses(
        inner=Combined(word, tuple(rows), columns),
        annotations=tuple([(column.name, RootColumn(column)) for column in computed]),
        after=(0,) * len(computed),
        related=said.related,
        only=said.only,
        deferred=said.deferred,
    )


def as_made(select: Select) -> Select:
    """The rows of a query as those of one more, with all that it computes: what is grouped then is these rows.

    Raises:
        FieldError: it locks rows.
    """
    said = select.clauses
    if said.lock is not None:
        raise FieldError(
            "select_for_update() locks rows of tables, and the groups of rows that are sliced, distinct or over a "
            "window are made of others; lock them in a query of their own: filter(pk__in=query)"
        )
    rows = select.with_clauses(outputs=(), hidden=frozenset())
    rows.result = "instances"
    made = _instances("", [rows]).with_clauses(
        outputs=said.outputs, hidden=said.hidden, windows=said.windows, withs=said.withs
    )
    cut = select.sliced or said.distinct or said.keyed is not None
    made.result, made.order = select.result, None if cut else select.order
    made.backwards = not cut and select.backwards
    # Of which partners the groups are is said by what was filtered before; of these rows it is true in any case.
    made.filters = tuple(
        [
            (negated, conditions, names, values)
            for negated, conditions, names, values in select.filters
            if negated is False
            and names_partners(select.table, conditions, dict(zip(names, values, strict=True)))
        ]
    )
    return made


_AS_ROWS = {"related": (), "only": None, "deferred": frozenset[str](), "lock": None}


def _values(word: str, parts: Sequence[Select]) -> Select:
    first = parts[0]
    for part in parts[1:]:
        if part.result == "instances":
            raise FieldError(
                f"{word} of values and rows of {part.table.title}: these are no rows of one kind; name fields of both: "
                'values("…")'
            )
    rows = [as_rows(part) for part in parts]
    columns = columns_of_rows(word, rows)
    key = ("rows", columns)
    table = first.table.statements.get(key)
    if table is None:
        label = f"the {word} over {first.table.title}"
        table = remember(first.table, key, Table("rows", columns, label=label))
    found = Select(table).with_clauses(
        inner=Combined(word, tuple(rows), tuple(column.quoted for column in columns))
    )
    found.result, found.order = first.result, ()
    return found


def as_rows(part: Select) -> Select:
    """A part of a set: plain rows, whose order matters only where it decides which rows there are."""
    part = part.copy()
    part.result = "tuple"
    if not part.sliced and not part.clauses.distinct:
        part.order, part.backwards = (), False
    return part


def columns_of_rows(word: str, rows: Sequence[Select]) -> tuple[Column, ...]:
    """The columns of a combined result: names of the first query, types and NULLs of all.

    Raises:
        FieldError: they have not as many, or types that do not go together.
    """
    described = [compiled_outputs(part).statement.outputs for part in rows]
    width = len(described[0])
    for outputs in described[1:]:
        if len(outputs) != width:
            raise FieldError(
                f"{word} of rows of {width} values ({_names(described[0])}) and of {len(outputs)} "
                f"({_names(outputs)}); name as many in each"
            )
    columns: dict[str, Column] = {}
    for position, outputs in enumerate(zip(*described, strict=True)):
        name = outputs[0].name
        name = f"c{position}" if name in columns else name
        columns[name] = Column(name, _common(word, outputs), any(output.nullable for output in outputs))
    return tuple(columns.values())


def _names(outputs: Iterable[Output]) -> str:
    return ", ".join(output.name for output in outputs)


def compiled_outputs(part: Select) -> Compiled:
    """A query compiled for what it returns; which rows, that says nothing of, and may be about a query around it."""
    part = part.copy()
    part.filters, part.order, part.backwards, part.limit, part.offset = (), (), False, None, None
    return select_statement(part.with_clauses(distinct=None))[0]


def _common(word: str, outputs: Sequence[Output]) -> PgType:
    """The type of a column of all parts.

    Raises:
        FieldError: there is none.
    """
    types = [output.type for output in outputs if output.type is not None]
    if len(types) < len(outputs):
        return UNKNOWN
    if all(type_ == types[0] for type_ in types):
        return types[0]
    found = common_type(types)
    names = {type_.base.name for type_ in types}
    if found is None and len(names) > 1 and not names <= TEXT_TYPES:
        other = next(output for output in outputs if output.type != types[0])
        raise FieldError(
            f"{word}: {outputs[0].name} is {types[0].sql} in the first query, and {other.name} is "
            f"{other.type.sql if other.type else '?'} in another; these make no column"
        )
    return found or UNKNOWN


__all__ = ["as_made", "as_rows", "columns_of_rows", "combined", "compiled_outputs"]
