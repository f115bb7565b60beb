"""Two tables whose columns get other types, one of which refers to the other, with all that may be about a column."""

from __future__ import annotations

from collections.abc import Sequence

from chakra.migrations import (
    Check,
    Column,
    CreateEnum,
    CreatePolicy,
    CreateTable,
    CreateTrigger,
    CreateView,
    ForeignKey,
    Index,
    Policy,
    Trigger,
    Unique,
)
from chakra.migrations.operations import Operation
from chakra.migrations.state import State

SAME = "EXECUTE FUNCTION suppress_redundant_updates_trigger()"


def tables(number: str, code: str, at: str, data: str, label: str) -> list[Operation]:
    """Two tables, one of which refers to the other and to itself, with all that may be about a column.

    Args:
        number: type of keys and numbers; the others are of columns.
        label: a value of code.
    """
    return [
        CreateEnum("kind", ["news", "story"]),
        CreateTable(
            "authors",
            [Column("id", number, identity="always"), Column("boss", number, null=True)],
            primary_key=["id"],
            constraints=[ForeignKey("boss", "authors", "id", name="authors_boss_fkey")],
        ),
        CreateTable(
            "posts",
            [
                Column("id", number, identity="by default"),
                Column("author", number),
                Column("number", number, default="0", comment="how many"),
                Column("code", code, default=label, null=True),
                Column("at", at),
                Column("data", data, null=True),
                Column("body", "text", null=True),
            ],
            primary_key=["author", "id"],
            constraints=[
                ForeignKey("author", "authors", "id", name="posts_author_fkey", on_delete="cascade"),
                Unique("number", "author", name="posts_number_key", deferrable="immediate"),
                Check("number >= 0", name="posts_number_check"),
            ],
            indexes=[
                Index("-code", name="posts_code_idx", where="body IS NULL"),
                Index("(number + 1)", name="posts_more_idx"),
                Index("body", name="posts_body_idx"),
            ],
        ),
        CreateView("busy", "SELECT id, number FROM posts", [Column("id", number), Column("number", number)]),
        CreateView("busier", "SELECT id FROM busy", [Column("id", number)]),
        CreatePolicy("posts", "seen", Policy(using="number >= 0")),
        CreateTrigger("posts", "same", Trigger(f"BEFORE UPDATE OF number ON {{table}} FOR EACH ROW {SAME}")),
    ]


BEFORE = tables("integer", "text", "text", "text", "'news'::text")
AFTER = tables("bigint", "kind", "timestamp with time zone", "jsonb", "'news'::kind")
USING = {("posts", "at"): "to_timestamp(at, 'DD.MM.YYYY')"}
BACK = {("posts", "at"): "to_char(at, 'DD.MM.YYYY')"}
ROWS = """
INSERT INTO authors (boss) SELECT CASE WHEN i > 1 THEN 1 END FROM generate_series(1, 3) i;
INSERT INTO posts (author, number, at, data) SELECT 1 + i % 3, i, '02.01.2026', '{"a": 1}'
FROM generate_series(1, 300) i;
GRANT UPDATE (number) ON posts TO PUBLIC;
GRANT SELECT ON busy TO PUBLIC;
ALTER TABLE posts ALTER COLUMN number SET STATISTICS 77
"""


def state_of(operations: Sequence[Operation]) -> State:
    state = State()
    for one in operations:
        state = one.apply(state)
    return state
