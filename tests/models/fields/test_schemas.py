"""Models as pydantic models and Structs: what they have, what they take, and what comes back."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypedDict

import fastapi
import httpx
import msgspec
import pydantic
import pytest
from asyncpg import Range

import chakra
from chakra import F, Field, ForeignKey, ManyToMany, Model, ValidationError, field, foreign_key, many_to_many
from chakra.errors import FieldError, NotLoaded
from chakra.types import (
    Array,
    Bit,
    Char,
    Inet,
    Int4MultiRange,
    Int4Range,
    Integer,
    Interval,
    Jsonb,
    Numeric,
    Point,
    SmallInt,
    Text,
    Time,
    Timestamp,
    TsTzRange,
    Varchar,
)
from tests.relations.conftest import SHARED, rows, sends, shared_tables

__all__ = ["rows", "shared_tables"]

pytestmark = SHARED


class Mood(enum.Enum):
    GOOD = "good"
    BAD = "bad"


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


def no_x(value: str) -> None:
    if "x" in value:
        raise ValidationError("no x, please")


async def asked(value: str) -> None: ...


class Author(Model, table="sc_authors"):
    """Who writes."""

    id: Field[int] = field(primary_key=True)
    name: Field[str] = field(Varchar(10), validators=[no_x, asked, str.isascii], comment="as printed")
    boss: ForeignKey[Author | None] = foreign_key(related_name="staff", on_delete="set null", default=None)


class Tag(Model, table="sc_tags"):
    name: Field[str] = field(primary_key=True)

    class Meta:
        comment = "What posts are about"


class Post(Model, table="sc_posts"):
    id: Field[uuid.UUID] = field(primary_key=True, default=chakra.uuid7)
    author: ForeignKey[Author] = foreign_key(related_name="posts")
    tags: ManyToMany[Tag] = many_to_many(related_name="posts")
    title: Field[str]
    price: Field[Decimal | None] = field(Numeric(5, 2), default=None)
    views: Field[int] = field(Integer, default=0)
    twice: Field[int] = field(generated=F("views") * 2)
    status: Field[str] = field(choices=["draft", "done"], default="draft")
    level: Field[Level] = field(SmallInt, choices=Level, default=Level.LOW)
    created: Field[dt.datetime] = field(auto_now_add=True)
    starts: Field[dt.datetime] = field(db_default="'2001-02-03 04:05:06+00'")
    words: Field[list[str]] = field(Array(Text), default_factory=list)


class Sample(Model, table="sc_samples"):
    """A field of each kind of type."""

    id: Field[int] = field(primary_key=True)
    flag: Field[bool] = field(default=True)
    real: Field[float] = field(default=1.5)
    exact: Field[Decimal] = field(default=Decimal("1.50"))
    data: Field[bytes] = field(default=b"\x00\xff")
    day: Field[dt.date] = field(default=dt.date(2001, 2, 3))
    hour: Field[dt.time] = field(Time, default=dt.time(4, 5, 6))
    wall: Field[dt.datetime] = field(Timestamp, default=dt.datetime(2001, 2, 3, 4, 5))
    long: Field[dt.timedelta] = field(Interval, default=dt.timedelta(days=1, seconds=2))
    mood: Field[Mood] = field(default=Mood.GOOD)
    doc: Field[dict[str, Any]] = field(Jsonb, default_factory=lambda: {"a": [1, None]})
    any: Field[Any] = field(Jsonb, default=1)
    grid: Field[list[list[int]]] = field(Array(Integer, 2), default_factory=lambda: [[1, 2], [3, 4]])
    gaps: Field[list[int | None]] = field(Array(SmallInt), default_factory=lambda: [1, None])
    span: Field[Any] = field(Int4Range, default=(1, 5))
    times: Field[Any] = field(TsTzRange, default="[2001-02-03 04:05+00,)")
    spans: Field[Any] = field(Int4MultiRange, default_factory=lambda: [(1, 3), (7, 9)])
    address: Field[Any] = field(Inet, default="10.0.0.1")
    spot: Field[Any] = field(Point, default=(1.0, 2.0))
    bits: Field[Any] = field(Bit(3), default="101")
    short: Field[str] = field(Char(2), default="ab")


MODELS = (Author, Tag, Post, Sample)


async def fill() -> None:
    ann = await Author.objects.create(name="Ann")
    bob = await Author.objects.create(name="Bob", boss=ann)
    post = await Post.objects.create(
        author=bob, title="One", price=Decimal("1.5"), words=["a"], level=Level.HIGH
    )
    await post.tags.add(await Tag.objects.create(name="tea"))
    await Sample.objects.create()


async def test_rows_as_they_are(rows: Any) -> None:
    post = await Post.objects.select_related("author").prefetch_related("tags").get()
    Out = Post.pydantic(relations=["author", "tags"])
    with sends(rows, 0):
        found = Out.model_validate(post)
    assert found.model_dump() == {
        "id": post.id,
        "author_id": 2,
        "title": "One",
        "price": Decimal("1.50"),
        "views": 0,
        "twice": 0,
        "status": "draft",
        "level": Level.HIGH,
        "created": post.created,
        "starts": dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
        "words": ["a"],
        "author": {"id": 2, "name": "Bob", "boss_id": 1},
        "tags": [{"name": "tea"}],
    }
    text = found.model_dump_json(include={"price", "level", "starts", "tags"})
    assert json.loads(text) == {
        "price": "1.50",
        "level": 2,
        "starts": "2001-02-03T04:05:06Z",
        "tags": [{"name": "tea"}],
    }
    assert (Out.__name__, Out.__module__) == ("PostWithAuthorTags", __name__)
    assert Out is Post.pydantic(relations=["author", "tags"]) and Out is not Post.pydantic()
    assert Out.model_fields["author"].annotation is Author.pydantic()
    # The same as a Struct.
    Struct: Any = Post.msgspec(relations=["author", "tags"])
    struct = Struct.from_row(post)
    assert msgspec.json.decode(msgspec.json.encode(struct), type=Struct) == struct
    assert (struct.author.name, struct.tags[0].name, struct.level, type(struct.author)) == (
        "Bob",
        "tea",
        Level.HIGH,
        Author.msgspec(),
    )


UNLOADED: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "a relation": (
        Post.objects.get,
        {"relations": ["author"]},
        r"Post\.author is not loaded.*select_related",
    ),
    "a set": (Post.objects.get, {"relations": ["tags"]}, r"Post\.tags.*prefetch_related"),
    "behind another": (
        lambda: Post.objects.select_related("author").get(),
        {"relations": ["author__boss"]},
        r"Author\.boss is not loaded",
    ),
    "a field": (lambda: Post.objects.defer("words").get(), {}, r"Post\.words was not loaded with this row"),
}


async def test_what_is_not_loaded_is_not_read(rows: Any) -> None:
    for case, (load, options, message) in UNLOADED.items():
        row = await load()
        with sends(rows, 0):
            for read in (Post.pydantic(**options).model_validate, Post.msgspec(**options).from_row):
                with pytest.raises(NotLoaded, match=message):
                    read(row)
        assert case
    row = await Post.objects.defer("words").get()
    assert Post.pydantic(exclude=["words"]).model_validate(row).title == "One"
    boss = await Author.objects.select_related("boss").get(name="Ann")
    assert Author.pydantic(relations=["boss"]).model_validate(boss).boss is None
    assert Author.msgspec(relations=["boss"]).from_row(boss).boss is None
    ann = await Author.objects.prefetch_related("staff__posts").get(name="Ann")
    found = Author.pydantic(include=["name", "staff__name", "staff__posts__title"]).model_validate(ann)
    assert found.model_dump() == {"name": "Ann", "staff": [{"name": "Bob", "posts": [{"title": "One"}]}]}


FIELDS: tuple[tuple[dict[str, Any], str, str], ...] = (
    ({}, "Post", "id author_id title price views twice status level created starts words"),
    ({"mode": "create"}, "PostCreate", "author_id title price views status level starts words"),
    ({"mode": "patch"}, "PostPatch", "author_id title price views status level starts words"),
    (
        {"mode": "create", "include": ["id", "author", "created"]},
        "PostCreateOfIdAuthorCreated",
        "id author_id created",
    ),
    (
        {"exclude": ["words", "author"]},
        "PostWithoutWordsAuthor",
        "id title price views twice status level created starts",
    ),
    (
        {"relations": ["author"], "exclude": ["author__id"], "include": ["id"]},
        "PostWithAuthorWithoutAuthorIdOfId",
        "id author",
    ),
    ({"include": ["id"], "name": "Key"}, "Key", "id"),
)


async def test_which_fields(rows: Any) -> None:
    for options, name, names in FIELDS:
        for found in (Post.pydantic(**options), Post.msgspec(**options)):
            fields = getattr(found, "model_fields", None) or found.__struct_fields__
            assert set(fields) == set(names.split()), (options, fields)
            assert found.__name__ == name
    assert set(Tag.pydantic(mode="create").model_fields) == {"name"}  # a key that nobody makes
    assert Author.pydantic(mode="create").model_fields["boss_id"].is_required() is False
    long = Post.pydantic(include=[*Post.__table__.by_attribute])
    assert len(long.__name__) == 67 and long is Post.pydantic(include=[*Post.__table__.by_attribute])


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"mode": "write"}, "mode='write': it is one of 'read', 'create', 'patch'"),
    ({"include": "id"}, "include takes a list of names, not 'id'"),
    ({"include": ["titel"]}, "include: Post has no field 'titel'"),
    ({"exclude": [1]}, "exclude takes names of fields"),
    ({"relations": ["tag"]}, "Post has no relation 'tag'; it has .*Did you mean 'tags'"),
    ({"relations": ["tags"], "mode": "create"}, "relations are what rows are read with"),
    ({"include": ["author__name"], "mode": "patch"}, "has no rows behind relations"),
    ({"include": ["twice"], "mode": "create"}, "Post.twice is computed by the server"),
    ({"name": "a b"}, "is no name of a class"),
    (
        {"exclude": [*Post.__table__.by_attribute]},
        "nothing is left",
    ),
)


async def test_wrong_words(rows: Any) -> None:
    for options, message in WRONG:
        for make in (Post.pydantic, Post.msgspec):
            with pytest.raises(FieldError, match=message):
                make(**options)


async def test_names_that_pydantic_has_too(recwarn: pytest.WarningsRecorder) -> None:
    class Odd(Model, table="sc_odd"):
        id: Field[int] = field(primary_key=True)
        json: Field[str] = field(default="j")
        schema: Field[str] = field(default="s")
        model_id: Field[int] = field(default=1)
        model_config: Field[str] = field(default="c")

    made = Odd.pydantic("create", exclude=["model_config"])
    given = made.model_validate({"json": "a", "model_id": 2})
    assert given.model_dump() == {"json": "a", "schema": "s", "model_id": 2} and not recwarn.list
    assert Odd.from_pydantic(given).to_dict()["json"] == "a"
    message = r"^Odd: pydantic keeps the name model_config for itself; leave the field out, exclude=\['model_config'\]"
    with pytest.raises(FieldError, match=message):
        Odd.pydantic()


async def test_what_is_written(rows: Any) -> None:
    In = Post.pydantic("create")
    data = In.model_validate_json('{"author_id": 1, "title": "Two", "price": "2.5", "level": 2}')
    for post in (Post(**data.model_dump()), Post.from_pydantic(data)):
        await post.save()
        found = await Post.objects.get(id=post.id)
        assert (found.title, found.price, found.level, found.words, found.starts.year) == (
            "Two",
            Decimal("2.50"),
            Level.HIGH,
            [],
            2001,
        )
    Patch = Post.pydantic("patch")
    changes = Patch.model_validate({"title": "Three", "price": None})
    found.views = 7
    await found.save()
    with sends(rows, 1) as sent:
        await Post.from_pydantic(changes, found).save()
    assert "views" not in sent[0] and "level" not in sent[0]
    assert (await Post.objects.get(id=found.id)).title == "Three" and found.price is None
    with pytest.raises(FieldError, match="is no Author"):
        Author.from_pydantic(Author.pydantic("patch")(), found)
    out = Post.pydantic().model_validate(found)
    copy = Post.from_pydantic(out)
    assert (copy.id, copy.views, copy.created) == (found.id, 7, found.created) and not hasattr(copy, "_twice")
    # The same with Structs.
    post = Post.from_msgspec(
        msgspec.json.decode(b'{"author_id":1,"title":"Four"}', type=Post.msgspec("create"))
    )
    await post.save()
    change = msgspec.json.decode(b'{"title":"Five"}', type=Post.msgspec("patch"))
    assert msgspec.json.encode(change) == b'{"title":"Five"}'
    await Post.from_msgspec(change, post).save()
    assert (await Post.objects.get(id=post.id)).title == "Five"
    for make, given in ((Post.from_pydantic, post), (Post.from_msgspec, out)):
        with pytest.raises(FieldError, match="takes a"):
            make(given)

    class Loose(pydantic.BaseModel):
        title: str
        nothing: int

    with pytest.raises(FieldError, match="Loose has 'nothing', which Post has not"):
        Post.from_pydantic(Loose(title="a", nothing=1))


REFUSED: tuple[tuple[Any, dict[str, Any], str], ...] = (
    (Author, {"name": "longer than ten"}, "at most 10 characters"),
    (Author, {"name": "x"}, "no x, please"),
    (Author, {"name": "é"}, "'é' is refused by isascii"),
    (Author, {"nome": "Ann"}, "Extra inputs are not permitted"),
    (Author, {}, "Field required"),
    (Post, {"title": "a", "author_id": 1, "price": "1234"}, "no more than 3 digits before the decimal"),
    (Post, {"title": "a", "author_id": 1, "price": "1.234"}, "no more than 2 decimal places"),
    (Post, {"title": "a", "author_id": 1, "views": 2**31}, "less than or equal to 2147483647"),
    (Post, {"title": "a", "author_id": 1, "status": "lost"}, "Input should be 'draft' or 'done'"),
    (Post, {"title": "a", "author_id": 1, "level": 3}, "Input should be 1 or 2"),
    (Post, {"title": "a", "author_id": 1, "starts": "2001-02-03T04:05:06"}, "should have timezone info"),
    (Post, {"title": None, "author_id": 1}, "valid string"),
    (
        Sample,
        {"span": {"lower": 5, "upper": 1, "lower_inc": True, "upper_inc": False}},
        "its lower bound is above",
    ),
    (Sample, {"mood": "odd"}, "Input should be 'good' or 'bad'"),
)


async def test_what_is_refused(rows: Any) -> None:
    for model, values, message in REFUSED:
        with pytest.raises(pydantic.ValidationError, match=message):
            model.pydantic("create").model_validate(values)
    with pytest.raises(pydantic.ValidationError, match="valid string"):
        Post.pydantic("patch").model_validate({"title": None})
    for values, message in (
        ({"name": "longer than ten"}, "length <= 10"),
        ({"nome": 1}, "unknown field `nome`"),
    ):
        with pytest.raises(msgspec.ValidationError, match=message):
            msgspec.convert(values, Author.msgspec("create"))


async def test_each_type_goes_and_comes_back(rows: Any) -> None:
    row = await Sample.objects.get()
    Out = Sample.pydantic()
    out = Out.model_validate(row)
    held = {name: getattr(row, name) for name in Sample.__table__.by_attribute} | {"bits": "101"}
    assert out.model_dump() == held  # of all but bits the very values
    written = json.loads(out.model_dump_json())
    assert written["data"] == "AP8=" and written["long"] == "P1DT2S" and written["gaps"] == [1, None]
    assert written["span"] == {"lower": 1, "upper": 5, "lower_inc": True, "upper_inc": False}
    assert written["times"]["lower"] == "2001-02-03T04:05:00Z" and written["times"]["upper"] is None
    assert [one["lower"] for one in written["spans"]] == [1, 7]
    assert (written["address"], written["spot"]) == ("10.0.0.1", [1.0, 2.0])
    again = Out.model_validate_json(out.model_dump_json())
    assert (again.span, again.address, again.data) == (
        Range(1, 5),
        ipaddress.ip_address("10.0.0.1"),
        b"\x00\xff",
    )
    copy = Sample.from_pydantic(again)
    copy.id = None
    await copy.save()
    struct = msgspec.json.decode(msgspec.json.encode(Sample.msgspec().from_row(row)), type=Sample.msgspec())
    other = Sample.from_msgspec(struct)
    other.id = None
    await other.save()
    texts = await chakra.raw("SELECT (to_jsonb(s) - 'id')::text AS row FROM sc_samples s ORDER BY id").all()
    assert len({row["row"] for row in texts}) == 1 and len(texts) == 3


class Size(TypedDict):
    width: int


class Strange: ...


async def test_documents_go_by_their_annotation(rows: Any) -> None:
    class Box(Model, table="sc_boxes"):
        id: Field[int] = field(primary_key=True)
        size: Field[Size] = field(Jsonb)
        sizes: Field[list[int]] = field(Jsonb)
        other: Field[dict[str, Strange]] = field(Jsonb)
        null: Field[dict[str, Any] | chakra.JsonNull] = field(Jsonb)
        moods: Field[list[Mood]]
        levels: Field[list[Level]] = field(Array(SmallInt), choices=Level)

    given = {
        "size": {"width": 1},
        "sizes": [1],
        "other": {"a": 1},
        "null": [],
        "moods": ["bad"],
        "levels": [2],
    }
    box = Box.from_pydantic(Box.pydantic("create").model_validate(given))
    assert (box.size, box.other, box.null, box.moods, box.levels) == (
        {"width": 1},
        {"a": 1},
        [],
        [Mood.BAD],
        [Level.HIGH],
    )
    with pytest.raises(pydantic.ValidationError) as caught:
        Box.pydantic("create").model_validate(given | {"sizes": ["x"], "size": 1, "levels": [3]})
    assert [error["loc"][0] for error in caught.value.errors()] == ["size", "sizes", "levels"]
    given.pop("other")
    assert msgspec.convert(given, Box.msgspec("create", exclude=["other"])).levels == [Level.HIGH]


async def test_the_schema_of_an_api(rows: Any) -> None:
    schema = Post.pydantic("create").model_json_schema()
    assert schema["required"] == ["author_id", "title"] and schema["additionalProperties"] is False
    assert schema["description"] == "A new row of Post."
    properties = schema["properties"]
    assert properties["views"] == {
        "default": 0,
        "format": "int32",
        "maximum": 2147483647,
        "minimum": -2147483648,
        "title": "Views",
        "type": "integer",
    }
    assert properties["author_id"] == {"format": "int64", "title": "Author Id", "type": "integer"}
    assert properties["status"] == {
        "default": "draft",
        "enum": ["draft", "done"],
        "title": "Status",
        "type": "string",
    }
    assert "default" not in properties["starts"] and properties["level"]["default"] == 1
    assert schema["$defs"]["Level"]["enum"] == [1, 2]
    assert Tag.pydantic().model_json_schema()["description"] == "What posts are about"
    author = Author.pydantic("create").model_json_schema()["properties"]["name"]
    assert author == {"description": "as printed", "maxLength": 10, "title": "Name", "type": "string"}
    assert "required" not in Post.pydantic("patch").model_json_schema()
    assert "default" not in Post.pydantic("patch").model_json_schema()["properties"]["title"]
    nested = Post.pydantic(relations=["author", "tags"]).model_json_schema(mode="serialization")
    assert nested["properties"]["author"] == {"$ref": "#/$defs/Author"}
    assert nested["properties"]["tags"]["items"] == {"$ref": "#/$defs/Tag"}
    span = Sample.pydantic().model_json_schema(mode="serialization")["properties"]["span"]
    assert span["type"] == "object" and span["properties"]["lower"]["anyOf"][0] == {"type": "integer"}
    assert msgspec.json.schema(Author.msgspec("create"))["$defs"]["AuthorCreate"]["required"] == ["name"]


async def test_neither_is_loaded_by_chakra(rows: Any) -> None:
    program = (
        "import sys, chakra\n"
        "class A(chakra.Model):\n    id: chakra.Field[int] = chakra.field(primary_key=True)\n"
        "assert not {'pydantic', 'msgspec'} & set(sys.modules)\n"
        "sys.modules['pydantic'] = sys.modules['msgspec'] = None\n"
        "for make in (A.pydantic, A.msgspec):\n"
        "    try: make()\n"
        "    except chakra.ConfigError as error: print(error)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert found.stdout.splitlines() == [
        f'{name} is not installed: pip install "chakra-orm[{name}]"' for name in ("pydantic", "msgspec")
    ], found.stderr


async def test_bodies_and_answers_of_fastapi(rows: Any) -> None:
    app = fastapi.FastAPI()

    @app.post("/posts", response_model=Post.pydantic(exclude=["created"]))
    async def add(data: Post.pydantic("create")) -> Any:  # type: ignore[valid-type]
        post = Post.from_pydantic(data)
        await post.save()
        return post

    @app.get(
        "/posts", response_model=list[Post.pydantic(relations=["author"], include=["title", "author__name"])]
    )
    async def listed(loaded: bool = True) -> Any:
        return await (Post.objects.select_related("author") if loaded else Post.objects).order_by("id")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://chakra") as client:
        made = await client.post("/posts", json={"author_id": 1, "title": "Two", "level": 2})
        assert made.json() | {"id": ""} == {
            "id": "",
            "author_id": 1,
            "title": "Two",
            "price": None,
            "views": 0,
            "twice": 0,
            "status": "draft",
            "level": 2,
            "starts": "2001-02-03T04:05:06Z",
            "words": [],
        }
        refused = await client.post("/posts", json={"author_id": 1, "titel": "Two"})
        assert refused.status_code == 422
        assert [fault["loc"] for fault in refused.json()["detail"]] == [["body", "title"], ["body", "titel"]]
        answer = await client.get("/posts")
        assert answer.json() == [
            {"title": "One", "author": {"name": "Bob"}},
            {"title": "Two", "author": {"name": "Ann"}},
        ]
        with pytest.raises(NotLoaded, match=r"Post\.author is not loaded"):
            await client.get("/posts", params={"loaded": False})
        schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
        assert {"PostCreate", "PostWithoutCreated", "PostWithAuthorOfTitleAuthorName", "AuthorOfName"} <= set(
            schemas
        )
