"""What create_tables and drop_tables leave on the server, as its catalog tells."""

from __future__ import annotations

import enum
from typing import Any, ClassVar

import pytest

from chakra import Check, Field, ForeignKey, Index, Model, OneToOne, Unique, field, foreign_key, one_to_one
from chakra.errors import (
    CheckViolation,
    DatabaseError,
    FieldError,
    ForeignKeyViolation,
    IntegrityError,
    NotNullViolation,
    UniqueViolation,
)
from chakra.sql.ddl import object_name
from chakra.types import Array, BigInt, Char, Enum, Numeric, SmallInt, Text, Varchar


class Size(enum.Enum):
    SMALL = "it's small"
    LARGE = "large"


class Maker(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(40), unique=True)


class Item(Model):
    id: Field[int] = field(SmallInt, primary_key=True)
    maker: ForeignKey[Maker] = foreign_key(on_delete="cascade")
    twin: OneToOne["Item | None"] = one_to_one(default=None, on_delete="set null")  # noqa: UP037
    code: Field[str] = field(Char(4), index=True)
    price: Field[Any] = field(Numeric(8, 3), db_default="1.5")
    size: Field[Size] = field(default=Size.SMALL)
    sizes: Field[list[Size]] = field(default_factory=list)
    note: Field[str | None]

    class Meta:
        indexes: ClassVar = [
            Index("maker", "-code"),
            Index("note", name="noted", where="note is not null"),
            Index("code", unique=True, method="btree", name="one_code"),
        ]
        constraints: ClassVar = [
            Check("price > 0"),
            Unique("code", "size"),
            Check("code <> ''", name="coded"),
        ]


async def names(db: Any, sql: str) -> list[str]:
    return [row[0] for row in await db.fetch(sql)]


TABLES = "select relname::text from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1"
ENUMS = "select typname::text from pg_type where typtype = 'e' and typnamespace = 'public'::regnamespace"


async def test_columns_are_what_was_declared(db: Any) -> None:
    await db.create_tables(Item, Maker)
    rows = await db.fetch(
        "select attname::text, format_type(atttypid, atttypmod), attnotnull, attidentity::text "
        "from pg_attribute where attrelid = 'items'::regclass and attnum > 0 order by attnum"
    )
    assert [tuple(row) for row in rows] == [
        ("id", "smallint", True, "d"),
        ("maker_id", "bigint", True, ""),
        ("twin_id", "smallint", False, ""),
        ("code", "character(4)", True, ""),
        ("price", "numeric(8,3)", True, ""),
        ("size", "size", True, ""),
        ("sizes", "size[]", True, ""),
        ("note", "text", False, ""),
    ]
    item = await Item.objects.create(maker=await Maker.objects.create(name="x"), code="ab")
    assert str(item.price) == "1.500" and item.size is Size.SMALL
    item.sizes = [Size.LARGE, Size.SMALL]
    await item.save()
    assert (await Item.objects.get(sizes__contains=[Size.LARGE])).sizes == [Size.LARGE, Size.SMALL]


async def test_indexes_and_constraints_are_there(db: Any) -> None:
    await db.create_tables(Item, Maker)
    indexes = {
        row[0]: row[1]
        for row in await db.fetch(
            "select indexname::text, indexdef from pg_indexes where tablename = 'items'"
        )
    }
    assert "(maker_id, code DESC)" in indexes["items_maker_id_code_idx"]
    assert "WHERE (note IS NOT NULL)" in indexes["noted"]
    assert indexes["one_code"].startswith("CREATE UNIQUE INDEX")
    assert {"items_code_idx", "items_maker_id_idx", "items_twin_id_key", "items_code_size_key"} <= set(
        indexes
    )
    constraints = {
        row[0]: row[1]
        for row in await db.fetch(
            "select conname::text, pg_get_constraintdef(oid) from pg_constraint where conrelid = 'items'::regclass"
        )
    }
    assert (
        constraints["items_maker_id_fkey"] == "FOREIGN KEY (maker_id) REFERENCES makers(id) ON DELETE CASCADE"
    )
    assert constraints["items_twin_id_fkey"].endswith("REFERENCES items(id) ON DELETE SET NULL")
    assert constraints["items_check"] == "CHECK ((price > (0)::numeric))" and "coded" in constraints


async def test_violations_name_table_column_and_constraint(db: Any) -> None:
    await db.create_tables(Item, Maker)
    maker = await Maker.objects.create(name="x")
    await Item.objects.create(maker=maker, code="a")
    cases: list[tuple[type[IntegrityError], dict[str, Any], str | None, str | None]] = [
        (UniqueViolation, {"maker": maker, "code": "a", "size": Size.LARGE}, None, "one_code"),
        (ForeignKeyViolation, {"maker_id": 99, "code": "b"}, None, "items_maker_id_fkey"),
        (CheckViolation, {"maker": maker, "code": "b", "price": -1}, None, "items_check"),
        (NotNullViolation, {"maker": maker}, "code", None),
    ]
    for kind, values, column, constraint in cases:
        with pytest.raises(kind) as caught:
            await Item.objects.create(**values)
        assert (caught.value.table, caught.value.column, caught.value.constraint) == (
            "items",
            column,
            constraint,
        )
    assert await Item.objects.count() == 1


async def test_order_of_creation_and_removal(db: Any) -> None:
    await db.create_tables(Item, Maker)
    assert await names(db, TABLES) == ["items", "makers"] and await names(db, ENUMS) == ["size"]
    with pytest.raises(DatabaseError, match='relation "makers" already exists'):
        await db.create_tables(Maker)
    await db.create_tables(Item, Maker, if_not_exists=True)
    await db.drop_tables(Maker, Item)
    assert await names(db, TABLES) == [] and await names(db, ENUMS) == []
    await db.drop_tables(Maker, Item)


async def test_a_failed_creation_leaves_nothing(db: Any) -> None:
    await db.execute("create table items (x int)")
    with pytest.raises(DatabaseError):
        await db.create_tables(Item, Maker)
    assert await names(db, TABLES) == ["items"] and await names(db, ENUMS) == []


async def test_a_table_that_others_point_at_stays_without_cascade(db: Any) -> None:
    await db.create_tables(Item, Maker)
    with pytest.raises(DatabaseError, match="other objects depend on it"):
        await db.drop_tables(Maker)
    await db.drop_tables(Maker, cascade=True)
    assert await names(db, TABLES) == ["items"]


async def test_an_enum_shared_by_two_tables(db: Any) -> None:
    class First(Model):
        id: Field[int] = field(primary_key=True)
        size: Field[Size]

    class Second(Model):
        id: Field[int] = field(primary_key=True)
        size: Field[Size]

    await db.create_tables(First)
    await db.create_tables(Second)
    await db.drop_tables(First)
    assert await names(db, ENUMS) == ["size"]
    await db.drop_tables(Second)
    assert await names(db, ENUMS) == []
    await db.execute("create type size as enum ('other')")
    with pytest.raises(DatabaseError, match="the type size exists with other labels"):
        await db.create_tables(First)


async def test_foreign_keys_in_a_circle(db: Any) -> None:
    class Egg(Model):
        id: Field[int] = field(primary_key=True)
        laid_by: ForeignKey["Hen"] = foreign_key(deferrable=True)  # noqa: UP037

    class Hen(Model):
        id: Field[int] = field(primary_key=True)
        hatched: ForeignKey[Egg] = foreign_key(deferrable=True)

    await db.create_tables(Hen, Egg)
    await db.create_tables(Hen, Egg, if_not_exists=True)
    async with db.transaction():
        hen = await Hen.objects.create(hatched_id=1)
        await Egg.objects.create(id=1, laid_by=hen)
    assert (await Hen.objects.select_related("hatched__laid_by").get()).hatched.laid_by == hen
    with pytest.raises(ForeignKeyViolation):
        await Hen.objects.create(hatched_id=99)
    await db.drop_tables(Egg, Hen)
    assert await names(db, TABLES) == []


async def test_only_managed_models_get_tables(db: Any) -> None:
    class Foreign(Model):
        id: Field[int] = field(primary_key=True)

        class Meta:
            managed = False

    await db.create_tables(Foreign)
    assert await names(db, TABLES) == []
    for wrong in ("items", Item(id=1), int):
        with pytest.raises(FieldError, match="take model classes"):
            await db.create_tables(wrong)
    with pytest.raises(FieldError, match="abstract"):
        await db.create_tables(Model)


ODD = [
    "Select",
    "user",
    "with space",
    'quo"te',
    "it's",
    "ünï",
    "percent%s",
    "dollar$1",
    "back\\slash",
    "x" * 63,
]


@pytest.mark.parametrize("name", ODD)
async def test_odd_names_work_everywhere(db: Any, name: str) -> None:
    label = name[:40]
    enum_class = enum.Enum("Odd", {"A": name, "B": "b"})
    Strange: Any = type(
        "Strange",
        (Model,),
        {
            "__module__": __name__,
            "id": field(BigInt, primary_key=True, column=f"{label} key"),
            "text": field(Text, null=True, column=name, unique=True, index=True),
            "parent": foreign_key("self", null=True, column=f"{label} up"),
            "__annotations__": {"choice": Field[enum_class | None]},
            "Meta": type("Meta", (), {"table": name, "indexes": [Index("text", "-parent")]}),
        },
    )
    await db.create_tables(Strange)
    assert name in await names(db, TABLES)
    one = await Strange.objects.create(text="x", choice=enum_class.A)
    two = await Strange.objects.create(text=name, parent=one)
    found = await Strange.objects.filter(parent__text="x").select_related("parent").order_by("-text").get()
    assert found.parent.choice is enum_class.A and found.text == name
    two.text = "y"
    await two.save()
    assert await Strange.objects.filter(text="y").values("text", "parent__text") == [
        {"text": "y", "parent__text": "x"}
    ]
    assert (await Strange.objects.filter(choice=enum_class.A).to_arrow())["text"].to_pylist() == ["x"]
    assert await Strange.objects.filter(parent__text="x").update(text="z") == 1
    assert await Strange.objects.select_for_update().filter(parent__text="x").count() == 1
    async with db.transaction():
        assert await Strange.objects.select_for_update().filter(parent__text="x").first() == two
    assert await Strange.objects.filter(parent__text="x").delete() == 1
    await db.drop_tables(Strange)
    assert await names(db, TABLES) == []


async def test_tables_in_a_schema(db: Any) -> None:
    await db.execute("create schema archive")

    class Paper(Model):
        id: Field[int] = field(primary_key=True)
        old: ForeignKey["Paper | None"] = foreign_key(default=None)  # noqa: UP037
        title: Field[str] = field(index=True)

        class Meta:
            schema = "archive"

    await db.create_tables(Paper)
    one = await Paper.objects.create(title="a")
    two = await Paper.objects.create(title="b", old=one)
    assert await Paper.objects.filter(old__title="a").get() == two
    async with db.transaction():
        await Paper.objects.select_for_update().select_related("old").get(id=2)
    await Paper.objects.bulk_create([Paper(title=f"t{i}") for i in range(3)])
    assert await db.fetchval("select count(*) from archive.papers") == 5
    await db.drop_tables(Paper)


@pytest.mark.parametrize("name", ["", "x" * 64, "nul\0", "ü" * 32])
def test_names_postgres_cannot_have_are_refused(name: str) -> None:
    made: Any = type(
        "Strange",
        (Model,),
        {
            "__module__": __name__,
            "id": field(BigInt, primary_key=True),
            "x": field(Text, column=name or "\0"),
        },
    )
    with pytest.raises(FieldError, match="cannot be an SQL identifier"):
        made.objects.all().to_sql()


def test_made_names_fit_into_63_bytes() -> None:
    short = object_name("table", "column", "idx")
    assert short == "table_column_idx"
    long = object_name("t" * 60, "ü" * 30, "key")
    other = object_name("t" * 60, "ö" * 30, "key")
    assert len(long.encode()) <= 63 and long.endswith("_key") and long != other


def test_an_abstract_base_passes_its_meta_on() -> None:
    class Stamped(Model):
        label: Field[str] = field(default="")
        rank: Field[int] = field(default=0)

        class Meta:
            abstract = True
            ordering = ("-rank",)
            indexes = (Index("label"),)
            constraints = (Unique("label", "rank"),)

    class Taken(Stamped):
        id: Field[int] = field(primary_key=True)

    class Extended(Stamped):
        id: Field[int] = field(primary_key=True)

        class Meta(Stamped.Meta):
            ordering = ("label",)

    class Own(Stamped):
        id: Field[int] = field(primary_key=True)

        class Meta:
            table = "own_table"

    def meta(cls: type[Model]) -> tuple[object, ...]:
        table = cls.__table__
        return table.ordering, len(table.indexes), len(table.uniques)

    assert meta(Taken) == (("-rank",), 1, 1)
    assert meta(Extended) == (("label",), 1, 1)
    assert meta(Own) == ((), 0, 0)
    assert [cls.__table__.name for cls in (Taken, Extended, Own)] == ["takens", "extendeds", "own_table"]


class Word(enum.Enum):
    OK = "ok"
    SAD = "sad"


@pytest.mark.parametrize(
    "name", ["text", "money", "date", "int4", "jsonb", "uuid", "bytea", "point", "regtype", "pg_lsn"]
)
async def test_an_enum_called_like_a_type_of_the_server(db: Any, name: str) -> None:
    def model(schema: str | None) -> Any:
        type_ = Enum(Word, name, schema=schema)
        body = {
            "__module__": __name__,
            "id": field(BigInt, primary_key=True),
            "v": field(type_, null=True),
            "many": field(Array(type_), null=True),
        }
        return type("Called", (Model,), body, table="called_like_types")

    for more in ({}, {"if_not_exists": True}):
        with pytest.raises(DatabaseError, match=f"the enum {name} has the name of a type of PostgreSQL"):
            await db.create_tables(model(None), **more)
    await db.execute("create schema app")
    found = model("app")
    await db.create_tables(found)
    await db.create_tables(found, if_not_exists=True)
    values = {"v": Word.OK, "many": [Word.SAD, None]}
    await found.objects.create(id=1, **values)
    await found.objects.bulk_create([found(id=n, **values) for n in range(2, 4)])
    await found.objects.bulk_create([found(id=n, **values) for n in range(4, 604)])
    await found.objects.bulk_insert({"id": [604], "v": ["ok"], "many": [["sad", None]]})
    await found.objects.bulk_update([found(id=1, **values)], ["v", "many"])
    table = db.table("called_like_types")
    await table.bulk_insert([{"id": 605, "v": Word.OK, "many": ["sad", None]}])
    await table.create(id=606, v="ok", many=["sad", None])
    await found.objects.filter(id=2).update(**values)
    for asked in ({"v": Word.OK}, {"v__in": ["ok"]}, {"many": [Word.SAD, None]}):
        assert await found.objects.filter(**asked).count() == 606
    one = await found.objects.get(id=606)
    assert one.v is Word.OK and one.many == [Word.SAD, None]
    columns = await found.objects.filter(v=Word.OK).to_arrow()
    assert set(columns.column("v").to_pylist()) == {"ok"} and columns.column("many").to_pylist()[5] == [
        "sad",
        None,
    ]
    assert (await table.filter(v="ok").first())["many"] == ["sad", None]
    await db.drop_tables(found)
