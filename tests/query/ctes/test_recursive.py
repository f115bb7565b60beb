"""Recursive queries: number series, trees, graphs with cycles and bills of materials, against SQL and Python."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chakra import CTE, Count, F, Q, Sum, Value
from chakra.functions import Concat
from tests.query.ctes.conftest import check
from tests.query.ctes.tables import EDGES, MODELS, Author, Edge, Node, Use, fill
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]

pytestmark = SHARED

NODES, EDGE, USES = Node.objects, Edge.objects, Use.objects


def below(**options: Any) -> CTE:
    """The nodes of a tree with their depth."""
    return CTE.recursive(
        NODES.filter(parent=None).annotate(depth=Value(0)),
        lambda up: NODES.join(up=up, on=Q(parent=F("up__id"))).annotate(depth=F("up__depth") + 1),
        **options,
    )


def paths(**options: Any) -> CTE:
    """The nodes of a tree with the names on the way there."""
    return CTE.recursive(
        NODES.filter(parent=None).values("id", path=F("name")),
        lambda up: NODES.join(up=up, on=Q(parent=F("up__id"))).values(
            "id", path=Concat("up__path", Value("/"), "name")
        ),
        **options,
    )


def reached(**options: Any) -> CTE:
    """Pairs of points of a graph, one of which can be reached from the other."""
    return CTE.recursive(
        EDGE.values("a", "b"),
        lambda far: EDGE.join(far=far, on=Q(a=F("far__b"))).values("b", a=F("far__a")),
        **options,
    )


PARTS = CTE.recursive(
    USES.filter(whole="car").values("part", "amount"),
    lambda up: USES.join(up=up, on=Q(whole=F("up__part"))).values(
        "part", amount=F("amount") * F("up__amount")
    ),
    all=True,
)
NUMBERS = CTE.recursive(
    Author.objects.filter(id=1).values(n=Value(1)),
    lambda last: last.objects.filter(n__lt=6).values(n=F("n") * 2),
)
TREE_SQL = (
    "WITH RECURSIVE t AS (SELECT id, name, 0::bigint AS depth FROM nodes WHERE parent_id IS NULL UNION ALL "
    "SELECT n.id, n.name, depth + 1 FROM nodes n JOIN t ON n.parent_id = t.id)"
)

VALUES: dict[str, tuple[Any, list[tuple[Any, ...]], str]] = {
    "numbers": (
        NUMBERS.objects.order_by("n"),
        [(1,), (2,), (4,), (8,)],
        "WITH RECURSIVE t(n) AS (SELECT 1::bigint UNION SELECT n * 2 FROM t WHERE n < 6) SELECT n FROM t ORDER BY n",
    ),
    "a tree": (
        below().objects.order_by("id").values("name", "depth"),
        [("root", 0), ("left", 1), ("right", 1), ("leaf", 2), ("twig", 3), ("other", 0), ("child", 1)],
        f"{TREE_SQL} SELECT name, depth FROM t ORDER BY id",
    ),
    "what is above": (
        CTE.recursive(NODES.filter(name="twig"), lambda low: NODES.join(low=low, on=Q(id=F("low__parent"))))
        .objects.order_by("id")
        .values("name"),
        [("root",), ("left",), ("leaf",), ("twig",)],
        "SELECT name FROM nodes WHERE id IN (1, 2, 4, 5) ORDER BY id",
    ),
    "paths": (
        paths().objects.order_by("path"),
        [
            (6, "other"),
            (7, "other/child"),
            (1, "root"),
            (2, "root/left"),
            (4, "root/left/leaf"),
            (5, "root/left/leaf/twig"),
            (3, "root/right"),
        ],
        "WITH RECURSIVE t AS (SELECT id, name AS path FROM nodes WHERE parent_id IS NULL UNION ALL "
        "SELECT n.id, path || '/' || n.name FROM nodes n JOIN t ON n.parent_id = t.id) SELECT * FROM t ORDER BY path",
    ),
    "grouped": (
        below().objects.values("depth").annotate(n=Count("*")).order_by("depth"),
        [(0, 2), (1, 3), (2, 1), (3, 1)],
        f"{TREE_SQL} SELECT depth, count(*) FROM t GROUP BY depth ORDER BY depth",
    ),
    "beside its rows": (
        NODES.with_(tree=below()).filter(tree__depth__gt=1).order_by("id").values("name"),
        [("leaf",), ("twig",)],
        f"{TREE_SQL} SELECT name FROM t WHERE depth > 1 ORDER BY id",
    ),
    "joined to its rows": (
        NODES.join(tree=below(), on=Q(parent=F("tree__id")))
        .order_by("id")
        .values("name", "tree__depth", "tree__parent__name"),
        [("left", 0, None), ("right", 0, None), ("leaf", 1, "root"), ("twig", 2, "left"), ("child", 0, None)],
        f"{TREE_SQL} SELECT n.name, depth, g.name AS above FROM nodes n JOIN t ON t.id = n.parent_id "
        "JOIN nodes p ON p.id = t.id LEFT JOIN nodes g ON g.id = p.parent_id ORDER BY n.id",
    ),
    "where points lead": (
        reached().objects.filter(a=1).order_by("b"),
        [(1, 1), (1, 2), (1, 3), (1, 4)],
        "WITH RECURSIVE t AS (SELECT a, b FROM edges UNION SELECT t.a, e.b FROM t JOIN edges e ON e.a = t.b) "
        "SELECT * FROM t WHERE a = 1 ORDER BY b",
    ),
    "as far as a number of steps": (
        CTE.recursive(
            EDGE.filter(a=1).values("b", steps=Value(1)),
            lambda far: EDGE.join(far=far, on=Q(a=F("far__b")) & Q(far__steps__lt=4)).values(
                "b", steps=F("far__steps") + 1
            ),
            all=True,
        ).objects.order_by("steps", "b"),
        [(2, 1), (3, 2), (1, 3), (4, 3), (2, 4)],
        "WITH RECURSIVE t(b, s) AS (SELECT b, 1::bigint FROM edges WHERE a = 1 UNION ALL "
        "SELECT e.b, s + 1 FROM edges e JOIN t ON e.a = t.b AND s < 4) SELECT * FROM t ORDER BY s, b",
    ),
    "until a point comes again": (
        reached(all=True, cycle=["b"])
        .objects.filter(a=1, is_cycle=False)
        .order_by("b")
        .values("b", "is_cycle"),
        [(1, False), (2, False), (3, False), (4, False)],
        "SELECT b, false FROM (VALUES (1), (2), (3), (4)) AS v(b)",
    ),
    "parts, and how many": (
        PARTS.objects.values("part").annotate(n=Sum("amount")).order_by("part"),
        [("bolt", 40), ("engine", 1), ("tyre", 4), ("wheel", 4)],
        "WITH RECURSIVE t AS (SELECT part, amount FROM uses WHERE whole = 'car' UNION ALL SELECT u.part, "
        "u.amount * t.amount FROM uses u JOIN t ON u.whole = t.part) SELECT part, sum(amount) FROM t GROUP BY part "
        "ORDER BY part",
    ),
    "two of them": (
        NODES.with_(tree=below(), way=paths())
        .filter(tree__depth=1, way__path__startswith="root")
        .order_by("id")
        .values("name"),
        [("left",), ("right",)],
        "SELECT name FROM nodes WHERE id IN (2, 3) ORDER BY id",
    ),
    "on top of another": (
        CTE.recursive(
            below(name="tree").objects.filter(depth=0).values("id"),
            lambda up: NODES.join(up=up, on=Q(parent=F("up__id"))).values("id"),
        )
        .objects.filter(id__in=paths().objects.filter(path__contains="leaf").values("id"))
        .order_by("id"),
        [(4,), (5,)],
        "SELECT id FROM nodes WHERE id IN (4, 5) ORDER BY id",
    ),
}


@pytest.mark.parametrize("name", VALUES)
async def test_values(rows: Any, name: str) -> None:
    query, expected, sql = VALUES[name]
    await check(rows, query, expected, sql)


DEPTH = ["root", "right", "left", "leaf", "twig", "other", "child"]
BREADTH = ["root", "other", "right", "left", "child", "leaf", "twig"]


@pytest.mark.parametrize("way", ["depth", "breadth"])
async def test_search(rows: Any, way: str) -> None:
    """Siblings by a column of their own: downwards from the last name."""
    expected = DEPTH if way == "depth" else BREADTH

    def tree(**options: Any) -> CTE:
        return CTE.recursive(
            NODES.filter(parent=None).annotate(rank=F("id") * Value(-1), depth=Value(0)),
            lambda up: NODES.join(up=up, on=Q(parent=F("up__id"))).annotate(
                rank=F("id") * Value(-1), depth=F("up__depth") + 1
            ),
            search=way,
            by="rank",
            **options,
        )

    turned = [name for name in expected if name not in ("other", "child")]
    query = tree().objects.exclude(name__in=["other", "child"])
    assert [node.name for node in await query] == turned
    assert [node.name for node in await query.reverse()] == turned[::-1]
    assert await query.values_list("name", flat=True)[1:3] == turned[1:3]
    assert (await query.to_arrow())["name"].to_pylist() == turned
    assert (await query.to_arrow()).schema.names == ["id", "name", "parent_id", "rank", "depth"]
    assert await query.count() == 5
    first = await query.first()
    assert (first.name, first.depth) == ("root", 0)
    named = tree(order="place", name="tree")
    sql = named.objects.to_sql()[0]
    assert f'SEARCH {way.upper()} FIRST BY "rank" SET "place"' in sql and sql.endswith('ORDER BY "place"')
    joined = NODES.join(tree=named, on="id").order_by("tree__place").exclude(name__in=["other", "child"])
    assert [node.name for node in await joined] == turned


async def test_cycles(rows: Any) -> None:
    walk = CTE.recursive(
        EDGE.filter(a=1).values("a", "b"),
        lambda last: EDGE.join(last=last, on=Q(a=F("last__b"))).values("a", "b"),
        all=True,
        cycle=["a", "b"],
        mark="again",
        path="way",
        search="breadth",
        by=["a", "b"],
    )
    assert (
        await walk.objects
        == (await walk.objects.to_arrow()).to_pylist()
        == [
            {"a": 1, "b": 2, "again": False},
            {"a": 2, "b": 3, "again": False},
            {"a": 3, "b": 1, "again": False},
            {"a": 3, "b": 4, "again": False},
            {"a": 1, "b": 2, "again": True},
        ]
    )
    assert await walk.objects.filter(again=True).count() == 1
    tree = below(cycle="id").objects.order_by("id")
    assert [(node.id, node.is_cycle) for node in await tree[:2]] == [(1, False), (2, False)]


def closure(edges: list[tuple[int, int]]) -> set[tuple[int, int]]:
    found = set(edges)
    while True:
        more = {(a, d) for a, b in found for c, d in edges if b == c} - found
        if not more:
            return found
        found |= more


GRAPHS = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), max_size=9, unique=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edges=GRAPHS, start=st.integers(1, 6))
async def test_random_graphs(rows: Any, edges: list[tuple[int, int]], start: int) -> None:
    await EDGE.delete()
    await EDGE.bulk_create([Edge(a=a, b=b) for a, b in edges])
    expected = closure(edges)
    assert {b for a, b in closure(EDGES) if a == 1} == {1, 2, 3, 4}
    assert set(await reached().objects.values_list("a", "b")) == expected
    ends = {b for a, b in expected if a == start}
    from_there = CTE.recursive(
        EDGE.filter(a=start).values("b"), lambda far: EDGE.join(far=far, on=Q(a=F("far__b"))).values("b")
    )
    assert set((await from_there.objects.to_arrow())["b"].to_pylist()) == ends
    marked = reached(all=True, cycle=["b"]).objects
    assert set(await marked.filter(is_cycle=False).values_list("a", "b")) == expected
