"""What queries compile to: golden statements, and statements for single rows and tables."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from chakra import F, Q, Value
from chakra.errors import FieldError
from chakra.sql import (
    create_statements,
    delete_row_statement,
    delete_statement,
    drop_statements,
    insert_rows_statement,
    insert_statement,
    update_row_statement,
    update_statement,
)
from tests.query.library import Author, Book, Kind, Publisher

COLUMNS = ", ".join(c.quoted for c in Author.__table__.columns)
BOOK = Book.objects.only("title")

GOLDEN: list[tuple[Any, str, list[Any]]] = [
    (Author.objects.all(), f'SELECT {COLUMNS} FROM "authors"', []),
    (
        Author.objects.filter(name="x", id__in=[1, 2]).exclude(publisher=5).order_by("-name", "id")[10:15],
        f'SELECT {COLUMNS} FROM "authors" WHERE "name" = $1 AND "id" = ANY($2::bigint[]) '
        'AND ("publisher_id" = $3::bigint) IS NOT TRUE ORDER BY "name" DESC, "id" LIMIT $4::bigint OFFSET $5::bigint',
        ["x", [1, 2], 5, 5, 10],
    ),
    (
        BOOK.filter(author__publisher__name__icontains="50%").order_by("author__name"),
        'SELECT "books"."id", "books"."title" FROM "books" JOIN "authors" AS "t1" ON "t1"."id" = "books"."author_id" '
        'LEFT JOIN "publishers" AS "t2" ON "t2"."id" = "t1"."publisher_id" WHERE "t2"."name" ILIKE $1::text '
        'ORDER BY "t1"."name"',
        ["%50\\%%"],
    ),
    (
        BOOK.filter(Q(pages__gt=5) | ~Q(title="a"), kind=Kind.NOVEL),
        'SELECT "id", "title" FROM "books" WHERE ("pages" > $1::bigint OR NOT ("title" = $2)) AND "kind" = $3',
        [5, "a", "novel"],
    ),
    (
        BOOK.filter((Book.pages > 5) & ((Book.title == "a") | (Book.title == "b"))),
        'SELECT "id", "title" FROM "books" WHERE "pages" > $1::bigint AND ("title" = $2 OR "title" = $3)',
        [5, "a", "b"],
    ),
    (
        BOOK.filter(added__year__gte=2020, printed__month=5),
        'SELECT "id", "title" FROM "books" WHERE '
        "CASE WHEN isfinite((\"added\" AT TIME ZONE 'UTC')) "
        "THEN EXTRACT(YEAR FROM (\"added\" AT TIME ZONE 'UTC'))::integer END >= $1::bigint "
        'AND EXTRACT(MONTH FROM "printed")::integer = $2::bigint',
        [2020, 5],
    ),
    (
        Book.objects.annotate(total=F("price") * F("stock"), next=F("printed") + dt.timedelta(days=1))
        .filter(total__gt=5)
        .values("id", "total"),
        'SELECT "id", ("price" * "stock") AS "total" FROM "books" WHERE ("price" * "stock") > $1::numeric',
        [5],
    ),
    (
        Book.objects.values("author__name", n=Value("x")).distinct(),
        'SELECT DISTINCT "t1"."name", $1::text AS "n" FROM "books" '
        'JOIN "authors" AS "t1" ON "t1"."id" = "books"."author_id"',
        ["x"],
    ),
    (
        Book.objects.values("id").order_by("author_id", "-id").distinct("author_id"),
        'SELECT DISTINCT ON ("author_id") "id" FROM "books" ORDER BY "author_id", "id" DESC',
        [],
    ),
    (
        BOOK.filter(Q(id=1) | Q(id=2)).none(),
        'SELECT "id", "title" FROM "books" WHERE FALSE AND ("id" = $1::bigint OR "id" = $2::bigint)',
        [1, 2],
    ),
    (
        BOOK.filter(sequel_of__title="x").select_for_update(skip_locked=True),
        'SELECT "books"."id", "books"."title" FROM "books" '
        'LEFT JOIN "books" AS "t1" ON "t1"."id" = "books"."sequel_of_id" '
        'WHERE "t1"."title" = $1 FOR UPDATE OF "books" SKIP LOCKED',
        ["x"],
    ),
    (
        BOOK.filter(Book.pages > F("stock") * 2, title__startswith=F("title")),
        'SELECT "id", "title" FROM "books" WHERE "pages" > ("stock" * $1::bigint) AND starts_with("title", "title")',
        [2],
    ),
    (
        BOOK.filter(pages=None, kind__isnull=False),
        'SELECT "id", "title" FROM "books" WHERE "pages" IS NULL AND "kind" IS NOT NULL',
        [],
    ),
]


@pytest.mark.parametrize("case", range(len(GOLDEN)))
def test_golden_statements(case: int) -> None:
    query, sql, params = GOLDEN[case]
    text, bound = query.to_sql()
    normal = text.replace("::int8", "::bigint")
    assert (normal, bound) == (sql, params)


@pytest.mark.parametrize("case", range(len(GOLDEN)))
def test_the_literal_form_differs_in_its_parameters_only(case: int) -> None:
    from chakra.sql import select_statement

    query, *_ = GOLDEN[case]
    compiled, values = select_statement(query._select)
    text = compiled.statement.literal_sql(values)
    for piece in compiled.statement.pieces:
        assert piece in text
    assert "$" not in text.replace("%50", "")


def test_equal_values_are_sent_once_per_use() -> None:
    query = BOOK.annotate(n=F("pages") * 7).filter(n__gt=1, n__lt=2).order_by("n")
    sql, params = query.to_sql()
    assert params == [7, 1, 2] and sql.count("$1") == 4


def test_single_row_statements() -> None:
    table = Author.__table__
    assert insert_statement(table, ("name", "email"), ("id",)).sql == (
        'INSERT INTO "authors" ("name", "email") VALUES ($1::text, $2::text) RETURNING "id"'
    )
    assert insert_statement(table, (), ("id",)).sql == 'INSERT INTO "authors" DEFAULT VALUES RETURNING "id"'
    assert insert_rows_statement(table, ("name", "email"), 2).sql == (
        'INSERT INTO "authors" ("name", "email") VALUES ($1::text, $2::text), ($3::text, $4::text)'
    )
    assert (
        update_row_statement(table, ("name",)).sql
        == 'UPDATE "authors" SET "name" = $1::text WHERE "id" = $2::bigint'
    )
    assert delete_row_statement(table).sql == 'DELETE FROM "authors" WHERE "id" = $1::bigint'


def test_writes_over_queries() -> None:
    def update(query: Any, **values: Any) -> tuple[str, list[Any]]:
        statement, literals = update_statement(query._select, values, query.table)
        return statement.sql.replace("::int8", "::bigint"), list(statement.bind(literals))

    assert update(Book.objects.filter(id=1), stock=F("stock") + 1, kind=Kind.POETRY) == (
        'UPDATE "books" SET "stock" = ("stock" + $1::bigint), "kind" = $2 WHERE "id" = $3::bigint',
        [1, "poetry", 1],
    )
    assert update(Book.objects.filter(author__name="x"), title="t") == (
        'UPDATE "books" SET "title" = $1::text WHERE ("id") IN (SELECT "books"."id" FROM "books" '
        'JOIN "authors" AS "t1" ON "t1"."id" = "books"."author_id" WHERE "t1"."name" = $2)',
        ["t", "x"],
    )
    statement, literals = delete_statement(Book.objects.filter(Q(id=1) | Q(id=2))._select)
    assert (statement.sql, literals) == (
        'DELETE FROM "books" WHERE "id" = $1::bigint OR "id" = $2::bigint',
        [1, 2],
    )
    assert delete_statement(Book.objects.filter(Q(id=1) | Q(id=2)).none()._select)[0].sql == (
        'DELETE FROM "books" WHERE FALSE AND ("id" = $1::bigint OR "id" = $2::bigint)'
    )


def test_tables_come_in_the_order_of_their_keys() -> None:
    tables = [Book.__table__, Author.__table__, Publisher.__table__]
    made = [s.split('"')[1] for s in create_statements(tables) if s.startswith("CREATE TABLE")]
    assert made == ["publishers", "authors", "books"]
    assert drop_statements(tables)[0] == 'DROP TABLE IF EXISTS "books", "authors", "publishers"'
    assert create_statements([Publisher.__table__]) == [
        'CREATE TABLE "publishers" (\n'
        '    "id" bigint GENERATED BY DEFAULT AS IDENTITY NOT NULL,\n'
        '    "name" text NOT NULL,\n'
        '    "city" text,\n'
        '    PRIMARY KEY ("id"),\n'
        '    CONSTRAINT "publishers_name_key" UNIQUE ("name")\n)'
    ]
    assert create_statements([]) == drop_statements([]) == []


def test_what_cannot_be_compiled_says_why() -> None:
    from chakra.expressions import Expression

    class Alien(Expression):
        __slots__ = ()

    with pytest.raises(FieldError, match=r"Alien is no expression of Chakra's.*Func\(\"name\", …\)"):
        Book.objects.annotate(x=Alien()).to_sql()


def test_classes_of_the_callers_own_write_themselves_and_share_no_statement() -> None:
    from chakra.expressions import Expression

    def wrap(function: str) -> type[Expression]:
        class Wrap(Expression):
            def __init__(self, inner: Expression) -> None:
                self.inner = inner

            @property
            def children(self) -> tuple[Expression, ...]:
                return (self.inner,)

            def rebuild(self, children: tuple[Expression, ...]) -> Expression:
                return Wrap(*children)

            def render_sql(self, writer: Any, render: Any) -> None:
                writer.write(f"{function}(")
                render(self.inner, writer)
                writer.write(")")

        return Wrap

    for function in ("lower", "upper"):
        made: Any = wrap(function)
        sql, _ = Publisher.objects.annotate(x=made(F("name"))).to_sql()
        assert sql == f'SELECT "id", "name", "city", {function}("name") AS "x" FROM "publishers"'
