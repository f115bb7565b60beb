"""Keys, conditions, exclusions and foreign keys: what the server says it made, and what it refuses and lets in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chakra import (
    Check,
    Exclude,
    F,
    Field,
    ForeignKey,
    Func,
    Model,
    OpClass,
    Q,
    Unique,
    Value,
    field,
    foreign_key,
    introspect,
)
from chakra.errors import (
    CheckViolation,
    ExclusionViolation,
    FieldError,
    ForeignKeyViolation,
    IntegrityError,
    UniqueViolation,
)
from chakra.functions import Length, Lower
from chakra.schema import ForeignKeyConstraint
from chakra.sql import check_server, create_statements
from chakra.types import Boolean, Date, DateRange, Integer, Text
from tests.plugins.needs import needs_extension, needs_server
from tests.schema.test_indexes import HOSTILE

CHECKS: dict[str, tuple[Check, str, dict[str, Any]]] = {
    # what is declared, what the server says, a row it refuses
    "text": (Check("price > 0", name="text"), "CHECK ((price > 0))", {"price": 0}),
    "keyword": (Check(Q(price__lt=100), name="keyword"), "CHECK ((price < '100'::bigint))", {"price": 100}),
    "typed": (
        Check(F("ends") > F("starts"), name="typed"),
        "CHECK ((ends > starts))",
        {"ends": 1, "starts": 2},
    ),
    "or": (
        Check(Q(code__startswith="a") | Q(note__isnull=False), name="or"),
        "CHECK (((code ~~ 'a%'::text) OR (note IS NOT NULL)))",
        {"code": "b"},
    ),
    "not": (Check(~Q(code="ab"), name="not"), "CHECK ((NOT (code = 'ab'::text)))", {"code": "ab"}),
    "not of null": (
        Check(~Q(note="no"), name="not of null"),
        "CHECK (((note = 'no'::text) IS NOT TRUE))",
        {"note": "no"},
    ),
    "boolean": (Check(F("fine"), name="boolean"), "CHECK (fine)", {"fine": False}),
    "function": (
        Check(Length("code") < 5, name="function"),
        "CHECK ((length(code) < '5'::bigint))",
        {"code": "abcdef"},
    ),
    "in": (Check(Q(kind__in=[1, 2]), name="in"), "CHECK ((kind = ANY ('{1,2}'::bigint[])))", {"kind": 3}),
    "between": (
        Check(F("kind").between(0, 9), name="between"),
        "CHECK (((kind >= '0'::bigint) AND (kind <= '9'::bigint)))",
        {"kind": 10},
    ),
    "date": (
        Check(Q(day__gte=dt.date(2024, 1, 1)), name="date"),
        "CHECK ((day >= '2024-01-01'::date))",
        {"day": dt.date(2023, 12, 31)},
    ),
    "part of a date": (
        Check(Q(day__month__lte=11), name="part of a date"),
        "CHECK (((EXTRACT(month FROM day))::integer <= '11'::bigint))",
        {"day": dt.date(2024, 12, 31)},
    ),
    "hostile": (
        Check(~Q(note=HOSTILE), name="hostile"),
        "CHECK (((note = 'it''s \\ 50% \"so\" --; $1 /*'::text) IS NOT TRUE))",
        {"note": HOSTILE},
    ),
    "no inherit": (
        Check("price <> 77", name="no inherit", no_inherit=True),
        "CHECK ((price <> 77)) NO INHERIT",
        {"price": 77},
    ),
}


class Box(Model, table="schema_boxes"):
    id: Field[int] = field(Integer, primary_key=True, identity="by default")
    price: Field[int] = field(Integer, default=5)
    starts: Field[int] = field(Integer, default=1)
    ends: Field[int] = field(Integer, default=2)
    kind: Field[int] = field(Integer, default=1)
    code: Field[str] = field(default="a")
    note: Field[str | None] = field(default=None)
    fine: Field[bool] = field(default=True)
    day: Field[dt.date] = field(default=dt.date(2024, 1, 1))

    class Meta:
        constraints = [check for check, _, _ in CHECKS.values()]  # noqa: RUF012


CONSTRAINTS = """
SELECT conname::text AS name, pg_get_constraintdef(oid) AS made FROM pg_constraint
WHERE conrelid = $1::regclass AND contype <> 'n' ORDER BY conname
"""


async def constraints(db: Any, table: str) -> dict[str, str]:
    return {row["name"]: row["made"] for row in await db.fetch(CONSTRAINTS, table)}


async def read(db: Any, name: str) -> Any:
    (table,) = await introspect.read(db, [await introspect.find(db, None, name)])
    return table


async def test_checks(db: Any) -> None:
    await db.create_tables(Box)
    made = await constraints(db, "schema_boxes")
    del made["schema_boxes_pkey"]
    assert made == {name: text for name, (_, text, _) in CHECKS.items()}
    await Box.objects.create()
    for name, (_, _, values) in CHECKS.items():
        with pytest.raises(CheckViolation) as caught:
            await Box.objects.create(**values)
        assert (caught.value.constraint, caught.value.table) == (name, "schema_boxes")
    assert await Box.objects.count() == 1
    table = await read(db, "schema_boxes")
    assert {check.name: check.no_inherit for check in table.checks} == {
        name: check.no_inherit for name, (check, _, _) in CHECKS.items()
    }
    # Made of what was read, the table is the same again.
    await db.execute("DROP TABLE schema_boxes")
    await db.execute(";".join(create_statements([table])))
    assert await read(db, "schema_boxes") == table


async def test_a_check_lets_null_in(db: Any) -> None:
    """As in SQL: a condition that is NULL is not broken."""
    model = of(Check(Q(number__gt=5), name="big"))
    await db.create_tables(model)
    await model.objects.create(id=1, number=None)
    with pytest.raises(CheckViolation, match="big"):
        await model.objects.create(id=2, number=5)


def of(*constraints: Any, name: str = "schema_made", **fields: Any) -> Any:
    """A model with some constraints."""
    return type(
        "Made",
        (Model,),
        {
            "__module__": __name__,
            "id": field(Integer, primary_key=True),
            "number": field(Integer, null=True),
            "other": field(Integer, null=True),
            "name": field(Text, null=True),
            "active": field(Boolean, null=True),
            "during": field(DateRange, null=True),
            **fields,
            "Meta": type("Meta", (), {"table": name, "constraints": list(constraints)}),
        },
    )


UNIQUES: dict[str, tuple[Unique, str]] = {
    "plain": (Unique("number", "name", name="plain"), "UNIQUE (number, name)"),
    "covering": (Unique("name", include=["other"], name="covering"), "UNIQUE (name) INCLUDE (other)"),
    "deferred": (
        Unique("number", deferrable=True, name="deferred"),
        "UNIQUE (number) DEFERRABLE INITIALLY DEFERRED",
    ),
    "immediate": (
        Unique("other", "number", deferrable="immediate", name="immediate"),
        "UNIQUE (other, number) DEFERRABLE",
    ),
}


async def test_unique_constraints(db: Any) -> None:
    model = of(*(unique for unique, _ in UNIQUES.values()))
    await db.create_tables(model)
    made = await constraints(db, "schema_made")
    del made["schema_made_pkey"]
    assert made == {name: text for name, (_, text) in UNIQUES.items()}
    assert (await read(db, "schema_made")).uniques == model.__table__.uniques
    one, two = [await model.objects.create(id=i, number=i) for i in (1, 2)]
    async with db.transaction():  # two rows change their numbers with each other
        await model.objects.filter(pk=one.pk).update(number=2)
        await model.objects.filter(pk=two.pk).update(number=1)
    with pytest.raises(UniqueViolation, match="deferred"):
        async with db.transaction():
            await model.objects.filter(pk=two.pk).update(number=2)


@needs_server(15, "NULLS NOT DISTINCT")
async def test_unique_with_equal_nulls(db: Any) -> None:
    model = of(
        Unique("number", nulls_not_distinct=True, include="name"),
        Unique("name", where=Q(active=True), nulls_not_distinct=True, name="some"),
    )
    await db.create_tables(model)
    made = await constraints(db, "schema_made")
    assert made["schema_made_number_key"] == "UNIQUE NULLS NOT DISTINCT (number) INCLUDE (name)"
    await model.objects.create(id=1, name="a")
    with pytest.raises(UniqueViolation) as caught:
        await model.objects.create(id=2, name="b")
    assert caught.value.constraint == "schema_made_number_key"
    await model.objects.create(id=3, number=3, active=True)
    with pytest.raises(UniqueViolation, match="some"):
        await model.objects.create(id=4, number=4, active=True)
    table = await read(db, "schema_made")
    assert (table.uniques[0].nulls_not_distinct, table.indexes[0].nulls_not_distinct) == (True, True)


@needs_extension("btree_gist")
async def test_exclusions(db: Any) -> None:
    model = of(
        Exclude(("number", "="), ("during", "&&"), where=Q(active=True), name="booked"),
        Exclude((OpClass("during", "range_ops"), "-|-"), deferrable="immediate", name="apart"),
        Exclude((Lower("name"), "="), method="btree", deferrable=True, name="named"),
        Exclude(("other", "="), (Func("daterange", Value(dt.date(2024, 1, 1)), "day", type=DateRange), "&&")),
        day=field(Date, null=True),
    )
    await db.create_tables(model)
    made = await constraints(db, "schema_made")
    del made["schema_made_pkey"]
    assert made == {
        "booked": "EXCLUDE USING gist (number WITH =, during WITH &&) WHERE ((active = true))",
        "apart": "EXCLUDE USING gist (during WITH -|-) DEFERRABLE",
        "named": "EXCLUDE USING btree (lower(name) WITH =) DEFERRABLE INITIALLY DEFERRED",
        "schema_made_other_expr_excl": "EXCLUDE USING gist (other WITH =, "
        "daterange('2024-01-01'::date, day) WITH &&)",
    }
    table = await read(db, "schema_made")
    assert [(e.name, e.operators, e.method, e.deferrable) for e in table.exclusions] == [
        (name, e.operators, e.method, e.deferrable)
        for name, e in zip(model.__table__.names.exclusions, model.__table__.exclusions, strict=True)
    ]
    june = (dt.date(2024, 6, 1), dt.date(2024, 7, 1))
    late = (dt.date(2024, 6, 30), dt.date(2024, 8, 1))
    await model.objects.create(id=1, number=1, during=june, active=True)
    await model.objects.create(id=2, number=2, during=late, active=True)
    await model.objects.create(id=3, number=1, during=late, active=False)
    with pytest.raises(ExclusionViolation) as caught:
        await model.objects.create(id=4, number=1, during=late, active=True)
    assert caught.value.constraint == "booked"
    with pytest.raises(ExclusionViolation, match="named"):
        await model.objects.bulk_create([model(id=i, name=name) for i, name in ((5, "A"), (6, "a"))])
    await db.execute("DROP TABLE schema_made")
    await db.execute(";".join(create_statements([table])))
    assert await read(db, "schema_made") == table


class Order(Model, table="schema_orders"):
    tenant: Field[int] = field(Integer, primary_key=True)
    number: Field[int] = field(Integer, primary_key=True)


class Line(Model, table="schema_lines"):
    id: Field[int] = field(primary_key=True)
    order: ForeignKey[Order | None] = foreign_key(
        on_delete="cascade", on_update="cascade", match="full", deferrable="immediate", default=None
    )
    other: ForeignKey[Order | None] = foreign_key(on_update="set null", deferrable=True, default=None)


async def test_foreign_keys(db: Any) -> None:
    await db.create_tables(Order, Line)
    made = await constraints(db, "schema_lines")
    to = "REFERENCES schema_orders(tenant, number)"
    assert made == {
        "schema_lines_pkey": "PRIMARY KEY (id)",
        "schema_lines_order_tenant_order_number_fkey": (
            f"FOREIGN KEY (order_tenant, order_number) {to} MATCH FULL ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE"
        ),
        "schema_lines_other_tenant_other_number_fkey": (
            f"FOREIGN KEY (other_tenant, other_number) {to} ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED"
        ),
    }
    table = await read(db, "schema_lines")
    assert [replace(key, target_schema=None) for key in table.foreign_keys] == [
        replace(key, name=name)
        for key, name in zip(Line.__table__.foreign_keys, Line.__table__.names.foreign_keys, strict=True)
    ]
    order = await Order.objects.create(tenant=1, number=1)
    line = await Line.objects.create(order=order, other=order)
    await Order.objects.filter(tenant=1).update(number=7)
    await line.refresh()
    assert (line.order_number, line.other_number) == (7, None)
    with pytest.raises(ForeignKeyViolation):  # a key that is NULL in part
        await Line.objects.create(order_tenant=1)


async def test_a_relation_without_a_match_is_made_in_any_order(db: Any) -> None:
    """Deferred: the line may come before its order."""
    await db.create_tables(Order, Line)
    async with db.transaction():
        await Line.objects.create(other_tenant=1, other_number=1)
        await Order.objects.create(tenant=1, number=1)
    with pytest.raises(IntegrityError):
        async with db.transaction():
            await Line.objects.create(other_tenant=1, other_number=2)


async def test_conflicts_by_what_is_declared(db: Any) -> None:
    """get_or_create, upserts and bulk writes find the rows that declared keys are about."""
    model = of(
        Unique("name", where=Q(active=True), name="active name"),
        Unique("number", "other", name="pair"),
        Unique("other", deferrable=True, name="late"),
    )
    await db.create_tables(model)
    await model.objects.create(id=1, name="a", active=True, number=1, other=1)
    clause = {"on_conflict": "update", "conflict_fields": ["name"], "conflict_where": Q(active=True)}
    await model.objects.bulk_insert(
        [{"id": 2, "name": "a", "active": True, "number": 9}], update_fields=["number"], **clause
    )
    await model.objects.bulk_create(
        [model(id=3, name="a", active=True, number=10)], update_fields=["number"], **clause
    )
    assert await model.objects.values_list("id", "number") == [(1, 10)]
    await model.objects.bulk_create(
        [model(id=4, number=10, other=1)], on_conflict="ignore", conflict_fields=["number", "other"]
    )
    assert await model.objects.count() == 1
    with pytest.raises(UniqueViolation) as caught:
        await model.objects.create(id=5, number=10, other=1)
    assert caught.value.constraint == "pair" and "pair" in str(caught.value)


def test_what_older_servers_lack() -> None:
    for constraint, since in (
        (Unique("number", nulls_not_distinct=True), 15),
        (Unique(Lower("name"), nulls_not_distinct=True), 15),
    ):
        table = of(constraint).__table__
        check_server([table], since)
        with pytest.raises(
            FieldError, match=f"Made: nulls_not_distinct= of .* needs PostgreSQL {since}; the server is 14"
        ):
            check_server([table], since - 1)


WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "deferrable index": (
        lambda: of(Unique(Lower("name"), deferrable=True)).__table__,
        "is an index, which cannot be deferrable",
    ),
    "deferrable": (lambda: Unique("a", deferrable="later"), r'True or "deferred", "immediate"'),
    "no condition": (lambda: Check(5), r"a condition is Q\(price__gt=0\)"),
    "empty": (lambda: Check(Q()), "is an empty condition"),
    "none": (lambda: Check(None), "needs a condition"),
    "a field of none": (lambda: of(Check(Q(nam=1), name="c")).__table__, r"Made, Check\(c\): .*no field 'nam'"),
    "no pair": (lambda: Exclude("during"), "takes pairs of a term and an operator"),
    "nothing": (Exclude, "needs a term and an operator"),
    "operator": (lambda: Exclude(("a", "= 1) --")), "is no operator"),
    "comment": (lambda: Exclude(("a", "--")), "is no operator"),
    "in indexes": (
        lambda: type(
            "Bad", (Model,), {"__module__": __name__, "id": field(Integer, primary_key=True),
            "Meta": type("Meta", (), {"indexes": [Check("a > 0")]})}
        ).__table__,
        "belongs to constraints",
    ),
    "on_update": (lambda: foreign_key(on_update="explode"), "on_update='explode'"),
    "match": (lambda: foreign_key(match="partial"), "use one of 'simple', 'full'"),
    "to_field": (
        lambda: ForeignKeyConstraint(("a",), "t", ("b",), deferrable="x"),  # type: ignore[arg-type]
        r"the key \(a\): deferrable='x'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_declarations(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises(FieldError, match=message):
        make()


def test_constraints_may_name_the_model() -> None:
    class Named(Model):
        id: Field[int] = field(primary_key=True)
        number: Field[int]

        class Meta:
            constraints = lambda: [Check(Named.number > 5)]  # noqa: E731

    (check,) = Named.__table__.checks
    assert check == Check("\"number\" > ('5'::bigint)")
