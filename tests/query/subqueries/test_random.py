"""Random conditions with queries inside of queries, against SQL that is written beside them by other code."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from chakra import Exists, OuterRef, Q
from tests.query.subqueries.blog import Author, Post, fill


class Writer:
    """Makes a condition on a table twice: as an object, and as SQL about an alias."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names: Iterator[int] = count()

    def condition(self, model: Any, alias: str, depth: int) -> tuple[Any, str]:
        kinds = (
            ["plain", "plain"] if depth == 0 else ["plain", "and", "or", "not", "in", "in", "exists", "one"]
        )
        return getattr(self, "_" + self.random.choice(kinds))(model, alias, depth)

    def _plain(self, model: Any, alias: str, depth: int) -> tuple[Any, str]:
        if model is Author:
            value = self.random.choice([3, 5, 9])
            return self.random.choice(
                [
                    (Q(fame__gte=value), f"{alias}.fame >= {value}"),
                    (Q(city="Oslo"), f"{alias}.city = 'Oslo'"),
                    (Q(city=None), f"{alias}.city IS NULL"),
                ]
            )
        value = self.random.choice([5, 10, 20, 30])
        return self.random.choice(
            [
                (Q(views__lt=value), f"{alias}.views < {value}"),
                (Q(views=value), f"{alias}.views = {value}"),
                (Q(kind="news"), f"{alias}.kind = 'news'"),
                (Q(author=None), f"{alias}.author_id IS NULL"),
            ]
        )

    def _and(self, model: Any, alias: str, depth: int) -> tuple[Any, str]:
        (one, first), (two, second) = (self.condition(model, alias, depth - 1) for _ in range(2))
        return one & two, f"(({first}) AND ({second}))"

    def _or(self, model: Any, alias: str, depth: int) -> tuple[Any, str]:
        (one, first), (two, second) = (self.condition(model, alias, depth - 1) for _ in range(2))
        return one | two, f"(({first}) OR ({second}))"

    def _not(self, model: Any, alias: str, depth: int) -> tuple[Any, str]:
        one, first = self.condition(model, alias, depth - 1)
        return ~one, f"(({first}) IS NOT TRUE)"

    def _in(self, model: Any, alias: str, depth: int) -> tuple[Any, str]:
        new = f"x{next(self.names)}"
        left, field, other, picked, column = self.random.choice(
            [
                ("id", "id", Post, "answer_to", "answer_to_id"),
                ("author", "author_id", Author, "id", "id"),
                ("answer_to", "answer_to_id", Post, "id", "id"),
                ("views", "views", Author, "fame", "fame"),
                ("author", "author_id", Post, "author", "author_id"),
            ]
            if model is Post
            else [("id", "id", Post, "author", "author_id"), ("fame", "fame", Post, "views", "views")]
        )
        inner, sql = self.condition(other, new, depth - 1)
        rows = other.objects.filter(inner).values(picked)
        return (
            Q(**{f"{left}__in": rows}),
            f"({alias}.{field} IN (SELECT {new}.{column} FROM {other.__table__.name} {new} WHERE {sql}))",
        )

    def _exists(self, model: Any, alias: str, depth: int) -> tuple[Any, str]:
        new = f"x{next(self.names)}"
        own, own_column, outer, column = (
            self.random.choice(
                [
                    ("answer_to", "answer_to_id", "pk", "id"),
                    ("author", "author_id", "author", "author_id"),
                    ("views__gt", "views >", "views", "views"),
                ]
            )
            if model is Post
            else ("author", "author_id", "pk", "id")
        )
        inner, sql = self.condition(Post, new, depth - 1)
        operator = "" if own_column.endswith(">") else " ="
        return (
            Exists(Post.objects.filter(**{own: OuterRef(outer)}).filter(inner)),
            f"EXISTS (SELECT FROM posts {new} WHERE {new}.{own_column}{operator} {alias}.{column} AND ({sql}))",
        )

    def _one(self, model: Any, alias: str, depth: int) -> tuple[Any, str]:
        new = f"x{next(self.names)}"
        inner, sql = self.condition(Post, new, depth - 1)
        field = "views" if model is Post else "fame"
        rows = Post.objects.filter(inner).order_by("-id").values("views")[:1]
        return (
            Q(**{f"{field}__gte": rows}),
            f"({alias}.{field} >= (SELECT {new}.views FROM posts {new} WHERE {sql} ORDER BY {new}.id DESC LIMIT 1))",
        )


@pytest.mark.parametrize("block", range(4))
async def test_random_conditions(db: Any, block: int) -> None:
    await fill(db)
    answers = set()
    for seed in range(block * 60, block * 60 + 60):
        writer = Writer(seed)
        model = writer.random.choice([Post, Author])
        condition, sql = writer.condition(model, "r", 3)
        table = model.__table__.name
        expected = sorted(row[0] for row in await db.fetch(f"SELECT r.id FROM {table} r WHERE {sql}"))
        everything = sorted(row[0] for row in await db.fetch(f"SELECT id FROM {table}"))
        rows = model.objects.filter(condition)
        assert sorted(await rows.values_list("id", flat=True)) == expected, (seed, sql, rows.to_sql())
        rest = [key for key in everything if key not in expected]
        assert sorted(await model.objects.exclude(condition).values_list("id", flat=True)) == rest, (
            seed,
            sql,
        )
        columns = (await rows.order_by("id").values("id").to_arrow()).column("id").to_pylist()
        assert columns == expected, (seed, sql)
        answers.add((model, tuple(expected)))
    assert len(answers) > 10
