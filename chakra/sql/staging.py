"""Bulk writes through a staging table: the statements that make it, merge it and read it back; pure text.

The rows travel by COPY into a temporary table with the columns of the data, and one statement moves them on.
The table has one fixed name: it lives inside one transaction of one connection, so there is never a second,
and statements that keep their text are prepared once per connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from chakra.errors import FieldError
from chakra.pg.conversion import Naive
from chakra.pg.quoting import quote_identifier, quote_qualified, quote_string
from chakra.pg.text import TEMPORARY_TABLE, SqlText, Touch
from chakra.pg.types import without_binary
from chakra.schema import Column, Table
from chakra.sql.constant_conditions import compiled_condition, constant_condition
from chakra.sql.literals import bare_type
from chakra.sql.write_facts import REPLACED, SECURED, unchecked

Action = Literal["insert", "ignore", "update"]

STAGING_SCHEMA = "pg_temp"
STAGING = "chakra_staging"
STAGED = quote_qualified(STAGING_SCHEMA, STAGING)
_STAGING = f"pg_temp.{quote_identifier(STAGING)}"

OLD_ROWS_FROM = (18, 0)
"""First server whose RETURNING knows the row as it was before (``old``). Older ones leave the row's ``xmax``:
0 for an inserted row, our transaction, which locked it, for one that ON CONFLICT found (``heapam.c``,
``heap_update``)."""

_FLAG = "'chakra.updated'"
"""A setting of the transaction in which rows of partitioned tables, whose ``xmax`` no RETURNING sees, say on those
servers whether ON CONFLICT updated them: each row of the source takes the mark away, SET puts it there, RETURNING reads
it. What a trigger leaves out is returned by neither."""


@dataclass(frozen=True, slots=True)
class Merge:
    """What a staged insert does with its rows.

    Attributes:
        table: the target.
        written: columns of the data.
        action: ``insert``, or what happens to rows in conflict.
        conflict: columns whose unique index decides; empty = any unique index (``ignore`` only).
        update: columns overwritten in rows that exist.
        drawn: columns of the primary key that the staging table fills by their default.
        predicate: of a partial unique index that decides, as a condition.
        where: which of the existing rows are overwritten, as a condition; ``None``: all.
        naive: what a datetime without a zone means in these conditions.
    """

    table: Table
    written: tuple[Column, ...]
    action: Action
    conflict: tuple[Column, ...] = ()
    update: tuple[Column, ...] = ()
    drawn: tuple[Column, ...] = ()
    predicate: Any = None
    where: Any = None
    naive: Naive = "error"

    def with_written(self, written: tuple[Column, ...]) -> Merge:
        """The plan with columns that are written beside those of the data, and never overwrite what is there."""
        drawn = tuple(column for column in self.drawn if column not in written)
        return replace(self, written=written, drawn=drawn)

    @property
    def staged(self) -> tuple[Column, ...]:
        """The columns of the staging table that go into the target."""
        return (*self.written, *self.drawn)

    @property
    def ordinal(self) -> str:
        """Name of the staging column that numbers the rows."""
        return free_name(self.table)


def free_name(table: Table) -> str:
    """A name that no column of the table has."""
    taken = {column.name for column in table.columns}
    name = "chakra_row"
    while name in taken:
        name += "_"
    return name


def plan_merge(
    table: Table,
    written: Sequence[Column],
    on_conflict: str | None,
    conflict_fields: Iterable[str] | None,
    update_fields: Iterable[str] | None,
    conflict_where: Any = None,
    where: Any = None,
    *,
    draw_keys: bool = False,
    naive: Naive = "error",
) -> Merge:
    """Check the options of a bulk insert and fill in what they leave open.

    Args:
        written: columns of the data.
        on_conflict: ``None``, ``"ignore"`` or ``"update"``.
        conflict_fields: default for ``update``: the primary key; for ``ignore``: whichever unique index.
        update_fields: default: the data's columns but the conflict fields and the primary key.
        conflict_where: condition of the partial unique index over the conflict fields.
        where: condition on the rows that are there, for ``update``; others stay as they are.
        draw_keys: make values for generated key columns that are not in the data while staging.
        naive: what a datetime without a zone means in the conditions.

    Raises:
        FieldError: an unknown option or field, or options that contradict each other.
    """
    action = _action(on_conflict)
    if action == "insert" and (conflict_fields is not None or update_fields is not None):
        raise FieldError('conflict_fields and update_fields need on_conflict="ignore" or "update"')
    if action == "ignore" and update_fields is not None:
        raise FieldError('update_fields needs on_conflict="update"; rows that are ignored stay as they are')
    if conflict_where is not None and (action == "insert" or conflict_fields is None):
        raise FieldError(
            "conflict_where needs on_conflict and the conflict_fields of the partial unique index"
        )
    if where is not None and action != "update":
        raise FieldError('where says which rows on_conflict="update" overwrites; nothing else takes it')
    for option, condition in (("conflict_where", conflict_where), ("where", where)):
        if condition is not None:
            constant_condition(table, condition, option, naive=naive)
    conflict: tuple[Column, ...] = ()
    if conflict_fields is not None:
        conflict = named_columns(table, conflict_fields, "conflict_fields")
    elif action == "update":
        conflict = table.key_columns
        if not conflict:
            raise FieldError(f"{table.title} has no primary key; name the columns in conflict_fields")
    for column in conflict:
        if column not in written:
            raise FieldError(
                f"the data has no column {column.attribute!r}, by which conflicts of {table.title} would be "
                f"found; name the columns of a unique constraint in conflict_fields"
            )
    update: tuple[Column, ...] = ()
    if action == "update":
        update = _updated(table, written, conflict, update_fields)
    drawn = tuple(c for c in table.key_columns if c.generated and c not in written) if draw_keys else ()
    return Merge(table, tuple(written), action, conflict, update, drawn, conflict_where, where, naive)


def _action(on_conflict: str | None) -> Action:
    if on_conflict is None:
        return "insert"
    if on_conflict not in ("ignore", "update"):
        raise FieldError(f'on_conflict is "ignore", "update" or None, not {on_conflict!r}')
    return "ignore" if on_conflict == "ignore" else "update"


def named_columns(table: Table, names: Iterable[str], option: str) -> tuple[Column, ...]:
    """The columns an option names, by field or relation, each once.

    Raises:
        FieldError: an unknown name, no name at all, or one string in place of several.
    """
    if isinstance(names, str):
        raise FieldError(f"{option} takes a list of names: [{names!r}]")
    try:
        found = tuple(dict.fromkeys(table.by_attribute[a] for name in names for a in table.attributes(name)))
    except FieldError as error:
        raise FieldError(f"{option}: {error}") from None
    if not found:
        raise FieldError(f"{option} is empty; {table.title} has {table.field_names()}")
    return found


def _updated(
    table: Table,
    written: Sequence[Column],
    conflict: Sequence[Column],
    update_fields: Iterable[str] | None,
) -> tuple[Column, ...]:
    if update_fields is None:
        made_once = [table.by_attribute[name] for name, one in table.moments.items() if not one.updates]
        fixed = (*conflict, *table.key_columns, *version_column(table), *made_once)
        update = tuple(column for column in written if column not in fixed)
        if not update:
            raise FieldError(
                'on_conflict="update" has nothing to update: the data has no column beside the conflict '
                'fields and the primary key; use on_conflict="ignore"'
            )
        return update
    update = named_columns(table, update_fields, "update_fields")
    for column in update:
        if column not in written:
            raise FieldError(f"update_fields names {column.attribute!r}, which the data does not have")
    touched = [table.by_attribute[name] for name, one in table.moments.items() if one.updates]
    return tuple(dict.fromkeys((*update, *[column for column in touched if column in written])))


_BUILT_IN = re.compile(
    r"\s*(?:pg_catalog\.)?(?:gen_random_uuid\(\)|uuidv[47]\(\)|now\(\)|nextval\('(?:[^'\\]|'')*'(?:::regclass)?\))\s*\Z",
    re.IGNORECASE,
)
"""Defaults that keys have and that leave nothing behind. Others are SQL of the model's author, evaluated on its own."""


def _built_in(defaults: Iterable[str]) -> bool:
    return all(_BUILT_IN.match(default) for default in defaults)


def create_staging(merge: Merge, *, ordinal: bool, defaults: dict[str, str]) -> SqlText:
    """The script that makes the staging table: columns typed like the target's, without its constraints.

    Args:
        ordinal: add the column that numbers the rows.
        defaults: for drawn columns, by name: the SQL of their values.
    """
    columns = _staged_columns(merge.staged)
    if ordinal:
        columns.append(f"0::bigint AS {quote_identifier(merge.ordinal)}")
    script = (
        f"CREATE TEMPORARY TABLE {_STAGING} ON COMMIT DROP AS "
        f"SELECT {', '.join(columns)} FROM {merge.table.quoted} WITH NO DATA"
    )
    for column in merge.drawn:
        script += f"; ALTER TABLE {_STAGING} ALTER COLUMN {column.quoted} SET DEFAULT {defaults[column.name]}"
    touches: tuple[Touch, ...] = ((merge.table.quoted, True), TEMPORARY_TABLE)
    return SqlText(script, touches if _built_in(defaults.values()) else None)


def _staged_columns(columns: Sequence[Column]) -> list[str]:
    """What the staging table is made of: the target's columns, as text where their type has no binary format."""
    stand_ins = [(column, without_binary(column.type, to="write")) for column in columns]
    return [c.quoted if type_ is None else f"{c.quoted}::{type_.sql} AS {c.quoted}" for c, type_ in stand_ins]


def staged_types(columns: Sequence[Column]) -> str | None:
    """The statement that gives staged text its type, once it is there; ``None`` if there is none."""
    text = [column for column in columns if without_binary(column.type, to="write") is not None]
    changes = [f"ALTER {c.quoted} TYPE {c.type.sql} USING {c.quoted}::{c.type.sql}" for c in text]
    return f"ALTER TABLE {_STAGING} {', '.join(changes)}" if changes else None


DROP_STAGING = f"DROP TABLE {_STAGING}"

# Keys are drawn only where the role may draw them, and write them into the column: an INSERT of the same role, which
# leaves the column out, makes them without being asked for either (sequences of identity columns are part of the
# table, ``parse_utilcmd.c``).
_MAY_DRAW = (
    "has_sequence_privilege(s, 'USAGE, UPDATE') AND has_column_privilege(to_regclass($1), $2::text, 'INSERT')"
)
_DRAWN = f"""(
    SELECT nextval(s) AS k
    FROM (SELECT s FROM (SELECT pg_get_serial_sequence($1, $2)::regclass AS s OFFSET 0) AS found
          WHERE {_MAY_DRAW} OFFSET 0) AS q,
        generate_series(1, $3::bigint)
    OFFSET 0
) AS keys"""


@cache
def reserve_keys(*, alone: bool, whole: bool) -> str:
    """Draws keys in one round trip, 0.3 ms for 1,000. They are nearly always one unbroken range, which two numbers
    describe; if another session drew from the sequence in between, ``RESERVE_SCATTERED_KEYS`` draws others. (With
    the array in this query, 10,000 keys take 3.1 ms instead of 2.2.) Whether COPY is not the way is asked along.

    Args:
        alone: outside a transaction, without waiting for the disk at its end. Nothing can be lost by that: rows
            with these keys are committed later in the same log, and whoever waits for them waits for this, too.
        whole: every column but the drawn one is given; otherwise ``$4`` names those that are.
    """
    indirect = f"{SECURED} OR {REPLACED}" + ("" if whole else f" OR {unchecked('$4')}")
    unsynced = ", set_config('synchronous_commit', 'off', true)" if alone else ""
    return f"SELECT {indirect}, min(k), max(k){unsynced} FROM {_DRAWN}"


RESERVE_SCATTERED_KEYS = f"SELECT array_agg(k) FROM {_DRAWN}"

SEQUENCE_OF = f"""
SELECT s, {_MAY_DRAW} FROM (SELECT pg_get_serial_sequence($1, $2) AS s) AS found"""
"""The sequence that belongs to a column, and whether the role may draw from it and write what it drew."""


def drawn_values(column: Column, count: int, default: str) -> SqlText:
    """The query for ``count`` values of a column's default."""
    # A serial column of 4 bytes gets its values from nextval(), which gives 8.
    drawn = f"({default})::{bare_type(column.type)}"
    query = f"SELECT {drawn} AS {column.quoted} FROM generate_series(1, "
    return SqlText(f"{query}{int(count)})", () if _built_in([default]) else None, query)


def _marking(word: str, value: str) -> str:
    """A value, and the mark set before it is."""
    return f"CASE WHEN set_config({_FLAG}, {quote_string(word)}, true) IS NOT NULL THEN {value} END"


def insert_staged(
    merge: Merge, server_version: tuple[int, int], *, marked: bool = False
) -> tuple[str, Sequence[Any]]:
    """The statement that inserts the staged rows, and its arguments, which are those of ``where``.

    The predicate of a partial index stands in the text: the server finds no index by a parameter.

    For ``update`` it gives one row, how many were inserted and how many updated; else its status tag counts.

    The rows are taken as they lie in the staging table, which is the order of the data: COPY into a table of
    the same transaction only appends (``copyfrom.c``, TABLE_INSERT_SKIP_FSM), and scans of temporary tables
    start at their first block (``heapam.c``, ``initscan``). So of equal rows the first one wins.

    Args:
        marked: of a partitioned table, on servers before ``OLD_ROWS_FROM``: rows say by a mark what was done to them.
    """
    names = ", ".join(column.quoted for column in merge.staged)
    # Keys drawn of a column GENERATED ALWAYS are the server's own; values of the caller are refused there.
    overriding = "OVERRIDING SYSTEM VALUE " if any(c.identity for c in merge.drawn) else ""
    picked = [column.quoted for column in merge.staged]
    if marked:
        picked[0] = _marking("no", picked[0])
    source = ", ".join(picked)
    text = f"INSERT INTO {merge.table.quoted} AS target ({names}) {overriding}SELECT {source} FROM {_STAGING}"
    target = f" ({', '.join(c.quoted for c in merge.conflict)})" if merge.conflict else ""
    if merge.predicate is not None:
        target += (
            f" WHERE {constant_condition(merge.table, merge.predicate, 'conflict_where', naive=merge.naive)}"
        )
    if merge.action != "update":
        nothing = f" ON CONFLICT{target} DO NOTHING" if merge.action == "ignore" else ""
        return text + nothing, ()
    arguments: Sequence[Any] = ()
    changed = [f"{c.quoted} = EXCLUDED.{c.quoted}" for c in merge.update]
    if marked:
        column = merge.update[0]
        changed[0] = f"{column.quoted} = {_marking('yes', f'EXCLUDED.{column.quoted}')}"
    changed += [
        f"{c.quoted} = target.{c.quoted} + 1" for c in version_column(merge.table) if c not in merge.update
    ]
    sets = ", ".join(changed)
    if merge.where is not None:
        condition, values = compiled_condition(merge.table, merge.where, "where", alias="target")
        arguments = condition.bind_for(merge.naive)(values)
        sets += f" WHERE {condition.sql}"
    if server_version >= OLD_ROWS_FROM:
        # Only a column that is never NULL tells: NULLS NOT DISTINCT finds rows by NULL.
        known = [c for c in (*merge.conflict, *merge.table.key_columns) if not c.nullable]
        fresh = f"old.{known[0].quoted} IS NULL" if known else "old IS NOT DISTINCT FROM NULL"
    else:
        fresh = f"current_setting({_FLAG}) = 'no'" if marked else "target.xmax = 0"
    return (
        f"WITH written AS ({text} ON CONFLICT{target} DO UPDATE SET {sets} RETURNING {fresh} AS fresh) "
        "SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM written"
    ), arguments


def insert_returning(merge: Merge) -> SqlText:
    """The statement that inserts the staged rows and gives their primary keys, in the order of the data."""
    names = ", ".join(column.quoted for column in merge.written)
    keys = ", ".join(column.quoted for column in merge.table.key_columns)
    text = (
        f"INSERT INTO {merge.table.quoted} ({names}) SELECT {names} FROM {_STAGING} "
        f"ORDER BY {quote_identifier(merge.ordinal)} RETURNING {keys}"
    )
    return SqlText(text, ((merge.table.quoted, True),))


def next_value(sequence: str) -> str:
    """The SQL that draws from a sequence, given as text for ``regclass``."""
    return f"nextval({quote_string(sequence)}::regclass)"


def find_duplicate(table: Table, columns: Sequence[Column]) -> str:
    """The statement that finds two staged rows with equal values in ``columns``: their numbers from 0."""
    names = ", ".join(column.quoted for column in columns)
    known = " AND ".join(f"{column.quoted} IS NOT NULL" for column in columns)
    number = quote_identifier(free_name(table))
    return (
        f"SELECT (array_agg({number} ORDER BY {number}))[1:2] FROM "
        f"(SELECT {names}, row_number() OVER () - 1 AS {number} FROM {_STAGING}) AS numbered "
        f"WHERE {known} GROUP BY {names} HAVING count(*) > 1 ORDER BY min({number}) LIMIT 1"
    )


def staged_keys(merge: Merge, *, all_there: bool) -> SqlText:
    """The query for the primary keys of the rows the staged ones became, in the order of the data.

    A row that was ignored gives the key of the row it was in conflict with, if the conflict fields tell which
    that is; else, and if the table has no such row, NULL.

    Args:
        all_there: every staged row is in the table under the key it was staged with, or in conflict with it.
    """
    return SqlText(_staged_keys(merge, all_there), ((merge.table.quoted, False),), reads=True)


def _staged_keys(merge: Merge, all_there: bool) -> str:
    key = merge.table.key_columns
    order = f"ORDER BY staged.{quote_identifier(merge.ordinal)}"
    source = f"FROM {_STAGING} AS staged"
    if merge.action == "insert" or set(key) == set(merge.conflict):
        if all_there:
            return f"SELECT {', '.join(f'staged.{c.quoted}' for c in key)} {source} {order}"
        same = " AND ".join(f"target.{c.quoted} = staged.{c.quoted}" for c in key)
        there = ", ".join(f"target.{c.quoted}" for c in key)
        return f"SELECT {there} {source} LEFT JOIN {merge.table.quoted} AS target ON {same} {order}"
    by = merge.conflict or key
    matches = " AND ".join(f"target.{c.quoted} = staged.{c.quoted}" for c in by)
    if merge.predicate is not None:
        predicate = constant_condition(
            merge.table, merge.predicate, "conflict_where", alias="target", naive=merge.naive
        )
        matches += f" AND ({predicate})"
    columns = [f"target.{c.quoted}" for c in key]
    if merge.conflict and set(key) <= set(merge.staged):
        # NULL in a conflict field: in conflict with nothing, so the row was inserted under its own key; unless
        # the index has NULLS NOT DISTINCT, or a trigger left the row out: then no row has both.
        # So was one that the predicate of a partial index does not hold for.
        free = (
            "TRUE" if merge.predicate is not None else " OR ".join(f"staged.{c.quoted} IS NULL" for c in by)
        )
        both = [f"mine.{c.quoted} = staged.{c.quoted}" for c in key]
        both += [f"mine.{c.quoted} IS NOT DISTINCT FROM staged.{c.quoted}" for c in by]
        mine = f"EXISTS (SELECT FROM {merge.table.quoted} AS mine WHERE {' AND '.join(both)})"
        columns = [
            f"CASE WHEN ({free}) AND {mine} THEN staged.{c.quoted} ELSE target.{c.quoted} END" for c in key
        ]
    selected = ", ".join(f"{text} AS {c.quoted}" for text, c in zip(columns, key, strict=True))
    return f"SELECT {selected} {source} LEFT JOIN {merge.table.quoted} AS target ON {matches} {order}"


def create_update_staging(table: Table, columns: Sequence[Column]) -> SqlText:
    """The statement that makes the staging table of a bulk update."""
    names = ", ".join(_staged_columns(columns))
    text = (
        f"CREATE TEMPORARY TABLE {_STAGING} ON COMMIT DROP AS SELECT {names} FROM {table.quoted} WITH NO DATA"
    )
    return SqlText(text, ((table.quoted, True), TEMPORARY_TABLE))


def update_staged(table: Table, key: Sequence[Column], fields: Sequence[Column]) -> str:
    """The statement that writes the staged ``fields`` to the rows that have the staged ``key``; their version is
    counted up, unless it is among the fields.
    """
    written = [f"{c.quoted} = staged.{c.quoted}" for c in fields]
    written += [f"{c.quoted} = target.{c.quoted} + 1" for c in version_column(table) if c not in fields]
    sets = ", ".join(written)
    matches = " AND ".join(f"target.{c.quoted} = staged.{c.quoted}" for c in key)
    return f"UPDATE {table.quoted} AS target SET {sets} FROM {_STAGING} AS staged WHERE {matches}"


def version_column(table: Table) -> tuple[Column, ...]:
    """The column of the table's version, if it has one."""
    return (table.by_attribute[table.version],) if table.version else ()


def stale_staged(table: Table) -> str:
    """The statement that locks the rows that a bulk update means, and gives the first of those that have another
    version than was staged: its key, the version staged and its own.
    """
    (version,) = version_column(table)
    keys = ", ".join(f"target.{c.quoted}" for c in table.key_columns)
    matches = " AND ".join(f"target.{c.quoted} = staged.{c.quoted}" for c in table.key_columns)
    return (
        f"WITH meant AS (SELECT {keys}, staged.{version.quoted} AS seen, target.{version.quoted} AS there "
        f"FROM {_STAGING} AS staged JOIN {table.quoted} AS target ON {matches} FOR UPDATE OF target) "
        "SELECT * FROM meant WHERE there IS DISTINCT FROM seen ORDER BY 1 LIMIT 1"
    )


__all__ = [
    "DROP_STAGING",
    "RESERVE_SCATTERED_KEYS",
    "SEQUENCE_OF",
    "STAGED",
    "STAGING",
    "STAGING_SCHEMA",
    "Merge",
    "create_staging",
    "create_update_staging",
    "drawn_values",
    "find_duplicate",
    "insert_returning",
    "insert_staged",
    "named_columns",
    "next_value",
    "plan_merge",
    "reserve_keys",
    "staged_keys",
    "staged_types",
    "stale_staged",
    "update_staged",
    "version_column",
]
