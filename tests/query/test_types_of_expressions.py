"""The types that the page shows are those of the server, for every function, aggregate, window, operator and lookup."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chakra import F
from chakra.columnar.plan import METADATA_KEY
from chakra.pg.types import PgType
from chakra.sql import select_statement
from tests.query.typed.model import Thing, fill
from tests.query.typed.samples import (
    CALLS,
    evaluated,
    families,
    lookup_samples,
    operations,
    transform_samples,
)

NEEDS = {
    "GenerateUUID7": 18,
    "ArrayReverse": 18,
    "ArraySort": 18,
    "AnyValue": 16,
    'RangeAgg("int4multirange")': 15,
}
"""Servers that have what older ones have not: by the name, or the sample."""

BEYOND = {("integer", "acos"), ("integer", "asin")}
"""Transforms that are not defined for the value there."""

CHUNK = 40


def asked(major: int) -> Iterator[tuple[str, Any]]:
    """Every expression, and what it is called."""
    for samples in families().values():
        for name, texts in samples.items():
            if major >= NEEDS.get(name, 0):
                yield from ((text, evaluated(text)) for text in texts if major >= NEEDS.get(text, 0))
    for left, sign, right in operations():
        yield f"{left} {sign} {right}", CALLS[sign](F(left), F(right))
    for word, field, condition in lookup_samples():
        yield f"{field}__{word}=", condition
    for word, field, value in transform_samples():
        if (field, word) not in BEYOND:
            yield f"{field}__{word}", value


async def types_on_server(db: Any, named: list[tuple[str, Any]]) -> list[int | str]:
    """The OIDs of what some expressions give, or what the server says against one."""
    query = Thing.objects.order_by("id").values(**{f"x{at}": value for at, (_, value) in enumerate(named)})
    try:
        sql, values = query.to_sql()
        typed = ", ".join(f"pg_typeof(x{at})::oid::int8" for at in range(len(named)))
        names = ", ".join(f"x{at}" for at in range(len(named)))
        (row,) = await db.fetch(f"SELECT {typed} FROM ({sql}) AS q ({names})", *values)
        return [*row.values()]
    except Exception as error:
        if len(named) == 1:
            return [f"{type(error).__name__}: {error}"]
        return [found for one in named for found in await types_on_server(db, [one])]


def known(value: Any) -> PgType | None:
    return select_statement(Thing.objects.values(x=value)._select)[0].statement.outputs[0].type


async def is_called(db: Any, oid: int, type_: PgType) -> bool:
    """Whether a type that has no number of its own is the one of a number."""
    (row,) = await db.fetch("SELECT $1::int8::oid::regtype::text AS name", oid)
    return row["name"] in (type_.base.name, type_.base.sql.partition("(")[0].replace('"', ""))  # type: ignore[no-any-return]


async def test_types(db: Any, server_facts: Any) -> None:
    without = await fill(db, server_facts.extensions)
    everything = list(asked(server_facts.major))
    assert len(everything) > 1000
    wrong: list[str] = []
    unknown: list[tuple[str, Any, int]] = []
    for start in range(0, len(everything), CHUNK):
        some = everything[start : start + CHUNK]
        for (text, value), found in zip(some, await types_on_server(db, some), strict=True):
            if isinstance(found, str):
                # Not every server is built with libxml, or comes with every extension.
                if "libxml" in found or (without and "does not exist" in found):
                    continue
                wrong.append(f"{text}: {found}")
                continue
            type_ = known(value)
            if type_ is None:
                unknown.append((text, value, found))
            elif type_.base.oid != found and (type_.base.oid or not await is_called(db, found, type_)):
                wrong.append(f"{text} is said to be {type_.sql}, and is {found}")
    # What nobody knows without the server is asked of it: columns say the type.
    for text, value, found in unknown:
        schema = (await Thing.objects.values(x=value).to_arrow()).schema
        said = (schema.field("x").metadata or {}).get(METADATA_KEY, b"").decode()
        name = (await db.fetch("SELECT $1::int8::oid::regtype::text AS t", found))[0]["t"]
        if name not in said:
            wrong.append(f"{text}: columns say {said}, and the server {name}")
    assert not wrong, "\n".join(wrong)
    assert unknown


def test_everything_has_a_sample() -> None:
    """A new function, aggregate or window has a line in ``SPECIAL``, unless samples follow from what it takes."""
    missing = [name for samples in families().values() for name, texts in samples.items() if not texts]
    assert not missing, f"tests/query/typed/samples.py, SPECIAL: no sample of {', '.join(missing)}"


@pytest.mark.parametrize("name", ["Values and choices", "Functions", "Aggregates", "Windows"])
def test_samples_use_what_they_are_of(name: str) -> None:
    for what, texts in families()[name].items():
        assert all(what in text for text in texts), what
