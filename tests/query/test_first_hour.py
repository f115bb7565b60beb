"""What people type in their first hour, by habit from lists, frames and other libraries: it works or helps."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import Callable
from typing import Any

import pytest

import chakra
from chakra import F, Field, ForeignKey, Model, Q, Value, field, foreign_key
from chakra.errors import DatabaseError, DataError, FieldError
from chakra.types import Char, Numeric, Varchar


class Shop(Model, table="shops"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    code: Field[str | None] = field(Varchar(3), default=None)
    open: Field[bool] = field(default=True)
    checked: Field[bool | None] = field(default=None)


class Till(Model, table="tills"):
    id: Field[int] = field(primary_key=True)
    shop: ForeignKey[Shop] = foreign_key(related_name="+")


class Entry(Model, table="entries"):
    """A table without a primary key."""

    text: Field[str]


SHOPS = Shop.objects


@pytest.fixture
async def shops(db: Any) -> Any:
    await db.create_tables(Shop, Till, Entry)
    await SHOPS.bulk_create(
        [Shop(name="a", code="x"), Shop(name="b", open=False, checked=True), Shop(name="c", checked=False)]
    )
    return db


QUERIES: dict[str, Callable[[Any], Any]] = {
    "queryset": lambda db: Shop.objects,
    "narrowed": lambda db: Shop.objects.filter(id=1).values("name"),
    "table": lambda db: db.table("shops"),
    "narrowed table": lambda db: db.table("shops").filter(id=1),
    "raw": lambda db: chakra.raw("select 1", db),
}

LIKE_A_LIST: dict[str, tuple[Callable[[Any], Any], str]] = {
    "for": (lambda q: [row for row in q], "`async for`, or `await` it first"),
    "list": (list, "`async for`, or `await` it first"),
    "tuple": (lambda q: (*q,), "`async for`"),
    "len": (len, r"await query\.count\(\)"),
    "if": (bool, r"if await query\.exists\(\)"),
    "not": (lambda q: not q, r"if await query\.exists\(\)"),
    "in": (lambda q: 3 in q, "`in` cannot ask the server"),
    "reversed": (reversed, r"\.reverse\(\)"),
}


@pytest.mark.parametrize("make", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize(("use", "says"), LIKE_A_LIST.values(), ids=LIKE_A_LIST)
async def test_a_query_is_no_list(shops: Any, statements: list[str], make: Any, use: Any, says: str) -> None:
    query = make(shops)
    with pytest.raises(TypeError, match=says):
        use(query)
    assert statements == []


@pytest.mark.parametrize("make", [QUERIES["queryset"], QUERIES["table"]], ids=["queryset", "table"])
@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("name", r'values_list\("name", flat=True\)'),
        (1.5, "positions and slices"),
        ([1, 2], "positions and slices"),
        (None, "positions and slices"),
        (-1, "reverse"),
        (slice(0, 4, 2), "no step"),
        (slice(-2, None), "no negative bounds"),
        (slice("a", "b"), "no step and no negative bounds"),
    ],
    ids=repr,
)
async def test_what_is_no_position(shops: Any, make: Any, key: Any, says: str) -> None:
    with pytest.raises(FieldError, match=says):
        make(shops)[key]


FORGOTTEN: dict[str, tuple[Callable[[], Any], str]] = {
    "if exists": (lambda: bool(SHOPS.exists()), r"write `await query\.exists\(\)`"),
    "if contains": (lambda: bool(SHOPS.contains(Shop(id=1))), r"await query\.contains\(…\)"),
    "if count": (lambda: not SHOPS.count(), r"await query\.count\(\)"),
    "count > 3": (lambda: SHOPS.count() > 3, "a value to compare"),
    "count == 0": (lambda: SHOPS.count() == 0, "a value to compare"),
    "int(count)": (lambda: int(SHOPS.count()), "a number"),  # type: ignore[call-overload]
    "in a text": (lambda: f"{SHOPS.count()} shops", "a text"),
    "if first": (lambda: bool(SHOPS.first()), r"await query\.first\(\)"),
    "first is a row": (lambda: SHOPS.filter(id=1).last().name, r"\(await query\.last\(\)\)\.name"),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize(("use", "says"), FORGOTTEN.values(), ids=FORGOTTEN)
async def test_a_forgotten_await_says_so_once(shops: Any, use: Any, says: str) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with pytest.raises((TypeError, AttributeError), match=says):
            use()
        gc.collect()
    assert [str(w.message) for w in warned if "never awaited" in str(w.message)] == []


async def test_a_forgotten_await_on_a_table(shops: Any) -> None:
    table = shops.table("shops")
    with pytest.raises(TypeError, match=r"await query\.exists\(\)"):
        bool(table.exists())
    with pytest.raises(TypeError, match=r"await query\.columns"):
        len(table.columns)
    with pytest.raises(TypeError, match=r"await query\.columns"):
        list(table.columns)


async def test_answers_are_coroutines_all_the_same(shops: Any) -> None:
    assert await asyncio.gather(SHOPS.count(), SHOPS.exists()) == [3, True]
    assert await asyncio.create_task(SHOPS.count()) == 3
    assert await asyncio.wait_for(SHOPS.exists(), 30) is True
    async with asyncio.TaskGroup() as group:
        task = group.create_task(SHOPS.count())
    assert task.result() == 3
    first = SHOPS.order_by("id").first()
    assert asyncio.iscoroutine(first)
    found = await first
    assert found is not None and found.name == "a"


@pytest.mark.parametrize("make", QUERIES.values(), ids=QUERIES)
async def test_texts_of_queries_run_nothing(shops: Any, statements: list[str], make: Any) -> None:
    query = make(shops)
    for text in (repr(query), f"{query}", str(query)):
        assert "not run" in text or "not looked at yet" in text
    assert statements == []


async def test_a_query_shows_model_and_columns(shops: Any, statements: list[str]) -> None:
    query = SHOPS.filter(name="<b>").only("code")
    assert repr(query).startswith("<QuerySet of Shop, not run: id bigint, code character varying(3); SELECT")
    page = query._repr_html_()
    assert "<td>code</td><td>character varying(3)</td>" in page
    assert "&lt;b&gt;" in page and "<b>&" not in page
    assert "cannot run" in repr(SHOPS.filter(nme=1)) and "Did you mean" in repr(SHOPS.filter(nme=1))
    assert "Did you mean" in SHOPS.filter(nme=1)._repr_html_()
    assert statements == []
    table = shops.table("shops")
    assert "not looked at yet" in repr(table) and "not looked at yet" in table._repr_html_()
    await table.columns
    asked = len(statements)
    assert "id bigint, name text" in repr(table.filter(id=1))
    assert "<td>name</td><td>text</td>" in table._repr_html_()
    assert len(statements) == asked


OTHER_NAMES: dict[str, tuple[Callable[[], Any], str]] = {
    "raw": (lambda: SHOPS.raw("select 1"), r"chakra\.raw\(sql, params=\[…\], model=Shop\)"),
    "get_or_404": (lambda: SHOPS.get_or_404(id=1), r"get\(\), which raises DoesNotExist"),
    "acreate": (lambda: SHOPS.acreate(name="x"), r"await \.create\("),
    "filter_by": (lambda: SHOPS.filter_by(name="x"), r"\.filter\(field=value\)"),
    "misspelt": (lambda: SHOPS.fliter(name="x"), "Did you mean 'filter'"),
    "to_df": (lambda: SHOPS.to_df, r"to_polars\(\)"),
    "Model.query": (lambda: Shop.query, r"Shop\.objects"),
    "Model.filter": (lambda: Shop.filter(id=1), r"Shop\.objects\.filter\("),
    "Model.all": (lambda: Shop.all, r"Shop\.objects\.all\("),
    "Model._meta": (lambda: Shop._meta, r"Shop\.__table__"),
    "refresh_from_db": (lambda: Shop(name="x").refresh_from_db(), r"await instance\.refresh\(\)"),
    "save_base": (lambda: Shop(name="x").save_base(), r"await instance\.save\(\)"),
    "instance.nmae": (lambda: Shop(name="x").nmae, "Did you mean 'name'"),
}


@pytest.mark.parametrize(("use", "says"), OTHER_NAMES.values(), ids=OTHER_NAMES)
async def test_names_of_other_libraries(use: Any, says: str) -> None:
    with pytest.raises(AttributeError, match=says):
        use()


async def test_the_same_names_on_tables(db: Any) -> None:
    with pytest.raises(AttributeError, match=r"chakra\.raw"):
        db.table("shops").raw("select 1")
    with pytest.raises(AttributeError, match="Did you mean 'values'"):
        db.table("shops").valeus("id")


async def test_optional_names_can_still_be_asked_for() -> None:
    assert not hasattr(Shop, "nothing_of_that_name")
    assert getattr(SHOPS, "raw", None) is None
    with pytest.raises(FieldError, match="which is not defined"):

        class Lost(Model):
            id: Field[int] = field(primary_key=True)
            other: ForeignKey["Nowhere"] = foreign_key()  # type: ignore[name-defined] # noqa: F821, UP037

        _ = Lost.__table__


# -- connect() and raw() ------------------------------------------------------------------------------------


async def test_connect_without_await(dsn: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        db: Any = chakra.connect(dsn)
        for name in ("table", "fetch", "close", "transaction"):
            with pytest.raises(AttributeError, match=r"db = await chakra\.connect\(url\)"):
                getattr(db, name)
        with pytest.raises(TypeError, match="async with"), db:
            pass
        with pytest.raises(FieldError, match="was not awaited"):
            SHOPS.using(db)
        with pytest.raises(FieldError, match="was not awaited"):
            chakra.raw("select 1", db)
        assert "not awaited" in repr(db)
        del db
        gc.collect()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: chakra.raw("select $1::int", 3), r"takes a database.*params=\[…\]"),
        (lambda: chakra.raw("select $1::int", [3]), r"params=\[…\]"),
        (lambda: chakra.raw("select $1::int", params=3), r"params=\[3\]"),
        (lambda: chakra.raw("select $1::text", params="abc"), r"params=\['abc'\]"),
        (lambda: chakra.raw("select $1::int", params={"a": 1}), "in order"),
        (lambda: chakra.raw(3), "SQL as text"),
        (lambda: chakra.raw("select $1::int", None, 3), r"go into params=\[3\]"),
        (lambda: chakra.raw("select 1")[0], "write LIMIT and OFFSET"),
        (lambda: SHOPS[True], "positions and slices"),
        (lambda: SHOPS.filter(Shop.name is None), "Python itself has answered"),
        (lambda: SHOPS.filter("name"), r"filter\(name=…\)"),
        (lambda: SHOPS.values(["name"]), r"values\(\*\['name'\]\)"),
        (lambda: chakra.raw("select 1", model=3), "takes a model class"),
        (lambda: SHOPS.using("postgresql://x"), "takes a database"),
    ],
)
async def test_wrong_arguments(call: Any, says: str) -> None:
    with pytest.raises(FieldError, match=says):
        call()


async def test_wrong_calls(shops: Any) -> None:
    calls: list[tuple[Callable[[], Any], str]] = [
        (lambda: SHOPS.update({"name": "x"}), r"update\(\*\*values\)"),
        (lambda: SHOPS.bulk_create(Shop(name="x")), r"a single one has \.save\(\)"),
        (lambda: shops.table(None).count(), "takes the name of a table"),
        (lambda: shops.table(Shop).count(), r"the query is Shop\.objects"),
    ]
    for call, says in calls:
        with pytest.raises(FieldError, match=says):
            await call()
    with pytest.raises(FieldError, match=r"db\.table\('shops'\)"):
        shops["shops"]
    for name, says in (
        ("fetchone", "await db.fetchrow"),
        ("commit", "async with db.transaction"),
        ("tabel", "table"),
    ):
        with pytest.raises(AttributeError, match=says):
            getattr(shops, name)
    with pytest.raises(TypeError, match=r"await query\.count\(\)"):
        SHOPS.count() + 1
    with pytest.raises(TypeError, match=r"await db\.tables\(\)"):
        list(shops.tables())


# -- conditions ---------------------------------------------------------------------------------------------

TRUE: dict[str, tuple[Callable[[], Any], str]] = {
    "field": (lambda: SHOPS.filter(Shop.open), "ac"),
    "F": (lambda: SHOPS.filter(F("open")), "ac"),
    "not": (lambda: SHOPS.filter(~Shop.open), "b"),
    "exclude": (lambda: SHOPS.exclude(Shop.open), "b"),
    "nullable": (lambda: SHOPS.filter(Shop.checked), "b"),
    "not nullable": (lambda: SHOPS.filter(~Shop.checked), "ac"),
    "exclude nullable": (lambda: SHOPS.exclude(Shop.checked), "ac"),
    "and": (lambda: SHOPS.filter(Shop.open & (Shop.name == "a")), "a"),
    "and behind": (lambda: SHOPS.filter((Shop.name == "a") & Shop.open), "a"),
    "or": (lambda: SHOPS.filter(Shop.checked | (Shop.name == "a")), "ab"),
    "two": (lambda: SHOPS.filter(Shop.open & ~Shop.checked), "ac"),
    "Q": (lambda: SHOPS.filter(Q(Shop.open, name="c")), "c"),
    "Q or": (lambda: SHOPS.filter(Q(Shop.open) | Q(name="b")), "abc"),
    "Value": (lambda: SHOPS.filter(Value(False)), ""),
    "twice": (lambda: SHOPS.filter(Shop.open, Shop.checked), ""),
}


@pytest.mark.parametrize(("query", "names"), TRUE.values(), ids=TRUE)
async def test_boolean_values_are_conditions(shops: Any, query: Any, names: str) -> None:
    found = query()
    assert "".join(sorted(await found.values_list("name", flat=True))) == names
    assert await found.count() == len(names)
    table = await found.to_arrow()
    assert table.num_rows == len(names)


async def test_a_boolean_field_filters_an_aggregate(shops: Any) -> None:
    found = await SHOPS.aggregate(n=chakra.Count("id", filter=Shop.open))
    assert found == {"n": 2}


@pytest.mark.parametrize("condition", [Shop.name, F("name"), ~Shop.name, Shop.open & Shop.name], ids=repr)
async def test_other_values_are_none(shops: Any, condition: Any) -> None:
    with pytest.raises(FieldError, match=r"is text, and only boolean values .* == …"):
        await SHOPS.filter(condition)


TEXTS: dict[str, tuple[Any, str | None]] = {
    "field + Value": (F("name") + Value(" !"), "a !"),
    "field + str": (Shop.name + "!", "a!"),
    "str + field": ("<" + F("name"), "<a"),
    "chain": (F("name") + " " + F("code") + "." + Shop.name, "a x.a"),
    "char": (Shop.code + Shop.name, "xa"),
}


@pytest.mark.parametrize(("expression", "text"), TEXTS.values(), ids=TEXTS)
async def test_texts_are_put_together_by_plus(shops: Any, expression: Any, text: str) -> None:
    query = SHOPS.filter(name="a").annotate(x=expression).values_list("x", flat=True)
    assert await query == [text]
    assert (await query.to_arrow()).column(0).to_pylist() == [text]
    assert await SHOPS.filter(name="a").filter(name=expression).count() == 0
    assert await SHOPS.filter(name="a").update(name=expression) == 1
    assert await SHOPS.filter(name=text).exists()


async def test_numbers_are_still_added(shops: Any) -> None:
    query = SHOPS.filter(name="a").annotate(x=F("id") + 1, y=F("id") + F("id")).values_list("x", "y")
    assert await query == [(2, 2)]
    with pytest.raises(DatabaseError, match=r"text \+ bigint"):
        await SHOPS.annotate(x=F("name") + F("id"))


# -- values that are too long -------------------------------------------------------------------------------


class Tight(Model, table="tight"):
    id: Field[int] = field(primary_key=True)
    three: Field[str | None] = field(Varchar(3), default=None)
    two: Field[str | None] = field(Char(2), default=None)
    money: Field[Any] = field(Numeric(4, 2), null=True, default=None)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("three", "four", "'four' is longer than the 3 characters of character varying"),
        ("two", "tre", "'tre' is longer than the 2 characters of character"),
        ("money", 100, r"100 does not fit numeric\(4, 2\): it has more than 2 digits before the point"),
    ],
)
async def test_a_value_without_room_names_its_field(db: Any, name: str, value: Any, says: str) -> None:
    await db.create_tables(Tight)
    one = await Tight.objects.create()
    saved = Tight(**{name: value})
    for write in (
        lambda: Tight.objects.create(**{name: value}),
        saved.save,
        lambda: Tight.objects.filter(id=one.id).update(**{name: value}),
        lambda: db.table("tight").create(**{name: value}),
    ):
        with pytest.raises(DataError, match=says) as caught:
            await write()
        assert caught.value.column is not None and caught.value.column.endswith(f".{name}")
        assert name in str(caught.value)
    assert await Tight.objects.count() == 1


async def test_blanks_behind_the_length_are_not_too_long(db: Any) -> None:
    await db.create_tables(Tight)
    await Tight.objects.create(three="abc  ")
    assert await Tight.objects.values_list("three", flat=True) == ["abc"]


# -- tables -------------------------------------------------------------------------------------------------


async def test_update_of_a_misspelt_field(shops: Any) -> None:
    with pytest.raises(FieldError, match=r"no field 'nmae'.*Did you mean 'name'"):
        await SHOPS.update(nmae="x")
    with pytest.raises(FieldError, match="Did you mean 'name'"):
        await shops.table("shops").update(nmae="x")


async def test_a_table_that_is_elsewhere(shops: Any) -> None:
    await shops.execute('CREATE SCHEMA sales; CREATE TABLE sales.t (a int); CREATE TABLE "Mixed" (a int)')
    with pytest.raises(FieldError, match=r"no table 't'; there is sales\.t"):
        await shops.table("t").count()
    with pytest.raises(FieldError, match=r"there is Mixed: upper and lower case matter"):
        await shops.table("mixed").count()
    with pytest.raises(FieldError, match=r"Did you mean shops\?"):
        await shops.table("shop").count()
    with pytest.raises(FieldError, match=r"it has Mixed, entries, sales\.t, shops, tills|it has .*shops"):
        await shops.table("zzzzzz").count()


async def test_tables_created_twice(shops: Any) -> None:
    class Depot(Model, table="depots"):
        id: Field[int] = field(primary_key=True)

    with pytest.raises(
        DatabaseError, match=r'exist already: "shops" \(Shop\); nothing was created.*if_not_exists=True'
    ):
        await shops.create_tables(Depot, Shop)
    assert await shops.fetchval("select to_regclass('depots')") is None
    async with shops.transaction():
        with pytest.raises(DatabaseError, match='exist already: "shops"'):
            await shops.create_tables(Depot, Shop)
        await shops.create_tables(Depot, Shop, if_not_exists=True)
    assert await shops.fetchval("select to_regclass('depots')") is not None


async def test_related_name_plus_is_no_way_back(shops: Any) -> None:
    shop = await SHOPS.get(name="a")
    till = await Till.objects.create(shop=shop)
    assert (await till.shop).name == "a"
    assert "+" not in dir(Shop)


async def test_a_model_without_primary_key(shops: Any) -> None:
    entry = await Entry.objects.create(text="one")
    await Entry.objects.bulk_create([Entry(text="two"), Entry(text="three")])
    assert await Entry.objects.count() == 3
    assert await Entry.objects.filter(text="one").update(text="1") == 1
    entry.text = "uno"
    for call in (entry.save, entry.delete, entry.refresh):
        with pytest.raises(FieldError, match=r"no primary key.*id: Field\[int\] = field\(primary_key=True\)"):
            await call()
    with pytest.raises(FieldError, match="no primary key and the query no order"):
        await Entry.objects.last()
    with pytest.raises(FieldError, match="no primary key and the query no order"):
        await Entry.objects.reverse()
    with pytest.raises(FieldError, match="Entry has no primary key"):
        await Entry.objects.get(pk=1)
    with pytest.raises(FieldError, match="no primary key"):
        await Entry.objects.contains(entry)
    with pytest.raises(TypeError, match="at all"):
        hash(entry)
    found = await Entry.objects.order_by("text").last()
    assert found is not None and found.text == "two"
