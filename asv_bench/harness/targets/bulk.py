"""Rows 4 and 5: many instances into the database, with their keys."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

from asv_bench.harness import data
from asv_bench.harness.bench import Bench
from asv_bench.harness.measure import Case, Timings, Value
from asv_bench.harness.models import NewUser
from asv_bench.harness.peers import Peer
from asv_bench.harness.target import Goal, Target, ratio_to

FLOOR = "COPY of ready bytes"
RECORDS = "asyncpg, copy_records"
EXECUTEMANY = "asyncpg, executemany"
CHUNK = 512 * 1024


class Writing:
    """What all contenders that write to ``new_users`` share."""

    def __init__(self, bench: Bench, rows: list[dict[str, Any]]) -> None:
        self.bench = bench
        self.rows = rows
        self.records = [tuple(row.values()) for row in rows]
        self.made: list[Any] = []

    async def empty(self) -> None:
        """Make the table empty again, outside the clock."""
        await self.bench.connection.execute("TRUNCATE new_users")

    async def facts(self, _: Any = None) -> Any:
        """What is in the table now, whatever keys it got."""
        return list(
            await self.bench.connection.fetchrow(
                "SELECT count(*), sum(age), count(score), sum(score)::numeric(20,3), min(created_at),"
                " max(created_at), md5(string_agg(name || email, ',' ORDER BY email)) FROM new_users"
            )
        )

    async def keyed_facts(self, made: Any) -> Any:
        """The same, for contenders that fill in keys: each instance's must be that of its row."""
        rows = await self.bench.connection.fetch("SELECT id, email FROM new_users")
        assert {(m.id, m.email) for m in made} == {tuple(row) for row in rows}, (
            "keys are not those of the rows"
        )
        return await self.facts()

    def chakra(self, name: str = "chakra") -> Case:
        """``bulk_create`` of instances that were made outside the clock."""
        made: list[NewUser] = []

        async def before() -> None:
            await self.empty()
            made[:] = [NewUser(**row) for row in self.rows]

        return Case(
            name, lambda: NewUser.objects.bulk_create(made), self.keyed_facts, before=before, single=True
        )

    def peer(self, peer: Peer) -> Case:
        """A peer's way, objects made outside the clock."""
        made: list[Any] = []

        async def before() -> None:
            await self.empty()
            made[:] = peer.make(self.rows)

        return Case(
            peer.name, lambda: peer.bulk_create(made), lambda _: self.facts(), before=before, single=True
        )

    async def copy_records(self) -> Case:
        """asyncpg's own encoder; gives no keys."""
        held = await self.bench.held()
        return Case(
            RECORDS,
            lambda: held.copy_records_to_table("new_users", records=self.records, columns=data.COLUMNS[1:]),
            self.facts,
            before=self.empty,
            single=True,
            differs="gives no keys back",
        )

    async def ready_bytes(self) -> Case:
        """The floor: bytes the server made itself, sent as they are."""
        await self.empty()
        await self.bench.connection.copy_records_to_table(
            "new_users", records=self.records, columns=data.COLUMNS[1:]
        )
        whole = io.BytesIO()
        columns = ", ".join(data.COLUMNS[1:])
        await self.bench.connection.copy_from_query(
            f"SELECT {columns} FROM new_users ORDER BY id", output=whole, format="binary"
        )
        return await self.copy_of(whole.getvalue(), data.COLUMNS[1:])

    async def copy_of(self, stream: bytes, columns: tuple[str, ...]) -> Case:
        """COPY IN of a whole stream, in chunks of the size that is fastest."""
        chunks = [stream[start : start + CHUNK] for start in range(0, len(stream), CHUNK)]

        held = await self.bench.held()

        async def source() -> Any:
            for chunk in chunks:
                yield chunk

        return Case(
            FLOOR,
            lambda: held.copy_to_table("new_users", source=source(), columns=columns, format="binary"),
            self.facts,
            before=self.empty,
            single=True,
            differs="encodes nothing, gives no keys back",
        )


class BulkCreate(Target):
    """``await NewUser.objects.bulk_create(instances)``, 10,000 of them, keys filled in."""

    number, id, title = 4, "bulk_create", "bulk_create of 10k instances, keys filled in"
    goals = (
        Goal("records", "of asyncpg's copy_records_to_table", 1.0),
        Goal("floor", "over COPY of ready bytes", 10, "ms"),
        Goal("sqlalchemy", "SQLAlchemy takes", 10.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        writing = Writing(bench, data.new_rows(bench.size.many))
        return [
            writing.chakra(),
            await writing.copy_records(),
            await writing.ready_bytes(),
            *(writing.peer(peer) for peer in await bench.peers("bulk_create")),
        ]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "records": ratio_to(timings, "chakra", RECORDS),
            "floor": timings.difference("chakra", FLOOR),
            "sqlalchemy": ratio_to(timings, "SQLAlchemy", "chakra"),
        }


class InsertThousand(Target):
    """1000 new instances in one call, beside both of asyncpg's ways."""

    number, id, title = 5, "insert_1000", "insert 1000 rows"
    goals = (
        Goal("executemany", "of asyncpg's executemany", 1.0),
        Goal("records", "of asyncpg's copy_records_to_table", 1.0),
        Goal("sqlalchemy", "SQLAlchemy takes", 5.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        writing = Writing(bench, data.new_rows(bench.size.some))
        places = ", ".join(f"${i + 1}" for i in range(6))
        statement = await bench.prepare(
            f"INSERT INTO new_users ({', '.join(data.COLUMNS[1:])}) VALUES ({places})"
        )
        return [
            writing.chakra(),
            Case(
                EXECUTEMANY,
                lambda: statement.executemany(writing.records),
                writing.facts,
                before=writing.empty,
                single=True,
                differs="gives no keys back",
            ),
            await writing.copy_records(),
            *(writing.peer(peer) for peer in await bench.peers("bulk_create")),
        ]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "executemany": ratio_to(timings, "chakra", EXECUTEMANY),
            "records": ratio_to(timings, "chakra", RECORDS),
            "sqlalchemy": ratio_to(timings, "SQLAlchemy", "chakra"),
        }


class InsertWhole(Target):
    """The same from rows as dicts to the end: making the objects, or the records, is within the clock."""

    number, id, title = 5, "insert_whole", "insert 1000 rows, objects made of dicts included"
    goals = (
        Goal("executemany", "of asyncpg's executemany", 1.0, promised=1.125),
        Goal("sqlalchemy", "SQLAlchemy takes", 5.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        rows = data.new_rows(bench.size.some)
        writing = Writing(bench, rows)
        held = await bench.held()
        columns = ", ".join(data.COLUMNS[1:])
        statement = await bench.prepare(f"INSERT INTO new_users ({columns}) VALUES ($1, $2, $3, $4, $5, $6)")

        def case(name: str, insert: Callable[[], Any], differs: str = "") -> Case:
            return Case(
                name, insert, lambda _: writing.facts(), before=writing.empty, single=True, differs=differs
            )

        def records() -> list[tuple[Any, ...]]:
            return [tuple(row.values()) for row in rows]

        def whole(peer: Peer) -> Case:
            return case(peer.name, lambda: peer.bulk_create(peer.make(rows)))

        return [
            case("chakra", lambda: NewUser.objects.bulk_create([NewUser(**row) for row in rows])),
            case(EXECUTEMANY, lambda: statement.executemany(records()), "gives no keys back"),
            case(
                RECORDS,
                lambda: held.copy_records_to_table("new_users", records=records(), columns=data.COLUMNS[1:]),
                "gives no keys back",
            ),
            *(whole(peer) for peer in await bench.peers("bulk_create")),
        ]

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        return {
            "executemany": ratio_to(timings, "chakra", EXECUTEMANY),
            "sqlalchemy": ratio_to(timings, "SQLAlchemy", "chakra"),
        }
