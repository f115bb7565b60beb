"""What the server refuses to make is named: the model, and the index, constraint or field."""

from __future__ import annotations

from typing import Any

import pytest

from chakra import Check, Exclude, F, Func, Index, Model, Value, field
from chakra.errors import DatabaseError
from chakra.functions import Now
from chakra.types import Integer, Jsonb, Text, TimestampTz


def of(name: str = "Made", indexes: Any = (), constraints: Any = (), **fields: Any) -> Any:
    meta = type("Meta", (), {"table": name.lower(), "indexes": indexes, "constraints": constraints})
    own = {"id": field(Integer, primary_key=True), "at": field(TimestampTz, null=True), **fields}
    return type(name, (Model,), {"__module__": __name__, **own, "Meta": meta})


CASES: dict[str, tuple[Any, str]] = {
    "index that depends on a zone": (
        lambda: of(indexes=[Index("id"), Index("(at::date)", name="days")]),
        r"IMMUTABLE.*That is Made, the index days \(\(at::date\)\)\. .*depends on no setting",
    ),
    "condition of an index": (
        lambda: of(indexes=[Index("id", where=F("at") < Now())]),
        r"IMMUTABLE.*That is Made, the index made_id_idx \(id\)",
    ),
    "operator class": (
        lambda: of(indexes=[Index("id", opclasses="no_ops")]),
        r'"no_ops" does not exist.*That is Made, the index made_id_idx',
    ),
    "type without one": (
        lambda: of(indexes=[Index("at", method="gin")]),
        r"no default operator class.*That is Made, the index made_at_idx \(at\)",
    ),
    "check": (
        lambda: of(constraints=[Check("id > 0"), Check("idd > 0", name="low")]),
        r'column "idd" does not exist.*That is Made, the Check low',
    ),
    "syntax of a check": (
        lambda: of(constraints=[Check("id >", name="cut")]),
        r"syntax error.*That is Made, the Check cut",
    ),
    "computed field": (
        lambda: of(one=field(Integer, generated="id + 1"), day=field(Text, generated="at::text")),
        r"not immutable.*That is Made, the field day\. What",
    ),
    "type of a computed field": (
        lambda: of(n=field(Integer, generated=Func("lower", Value("a"), type=Jsonb))),
        r"That is Made, the field n",
    ),
    "default": (
        lambda: of(n=field(Integer, db_default="no_such()")),
        r"no_such\(\) does not exist.*That is Made, the field n",
    ),
    "collation": (
        lambda: of(n=field(Text, collation="no_such")),
        r'collation "no_such".*does not exist.*That is Made, the field n',
    ),
    "exclusion": (
        lambda: of(constraints=[Exclude(("id", "@@@"), name="odd")]),
        r"@@@.*That is Made, the Exclude odd",
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_what_is_refused_is_named(db: Any, case: str) -> None:
    make, message = CASES[case]
    other = of("Other")
    with pytest.raises(DatabaseError, match=f"(?s){message}"):
        await db.create_tables(other, make())
    assert await db.fetchval("SELECT to_regclass('other')") is None
    async with db.transaction():
        await db.create_tables(other)
        with pytest.raises(DatabaseError, match=f"(?s){message}"):
            await db.create_tables(make())
    assert await db.fetchval("SELECT to_regclass('other')::text") == "other"
