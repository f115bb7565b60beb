"""Whatever changes a query's SQL is part of the key of its statement: clause by clause, node by node."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import Any

import pytest

from chakra import (
    Case,
    Cast,
    Coalesce,
    Collate,
    Count,
    F,
    Field,
    Func,
    Greatest,
    Least,
    Model,
    NullIf,
    Over,
    Q,
    RowNumber,
    Value,
    When,
    Window,
    field,
)
from chakra.errors import FieldError
from chakra.expressions import Expression
from chakra.sql import Clauses, Nested, Select, over_rows, select_statement
from chakra.types import Integer, Jsonb, Text
from tests.query.library import Author, Book

BOOKS = Book.objects

CLAUSES: dict[str, Callable[[Any], Any]] = {
    "after": lambda q: q.filter(id=1).annotate(x=F("pages")),
    "annotations": lambda q: q.annotate(x=F("pages")),
    "deferred": lambda q: q.defer("title"),
    "distinct": lambda q: q.distinct(),
    "each": lambda q: q[:3]._clauses(each="author"),
    "groups": lambda q: q.annotate(n=Count("*")),
    "hidden": lambda q: q.alias(x=F("pages")).filter(x=1),
    "inner": lambda q: q._with(over_rows(q.limit(3)._select)),
    "keyed": lambda q: q.after((1,)),
    "lock": lambda q: q.select_for_update(),
    "nested": lambda q: q._clauses(nested=(Nested("author", "author", Select(Author.__table__)),)),
    "nothing": lambda q: q.none(),
    "of_rows": lambda q: q.annotate(x=F("pages"))._clauses(of_rows=1),
    "only": lambda q: q.only("title"),
    "outputs": lambda q: q.values("title"),
    "related": lambda q: q.select_related("author"),
    "sample": lambda q: q.sample(10),
    "windows": lambda q: q.window(w=Over(order_by="id")).annotate(x=Window(RowNumber(), over="w")),
    "backwards": lambda q: q.reverse(),
    "filters": lambda q: q.filter(id=1),
    "limit": lambda q: q.limit(3),
    "offset": lambda q: q.offset(3),
    "order": lambda q: q.order_by("title"),
    "texts": lambda q: q.select_related("author")._clauses(texts=((("author", "name"), "text"),)),
    "result": lambda q: q.values(),
    "withs": lambda q: q.with_(best=BOOKS.filter(pages=1)),
    "joins": lambda q: q.join(best=BOOKS.filter(pages=1)),
}
"""One way to set each clause."""


def key(query: Any) -> Hashable:
    return query._select.shape([])  # type: ignore[no-any-return]


def test_every_clause_is_listed() -> None:
    assert set(CLAUSES) == {*Select.__slots__, *Clauses.__slots__} - {"table", "more"}


@pytest.mark.parametrize("name", CLAUSES)
def test_every_clause_is_part_of_the_key(name: str) -> None:
    plain = BOOKS.all()
    flipped = CLAUSES[name](plain)
    owner: Any = flipped._select if name in Select.__slots__ else flipped._select.clauses
    before: Any = plain._select if name in Select.__slots__ else plain._select.clauses
    assert getattr(owner, name) != getattr(before, name), "the case does not set the clause"
    assert key(flipped) != key(plain)
    assert select_statement(flipped._select)[0].statement.sql != select_statement(plain._select)[
        0
    ].statement.sql or (name == "result")


@pytest.mark.parametrize("name", sorted(set(CLAUSES) & set(Clauses.__slots__)))
def test_copies_keep_every_clause(name: str) -> None:
    clauses = CLAUSES[name](BOOKS.all())._select.clauses
    assert getattr(clauses.copy(), name) == getattr(clauses, name)


def test_functions_of_one_shape() -> None:
    assert 'abs("stock")' in BOOKS.annotate(x=Func("abs", "stock")).to_sql()[0]
    assert 'sign("stock")' in BOOKS.annotate(x=Func("sign", "stock")).to_sql()[0]
    assert 'abs("stock")::integer' in BOOKS.annotate(x=Func("abs", "stock", type=Integer)).to_sql()[0]


def test_choices_of_one_shape() -> None:
    def case(condition: Any, then: Any, default: Any) -> str:
        return BOOKS.annotate(x=Case(When(condition, then=then), default=default)).to_sql()[0]

    first = case(Q(pages=1), "stock", 2)
    assert case(Q(pages=3), "stock", 4) == first
    others = [
        case(Q(pages__gt=1), "stock", 2),
        case(Q(pages=1), "pages", 2),
        case(Q(pages=1), "stock", None),
        case(Q(pages=1), "stock", F("pages")),
        case(Q(pages=1), "stock", 2.5),
    ]
    assert len({first, *others}) == 6
    made = [
        Coalesce("pages", 1), Greatest("pages", 1), Least("pages", 1), NullIf("pages", 1), Cast("pages", Integer),
        Cast("pages", Text), Collate("title", "C"), Collate("title", "POSIX"),
        Collate("title", "C", schema="pg_catalog"),
        -F("pages"), F("pages").bitnot(), F("pages").bitand(1), F("pages").bitor(1), F("pages") ** 1,
    ]  # fmt: skip
    assert len({BOOKS.annotate(x=each).to_sql()[0] for each in made}) == len(made)


def test_digits_of_a_literal_are_part_of_the_shape() -> None:
    """They decide the type of the column, whichever value came first."""
    short, long = Decimal("1.5"), Decimal("1.125")  # prices have two digits behind the point

    def scale(made: Any) -> int | None:
        output = select_statement(BOOKS.values(x=made)._select)[0].statement.outputs[0]
        assert output.type is not None
        return output.type.scale

    for values in ((short, long), (long, short)):
        Book.__table__.statements.clear()
        for value in values:
            case = Case(When(pages=1, then="price"), default=value)
            for made in (Coalesce("price", value), case, F("price") + value, value - F("price")):
                assert scale(made) == (2 if value is short else 3)
            assert scale(F("price") * value) == (3 if value is short else 5)


class Loose(Model):
    id: Field[int] = field(primary_key=True)
    n: Field[int] = field(Integer)
    data: Field[object] = field(Jsonb, default_factory=dict)


@pytest.mark.parametrize("value", [1, "a", 1.5, True, b"x"], ids=repr)
def test_the_type_of_a_literal_beside_an_unknown_type(value: Any) -> None:
    """The first value ever seen does not decide the cast of later ones."""

    def sql() -> tuple[str, list[Any]]:
        return Loose.objects.annotate(x=F("data") + F("data")).filter(x=value).to_sql()

    Loose.__table__.statements.clear()
    alone = sql()
    for other in (1, "a", 1.5, b"x"):
        Loose.__table__.statements.clear()
        Loose.objects.annotate(x=F("data") + F("data")).filter(x=other).to_sql()
        assert sql() == alone


class Sorted(Model, table="looses"):
    id: Field[int] = field(primary_key=True)
    n: Field[int] = field(Integer)

    class Meta:
        ordering = [F("n") * -1, "id"]  # noqa: RUF012


async def test_literals_in_the_order_of_the_table(db: Any) -> None:
    await db.create_tables(Loose)
    await Loose.objects.bulk_create([Loose(n=n) for n in (2, 3, 1)])
    assert [row.n for row in await Sorted.objects.all()] == [3, 2, 1]
    assert [row.n for row in await Sorted.objects.filter(n__gt=1)] == [3, 2]
    assert await Sorted.objects.values_list("n", flat=True).reverse()[:2] == [1, 2]
    assert (await Sorted.objects.first()).n == 3  # type: ignore[union-attr]


def test_one_literal_in_two_places() -> None:
    """A node, and a Q, may stand in a query twice."""
    value, adult = Value(3), Q(pages__gt=7)
    sql, params = BOOKS.filter(F("stock") > value, F("pages") > value).filter(adult).exclude(adult).to_sql()
    assert sorted(params) == [3, 3, 7, 7]
    again, other = (
        BOOKS.filter(F("stock") > Value(4), F("pages") > Value(5)).filter(adult).exclude(adult).to_sql()
    )
    assert (again, sorted(other)) == (sql, [4, 5, 7, 7])


class Forgetful(Expression):
    """A node whose shape speaks of a literal that its children do not hold."""

    def shape(self, values: list[Any]) -> Hashable:
        values.append(1)
        return Forgetful


def test_a_node_that_miscounts_its_literals_is_found_at_once() -> None:
    with pytest.raises(AssertionError, match="0 literals numbered, and 1 in the shape"):
        BOOKS.annotate(x=Forgetful()).to_sql()


def test_counting_and_writing_leave_out_what_they_do_not_need() -> None:
    """So that it does not make shapes of its own."""
    dressed = BOOKS.select_related("author").order_by("title").select_for_update()
    assert key(dressed)[-1] != key(BOOKS.all())[-1]  # type: ignore[index]
    for made in (lambda q: q._select.for_scalar("count"), lambda q: q._select.for_write()):
        one, other = made(dressed), made(BOOKS.annotate(x=F("pages")).select_related("author").order_by("id"))
        assert one.clauses.related == other.clauses.related == ()
        assert one.order == other.order == ()
        assert one.clauses.lock is None


SLICED: list[tuple[str, Callable[[Any], Any]]] = [
    ("filtered", lambda q: q.filter(id=1)),
    ("filtered", lambda q: q.exclude(id=1)),
    ("reordered", lambda q: q.order_by("title")),
    ("reversed", lambda q: q.reverse()),
    ("made distinct", lambda q: q.distinct()),
    ("made distinct", lambda q: q.distinct("title")),
]


@pytest.mark.parametrize("case", range(len(SLICED)))
@pytest.mark.parametrize("cut", ["limit", "offset", "slice"])
def test_what_a_slice_refuses(case: int, cut: str) -> None:
    what, change = SLICED[case]
    query = {"limit": BOOKS.limit(2), "offset": BOOKS.offset(2), "slice": BOOKS[1:3]}[cut]
    with pytest.raises(FieldError, match=f"a sliced query cannot be {what}; .* first, then slice"):
        change(query)


async def test_a_slice_has_no_latest() -> None:
    with pytest.raises(FieldError, match="cannot be reordered"):
        await BOOKS.order_by("id")[:1].latest("id")
