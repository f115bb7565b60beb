"""Foreign keys to another unique field than the primary key: columns, questions, loading, sets, errors."""

from __future__ import annotations

from typing import Any

import pytest

import chakra
from chakra import Count, F, Field, ForeignKey, Index, Model, Q, Sum, Unique, field, foreign_key
from chakra.errors import FieldError, ForeignKeyViolation, NotLoaded
from chakra.types import Integer, Text
from tests.query.conftest import watched
from tests.relations.to_field.models import Capital, City, Country, Language, Mayor, Spoken, fill


@pytest.fixture
async def countries(db: Any) -> list[Country]:
    return await fill(db)


async def names(query: Any) -> list[str]:
    return sorted([row.name for row in await query])


async def test_the_column_follows_the_field(countries: list[Country], db: Any) -> None:
    columns = await db.fetch(
        "select attrelid::regclass::text, attname, format_type(atttypid, atttypmod) from pg_attribute "
        "where attname in ('country_id', 'language_id', 'city_id', 'neighbour_id') and attrelid::regclass::text "
        "like 'tf_%' and attnum > 0 and (select relkind from pg_class where oid = attrelid) = 'r' order by 1, 2"
    )
    assert [tuple(row) for row in columns] == [
        ("tf_capitals", "country_id", "integer"),
        ("tf_cities", "country_id", "integer"),
        ("tf_countries", "neighbour_id", "integer"),
        ("tf_mayors", "city_id", "integer"),
        ("tf_spoken", "country_id", "integer"),
        ("tf_spoken", "language_id", "character varying(10)"),
    ]
    keys = await db.fetch(
        "select pg_get_constraintdef(oid) from pg_constraint where contype = 'f' and conrelid::regclass::text "
        "in ('tf_cities', 'tf_mayors') order by 1"
    )
    assert [row[0] for row in keys] == [
        "FOREIGN KEY (city_id) REFERENCES tf_capitals(country_id)",
        "FOREIGN KEY (country_id) REFERENCES tf_countries(number)",
    ]


async def test_an_instance_gives_the_field(countries: list[Country]) -> None:
    a, b, _ = countries
    city = City(name="x", country=a)
    assert city.country_id == 2
    assert city.country is a
    city.country = b
    assert city.country_id == 3
    await city.save()
    city.country_id = 1
    assert (await city.country).name == "c"
    city.country = None
    assert city.country_id is None
    assert city.country is None


async def test_an_instance_without_the_field_is_refused() -> None:
    with pytest.raises(FieldError, match=r"City\.country: this Country has no number yet"):
        City(name="x", country=Country(id=1, name="y"))
    assert City(country=Country(number=5, name="y")).country_id == 5  # the key it points at is known


async def test_filters_compare_the_field(countries: list[Country]) -> None:
    a, b, c = countries
    assert await names(City.objects.filter(country=a)) == ["a1", "a2"]
    assert await names(City.objects.filter(country=2)) == ["a1", "a2"]
    assert await names(City.objects.filter(country_id=3)) == ["b1"]
    assert await names(City.objects.filter(country__number=3)) == ["b1"]
    assert await names(City.objects.filter(country__id=2)) == ["b1"]
    assert await names(City.objects.filter(country__pk=2)) == ["b1"]
    assert await names(City.objects.filter(country__in=[b, c])) == ["b1"]
    assert await names(City.objects.filter(country__in=[a, 3])) == ["a1", "a2", "b1"]
    assert await names(City.objects.filter(country__gt=2)) == ["b1"]
    assert await names(City.objects.filter(country=None)) == ["d"]
    assert await names(City.objects.filter(country__isnull=False)) == ["a1", "a2", "b1"]
    assert await names(City.objects.exclude(country=a)) == ["b1", "d"]
    assert await names(City.objects.exclude(country__in=[a])) == ["b1", "d"]
    assert await names(City.objects.filter(City.country == b)) == ["b1"]
    assert await names(City.objects.filter(City.country.in_([a, b]))) == ["a1", "a2", "b1"]
    assert await names(City.objects.filter(~Q(country=a) & Q(country__isnull=False))) == ["b1"]
    assert await names(City.objects.filter(country__name="b")) == ["b1"]
    assert await names(City.objects.filter(country__neighbour=b)) == ["a1", "a2"]
    assert await names(City.objects.filter(country__neighbour__name="b")) == ["a1", "a2"]


async def test_the_way_back(countries: list[Country]) -> None:
    a, b, c = countries
    assert await names(Country.objects.filter(cities__name="b1")) == ["b"]
    b1 = await City.objects.get(name="b1")
    assert await names(Country.objects.filter(cities=b1)) == ["b"]
    assert await names(Country.objects.filter(cities=None)) == ["c"]
    assert await names(Country.objects.exclude(cities__name="a1")) == ["b", "c"]
    assert await names(a.cities) == ["a1", "a2"]
    assert await names(b.neighbours) == ["a"]
    assert (await b.capital).name == "B"
    assert await c.capital is None
    assert await names(Country.objects.filter(capital__name="A")) == ["a"]
    assert await Country.objects.order_by("name").values_list("name", "capital__name") == [
        ("a", "A"),
        ("b", "B"),
        ("c", None),
    ]


async def test_aggregates(countries: list[Country]) -> None:
    counted = Country.objects.order_by("name").annotate(n=Count("cities"), back=Count("neighbours"))
    assert await counted.values_list("name", "n", "back") == [("a", 2, 0), ("b", 1, 1), ("c", 0, 0)]
    by_key = City.objects.values("country").annotate(n=Count("id")).order_by("country")
    assert await by_key.values_list("country", "n") == [(2, 2), (3, 1), (None, 1)]
    ids = City.objects.aggregate
    assert await ids(s=Sum("country"), t=Sum("country__id")) == {"s": 7, "t": 4}


async def test_no_join_for_the_key(countries: list[Country]) -> None:
    for query in (City.objects.filter(country=countries[0]), City.objects.filter(country__number=1)):
        assert "JOIN" not in query.to_sql()[0]
    assert "JOIN" in City.objects.filter(country__pk=1).to_sql()[0]
    assert City.objects.filter(country=countries[0]).to_sql()[1] == [2]


async def test_loading(countries: list[Country], db: Any) -> None:
    with watched(db) as sent:
        found = await City.objects.order_by("name").select_related("country__neighbour", "country__capital")
        assert [(row.name, row.country and row.country.name) for row in found] == [
            ("a1", "a"),
            ("a2", "a"),
            ("b1", "b"),
            ("d", None),
        ]
        assert found[0].country.neighbour.name == "b"
        assert found[0].country.capital.name == "A"
    assert len(sent) == 1
    with watched(db) as sent:
        found = await City.objects.order_by("name").prefetch_related("country__cities", "country__languages")
        assert [row.country and [c.name for c in row.country.cities] for row in found] == [
            ["a1", "a2"],
            ["a1", "a2"],
            ["b1"],
            None,
        ]
        assert sorted(language.tag for language in found[0].country.languages) == ["de", "fr"]
    assert len(sent) == 4
    back = await Country.objects.order_by("name").prefetch_related("cities", "capital", "neighbours")
    assert [[c.name for c in row.cities] for row in back] == [["a1", "a2"], ["b1"], []]
    assert [row.capital and row.capital.name for row in back] == ["A", "B", None]
    assert [[c.name for c in row.neighbours] for row in back] == [[], ["a"], []]
    assert [city.country is back[0] for city in back[0].cities] == [True, True]
    with watched(db) as sent:
        city = await City.objects.get(name="b1")
        assert (await city.country).name == "b"
    assert len(sent) == 2


async def test_a_changed_key_never_shows_the_old_partner(countries: list[Country]) -> None:
    for query in (City.objects.select_related("country"), City.objects.prefetch_related("country")):
        city = await query.get(name="a1")
        assert city.country.name == "a"
        city.country_id = 3
        with pytest.raises(NotLoaded, match=r"City\.country is not loaded"):
            _ = city.country.name
        assert (await city.country).name == "b"


async def test_what_is_not_loaded_stands_for_its_key(countries: list[Country]) -> None:
    a, b, _ = countries
    city = await City.objects.get(name="b1")
    assert await names(City.objects.filter(country=city.country)) == ["b1"]
    assert await names(City.objects.filter(country__in=[city.country, a])) == ["a1", "a2", "b1"]
    assert city.country == b
    assert city.country != a
    with pytest.raises(NotLoaded, match=r"City\.country is not loaded, so \.id cannot be read"):
        await Country.objects.filter(pk=city.country)
    with pytest.raises(NotLoaded, match=r"so \.id cannot be read"):
        hash(city.country)
    nowhere = await City.objects.get(name="d")
    assert await names(City.objects.filter(country=nowhere.country)) == []
    assert not nowhere.country
    assert nowhere.country == None  # noqa: E711


async def test_a_field_that_was_not_loaded_is_named(countries: list[Country]) -> None:
    part = await Country.objects.only("name").get(name="b")
    with pytest.raises(NotLoaded, match=r"Country\.number was not loaded"):
        await City.objects.filter(country=part)


async def test_sets_of_the_way_back(countries: list[Country]) -> None:
    a, b, c = countries
    made = await c.cities.create(name="c1")
    assert made.country_id == 1
    found, created = await c.cities.get_or_create(name="c2")
    assert (found.country_id, created) == (1, True)
    d = await City.objects.get(name="d")
    await c.cities.add(d)
    assert d.country is c
    assert (await City.objects.get(name="d")).country_id == 1
    await c.cities.remove(d)
    assert (await City.objects.get(name="d")).country_id is None
    await b.cities.set([d])
    assert await names(b.cities) == ["d"]
    assert await names(City.objects.filter(country=None)) == ["b1"]
    await b.cities.clear()
    assert await names(City.objects.filter(country=None)) == ["b1", "d"]
    await c.cities.bulk_create([City(name="c3"), City(name="c4")])
    assert await names(c.cities) == ["c1", "c2", "c3", "c4"]
    assert await a.cities.count() == 2


async def test_writes(countries: list[Country]) -> None:
    a, _, c = countries
    assert await City.objects.filter(name="d").update(country=a) == 1
    assert await names(a.cities) == ["a1", "a2", "d"]
    assert await City.objects.filter(country=a).update(country=None) == 3
    assert await City.objects.filter(name__in=["a1", "a2"]).update(country_id=F("id")) == 2
    assert await City.objects.order_by("name").values_list("country", flat=True) == [1, 2, 3, None]
    await City.objects.bulk_create([City(name=f"x{i}", country=c) for i in range(600)])
    assert await City.objects.filter(country__name="c", name__startswith="x").count() == 600
    with pytest.raises(
        FieldError, match=r"City\.country_id takes an instance of Country, not an instance of City"
    ):
        await City.objects.update(country=City())
    with pytest.raises(FieldError, match=r"City\.country_id takes an instance of Country"):
        await City.objects.filter(country=Language())
    with pytest.raises(ForeignKeyViolation):
        await City.objects.create(name="y", country_id=77)


async def test_the_server_does_on_delete(countries: list[Country]) -> None:
    a, b, _ = countries
    await b.cities.clear()
    await b.delete()
    await a.refresh()
    assert a.neighbour_id is None
    assert await names(Capital.objects.all()) == ["A"]
    assert await Spoken.objects.values_list("country", flat=True).distinct() == [2]


async def test_many_to_many_through_such_keys(countries: list[Country]) -> None:
    a, b, c = countries
    de, fr = await Language.objects.order_by("tag")
    assert await names(fr.countries) == ["a", "b"]
    assert await names(Country.objects.filter(languages=de)) == ["a"]
    assert await names(Country.objects.filter(languages="fr")) == ["a", "b"]
    assert await names(Country.objects.filter(languages__tag="fr", languages__id=fr.id)) == ["a", "b"]
    assert await names(Country.objects.exclude(languages=fr)) == ["c"]
    assert await Country.objects.annotate(n=Count("languages")).order_by("name").values_list(
        "n", flat=True
    ) == [
        2,
        1,
        0,
    ]
    await c.languages.set([de])
    await a.languages.remove(de)
    assert await names(de.countries) == ["c"]
    await de.countries.add(b, 2)  # a country or its number
    assert await names(de.countries) == ["a", "b", "c"]
    it = await b.languages.create(tag="it")
    assert await names(it.countries) == ["b"]
    assert await Spoken.objects.filter(official=True).values_list("country", "language") == [(3, "fr")]
    found = await Country.objects.order_by("name").prefetch_related("languages")
    assert [sorted(language.tag for language in row.languages) for row in found] == [
        ["de", "fr"],
        ["de", "fr", "it"],
        ["de"],
    ]
    await a.languages.clear()
    assert await names(Country.objects.filter(languages=None)) == ["a"]


async def test_a_key_of_a_key(countries: list[Country]) -> None:
    a, b, _ = countries
    capital = await b.capital
    mayor = await Mayor.objects.create(name="m", city=capital)
    assert mayor.pk == 3
    assert await Mayor.objects.filter(city__country=b).values_list("name", flat=True) == ["m"]
    assert await Mayor.objects.filter(city__country__name="b").values_list("name", flat=True) == ["m"]
    assert await names(Country.objects.filter(capital__mayor__name="m")) == ["b"]
    assert (await capital.mayor).name == "m"
    assert await (await a.capital).mayor is None
    assert await Mayor.objects.filter(city=capital).count() == 1
    assert await Mayor.objects.filter(pk=mayor).count() == 1


async def test_columns(countries: list[Country]) -> None:
    table = await City.objects.order_by("name").values("name", "country", "country__name").to_arrow()
    assert table.to_pydict() == {
        "name": ["a1", "a2", "b1", "d"],
        "country": [2, 2, 3, None],
        "country__name": ["a", "a", "b", None],
    }
    assert str(table.schema.field("country").type) == "int32"
    counted = Country.objects.annotate(n=Count("languages")).order_by("name").values("name", "n")
    assert (await counted.to_arrow()).to_pydict() == {"name": ["a", "b", "c"], "n": [2, 1, 0]}


async def test_prefetching_instances_that_are_there(countries: list[Country]) -> None:
    rows = await City.objects.order_by("name")
    await chakra.prefetch(rows, "country__capital")
    assert [row.country and row.country.capital.name for row in rows] == ["A", "A", "B", None]


def declare(**body: Any) -> Any:
    made: Any = type(Model)("Bad", (Model,), {"__module__": __name__, **body})
    return made.__table__


class Target(Model, table="tf_targets"):
    id: Field[int] = field(primary_key=True)
    code: Field[str] = field(unique=True)
    one: Field[int] = field(Integer)
    two: Field[int] = field(Integer)
    part: Field[str] = field(Text)
    plain: Field[str] = field(Text)

    class Meta:
        constraints = (Unique("one", "two"),)
        indexes = (Index("part", unique=True, where="id > 5"), Index("plain"))


class Keyless(Model, table="tf_keyless"):
    code: Field[str] = field(unique=True)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": (
        {"to_field": "cod"},
        r"Bad\.x: to_field names 'cod', no field of Target; it has id, code, one, two",
    ),
    "plain": (
        {"to_field": "plain"},
        r"Bad\.x: to_field='plain' of Target is not unique, .*; unique are id; code; one, two$",
    ),
    "one of two": ({"to_field": "one"}, "to_field='one' of Target is not unique"),
    "unique among some": ({"to_field": "part"}, "to_field='part' of Target is not unique"),
    "too many": ({"fields": ("a", "b")}, r"Bad\.x refers to Target by its fields id, and holds a, b"),
    "column and fields": ({"fields": "a", "column": "b"}, r"foreign_key\(column='b', fields='a'\)"),
}


@pytest.mark.parametrize(("options", "says"), REFUSED.values(), ids=REFUSED)
def test_a_key_that_leads_to_no_single_row_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(FieldError, match=says):
        declare(id=field(Integer, primary_key=True), x=foreign_key(Target, **options))


def test_a_target_without_a_primary_key() -> None:
    with pytest.raises(FieldError, match=r"Bad\.x: Keyless has no primary key .*to_field="):
        declare(id=field(Integer, primary_key=True), x=foreign_key(Keyless))


async def test_rows_of_a_target_without_a_primary_key(db: Any) -> None:
    class Leaf(Model, table="tf_leaves"):
        id: Field[int] = field(primary_key=True)
        to: ForeignKey[Keyless | None] = foreign_key(to_field="code", related_name="leaves")

    await db.create_tables(Keyless, Leaf)
    await Keyless.objects.create(code="k")
    await Leaf.objects.create(to=Keyless(code="k"))
    await Leaf.objects.create(to=None)
    found = await Leaf.objects.order_by("id").select_related("to")
    assert [row.to and row.to.code for row in found] == ["k", None]
    found = await Leaf.objects.order_by("id").prefetch_related("to")
    assert [row.to and row.to.code for row in found] == ["k", None]
    assert await Leaf.objects.filter(to=Keyless(code="k")).count() == 1


async def test_a_field_holds_the_key(db: Any) -> None:
    class Kept(Model, table="tf_kept"):
        id: Field[int] = field(primary_key=True)
        code: Field[str | None] = field(column="target_code", default=None)
        target: ForeignKey[Target] = foreign_key(to_field="code", fields="code", related_name="kept")

    assert [column.name for column in Kept.__table__.columns] == ["id", "target_code"]
    await db.create_tables(Target, Kept)
    target = await Target.objects.create(code="t", one=1, two=2, part="", plain="")
    made = await Kept.objects.create(target=target)
    assert made.code == "t"
    assert await Kept.objects.filter(code="t", target=target).count() == 1
    assert await target.kept.count() == 1
    made.code = None
    assert await made.target is None
    with pytest.raises(FieldError, match=r"Bad\.x would make the field x_id, which Bad declares itself"):
        declare(id=field(Integer, primary_key=True), x_id=field(Integer), x=foreign_key(Target))


async def test_what_points_here_is_awaited_without_the_key_that_it_holds(countries: list[Country]) -> None:
    every = await Country.objects.order_by("id")
    for mode in ("one", "peers"):
        lean = await Country.objects.only("name").order_by("id").fetch_mode(mode)
        for whole, row in zip(every, lean, strict=True):
            assert await names(row.cities.all()) == await names(whole.cities)
            assert await names(row.cities) == await names(whole.cities), mode
            assert await row.capital == await whole.capital
            assert {x.tag for x in await row.languages} == {x.tag for x in await whole.languages}
    (lean, *_) = await Country.objects.only("name").order_by("id")
    with pytest.raises(NotLoaded, match=r"Country\.number"):
        await lean.cities.create(name="new")
