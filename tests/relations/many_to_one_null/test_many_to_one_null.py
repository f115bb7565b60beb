"""A key that can be NULL: no partner is a state of its own, and what is said of partners is not true of none."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Count, Field, ForeignKey, Model, Q, field, foreign_key
from chakra.errors import FieldError
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED


class Reporter(Model, table="mn_reporters"):
    id: Field[int] = field(primary_key=True)
    name: Field[str | None]


class Article(Model, table="mn_articles"):
    id: Field[int] = field(primary_key=True)
    title: Field[str]
    reporter: ForeignKey[Reporter | None] = foreign_key(
        related_name="articles", on_delete="set null", default=None
    )


MODELS = (Reporter, Article)


async def fill() -> None:
    """Ann 1: a, b; one without a name 2: c; Cy 3: none; d has no reporter."""
    ann, nobody, _ = [await Reporter.objects.create(name=name) for name in ("Ann", None, "Cy")]
    for title, reporter in (("a", ann), ("b", ann), ("c", nobody), ("d", None)):
        await Article.objects.create(title=title, reporter=reporter)


async def titles(query: Any) -> str:
    return "".join([article.title for article in await query.order_by("id")])


async def test_no_row_behind_a_key(rows: Any) -> None:
    article = await Article.objects.get(title="d")
    with sends(rows, 0):
        assert article.reporter_id is None
        assert await article.reporter is None
        assert not article.reporter
        assert article.reporter == None  # noqa: E711
        assert Article(title="new").reporter_id is None
    article.reporter = await Reporter.objects.get(id=1)
    article.reporter = None
    assert article.reporter is None and article.reporter_id is None


async def test_asking_for_no_partner(rows: Any) -> None:
    """The key says so: no join."""
    for query in (
        Article.objects.filter(reporter=None),
        Article.objects.filter(reporter__isnull=True),
        Article.objects.filter(reporter__id=None),
        Article.objects.filter(reporter__pk__isnull=True),
        Article.objects.filter(reporter_id__isnull=True),
        Article.objects.exclude(reporter__isnull=False),
        Article.objects.filter(Article.reporter.is_null()),
    ):
        assert "JOIN" not in query.to_sql()[0]
        assert await titles(query) == "d"
    assert await titles(Article.objects.exclude(reporter=None)) == "abc"
    assert await Reporter.objects.filter(articles=None).values_list("name", flat=True) == ["Cy"]
    assert await Reporter.objects.filter(articles__isnull=False).order_by("id").count() == 2


async def test_fields_of_no_partner_are_null(rows: Any) -> None:
    """A condition on them is not true, and its exclusion the complement; joins let such rows through."""
    every = Article.objects
    assert await titles(every.filter(reporter__name="Ann")) == "ab"
    assert await titles(every.exclude(reporter__name="Ann")) == "cd"
    assert await titles(every.filter(~Q(reporter__name="Ann"))) == "cd"
    assert await titles(every.filter(reporter__name=None)) == "cd"
    assert await titles(every.filter(reporter__name=None, reporter__isnull=False)) == "c"
    assert await titles(every.exclude(reporter__name=None)) == "ab"
    assert await titles(every.filter(Q(reporter__name="Ann") | Q(title="d"))) == "abd"
    assert await titles(every.filter(Q(reporter__name="Cy") | Q(reporter=None))) == "d"
    assert await titles(every.filter(reporter__name__ne="Cy")) == "ab"
    assert await titles(every.filter(reporter__in=[1, None])) == "ab"
    assert await titles(every.exclude(reporter__in=[1, None])) == "cd"


async def test_rows_without_a_partner_have_a_place_in_the_order(rows: Any) -> None:
    query = Article.objects.order_by("reporter__name", "id")
    assert "LEFT JOIN" in query.to_sql()[0]
    assert [a.title for a in await query] == ["a", "b", "c", "d"]
    assert [a.title for a in await query.reverse()] == ["d", "c", "b", "a"]
    assert await query.values_list("title", "reporter__name") == [
        ("a", "Ann"), ("b", "Ann"), ("c", None), ("d", None),
    ]  # fmt: skip
    counted = Article.objects.order_by("reporter").values("reporter").annotate(n=Count("id"))
    assert await counted.values_list("reporter", "n") == [(1, 2), (2, 1), (None, 1)]


async def test_add_remove_set_clear(rows: Any) -> None:
    """One statement each; set is a question and the two halves of the difference."""
    ann, nobody, cy = await Reporter.objects.order_by("id")
    a, b, c, d = await Article.objects.order_by("id")
    with sends(rows, 1):
        await cy.articles.add(d, c)
    assert await titles(cy.articles) == "cd"
    assert (c.reporter, d.reporter) == (cy, cy)
    with sends(rows, 1):
        await cy.articles.remove(d)
    assert (await titles(cy.articles), d.reporter, d.reporter_id) == ("c", None, None)
    with sends(rows, 3):
        await ann.articles.set([b, d])
    assert await titles(ann.articles) == "bd"
    assert (await Article.objects.get(title="a")).reporter_id is None
    with sends(rows, 2):
        await nobody.articles.set(article for article in (a,))
    assert a.reporter is nobody
    with sends(rows, 1):
        await ann.articles.clear()
    assert await titles(Article.objects.filter(reporter=None)) == "bd"
    with sends(rows, 2):
        await nobody.articles.set([])
    assert await titles(Article.objects.filter(reporter=None)) == "abd"


async def test_rows_of_others_are_not_removed(rows: Any) -> None:
    """Nothing happens, as with a set of Python: neither to the row nor to the instance."""
    cy = await Reporter.objects.get(name="Cy")
    a = await Article.objects.get(title="a")
    await cy.articles.remove(a)
    assert a.reporter_id == 1
    assert (await Article.objects.get(title="a")).reporter_id == 1


async def test_a_set_that_fails_changes_nothing(rows: Any) -> None:
    ann = await Reporter.objects.prefetch_related("articles").get(name="Ann")
    a, b = ann.articles
    gone = await Article.objects.create(title="gone")
    await Article.objects.filter(id=gone.id).delete()
    with pytest.raises(
        Article.DoesNotExist, match=r"1 of the 2 rows given to Reporter\.articles\.add\(\) are not"
    ):
        await ann.articles.set([a, gone])
    assert await titles(Article.objects.filter(reporter=ann)) == "ab"
    assert list(ann.articles) == [a, b]
    assert (a.reporter, b.reporter, gone.reporter_id) == (ann, ann, None)
    for wrong, why in (
        ([a, ann], r"Reporter\.articles\.set\(\) takes Article instances, not Reporter"),
        ([a, 2], r"Reporter\.articles\.set\(\) takes Article instances, not 2"),
        ([a, Article(title="new")], r"Reporter\.articles\.set\(\): this Article has no id yet"),
        (Article.objects.all(), r"of a query: set\(await query\)"),
    ):
        with pytest.raises(FieldError, match=why):
            await ann.articles.set(wrong)
    assert await titles(Article.objects.filter(reporter=ann)) == "ab"


async def test_the_server_forgets_a_partner_that_is_deleted(rows: Any) -> None:
    article = await Article.objects.select_related("reporter").get(title="a")
    with sends(rows, 1):
        await Reporter.objects.filter(name="Ann").delete()
    assert await titles(Article.objects.filter(reporter=None)) == "abd"
    await article.refresh()
    assert article.reporter_id is None
    assert await article.reporter is None


async def test_what_is_loaded_follows_what_is_written(rows: Any) -> None:
    """Both sides, whichever of them was told; no statement but those that write."""
    ann, nobody = await Reporter.objects.filter(id__lt=3).order_by("id").prefetch_related("articles")
    a, b = ann.articles
    (c,) = nobody.articles
    with sends(rows, 6):
        await ann.articles.remove(a)
        assert (list(ann.articles), a.reporter) == ([b], None)
        await nobody.articles.add(b)
        assert (list(ann.articles), list(nobody.articles), b.reporter) == ([], [c, b], nobody)
        made = await nobody.articles.create(title="e")
        assert [x.title for x in nobody.articles] == ["c", "b", "e"]
        (bulk,) = await ann.articles.bulk_create([Article(title="f")])
        assert list(ann.articles) == [bulk]
        await nobody.articles.remove(b, made)
        assert (list(nobody.articles), len(nobody.articles), made.reporter) == ([c], 1, None)
        await nobody.articles.clear()
        assert (list(nobody.articles), c.reporter_id) == ([], None)
    await nobody.articles.set([a, b])
    assert (list(nobody.articles), a.reporter) == ([a, b], nobody)
    assert await titles(nobody.articles.all()) == "ab"
