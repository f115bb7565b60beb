"""Making queries in WITH and in FROM: what their rows are, and which key ties them to the rows of a query around."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from chakra.errors import FieldError
from chakra.expressions import Cast, Expression, F, Order, QueryExpression
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.rules import NUMBERS, TEXT_TYPES, common_type
from chakra.schema import Column, Hop, Relation, Table
from chakra.sql.combined import as_rows, columns_of_rows, compiled_outputs
from chakra.sql.ctes import Cte, With
from chakra.sql.infer import may_be_null, type_of
from chakra.sql.nodes import RootColumn
from chakra.sql.resolve import resolve_select
from chakra.sql.rowplan import UNKNOWN, Compiled, readable_columns
from chakra.sql.scope import Scope
from chakra.sql.select import Select, numbered
from chakra.sql.shapes import remember

SEPARATOR = "__"


class Described(NamedTuple):
    """A query as what stands in place of a table.

    Attributes:
        rows: the query, which returns the columns and nothing else.
        columns: in the order of its values.
        table: the same as a table, for paths that lead there.
        held: of which attributes of the query's own table the columns are, by their names; empty for rows of no model.
    """

    rows: Select
    columns: tuple[Column, ...]
    table: Table
    held: dict[str, str]


def described(select: Select, what: str, around: Select | None = None) -> Described:
    """Describe the rows of a query.

    Args:
        what: the call it was given to, for messages.
        around: the query whose values it may name.

    Raises:
        FieldError: it asks for no rows.
    """
    kind = "instances" if select.result == "instances" else "values"
    if kind == "instances":
        returned = (*(column.attribute for column in select.table.columns), *_shown(select))
        outputs = tuple([(name, name) for name in returned])
        rows = as_rows(select.with_clauses(related=(), only=None, deferred=frozenset(), outputs=outputs))
    elif select.result in ("dict", "tuple", "flat", "named"):
        rows = as_rows(select)
    else:
        raise FieldError(f"{what} takes a query of rows, not {select!r}")
    compiled: Compiled | None = None
    try:
        compiled = compiled_outputs(rows)
    except FieldError:
        if around is None:
            raise
    known: Known | None = None if compiled is None else compiled.described.get(kind)
    if known is None:
        columns = columns_of_rows("", [rows]) if around is None or compiled else _beside(rows, around)
        known = _instances(select.table, columns) if kind == "instances" else _values(rows, columns)
        if compiled is not None:
            compiled.described[kind] = known
    columns, table, held = known
    return Described(rows, columns, table, held)


Known = tuple[tuple[Column, ...], Table, dict[str, str]]
"""``Described`` without the query."""


def _beside(rows: Select, around: Select) -> tuple[Column, ...]:
    """The columns of a query that returns values of the one around, so that only the two together can be resolved."""
    scope = Scope(around.table)
    outside = around.with_clauses(outputs=())
    outside.order, outside.filters, outside.limit, outside.offset = (), (), None, None
    values: list[Any] = []
    outside.shape(values)
    resolve_select(numbered(outside, len(values)), scope)
    values = []
    rows.shape(values)
    found = resolve_select(numbered(rows, len(values)), scope.inner(rows.table)).outputs
    return tuple([Column(name, type_of(value) or UNKNOWN, may_be_null(value)) for name, value in found])


def _instances(table: Table, returned: tuple[Column, ...]) -> Known:
    columns = (*table.columns, *returned[len(table.columns) :])
    key = ("rows of", columns)
    found = table.statements.get(key) or remember(
        table,
        key,
        Table(
            table.name,
            columns,
            table.primary_key,
            table.schema,
            relations=table.relations,
            row_class=table.row_class,
            label=table.title,
        ),
    )
    return columns, found, {column.attribute: column.attribute for column in table.columns}


def _shown(select: Select) -> list[str]:
    """The names of the annotations that a query returns."""
    clauses = select.clauses
    return [name for name, _ in clauses.annotations if name not in clauses.hidden]


def _values(rows: Select, columns: tuple[Column, ...]) -> Known:
    table = rows.table
    outputs = rows.clauses.outputs or tuple(
        [(c.attribute, c.attribute) for c in readable_columns(table)] + [(name, "") for name in _shown(rows)]
    )
    returned = {column.name for column in columns}
    held: dict[str, str] = {}
    relations: dict[str, Relation] = {}
    named: list[Column] = []
    for column, (_, term) in zip(columns, outputs, strict=True):
        attribute = term if isinstance(term, str) else ""
        relation = table.relations.get(attribute) if attribute not in table.by_attribute else None
        name = column.name
        if relation is not None:
            if name == attribute and relation.key is not None and relation.key not in returned:
                name = relation.key  # author and author_id, as in a model
            attribute = relation.key or ""
        if attribute == "pk" and len(table.primary_key) == 1:
            (attribute,) = table.primary_key
        if attribute in table.by_attribute:
            held[name] = attribute
        named.append(Column(column.name, column.type, column.nullable, attribute=name))
    taken = {column.attribute for column in named}
    for name, relation in table.relations.items():
        if relation.forward and name not in taken and SEPARATOR not in name:
            (hop, *_) = relation.hops
            back = {attribute: output for output, attribute in held.items()}
            if all(attribute in back for attribute in hop.columns) and len(relation.hops) == 1:
                mine = tuple([back[attribute] for attribute in hop.columns])
                relations[name] = Relation(
                    name, (Hop(mine, hop.target_columns, hop.resolve),), relation.nullable
                )
    columns = tuple(named)
    key = ("values of", columns, tuple([c.attribute for c in columns]), tuple(relations))
    found = table.statements.get(key) or remember(
        table, key, Table("rows", columns, relations=relations, label=f"the query over {table.title}")
    )
    return columns, found, held if table.row_class is not None else {}


def rows_of(cte: Cte, like: Select, columns: Sequence[Column], order: Column | None = None) -> Select:
    """A query over the rows of one in WITH, which are what those of the query inside are.

    Args:
        like: the query inside.
        columns: its columns, and those that are returned besides.
        order: what they are sorted by where nothing else is said, and which is only returned if it is named.
    """
    found = _rows_of(cte, like, columns, order)
    if order is not None:
        found.order = (Order(RootColumn(order), False),)
    return found


def _rows_of(cte: Cte, like: Select, columns: Sequence[Column], order: Column | None) -> Select:
    if like.result == "instances":
        table, said = like.table, like.clauses
        computed = (*columns[len(table.columns) :], *(() if order is None else (order,)))
        return Select(table).with_clauses(
            inner=cte,
            annotations=tuple([(column.name, RootColumn(column)) for column in computed]),
            after=(0,) * len(computed),
            hidden=frozenset[str]() if order is None else frozenset({order.name}),
            related=said.related,
            only=said.only,
            deferred=said.deferred,
        )
    found = Select(cte.table).with_clauses(inner=cte)
    if any(column.attribute != column.name for column in columns) or len(columns) < len(cte.table.columns):
        found = found.with_clauses(outputs=tuple([(c.name, c.attribute) for c in columns]))
    found.result, found.order = like.result, ()
    return found


class Keyed(NamedTuple):
    """How rows are tied to those of a table: attributes of both, in pairs, and the words for it."""

    pairs: tuple[tuple[str, str], ...]
    said: str


def key_between(table: Table, rows: Described) -> Keyed | str:
    """The key that ties the rows of a query to those of a table; if there are none or several, what errors say.

    The first kind of key that there is decides: the primary key of the table among the values, a foreign key to the
    table, one of the table to the rows, one that both have.
    """
    back = {attribute: name for name, attribute in rows.held.items()}
    inner = rows.rows.table
    theirs = [r for r in rows.table.relations.values() if _is_key(r)]
    mine = [r for r in table.relations.values() if _is_key(r)]
    kinds: tuple[list[Keyed], ...] = ([], [], [], [])
    if inner is table and table.primary_key and all(name in back for name in table.primary_key):
        kinds[0].append(Keyed(tuple([(name, back[name]) for name in table.primary_key]), "pk"))
    for relation in theirs:
        if relation.target is table:
            pairs = zip(relation.target_keys, relation.keys, strict=True)
            kinds[1].append(Keyed(tuple(pairs), relation.name))
        for own in mine:
            if own.target is relation.target and own.target_keys == relation.target_keys:
                kinds[3].append(Keyed(tuple(zip(own.keys, relation.keys, strict=True)), relation.name))
    for own in mine:
        if own.target is inner and all(name in back for name in own.target_keys):
            pairs_ = tuple([(a, back[b]) for a, b in zip(own.keys, own.target_keys, strict=True)])
            kinds[2].append(Keyed(pairs_, own.name))
    for found in kinds:
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(dict.fromkeys(each.said for each in found))
            return f"several keys could tie them together ({names})"
    return "no key is among its values"


def _is_key(relation: Relation) -> bool:
    return relation.forward and not relation.many and len(relation.hops) == 1


def with_clause(table: Table, name: str, cte: Cte) -> With:
    """A query in WITH of another one, with the key by which paths lead to its rows, if there is one."""
    found = key_between(table, cte.described)
    pairs = () if isinstance(found, str) else found.pairs
    return With(name, cte, pairs, not _unique(cte.described.rows, cte, {other for _, other in pairs}))


def _unique(select: Select, cte: Cte, names: set[str]) -> bool:
    """Whether at most one row has the same values in some columns, as far as the query says; it may be so all the same,
    and is taken for many then.
    """
    clauses = select.clauses
    if (
        cte.step is not None
        or clauses.inner is not None
        or clauses.joins
        or not isinstance(cte.query, Select)
    ):
        return False
    table, held = select.table, cte.described.held
    names = {held.get(name, name) for name in names}
    if clauses.distinct or clauses.groups:
        terms = clauses.distinct or clauses.groups or ()
        known = {*table.by_attribute, *table.relations, *names}
        return all(
            isinstance(t, str) and t in known and names.issuperset(_attributes(table, t)) for t in terms
        )
    computed = [value for _, value in (*clauses.annotations, *clauses.outputs)]
    several = any(SEPARATOR in path for value in computed for path in _paths(value))
    return not several and bool(table.primary_key) and names.issuperset(table.primary_key)


def _attributes(table: Table, name: str) -> tuple[str, ...]:
    relation = table.relations.get(name)
    if relation is not None and name not in table.by_attribute:
        return relation.keys or (name,)
    return (name,)


def _paths(value: Any) -> Iterator[str]:
    """The paths in a value outside of aggregates and of queries."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, F):
        yield value.path
    elif isinstance(value, Expression) and not isinstance(value, Aggregate | QueryExpression):
        for child in value.children:
            yield from _paths(child)


def recursive_step(base: Select, cte: Cte, step: Select) -> Select:
    """The query for further rows of a recursive one, which returns what the first rows have.

    Args:
        base: the query for the first rows, as it was given.
        cte: the same in WITH.

    Raises:
        FieldError: it returns something else (names the column and both types), or reads the rows as no server does.
    """
    what, first = "CTE.recursive()", cte.described
    kept = [each.name for each in step.clauses.withs if each.cte is cte]
    kept += [each.name for each in step.clauses.joins if each.left and each.rows is cte]
    if kept:
        raise FieldError(
            f"{what}: the step would keep rows to which none of {kept[0]!r} is joined, which no server allows: "
            f"join({kept[0]}=rows, on=…), without left=True"
        )
    names = [column.name for column in first.columns]
    if base.result == "instances":
        computed, others = _shown(base), _shown(step)
        if step.result != "instances" or step.table is not base.table or sorted(others) != sorted(computed):
            given = "values" if step.result != "instances" else f"rows of {step.table.title}"
            raise FieldError(
                f"{what}: the first rows are of {base.table.title}, annotated with {', '.join(computed) or 'nothing'}, "
                f"and the step gives {given}, annotated with {', '.join(others) or 'nothing'}; both have to be alike, "
                'or values("…") of as many fields'
            )
        names = [column.attribute for column in first.columns]
        outputs = tuple([(name, name) for name in names])
        rows = as_rows(step.with_clauses(related=(), only=None, deferred=frozenset(), outputs=outputs))
    elif step.result == "instances":
        raise FieldError(
            f"{what}: the first rows are values ({', '.join(names)}), and the step gives rows of {step.table.title}; "
            'name as many fields: values("…")'
        )
    else:
        rows = as_rows(step)
        given_names = [name for name, _ in rows.clauses.outputs]
        if given_names != names and sorted(given_names) == sorted(names):
            found = dict(rows.clauses.outputs)
            rows = rows.with_clauses(outputs=tuple([(name, found[name]) for name in names]))
    columns = columns_of_rows("", [rows])
    if len(columns) != len(first.columns):
        raise FieldError(
            f"{what}: the first rows have {len(first.columns)} values ({', '.join(names)}), and those of the step "
            f"{len(columns)} ({', '.join(column.name for column in columns)})"
        )
    terms = [term for _, term in first.rows.clauses.outputs] or [""] * len(columns)
    for column, other, term in zip(first.columns, columns, terms, strict=True):
        _check_type(column, other, _keeps_modifier(first.rows, term))
    return rows


def _check_type(column: Column, other: Column, modified: bool) -> None:
    """Compare the types of a column in the first rows and in further ones, as ``parse_cte.c`` does it.

    Args:
        modified: whether the server knows the modifier of the first one: digits of a numeric, length of a text.

    Raises:
        FieldError: the server would refuse them.
    """
    mine, theirs = column.type, other.type
    if UNKNOWN in (mine, theirs) or mine == theirs:
        return
    common = common_type([mine, theirs])
    if common is None:
        # Of types that are no kin nothing is known but where both are of known families.
        refused = mine.base.name != theirs.base.name and {mine.base.name, theirs.base.name} <= _FAMILIES
        refused = refused and not {mine.base.name, theirs.base.name} <= TEXT_TYPES
    else:
        refused = common.base.name != mine.base.name
        refused = refused or (modified and mine.typmod not in (-1, theirs.typmod))
    if refused:
        raise FieldError(
            f"CTE.recursive(): {column.attribute} is {mine.sql} in the first rows and {theirs.sql} in those of the "
            "step, and the first rows say the type of the column: write Cast(…, …) in one of them"
        )


_FAMILIES = (
    NUMBERS | TEXT_TYPES | {"bool", "uuid", "date", "timestamp", "timestamptz", "time", "interval", "jsonb"}
)


def _keeps_modifier(select: Select, term: Any) -> bool:
    """Whether a value of a query has a modifier that the server knows: computed ones have none."""
    if isinstance(term, F):
        term = term.path
    if isinstance(term, str):
        computed = dict(select.clauses.annotations)
        return term not in computed or _keeps_modifier(select, computed[term])
    return isinstance(term, Cast) or getattr(term, "bind_column", None) is not None


def pairs_of(table: Table, rows: Table, names: Iterable[str], what: str) -> tuple[tuple[str, str], ...]:
    """Attributes of the same names in a table and in the rows of a query.

    Raises:
        FieldError: one of them has none; names it.
    """
    pairs: list[tuple[str, str]] = []
    for name in names:
        mine, theirs = table.attributes(name), rows.attributes(name)
        if len(mine) != len(theirs):
            raise FieldError(
                f"{what}: {name!r} is {len(mine)} columns of {table.title}, and {len(theirs)} of the query"
            )
        pairs += zip(mine, theirs, strict=True)
    return tuple(pairs)


__all__ = [
    "Described",
    "Keyed",
    "described",
    "key_between",
    "pairs_of",
    "recursive_step",
    "rows_of",
    "with_clause",
]
