"""Rows 8 to 10: a million rows out as columns, and in."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import pyarrow
import pyarrow.compute as pc

from asv_bench.harness import data
from asv_bench.harness.bench import Bench, User
from asv_bench.harness.measure import Case, Timings, Value
from asv_bench.harness.models import LineItem, NewUser
from asv_bench.harness.target import Goal, Outcome, Target, ratio_to, ratio_to_best
from asv_bench.harness.targets.bulk import FLOOR, Writing

DRAIN = "the drain"
SERVER = "the server alone"
PARTS = "chakra, 4 partitions"

SINGLE = ("ADBC", "ConnectorX", "polars, connectorx", "polars, adbc", "DuckDB")
SEVERAL = ("ConnectorX, 2 partitions", "ConnectorX, 4 partitions")


async def drop(_: bytes) -> None:
    """A sink that keeps nothing."""


async def drain(bench: Bench, sql: str) -> Case:
    """The same COPY through asyncpg into a sink that drops the bytes: what reading costs without decoding."""
    held = await bench.held()
    return Case(
        DRAIN,
        lambda: held.copy_from_query(sql, output=drop, format="binary"),
        differs="drops the bytes",
    )


async def server_alone(bench: Bench, sql: str) -> Case | None:
    """The same COPY into nothing, inside the server: what no client can be faster than. ``None`` = not allowed."""
    held = await bench.held()
    statement = f"COPY ({sql}) TO '/dev/null' (FORMAT binary)"
    try:
        await held.execute(statement)
    except asyncpg.PostgresError:  # only superusers and members of pg_write_server_files may
        return None
    return Case(SERVER, lambda: held.execute(statement), differs="sends nothing")


def column_facts(result: Any, numeric: Iterable[str] = ()) -> Any:
    """What a table comes down to, whatever Arrow types a library chose: a sum for each column, and NULLs."""
    table = result if isinstance(result, pyarrow.Table) else pyarrow.table(result)
    facts: list[Any] = [table.num_rows]
    for name in table.column_names:
        facts.append((name, table[name].null_count, _sum(table[name], name in numeric)))
    return facts


def _sum(column: Any, numeric: bool) -> Any:
    kind = column.type
    if numeric:
        # float64, text or a decimal of another width: all exact enough for two digits after the point.
        return round(pc.sum(column.cast(pyarrow.float64())).as_py(), 1)
    if pyarrow.types.is_timestamp(kind) or pyarrow.types.is_date64(kind):
        kind = pyarrow.timestamp("us", "UTC")
        return pc.sum(column.cast(kind).cast(pyarrow.int64())).as_py()
    if pyarrow.types.is_date32(kind):
        kind = pyarrow.timestamp("us", "UTC")
        return pc.sum(column.cast(pyarrow.timestamp("us")).cast(pyarrow.int64())).as_py()
    if pyarrow.types.is_floating(kind):
        return round(pc.sum(column).as_py(), 3)
    if pyarrow.types.is_integer(kind) or pyarrow.types.is_boolean(kind):
        return pc.sum(column).as_py()
    return pc.sum(pc.binary_length(column.cast(pyarrow.large_string()))).as_py()


class ToArrow(Target):
    """``await qs.to_arrow()`` beside the drain and the peers."""

    patience = 0.5
    number = 8
    goals = (
        Goal("drain", "of the drain (same COPY, bytes dropped)", 1.10, promised=1.25),
        Goal("single", "the best peer on one connection takes", 1.4, at_least=True, promised=1.0),
        Goal("parts", "partitions=4, of the drain on one connection", 0.8),
        Goal("several", "the best peer with partitions, against partitions=4, takes", 1.7, at_least=True),
    )

    query: Any
    key: str
    numeric: tuple[str, ...] = ()

    async def cases(self, bench: Bench) -> list[Case]:
        query, numeric = self.query, self.numeric
        sql, _ = query.to_sql()
        self.sql = (sql,)

        def facts(result: Any) -> Any:
            rows, *columns = column_facts(result, numeric)
            return [rows, *(facts for _, *facts in columns)]  # models name the columns otherwise

        cases = [
            Case("chakra", query.to_arrow, facts),
            await drain(bench, sql),
            *filter(None, [await server_alone(bench, sql)]),
            Case(PARTS, lambda: query.to_arrow(partitions=4), facts),
        ]
        for peer in await bench.peers("reads"):
            cases += [Case(label, read, facts) for label, read in peer.reads(sql, self.key).items()]
        return cases

    def outcome(self, timings: Timings, notes: Sequence[str] = ()) -> Outcome:
        if SERVER not in timings:
            notes = [*notes, f"{SERVER} left out: COPY TO a file needs a superuser or pg_write_server_files"]
        return super().outcome(timings, notes)

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "drain": ratio_to(timings, "chakra", DRAIN),
            "single": ratio_to_best(timings, SINGLE),
            "parts": ratio_to(timings, PARTS, DRAIN),
            "several": ratio_to_best(timings, (*SINGLE, *SEVERAL), PARTS),
        }


class ToArrowUsers(ToArrow):
    """``User.objects.all().to_arrow()``."""

    id, title = "to_arrow", "to_arrow, users"
    query, key = User.objects.all(), "id"


class ToArrowLineItem(ToArrow):
    """``LineItem.objects.all().to_arrow()``: 16 columns, four of them numeric."""

    id, title = "to_arrow_lineitem", "to_arrow, lineitem"
    query, key = LineItem.objects.all(), "l_orderkey"
    numeric = tuple(
        prefix + name for prefix in ("", "l_") for name in ("quantity", "extendedprice", "discount", "tax")
    )

    async def run(self, bench: Bench) -> Outcome:
        if not await bench.lineitem():
            return Outcome(self, Timings(), [], [f"left out: {bench.skipped['lineitem']}"])
        return await super().run(bench)

    async def cases(self, bench: Bench) -> list[Case]:
        cases = await super().cases(bench)
        for case in cases:
            if "ADBC" in case.name or "adbc" in case.name:
                case.differs = "gives numeric as text"
            elif "onnector" in case.name:
                case.differs = "gives numeric as decimal128(38, 10), digits behind the tenth cut off"
        return cases


class ToPolars(Target):
    """``await User.objects.all().to_polars()``."""

    number, id, title = 9, "to_polars", "to_polars, users"
    patience = 0.5
    goals = (Goal("drain", "of the drain", 1.15),)

    async def cases(self, bench: Bench) -> list[Case]:
        query = User.objects.all()
        sql, _ = query.to_sql()
        self.sql = (sql,)
        cases = [Case("chakra", query.to_polars, column_facts), await drain(bench, sql)]
        for peer in await bench.peers("to_polars"):
            cases += [Case(label, read, column_facts) for label, read in peer.to_polars(sql).items()]
        return cases

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {"drain": ratio_to(timings, "chakra", DRAIN)}


class BulkInsert(Target):
    """``await NewUser.objects.bulk_insert(table)``, an Arrow table as large as ``users``."""

    number, id, title = 10, "bulk_insert", "bulk_insert of an Arrow table, 1M rows"
    patience = 0.5
    goals = (
        Goal("floor", "of COPY of ready bytes", 1.10),
        Goal("adbc", "ADBC ingest takes", 1.0, at_least=True),
        Goal("polars", "polars write_database takes", 1.0, at_least=True),
        Goal("pgpq", "pgpq + psycopg takes", 1.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        table = await User.objects.all().to_arrow()
        # The metadata that says where a column came from is ours; peers get the bare table.
        bare = pyarrow.table({name: table[name] for name in table.column_names})
        whole = io.BytesIO()
        await bench.connection.copy_from_query(User.objects.all().to_sql()[0], output=whole, format="binary")
        writing = Writing(bench, [])

        def case(name: str, write: Any) -> Case:
            return Case(name, write, writing.facts, before=writing.empty, single=True)

        cases = [
            case("chakra", lambda: NewUser.objects.bulk_insert(bare)),
            await writing.copy_of(whole.getvalue(), data.COLUMNS),
        ]
        for peer in await bench.peers("writes"):
            cases += [case(label, write) for label, write in peer.writes(bare).items()]
        return cases

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "floor": ratio_to(timings, "chakra", FLOOR),
            "adbc": ratio_to(timings, "ADBC ingest", "chakra"),
            "polars": ratio_to(timings, "polars write_database", "chakra"),
            "pgpq": ratio_to(timings, "pgpq + psycopg", "chakra"),
        }
