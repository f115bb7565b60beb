"""GROUP BY: what a query with aggregates is grouped by, so that everything it returns has one value a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chakra.errors import FieldError
from chakra.expressions import Expression, Slot
from chakra.expressions.aggregates import Aggregate, has_aggregate
from chakra.expressions.grouping import Grouping, GroupingSets
from chakra.expressions.windows import has_window
from chakra.sql.nodes import GroupKey, KeyRef
from chakra.sql.scope import Scope
from chakra.sql.sources import ColumnRef, Correlated, Source


def group_terms(
    given: tuple[Expression, ...],
    scope: Scope,
    returned: Iterable[Expression],
    outputs: Iterable[Expression] = (),
) -> list[Expression]:
    """The terms of GROUP BY.

    Args:
        given: what the query was grouped by when its first aggregate was added; empty = the rows of the root table.
        returned: resolved outputs, conditions on groups, and the order: their columns outside of aggregates are
            grouped by as well, unless they depend on a key that is.
        outputs: beside grouping sets, what each group has one value of, unless it is made of what stands in the sets.
    """
    root = scope.root.table
    keyed: set[int] = set()
    terms: list[Expression] = [part for term in given for part in columns_of_key(_by_columns(term))]
    grouped = terms + members_of(terms)  # what is grouped by: in sets, what stands in these
    window = next(filter(has_window, grouped), None)
    if window is not None:
        raise FieldError(
            f"{window!r} cannot be grouped by: windows are computed after groups. Give it a name before the groups, "
            'annotate(x=Window(…)).values("x").annotate(…)'
        )
    if not given:
        if root.primary_key and not scope.derived:
            keyed.add(id(scope.root))
        columns = root.key_columns or root.columns
        terms = [ColumnRef(scope.root, column) for column in columns]
    for expression in outputs if any(isinstance(term, GroupingSets) for term in terms) else ():
        whole = not (has_aggregate(expression) or has_window(expression))
        if whole and any(True for _ in _free_columns(expression, grouped)):
            parts = columns_of_key(expression)
            terms += parts
            grouped += parts
    for expression in returned:
        for column in _free_columns(expression, grouped):
            source = column.source
            if (
                source not in scope.sources
                or id(source) in keyed
                or any(same(column, term) for term in grouped)
            ):
                continue
            before = len(terms)
            made = source.rows is not None or (scope.derived and source is scope.root)
            if not given and source.table.primary_key and not made:
                keyed.add(id(source))
                terms += _key(source)
            else:
                terms.append(column)
            grouped += terms[before:]
    return terms


def _by_columns(term: Expression) -> Expression:
    """Grouping sets with the columns of a key in place of the key: these stand together."""
    if not isinstance(term, GroupingSets):
        return term
    elements = [tuple([p for part in element for p in columns_of_key(part)]) for element in term.elements()]
    parts = tuple([part for element in elements for part in element])
    return GroupingSets(term.word, tuple(map(len, elements)), parts)


def members_of(terms: Iterable[Expression]) -> list[Expression]:
    """What stands in the grouping sets among the terms of GROUP BY."""
    return [member for term in terms if isinstance(term, GroupingSets) for member in term.terms]


def in_sets(expression: Expression, members: list[Expression]) -> Expression:
    """A value of a query with grouping sets, in which what these group by may be NULL."""
    parts = columns_of_key(expression)
    if all(any(same(part, member) for member in members) for part in parts):
        return GroupKey(expression)
    if isinstance(expression, Aggregate | Correlated | GroupKey) or not expression.children:
        return expression
    children = tuple([in_sets(child, members) for child in expression.children])
    unchanged = all(one is other for one, other in zip(children, expression.children, strict=True))
    return expression if unchanged else expression.rebuild(children)


def check_grouping(expressions: Iterable[Expression], terms: list[Expression]) -> None:
    """Refuse ``Grouping`` of what the query is not grouped by.

    Raises:
        FieldError: names it.
    """
    grouped = terms + members_of(terms)
    for expression in expressions:
        for node in _groupings(expression):
            wrong = next((a for a in node.arguments if not any(same(a, term) for term in grouped)), None)
            if wrong is not None:
                raise FieldError(
                    f"{node!r}: the query is not grouped by {wrong!r}; say so in values(), rollup(), cube() or "
                    "grouping_sets()"
                )


def _groupings(expression: Expression) -> Iterator[Grouping]:
    if isinstance(expression, Grouping):
        yield expression
    for child in expression.children:
        yield from _groupings(child)


def columns_of_key(term: Expression) -> tuple[Expression, ...]:
    """A term of GROUP BY, ORDER BY or DISTINCT ON as several: a key of several columns stands for these.

    One of which parts may be NULL stays whole: there is no key then, whatever the other parts say.
    """
    return term.parts if isinstance(term, KeyRef) and not term.missing else (term,)


def _key(source: Source) -> list[ColumnRef]:
    return [ColumnRef(source, column) for column in source.table.key_columns]


def _free_columns(expression: Expression, terms: list[Expression]) -> Iterator[ColumnRef]:
    """The columns in a tree that stand neither in an aggregate nor in one of the terms."""
    if any(same(expression, term) for term in terms):
        return
    if isinstance(expression, Aggregate):
        # What stands before WITHIN GROUP has one value a group (manual, "Aggregate Expressions").
        for argument in expression.extra if expression.rule.within else ():
            yield from _free_columns(argument, terms)
        return
    if isinstance(expression, ColumnRef):
        yield expression
    if isinstance(expression, Correlated):
        yield from (column for column in expression.outer if not any(same(column, term) for term in terms))
    parts = expression.parts if isinstance(expression, KeyRef) else expression.children
    for part in parts:
        yield from _free_columns(part, terms)


def same(one: Expression, other: Expression) -> bool:
    """Whether two resolved trees are written alike."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, ColumnRef) and isinstance(other, ColumnRef):
        return one.source is other.source and one.column.name == other.column.name
    if isinstance(one, Slot) and isinstance(other, Slot):
        return one.index == other.index
    if isinstance(one, KeyRef) and isinstance(other, KeyRef):
        return len(one.parts) == len(other.parts) and all(map(same, one.parts, other.parts))
    mine, others = one.children, other.children
    return (
        bool(mine)
        and len(mine) == len(others)
        and one.own_shape() == other.own_shape()
        and all(map(same, mine, others))
    )


__all__ = ["check_grouping", "columns_of_key", "group_terms", "in_sets", "members_of", "same"]
