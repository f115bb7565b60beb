"""Primary keys of several columns in filters, and columns whose names hold ``__`` in writes by lookups."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chakra import F, Field, ForeignKey, Model, field, foreign_key
from chakra.errors import DataError, FieldError
from chakra.types import Integer, Varchar


class Invoice(Model, table="invoices"):
    id: Field[int] = field(primary_key=True)


class Line(Model, table="lines"):
    invoice: ForeignKey[Invoice] = foreign_key(primary_key=True)
    place: Field[str] = field(Varchar(3), primary_key=True, column="position")
    amount: Field[int] = field(Integer, default=0)


class Tagged(Model, table="tagged"):
    """Keys of types that travel in other ways."""

    code: Field[uuid.UUID] = field(primary_key=True)
    small: Field[int] = field(Integer, primary_key=True)


LINES = Line.objects


@pytest.fixture
async def lines(db: Any) -> Any:
    await db.create_tables(Invoice, Line, Tagged)
    await Invoice.objects.bulk_create([Invoice(id=n) for n in (1, 2)])
    await LINES.bulk_create(
        [Line(invoice_id=i, place=p, amount=10 * i) for i, p in ((1, "a"), (1, "b"), (2, "a"))]
    )
    return db


async def keys(query: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await query.order_by("pk").values_list("invoice_id", "place")]


CASES: dict[str, tuple[dict[str, Any], list[tuple[int, str]]]] = {
    "tuple": ({"pk": (1, "b")}, [(1, "b")]),
    "list": ({"pk": [1, "b"]}, [(1, "b")]),
    "exact": ({"pk__exact": (2, "a")}, [(2, "a")]),
    "nobody": ({"pk": (9, "a")}, []),
    "in": ({"pk__in": [(1, "a"), (2, "a"), (9, "z")]}, [(1, "a"), (2, "a")]),
    "in a set": ({"pk__in": {(1, "a")}}, [(1, "a")]),
    "in nothing": ({"pk__in": []}, []),
    "in, twice": ({"pk__in": [(1, "a"), (1, "a")]}, [(1, "a")]),
    "in, too long": ({"pk__in": [(1, "abcd"), (1, "a")]}, [(1, "a")]),
    "in, None": ({"pk__in": [None, (1, "a")]}, [(1, "a")]),
    "ne": ({"pk__ne": (1, "a")}, [(1, "b"), (2, "a")]),
    "gt": ({"pk__gt": (1, "a")}, [(1, "b"), (2, "a")]),
    "gte": ({"pk__gte": (1, "b")}, [(1, "b"), (2, "a")]),
    "lt": ({"pk__lt": (2, "a")}, [(1, "a"), (1, "b")]),
    "with others": ({"pk__gte": (1, "b"), "amount": 20}, [(2, "a")]),
    "isnull": ({"pk__isnull": True}, []),
    "out of range": ({"pk": (2**70, "a")}, []),
    "out of range, in": ({"pk__in": [(2**70, "a"), (1.5, "a"), (1.0, "b")]}, [(1, "b")]),
    "out of range, lte": ({"pk__lte": ("9" * 30, "a")}, [(1, "a"), (1, "b"), (2, "a")]),
    "a fraction": ({"pk": (1.5, "a")}, []),
    "a fraction, gt": ({"pk__gt": (1.5, "a")}, [(2, "a")]),
    "a float": ({"pk": (1.0, "b")}, [(1, "b")]),
}


@pytest.mark.parametrize(("lookups", "found"), CASES.values(), ids=CASES)
async def test_filters(lines: Any, lookups: dict[str, Any], found: list[tuple[int, str]]) -> None:
    query = LINES.filter(**lookups)
    assert await keys(query) == found
    assert await query.count() == len(found)
    assert (await query.to_arrow()).num_rows == len(found)
    everything = await keys(LINES)
    assert await keys(LINES.exclude(**lookups)) == [key for key in everything if key not in found]
    table = lines.table("lines")
    rows = await table.filter(**lookups).order_by("pk")
    assert [(row["invoice_id"], row["position"]) for row in rows] == found


async def test_instances_and_one_row(lines: Any) -> None:
    line = await LINES.get(pk=(1, "b"))
    assert (line.pk, line.amount) == ((1, "b"), 10)
    assert await LINES.get(pk=line) == line
    assert await LINES.contains(line)
    assert await keys(LINES.filter(pk__in=[line])) == [(1, "b")]
    assert await LINES.in_bulk([(1, "b"), (2, "a")]) == {
        (1, "b"): line,
        (2, "a"): await LINES.get(pk=(2, "a")),
    }
    invoice = await Invoice.objects.get(id=2)
    assert await keys(LINES.filter(pk=(invoice, "a"))) == [(2, "a")]
    assert await keys(LINES.order_by("-pk")) == [(1, "a"), (1, "b"), (2, "a")]
    with pytest.raises(Line.DoesNotExist, match=r"pk=\(3, 'x'\)"):
        await LINES.get(pk=(3, "x"))


async def test_writes(lines: Any) -> None:
    assert await LINES.filter(pk=(1, "b")).update(amount=5) == 1
    line, created = await LINES.get_or_create(pk=(2, "z"), defaults={"amount": 7})
    assert (line.pk, line.amount, created) == ((2, "z"), 7, True)
    line, created = await LINES.update_or_create(pk=(2, "z"), defaults={"amount": 8})
    assert (line.amount, created) == (8, False)
    row, created = await lines.table("lines").get_or_create(pk=(2, "y"), defaults={"amount": 9})
    assert (row, created) == ({"invoice_id": 2, "position": "y", "amount": 9}, True)
    assert await LINES.filter(pk__in=[(2, "z"), (2, "y")]).delete() == 2


async def test_other_types(lines: Any) -> None:
    a, b = uuid.UUID(int=1), uuid.UUID(int=2)
    await Tagged.objects.bulk_create([Tagged(code=a, small=1), Tagged(code=b, small=2)])
    assert [t.pk for t in await Tagged.objects.filter(pk__in=[(a, 1), (b, 1)])] == [(a, 1)]
    assert await Tagged.objects.filter(pk=(b, 2)).count() == 1


async def test_one_statement_for_any_number_of_keys(lines: Any) -> None:
    one = LINES.filter(pk__in=[(1, "a")]).to_sql()[0]
    assert one == LINES.filter(pk__in=[(1, "a"), (2, "a")]).to_sql()[0]
    assert LINES.filter(pk=(1, "a")).to_sql() == (
        'SELECT "invoice_id", "position", "amount" FROM "lines" WHERE ("invoice_id", "position") = ($1::bigint, $2)',
        [1, "a"],
    )


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "one value": ({"pk": 3}, DataError, r"takes a tuple of \(invoice_id, place\), not 3"),
    "too few": ({"pk": (3,)}, DataError, "takes a tuple of"),
    "text": ({"pk": "ab"}, DataError, "takes a tuple of"),
    "one of many": ({"pk__in": [(1, "a"), 3]}, DataError, "takes a tuple of"),
    "in one": ({"pk__in": 3}, DataError, "takes several values"),
    "lookup": ({"pk__contains": (1, "a")}, FieldError, "has several columns, and the lookups exact"),
    "expression": ({"pk": F("amount")}, FieldError, "takes tuples of"),
    "another model": (
        {"pk": Tagged(code=uuid.UUID(int=1), small=1)},
        FieldError,
        r"Line.pk takes an instance of Invoice or an instance of Line, not an instance of Tagged",
    ),
    "a type": ({"pk": ("x", "a")}, DataError, "Line.invoice_id"),
}


@pytest.mark.parametrize(("lookups", "kind", "says"), REFUSED.values(), ids=REFUSED)
async def test_refused(lines: Any, lookups: dict[str, Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        await LINES.filter(**lookups)


@pytest.mark.parametrize("column", ["price__mean", "a__exact", "x__in", "id__", "note__year", "note__exact"])
async def test_columns_with_two_underscores_are_written(db: Any, column: str) -> None:
    await db.execute(f'CREATE TABLE r (id serial PRIMARY KEY, "{column}" int UNIQUE, note text)')
    table = db.table("r")
    made = {"id": 1, column: 5, "note": "n"}
    assert await table.get_or_create(**{column: 5}, defaults={"note": "n"}) == (made, True)
    assert await table.get_or_create(**{column: 5}, defaults={"note": "n"}) == (made, False)
    changed = made | {"note": "m"}
    assert await table.update_or_create(**{column: 5}, defaults={"note": "m"}) == (changed, False)
    assert (await table.update_or_create(**{column: 6}, defaults={"note": "m"}))[1] is True
    assert await table.filter(**{column: 5}).update(**{column: 7}) == 1
    assert sorted(row[column] for row in await table) == [6, 7]
