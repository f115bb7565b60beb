"""Names that relations and lists take, and sets of partners that are changed by keys in any spelling."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chakra import Count, Field, ForeignKey, ManyToMany, Model, Prefetch, field, foreign_key, many_to_many
from chakra.errors import FieldError
from chakra.types import Integer


class Owner(Model, table="ns_owners"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]

    def greet(self) -> str:
        """Say hello."""
        return f"hello, {self.name}"


class Thing(Model, table="ns_things"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    owner: ForeignKey[Owner | None] = foreign_key(related_name="things")
    labels: ManyToMany["Label"] = many_to_many(related_name="things")  # noqa: UP037


class Label(Model, table="ns_labels"):
    name: Field[str] = field(primary_key=True)


class Book(Model, table="ns_books"):
    id: Field[uuid.UUID] = field(primary_key=True, default_factory=uuid.uuid4)
    readers: ManyToMany["Reader"] = many_to_many(through="Loan", related_name="books")  # noqa: UP037


class Reader(Model, table="ns_readers"):
    id: Field[uuid.UUID] = field(primary_key=True, default_factory=uuid.uuid4)


class Loan(Model, table="ns_loans"):
    id: Field[int] = field(primary_key=True)
    book: ForeignKey[Book] = foreign_key(on_delete="cascade")
    reader: ForeignKey[Reader] = foreign_key(on_delete="cascade")
    stars: Field[int] = field(Integer, default=3)


@pytest.fixture
async def things(db: Any) -> list[Owner]:
    """Two owners; the first has two things, the first of which is labelled."""
    await db.create_tables(Owner, Thing, Label)
    first, second = [await Owner.objects.create(name=name) for name in ("a", "b")]
    one = await first.things.create(name="one")
    await first.things.create(name="two")
    await one.labels.create(name="red")
    return [first, second]


@pytest.mark.parametrize(
    "name",
    ["save", "delete", "objects", "pk", "greet", "DoesNotExist", "things"],
)
@pytest.mark.parametrize("kind", ["foreign key", "many to many"])
def test_a_way_back_hides_nothing_that_is_there(name: str, kind: str) -> None:
    before = Owner.__mro__, vars(Owner).get(name)
    with pytest.raises(FieldError, match=f"related_name='{name}'"):
        if kind == "foreign key":

            class One(Model, table="ns_one"):
                id: Field[int] = field(primary_key=True)
                to: ForeignKey[Owner] = foreign_key(related_name=name)
        else:

            class Many(Model, table="ns_many"):
                id: Field[int] = field(primary_key=True)
                to: ManyToMany[Owner] = many_to_many(related_name=name)

    assert (Owner.__mro__, vars(Owner).get(name)) == before


def test_two_models_of_one_abstract_relation_need_two_names() -> None:
    class Base(Model, abstract=True):
        id: Field[int] = field(primary_key=True)
        owner: ForeignKey[Owner] = foreign_key(related_name="owned")

    class First(Base, table="ns_first"):
        pass

    with pytest.raises(FieldError, match=r"is the way back of First\.owner already"):

        class Second(Base, table="ns_second"):
            pass


def test_a_model_that_is_defined_again_keeps_its_way_back() -> None:
    def define() -> Any:
        class Again(Model, table="ns_again"):
            id: Field[int] = field(primary_key=True)
            owner: ForeignKey[Owner] = foreign_key(related_name="agains")

        return Again

    define()
    again = define()
    assert Owner.__table__.relations["agains"].target is again.__table__


async def test_two_models_of_one_name_have_a_table_between(db: Any) -> None:
    class Twin(Model, table="ns_twins"):
        id: Field[int] = field(primary_key=True)

    one = Twin

    class Twin(Model, table="ns_other_twins"):  # type: ignore[no-redef]
        id: Field[int] = field(primary_key=True)
        others: ManyToMany[one] = many_to_many(related_name="back")  # type: ignore[valid-type]

    await db.create_tables(one, Twin)
    twin, other = await Twin.objects.create(), await one.objects.create()
    await twin.others.add(other)
    assert await twin.others == [other]


@pytest.mark.parametrize("name", ["name", "pk", "save", "things", "_state", "greet"])
def test_a_list_hides_nothing_that_is_there(name: str) -> None:
    with pytest.raises(FieldError, match="to_attr"):
        Owner.objects.prefetch_related(Prefetch("things", to_attr=name))


def test_two_lists_have_two_names() -> None:
    with pytest.raises(FieldError, match="the list of another"):
        Thing.objects.prefetch_related(Prefetch("owner", to_attr="k"), Prefetch("labels", to_attr="k"))
    with pytest.raises(FieldError, match="an annotation"):
        Owner.objects.annotate(k=Count("things")).prefetch_related(Prefetch("things", to_attr="k"))


async def test_the_query_of_a_prefetch_loads_what_it_says_itself(things: list[Owner]) -> None:
    query = Thing.objects.order_by("id").prefetch_related("labels")
    found = await Owner.objects.order_by("id").prefetch_related(Prefetch("things", query, to_attr="mine"))
    assert [[[label.name for label in t.labels] for t in owner.mine] for owner in found] == [
        [["red"], []],
        [],
    ]


async def test_values_need_no_relations(things: list[Owner]) -> None:
    query = Owner.objects.order_by("id").prefetch_related("things").values("name")
    assert await query == [{"name": "a"}, {"name": "b"}]


async def test_a_loaded_set_is_forgotten_when_its_rows_are_written(things: list[Owner]) -> None:
    owner = await Owner.objects.prefetch_related("things").get(name="a")
    assert await owner.things.filter(name="two").update(name="TWO") == 1
    assert [t.name for t in await owner.things.order_by("id")] == ["one", "TWO"]
    assert {t.name for t in await owner.things} == {"one", "TWO"}
    owner = await Owner.objects.prefetch_related("things").get(name="a")
    assert await owner.things.filter(name="TWO").delete() == 1
    assert await owner.things.count() == 1


async def test_columns_do_not_say_whose_rows_they_are(things: list[Owner]) -> None:
    with pytest.raises(FieldError, match="belong to nobody"):
        await things[0].things.bulk_insert({"name": ["three"]})
    assert await Thing.objects.filter(name="three").count() == 0


async def test_a_key_is_the_same_in_any_spelling(db: Any) -> None:
    await db.create_tables(Book, Reader, Loan)
    book = await Book.objects.create()
    one, two = await Reader.objects.create(), await Reader.objects.create()
    loans = Loan.objects.order_by("id").values_list("reader_id", "stars")
    await book.readers.add(one, through_defaults={"stars": 5})
    await book.readers.set([str(one.id).upper(), two.id])
    assert await loans == [(one.id, 5), (two.id, 3)]
    await book.readers.add(one.id.hex, str(two.id), one)
    assert await loans == [(one.id, 5), (two.id, 3)]
    with pytest.raises(FieldError, match="unpack it"):
        await book.readers.add([one, two])


async def test_partners_that_are_linked_twice_are_loaded_once(db: Any) -> None:
    await db.create_tables(Book, Reader, Loan)
    book, reader, other = (
        await Book.objects.create(),
        await Reader.objects.create(),
        await Reader.objects.create(),
    )
    for who in (reader, other, reader):
        await Loan.objects.create(book=book, reader=who)
    (loaded,) = await Book.objects.prefetch_related("readers")
    assert len(loaded.readers) == await book.readers.count() == 2
    assert {r.id for r in loaded.readers} == {reader.id, other.id}


def test_a_base_names_the_way_back_after_each_model() -> None:
    class Person(Model, table="named_persons"):
        id: Field[int] = field(primary_key=True)

    class Owned(Model):
        id: Field[int] = field(primary_key=True)
        owner: ForeignKey[Person] = foreign_key(related_name="%(class)s_set")

        class Meta:
            abstract = True

    class Car(Owned, table="named_cars"):
        pass

    class Boat(Owned, table="named_boats"):
        pass

    assert {"car_set", "boat_set"} <= set(Person.__table__.relations)
    assert 'FROM "named_boats" AS' in Person.objects.filter(boat_set__id=1, car_set=None).to_sql()[0]
