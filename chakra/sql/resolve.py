"""A SELECT with its names resolved: which tables it reads, what it returns, keeps, groups and sorts by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from chakra.errors import FieldError
from chakra.expressions import Condition, Expression, F, Not, Order
from chakra.expressions.aggregates import has_aggregate
from chakra.expressions.grouping import GroupingSets
from chakra.expressions.q import all_of
from chakra.expressions.windows import has_window
from chakra.pg.quoting import quote_identifier
from chakra.schema import Relation, Table
from chakra.sql.ctes import NumberedCte, NumberedWith
from chakra.sql.grouping import check_grouping, columns_of_key, group_terms, in_sets, members_of, same
from chakra.sql.nodes import Behind, Reference, RootKey, RowsInFrom
from chakra.sql.ordering import as_returned, check_sorted, order_of, order_of_groups
from chakra.sql.products import multiplied, shown_of
from chakra.sql.rowplan import RowPlan, instance_outputs, plain_outputs, record_outputs
from chakra.sql.scope import JoinedCall, Scope
from chakra.sql.select import Filter, Nested, Numbered, NumberedParts, Select
from chakra.sql.sources import ColumnRef, Correlated, HopToRows
from chakra.sql.windows import check_conditions


@dataclass(slots=True)
class Resolved:
    """The resolved pieces of one SELECT.

    Attributes:
        groups: terms of GROUP BY; empty = there is none.
        each: the value for each of which the slice is taken.
        qualify: conditions on windows, which are kept around the SELECT that computes them.
        apart: whether the aggregates have to be computed in subqueries of their own.
        keys: how many of the outputs, the last ones, say where a row stands in the order.
        outer: whether rows are sorted (and cut) around the SELECT, by values that it returns besides: where DISTINCT
            lets no other order in.
        withs: queries in WITH.
    """

    select: Select
    inner: Numbered | NumberedParts | NumberedCte | None
    scope: Scope
    outputs: list[tuple[str, Expression]]
    plan: RowPlan | None
    conditions: list[Condition]
    having: list[Condition]
    order: list[Order]
    limit: int | None
    offset: int | None
    groups: list[Expression] = field(default_factory=list)
    distinct: list[Expression] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    qualify: list[Condition] = field(default_factory=list)
    outer: bool = False
    apart: bool = False
    keys: int = 0
    each: Expression | None = None
    withs: tuple[NumberedWith, ...] = ()


class NestedRows(Correlated, Expression):
    """The rows behind a relation of each row, as one value: an array of records, or one of them.

    Attributes:
        rows: the resolved query for them, with the condition that binds it to the row around.
        many: whether there may be several.
        casts: names of values that are cast, and to which type.
    """

    __slots__ = ("_behind", "casts", "many", "rows")

    def __init__(self, rows: Resolved, behind: Behind, many: bool, casts: Mapping[str, str]) -> None:
        self.rows = rows
        self.many = many
        self.casts = casts
        self._behind = behind

    @property
    def outer(self) -> list[ColumnRef]:
        return self._behind.outer

    def __repr__(self) -> str:
        return f"rows of {self.rows.scope.root.table.title}"


def resolve_select(numbered: Numbered, scope: Scope | None = None) -> Resolved:
    """Resolve the names of a query whose literals are numbered.

    Args:
        scope: of a query that stands inside of another one.

    Raises:
        FieldError: a name or lookup is unknown, or parts of the query contradict each other.
    """
    select, terms, limit, offset, inner, nested, withs, joins = numbered
    scope = scope or Scope(select.table)
    clauses = select.clauses
    if inner is not None:
        scope.stands_for_rows()
        if clauses.sample is not None:
            raise FieldError(
                f"sample() draws rows of a table, and those of {scope.root.table.title} are made by queries: sample "
                "these"
            )
    if withs or joins:
        resolve_joins(numbered, scope)
    # Grouped by its own rows, a query has one value a row of what it computes of their partners, too.
    scope.per_row = clauses.groups == () or (clauses.groups is None and not select.aggregates)
    computed_names = {name for name, _ in clauses.annotations}
    # What a query is grouped by is joined first: partners that it names are those that its aggregates are about.
    for name in _grouped_names(clauses.groups or ()):
        if name not in computed_names:
            scope.resolve_value(name)
    scope.shown = frozenset(map(id, scope.main.many))
    resolve_annotations(select, scope)
    plan: RowPlan | None = None
    if select.result == "nested":
        outputs = record_outputs(select, scope)
    elif select.result not in _VALUES and not clauses.outputs and select.table.row_class is not None:
        outputs, plan = instance_outputs(select, scope)
    else:
        outputs = plain_outputs(select, scope)
    outputs += [
        (each.name, _nested(scope, each, rows)) for each, rows in zip(clauses.nested, nested, strict=True)
    ]
    resolved = resolve_filters(select.filters, scope)
    qualify = [c for c in resolved if has_window(c)] if scope.windowed else []
    if qualify:
        check_conditions(qualify)
        resolved = [c for c in resolved if not has_window(c)]
    having = [c for c in resolved if has_aggregate(c)] if scope.aggregated else []
    conditions = [c for c in resolved if not has_aggregate(c)] if having else resolved
    if clauses.groups is None and having:
        raise FieldError(
            f"{having[0]!r} is about groups, which the query does not have; name the aggregate first: "
            'annotate(n=Count("…")).filter(n__gt=…)'
        )
    grouped = clauses.groups is not None and (
        not scope.per_row or any(map(has_aggregate, [*scope.annotations.values(), *(e for _, e in outputs)]))
    )
    # A default order by columns that are not grouped would be an error nobody asked for.
    distinct = [part for term in clauses.distinct or () for part in columns_of_key(scope.resolve_term(term))]
    given = tuple(scope.resolve_term(term) for term in clauses.groups or ())
    shown = shown_of([*(e for _, e in outputs), *distinct, *given], scope.main)
    if select.order is not None:
        terms = as_returned(terms, clauses.outputs)
    elif grouped:
        terms = ()
    order = order_of(select, terms, scope, shown)
    sorted_by = [term.expression for term in order]
    check_sorted((*sorted_by, *distinct, *given))
    keys = sorted_by if clauses.keyed and select.result not in ("count", "exists") else []
    outputs += [(f"_k{position}", value) for position, value in enumerate(keys)]
    alone = next(filter(has_aggregate, sorted_by), None) if scope.aggregated else None
    if alone is not None and clauses.groups is None and not any(has_aggregate(e) for _, e in outputs):
        raise FieldError(
            f"order_by(): {alone!r} is an aggregate, and the query has none to be grouped for; name it first: "
            'annotate(n=Count("…")).order_by("n")'
        )
    found = Resolved(
        select,
        inner,
        scope,
        outputs,
        plan,
        conditions,
        having,
        order,
        limit,
        offset,
        distinct=distinct,
        qualify=qualify,
        withs=withs,
        keys=len(keys),
    )
    if found.order and not scope.qualified and _renamed(found):
        scope.apart = True  # columns are written with the name of their table
    if grouped:
        if given and not members_of([*given]):
            returned = [*(e for _, e in outputs[: len(outputs) - len(keys)]), *having, *qualify]
            found.order = order = order_of_groups(
                order, given, scope, returned, keyed=clauses.keyed is not None
            )
            sorted_by = [term.expression for term in order]
        returned = [*(e for _, e in outputs), *having, *qualify, *sorted_by]
        found.groups = group_terms(given, scope, returned, [value for _, value in outputs])
    if scope.aggregated:
        check_grouping([*(e for _, e in outputs), *having, *sorted_by], found.groups)
    if members_of(found.groups):
        _in_sets(found, given)
    repeated = (
        multiplied([*(e for _, e in outputs), *having, *qualify, *sorted_by], scope.main)
        if scope.main.many
        else []
    )
    if repeated and clauses.groups is not None:
        names = ", ".join(map(repr, repeated))
        raise FieldError(
            f"{names} would count each row once for every partner that another aggregate of the query joins; group by "
            "the rows themselves (annotate() before values()), or ask in two queries"
        )
    found.apart = bool(repeated)
    if clauses.distinct is not None:
        _sort_distinct(select, found)
    if select.result in ("count", "exists"):
        found.plan = None
        if not (grouped or select.sliced or clauses.distinct is not None):
            found.outputs = []  # nothing depends on what a row holds
    if clauses.each is not None:
        each = clauses.each
        found.each = scope.resolve_term(RootKey(each) if isinstance(each, tuple) else each)
    found.locked = _locked(found)
    return found


def _renamed(found: Resolved) -> bool:
    """Whether a value has the name of a column that it is not: ORDER BY takes a bare name for the value."""
    clauses = found.select.clauses
    if not (found.order and (clauses.outputs or clauses.annotations)):
        return False
    columns = {column.name for column in found.scope.root.table.columns}
    return any(
        name in columns and not (isinstance(value, ColumnRef) and value.column.name == name)
        for name, value in found.outputs
    )


def _grouped_names(groups: tuple[Any, ...]) -> Iterator[str]:
    """The paths among what a query is grouped by."""
    for term in groups:
        if isinstance(term, str):
            yield term
        elif isinstance(term, GroupingSets):
            yield from (part.path for part in term.terms if isinstance(part, F))


def _in_sets(found: Resolved, given: tuple[Expression, ...]) -> None:
    """Let what grouping sets group by be NULL where a row is of all its values.

    Raises:
        FieldError: the query is sorted or filtered by what no group has one value of.
    """
    returned = [value for _, value in found.outputs]
    for term in [*(term.expression for term in found.order), *found.having, *found.qualify]:
        more = group_terms(given, found.scope, [*returned, term], returned)
        if len(more) > len(group_terms(given, found.scope, returned, returned)):
            raise FieldError(
                f"{term!r} has several values in a group; sort and filter groups by what they are grouped by, by "
                "aggregates, or by Grouping(…)"
            )
    members = members_of(found.groups)
    found.outputs = [(name, in_sets(value, members)) for name, value in found.outputs]
    found.order = [
        Order(in_sets(term.expression, members), term.descending, term.nulls) for term in found.order
    ]
    found.having = [in_sets(condition, members) for condition in found.having]  # type: ignore[misc]
    found.qualify = [in_sets(condition, members) for condition in found.qualify]  # type: ignore[misc]


def resolve_joins(numbered: Numbered, scope: Scope) -> None:
    """Give queries in WITH and in FROM their names in a scope, and join those that are joined in any case."""
    for said, cte in numbered.withs:
        hop = _hop(said.on, said.cte.table, Reference(cte))
        scope.named[said.name] = Relation(said.name, (hop,), True, said.many, False) if said.on else None
    for join, on, rows in numbered.joins:
        found: Expression
        if isinstance(rows, NumberedCte):
            found = Reference(rows)
        else:
            table = rows.select.table
            inside = scope.inner(table) if join.lateral else scope.again(table, f"j{len(scope.named)}")
            parts = resolve_select(rows, inside)
            found = RowsInFrom(rows, parts, parts.scope.outer, join.database, join.lateral)
        hop = _hop(on if isinstance(on, tuple) else (), join.table, found)
        source = scope.source(hop, scope.root, join.left, None)
        relation = Relation(join.name, (hop,), join.left, False, False)
        scope.named[join.name] = relation
        scope.main.joined[id(scope.root), join.name] = [source]
        if on is not None and not isinstance(on, tuple):
            # What it asks of other tables is joined in front of it.
            source.condition = scope.condition(on)
        scope.main.sources.append(source)


def _hop(on: tuple[tuple[str, str], ...], table: Table, rows: Expression) -> HopToRows:
    mine, theirs = tuple(own for own, _ in on), tuple(other for _, other in on)
    if on and not table.primary_key:
        # What is equal to something is not NULL: a row that is there is told by it from one that is not.
        columns = [replace(c, nullable=False) if c.attribute in theirs else c for c in table.columns]
        table = replace(table, columns=tuple(columns), primary_key=theirs)
    return HopToRows(mine, theirs, lambda: table, rows)


def _nested(scope: Scope, nested: Nested, rows: Numbered) -> NestedRows:
    """Resolve the query for the rows behind a relation of each row of the query around."""
    scope.apart = True
    scope.inside += 1
    relation = scope.root.table.relations[nested.relation]
    inside = Scope(relation.target, alias=f"{scope.alias}n{scope.inside}")
    found = resolve_select(rows, inside)
    link = Behind(scope.root, inside.root, relation.hops, f"{inside.alias}b")
    found.conditions = [link, *found.conditions]
    casts = {path[0]: type_ for path, type_ in nested.select.clauses.texts if len(path) == 1}
    return NestedRows(found, link, relation.many, casts)


_VALUES = frozenset({"dict", "tuple", "flat", "named"})


def resolve_annotations(select: Select, scope: Scope) -> None:
    """Resolve the computed values of a query; what was filtered before each says of which partners it is.

    Raises:
        FieldError: a value of each row, by which the query is grouped, is an aggregate of nothing but this row.
    """
    clauses, per_row = select.clauses, scope.per_row
    if clauses.windows:
        scope.windows = dict(clauses.windows)
    for position, ((name, expression), after) in enumerate(
        zip(clauses.annotations, clauses.after, strict=True)
    ):
        scope.kept = select.filters[:after]
        scope.per_row = per_row or position < clauses.of_rows
        found = scope.annotations[name] = scope.resolve(expression)
        if position < clauses.of_rows and scope.aggregated and has_aggregate(found):
            raise FieldError(
                f"{name}={expression!r} was said of each row, and no aggregate can be of another one; name the groups "
                'before it: values("…").annotate(…)'
            )
    scope.kept, scope.per_row = select.filters, per_row


def resolve_filters(filters: tuple[Filter, ...], scope: Scope) -> list[Condition]:
    """Resolve the calls of ``filter`` and ``exclude`` into conditions to be joined by AND.

    Where the query returns values of partners, the last call of ``filter`` about them says which.
    """
    found: list[Condition] = []
    last: tuple[int, JoinedCall] | None = None
    for position in range(len(filters) - 1, -1, -1) if scope.main.many else ():
        negated, conditions, names, values = filters[position]
        keywords = dict(zip(names, values, strict=True))
        joined = scope.about_joined(conditions, keywords) if negated is False else None
        if joined is not None:
            last = position, joined
            break
    for position, (negated, conditions, names, values) in enumerate(filters):
        keywords = dict(zip(names, values, strict=True))
        if last is not None and position == last[0]:
            found += last[1].conditions
            conditions, keywords = last[1].parts, last[1].keywords
        parts = scope.conditions(conditions, keywords)
        if negated:
            found.append(Not(all_of(parts)))
        else:
            found.extend(parts)
    return found


def _sort_distinct(select: Select, found: Resolved) -> None:
    """Fit the order to DISTINCT, which only takes one by what it returns, or one that begins with its own terms.

    The table's own order gives way; one that was asked for goes around the SELECT (PostgreSQL manual, SELECT:
    "DISTINCT Clause"), where a row stands where the first of those stood that are equal to it.
    """
    returned = [expression for _, expression in found.outputs]
    asked = select.order is not None or select.backwards
    if not found.distinct:
        if all(any(same(term.expression, e) for e in returned) for term in found.order):
            return
        if not asked:
            found.order = []
            return
        # Of equal rows that stand in several places, the first one stays.
        found.distinct = [part for e in returned for part in columns_of_key(e)]
        found.outer = True
        return
    leading = [term.expression for term in found.order[: len(found.distinct)]]
    if all(any(same(e, d) for d in found.distinct) for e in leading):
        return
    if not asked:
        found.order = []
        return
    found.outer = True


def _locked(query: Resolved) -> list[str]:
    """Names by which FOR UPDATE OF knows the tables whose rows are to be locked."""
    select, scope = query.select, query.scope
    lock = select.clauses.lock
    if lock is None:
        return []
    clauses = select.clauses
    made = clauses.distinct is not None or clauses.each is not None or query.inner is not None or query.groups
    if made or any(map(has_window, (*(e for _, e in query.outputs), *query.qualify))):
        raise FieldError(
            "select_for_update() locks rows of tables, and what is distinct, grouped, combined, over a window or "
            "sliced for each value of something is made of them; lock them in a query of their own: "
            "filter(pk__in=query)"
        )
    found: list[str] = []
    for path in lock[1] or ("self",):
        source = scope.root
        for name in () if path == "self" else path.split("__"):
            relation = source.table.relation(name, f"select_for_update(of={path!r})")
            source = scope.join(source, relation)
        if source.nullable:
            raise FieldError(
                f"select_for_update(of=…): {path!r} leads to rows that may not be there, which cannot be locked along "
                "with others; lock them in a query of their own"
            )
        found.append(quote_identifier(source.table.name) if source is scope.root else source.alias)
    return found


__all__ = ["NestedRows", "Resolved", "resolve_annotations", "resolve_filters", "resolve_select"]
