"""Parents with what is behind them in one table: by one statement, equal to what instances hold."""

from __future__ import annotations

import pickle
from typing import Any

import pyarrow as pa
import pytest

import chakra
from chakra import Count, F, Prefetch, Sum
from chakra.errors import DataError, FieldError
from tests.query.conftest import watched
from tests.relations.nested_columns.library import (
    Animal,
    Farmer,
    Food,
    Licence,
    Market,
    Region,
    Stall,
    fill,
    held,
)


@pytest.fixture
async def farms(db: Any) -> Any:
    await fill(db)
    return db


def names(table: Any, column: str, field: str = "name") -> list[Any]:
    """The names in a column of lists of structs, or of structs."""
    found = table.column(column).to_pylist()
    if pa.types.is_list(table.column(column).type):
        return [[each[field] for each in rows] for rows in found]
    return [row and row[field] for row in found]


FARMERS = Farmer.objects.order_by("id")


async def test_each_kind_of_relation_is_one_column_of_one_statement(farms: Any) -> None:
    query = FARMERS.select_related("region").prefetch_related(
        "animals", "licence", "teacher", "pupils", "friends", "markets", "stalls"
    )
    await query.to_arrow(nested=True)  # describes the levels
    with watched(farms) as statements:
        table = await query.to_arrow(nested=True)
    assert len(statements) == 1
    assert table.column_names == [
        *("id", "name", "region_id", "teacher_id", "region"),
        *("animals", "licence", "teacher", "pupils", "friends", "markets", "stalls"),
    ]
    assert names(table, "region") == ["north", None, "north"]
    assert names(table, "animals") == [["Bella", "Chick"], ["Dot"], []]
    assert names(table, "licence", "code") == ["A1", None, None]
    assert names(table, "teacher") == [None, "Ada", "Ada"]
    assert names(table, "pupils") == [["Bob", "Cy"], [], []]
    assert names(table, "friends") == [["Bob"], ["Ada"], []]
    assert names(table, "markets") == [
        ["Monday", "Friday"],
        [],
        [],
    ]  # each once, however many stalls there are
    assert names(table, "stalls", "rent") == [[5, 7, 9], [], []]
    assert table.column("animals").null_count == 0
    assert table.column("animals").type == pa.list_(
        pa.struct(
            [("id", pa.int64()), ("name", pa.string()), ("weight", pa.int32()), ("farmer_id", pa.int64())]
        )
    )


async def test_the_same_as_instances_hold(farms: Any) -> None:
    query = FARMERS.prefetch_related("animals__foods", "licence", "teacher__region", "pupils__animals")
    tree = {"animals": {"foods": {}}, "licence": {}, "teacher": {"region": {}}, "pupils": {"animals": {}}}
    foods = Prefetch("animals__foods", Food.objects.order_by("name"))
    query = query.prefetch_related(foods, Prefetch("pupils", Farmer.objects.order_by("-name")))
    table = await query.to_arrow(nested=True)
    assert table.to_pylist() == [held(row, tree) for row in await query]
    assert names(table, "pupils") == [["Cy", "Bob"], [], []]
    assert [[[f["name"] for f in a["foods"]] for a in rows] for rows in table["animals"].to_pylist()] == [
        [["corn", "hay"], ["corn"]],
        [[]],
        [],
    ]


async def test_from_the_other_sides(farms: Any) -> None:
    assert names(await Region.objects.prefetch_related("farmers").to_arrow(nested=True), "farmers") == [
        ["Ada", "Cy"]
    ]
    foods = await Food.objects.order_by("id").prefetch_related("eaters__farmer").to_arrow(nested=True)
    assert names(foods, "eaters") == [["Bella"], ["Bella", "Chick"]]
    assert foods["eaters"].to_pylist()[0][0]["farmer"]["name"] == "Ada"
    markets = await Market.objects.order_by("id").prefetch_related("farmers", "stalls").to_arrow(nested=True)
    assert names(markets, "farmers") == [["Ada"], ["Ada"]]
    assert names(markets, "stalls", "rent") == [[5, 9], [7]]
    licences = await Licence.objects.select_related("farmer__region").to_arrow(nested=True)
    assert licences["farmer"].to_pylist() == [
        {"id": 1, "name": "Ada", "region_id": 1, "teacher_id": None, "region": {"id": 1, "name": "north"}}
    ]
    stalls = (
        await Stall.objects.filter(rent=7).select_related("farmer__teacher__region").to_arrow(nested=True)
    )
    assert stalls["farmer"].to_pylist()[0]["teacher"] is None


async def test_a_query_of_ones_own(farms: Any) -> None:
    heavy = Prefetch("animals", Animal.objects.filter(weight__gt=10), to_attr="heavy")
    counted = Prefetch("animals", Animal.objects.annotate(n=Count("foods"), half=F("weight") / 2))
    table = await FARMERS.prefetch_related(heavy, counted, "heavy__foods").to_arrow(nested=True)
    assert names(table, "heavy") == [["Bella"], [], []]
    assert names(table, "animals", "n") == [[2, 1], [0], []]
    assert names(table, "animals", "half") == [[250, 1], [None], []]
    assert [[f["name"] for f in a["foods"]] for a in table["heavy"].to_pylist()[0]] == [["hay", "corn"]]
    deeper = Prefetch("pupils", Farmer.objects.order_by("id").prefetch_related("animals"))
    table = await FARMERS.prefetch_related(deeper, "pupils__region").to_arrow(nested=True)
    pupils = table["pupils"][0].as_py()
    assert [(p["name"], len(p["animals"]), p["region"]) for p in pupils] == [
        ("Bob", 1, None),
        ("Cy", 0, {"id": 1, "name": "north"}),
    ]
    joined = Prefetch("stalls", Stall.objects.select_related("market").order_by("-rent"))
    table = await FARMERS.prefetch_related(joined).to_arrow(nested=True)
    assert [(s["rent"], s["market"]["name"]) for s in table["stalls"][0].as_py()] == [
        (9, "Monday"),
        (7, "Friday"),
        (5, "Monday"),
    ]
    none = Prefetch("teacher", Farmer.objects.filter(name="Bob"))
    assert names(await FARMERS.prefetch_related(none).to_arrow(nested=True), "teacher") == [None] * 3


async def test_a_slice_is_one_for_each_parent(farms: Any) -> None:
    async def found(rows: Any) -> list[Any]:
        table = await FARMERS.prefetch_related(Prefetch("stalls", rows)).to_arrow(nested=True)
        return names(table, "stalls", "rent")

    by_rent = Stall.objects.order_by("-rent")
    assert await found(by_rent[:2]) == [[9, 7], [], []]
    assert await found(by_rent[1:2]) == [[7], [], []]
    assert await found(by_rent[1:]) == [[7, 5], [], []]
    assert await found(Stall.objects.all()[:1]) == [[5], [], []]
    assert await found(Stall.objects.reverse()) == [[9, 7, 5], [], []]
    assert await found(by_rent.none()) == [[], [], []]


async def test_values_choose_what_structs_hold(farms: Any) -> None:
    """Also values of groups: those of each parent by themselves."""
    plain = Prefetch("animals", Animal.objects.values("name", farm="farmer__name"))
    table = await FARMERS.prefetch_related(plain).to_arrow(nested=True)
    assert table["animals"].to_pylist()[0] == [
        {"name": "Bella", "farm": "Ada"},
        {"name": "Chick", "farm": "Ada"},
    ]
    groups = Stall.objects.values("market__name").annotate(n=Count("id"), total=Sum("rent"))
    table = await FARMERS.prefetch_related(Prefetch("stalls", groups)).to_arrow(nested=True)
    assert table["stalls"].to_pylist() == [
        [{"market__name": "Friday", "n": 1, "total": 7}, {"market__name": "Monday", "n": 2, "total": 14}],
        [],
        [],
    ]
    distinct = Stall.objects.values("market__name").distinct()
    table = await FARMERS.prefetch_related(Prefetch("stalls", distinct)).to_arrow(nested=True)
    assert names(table, "stalls", "market__name") == [["Friday", "Monday"], [], []]
    sorted_ = Stall.objects.order_by("-rent").distinct("market").order_by("-rent")
    table = await FARMERS.prefetch_related(Prefetch("stalls", sorted_)).to_arrow(nested=True)
    assert names(table, "stalls", "rent") == [[9, 7], [], []]
    with pytest.raises(FieldError, match=r"rows of values\(\) are for columns"):
        await FARMERS.prefetch_related(plain)
    behind = Prefetch("animals", Animal.objects.values("name"))
    table = await FARMERS.prefetch_related(behind, "animals__foods").to_arrow(nested=True)
    assert [sorted(f["name"] for f in a["foods"]) for a in table["animals"][0].as_py()] == [
        ["corn", "hay"],
        ["corn"],
    ]


async def test_only_and_defer_choose_columns(farms: Any) -> None:
    query = FARMERS.only("name").prefetch_related(
        Prefetch("animals", Animal.objects.defer("weight", "farmer"))
    )
    table = await query.to_arrow(nested=True)
    assert table.column_names == ["id", "name", "animals"]
    assert table["animals"].to_pylist()[1] == [{"id": 3, "name": "Dot"}]


async def test_what_the_query_itself_says(farms: Any) -> None:
    counted = Farmer.objects.annotate(n=Count("animals"), stalls_=Count("stalls")).prefetch_related("animals")
    table = await counted.filter(n__gt=0).order_by("-name")[:1].to_arrow(nested=True)
    assert [(r["name"], r["n"], len(r["animals"])) for r in table.to_pylist()] == [("Bob", 1, 1)]
    assert (await counted.filter(animals__foods__name="hay").to_arrow(nested=True)).num_rows == 1
    distinct = (
        await Farmer.objects.distinct("region")
        .order_by("region", "id")
        .prefetch_related("animals")
        .to_arrow(nested=True)
    )
    assert distinct["name"].to_pylist() == ["Ada", "Bob"]
    assert names(distinct, "animals") == [["Bella", "Chick"], ["Dot"]]
    empty = await Farmer.objects.none().prefetch_related("animals__foods").to_arrow(nested=True)
    full = await Farmer.objects.prefetch_related("animals__foods").to_arrow(nested=True)
    assert (empty.num_rows, empty.schema) == (0, full.schema)


async def test_every_way_of_reading(farms: Any, tmp_path: Any) -> None:
    query = FARMERS.select_related("region").prefetch_related("animals__foods", "licence")
    table = await query.to_arrow(nested=True)
    expected = table.to_pylist()
    assert (await query.to_polars(nested=True)).to_dicts() == expected
    arrays = await query.to_numpy(nested=True)
    assert arrays["animals"].tolist() == [row["animals"] for row in expected]
    frame = await query.to_pandas(nested=True)
    assert frame["region"].iloc[0] == {"id": 1, "name": "north"}
    assert len(frame["animals"].iloc[0]) == 2
    assert await query.arrow_schema(nested=True) == table.schema
    batches = [batch async for batch in query.arrow_batches(nested=True, max_rows=2)]
    assert [batch.num_rows for batch in batches] == [2, 1]
    assert pa.Table.from_batches(batches).to_pylist() == expected
    unordered = query.order_by()
    parts = await unordered.to_arrow(nested=True, partitions=3)
    assert sorted(parts.to_pylist(), key=lambda row: row["id"]) == expected
    async with await unordered.read_plan(nested=True, partitions=2, partition_by="id") as plan:
        tasks = pickle.loads(pickle.dumps(plan.tasks))
        found = [row for task in tasks for row in (await task.read(farms)).to_pylist()]
    assert sorted(found, key=lambda row: row["id"]) == expected
    async with farms.transaction():
        await Animal.objects.filter(name="Dot").update(name="Dora")
        assert names(await query.to_arrow(nested=True), "animals") == [["Bella", "Chick"], ["Dora"], []]


async def test_without_nested_nothing_changes(farms: Any) -> None:
    """Columns of the rows themselves, as ever; what is prefetched is for instances."""
    query = FARMERS.select_related("region").prefetch_related("animals")
    assert (await query.to_arrow()).column_names == ["id", "name", "region_id", "teacher_id"]
    assert (await query.to_arrow(nested=False)).column_names == ["id", "name", "region_id", "teacher_id"]


async def test_what_cannot_be_nested_is_refused_by_name(farms: Any, dsn: str) -> None:
    async with chakra.connect(dsn) as other:
        theirs = Prefetch("teacher__animals", Animal.objects.using(other))
        with pytest.raises(FieldError, match="'animals' is to be read from another database"):
            await FARMERS.using(farms).prefetch_related(theirs).to_arrow(nested=True)
    with watched(farms) as statements:
        for query, why in (
            (FARMERS, r"neither: Author.objects.prefetch_related"),
            (FARMERS.values("name"), r"values\(\) has none"),
            (FARMERS.prefetch_related("animals").values("name"), r"values\(\) has none"),
            (farms.table("nc_farmers"), r"values\(\) has none"),
            (chakra.raw("select 1", farms), "SQL of your own has no relations"),
            (FARMERS.prefetch_related("animals").select_for_update(), "COPY takes no row locks"),
            (
                FARMERS.prefetch_related(Prefetch("animals", Animal.objects.select_for_update())),
                "COPY takes no row locks",
            ),
            (
                FARMERS.prefetch_related(
                    Prefetch("stalls", Stall.objects.values("market").annotate(n=Count("id"))),
                    "stalls__market",
                ),
                "stalls: its rows are grouped",
            ),
            (
                Region.objects.prefetch_related(
                    Prefetch("farmers", Farmer.objects.annotate(n=Count("animals"))),
                    Prefetch("farmers__animals", Animal.objects.all(), to_attr="n"),
                ),
                "farmers: 'n' is the name of a value",
            ),
        ):
            with pytest.raises(FieldError, match=why):
                await query.to_arrow(nested=True)
        for value in (1, "yes", None):
            with pytest.raises(FieldError, match="nested is True or False"):
                await FARMERS.prefetch_related("animals").to_arrow(nested=value)  # type: ignore[arg-type]
    assert not [sql for sql in statements if "COPY" in sql]
    with pytest.raises(FieldError, match="or values"):
        Prefetch("animals", Animal.objects.values_list("name"))


async def test_batches_are_bounded(farms: Any) -> None:
    """A batch holds as many bytes as it is told, children included, whatever they are in all."""
    await Farmer.objects.bulk_create([Farmer(name=f"f{n}") for n in range(300)])
    keys = await Farmer.objects.filter(name__startswith="f").values_list("id", flat=True)
    await Animal.objects.bulk_create(
        [Animal(name="x" * 200, weight=w, farmer_id=k) for k in keys for w in range(40)]
    )
    query = Farmer.objects.filter(name__startswith="f").prefetch_related("animals")
    sizes = []
    async for batch in query.arrow_batches(nested=True, max_bytes=100_000):
        sizes.append(batch.num_rows)
        assert (
            batch.column("animals").flatten().field("weight").to_pylist()
            == [*range(39, -1, -1)] * batch.num_rows
        )
    assert sum(sizes) == 300
    assert max(sizes) <= 10  # about 10 kB a farmer


async def test_types_changed_by_others_are_noticed(farms: Any, pg: Any) -> None:
    query = FARMERS.prefetch_related("animals")
    assert pa.types.is_int32(_weight(await query.to_arrow(nested=True)))
    await pg.execute("alter table nc_animals alter column weight type numeric(9, 2)")
    with pytest.raises(FieldError, match=r"Animal.weight is declared as integer.*numeric\(9, 2\)"):
        await query.to_arrow(nested=True)
    await pg.execute("alter table nc_animals alter column weight type bigint")
    table = await query.to_arrow(nested=True)
    assert pa.types.is_int32(_weight(table))  # as it is declared, whatever the column is
    assert names(table, "animals", "weight") == [[500, 2], [None], []]
    await pg.execute("update nc_animals set weight = 3000000000 where name = 'Bella'")
    with pytest.raises(
        DataError, match=r'row 0, column "animals\[\]\.weight": 3000000000 does not fit integer'
    ):
        await query.to_arrow(nested=True)


def _weight(table: Any) -> Any:
    return table.column("animals").type.value_type.field("weight").type


def test_the_sql() -> None:
    """One subquery a level; no join, no grouping, no JSON."""
    from chakra.query.nested import nested_select
    from chakra.sql import select_statement

    query = Farmer.objects.prefetch_related(
        Prefetch("animals", Animal.objects.filter(weight__gt=3)[:2]), "teacher"
    )
    select = nested_select(query._select, query._prefetches, None)
    assert select_statement(select)[0].statement.sql == (
        'SELECT "nc_farmers"."id", "nc_farmers"."name", "nc_farmers"."region_id", "nc_farmers"."teacher_id", '
        "ARRAY(SELECT ROW(r.c0, r.c1, r.c2, r.c3) FROM ("
        'SELECT "n1"."id", "n1"."name", "n1"."weight", "n1"."farmer_id" FROM "nc_animals" AS "n1" '
        'WHERE "n1"."farmer_id" = "nc_farmers"."id" AND "n1"."weight" > $1::bigint '
        'ORDER BY "n1"."weight" DESC, "n1"."id" LIMIT $2::bigint) AS r (c0, c1, c2, c3)) AS "animals", '
        "(SELECT ROW(r.c0, r.c1, r.c2, r.c3) FROM ("
        'SELECT "n2"."id", "n2"."name", "n2"."region_id", "n2"."teacher_id" FROM "nc_farmers" AS "n2" '
        'WHERE "n2"."id" = "nc_farmers"."teacher_id") AS r (c0, c1, c2, c3)) AS "teacher" '
        'FROM "nc_farmers"'
    )


async def test_only_along_paths(farms: Any) -> None:
    """``only`` and ``defer`` of the query are about what is loaded along, as with instances; keys are there."""
    query = FARMERS.only("name", "region__name", "animals__name", "animals__foods__name")
    table = await query.select_related("region").prefetch_related("animals__foods").to_arrow(nested=True)
    assert table.to_pylist()[0] == {
        "id": 1,
        "name": "Ada",
        "region_id": 1,
        "region": {"id": 1, "name": "north"},
        "animals": [
            {"id": 2, "name": "Bella", "foods": [{"id": 1, "name": "hay"}, {"id": 2, "name": "corn"}]},
            {"id": 1, "name": "Chick", "foods": [{"id": 2, "name": "corn"}]},
        ],
    }
    table = await FARMERS.defer("teacher__name", "teacher").prefetch_related("teacher").to_arrow(nested=True)
    assert table["teacher"].to_pylist()[1] == {"id": 1, "region_id": 1, "teacher_id": None}
