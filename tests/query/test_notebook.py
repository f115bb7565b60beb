"""Rows as tables: ``chakra.show``, and lists in a shell of IPython that loaded the extension."""

from __future__ import annotations

from collections import namedtuple
from decimal import Decimal
from typing import Any

import pytest

import chakra
from chakra import Count, Field, ForeignKey, Model, RelatedManager, declared, field, foreign_key
from chakra.errors import FieldError


class Writer(Model, table="shown_writers"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]
    texts: RelatedManager[Text] = declared()
    n: int = declared()


class Text(Model, table="shown_texts"):
    id: Field[int] = field(primary_key=True)
    body: Field[str | None] = field(default=None)
    writer: ForeignKey[Writer] = foreign_key(related_name="texts")


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([Writer(id=1, name="Ann"), Writer(id=2, name="<b>")], "id  name\n--------\n1   Ann\n2   <b>"),
        ([{"a": 1, "b": None}, {"a": 22}], "a   b\n--------\n1   None\n22"),
        ([(1, "x")], "column1  column2\n----------------\n1        x"),
        ([Pair(1, "x")], "a  b\n----\n1  x"),
        ([5, 6], "value\n-----\n5\n6"),
        ([{"a": "x\ny", "b": Decimal("1.50")}], "a       b\n------------\n'x\\ny'  1.50"),
        ([{"a": "x" * 61}], f"a\n{'-' * 60}\n{'x' * 59}…"),
        ([], "(no rows)"),
        (({"n": n} for n in range(22)), "n\n--\n" + "\n".join(map(str, range(20))) + "\n… and 2 more"),
    ],
    ids=["instances", "dicts", "tuples", "named", "flat", "lines", "long", "none", "many"],
)
def test_text(rows: Any, text: str) -> None:
    assert repr(chakra.show(rows)) == text


@pytest.mark.parametrize("wrong", ["text", b"", {"a": 1}, 5, Writer(name="x"), Writer.objects])
def test_no_rows(wrong: Any) -> None:
    with pytest.raises(FieldError, match="show"):
        chakra.show(wrong)


async def test_lists_in_a_shell(db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a cell of a notebook: with ``await`` at its top, and what is displayed of its value."""
    core = pytest.importorskip("IPython.core.interactiveshell")
    monkeypatch.setattr(pytest.importorskip("IPython.core.history").HistoryManager, "enabled", False)
    await db.create_tables(Writer, Text)
    ann = await Writer.objects.create(name="Ann")
    await ann.texts.create(body="<i>")
    shell = core.InteractiveShell()
    shell.user_ns |= {"Writer": Writer, "Text": Text, "Count": Count, "chakra": chakra}

    async def html(cell: str) -> str | None:
        done = await shell.run_cell_async(cell, transformed_cell=shell.transform_cell(cell))
        done.raise_error()
        return shell.display_formatter.format(done.result)[0].get("text/html")

    assert await html("await Text.objects.all()") is None
    await html("%load_ext chakra")
    for cell, cells in (
        ("await Text.objects.all()", "<tr><td>1</td><td>&lt;i&gt;</td><td>1</td></tr>"),
        ("await Writer.objects.annotate(n=Count('texts')).prefetch_related('texts')",
         "<tr><th>id</th><th>name</th><th>n</th></tr></thead><tbody><tr><td>1</td><td>Ann</td><td>1</td></tr>"),
        ("await Writer.objects.only('id')", "<tr><th>id</th></tr></thead><tbody><tr><td>1</td></tr>"),
        ("await Writer.objects.values('name')", "<tr><td>Ann</td></tr>"),
        ("chakra.show(await chakra.raw('select 7 as seven'))", "<tr><th>seven</th></tr></thead><tbody><tr><td>7</td>"),
        ("await Writer.objects.get()", "<tr><td>name</td><td>&#x27;Ann&#x27;</td></tr>"),
        ("Writer.objects.filter(id=1)", "not run"),
    ):  # fmt: skip
        found = await html(cell)
        assert found is not None and cells in found, (cell, found)
    for other in ("[]", "[1, 2]", "[{'a': 1}, {'b': 1}]", "[{}]", "['x']", "[Writer(name='x'), 5]", "(1, 2)"):
        assert await html(other) is None, other
    await html("%unload_ext chakra")
    assert await html("await Text.objects.all()") is None
