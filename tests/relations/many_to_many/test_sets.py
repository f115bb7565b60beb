"""Sets of partners: what is written, how often the server is asked, what is loaded afterwards, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_asyncio

from chakra import Field, ManyToMany, Model, field, many_to_many
from chakra.errors import DataError, FieldError, ForeignKeyViolation, UniqueViolation
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class Article(Model, table="ms_articles"):
    id: Field[int] = field(primary_key=True)
    title: Field[str] = field(unique=True)
    papers: ManyToMany["Paper"] = many_to_many(related_name="articles")  # noqa: UP037


class Paper(Model, table="ms_papers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


class Other(Model, table="ms_others"):
    id: Field[int] = field(primary_key=True)


MODELS = (Article, Paper, Other)


async def fill() -> None:
    """Articles a 1 (papers x 1, y 2), b 2 (y), c 3 (none); paper z 3 has none."""
    a, b, _ = [await Article.objects.create(title=title) for title in "abc"]
    x, y, _ = [await Paper.objects.create(name=name) for name in "xyz"]
    await a.papers.add(x, y)
    await b.papers.add(y)


@pytest_asyncio.fixture(loop_scope="module")
async def articles(rows: Any) -> list[Article]:
    return await Article.objects.order_by("id").prefetch_related("papers")


@pytest_asyncio.fixture(loop_scope="module")
async def papers(rows: Any) -> list[Paper]:
    return await Paper.objects.order_by("id").prefetch_related("articles")


def names(rows: Any) -> str:
    return "".join(getattr(row, "name", None) or row.title for row in rows)


async def links(database: Any) -> list[tuple[int, int]]:
    return [tuple(r) for r in await database.fetch("select * from ms_articles_papers order by 1, 2")]


async def test_how_often_the_server_is_asked(articles: list[Article], papers: list[Paper], rows: Any) -> None:
    """Whatever the number of partners; set writes the two halves of the difference, and nothing where there is none."""
    a, b, c = articles
    x, y, z = papers
    with sends(rows, 1) as statements:
        assert names(await a.papers.order_by("name")) == "xy"
    assert statements[0].count("JOIN") + statements[0].count("EXISTS") == 1
    with sends(rows, 1):
        await b.papers.remove(x, y, z)
    with sends(rows, 1):
        await b.papers.set([])
    with sends(rows, 1):
        await a.papers.set([y, x])
    with sends(rows, 2):
        await a.papers.set([x])
    with sends(rows, 1):
        await a.papers.clear()
    with sends(rows, 0):
        await a.papers.add()
        await a.papers.remove()
        await a.papers.add(*[])
    assert await links(rows) == []
    await c.papers.add(x, 2, "3", z, x)
    assert await links(rows) == [(3, 1), (3, 2), (3, 3)]


async def test_what_is_loaded_follows_on_both_sides(
    articles: list[Article], papers: list[Paper], rows: Any
) -> None:
    a, b, c = articles
    x, _, z = papers
    await c.papers.add(z, x)
    assert (names(c.papers), names(z.articles), names(x.articles)) == ("zx", "c", "ac")
    await x.articles.remove(a)
    assert (names(x.articles), names(a.papers)) == ("c", "y")
    made = await a.papers.create(name="n")
    assert (names(a.papers), len(a.papers)) == ("yn", 2)
    await a.papers.set([z, made])
    assert (names(a.papers), names(z.articles)) == ("zn", "ca")
    await z.articles.clear()
    assert (names(z.articles), names(c.papers), names(a.papers)) == ("", "x", "n")
    (bulk,) = await b.papers.bulk_create([Paper(name="m")])
    assert names(b.papers) == "ym"
    await b.papers.remove(bulk.id)
    assert names(b.papers) == "y"
    found, created = await b.papers.get_or_create(name="k")
    assert created and found in list(b.papers)
    with sends(rows, 3):  # and it is what the server has
        for article in (a, b, c):
            assert names(article.papers) == names(await article.papers.order_by("id"))
    values = await b.papers.create(name="v", returning=["name"])
    assert values == {"name": "v"} and names(b.papers)[-1] == "v"


async def test_keys_alone_do_not_tell_the_row(articles: list[Article], rows: Any) -> None:
    """What is loaded is forgotten, and asked for again."""
    _, _, c = articles
    await c.papers.add(1)
    with pytest.raises(TypeError, match="cannot be iterated"):
        list(c.papers)
    assert names(await c.papers) == "x"


async def test_a_set_that_is_kept(articles: list[Article], papers: list[Paper]) -> None:
    """A variable that holds the set sees what it was told."""
    held = articles[0].papers
    await held.add(papers[2])
    assert (names(held), len(held), await held.count()) == ("xyz", 3, 3)
    await held.filter(name="z").update(name="Z")  # only a query can tell what they hold now
    assert names(await held.order_by("id")) == "xyZ"


async def test_rows_made_by_narrowed_sets(articles: list[Article], rows: Any) -> None:
    _, _, c = articles
    made = await c.papers.filter(name__gt="a").exclude(name="q").create(name="p")
    found, created = await c.papers.filter(name="p").get_or_create(name="p")
    assert (found, created, names(c.papers)) == (made, False, "p")
    _, created = await c.papers.update_or_create({"name": "P"}, name="p")
    assert not created
    assert await links(rows) == [(1, 1), (1, 2), (2, 2), (3, made.id)]


async def test_what_fails_changes_nothing(articles: list[Article], papers: list[Paper], rows: Any) -> None:
    """Neither rows nor links, nor what is in memory."""
    a, *_ = articles
    x, y, z = papers
    before = await links(rows)
    for call, kind in (
        (a.papers.set([z, 77]), ForeignKeyViolation),
        (a.papers.add(z, 77), ForeignKeyViolation),
        (a.papers.set([z, "no key"]), DataError),
        (a.papers.add(z, 1.5), DataError),
        (x.articles.create(title="b"), UniqueViolation),
        (x.articles.bulk_create([Article(title="new"), Article(title="b")]), UniqueViolation),
        (z.articles.update_or_create({"title": "b"}, title="other"), UniqueViolation),
    ):
        with pytest.raises(kind):
            await call
        assert await links(rows) == before
        assert (names(a.papers), names(z.articles)) == ("xy", "")
    assert await Article.objects.count() == 3
    assert names([x, y]) == "xy"


@pytest.mark.parametrize("method", ["add", "remove", "set"])
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (Paper(name="new"), "this Paper has no id yet; save it"),
        (Other(id=1), "takes Paper instances, not Other"),
        (Article(id=1, title="a"), "takes Paper instances, not Article"),
        (None, "takes Paper instances or their keys, not None"),
        ([1, 2], "not a list of them; unpack it"),
        ({"id": 1}, "not a dict of them; unpack it"),
    ],
    ids=["unsaved", "other model", "own model", "None", "list", "dict"],
)
async def test_what_is_no_partner(
    articles: list[Article], rows: Any, method: str, value: Any, why: str
) -> None:
    before = await links(rows)
    given = [1, value]
    papers = articles[0].papers
    with pytest.raises(FieldError, match=rf"Article\.papers\.{method}\(\)"), sends(rows, 0):
        await (papers.set(given) if method == "set" else getattr(papers, method)(*given))
    with pytest.raises(FieldError, match=why):
        await (papers.set(given) if method == "set" else getattr(papers, method)(*given))
    assert await links(rows) == before


async def test_what_a_set_is_not(articles: list[Article], rows: Any) -> None:
    a, *_ = articles
    for make, why in (
        (
            lambda: a.papers.add(1, through_defaults={"x": 1}),
            r"Article\.papers: the table between has no",
        ),
        (lambda: a.papers.set([1], through_defaults={"x": 1}), "has no fields of its own"),
        (lambda: a.papers.create(name="p", through_defaults={"x": 1}), "has no fields of its own"),
        (lambda: a.papers.set(Paper.objects.all()), r"of a query: set\(await query\)"),
        (lambda: a.papers.add(Paper.objects.all()), r"of a query: add\(\*await query\)"),
    ):
        with pytest.raises(FieldError, match=why):
            await make()
    assert await Paper.objects.count() == 3
    with pytest.raises(
        FieldError, match=r"Article\.papers is a set of rows: await instance\.papers\.set\(…\)"
    ):
        a.papers = [1]  # type: ignore[assignment]
    with pytest.raises(FieldError, match=r"Article\.papers is a set of rows"):
        Article(title="d", papers=[1])
    with pytest.raises(FieldError, match=r"Paper\.articles is a set of rows"):
        await Paper.objects.create(name="d", articles=[1])
    with pytest.raises(FieldError, match=r"Article\.papers: this Article has no id yet; save it"):
        Article(title="d").papers  # noqa: B018
    with pytest.raises(FieldError, match=r"Article\.papers leads to rows of Paper.*instance\.papers\.set"):
        await Article.objects.update(papers=[1])
    for verb in ("only", "defer"):
        with pytest.raises(FieldError, match="papers"):
            await getattr(Article.objects, verb)("papers")


async def test_links_go_with_either_side(articles: list[Article], papers: list[Paper], rows: Any) -> None:
    await articles[0].delete()
    assert await links(rows) == [(2, 2)]
    assert await Paper.objects.filter(articles__title="b").delete() == 1
    assert await links(rows) == []
