"""What a class body declares: types from annotations, keys, options, inheritance, and what is refused."""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from decimal import Decimal
from typing import Any, ClassVar, Optional

import pytest

from chakra import Check, Field, ForeignKey, Index, Model, OneToOne, Unique, field, foreign_key, one_to_one
from chakra.errors import FieldError
from chakra.expressions import Expression
from chakra.types import (
    Array,
    BigInt,
    Char,
    Enum,
    Integer,
    Jsonb,
    Numeric,
    SmallInt,
    Text,
    Varchar,
    Vector,
)


class Mood(enum.Enum):
    HAPPY = "happy"
    SAD = "sad"


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


def column(model: Any, attribute: str) -> Any:
    return model.__table__.by_attribute[attribute]


ANNOTATIONS = {
    "whole": ("bigint", False),
    "maybe_whole": ("bigint", True),
    "text": ("text", False),
    "flag": ("boolean", False),
    "real": ("double precision", False),
    "exact": ("numeric", False),
    "stamp": ("timestamp with time zone", False),
    "day": ("date", False),
    "clock": ("time without time zone", False),
    "span": ("interval", False),
    "raw": ("bytea", False),
    "ident": ("uuid", False),
    "document": ("jsonb", False),
    "typed_document": ("jsonb", False),
    "names": ("text[]", False),
    "grid": ("bigint[][]", False),
    "moods": ('"mood"[]', False),
    "maybe_names": ("text[]", True),
    "mood": ('"mood"', False),
    "maybe_mood": ('"mood"', True),
    "optional": ("text", True),
    "quoted": ("text", True),
    "optional_quoted": ('"mood"', True),
    "quoted_list": ('"mood"[]', False),
}


class Everything(Model):
    id: Field[int] = field(primary_key=True)
    whole: Field[int]
    maybe_whole: Field[int | None]
    text: Field[str]
    flag: Field[bool]
    real: Field[float]
    exact: Field[Decimal]
    stamp: Field[dt.datetime]
    day: Field[dt.date]
    clock: Field[dt.time]
    span: Field[dt.timedelta]
    raw: Field[bytes]
    ident: Field[uuid.UUID]
    document: Field[dict]
    typed_document: Field[dict[str, int]]
    names: Field[list[str]]
    grid: Field[list[list[int]]]
    moods: Field[list[Mood]]
    maybe_names: Field[list[str] | None]
    mood: Field[Mood]
    maybe_mood: Field[Mood | None]
    optional: Field[Optional[str]]  # noqa: UP045
    quoted: Field["str | None"]  # noqa: UP037
    optional_quoted: Field[Optional["Mood"]]  # noqa: UP037, UP045
    quoted_list: Field[list["Mood"]]  # noqa: UP037
    class_note: ClassVar[str] = "not a column"
    number_note: int = 5


@pytest.mark.parametrize("attribute", ANNOTATIONS)
def test_annotations_decide_type_and_nullability(attribute: str) -> None:
    found = column(Everything, attribute)
    sql, nullable = ANNOTATIONS[attribute]
    assert normal(found.type.sql) == normal(sql)
    assert found.nullable is nullable


def normal(sql: str) -> str:
    words = {"timestamptz": "timestamp with time zone", "time": "time without time zone", "bool": "boolean"}
    return (
        words.get(sql, sql).replace('"', "").replace("int8", "bigint").replace("float8", "double precision")
    )


def test_every_annotation_is_covered() -> None:
    assert {c.attribute for c in Everything.__table__.columns} == {"id", *ANNOTATIONS}
    assert Everything.class_note == "not a column"
    assert Everything.number_note == 5


def test_types_given_explicitly_win() -> None:
    class Typed(Model):
        id: Field[int] = field(SmallInt, primary_key=True)
        code: Field[str] = field(Char(3))
        price: Field[Decimal] = field(Numeric(12, 2))
        data: Field[list] = field(Jsonb)
        tags: Field[list[str]] = field(Array(Varchar(20)))
        place: Field[list[float]] = field(Vector(3))

    assert column(Typed, "id").type.name == "int2" and column(Typed, "id").identity
    assert column(Typed, "price").type.precision == 12 and column(Typed, "price").type.scale == 2
    assert column(Typed, "data").type.name == "jsonb"
    assert "(20)" in column(Typed, "tags").type.sql
    assert column(Typed, "place").type.sql.endswith("(3)")


def test_an_int_primary_key_is_an_identity_and_others_are_not() -> None:
    class Plain(Model):
        id: Field[int] = field(primary_key=True)

    class Own(Model):
        id: Field[int] = field(primary_key=True, default=0)

    class Named(Model):
        name: Field[str] = field(primary_key=True)

    class Made(Model):
        id: Field[uuid.UUID] = field(primary_key=True, db_default="gen_random_uuid()")

    assert column(Plain, "id").identity and not column(Plain, "id").nullable
    assert not column(Own, "id").identity
    assert not column(Named, "name").identity
    assert column(Made, "id").db_default == "gen_random_uuid()" and column(Made, "id").generated


def test_composite_primary_key() -> None:
    class Seat(Model):
        row: Field[int] = field(primary_key=True)
        number: Field[int] = field(primary_key=True)
        note: Field[str | None]

    assert Seat.__table__.primary_key == ("row", "number")
    assert not column(Seat, "row").identity, "two identities would never be asked for"
    seat = Seat(row=1, number=2)
    assert seat.pk == (1, 2)
    assert seat == Seat(row=1, number=2, note="other") and hash(seat) == hash(Seat(row=1, number=2))


def test_table_names() -> None:
    class BlogPost(Model):
        id: Field[int] = field(primary_key=True)

    class HTTPLog(Model, table="access"):
        id: Field[int] = field(primary_key=True)

    class Other(Model):
        id: Field[int] = field(primary_key=True)

        class Meta:
            table = "elsewhere"
            schema = "archive"

    assert BlogPost.__table__.name == "blog_posts"
    assert HTTPLog.__table__.name == "access"
    assert Other.__table__.quoted == '"archive"."elsewhere"'


def test_meta_options() -> None:
    class Base:
        ordering = ("-name",)

    class Item(Model):
        id: Field[int] = field(primary_key=True)
        name: Field[str]
        kind: Field[str]

        class Meta(Base):
            indexes: ClassVar = [Index("name", "-kind")]
            constraints: ClassVar = [Check("name <> ''"), Unique("kind", name="one_of_a_kind")]
            unique_together = ("name", "kind")

    table = Item.__table__
    assert table.ordering == ("-name",)
    assert table.indexes == (Index("name", "-kind"),)
    assert table.checks == (Check("name <> ''"),)
    assert {u.columns for u in table.uniques} == {("name", "kind"), ("kind",)}


def test_unique_together_takes_several_groups_and_relations() -> None:
    class Writer(Model):
        id: Field[int] = field(primary_key=True)

    class Text(Model):
        id: Field[int] = field(primary_key=True)
        writer: ForeignKey[Writer] = foreign_key()
        title: Field[str]
        slug: Field[str]

        class Meta:
            unique_together = (("writer", "title"), ("slug", "title"))

    assert [u.columns for u in Text.__table__.uniques] == [("writer_id", "title"), ("slug", "title")]


def test_abstract_bases_share_fields() -> None:
    class Stamped(Model):
        id: Field[int] = field(primary_key=True)
        created: Field[dt.datetime] = field(db_default="now()")

        class Meta:
            abstract = True

        def age(self) -> str:
            return f"since {self.created}"

    class Owned(Model, abstract=True):
        owner: Field[str] = field(default="nobody")

    class Note(Stamped, Owned):
        text: Field[str]

    assert {c.attribute for c in Note.__table__.columns} == {"id", "created", "owner", "text"}
    assert Note(text="x").owner == "nobody"
    assert Note(text="x", created=1).age() == "since 1"
    with pytest.raises(FieldError, match="Stamped is abstract and has no instances"):
        Stamped(id=1)
    with pytest.raises(FieldError, match="Stamped is abstract: it has no table"):
        _ = Stamped.__table__
    with pytest.raises(FieldError, match="Model is abstract"):
        Model()
    with pytest.raises(FieldError, match="Note, which has a table of its own"):

        class Longer(Note):
            more: Field[str]


def test_an_abstract_base_has_foreign_keys_too() -> None:
    class Person(Model):
        id: Field[int] = field(primary_key=True)

    class Authored(Model, abstract=True):
        id: Field[int] = field(primary_key=True)
        by: ForeignKey[Person] = foreign_key()

    class Letter(Authored):
        pass

    class Card(Authored):
        pass

    assert Letter.by.owner is Letter and Card.by.owner is Card
    assert Letter.__table__.relations["by"].target is Person.__table__


def test_classes_made_with_type() -> None:
    Writer: Any = type("Writer", (Model,), {"__module__": __name__, "id": field(BigInt, primary_key=True)})
    Story: Any = type(
        "Story",
        (Model,),
        {
            "__module__": __name__,
            "id": field(BigInt, primary_key=True),
            "title": field(Text, null=True),
            "kind": field(Enum(Mood, "story_mood"), default=Mood.SAD),
            "writer": foreign_key("Writer", null=True, on_delete="set null"),
            "Meta": type("Meta", (), {"table": "tales"}),
        },
    )
    assert Story.__table__.name == "tales"
    assert column(Story, "title").nullable and column(Story, "writer_id").nullable
    assert Story.__table__.relations["writer"].target is Writer.__table__
    assert Story.__table__.foreign_keys[0].on_delete == "set null"
    assert Story().kind is Mood.SAD and Story().title is None and Story().writer_id is None
    assert column(Story, "kind").type.name == "story_mood"


def test_a_forward_reference_by_name() -> None:
    class Leaf(Model):
        id: Field[int] = field(primary_key=True)
        tree: ForeignKey["Limetree"] = foreign_key(related_name="leaves")  # noqa: UP037
        nest: ForeignKey[Nest | None] = foreign_key(default=None)

    with pytest.raises(FieldError, match=r"Leaf\.tree refers to the model 'Limetree', which is not defined"):
        _ = Leaf.__table__

    class Limetree(Model):
        id: Field[int] = field(primary_key=True)

    class Nest(Model):
        id: Field[int] = field(primary_key=True)

    relations = Leaf.__table__.relations
    assert relations["tree"].target is Limetree.__table__ and not relations["tree"].nullable
    assert relations["nest"].target is Nest.__table__ and relations["nest"].nullable
    assert "leaves" in vars(Limetree)


def test_a_name_means_the_model_of_the_same_place() -> None:
    def place() -> tuple[Any, Any]:
        class Room(Model):
            id: Field[int] = field(primary_key=True)
            house: ForeignKey["House"] = foreign_key(related_name="rooms")  # noqa: UP037

        class House(Model):
            id: Field[int] = field(primary_key=True)

        return Room, House

    first_room, first_house = place()
    second_room, second_house = place()
    assert first_room.__table__.relations["house"].target is first_house.__table__
    assert second_room.__table__.relations["house"].target is second_house.__table__
    assert vars(first_house)["rooms"].source() is first_room
    assert vars(second_house)["rooms"].source() is second_room


def test_self_references_and_cycles() -> None:
    class Worker(Model):
        id: Field[int] = field(primary_key=True)
        boss: ForeignKey["Worker | None"] = foreign_key(related_name="reports", default=None)  # noqa: UP037
        team: ForeignKey["Team | None"] = foreign_key(default=None)  # noqa: UP037

    class Team(Model):
        id: Field[int] = field(primary_key=True)
        lead: ForeignKey[Worker] = foreign_key()

    assert Worker.__table__.relations["boss"].target is Worker.__table__
    assert Worker.__table__.relations["team"].target.relations["lead"].target is Worker.__table__
    assert column(Worker, "boss_id").nullable and Worker().boss_id is None


def test_the_key_of_a_relation_has_the_type_of_its_target() -> None:
    class Country(Model):
        code: Field[str] = field(Char(2), primary_key=True)

    class Profile(Model):
        country: OneToOne[Country] = one_to_one(primary_key=True, column="land")
        note: Field[str | None]

    class City(Model):
        id: Field[int] = field(primary_key=True)
        profile: ForeignKey[Profile] = foreign_key(deferrable=True)

    assert column(Profile, "country_id").name == "land"
    assert column(Profile, "country_id").type.sql == column(Country, "code").type.sql
    assert Profile.__table__.primary_key == ("country_id",)
    assert column(City, "profile_id").type.sql == column(Country, "code").type.sql
    assert City.__table__.foreign_keys[0].target_columns == ("land",)
    assert City.__table__.foreign_keys[0].deferrable


def test_attributes_of_the_class_are_expressions() -> None:
    class Thing(Model):
        id: Field[int] = field(primary_key=True)
        other: ForeignKey["Thing | None"] = foreign_key(default=None)  # noqa: UP037

    for found in (Thing.id, Thing.other, Thing.other_id):  # type: ignore[attr-defined]
        assert isinstance(found, Expression)
    assert repr(Thing.id) == "Thing.id"
    with pytest.raises(TypeError, match="not a truth value"):
        bool(Thing.id == 1)


def test_plain_defaults_in_the_body() -> None:
    class Sized(Model):
        id: Field[int] = field(primary_key=True)
        size: Field[int] = 3
        parts: Field[list[str]] = field(default_factory=list)

    one, two = Sized(), Sized()
    assert one.size == 3
    one.parts.append("x")
    assert two.parts == []


def declare(annotations: dict[str, Any] | None = None, /, **body: Any) -> Any:
    body.setdefault("id", field(BigInt, primary_key=True))
    return type("Bad", (Model,), {"__module__": __name__, "__annotations__": annotations or {}, **body})


REFUSED: dict[str, tuple[Any, str]] = {
    "unknown annotation": (lambda: declare({"x": "Field[object]"}).__table__, r"Bad\.x: no PostgreSQL type"),
    "union": (lambda: declare({"x": "Field[int | str]"}).__table__, r"Bad\.x: no PostgreSQL type"),
    "undefined name": (lambda: declare({"x": "Field[Nonsuch]"}).__table__, r"Bad\.x: the name 'Nonsuch'"),
    "no brackets": (lambda: declare({"x": "Field"}), r"Bad\.x: write the type in brackets"),
    "syntax": (lambda: declare({"x": "Field[int"}), r"cannot read the annotation 'Field\[int'"),
    "other annotation": (lambda: declare({"x": "int"}, x=field()), r"Bad\.x: annotate it as Field"),
    "no type at all": (lambda: declare(x=field()), r"Bad\.x: without an annotation field\(\) needs a type"),
    "no target": (lambda: declare(x=foreign_key()), r"Bad\.x: without an annotation foreign_key\(\)"),
    "not a type": (lambda: field(int), r"takes a type from chakra\.types, not <class 'int'>"),
    "two defaults": (lambda: field(default=1, default_factory=int), "default or default_factory"),
    "shared default": (lambda: field(default=[]), "default_factory=list"),
    "db_default of Python": (
        lambda: field(db_default=list),
        r"made by the server: an expression, e\.g\. Now\(\)",
    ),
    "leading underscore": (lambda: declare(_x=field(Text)), r"Bad\._x: a field's name"),
    "double underscore": (lambda: declare(a__b=field(Text)), r"Bad\.a__b: a field's name"),
    "trailing underscore": (lambda: declare(a_=field(Text)), r"Bad\.a_: a field's name"),
    "pk": (lambda: declare(pk=field(Text)), r"Bad\.pk: a field's name"),
    "method name": (lambda: declare(save=field(Text)), r"Bad\.save: every model has an attribute"),
    "manager name": (lambda: declare({"objects": "Field[int]"}), r'column="objects"'),
    "on_delete": (lambda: foreign_key("Bad", on_delete="explode"), "on_delete='explode': use one of"),
    "target is no model": (lambda: declare(x=foreign_key(int)).__table__, r"Bad\.x must refer to a model"),
    "related_name": (lambda: declare(x=foreign_key("self", related_name="a b")), "related_name='a b'"),
    "related_name taken": (
        lambda: declare(y=field(Text), x=foreign_key("self", related_name="y")),
        r"related_name='y' is a field of Bad",
    ),
    "meta option": (
        lambda: declare(Meta=type("Meta", (), {"tabel": "x"})),
        "unknown option tabel; there are",
    ),
    "class keyword": (lambda: ModelWith(tabel="x"), "unknown option tabel"),
    "empty index": (Index, "an Index needs at least one column"),
    "empty unique": (Unique, "a Unique constraint needs at least one column"),
    "enum of no enum": (lambda: Enum(int), r"Enum\(\) takes a Python enum class"),
}


def ModelWith(**options: Any) -> Any:
    return type(Model)("Bad", (Model,), {"__module__": __name__}, **options)


@pytest.mark.parametrize("case", REFUSED)
def test_wrong_declarations_are_refused_with_a_reason(case: str) -> None:
    make, message = REFUSED[case]
    with pytest.raises(FieldError, match=message):
        make()


def test_a_key_to_an_abstract_model_is_refused() -> None:
    class Ghost(Model, abstract=True):
        id: Field[int] = field(primary_key=True)

    with pytest.raises(FieldError, match="Ghost is abstract and has no rows"):
        _ = declare(x=foreign_key(Ghost)).__table__


def test_enum_labels() -> None:
    class Carrier(Model):
        id: Field[int] = field(primary_key=True)
        mood: Field[Mood]
        level: Field[Level]

    assert column(Carrier, "mood").type.labels == ("happy", "sad")
    assert column(Carrier, "level").type.labels == ("LOW", "HIGH")


def test_tables_compare_by_what_the_database_sees() -> None:
    def make(attribute: str, name: str | None = None, size: int = 10) -> Any:
        body = {"__module__": __name__, "id": field(Integer, primary_key=True)}
        body[attribute] = field(Varchar(size), column=name)
        return type("Same", (Model,), body).__table__

    assert make("title") == make("headline", "title")
    assert make("title") != make("title", size=11)
    assert make("title") != make("headline")
