"""One table writes all nodes: each class is a row of it, or is gone when names are resolved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import chakra
from chakra.expressions import (
    ArraySubquery,
    Exists,
    Expression,
    F,
    OuterRef,
    Q,
    QueryExpression,
    Rows,
    Subquery,
    Value,
)
from chakra.expressions.aggregates import Aggregate
from chakra.expressions.base import Condition, TypedExpression, Valued
from chakra.expressions.excluded import Excluded
from chakra.expressions.items import Item, Slice
from chakra.expressions.positions import Beyond
from chakra.expressions.rows import Quantified
from chakra.expressions.sides import New, Old, Side
from chakra.expressions.windows import WindowFunction
from chakra.sql.nodes import RootColumn, RootKey
from chakra.sql.render.table import TABLE

QUERIES = {QueryExpression, Rows, Subquery, ArraySubquery, Exists}
RESOLVED = {
    F,
    Q,
    Value,
    Item,
    Slice,
    RootColumn,
    RootKey,
    OuterRef,
    Beyond,
    Excluded,
    Side,
    Old,
    New,
    *QUERIES,
}
"""Names, keywords, literals, keys in brackets, positions and queries, for which resolving a query puts other nodes."""


def classes(root: type = Expression) -> Iterator[type]:
    for cls in root.__subclasses__():
        yield cls
        yield from classes(cls)


def concrete(cls: type) -> bool:
    """Whether there are nodes of the class itself; fields of models are names as well."""
    if issubclass(
        cls, WindowFunction | Quantified
    ):  # nothing by itself: the rows of Window and Lookup write it
        return False
    if issubclass(cls, Aggregate):  # written alike, by their rules
        return cls is Aggregate
    made_here = cls.__module__.startswith("chakra.") and not cls.__name__.startswith("_")
    bases = (Condition, TypedExpression, Valued, chakra.expressions.Choice)
    abstract = cls in bases
    return made_here and not abstract and cls.bind_column is None


@pytest.mark.parametrize(
    "cls", sorted(set(filter(concrete, classes())), key=str), ids=lambda cls: cls.__qualname__
)
def test_every_node_is_written_by_the_table(cls: type) -> None:
    assert (cls in TABLE) != (cls in RESOLVED)


def test_nothing_else_is_in_the_table() -> None:
    assert set(TABLE) <= set(filter(concrete, classes()))
