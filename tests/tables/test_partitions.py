"""Partitioned tables: what partitions are made of; rows, columns and bulk writes through the parent and its parts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from chakra import (
    CheckViolation,
    Count,
    DatabaseError,
    DataError,
    F,
    Field,
    FieldError,
    ForeignKey,
    ForeignKeyViolation,
    Index,
    Model,
    Sequence,
    TransactionError,
    field,
    foreign_key,
)
from chakra.functions import Lower
from chakra.schema import Partitioning, PartitionOf
from chakra.sql.ddl import create_statements
from chakra.types import BigInt, Date, Integer, Text, TimestampTz, Varchar
from tests.relations.conftest import SHARED

pytestmark = SHARED
DAY = dt.date


class Author(Model):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Post(Model):
    id: Field[int] = field(primary_key=True, db_default=Sequence("post_ids").next())
    created: Field[dt.date] = field(primary_key=True, column="made on")
    author: ForeignKey[Author] = foreign_key(related_name="posts")
    title: Field[str]
    likes: Field[int] = field(default=0)

    class Meta:
        partition_by = ("range", "created")
        comment = "by month"
        indexes = (Index("title"),)


class Region(Model):
    id: Field[int] = field(Integer)
    name: Field[str] = field(Varchar(20))

    class Meta:
        table = "Regions; --"
        partition_by = ("list", Lower("name"))


class Hashed(Model):
    id: Field[int] = field(primary_key=True, identity=True)
    part: Field[int] = field(Integer, primary_key=True)

    class Meta:
        partition_by = ("hash", "id", "part")


class Event(Model):
    at: Field[dt.datetime]
    level: Field[int] = field(Integer)
    text: Field[str]

    class Meta:
        partition_by = ("range", "at", "level")


class Comment(Model):
    """A key to a partitioned table holds what that is cut by, too."""

    id: Field[int] = field(primary_key=True)
    post: ForeignKey[Post] = foreign_key(related_name="comments", on_delete="cascade")
    text: Field[str]


MODELS = (Comment, Author, Post, Region, Hashed, Event)
JANUARY, FEBRUARY = DAY(2024, 1, 1), DAY(2024, 2, 1)


async def fill() -> None:
    await Post.create_partitions("month", from_=JANUARY, to=DAY(2024, 3, 31))
    await Author.objects.create(name="Ann")
    if not await Region.partitions():
        await Region.create_partition("north", values=["o'slo", "bergen"])
        await Region.create_partition("rest", default=True)
    if not await Hashed.partitions():
        for remainder in range(3):
            await Hashed.create_partition(str(remainder), modulus=3, remainder=remainder)
    await Post.objects.bulk_create(
        [Post(author_id=1, created=DAY(2024, month, 2), title=f"{month}") for month in (1, 2, 3)]
    )


async def counts(*names: str) -> list[int]:
    return [await Post.partition(name).count() for name in names]


MONTHS = ("2024_01", "2024_02", "2024_03")


async def test_the_catalog_says_so(rows: Any) -> None:
    assert [(p.name, p.bound, p.level, p.is_default) for p in await Post.partitions()] == [
        ("posts_2024_01", "FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')", 1, False),
        ("posts_2024_02", "FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')", 1, False),
        ("posts_2024_03", "FOR VALUES FROM ('2024-03-01') TO ('2024-04-01')", 1, False),
    ]
    assert "posts_2024_02  FOR VALUES FROM" in repr(await Post.partitions())
    assert [p.bound for p in await Region.partitions()] == [
        "FOR VALUES IN ('o''slo', 'bergen')",
        "DEFAULT",
    ]
    assert [p.bound for p in await Hashed.partitions()] == [
        f"FOR VALUES WITH (modulus 3, remainder {n})" for n in range(3)
    ]
    kinds = {t.name: t.kind for t in await rows.tables()}
    assert kinds == {
        "authors": "table", "posts": "partitioned table", "Regions; --": "partitioned table",
        "hasheds": "partitioned table", "events": "partitioned table", "comments": "table",
    }  # fmt: skip


async def test_what_is_read_back(rows: Any) -> None:
    posts = (await rows.table("posts").reflect()).table
    assert (posts.comment, posts.primary_key) == ("by month", ("id", "made on"))
    assert posts.partition_by == Partitioning("range", ("made on",))
    assert posts.sequences == (Sequence("post_ids", schema="public"),)
    part = (await rows.table("posts_2024_02").reflect()).table
    assert part.partition_of == PartitionOf(
        "public", "posts", "FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')"
    )
    regions = (await rows.table('"Regions; --"').reflect()).table
    assert regions.partition_by == Partitioning("list", ("(lower((name)::text))",))
    assert (await rows.table("hasheds").reflect()).table.partition_by == Hashed.__table__.partition_by
    events = (await rows.table("events").reflect()).table
    assert events.partition_by == Partitioning("range", ("at", "level"))


async def test_a_table_made_of_its_description_is_the_same(rows: Any) -> None:
    names = ("authors", "posts", "posts_2024_02", '"Regions; --"', '"Regions; --_north"')
    before = [(await rows.table(name).reflect()).table for name in names]
    await rows.drop_tables(Comment, Author, Post, Region)
    for statement in create_statements(before):
        await rows.execute(statement)
    after = [(await rows.table(name).reflect()).table for name in names]
    assert after == before
    await rows.drop_tables(Author, Post, Region)
    await rows.create_tables(Comment, Author, Post, Region)  # for the others


async def test_rows_through_the_parent(rows: Any) -> None:
    post = await Post.objects.create(author_id=1, created=DAY(2024, 2, 9), title="new")
    assert post.id > 3 and await counts(*MONTHS) == [1, 2, 1]
    post.title = "newer"
    await post.save()
    await post.refresh()
    assert await Post.partition("2024_02").values_list("title", flat=True).order_by("title") == ["2", "newer"]
    # A row moves to where it belongs.
    assert await Post.objects.filter(title="newer").update(created=DAY(2024, 3, 9)) == 1
    assert await counts(*MONTHS) == [1, 1, 2]
    both = Post.partition("2024_01").union(Post.partition("2024_03")).order_by("title")
    assert [p.title for p in await both] == ["1", "3", "newer"]
    with pytest.raises(FieldError, match="no rows of one kind"):
        Post.partition("2024_01").union(Author.objects.all())
    assert await Post.objects.filter(created__gte=DAY(2024, 3, 1)).delete() == 2
    author = await Author.objects.annotate(n=Count("posts")).prefetch_related("posts").get()
    assert (author.n, sorted(p.title for p in await author.posts)) == (2, ["1", "2"])
    found, created = await Post.objects.update_or_create(
        title="1", created=JANUARY + dt.timedelta(1), defaults={"likes": 7}
    )
    assert (created, found.likes) == (False, 7)
    assert [p.title async for p in Post.objects.order_by("-created")] == ["2", "1"]
    plan = await Post.objects.filter(created=DAY(2024, 1, 2)).explain()
    assert "posts_2024_01" in str(plan) and "posts_2024_02" not in str(plan)


@pytest.mark.parametrize("count", [3, 600])
async def test_bulk_create_gives_keys_back(rows: Any, count: int) -> None:
    made = [Post(author_id=1, created=DAY(2024, 1 + n % 3, 5), title=str(n)) for n in range(count)]
    await Post.objects.bulk_create(made)
    assert sorted(p.id for p in made) == list(range(made[0].id, made[0].id + count))
    assert await counts(*MONTHS) == [1 + count // 3] * 3
    again = await Post.objects.in_bulk([(p.id, p.created) for p in made[:3]])
    assert sorted(p.title for p in again.values()) == ["0", "1", "2"]
    for post in made:
        post.likes = 5
    assert await Post.objects.bulk_update(made, ["likes"]) == count
    assert await Post.objects.filter(likes=5).count() == count


async def test_columns_in_and_out(rows: Any) -> None:
    data = pa.table(
        {
            "author_id": pa.array([1] * 3000),
            "created": pa.array([DAY(2024, 1 + n % 3, 7) for n in range(3000)]),
            "title": [str(n) for n in range(3000)],
        }
    )
    result = await Post.objects.bulk_insert(data, returning="keys")
    assert result.inserted == 3000
    assert await counts(*MONTHS) == [1001] * 3
    table = await Post.objects.order_by("id").to_arrow()
    assert table.num_rows == 3003
    parts = await Post.objects.order_by().to_arrow(partitions=3)
    assert sorted(parts["id"].to_pylist()) == sorted(table["id"].to_pylist())
    one = await Post.partition("2024_02").to_polars()
    assert one.height == 1001 and set(one["created"].dt.month()) == {2}
    batches = [b async for b in Post.objects.arrow_batches(max_rows=500)]
    assert sum(b.num_rows for b in batches) == 3003


async def test_upserts(rows: Any) -> None:
    known = await Post.objects.order_by("id").values_list("id", "created")
    data = [{"id": key, "created": day, "author_id": 1, "title": f"again {key}"} for key, day in known] + [
        {"id": 1_000_000, "created": DAY(2024, 3, 3), "author_id": 1, "title": "fresh"}
    ]
    result = await Post.objects.bulk_insert(
        data, on_conflict="update", conflict_fields=["id", "created"], update_fields=["title"]
    )
    assert (result.inserted, result.updated) == (1, 3)
    skipped = await Post.objects.bulk_insert(data, on_conflict="ignore")
    assert (skipped.inserted, skipped.skipped) == (0, 4)
    titles = await Post.objects.order_by("id").values_list("title", flat=True)
    assert titles == [*(f"again {key}" for key, _ in known), "fresh"]
    made = [Post(id=1_000_000, created=DAY(2024, 3, 3), author_id=1, title="x")]
    await Post.objects.bulk_create(made, on_conflict="update", conflict_fields=["id", "created"])
    assert await Post.objects.filter(title="x").count() == 1


async def test_keys_to_partitioned_tables(rows: Any) -> None:
    first, second, _ = await Post.objects.order_by("created")
    await Comment.objects.bulk_create(
        [Comment(post=post, text=post.title * 2) for post in (first, second, second)]
    )
    found = await Comment.objects.order_by("id").select_related("post__author")
    assert [(c.post.title, c.post.author.name) for c in found] == [("1", "Ann"), ("2", "Ann"), ("2", "Ann")]
    counted = Post.objects.annotate(n=Count("comments")).order_by("created").values_list("n", flat=True)
    assert await counted == [1, 2, 0]
    (loaded,) = await Post.partition("2024_02").prefetch_related("comments")
    assert len(await loaded.comments) == 2
    with pytest.raises(ForeignKeyViolation):
        await Post.drop_partition("2024_02")
    assert await Post.partition("2024_02").count() == 1  # all or nothing
    await second.delete()
    assert await Comment.objects.values_list("text", flat=True) == ["11"]
    await rows.execute("TRUNCATE comments")


async def test_writing_to_a_part(rows: Any) -> None:
    part = Post.partition("2024_01")
    made = await part.create(author_id=1, created=DAY(2024, 1, 20), title="one")
    assert await part.filter(pk=made.pk).count() == 1
    with pytest.raises(CheckViolation, match="violates partition constraint"):
        await part.create(author_id=1, created=DAY(2024, 2, 20), title="elsewhere")
    await made.delete()
    assert (
        await part.bulk_insert({"author_id": [1], "created": [DAY(2024, 1, 30)], "title": ["p"]})
    ).inserted == 1
    assert await part.filter(title="p").update(likes=F("likes") + 2) == 1
    assert [p.likes for p in await part.select_related("author").filter(author__name="Ann", title="p")] == [2]
    with pytest.raises(CheckViolation, match="violates partition constraint"):
        await part.bulk_insert({"author_id": [1], "created": [DAY(2024, 2, 1)], "title": ["p"]})
    assert await part.delete() == 2
    assert await counts(*MONTHS) == [0, 1, 1]


OUTSIDE: dict[str, Callable[[], Any]] = {
    "create": lambda: Post.objects.create(author_id=1, created=DAY(2030, 1, 1), title="x"),
    "update": lambda: Post.objects.update(created=DAY(2030, 1, 1)),
    "bulk_create": lambda: Post.objects.bulk_create([Post(author_id=1, created=DAY(2030, 1, 1), title="x")]),
    "many": lambda: Post.objects.bulk_create(
        [Post(author_id=1, created=DAY(2030, 1, 1), title="x") for _ in range(600)]
    ),
    "bulk_insert": lambda: Post.objects.bulk_insert(
        {"author_id": [1], "created": [DAY(2030, 1, 1)], "title": ["x"]}
    ),
}


@pytest.mark.parametrize("way", OUTSIDE)
async def test_a_row_that_no_partition_takes(rows: Any, way: str) -> None:
    with pytest.raises(
        CheckViolation, match=r"no partition .*2030-01-01.*await Model.create_partition"
    ) as caught:
        await OUTSIDE[way]()
    assert caught.value.table == "posts"
    assert await Post.objects.count() == 3


async def test_the_life_of_a_partition(rows: Any) -> None:
    await Post.create_partition("rest", default=True)
    late = await Post.objects.create(author_id=1, created=DAY(2025, 5, 5), title="late")
    with pytest.raises(DatabaseError, match="would be violated by some row"):
        await Post.create_partition("2025", from_=DAY(2025, 1, 1), to=DAY(2026, 1, 1))
    await Post.detach_partition("rest")
    assert await Post.objects.filter(pk=(late.id, late.created)).count() == 0
    with pytest.raises(CheckViolation, match="violated by some row"):
        await Post.attach_partition("rest", from_=DAY(2026, 1, 1), to=None)
    await Post.attach_partition("rest", from_=DAY(2025, 1, 1), to=None)
    assert [p.bound for p in await Post.partitions()][-1] == "FOR VALUES FROM ('2025-01-01') TO (MAXVALUE)"
    async with rows.transaction():
        with pytest.raises(TransactionError, match="cannot run inside of one"):
            await Post.detach_partition("rest", concurrently=True)
    await Post.detach_partition("rest", concurrently=True)
    assert len(await Post.partitions()) == 3
    with pytest.raises(
        FieldError, match="Post has no partition 'posts_rest'; its partitions are posts_2024_01, "
    ):
        await Post.drop_partition("rest")
    await Post.attach_partition("rest", from_=DAY(2025, 1, 1), to=DAY(2030, 1, 1))
    await Post.drop_partition("rest")
    await Post.drop_partition("rest", if_exists=True)
    with pytest.raises(DatabaseError, match="already exists"):
        await Post.create_partition("2024_01", from_=DAY(2031, 1, 1), to=DAY(2031, 2, 1))
    await Post.create_partition("2024_01", from_=DAY(2031, 1, 1), to=DAY(2031, 2, 1), if_not_exists=True)
    with pytest.raises(DatabaseError, match="would overlap"):
        await Post.create_partition("x", from_=DAY(2024, 1, 15), to=DAY(2024, 1, 16))


async def test_words_of_a_partition(rows: Any) -> None:
    await Post.create_partition(
        'q"; --', from_=DAY(2029, 1, 1), to=DAY(2030, 1, 1), storage={"fillfactor": 60}, unlogged=True
    )
    part = (await rows.table('"posts_q""; --"').reflect()).table
    assert (part.storage, part.unlogged) == ((("fillfactor", "60"),), True)
    await Post.create_partition("cut", from_=DAY(2028, 1, 1), to=DAY(2029, 1, 1), partition_by=("hash", "id"))
    await Post.create_partition("cut_0", of="cut", modulus=2, remainder=0)
    await Post.create_partition("cut_1", of="cut", modulus=2, remainder=1)
    cut = [(p.name, p.parent, p.level, p.is_cut) for p in await Post.partitions() if "cut" in p.name]
    assert cut == [
        ("posts_cut", "posts", 1, True),
        ("posts_cut_0", "posts_cut", 2, False),
        ("posts_cut_1", "posts_cut", 2, False),
    ]
    await Post.objects.bulk_create(
        [Post(author_id=1, created=DAY(2028, 5, d), title="c") for d in range(1, 20)]
    )
    assert await Post.partition("cut").count() == 19
    assert 0 < await Post.partition("cut_0").count() < 19
    await Post.detach_partition("cut_1", of="cut")
    await Post.attach_partition("cut_1", of="cut", modulus=2, remainder=1)
    with pytest.raises(FieldError, match="'posts_2024_01' of Post is not cut itself"):
        await Post.create_partition("x", of="2024_01", modulus=2, remainder=1)
    for name in ("cut", 'q"; --'):
        await Post.drop_partition(name)


async def test_lists_and_hashes(rows: Any) -> None:
    await Region.objects.bulk_create(
        [Region(id=n, name=name) for n, name in enumerate(("Bergen", "O'Slo", "Rome"))]
    )
    north = Region.partition("north").order_by("id").values_list("name", flat=True)
    assert await north == ["Bergen", "O'Slo"]
    await Region.create_partition("none", values=[None])
    await rows.execute("INSERT INTO \"Regions; --\" (id, name) SELECT 9, 'rome'")
    assert await Region.partition("rest").count() == 2
    await Region.drop_partition("none")
    await Hashed.objects.bulk_insert({"part": [7] * 300})
    made = await Hashed.objects.bulk_create([Hashed(part=8) for _ in range(600)])
    one = await Hashed.objects.create(part=9)
    assert [made[0].id, made[-1].id, one.id] == [301, 900, 901]
    sizes = [await Hashed.partition(str(n)).count() for n in range(3)]
    assert sum(sizes) == 901 and min(sizes) > 150


async def test_several_keys_and_moments(rows: Any) -> None:
    moment = dt.datetime(2024, 5, 1, tzinfo=ZoneInfo("Europe/Berlin"))
    await Event.create_partition("low", from_=None, to=(moment, 3))
    await Event.create_partition("high", from_=(moment, 3), to=(None, None))
    assert [p.bound for p in await Event.partitions()] == [
        "FOR VALUES FROM ('2024-04-30 22:00:00+00', 3) TO (MAXVALUE, MAXVALUE)",
        "FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2024-04-30 22:00:00+00', 3)",
    ]
    for name in ("low", "high"):
        await Event.drop_partition(name)


async def test_columns_that_look_like_expressions(rows: Any) -> None:
    names = "(a); DROP TABLE authors; --"
    await rows.execute(
        f'CREATE TABLE odd ("{names}" int, "-b" text) PARTITION BY RANGE ("{names}", lower("-b"))'
    )
    before = (await rows.table("odd").reflect()).table
    assert before.partition_by == Partitioning("range", (names, '(lower("-b"))'))
    await rows.execute("DROP TABLE odd")
    for statement in create_statements([before]):
        await rows.execute(statement)
    assert (await rows.table("odd").reflect()).table == before
    await rows.execute("DROP TABLE odd")
    assert await Author.objects.count() == 1


class Log(Model):
    at: Field[dt.datetime]

    class Meta:
        partition_by = ("range", "at")


NEW_YORK = ZoneInfo("America/New_York")
STEPS: dict[str, tuple[Any, Any, list[str], tuple[str, str]]] = {
    "hour": (
        dt.datetime(2024, 11, 3, 0, 30, tzinfo=NEW_YORK),  # the clock goes back at 2
        dt.datetime(2024, 11, 3, 3, tzinfo=NEW_YORK),
        ["2024_11_03_04", "2024_11_03_05", "2024_11_03_06", "2024_11_03_07"],
        ("2024-11-03 04:00:00+00", "2024-11-03 08:00:00+00"),
    ),
    "day": (
        dt.datetime(2024, 11, 2, 12, tzinfo=NEW_YORK),
        dt.datetime(2024, 11, 4, tzinfo=NEW_YORK),
        ["2024_11_02", "2024_11_03"],
        ("2024-11-02 04:00:00+00", "2024-11-04 05:00:00+00"),
    ),
    "week": (
        dt.datetime(2024, 12, 28, tzinfo=dt.UTC),
        dt.datetime(2025, 1, 6, tzinfo=dt.UTC),
        ["2024_w52", "2025_w01"],
        ("2024-12-23 00:00:00+00", "2025-01-06 00:00:00+00"),
    ),
    "month": (
        dt.datetime(2024, 11, 30, tzinfo=dt.UTC),
        dt.datetime(2025, 1, 1, 0, 0, 1, tzinfo=dt.UTC),
        ["2024_11", "2024_12", "2025_01"],
        ("2024-11-01 00:00:00+00", "2025-02-01 00:00:00+00"),
    ),
    "quarter": (
        dt.datetime(2024, 9, 1, tzinfo=dt.UTC),
        dt.datetime(2025, 1, 1, tzinfo=dt.UTC),
        ["2024_q3", "2024_q4"],
        ("2024-07-01 00:00:00+00", "2025-01-01 00:00:00+00"),
    ),
    "year": (
        dt.datetime(2023, 9, 1, tzinfo=dt.UTC),
        dt.datetime(2024, 9, 1, tzinfo=dt.UTC),
        ["2023", "2024"],
        ("2023-01-01 00:00:00+00", "2025-01-01 00:00:00+00"),
    ),
}


@pytest.mark.parametrize("step", STEPS)
async def test_spans_of_time(rows: Any, step: Any) -> None:
    from_, to, names, (first, last) = STEPS[step]
    await rows.create_tables(Log)
    try:
        for _ in range(2):
            assert await Log.create_partitions(step, from_=from_, to=to) == names
        bounds = [p.bound for p in await Log.partitions()]
        assert len(bounds) == len(names)
        assert bounds[0].startswith(f"FOR VALUES FROM ('{first}')") and bounds[-1].endswith(f"TO ('{last}')")
    finally:
        await rows.drop_tables(Log)


def table(by: Any, **columns: Any) -> Any:
    """The description of a partitioned table."""
    names = {"id": field(BigInt), "day": field(Date), "at": field(TimestampTz), "name": field(Text)}
    body = {**names, **columns, "__module__": __name__, "__qualname__": "P"}
    return type(Model)("P", (Model,), body, partition_by=by).__table__


MADE: dict[str, tuple[Callable[[], Any], str]] = {
    "no key in the primary key": (
        lambda: table(("range", "day"), id=field(BigInt, primary_key=True)),
        r"P is partitioned by range \(day\), and the primary key \(id\) has to hold all.*make day part of it",
    ),
    "no key in a unique": (
        lambda: table(("range", "day"), name=field(Text, unique=True)),
        r"the unique constraint \(name\) has to hold",
    ),
    "a key by an expression": (
        lambda: table(("range", Lower("name")), name=field(Text, primary_key=True)),
        "a table partitioned by an expression can have no such key",
    ),
    "no strategy": (lambda: table(("ranges", "day")), 'a tuple of "range", "list" or "hash"'),
    "no tuple": (lambda: table("range"), 'a tuple of "range", "list" or "hash"'),
    "no key": (lambda: table(("range",)), 'a tuple of "range", "list" or "hash"'),
    "no such field": (lambda: table(("range", "dya")), "P has no field 'dya'.*Did you mean 'day'"),
    "a value": (lambda: table(("range", 3)), "3 is no field and no expression"),
    "two keys of a list": (lambda: table(("list", "id", "name")), "by a list of values of one key"),
    "an aggregate": (lambda: table(("list", Count("id"))), "is about one row|unknown|no "),
}  # fmt: skip


@pytest.mark.parametrize("case", MADE)
async def test_tables_that_cannot_be_cut(case: str) -> None:
    make, message = MADE[case]
    with pytest.raises(FieldError, match=message):
        make()


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "nothing said": (
        lambda: Post.create_partition("x"),
        FieldError,
        r"partitioned by range \(created\), so that a partition is given from_ and to, or default=True",
    ),
    "another way": (
        lambda: Post.create_partition("x", values=[1]),
        FieldError,
        "given from_ and to.*, not values",
    ),
    "both": (
        lambda: Post.create_partition("x", from_=JANUARY, default=True),
        FieldError,
        "default=True takes what no other partition does; leave out from_",
    ),
    "default of a hash": (
        lambda: Hashed.create_partition("x", default=True),
        FieldError,
        "cut by hash has none",
    ),
    "a remainder too large": (
        lambda: Hashed.create_partition("x", modulus=3, remainder=3),
        FieldError,
        "modulus is a whole number",
    ),
    "a text of values": (lambda: Region.create_partition("x", values="ab"), FieldError, "takes a list"),
    "no values": (lambda: Region.create_partition("x", values=[]), FieldError, "would take no rows"),
    "too few keys": (
        lambda: Event.create_partition("x", from_=1, to=(None, None)),
        FieldError,
        r"has to give a value for each of the keys \(at, level\), in a tuple",
    ),
    "another kind of value": (
        lambda: Post.create_partition("x", from_="yesterday", to=None),
        DataError,
        "Post, partition posts_x: created: ",
    ),
    "a moment without a zone": (
        lambda: Event.create_partition("x", from_=(dt.datetime(2024, 1, 1), 1), to=(None, None)),
        DataError,
        "partition events_x: at: ",
    ),
    "no partitions": (lambda: Author.partitions(), FieldError, "Author is not partitioned; its Meta says"),  # noqa: PLW0108
    "no name": (
        lambda: Post.create_partition("", default=True),
        FieldError,
        "is named by what follows posts_",
    ),
    "an empty span": (
        lambda: Post.create_partitions("month", from_=FEBRUARY, to=JANUARY),
        FieldError,
        "is empty",
    ),
    "past the end of time": (
        lambda: Post.create_partitions("year", from_=DAY(9999, 1, 1), to=DAY(9999, 12, 31)),
        FieldError,
        "the span ends after the last year there is, 9999",
    ),
    "hours of dates": (
        lambda: Post.create_partitions("hour", from_=JANUARY, to=FEBRUARY),
        FieldError,
        "dates have no hours",
    ),
    "no step": (
        lambda: Post.create_partitions("decade", from_=JANUARY, to=FEBRUARY),  # type: ignore[arg-type]
        FieldError,
        "the step is one of 'hour', 'day'",
    ),
    "a span of two keys": (
        lambda: Event.create_partitions("day", from_=JANUARY, to=FEBRUARY),
        FieldError,
        "cut by ranges of one date or time",
    ),
    "a key without the keys of the parts": (
        lambda: Post.create_partition("x", default=True, partition_by=("hash", "author")),
        FieldError,
        r"partitioned by hash \(author_id\), and the primary key \(id, created\) has to hold",
    ),
    "storage of what is cut": (
        lambda: Post.create_partition("x", default=True, partition_by=("hash", "id"), unlogged=True),
        FieldError,
        "what is cut itself has no rows",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_partitions_that_cannot_be(rows: Any, case: str) -> None:
    make, kind, message = REFUSED[case]
    before = [p.name for p in await Post.partitions()]
    with pytest.raises(kind, match=message):
        await make()
    assert [p.name for p in await Post.partitions()] == before
