"""Row 22: a table of one column for each type, out as Arrow and in again. A line each way for every type."""

from __future__ import annotations

import io
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pyarrow
import pyarrow.compute as pc

from asv_bench.harness import typed
from asv_bench.harness.bench import Bench
from asv_bench.harness.measure import Case, ResultsDiffer, Timings, Value, check, frozen, measure, settle
from asv_bench.harness.target import Goal, Outcome, Target
from asv_bench.harness.targets.bulk import CHUNK, FLOOR
from asv_bench.harness.targets.columns import DRAIN, drain
from asv_bench.harness.targets.operations import BETWEEN, OURS, by_line
from chakra import Model, field
from chakra.types import BigInt

READ, WRITE = "read", "write"
BESIDE = {READ: DRAIN, WRITE: FLOOR}
GOALS = {READ: 1.15, WRITE: 1.25}
PEER = "ADBC"

TIMES = 3
"""How often a line above its goal is measured at most: of 170 lines some fall into another program's second.
All samples of a line count, and both contenders get the same number."""


@dataclass(frozen=True)
class Line:
    """One type, one way."""

    sample: typed.Sample
    way: str

    @property
    def id(self) -> str:
        """``read, int4``."""
        return f"{self.way}, {self.sample.id}"


class ByType(Target):
    """``to_arrow`` beside the drain, ``bulk_insert`` beside ready bytes, for every type."""

    number, id, title = 22, "types", "columns by type"
    patience = 0.05
    goals: ClassVar[tuple[Goal, ...]] = (
        Goal("read_worst", "to_arrow, the worst type, of its drain", GOALS[READ]),
        Goal("read_met", f"to_arrow, types at ≤ {GOALS[READ]:g} × their drain", 100, "%", at_least=True),
        Goal("write_worst", "bulk_insert, the worst type, of ready bytes", GOALS[WRITE]),
        Goal("write_met", f"bulk_insert, types at ≤ {GOALS[WRITE]:g} × ready bytes", 100, "%", at_least=True),
        Goal("adbc_read", "geometric mean of types ADBC reads: it takes", 1.0, at_least=True),
        Goal("adbc_write", "geometric mean of types ADBC writes: it takes", 1.0, at_least=True),
    )

    async def cases(self, bench: Bench) -> list[Case]:
        """Of the first type, reading."""
        samples, _ = await typed.prepare(bench.connection, bench.size.typed, bench.say)
        return (await self._lines(bench, samples[0], {}))[Line(samples[0], READ)]

    async def run(self, bench: Bench) -> Outcome:
        samples, absent = await typed.prepare(bench.connection, bench.size.typed, bench.say)
        notes = {f"left out: {why}": [id] for id, why in absent.items()}
        timings = Timings()
        with frozen():
            for sample in samples:
                for line, cases in (await self._lines(bench, sample, notes)).items():
                    found = await self._timed(bench, line.way, cases)
                    timings |= {line.id + BETWEEN + name: timing for name, timing in found.items()}
        return self.outcome(timings, [f"{text}: {', '.join(ids)}" for text, ids in notes.items()])

    async def _timed(self, bench: Bench, way: str, cases: Sequence[Case]) -> Timings:
        found: Timings | None = None
        for _ in range(TIMES if bench.size.seconds else 1):
            more = await measure(
                cases,
                seconds=bench.seconds * self.patience * len(cases),
                min_rounds=bench.size.min_rounds,
                tick=bench.tick,
            )
            pair = (more[OURS], more[BESIDE[way]])
            rounds = min(len(timing.samples) for timing in pair)
            for timing in pair:  # one may have left before the other: what is added must stay in pairs
                del timing.samples[rounds:]
            if found is None:
                found = more
            else:
                for name, timing in more.items():
                    found[name].samples.extend(timing.samples)
            if not above(found, way):
                break
        assert found is not None
        return found

    async def _lines(
        self, bench: Bench, sample: typed.Sample, notes: dict[str, list[str]]
    ) -> dict[Line, list[Case]]:
        """The contenders of a type both ways, checked."""
        source, target = f"{typed.SCHEMA}.{sample.name}", f"{typed.SCHEMA}.new_{sample.name}"
        query = model(sample, sample.name).objects.all()
        into = model(sample, f"new_{sample.name}").objects
        sql = f"SELECT v FROM {source}"
        table = await query.to_arrow()
        whole = io.BytesIO()
        await bench.connection.copy_from_query(sql, output=whole, format="binary")
        ready = whole.getvalue()
        held = await bench.held()

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(ready), CHUNK):
                yield ready[start : start + CHUNK]

        async def empty() -> None:
            await bench.connection.execute(f"TRUNCATE {target}")

        async def written(_: Any = None) -> Any:
            return await contents(bench, target)

        def writing(name: str, write: Callable[[], Any]) -> Case:
            return Case(name, write, written, before=empty, single=True)

        drained = await drain(bench, sql)
        reads = [Case(OURS, query.to_arrow, single=True), replace(drained, single=True, differs="")]
        writes = [
            writing(OURS, lambda: into.bulk_insert(table)),
            writing(
                FLOOR,
                lambda: held.copy_to_table(
                    f"new_{sample.name}", schema_name=typed.SCHEMA, source=chunks(), format="binary"
                ),
            ),
        ]
        await empty()
        await settle(writes[0].call())
        there = await contents(bench, source)
        if await written() != there:
            raise ResultsDiffer(f"{sample.id}: what was read and written again is not what was there")
        bare = pyarrow.table({"v": table["v"]})  # without our metadata
        for peer in await bench.peers("reads_column"):
            read = peer.reads_column(sql)
            why = await failure(lambda read=read: same(read(), table))
            if why is None:
                reads.append(Case(peer.name, read, single=True))
            else:
                notes.setdefault(f"{peer.name} does not read {why}", []).append(sample.id)
            write = writing(peer.name, peer.writes_column(typed.SCHEMA, f"new_{sample.name}", bare))
            why = await failure(lambda write=write: check([Case(OURS, empty, lambda _: there), write]))
            if why is None:
                writes.append(write)
            else:
                notes.setdefault(f"{peer.name} does not write {why}", []).append(sample.id)
        return {Line(sample, READ): reads, Line(sample, WRITE): writes}

    def figures(self, timings: Timings) -> Mapping[str, Value | None]:
        lines = by_line(timings)
        found: dict[str, Value | None] = {}
        for way in (READ, WRITE):
            mine = [line for id, line in lines.items() if id.startswith(way)]
            ratios = [line.ratio(OURS, BESIDE[way]) for line in mine]
            if not ratios:
                continue
            found[f"{way}_worst"] = Value(max(r.minimum for r in ratios), max(r.median for r in ratios))
            found[f"{way}_met"] = Value(
                sum(r.minimum <= GOALS[way] for r in ratios) / len(ratios),
                sum(r.median <= GOALS[way] for r in ratios) / len(ratios),
            )
            found[f"adbc_{way}"] = _mean([line.ratio(PEER, OURS) for line in mine if PEER in line])
        return found


def model(sample: typed.Sample, name: str, *, keyed: bool = False) -> Any:
    """A model of a table of one column ``v``, or of a key and that, which may then be NULL."""
    body: dict[str, Any] = {"__module__": __name__}
    if keyed:
        body |= {"id": field(BigInt, primary_key=True), "v": field(sample.pg_type, null=True, default=None)}
    else:
        body["v"] = field(sample.pg_type)
    return type("Column", (Model,), body, table=name, schema=typed.SCHEMA)


def above(line: Timings, way: str) -> bool:
    """Whether the minimum or the median of a line is above its goal."""
    ratio = line.ratio(OURS, BESIDE[way])
    return max(ratio.minimum, ratio.median) > GOALS[way]


async def contents(bench: Bench, table: str) -> list[Any]:
    """What a table of one column comes down to: rows, values, and a sum of hashes of all values as text."""
    sql = f"SELECT count(*), count(v), sum(hashtextextended(v::text, 0)::numeric) FROM {table}"
    return list(await bench.connection.fetchrow(sql))


def same(result: pyarrow.Table, ours: pyarrow.Table) -> None:
    """Fail unless a peer's column has the values of ours, whatever Arrow type it chose.

    Raises:
        ResultsDiffer: it has not.
    """
    found, mine = result.column(0).combine_chunks(), ours.column(0).combine_chunks()
    if pyarrow.types.is_dictionary(mine.type):
        mine = mine.dictionary_decode()
    if isinstance(mine, pyarrow.ExtensionArray):
        mine = mine.storage
    if isinstance(found, pyarrow.ExtensionArray):
        found = found.storage
    as_given = f"(gives {found.type})"
    try:
        equal = pc.call_function("equal", [found.cast(mine.type), mine])
    except (pyarrow.ArrowException, TypeError):
        equal = None
        if found.type == mine.type and found.equals(mine):
            return
    if equal is None or not (len(found) == len(mine) and pc.all(equal).as_py()):
        raise ResultsDiffer(as_given)


async def failure(attempt: Callable[[], Any]) -> str | None:
    """Why something cannot be done, in a few words; ``None`` = it can."""
    try:
        result = attempt()
        if result is not None:
            await result
    except ResultsDiffer as error:
        return str(error)[:120]
    except Exception as error:
        return f"({type(error).__name__})"
    return None


def _mean(ratios: Sequence[Value]) -> Value | None:
    def mean(numbers: Sequence[float]) -> float:
        return math.exp(sum(map(math.log, numbers)) / len(numbers))

    return Value(mean([r.minimum for r in ratios]), mean([r.median for r in ratios])) if ratios else None


__all__ = ["BESIDE", "GOALS", "PEER", "READ", "WRITE", "ByType"]
