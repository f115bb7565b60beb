"""Conditions on the rows behind a to-many relation: true if one of them fulfils them, by EXISTS.

A row is not repeated for each partner that a condition finds, which a join would do. One call of ``filter`` is about
one partner: what it says of a relation stands in one EXISTS. A negated condition is about none of the partners.
"""

from __future__ import annotations

from collections.abc import Iterator

from chakra.expressions import Call, Combined, Condition, Expression, IsTrue, Lookup, Not, Operation
from chakra.expressions.q import all_of
from chakra.sql.nodes import HasPartner, KeyRef
from chakra.sql.sources import Block, ColumnRef, Correlated, Source


def about_partners(parts: list[Condition], block: Block) -> list[Condition]:
    """Conditions of one call, joined by AND, of which some are about sources of a block: the same with EXISTS.

    Conditions about partners along different relations are about different rows, and each gets its own EXISTS.
    """
    if not block.sources:
        return parts
    found: list[Condition] = []
    groups: list[tuple[set[int], list[Condition]]] = []
    for part in parts:
        heads = heads_of(part, block)
        if not heads:
            found.append(part)
            continue
        together = [part]
        for other in [group for group in groups if group[0] & heads]:
            groups.remove(other)
            heads |= other[0]
            together = other[1] + together
        groups.append((heads, together))
    for _, together in groups:
        found.append(_one(all_of(together), block))
    return found


def _one(condition: Condition, block: Block) -> Condition:
    """One condition that holds if it does for one row of its sources, or for none of them where it allows that."""
    if isinstance(condition, Combined) and condition.connector == "OR":
        # One partner fulfils one of them exactly if one of them is fulfilled by one partner.
        return Combined("OR", tuple(all_of(about_partners([part], block)) for part in condition.parts))
    if isinstance(condition, Combined):
        plain = [part for part in condition.parts if not any(True for _ in _sources(part, block))]
        if plain:
            rest = [part for part in condition.parts if not any(part is p for p in plain)]
            return Combined("AND", (*plain, *about_partners(rest, block)))
    sources = _needed(condition, block)
    if len(sources) == 1 and isinstance(condition, Lookup) and _asks_for_row(condition):
        there = HasPartner(sources, None, {id(sources[0])})
        return Not(there) if condition.right else there
    required = _required(condition)
    for source in reversed(sources):  # who needs a row needs those on the way to it
        if id(source) in required and source.parent is not None:
            required.add(id(source.parent))
    return HasPartner(sources, condition, required)


def _asks_for_row(condition: Lookup) -> bool:
    """Whether a condition asks whether a value is NULL that is so only where there is no row."""
    if condition.name != "isnull":
        return False
    value = condition.left
    parts = value.parts if isinstance(value, KeyRef) else (value,)
    return all(
        isinstance(part, ColumnRef) and (not part.column.nullable or part.column in part.source.present)
        for part in parts
    )


def _needed(condition: Expression, block: Block) -> list[Source]:
    """The sources that a condition is about, and those between them and the query around, in the order of joins."""
    wanted: set[int] = set()
    inside = {id(each) for each in block.sources}
    for source in _sources(condition, block):
        step: Source | None = source
        while step is not None and id(step) in inside:
            wanted.add(id(step))
            step = step.parent
    return [source for source in block.sources if id(source) in wanted]


def _sources(expression: Expression, block: Block) -> Iterator[Source]:
    """The sources of the block that an expression names, those inside of other subqueries included."""
    inside = {id(each) for each in block.sources}
    for ref in columns_of(expression):
        if id(ref.source) in inside:
            yield ref.source


def heads_of(expression: Expression, block: Block) -> set[int]:
    """The sources through which those that an expression names hang on what is around the block."""
    return {id(block.head(source)) for source in _sources(expression, block)}


def columns_of(expression: Expression) -> Iterator[ColumnRef]:
    """The columns in a resolved tree."""
    if isinstance(expression, ColumnRef):
        yield expression
    if isinstance(expression, Correlated):
        yield from expression.outer
    for part in expression.parts if isinstance(expression, KeyRef) else expression.children:
        yield from columns_of(part)


def _required(condition: Expression) -> set[int]:
    """The sources without a row of which a condition cannot be true."""
    if isinstance(condition, Combined):
        every = [_required(part) for part in condition.parts]
        if not every:
            return set()
        return set.union(*every) if condition.connector == "AND" else set.intersection(*every)
    if isinstance(condition, IsTrue):
        return _strict(condition.inner)
    if isinstance(condition, Lookup):
        if condition.name == "isnull" and condition.right:
            return set()
        right = condition.right
        return _strict(condition.left) | (_strict(right) if isinstance(right, Expression) else set())
    return set()


def _strict(value: Expression) -> set[int]:
    """The sources without a row of which a value is NULL."""
    if isinstance(value, ColumnRef):
        return {id(value.source)}
    if isinstance(value, KeyRef):
        return {id(part.source) for part in value.parts}
    if isinstance(value, Operation) or (isinstance(value, Call) and value.function.strict):
        return set().union(*(_strict(child) for child in value.children))
    return set()


def strict_sources(value: Expression) -> list[Source]:
    """The sources without a row of which a value is NULL."""
    strict = _strict(value)
    return list(
        {id(ref.source): ref.source for ref in columns_of(value) if id(ref.source) in strict}.values()
    )


__all__ = ["about_partners", "columns_of", "heads_of", "strict_sources"]
