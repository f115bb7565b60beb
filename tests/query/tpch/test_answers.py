"""The 22 queries of TPC-H give what DuckDB gives for the SQL of the specification over the same files.

Everything is compared exactly, but means and quotients: DuckDB computes these of decimals as doubles, which are right
in 15 digits.
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.query.tpch.data import duck, files, load, text
from tests.query.tpch.queries import QUERIES

OTHERS: dict[int, tuple[dict[str, Any], dict[str, str]]] = {
    2: ({"size": 38, "type": "TIN", "region": "ASIA"}, {"= 15": "= 38", "BRASS": "TIN", "EUROPE": "ASIA"}),
    3: (
        {"segment": "MACHINERY", "day": dt.date(1995, 3, 9)},
        {"BUILDING": "MACHINERY", "1995-03-15": "1995-03-09"},
    ),
    5: ({"region": "EUROPE", "year": 1996}, {"ASIA": "EUROPE", "1994": "1996"}),
    9: ({"color": "rose"}, {"green": "rose"}),
    13: ({"words": "pending.*accounts"}, {"special": "pending", "requests": "accounts"}),
    17: ({"brand": "Brand#51", "container": "WRAP JAR"}, {"Brand#23": "Brand#51", "MED BOX": "WRAP JAR"}),
    18: ({"quantity": 250}, {"300": "250"}),
    20: (
        {"color": "a", "nation": "FRANCE", "year": 1996},
        {"forest": "a", "CANADA": "FRANCE", "1994": "1996"},
    ),
    21: ({"nation": "ARGENTINA"}, {"SAUDI ARABIA": "ARGENTINA"}),
}
"""Parameters that find more, or other, rows of this small scale: the query's, and the SQL's by what they replace."""

QUOTIENTS = {"avg_qty", "avg_price", "avg_disc", "mkt_share", "promo_revenue", "avg_yearly"}
"""What DuckDB gives as a double."""

CASES = [(number, {}, {}) for number in QUERIES] + [(number, *given) for number, given in OTHERS.items()]


def alike(name: str, found: Any, expected: Any) -> bool:
    """Whether a value is the one expected: of the same class, or for a quotient with the same 14 digits."""
    if name in QUOTIENTS and expected is not None:
        return isinstance(found, Decimal) and math.isclose(found, expected, rel_tol=1e-14)
    return type(found) is type(expected) and bool(found == expected)


def difference(found: list[tuple[Any, ...]], expected: list[tuple[Any, ...]], names: list[str]) -> str:
    """The first row in which answers differ; empty = none."""
    for position, (one, other) in enumerate(zip(found, expected, strict=False)):
        if len(one) != len(other) or not all(map(alike, names, one, other)):
            return f"row {position} is {one}, and not {other}"
    return "" if len(found) == len(expected) else f"{len(found)} rows, and not {len(expected)}"


@pytest.mark.timeout(120)
async def test_answers(db: Any) -> None:
    folder = files()
    await load(db, folder)
    other = duck(folder)
    wrong: list[str] = []
    for number, given, replaced in CASES:
        sql = text(number)
        for old, new in replaced.items():
            assert old in sql, (number, old)
            sql = sql.replace(old, new)
        asked = other.execute(sql)
        names = [column[0] for column in asked.description]
        expected = asked.fetchall()
        query = QUERIES[number](**given)
        rows = await query
        table = await query.to_arrow()
        columns = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        each = [rows] if isinstance(rows, dict) else rows
        for way, found in (("rows", [tuple(row.values()) for row in each]), ("columns", columns)):
            if said := difference(found, expected, names):
                wrong.append(f"query {number}, {given or 'as validated'}, {way}: {said}")
        wrong += [
            f"query {number}: {field.name} is a column of {field.type}"
            for field in table.schema
            if pa.types.is_floating(field.type)
        ]
        if number in OTHERS and given:
            assert len(expected) > 1 or expected[0][0] is not None, f"query {number} compares nothing"
    assert not wrong, "\n".join(wrong)


def test_every_query_is_there() -> None:
    assert list(QUERIES) == list(range(1, 23))
