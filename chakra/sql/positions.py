"""Pages by keys: the terms of an order that tell all rows apart, and which rows come after a position in it.

An offset has the server read all rows before it again; a position is looked up in an index, and rows that come or go
before it move nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from chakra.errors import FieldError
from chakra.expressions import Combined, Condition, Expression, F, Lookup, Not, Order, Slot
from chakra.expressions.grouping import GroupingSets
from chakra.expressions.positions import Beyond
from chakra.expressions.q import all_of
from chakra.expressions.rows import Row
from chakra.schema import Relation, Table
from chakra.sql.infer import may_be_null
from chakra.sql.ordering import MOST_RELATIONS, as_returned, term_of, through
from chakra.sql.scope import RESOLVERS, Scope
from chakra.sql.select import Select


def order_terms(select: Select) -> tuple[Order, ...]:
    """The terms of a query's order, each of which is one value, and behind them what tells apart rows that they leave
    alike: the primary key, or what the query is grouped or distinct by.

    Raises:
        FieldError: nothing tells its rows apart.
    """
    names = frozenset(name for name, _ in select.clauses.annotations)
    given = select.ordered_by if select.order is None else as_returned(select.order, select.clauses.outputs)
    found = [order for term in given for order in _flat(select.table, names, term)]
    if select.backwards:
        found = [term.reversed() for term in found]
    descending = bool(found) and found[-1].descending
    return (*found, *[Order(term, descending) for term in _telling(select, found)])


def _flat(table: Table, computed: frozenset[str], term: object, depth: int = 0) -> Iterator[Order]:
    if isinstance(term, str):
        path, descending = term.removeprefix("-"), term.startswith("-")
        relation = None if path in computed else _relation_at(table, path)
        if relation is not None and relation.target.ordering and depth < MOST_RELATIONS:
            further = [through(path, other, descending) for other in relation.target.ordering]
            if None not in further:
                for other in further:
                    yield from _flat(table, computed, other, depth + 1)
                return
        for each in _columns(table, computed, path, relation):
            yield Order(F(each), descending)
        return
    order = term if isinstance(term, Order) else None
    expression = order.expression if order is not None else term
    assert isinstance(expression, Expression)
    named = path_of(expression)
    if named is None:
        parts: tuple[Expression, ...] = expression.parts if isinstance(expression, Row) else (expression,)
    else:
        relation = None if named in computed else _relation_at(table, named)
        parts = tuple(map(F, _columns(table, computed, named, relation)))
    for part in parts:
        yield Order(part, False) if order is None else Order(part, order.descending, order.nulls)


def path_of(expression: Expression) -> str | None:
    """The path of a term that is a field by its name."""
    if isinstance(expression, F):
        return expression.path
    bound = getattr(expression, "bind_column", None)
    return None if bound is None else str(bound[1])


def _relation_at(table: Table, path: str) -> Relation | None:
    relation = None
    for part in path.split("__"):
        if part in table.by_attribute or part not in table.relations:
            return None
        relation = table.relations[part]
        table = relation.target
    return relation


def _columns(table: Table, computed: frozenset[str], path: str, relation: Relation | None) -> list[str]:
    """A path as those of single values: a key of several columns is as many."""
    before, _, last = path.rpartition("__")
    around = f"{before}__" if before else ""
    if path in computed:
        return [path]
    if relation is not None:
        keys = relation.hops[0].columns if relation.forward else ()
        return [f"{around}{name}" for name in keys] if keys else [path]
    if last == "pk":
        behind = _relation_at(table, before) if before else None
        target = behind.target if behind is not None else table
        if "pk" not in target.by_attribute and target.primary_key:
            return [f"{around}{name}" for name in target.primary_key]
    return [path]


def _telling(select: Select, terms: list[Order]) -> list[Expression]:
    """What tells apart rows that are alike in an order.

    Raises:
        FieldError: nothing does, or rows of the query are not told apart by values of theirs.
    """
    clauses, table = select.clauses, select.table
    said = {path_of(term.expression) for term in terms}
    if clauses.distinct:
        raise FieldError(
            "pages by keys have no DISTINCT ON, whose rows depend on all others: page a query around it, "
            "filter(pk__in=query)"
        )
    given: tuple[object, ...]
    if clauses.joins and not clauses.groups:
        raise FieldError(
            f"a row of {table.title} may come once for each of {clauses.joins[0].name} that is joined to it, and its "
            "keys do not tell these apart: page a query around it, filter(pk__in=query)"
        )
    if any(isinstance(term, GroupingSets) for term in clauses.groups or ()):
        raise FieldError(
            "subtotals are told apart by grouping() and not by their values, and have no pages by keys"
        )
    if clauses.groups:
        given = clauses.groups
    elif clauses.distinct is not None and select.result != "instances":
        given = tuple(value for _, value in clauses.outputs) or tuple(c.attribute for c in table.columns)
        strange = [term for term in terms if path_of(term.expression) not in given]
        if strange:
            raise FieldError(
                f"pages of distinct values are sorted by these, and {strange[0].expression!r} is none"
            )
    elif table.primary_key:
        unique = [unique.columns for unique in table.uniques]
        if said.issuperset(table.primary_key) or any(_tells(table, names, said) for names in unique):
            return []
        given = table.primary_key
    elif clauses.inner is not None:
        given = tuple(column.attribute for column in table.columns)
    else:
        raise FieldError(
            f"{table.title} has no primary key by which rows that the order leaves alike are told apart; its rows have "
            "no pages by keys"
        )
    word = getattr(clauses.inner, "word", "")
    if word.endswith("ALL"):
        raise FieldError(
            f"{word} may have a row several times, which nothing tells apart; leave out all=True"
        )
    return [F(term) if isinstance(term, str) else term for term in given if term not in said]  # type: ignore[misc]


def _tells(table: Table, names: tuple[str, ...], said: set[str | None]) -> bool:
    """Whether fields that are unique together are among those named, and never NULL."""
    return all(name in said and not table.by_attribute[name].nullable for name in names)


def beyond(scope: Scope, node: Beyond) -> Condition:
    """The condition that a row comes after a position, or before it.

    Raises:
        FieldError: rows of the query come several times, with values of several partners.
    """
    if scope.main.many:
        raise FieldError(
            f"a row of {scope.root.table.title} comes here once for each of {scope.main.many[0].table.title}, and its "
            "keys do not tell these apart; ask for rows of these, or leave out their values"
        )
    outside = scope.block, scope.joins, scope._in_call
    scope.block, scope.joins, scope._in_call = None, None, False  # as the order itself is resolved
    try:
        terms = [order for term in node.terms for order in term_of(term, scope, frozenset())]
    finally:
        scope.block, scope.joins, scope._in_call = outside
    assert len(terms) == len(node.values), f"{terms} and {node.values}"
    if not node.after:
        terms = [term.reversed() for term in terms]
    pairs = list(zip(terms, node.values, strict=True))
    whole = all(value is not None and not may_be_null(term.expression) for term, value in pairs)
    if len(pairs) > 1 and whole and len({term.descending for term in terms}) == 1:
        # The one form that an index of several columns answers as a whole.
        left, right = object.__new__(Row), object.__new__(Row)
        left.parts = tuple([term.expression for term in terms])
        right.parts = tuple([value for value in node.values if value is not None])
        return Lookup(left, "lt" if terms[0].descending else "gt", right)
    either: list[Condition] = []
    alike: list[Condition] = []
    for term, value in pairs:
        strict = _strict(term, value)
        if strict is not None:
            either.append(all_of([*alike, strict]))
        alike.append(_equal(term, value))
    if not either:
        return Not(Combined("AND", ()))
    found = either[0] if len(either) == 1 else Combined("OR", tuple(either))
    first = _bound(*pairs[0]) if len(either) > 1 else None
    return found if first is None else Combined("AND", (first, found))


def _nulls_first(term: Order) -> bool:
    return term.nulls == "first" if term.nulls is not None else term.descending


def _strict(term: Order, value: Expression | None) -> Condition | None:
    """That a value comes after another; ``None`` if none does."""
    left = term.expression
    if value is None:
        return Lookup(left, "isnull", False) if _nulls_first(term) else None
    found: Condition = Lookup(left, "lt" if term.descending else "gt", value)
    if may_be_null(left) and not _nulls_first(term):
        found = Combined("OR", (found, Lookup(left, "isnull", True)))
    return found


def _equal(term: Order, value: Expression | None) -> Condition:
    if value is None:
        return Lookup(term.expression, "isnull", True)
    return Lookup(term.expression, "exact", value)


def _bound(term: Order, value: Expression | None) -> Condition | None:
    """What all rows after a position have in common, which an index answers, where conditions joined by OR have it read
    all rows.
    """
    if not isinstance(value, Slot) or (may_be_null(term.expression) and not _nulls_first(term)):
        return None
    return Lookup(term.expression, "lte" if term.descending else "gte", value)


RESOLVERS[Beyond] = beyond

__all__ = ["order_terms", "path_of"]
