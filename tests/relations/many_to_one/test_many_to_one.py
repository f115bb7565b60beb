"""A key that cannot be NULL: reading it, writing it, asking by it, and the rows that hold it."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import F, Field, ForeignKey, Model, Q, field, foreign_key
from chakra.errors import DoesNotExist, FieldError, ForeignKeyViolation, NotLoaded, NotNullViolation
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class City(Model, table="mo_cities"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Reporter(Model, table="mo_reporters"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    home: ForeignKey[City] = foreign_key(related_name="natives")
    desk: ForeignKey[City] = foreign_key(related_name="staff")


class Article(Model, table="mo_articles"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    reporter: ForeignKey[Reporter] = foreign_key(related_name="articles", on_delete="cascade")


MODELS = (City, Reporter, Article)


async def fill() -> None:
    """Oslo 1, Rome 2; John 1 (of Oslo, in Rome): articles This 1, That 2; Paul 2 (Rome, Rome): Other 3; Mary 3 (Rome,
    Oslo): none.
    """
    oslo, rome = await City.objects.create(name="Oslo"), await City.objects.create(name="Rome")
    john = await Reporter.objects.create(name="John", home=oslo, desk=rome)
    paul = await Reporter.objects.create(name="Paul", home=rome, desk=rome)
    await Reporter.objects.create(name="Mary", home=rome, desk=oslo)
    for title, reporter in (("This", john), ("That", john), ("Other", paul)):
        await Article.objects.create(title=title, reporter=reporter)


async def titles(query: Any) -> list[str]:
    return [article.title for article in await query.order_by("id")]


async def names(query: Any) -> list[str]:
    return [reporter.name for reporter in await query.order_by("id")]


async def test_the_row_behind_a_key(rows: Any) -> None:
    article = await Article.objects.get(title="This")
    assert article.reporter_id == 1
    with sends(rows, 1):
        reporter = await article.reporter
        assert reporter.name == "John"
        assert await article.reporter is reporter
        assert article.reporter is reporter
    again = await Article.objects.get(title="This")
    with sends(rows, 0):
        assert again.reporter == reporter  # the key says so
        assert len({again.reporter, reporter}) == 1
        assert bool(again.reporter)
        with pytest.raises(NotLoaded, match=r'Article\.reporter is not loaded.*select_related\("reporter"\)'):
            again.reporter.name  # noqa: B018
        with pytest.raises(NotLoaded):
            again.reporter.name = "x"


async def test_a_row_behind_a_key_that_is_gone(rows: Any) -> None:
    article = Article(title="new", reporter_id=77)
    with pytest.raises(
        Reporter.DoesNotExist, match=r"Article\.reporter points at Reporter 77, which is gone"
    ):
        await article.reporter
    with pytest.raises(ForeignKeyViolation):
        await article.save()


async def test_assigning(rows: Any) -> None:
    """The key follows the row, and the row the key; save() writes the key alone."""
    paul = await Reporter.objects.get(name="Paul")
    article = await Article.objects.get(title="This")
    article.reporter = paul
    assert article.reporter_id == 2
    with sends(rows, 1) as statements:
        await article.save()
        assert article.reporter is paul  # what is loaded survives
    assert statements[0].startswith('UPDATE "mo_articles" SET "reporter_id" = $1::bigint WHERE "id" = $2')
    assert await titles(paul.articles) == ["This", "Other"]
    article.reporter_id = 3
    with pytest.raises(NotLoaded):
        article.reporter.name  # noqa: B018
    assert (await article.reporter).name == "Mary"
    article.reporter = paul
    await article.refresh()
    assert article.reporter_id == 2
    with pytest.raises(NotLoaded):
        article.reporter.name  # noqa: B018


@pytest.mark.parametrize("value", [1, "John", City(id=1, name="Oslo")], ids=["key", "text", "other model"])
async def test_only_rows_of_the_model_are_assigned(rows: Any, value: Any) -> None:
    article = await Article.objects.get(id=1)
    with pytest.raises(FieldError, match=r"Article\.reporter takes an instance of Reporter or None, not"):
        article.reporter = value
    assert article.reporter_id == 1
    with pytest.raises(FieldError, match=r"Article\.reporter takes an instance of Reporter or None, not"):
        Article(title="new", reporter=value)


async def test_rows_that_are_not_saved(rows: Any) -> None:
    new = Reporter(name="new", home_id=1, desk_id=1)
    with pytest.raises(FieldError, match=r"Article\.reporter: this Reporter has no id yet; save it first"):
        Article(title="x", reporter=new)
    with pytest.raises(FieldError, match="this Reporter has no id yet"):
        await Article.objects.filter(reporter=new)
    with pytest.raises(FieldError, match=r"Reporter\.articles: this Reporter has no id yet"):
        new.articles  # noqa: B018
    with pytest.raises(FieldError, match=r"Reporter\.articles\.add\(\): this Article has no id yet"):
        await (await Reporter.objects.get(id=1)).articles.add(Article(title="x"))


async def test_no_row_where_one_has_to_be(rows: Any) -> None:
    article = await Article.objects.get(id=1)
    article.reporter = None  # type: ignore[assignment]
    assert article.reporter is None
    with pytest.raises(NotNullViolation, match="reporter_id"):
        await article.save()
    with pytest.raises(NotNullViolation, match="reporter_id"):
        await Article.objects.create(title="none")
    assert await Article.objects.count() == 3


async def test_new_rows_of_a_set(rows: Any) -> None:
    john = await Reporter.objects.get(name="John")
    with sends(rows, 1):
        made = await john.articles.create(title="New")
    assert made.reporter is john
    assert await titles(john.articles) == ["This", "That", "New"]
    found, created = await john.articles.get_or_create(title="Other")  # Paul's is not John's
    assert created and found.reporter_id == 1
    found, created = await john.articles.filter(title="This").update_or_create({"title": "These"}, id=1)
    assert not created
    assert await titles(john.articles) == ["These", "That", "New", "Other"]


async def test_add_takes_rows_from_others(rows: Any) -> None:
    john, paul = await Reporter.objects.get(id=1), await Reporter.objects.get(id=2)
    this, that = await Article.objects.filter(reporter=john).order_by("id")
    with sends(rows, 1) as statements:
        await paul.articles.add(this, that, this)
    assert statements[0].startswith('UPDATE "mo_articles" SET "reporter_id" = $1')
    assert (this.reporter, that.reporter) == (paul, paul)
    assert await titles(paul.articles) == ["This", "That", "Other"]
    assert await john.articles.count() == 0
    with sends(rows, 0):
        await paul.articles.add()


async def test_a_set_whose_rows_need_an_owner(rows: Any) -> None:
    """remove, clear and set would leave rows without one; set that leaves none behind is fine."""
    john = await Reporter.objects.get(id=1)
    this, that, other = await Article.objects.order_by("id")
    for call in (john.articles.remove(this), john.articles.clear(), john.articles.set([this])):
        with pytest.raises(FieldError, match=r"Article\.reporter cannot be NULL"):
            await call
    assert await titles(john.articles) == ["This", "That"]
    await john.articles.set([that, other, this])
    assert await titles(john.articles) == ["This", "That", "Other"]


async def test_asking_by_the_key(rows: Any) -> None:
    """No join: the table has the key."""
    john, paul = await Reporter.objects.get(id=1), await Reporter.objects.get(id=2)
    unloaded = (await Article.objects.get(id=1)).reporter
    for condition in (
        {"reporter": john},
        {"reporter": 1},
        {"reporter": unloaded},
        {"reporter_id": 1},
        {"reporter__id": 1},
        {"reporter__pk": 1},
        {"reporter__exact": john},
        {"reporter__in": [john]},
        {"reporter__in": [1, 77]},
        {"reporter__id__lt": 2},
        {"reporter__lt": 2},
    ):
        query = Article.objects.filter(**condition)
        assert "JOIN" not in query.to_sql()[0], condition
        assert await titles(query) == ["This", "That"], condition
        assert await titles(Article.objects.exclude(**condition)) == ["Other"], condition
    assert await titles(Article.objects.filter(Article.reporter == john)) == ["This", "That"]
    assert await titles(Article.objects.filter(reporter__in=[john, paul])) == ["This", "That", "Other"]
    assert await titles(Article.objects.filter(reporter__in=[])) == []
    assert await titles(Article.objects.filter(reporter=None)) == []


async def test_asking_by_fields_of_the_row_behind(rows: Any) -> None:
    """However often a relation is named, it is joined once."""
    query = Article.objects.filter(reporter__name="John", title="This")
    assert await titles(query) == ["This"]
    query = (
        Article.objects.filter(reporter__name__startswith="J")
        .filter(Q(reporter__name__endswith="n") | Q(reporter__home__name="Rome"))
        .exclude(reporter__name="Jon")
        .order_by("-reporter__name", "-id")
        .select_related("reporter")
    )
    sql, _ = query.to_sql()
    assert sql.count("JOIN") == 2  # reporters and cities
    assert sql.count('"mo_reporters"') == 1
    assert [article.title for article in await query] == ["That", "This"]
    assert await titles(Article.objects.filter(reporter__home__name="Rome")) == ["Other"]
    assert await titles(Article.objects.filter(reporter__desk__name="Rome")) == ["This", "That", "Other"]


async def test_two_keys_to_one_model(rows: Any) -> None:
    """Each is a relation of its own, forward and back."""
    query = Reporter.objects.filter(home__name="Rome", desk__name="Oslo")
    assert query.to_sql()[0].count('JOIN "mo_cities"') == 2
    assert await names(query) == ["Mary"]
    assert await names(Reporter.objects.filter(home=F("desk"))) == ["Paul"]
    assert await names(Reporter.objects.exclude(home=F("desk"))) == ["John", "Mary"]
    rome = await City.objects.get(name="Rome")
    assert await names(rome.natives) == ["Paul", "Mary"]
    assert await names(rome.staff) == ["John", "Paul"]
    assert await City.objects.filter(natives__name="John").values_list("name", flat=True) == ["Oslo"]
    assert await City.objects.filter(staff__name="John").values_list("name", flat=True) == ["Rome"]
    assert await City.objects.filter(natives__articles__title="This", staff__name="Mary").count() == 1
    assert await City.objects.filter(natives__name="Paul", staff__name="Mary").count() == 0


async def test_asking_from_the_other_side(rows: Any) -> None:
    """A row comes once, whatever a condition finds; the partners are looked for, and not joined."""
    query = Reporter.objects.filter(articles__title__startswith="Th")
    sql, _ = query.to_sql()
    assert "JOIN" not in sql and sql.count("EXISTS") == 1
    assert await names(query) == ["John"]
    assert await query.count() == 1
    assert await names(Reporter.objects.filter(articles=3)) == ["Paul"]
    assert await names(Reporter.objects.filter(articles__in=[1, 2, 3])) == ["John", "Paul"]
    assert await names(Reporter.objects.filter(articles__reporter__articles__title="That")) == ["John"]
    assert await names(Reporter.objects.filter(articles=None)) == ["Mary"]


async def test_values_along_the_key(rows: Any) -> None:
    found = Article.objects.order_by("id").values("title", "reporter", "reporter_id", "reporter__home__name")
    assert (await found)[0] == {
        "title": "This", "reporter": 1, "reporter_id": 1, "reporter__home__name": "Oslo",
    }  # fmt: skip
    assert found.to_sql()[0].count("JOIN") == 2
    assert await Article.objects.filter(title=F("reporter__name")).count() == 0
    frame = await Article.objects.order_by("id").values("reporter__name").to_arrow()
    assert frame["reporter__name"].to_pylist() == ["John", "John", "Paul"]


async def test_rows_go_with_their_owner(rows: Any) -> None:
    """The server does it, in the statement that deletes the owner; elsewhere it refuses."""
    john = await Reporter.objects.get(id=1)
    with sends(rows, 1):
        assert await john.delete() == 1
    assert await titles(Article.objects.all()) == ["Other"]
    with pytest.raises(ForeignKeyViolation):
        await City.objects.filter(name="Rome").delete()
    assert await City.objects.count() == 2
    assert await Article.objects.filter(reporter__desk__name="Rome").delete() == 1
    assert await Article.objects.count() == 0


async def test_writing_the_key_of_many_rows(rows: Any) -> None:
    paul = await Reporter.objects.get(id=2)
    assert await Article.objects.filter(reporter__name="John").update(reporter=paul) == 2
    assert await titles(paul.articles) == ["This", "That", "Other"]
    assert await Article.objects.update(reporter_id=1) == 3
    with pytest.raises(FieldError, match=r"Article\.reporter_id takes an instance of Reporter"):
        await Article.objects.update(reporter=await City.objects.get(id=1))
    with pytest.raises(
        FieldError, match=r"Reporter\.articles leads to rows of Article.*instance\.articles\.set"
    ):
        await Reporter.objects.update(articles=[1])


async def test_getting_or_making_by_the_row_behind(rows: Any) -> None:
    john = await Reporter.objects.get(id=1)
    _, created = await Article.objects.get_or_create(title="This", reporter=john)
    assert not created
    found, created = await Article.objects.get_or_create({"reporter": john}, title="Fresh")
    assert created and found.reporter is john
    with pytest.raises(DoesNotExist):
        await Article.objects.get(reporter=john, title="Other")
