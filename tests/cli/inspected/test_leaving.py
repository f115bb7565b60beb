"""What models cannot make is left out, with a line that says why; the rest is made and comes back equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chakra.inspection.reading import read_models
from chakra.migrations.diff import diff
from chakra.migrations.observed import observed
from chakra.migrations.operations import CreateTable, DropTable
from tests.cli.inspected.test_round_trip import again

ODDITIES = Path(__file__).with_name("oddities.sql").read_text()


async def test_odd_names_and_types(db: Any) -> None:
    await db.execute(ODDITIES)
    there = await observed(db)
    source = await read_models(db)
    await again(db, source, 'CREATE SCHEMA "Odd Schema"')
    assert diff(there, await observed(db)) == []
    assert await read_models(db) == source
    for line in (
        "class DateRow(Model",
        "class ModelRow(Model",
        'Index(OpClass("words", "tsvector_ops", siglen="300"), name="signs_idx", method="gist")',
        'boss: ForeignKey[Employee | None] = foreign_key(related_name="boss_employee"',
        'mentor: ForeignKey[Employee | None] = foreign_key(related_name="mentor_employee", on_delete="set null"',
        'to: ForeignKey[Employee] = foreign_key(related_name="to_transfer", column="ToId", index=False)',
        'field(Enum(PpColor, "pp_colors", schema=""), default=None)',
        'primary_key = ("a", "b")',
        'primary_key = ("employee", "project")',
        'Positive = Domain("positive", Integer, check="(VALUE > 0)")',
        'Smaller = Domain("smaller", Positive, check={"below": "((VALUE)::integer < 100)"})',
        'Place = Composite("place", None, **{"street": Text, "zip code": Positive, "class": Text})',
        'RealRange = Range("real_range", Real)',
        'field(SmallInt, identity="serial"',
        "# the range real_range: create_tables() makes it of its subtype",
        "ManyToMany[Employee] = many_to_many(",
    ):
        assert line in source, f"{line}\n{source}"


MADE = """
CREATE FUNCTION twice(integer) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 2 * $1';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE OPERATOR @@@ (FUNCTION = twice, RIGHTARG = integer);
CREATE COLLATION own FROM "C";
CREATE SEQUENCE numbers;
CREATE DOMAIN odd AS integer DEFAULT nextval('numbers') CHECK (twice(VALUE) > 0) CONSTRAINT more CHECK (VALUE > 1);
CREATE TABLE uses (
    id integer PRIMARY KEY DEFAULT twice(1), a integer DEFAULT nextval('numbers') + 1,
    b integer GENERATED ALWAYS AS (twice(3)) STORED, c integer CHECK (twice(c) > 0) UNIQUE, d text COLLATE own,
    e regproc, f odd, g bpchar, h interval year, i integer CHECK (@@@ i > 0), CHECK (e IS NOT NULL));
ALTER TABLE uses ADD UNIQUE (id);
CREATE INDEX uses_twice ON uses (twice(a));
CREATE INDEX uses_e ON uses (a, c) WHERE e IS NOT NULL;
CREATE TRIGGER touched BEFORE UPDATE ON uses FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER same BEFORE UPDATE ON uses FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
ALTER TABLE uses DISABLE TRIGGER same;
CREATE POLICY off ON uses USING (a > 0);
CREATE RULE ignored AS ON DELETE TO uses DO INSTEAD NOTHING;
CREATE TABLE refers (id integer PRIMARY KEY, c integer REFERENCES uses (c), r uses, only_reg regproc);
CREATE TABLE parts (id integer PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE part PARTITION OF parts FOR VALUES FROM (1) TO (9);
CREATE TABLE child (extra text) INHERITS (refers);
ALTER TABLE child ADD CONSTRAINT later CHECK (extra <> '') NOT VALID;
CREATE TABLE empty ();
CREATE TABLE regs (only_reg regproc);
CREATE TABLE guarded (id integer PRIMARY KEY);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE VIEW plain AS SELECT id, a FROM uses;
CREATE VIEW stars AS SELECT * FROM uses;
CREATE VIEW doubled AS SELECT twice(id) AS id FROM uses;
CREATE VIEW over AS SELECT id FROM doubled;
CREATE VIEW parted AS SELECT id FROM part;
CREATE POLICY seen ON guarded USING (EXISTS (SELECT FROM over));
CREATE MATERIALIZED VIEW unfilled AS SELECT 1 / 0 AS x WITH NO DATA;
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN null; END';
CREATE TRIGGER of_view INSTEAD OF INSERT ON plain FOR EACH ROW EXECUTE FUNCTION instead();
"""
LINES = [
    '# refers.r: left out: models have no word for its type "uses": it is the row of a table',
    '# uses.e: left out, with uses_e_check, uses_e: models have no word for its type "regproc"',
    "# uses.g: left out: models have no word for its type character: it has no length",
    "# uses.h: left out: models have no word for its type interval: it has some fields alone",
    "# uses.id: its default needs function public.twice(integer), which models do not make; left out: twice(1)",
    "# uses.a: its default is left out: it computes with numbers of a sequence: (nextval('numbers'::regclass) + 1)",
    "# uses.b: left out: it needs function public.twice(integer), which models do not make: it is computed as (tw",
    "# uses.uses_c_check: left out, it needs function public.twice(integer), which models do not make: Check(",
    "# uses.d: its collation is left out: it needs collation public.own, which models do not make",
    '# uses.uses_id_key: left out, it says what another key does: Unique("id", name="uses_id_key")',
    "# uses.uses_twice: left out, it needs function public.twice(integer)",
    "# uses.touched: a trigger, left out, it needs function public.touch(), which models do not make: Trigger(",
    "# uses.same: a trigger that is disabled; here it is enabled as usual",
    "# uses.off: a policy, left out, it does not count while row security is off",
    "# uses.ignored: a rule, left out",
    "# the domain odd: its condition odd_check needs function public.twice(integer)",
    "# the domain odd: its default is left out: it draws from a sequence",
    "# child: inherits from refers; here it is a table of its own",
    "# child.later: is not validated in the database; here it holds for all rows",
    "# empty: left out, it has no columns",
    "# regs: left out, since its only column is only_reg",
    "# stars: a view, left out: it reads uses.b, which is not among the models",
    "# doubled: it needs function public.twice(integer), which models do not make; left out",
    "# over: a view, left out: it reads doubled, which is not among the models",
    "# parted: a view, left out: it reads part, which is not among the models",
    "# guarded.seen: a policy, left out, it reads the view over",
    "# unfilled: a materialized view that was never filled, left out",
    "# plain.of_view: a trigger, left out, it",
]


async def test_what_is_left_out_is_said(db: Any) -> None:
    await db.execute(MADE)
    there = await observed(db)
    source = await read_models(db)
    said = " ".join(source.split("\n\n\n")[0].replace("\n#    ", "").split())
    for line in LINES:
        assert " ".join(line.split()) in said, f"{line}\n{source}"
    await again(db, source)
    made = diff(there, await observed(db))
    assert [one.name for one in made if isinstance(one, CreateTable)] == []
    assert {one.name for one in made if isinstance(one, DropTable)} == {"empty", "part", "regs"}
    # What is made anew says the same: nothing is left to be left out but what models are not told.
    second = await read_models(db)
    assert second.split("class ", 1)[1] == source.split("class ", 1)[1]
