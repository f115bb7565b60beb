"""Every operation, over tables with rows that somebody else uses: a base to start from, and one change of it each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chakra.migrations import (
    AddColumn,
    AddConstraint,
    AddIndex,
    AddLabel,
    AlterColumn,
    AlterComposite,
    AlterDomain,
    AlterSequence,
    AlterTable,
    Check,
    Column,
    ContractColumn,
    CreateComposite,
    CreateDomain,
    CreateEnum,
    CreateExtension,
    CreatePolicy,
    CreateSchema,
    CreateSequence,
    CreateTable,
    CreateTrigger,
    CreateView,
    Domain,
    DropColumn,
    DropComposite,
    DropConstraint,
    DropDomain,
    DropEnum,
    DropExtension,
    DropIndex,
    DropPolicy,
    DropSchema,
    DropSequence,
    DropTable,
    DropTrigger,
    DropView,
    Exclude,
    ExpandColumn,
    FillColumn,
    ForeignKey,
    Index,
    Partitioning,
    PartitionOf,
    Policy,
    RecreateEnum,
    RenameColumn,
    RenameConstraint,
    RenameIndex,
    RenameLabel,
    RenameTable,
    ReplaceView,
    Sequence,
    SetPrimaryKey,
    SetRowSecurity,
    SwapColumn,
    Trigger,
    Unique,
)
from chakra.migrations.operations import Operation

SAME = Trigger("BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()")
VIEW = CreateView("titles", "SELECT id, title FROM posts", [Column("id", "bigint"), Column("title", "text")])
WIDER = ('"value"::bigint', '"value"::integer')
POSTS = (
    Column("id", "bigint", identity="by default"),
    Column("title", "text"),
    Column("author", "bigint", null=True),
    Column("second", "bigint", null=True),
    Column("number", "integer"),
    Column("price", "price", null=True),
    Column("mood", "mood", default="'ok'"),
    Column("note", "text", null=True),
    Column("size", "numeric(10, 2)", default="1"),
    Column("seen", "integer", default="0"),
    Column("twice", "integer", null=True, generated="number * 2"),
)
BASE: tuple[Operation, ...] = (
    CreateExtension("lo"),
    CreateSchema("side"),
    CreateEnum("mood", ["sad", "ok"]),
    CreateEnum("unused", ["a"]),
    CreateDomain("price", Domain("numeric(12,2)", checks=(("price_check", "VALUE >= 0"),))),
    CreateDomain("spare", Domain("integer", nullable=False)),
    CreateComposite("address", [("street", "text")]),
    CreateSequence(Sequence("numbers")),
    CreateTable("authors", [Column("id", "bigint", identity="by default")], primary_key=["id"]),
    CreateTable(
        "posts",
        POSTS,
        primary_key=["id"],
        constraints=[
            ForeignKey("second", "authors", "id", name="posts_second_fkey"),
            Check("number > 0", name="posts_number_check"),
        ],
        indexes=[Index("title", name="posts_title_idx")],
    ),
    CreateTable(
        "loose", [Column("a", "bigint"), Column("b", "text", null=True)], storage=[("fillfactor", "90")]
    ),
    CreateTable(
        "refers",
        [Column("id", "bigint"), Column("author", "bigint")],
        constraints=[ForeignKey("author", "authors", "id", name="refers_author_fkey")],
    ),
    CreateTable(
        "logs",
        [Column("day", "integer"), Column("line", "text", null=True), Column("author", "bigint", null=True)],
        partition_by=Partitioning("range", ("day",)),
        indexes=[Index("day", name="logs_day_idx")],
    ),
    CreateTable(
        "logs_low", [], partition_of=PartitionOf(None, "logs", "FOR VALUES FROM (MINVALUE) TO (1000)")
    ),
    CreateTable(
        "wide",
        [Column("id", "integer", identity="by default"), Column("value", "integer", default="0")],
        primary_key=["id"],
        indexes=[Index("value", name="wide_value_idx")],
    ),
    ExpandColumn("wide", "value", Column("more", "bigint", null=True), *WIDER),
    VIEW,
    CreateView(
        "totals", "SELECT author, count(*) AS n FROM posts GROUP BY author", materialized=True,
        columns=[Column("author", "bigint", null=True), Column("n", "bigint", null=True)],
    ),
    SetRowSecurity("loose"),
    CreatePolicy("posts", "own", Policy(using="title <> ''")),
    CreateTrigger("posts", "same", SAME),
)  # fmt: skip


def rows(count: int) -> str:
    """SQL of rows for the base."""
    return f"""
INSERT INTO authors SELECT FROM generate_series(1, 20);
INSERT INTO posts (title, author, second, number, price)
SELECT 't' || i, 1 + i % 20, 1 + i % 20, i, 1 FROM generate_series(1, {count}) i;
INSERT INTO loose SELECT i, i FROM generate_series(1, {count}) i;
INSERT INTO wide (value) SELECT i FROM generate_series(1, {count}) i;
INSERT INTO logs SELECT i % 900, 'l' || i, 1 + i % 20 FROM generate_series(1, {count}) i;
"""


def column(name: str, type_: str | None = None, **words: Any) -> Column:
    """A column of posts with something else about it."""
    old = next(one for one in POSTS if one.name == name)
    return replace(old, type=old.type if type_ is None else Column(name, type_).type, **words)


@dataclass(frozen=True)
class Case:
    """One change of the base.

    Attributes:
        title: what a table of operations calls it.
        operation: over the base.
        server: the oldest that can do it.
        harmless: whether code of before goes on working, which names its columns, and it can be taken back meanwhile.
    """

    title: str
    operation: Operation
    server: int = 14
    harmless: bool = True


CASES = (
    Case("create table", CreateTable("more", [Column("id", "bigint")], primary_key=["id"])),
    Case(
        "create table with a foreign key",
        CreateTable(
            "more",
            [Column("id", "bigint")],
            constraints=[ForeignKey("id", "posts", "id", name="more_fkey")],
        ),
    ),
    Case(
        "create partition",
        CreateTable(
            "logs_high", [], partition_of=PartitionOf(None, "logs", "FOR VALUES FROM (1000) TO (2000)")
        ),
    ),
    Case("drop table", DropTable("loose"), harmless=False),
    Case("rename table", RenameTable("loose", "looser"), harmless=False),
    Case("other schema", RenameTable("loose", "side.loose"), harmless=False),
    Case("drop table with a foreign key", DropTable("refers"), harmless=False),
    Case("comment", AlterTable("posts", comment="of posts")),
    Case("storage parameters", AlterTable("posts", storage=[("fillfactor", "70")])),
    Case("storage parameters of before", AlterTable("loose", storage=[])),
    Case("unlogged", AlterTable("loose", unlogged=True)),
    Case("add column", AddColumn("posts", Column("more", "text", null=True))),
    Case("add column, constant default", AddColumn("posts", Column("more", "integer", default="7"))),
    Case("add column, fill", AddColumn("posts", Column("more", "text", default="''"), fill="lower(title)")),
    Case(
        "add column, volatile default",
        AddColumn("posts", Column("more", "uuid", default="gen_random_uuid()")),
    ),
    Case(
        "add column, stored computed",
        AddColumn("posts", Column("more", "bigint", null=True, generated="id * 2")),
    ),
    Case("add column, identity", AddColumn("loose", Column("id", "bigint", identity="by default"))),
    Case("drop column", DropColumn("posts", "note"), harmless=False),
    Case("rename column", RenameColumn("posts", "note", "notes"), harmless=False),
    Case(
        "add column, virtual computed",
        AddColumn("posts", Column("more", "bigint", null=True, generated="id * 2", virtual=True)),
        server=18,
    ),
    Case("add column to a partitioned table", AddColumn("logs", Column("more", "integer", default="7"))),
    Case("drop column of a partitioned table", DropColumn("logs", "line"), harmless=False),
    Case("column: type, rewritten", AlterColumn("posts", column("seen", "bigint"))),
    Case("column: type, not rewritten", AlterColumn("posts", column("size", "numeric(12, 2)"))),
    Case("column: NOT NULL", AlterColumn("posts", column("author", nullable=False))),
    Case("column: NOT NULL, fill", AlterColumn("posts", column("note", nullable=False), fill="''")),
    Case("column: NULL", AlterColumn("posts", column("title", nullable=True))),
    Case("column: default", AlterColumn("posts", column("number", db_default="5"))),
    Case("column: identity", AlterColumn("loose", Column("a", "bigint", identity="always"))),
    Case("column: computed no more", AlterColumn("posts", column("twice", computed=None)), harmless=False),
    Case("column: other identity", AlterColumn("posts", column("id", always=True))),
    Case("column: serial", AlterColumn("loose", Column("a", "bigint", identity="serial"))),
    Case("column: identity no more", AlterColumn("posts", column("id", identity=False)), harmless=False),
    Case("column: storage", AlterColumn("posts", column("note", storage="external"))),
    Case("column: compression", AlterColumn("posts", column("note", compression="pglz"))),
    Case("column: comment", AlterColumn("posts", column("note", comment="said"))),
    Case(
        "expand column", ExpandColumn("posts", "size", Column("more", "integer", null=True), "size", "size")
    ),
    Case("fill column", FillColumn("wide", "more", WIDER[0])),
    Case(
        "swap column",
        SwapColumn("wide", "value", "more", "less", Column("value", "bigint", default="1"), *WIDER),
    ),
    Case("contract column", ContractColumn("wide", "value", "more", *WIDER)),
    Case("add unique", AddConstraint("posts", Unique("title", name="posts_title_key"))),
    Case("add check", AddConstraint("posts", Check("id > 0", name="posts_id_check"))),
    Case(
        "add foreign key",
        AddConstraint("posts", ForeignKey("author", "authors", "id", name="posts_author_fkey")),
    ),
    Case(
        "add foreign key to a partitioned table",
        AddConstraint("logs", ForeignKey("author", "authors", "id", name="logs_author_fkey")),
    ),
    Case(
        "add exclusion",
        AddConstraint("posts", Exclude(("(int8range(id, id, '[]'))", "&&"), name="posts_excl")),
    ),
    Case(
        "add unique to a partitioned table", AddConstraint("logs", Unique("day", "line", name="logs_day_key"))
    ),
    Case("add check to a partitioned table", AddConstraint("logs", Check("day >= 0", name="logs_day_check"))),
    Case("drop check", DropConstraint("posts", "posts_number_check")),
    Case("drop foreign key", DropConstraint("posts", "posts_second_fkey")),
    Case("rename constraint", RenameConstraint("posts", "posts_number_check", "posts_positive")),
    Case("set primary key", SetPrimaryKey("loose", ["a"])),
    Case("other primary key", SetPrimaryKey("posts", ["number"])),
    Case("drop primary key", SetPrimaryKey("posts", [])),
    Case("add index", AddIndex("posts", Index("number", name="posts_number_idx"))),
    Case("add index to a partitioned table", AddIndex("logs", Index("line", name="logs_line_idx"))),
    Case("drop index", DropIndex("posts", "posts_title_idx")),
    Case("drop index of a partitioned table", DropIndex("logs", "logs_day_idx")),
    Case("rename index", RenameIndex("posts", "posts_title_idx", "by_title")),
    Case("create enum", CreateEnum("size", ["s", "m"])),
    Case("drop enum", DropEnum("unused")),
    Case("add label", AddLabel("mood", "happy")),
    Case("rename label", RenameLabel("mood", "sad", "unhappy")),
    Case("recreate enum", RecreateEnum("mood", ["ok", "sad"])),
    Case("create domain", CreateDomain("other", Domain("text"))),
    Case(
        "domain: default",
        AlterDomain("price", Domain("numeric(12,2)", default="1", checks=(("price_check", "VALUE >= 0"),))),
    ),
    Case(
        "domain: other check",
        AlterDomain("price", Domain("numeric(12,2)", checks=(("price_max", "VALUE < 1000"),))),
    ),
    Case(
        "domain: NOT NULL",
        AlterDomain(
            "price", Domain("numeric(12,2)", nullable=False, checks=(("price_check", "VALUE >= 0"),))
        ),
    ),
    Case("domain: NULL", AlterDomain("spare", Domain("integer"))),
    Case("drop domain", DropDomain("spare")),
    Case("create composite", CreateComposite("pair", [("a", "integer")])),
    Case("composite: fields", AlterComposite("address", [("street", "text"), ("zip", "integer")])),
    Case("drop composite", DropComposite("address")),
    Case("create view", CreateView("more", "SELECT id FROM posts", [Column("id", "bigint")])),
    Case(
        "replace view",
        ReplaceView(CreateView("titles", "SELECT id, upper(title) AS title FROM posts", VIEW.columns)),
    ),
    Case("drop view", DropView("titles"), harmless=False),
    Case("drop materialized view", DropView("totals"), harmless=False),
    Case("row security", SetRowSecurity("posts", enabled=False)),
    Case("create policy", CreatePolicy("posts", "all", Policy(using="true"))),
    Case("drop policy", DropPolicy("posts", "own")),
    Case("create trigger", CreateTrigger("posts", "again", SAME)),
    Case("drop trigger", DropTrigger("posts", "same")),
    Case("create schema", CreateSchema("other")),
    Case("drop schema", DropSchema("side")),
    Case("create extension", CreateExtension("tcn")),
    Case("drop extension", DropExtension("lo")),
    Case("create sequence", CreateSequence(Sequence("other"))),
    Case("alter sequence", AlterSequence(Sequence("numbers", increment=2))),
    Case("drop sequence", DropSequence("numbers")),
)
