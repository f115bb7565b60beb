"""Two columns of a table that hold the same value in two types, kept in step by a trigger while either is written.

Everything below says *name* of the column that code knows, and *other* of the one beside it. ``forward`` makes the
other's value and ``backward`` the name's; both are SQL over the column's name, as ``USING`` of ALTER TABLE is.
"""

from __future__ import annotations

from chakra.migrations.state import State
from chakra.pg.quoting import quote_identifier, quote_qualified, quote_string
from chakra.schema import Column, Guard, Table, Trigger
from chakra.schema.naming import object_name


def trigger_name(table: Table, other: str) -> str:
    """Of the trigger and its function. Triggers fire by name: this one comes after those that change the row."""
    return object_name("zz", table.name, other, "in_step")


def trigger_of(table: Table, other: str) -> Trigger:
    """The trigger that keeps a column in step."""
    function = quote_qualified(table.schema, trigger_name(table, other))
    return Trigger(f"BEFORE INSERT OR UPDATE ON {{table}} FOR EACH ROW EXECUTE FUNCTION {function}()")


def cast_of(name: str, column: Column) -> str:
    """The conversion that a plain cast is."""
    return f"{quote_identifier(name)}::{column.type.sql}"


def function_sql(table: Table, name: Column, other: Column, forward: str, backward: str) -> str:
    """``CREATE FUNCTION`` of the trigger.

    A row that says the name gets the other; one that says the other alone, and something else than it would get
    anyway, gets the name. Values are compared byte by byte: types such as json have no ``=``, and to citext other
    letters are equal.
    """

    def said(sql: str, source: Column, target: Column) -> str:
        if sql == cast_of(name.name, target):  # 5 µs a row; a query makes 10 of them
            return f"NEW.{source.quoted}::{target.type.sql}"
        return f"(SELECT {sql} FROM (SELECT NEW.{source.quoted}) AS row_ ({name.quoted}))"

    there = said(forward, name, other)
    back = said(backward, other, name)
    body = f"""
#variable_conflict use_column
DECLARE
    made_ {other.type.sql};
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.{other.quoted} IS NULL THEN
            NEW.{other.quoted} := {there};
            RETURN NEW;
        END IF;
    ELSIF pg_catalog.record_image_ne(ROW(NEW.{name.quoted}), ROW(OLD.{name.quoted})) THEN
        NEW.{other.quoted} := {there};
        RETURN NEW;
    ELSIF NOT pg_catalog.record_image_ne(ROW(NEW.{other.quoted}), ROW(OLD.{other.quoted})) THEN
        IF NEW.{other.quoted} IS NULL THEN
            NEW.{other.quoted} := {there};
        END IF;
        RETURN NEW;
    END IF;
    made_ := {there};
    IF pg_catalog.record_image_ne(ROW(NEW.{other.quoted}), ROW(made_)) THEN
        NEW.{name.quoted} := {back};
    END IF;
    RETURN NEW;
END"""
    full = quote_qualified(table.schema, trigger_name(table, other.name))
    return f"CREATE OR REPLACE FUNCTION {full}() RETURNS trigger LANGUAGE plpgsql AS {quote_string(body)}"


def drop_sql(table: Table, other: str) -> str:
    """The trigger and its function dropped."""
    one = trigger_name(table, other)
    return (
        f"DROP TRIGGER {quote_identifier(one)} ON {table.quoted};\n"
        f"DROP FUNCTION {quote_qualified(table.schema, one)}()"
    )


def out_of_step(other: Column, forward: str) -> str:
    """A condition: of rows whose two values do not belong together."""
    return f"pg_catalog.record_image_ne(ROW({other.quoted}), ROW(CAST(({forward}) AS {other.type.sql})))"


def with_trigger(state: State, table: Table, other: str) -> State:
    """With the trigger among what stands around the table."""
    key = (table.schema, table.name)
    guard = state.guard(key)
    triggers = {**guard.triggers, trigger_name(table, other): trigger_of(table, other)}
    return state.with_guard(key, Guard(guard.enabled, guard.forced, guard.policies, triggers))


def without_trigger(state: State, table: Table, other: str) -> State:
    """Without it."""
    key = (table.schema, table.name)
    guard = state.guard(key)
    gone = trigger_name(table, other)
    triggers = {one: trigger for one, trigger in guard.triggers.items() if one != gone}
    return state.with_guard(key, Guard(guard.enabled, guard.forced, guard.policies, triggers))


__all__ = [
    "cast_of",
    "drop_sql",
    "function_sql",
    "out_of_step",
    "trigger_name",
    "trigger_of",
    "with_trigger",
    "without_trigger",
]
