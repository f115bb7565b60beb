"""Random expressions out of the table's rows, and the queries that ask them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

from chakra import (
    Case,
    Count,
    DenseRank,
    Exists,
    FirstValue,
    Frame,
    Lag,
    LastValue,
    OuterRef,
    Rank,
    RowNumber,
    Subquery,
    Value,
    When,
    Window,
)
from tests.query.trees.model import COLUMNS, LITERALS, Tree
from tests.query.trees.nodes import TYPES, Bound, Column, Said, column, literal, made, written
from tests.query.trees.table import AGGREGATES_BY_KIND, BY_KIND, KINDS, Row

Choose: TypeAlias = "Callable[[Sequence[Any]], Any]"
Leaf: TypeAlias = "Callable[[str], Said]"


class Question(NamedTuple):
    """A query, and the pieces of the SQL that asks the same."""

    mode: str
    query: Any
    pieces: tuple[str | Column | Bound, ...]


class Grower:
    """Makes expressions by choices: of a seeded generator, or of hypothesis, which makes failing ones small."""

    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.queries = 0

    def tree(self, kind: str, depth: int, leaf: Leaf) -> Said:
        """An expression of a kind, at most so deep."""
        if depth == 0 or self.choose((False, False, False, True)):
            return leaf(kind)
        row: Row = self.choose(BY_KIND[kind])
        return self.apply(row, depth - 1, leaf)

    def apply(self, row: Row, depth: int, leaf: Leaf) -> Said:
        return made(row.kind, row.say, row.sql, [self.tree(part, depth, leaf) for part in row.parts])

    def plain(self, kind: str) -> Said:
        """A column, a literal, or once in a while NULL or a query's value."""
        what = self.choose(("column", "column", "column", "literal", "literal", "null", "query"))
        if what == "column":
            return column(kind, self.choose(COLUMNS[kind]))
        if what == "null":
            return Said(kind, Value(None, TYPES[kind]), (Bound(kind, None),))
        if what == "query" and self.queries < 2:
            return self.inner(kind)
        said = literal(kind, self.choose(LITERALS[kind]))
        if kind in BARE and self.choose((True, False)):
            return said._replace(expression=Value(said.expression.value))
        return said

    def inner(self, kind: str) -> Said:
        """A value of another row of the group, or whether there is one."""
        self.queries += 1
        alias, parent = f"s{self.queries}", f"sp{self.queries}"
        exists = kind == "b" and self.choose((True, False))
        said = self.tree(kind, 1, self.plain)
        rows = Tree.objects.filter(g=OuterRef("g"))
        source = f"FROM trees {alias} LEFT JOIN parents {parent} ON {parent}.id = {alias}.parent_id WHERE {alias}.g = "
        body = written(said.pieces, alias, parent)
        if exists:
            return Said(
                kind,
                Exists(rows.filter(said.expression)),
                (f"EXISTS (SELECT {source}", Column("g"), " AND ", *body, ")"),
            )
        one = rows.order_by("-id").values(value=said.expression)[:1]
        return Said(
            kind,
            Subquery(one),
            ("(SELECT ", *body, f" {source}", Column("g"), f" ORDER BY {alias}.id DESC LIMIT 1)"),
        )

    def aggregate(self, kind: str) -> Said:
        """An aggregate of an expression over the rows of a group."""
        rows = AGGREGATES_BY_KIND[kind]
        if not rows:
            return literal(kind, self.choose(LITERALS[kind]))
        return self.apply(self.choose(rows), 1, self.columns)

    def columns(self, kind: str) -> Said:
        if self.choose((True, True, False)):
            return column(kind, self.choose(COLUMNS[kind]))
        return literal(kind, self.choose(LITERALS[kind]))

    def window(self, kind: str) -> Said:
        """A value over the rows around each."""
        part = self.tree("i4", 1, self.columns)
        frames = (
            (None, ""),
            (Frame.rows(-1, 1), " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING"),
            (Frame.rows(None, None), " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"),
            (
                Frame.groups(-1, 0, exclude="current"),
                " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW",
            ),
        )
        numbering: list[tuple[Any, str]] = [
            (RowNumber, "row_number()"),
            (Rank, "rank()"),
            (DenseRank, "dense_rank()"),
        ]
        framed = self.choose(frames)
        if kind == "i8" and self.choose((True, False)):
            function, name = self.choose(numbering)
            framed = frames[0]
            said = Said(kind, function(), (name,))
        else:
            rows = [
                row
                for row in AGGREGATES_BY_KIND[kind]
                if "DISTINCT" not in row.sql
                and "ORDER" not in row.sql
                and not row.sql.startswith("COALESCE(")
            ]
            one_of = (Row(kind, (kind,), Lag, "lag({0})"), Row(kind, (kind,), FirstValue, "first_value({0})"),
                      Row(kind, (kind,), LastValue, "last_value({0})"))  # fmt: skip
            row = self.choose([*rows, *one_of])
            if row.say is Lag:
                framed = frames[0]
            said = self.apply(row, 1, self.columns)
        frame, words = framed
        return Said(
            kind,
            Window(said.expression, partition_by=part.expression, order_by="id", frame=frame),
            (*said.pieces, " OVER (PARTITION BY ", *part.pieces, f" ORDER BY t.id{words})"),
        )

    def question(self) -> Question:
        """A query of one of the modes."""
        mode = self.choose(MODES)
        kind = self.choose(KINDS)
        join = " FROM trees t LEFT JOIN parents p ON p.id = t.parent_id"
        trees = Tree.objects
        if mode in ("filter", "exclude"):
            said = self.tree("b", 4, self.plain)
            condition = said.expression
            query = trees.filter(condition) if mode == "filter" else trees.exclude(condition)
            words = "IS TRUE" if mode == "filter" else "IS NOT TRUE"
            return Question(
                mode,
                query.order_by("id").values("id"),
                (f"SELECT t.id{join} WHERE (", *said.pieces, f") {words} ORDER BY t.id"),
            )
        if mode == "order":
            said = self.tree(kind, 3, self.plain)
            return Question(
                mode,
                trees.order_by(said.expression.desc(nulls="last"), "id").values("id"),
                (f"SELECT t.id{join} ORDER BY ", *said.pieces, " DESC NULLS LAST, t.id"),
            )
        if mode == "group":
            said = self.tree(kind, 2, self.aggregate)
            return Question(
                mode,
                trees.values("g").annotate(rows=Count("*"), x=said.expression).order_by("g").values("g", "x"),
                ("SELECT t.g, ", *said.pieces, f" AS x{join} GROUP BY t.g ORDER BY t.g"),
            )
        leaf = {"value": self.plain, "window": self.window, "case": self.plain}[mode]
        said = self.tree(kind, 4 if mode == "value" else 2, leaf)
        if mode == "case":  # the same literals in several places
            sql = "CASE WHEN t.id > 0 THEN {0} ELSE {0} END"
            said = made(kind, lambda a: Case(When(id__gt=0, then=a), default=a), sql, [said])
        return Question(
            mode,
            trees.annotate(x=said.expression).order_by("id").values("id", "x"),
            ("SELECT t.id, ", *said.pieces, f" AS x{join} ORDER BY t.id"),
        )


BARE = frozenset({"t", "b", "d", "ts", "tz", "tm", "iv", "by", "u"})
"""Kinds whose literals are the same without their type, whatever stands beside them."""

MODES = ("value", "value", "value", "filter", "exclude", "order", "group", "window", "case")


def seeded(seed: int) -> Grower:
    """A grower of which every run makes the same."""
    return Grower(random.Random(seed).choice)


__all__ = ["MODES", "Grower", "Question", "seeded"]
