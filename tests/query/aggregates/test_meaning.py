"""What aggregates are about: queries inside, partners that are not there, users' own; hostile names; keys."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from typing import Any

import pytest

from chakra import (
    AnyValue,
    ArrayAgg,
    Avg,
    BoolAnd,
    BoolOr,
    Case,
    Cast,
    Coalesce,
    Corr,
    Count,
    F,
    Grouping,
    JsonAgg,
    JsonObjectAgg,
    Max,
    Mode,
    OuterRef,
    PercentileCont,
    PercentileDisc,
    Q,
    Rank,
    RankOf,
    StringAgg,
    Subquery,
    Sum,
    Value,
    When,
    Window,
    XmlAgg,
)
from chakra.errors import ChakraError, DatabaseError, FieldError
from chakra.expressions.aggregates import Aggregate
from chakra.functions import Concat, register_aggregate
from chakra.sql import select_statement
from chakra.types import Double, Text, Xml
from tests.plugins.needs import ServerFacts
from tests.query.aggregates.sales import MODELS, Sale, Shop, Size, fill
from tests.query.test_security import PAYLOADS
from tests.relations.conftest import SHARED

__all__ = ["MODELS", "fill"]
pytestmark = SHARED

SALES, SHOPS = Sale.objects, Shop.objects
D = Decimal


async def test_over_values_that_are_aggregates(rows: Any) -> None:
    shops = SHOPS.annotate(n=Count("sales"), total=Sum("sales__pages"))
    found = await shops.aggregate(
        Avg("n"),
        median=PercentileDisc("n", [0, 0.5, 1]),
        some=BoolOr(Q(n=2)),
        totals=ArrayAgg("total", order_by="name"),
        line=Corr("n", "total"),
    )
    assert round(found.pop("n__avg"), 4) == D("1.6667")
    assert found == {"median": [0, 2, 3], "some": True, "totals": [None, 40, 25], "line": 1.0}
    groups = SALES.values("region").annotate(n=Count("*"), sizes=Count("size", distinct=True))
    assert await groups.aggregate(Sum("n"), x=JsonObjectAgg("region", "sizes")) == {
        "n__sum": D(6), "x": {"east": 2, "west": 1},
    }  # fmt: skip


async def test_over_subqueries_windows_sets_and_slices(rows: Any) -> None:
    last = SALES.filter(shop=OuterRef("pk")).order_by("-id").values("small")[:1]
    shops = SHOPS.annotate(small=Subquery(last))
    assert await shops.aggregate(Max("small"), x=ArrayAgg("small", order_by="id")) == {
        "small__max": 7, "x": [6, 7, None],
    }  # fmt: skip
    ranked = SALES.annotate(place=Window(Rank(), partition_by="region", order_by="-small"))
    assert await ranked.aggregate(x=StringAgg("place", order_by="id"), m=Mode("place")) == {
        "x": "1,2,3,2,1,3", "m": 1,
    }  # fmt: skip
    assert await ranked.filter(place=1).aggregate(x=ArrayAgg("id", order_by="id")) == {"x": [1, 5]}
    either = SALES.filter(small__gt=9).union(SALES.filter(region="west"))
    assert await either.aggregate(x=ArrayAgg("id", order_by="id"), p=BoolAnd("paid")) == {
        "x": [1, 2, 4, 5, 6], "p": False,
    }  # fmt: skip
    assert await SALES.order_by("-small")[1:4].aggregate(x=PercentileCont("small", 0.5)) == {"x": 7.0}
    assert await SALES.values("region").distinct().aggregate(
        x=StringAgg("region", "|", order_by="region")
    ) == {"x": "east|west"}


async def test_groups_by_expressions_and_their_conditions(rows: Any) -> None:
    size = Case(When(small__gte=7, then=Value("large")), default=Value("small"))
    groups = SALES.values(kind=size).annotate(ok=BoolAnd("paid"), codes=ArrayAgg("code", distinct=True))
    assert await groups.order_by("kind") == [
        {"kind": "large", "ok": True, "codes": ["c1", "c2"]},
        {"kind": "small", "ok": False, "codes": ["c0", "c1"]},
    ]
    assert await groups.filter(ok=True).values_list("kind", flat=True) == ["large"]
    assert await groups.filter(codes__contains=["c0"]).values_list("kind", flat=True) == ["small"]
    assert await groups.exclude(ok=True).count() == 1
    median = SALES.values("region").annotate(x=PercentileCont("small", 0.5)).filter(x__gt=5)
    assert await median == [{"region": "east", "x": 10.0}]
    assert await SHOPS.annotate(paid=BoolAnd("sales__paid")).filter(paid=True).values_list(
        "id", flat=True
    ) == [1]
    assert await SHOPS.annotate(x=Mode("sales__size")).filter(x=Size.SMALL).values_list("id", flat=True) == [
        1
    ]


async def test_the_place_of_a_row_among_others(rows: Any) -> None:
    others = SALES.values("region").annotate(x=RankOf(F("region"), "city")).order_by("region")
    assert await others.values_list("x", flat=True) == [4, 3]
    with pytest.raises(DatabaseError, match=r"must appear in the GROUP BY|ungrouped"):
        await SALES.aggregate(x=RankOf(F("small"), "small"))


async def test_rows_that_are_not_there_are_not_taken_in(rows: Any) -> None:
    """An outer join makes a row of NULLs of them, which arrays and documents would hold."""
    groups = SHOPS.values("name").annotate(
        pages=ArrayAgg("sales__pages", order_by="sales__id"),
        ids=JsonAgg("sales__id", order_by="sales__id"),
        by_id=JsonObjectAgg("sales__id", "sales__pages"),
        or_zero=ArrayAgg(Coalesce("sales__pages", 0), order_by="sales__id"),
        late=ArrayAgg("sales__id", filter=Q(sales__small__lt=7), default=[]),
    )
    assert await groups.order_by("name") == [
        {"name": "none", "pages": None, "ids": None, "by_id": None, "or_zero": [0], "late": []},
        {"name": "one", "pages": [10, 30, None], "ids": [1, 2, 3], "by_id": {"1": 10, "2": 30, "3": None},
         "or_zero": [10, 30, 0], "late": [3]},
        {"name": "two", "pages": [20, 5], "ids": [4, 5], "by_id": {"4": 20, "5": 5}, "or_zero": [20, 5],
         "late": [4]},
    ]  # fmt: skip
    assert (await SHOPS.filter(name="none").aggregate(x=ArrayAgg("sales__pages")))["x"] is None


async def test_aggregates_of_the_database(rows: Any) -> None:
    await rows.execute(
        'CREATE SCHEMA IF NOT EXISTS "a""b"; '
        'CREATE OR REPLACE AGGREGATE "a""b"."mul$($1)" (double precision) '
        "(SFUNC = float8mul, STYPE = float8, INITCOND = '1'); "
        "CREATE OR REPLACE FUNCTION more(text, text, text) RETURNS text LANGUAGE sql AS $$SELECT $1 || $3 || $2$$; "
        "CREATE OR REPLACE AGGREGATE glue (text, text) (SFUNC = more, STYPE = text, INITCOND = '')"
    )
    try:
        product = register_aggregate("mul$($1)", Double, type=Double, schema='a"b')
        whole = await SALES.aggregate(x=product("real", filter=Q(id__lte=4)), y=product("pages", default=3))
        assert whole == {"x": 1.5, "y": 600000.0}
        assert await SALES.none().aggregate(x=product("real")) == {"x": 1.0}
        found = SHOPS.annotate(x=product("sales__real")).order_by("id")
        assert await found.values_list("x", flat=True) == [0.75, 5.0, 1.0]
        assert str((await found.values("x").to_arrow())["x"].type) == "double"
        over = (
            SALES.annotate(x=Window(product("real"), order_by="id"))
            .order_by("id")
            .values_list("x", flat=True)
        )
        assert await over == [0.5, 0.5, 0.75, 1.5, 3.75, 11.25]
        glue = register_aggregate("glue", Text, Text, type=Text, ordered=True)
        payload = "'; drop table sales; --"
        assert await SALES.aggregate(x=glue("code", Value(payload), order_by="-id", filter=Q(id__lt=3))) == {
            "x": f"{payload}c2{payload}c1"
        }
        median = register_aggregate("percentile_cont", Double, Double, type=Double, within=True)
        assert await SALES.aggregate(x=median("-real", 0.25, filter=Q(id__lt=6))) == {"x": 2.0}
        assert isinstance(product("real"), Aggregate)
        assert await SALES.aggregate(glue("code", Value(""), filter=Q(id=1))) == {"code__glue": "c1"}
        with pytest.raises(FieldError, match="does not depend on an order"):
            product("real", order_by="id")
        statement = select_statement(SALES.values(x=product("real"))._select)[0].statement
        assert not statement.pure, "nobody knows what it does"
    finally:
        await rows.execute('DROP AGGREGATE glue (text, text); DROP FUNCTION more; DROP SCHEMA "a""b" CASCADE')


async def test_what_newer_servers_have(rows: Any, server_facts: ServerFacts) -> None:
    if server_facts.major >= 16:
        assert (await SALES.aggregate(x=AnyValue("region", filter=Q(id=1))))["x"] == "east"
        return
    with pytest.raises(DatabaseError, match=r"any_value\(\) came with PostgreSQL 16"):
        await SALES.aggregate(x=AnyValue("region"))


NAMED: dict[str, Any] = {
    "argument": lambda n: SALES.aggregate(x=BoolAnd(n)),
    "second argument": lambda n: SALES.aggregate(x=Corr("pages", n)),
    "order": lambda n: SALES.aggregate(x=ArrayAgg("id", order_by=n)),
    "sorted by": lambda n: SALES.aggregate(x=Mode(n)),
    "rank": lambda n: SALES.aggregate(x=RankOf(1, n)),
    "filter": lambda n: SALES.aggregate(x=Count("*", filter=Q(**{n: 1}))),
    "rollup": lambda n: SALES.values("region", n=Count("*")).rollup(n),
    "cube": lambda n: SALES.values("region", n=Count("*")).cube(("region", n)),
    "sets": lambda n: SALES.values("region", n=Count("*")).grouping_sets((n,), ()),
    "grouping": lambda n: SALES.values("region", g=Grouping(n)).rollup("region"),
    "aggregate": lambda n: SALES.aggregate(**{n: BoolAnd("paid")}),
    "annotate": lambda n: SALES.values("region").annotate(**{n: Mode("pages")}),
    "values": lambda n: SALES.values(**{n: Grouping("region")}).rollup("region"),
}


@pytest.mark.parametrize("entry", NAMED)
async def test_hostile_names(rows: Any, entry: str) -> None:
    wrong = []
    for payload in PAYLOADS:
        alias = entry in ("aggregate", "annotate", "values") and payload.isidentifier() and len(payload) < 64
        if alias and payload.isascii() and not payload.startswith("_"):
            continue
        # Names that there are, and an order turned round, are no attack.
        if payload in ("id", "*", "") and entry in ("argument",):
            continue
        try:
            found = await NAMED[entry](payload)
        except ChakraError as error:
            if isinstance(error, DatabaseError):
                wrong.append((payload, error))
        else:
            wrong.append((payload, found))
    assert wrong == []


HOSTILE = [
    "'",
    '"',
    "x'; drop table sales; --",
    "\\",
    "%",
    "$1",
    "{0}",
    "::int",
    "日本",
    "--",
    "\n",
    "E'\\''",
]


async def test_hostile_values(rows: Any) -> None:
    """They come back as they are, by parameters and by literals."""
    for text in HOSTILE:
        one = SALES.filter(id__lte=2).values("region")
        query = one.annotate(
            a=StringAgg("code", text, order_by="id"),
            b=StringAgg("code", Value(text), order_by="id"),
            c=JsonObjectAgg(Value(text), Value(text)),
            d=Mode(Value(text)),
            e=ArrayAgg(Value(text), distinct=True),
            f=StringAgg("city", filter=Q(city=text), default=text),
            g=RankOf(text, "city"),
            h=BoolOr(Q(city=text)),
        )
        expected = {
            "region": "east", "a": f"c1{text}c2", "b": f"c1{text}c2", "c": {text: text}, "d": text, "e": [text],
            "f": text, "h": False,
        }  # fmt: skip
        (row,) = await query
        assert row.pop("g") in (1, 3)
        assert row == expected
        (column,) = (await query.to_arrow()).to_pylist()
        assert column.pop("g") in (1, 3)
        assert column | {"c": json.loads(column["c"])} == expected


ONE_SHAPE: list[Any] = [
    Mode("pages"), Mode("-pages"), Mode(F("pages").desc(nulls="last")), Mode(F("pages").asc(nulls="first")),
    PercentileDisc("pages", 0.5), PercentileDisc("pages", [0.5]), PercentileDisc("-pages", 0.5),
    RankOf(1, "pages"), RankOf(1, "-pages"), RankOf((1, 1), ("pages", "id")), RankOf((1, 1), ("pages", "-id")),
    Count("pages"), Count("pages", distinct=True), Count("pages", "id", distinct=True),
    JsonAgg("pages"), JsonAgg("pages", strict=True), BoolAnd("paid"), BoolAnd("paid", default=True),
    StringAgg("code"), StringAgg("code", F("region")),
]  # fmt: skip


async def test_options_are_part_of_the_key(rows: Any) -> None:
    made = [SALES.values("region").annotate(x=each) for each in ONE_SHAPE]
    keys = {query._select.shape([]) for query in made}
    assert len(keys) == len(made) == len({query.to_sql()[0] for query in made})
    plain = SALES.values("region", "size", n=Count("*"))
    sets = [
        plain.rollup("region", "size"), plain.rollup(("region", "size")), plain.cube("region", "size"),
        plain.grouping_sets("region", "size"), plain.grouping_sets(("region", "size")), plain.rollup("size", "region"),
        plain.grouping_sets("region", "size", ()), plain.rollup("region").rollup("size"),
    ]  # fmt: skip
    assert len({query._select.shape([]) for query in sets}) == len(sets)
    # Other fractions, values and delimiters are no other statements.
    for one, other in (
        (PercentileCont("pages", 0.1), PercentileCont("pages", 0.9)),
        (PercentileCont("pages", [0.1]), PercentileCont("pages", [0.1, 0.9])),
        (RankOf(3, "pages"), RankOf(4, "pages")),
        (StringAgg("code", "a"), StringAgg("code", "b")),
    ):
        first, second = (SALES.values("region").annotate(x=each).to_sql()[0] for each in (one, other))
        assert first == second


KEYS = {"region": "region", "city": "city", "size": "size", "small % 2": F("small") % 2}


def a_query(seed: int) -> tuple[Any, str]:
    """A random query with grouping sets, and the same in SQL."""
    chance = random.Random(seed)
    names = chance.sample(sorted(KEYS), chance.randint(1, 4))
    query = SALES.values(
        **{f"k{i}": KEYS[name] for i, name in enumerate(names)}, n=Count("*"), m=Sum("small")
    )
    words: list[str] = []
    used_names: set[int] = set()
    for _ in range(chance.choice([1, 1, 2])):
        word = chance.choice(["rollup", "cube", "grouping_sets"])
        elements = [
            tuple(chance.sample(range(len(names)), chance.randint(1, len(names))))
            for _ in range(chance.randint(1, 2))
        ]
        query = getattr(query, word)(*(tuple(f"k{i}" for i in element) for element in elements))
        text = ", ".join(f"({', '.join(names[i] for i in element)})" for element in elements)
        words.append(f"{word.upper().replace('_', ' ')} ({text})")
        used = {i for element in elements for i in element}
        used_names |= used
    rest = [name for i, name in enumerate(names) if i not in used_names]
    least = chance.choice([0, 1, 2])
    query = query.filter(n__gt=least)
    return query, (
        f"SELECT {', '.join(names)}, count(*), sum(small) FROM sales GROUP BY {', '.join(words + rest)} "
        f"HAVING count(*) > {least}"
    )


@pytest.mark.parametrize("start", range(0, 60, 20))
async def test_random_sets(rows: Any, start: int) -> None:
    sizes = {"small": Size.SMALL, "large": Size.LARGE}
    for seed in range(start, start + 20):
        query, text = a_query(seed)
        expected = [tuple(sizes.get(v, v) for v in row.values()) for row in await rows.fetch(text)]
        found = [tuple(row.values()) for row in await query]
        assert sorted(found, key=repr) == sorted(expected, key=repr), (seed, text, query.to_sql())


async def test_pieces_of_xml(rows: Any) -> None:
    try:
        await rows.fetch("SELECT '<a/>'::xml")
    except DatabaseError:
        pytest.skip("the server is built without libxml")
    piece = Cast(Concat(Value("<"), "code", Value("/>")), Xml)
    query = SALES.values("region").annotate(x=XmlAgg(piece, order_by="-id")).order_by("region")
    assert await query.values_list("x", flat=True) == ["<c0/><c2/><c1/>", "<c0/><c2/><c1/>"]
    assert (await query.to_arrow())["x"].to_pylist() == ["<c0/><c2/><c1/>", "<c0/><c2/><c1/>"]
