"""Statements as reports and logs show them."""

from __future__ import annotations

from chakra.debug.shown import brief
from chakra.pg.lexing import without_constants


def test_constants_go() -> None:
    for sql, expected in {
        "select 'a''b', E'x\\'y', $$z$$, 1.5e3, x1, $1 -- 'c'\n from \"t'1\"": (
            'select ?, ?, ?, ?, x1, $1 from "t\'1"'
        ),
        "select 1 /* 'x' /* 2 */ */ + 'open": "select ? + ?…",
        "select U&'\\0041', B'1', X'ff'": "select ?, ?, ?",
    }.items():
        assert without_constants(sql) == expected


def test_short_forms() -> None:
    for sql, expected in {
        'SELECT "id", "Name" FROM "a b" WHERE "x"=1': 'SELECT id, "Name" FROM "a b" WHERE x=?',
        f"SELECT {', '.join('abcdefghijkl')} FROM t": "SELECT … FROM t",
        "SELECT (SELECT a FROM b) FROM c": "SELECT (SELECT a FROM b) FROM c",
        f"INSERT INTO t (a) VALUES ($1) RETURNING {', '.join('abcdefghijkl')}": (
            "INSERT INTO t (a) VALUES ($1) RETURNING …"
        ),
    }.items():
        assert brief(sql) == expected
    assert len(brief("SELECT x FROM t WHERE " + "y AND " * 100)) == 100
