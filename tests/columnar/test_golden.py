"""Bytes a real server sent: they decode to what the server's text output says, and encode back."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from chakra.columnar import decode_table, encode

HERE = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in HERE.glob("*.bin"))


def text(value: Any, type_: str) -> str | None:
    """A decoded value as the server writes it."""
    if value is None:
        return None
    match value:
        case bool():
            return "true" if value else "false"
        case bytes():
            return "\\x" + value.hex()
        case Decimal():
            return f"{value:f}"
        case dt.datetime():
            zone = "+00" if value.tzinfo else ""
            moment = value.replace(tzinfo=None).isoformat(" ").rstrip("0") if value.microsecond else None
            return (moment or value.replace(tzinfo=None).isoformat(" ")) + zone
        case dt.time():
            return value.isoformat().rstrip("0") if value.microsecond else value.isoformat()
        case _ if type_.startswith("char"):
            return str(value).rstrip(" ")  # the cast to text drops the padding that the column keeps
        case _:
            return str(value)


@pytest.mark.parametrize("case", CASES)
def test_decodes_to_the_server_s_text(case: str) -> None:
    stream, facts = (HERE / f"{case}.bin").read_bytes(), json.loads((HERE / f"{case}.json").read_text())
    table = decode_table([stream], facts["types"])
    table.validate(full=True)
    assert table.num_rows == len(facts["rows"])
    for position, (name, type_) in enumerate(facts["types"].items()):
        expected = [row[position] for row in facts["rows"]]
        found: list[Any] = table[name].to_pylist()
        if type_ in ("real", "double precision"):
            assert [None if v is None else repr(v) for v in found] == [
                None if v is None else repr(float(v)) for v in expected
            ]
        else:
            assert [text(v, type_) for v in found] == expected, name


@pytest.mark.parametrize("case", CASES)
def test_encodes_to_the_same_bytes(case: str) -> None:
    stream, facts = (HERE / f"{case}.bin").read_bytes(), json.loads((HERE / f"{case}.json").read_text())
    table = decode_table([stream], facts["types"])
    assert b"".join(encode(table, facts["types"])) == stream


def test_cases_cover_the_corpus() -> None:
    assert CASES == ["empty", "numeric", "simple", "temporal", "textsearch", "users"]
    assert isinstance(
        decode_table(
            [(HERE / "users.bin").read_bytes()], json.loads((HERE / "users.json").read_text())["types"]
        ),
        pa.Table,
    )
