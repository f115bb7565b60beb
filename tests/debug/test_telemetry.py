"""Spans, measurements, and tags behind statements, as an exporter and the server see them."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

import chakra
from chakra.debug import query_tags
from chakra.debug.tags import comment_of, tagging
from chakra.debug.telemetry import instrument
from chakra.errors import DataError, FieldError, UniqueViolation
from tests.debug.blog import COUNT, MODELS, Company, User, fill
from tests.query.conftest import counting
from tests.relations.conftest import SHARED

pytestmark = SHARED
__all__ = ["MODELS", "fill"]

SECRET = "hunter2"


class Told:
    """What was exported."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meters = MeterProvider([self.reader])
        self.tracer = self.tracers.get_tracer("test")

    def spans(self) -> list[Any]:
        found = list(self.exporter.get_finished_spans())
        self.exporter.clear()
        return found

    def measured(self) -> dict[str, list[Any]]:
        data: Any = self.reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def told() -> Iterator[Told]:
    found = Told()
    yield found
    found.tracers.shutdown()
    found.meters.shutdown()


async def test_spans_and_measurements(rows: Any, told: Told) -> None:
    chakra.configure(show_values=False)
    remove = instrument(rows, tracer_provider=told.tracers, meter_provider=told.meters)
    with told.tracer.start_as_current_span("request") as request:
        await User.objects.filter(name=SECRET)
        await User.objects.filter(name=SECRET).to_arrow()
        await Company.objects.bulk_insert({"name": ["x"] * 3})
        async with rows.transaction():
            await rows.fetch(f"with a as (select '{SECRET}' as x) select x from a")
        with pytest.raises(UniqueViolation):
            await User.objects.create(id=1, name=SECRET, company_id=1)
        async for _ in User.objects.iterator(10):
            pass
    await rows.fetch("select 1")
    spans = told.spans()
    names = [span.name for span in spans]
    assert names == [
        *("SELECT users", "COPY users", "COPY companies", "SELECT", "INSERT users", "SELECT users"),
        *("request", "SELECT"),
    ]
    read, copied, written, raw, failed, cursor, _, alone = spans
    for span in (read, copied, written, raw, failed, cursor):
        assert span.kind == SpanKind.CLIENT
        assert span.parent.span_id == request.get_span_context().span_id
        assert span.end_time > span.start_time
    assert alone.parent is None
    assert read.attributes["db.system.name"] == "postgresql"
    assert read.attributes["db.namespace"] == rows.name
    assert read.attributes["db.operation.name"] == "SELECT"
    assert read.attributes["db.collection.name"] == "users"
    assert read.attributes["db.query.text"].endswith('FROM "users" WHERE "name" = $1')
    assert read.attributes["server.address"]
    assert read.attributes["code.file.path"] == __file__
    assert read.attributes["code.function.name"] == "test_spans_and_measurements"
    assert read.attributes["db.response.returned_rows"] == 0
    assert cursor.attributes["db.response.returned_rows"] == COUNT
    assert cursor.attributes["chakra.first_row.duration"] > 0
    assert copied.attributes["db.operation.name"] == "COPY"
    assert written.attributes["chakra.copy.bytes"] == 21 + 3 * (2 + 4 + 1)
    assert raw.attributes["db.query.text"] == "with a as (select ? as x) select x from a"
    assert failed.status.status_code == StatusCode.ERROR and not failed.status.description
    assert failed.attributes["error.type"] == "UniqueViolation"
    assert failed.attributes["db.response.status_code"] == "23505"
    assert SECRET not in "".join(span.to_json() for span in spans)

    measured = told.measured()
    durations = measured["db.client.operation.duration"]
    assert sum(point.count for point in durations) == 7
    [of_error] = [point for point in durations if "error.type" in point.attributes]
    assert (of_error.attributes["db.collection.name"], of_error.count) == ("users", 1)
    assert durations[0].explicit_bounds[0] == 0.001
    assert sum(point.sum for point in measured["db.client.response.returned_rows"]) == 3 + 1 + COUNT + 1
    figures = rows.pool.figures
    states = {
        p.attributes["db.client.connection.state"]: p.value for p in measured["db.client.connection.count"]
    }
    assert states == {"idle": figures.idle, "used": 0}
    assert [p.value for p in measured["db.client.connection.max"]] == [figures.max_size]
    assert [p.value for p in measured["db.client.connection.pending_requests"]] == [0]

    chakra.configure(show_values=True)
    await User.objects.filter(name=SECRET)
    await User.objects.filter(name=SECRET).to_arrow()
    bound, copy = told.spans()
    assert bound.attributes["db.query.parameter.1"] == repr(SECRET)
    assert f"('{SECRET}')" in copy.attributes["db.query.text"]
    remove()
    await User.objects.count()
    assert not told.spans()


async def test_the_switch(rows: Any, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import trace

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", told.tracers)
    for _ in range(2):  # connections are as they will be
        await User.objects.get(id=1)
    with counting() as before:
        await User.objects.get(id=1)
    chakra.configure(telemetry=True, sqlcommenter=True)
    await User.objects.get(id=1)
    assert [span.name for span in told.spans()] == ["SELECT users"]
    chakra.configure(telemetry=False, sqlcommenter=False)
    with counting() as after:
        await User.objects.get(id=1)
    assert not told.spans() and before["made"] == after["made"]
    code = "import sys; sys.modules['opentelemetry'] = None; import chakra; chakra.configure(telemetry=True)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr
    assert 'ConfigError: debug.telemetry needs the API of OpenTelemetry: pip install "chakra-orm' in said


async def test_comments_cannot_end() -> None:
    assert comment_of({}) == ""
    assert comment_of({"route": "/a b", "app": "x"}) == " /*app='x',route='%2Fa%20b'*/"
    assert comment_of({"*/ drop": "'*/; $1 %"}) == " /*%2A%2F%20drop='%27%2A%2F%3B%20%241%20%25'*/"
    for wrong in ({"route": "\ud800"}, {"\ud800": "x"}):
        with pytest.raises(FieldError, match="half of a surrogate pair"), query_tags(**wrong):
            pass
    with pytest.raises(FieldError, match=r"query_tags\(route=…\) takes a text"), query_tags(route=5):  # type: ignore[arg-type]
        pass


SEEN = "select query from pg_stat_activity where pid = pg_backend_pid()"


async def test_tags_behind_statements(rows: Any, told: Told) -> None:
    """What the server sees of every kind of statement, and which statements stay prepared."""
    remove = instrument(tracer_provider=told.tracers, meter_provider=told.meters, sqlcommenter=True)
    prepared = "select count(*) from pg_prepared_statements where statement like $1"
    try:
        async with rows.acquire() as connection:
            assert (await connection.fetchrow(SEEN))[0] == SEEN
            with query_tags(route="/users"):
                for _ in range(3):
                    [row] = await connection.fetch(SEEN)
                    assert row[0] == f"{SEEN} /*route='%2Fusers'*/"
            assert await connection.fetchval(prepared, f"{SEEN} /*%") == 1
            for _ in range(3):
                with told.tracer.start_as_current_span("request") as span, query_tags(app="x"):
                    [row] = await connection.fetch(SEEN)
                    number = f"{span.get_span_context().trace_id:032x}"
                    assert row[0].startswith(f"{SEEN} /*app='x',traceparent='00-{number}-")
                    assert (await connection.fetchrow(SEEN))[0].count("traceparent") == 1
            assert await connection.fetchval(prepared, "%traceparent%") == 0
            unrecorded = TracerProvider(sampler=ALWAYS_OFF).get_tracer("x")
            with unrecorded.start_as_current_span("request"):
                assert (await connection.fetchrow(SEEN))[0] == SEEN
        with told.tracer.start_as_current_span("request"), query_tags(route="r"):
            seen = chakra.raw("select query as q from pg_stat_activity where pid = pg_backend_pid()")
            table = await seen.to_arrow()
            assert "FORMAT binary) /*route='r',traceparent=" in table["q"][0].as_py()
            assert len(await User.objects.filter(id__lte=20)) == 20
            assert len([user async for user in User.objects.iterator(10)]) == COUNT
            assert (await Company.objects.bulk_insert({"name": ["y"] * 2})).inserted == 2
            assert await Company.objects.filter(name="y").update(name="z") == 2
            await rows.executemany("insert into companies (name) values ($1)", [("v",), ("w",)])
            await rows.execute("select 1; select 2")
            assert (await rows.fetch("select /* mine */ 1"))[0][0] == 1
            with pytest.raises(DataError, match="division by zero"):
                await rows.fetch("select 1 / $1::int", 0)
    finally:
        remove()


async def test_a_tagged_statement_after_a_change_of_the_table(rows: Any) -> None:
    remove = rows.hooks.add(tagging())
    await rows.execute("create table moving (a int)")
    await rows.execute("insert into moving values (1)")
    try:
        with query_tags(route="r"):
            for type_, value in (("int", 1), ("text", "1"), ("bigint", 2**40)):
                await rows.execute(f"alter table moving alter a type {type_} using a::{type_}")
                await rows.execute("update moving set a = $1", value)
                assert (await rows.fetchrow("select * from moving"))[0] == value
                assert (await rows.fetchrow("select a from moving where a = $1", value))[0] == value
    finally:
        remove()
        await rows.execute("drop table moving")


async def test_logs_have_fields(rows: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "chakra.db")
    chakra.configure(debug=True, show_values=False)
    await User.objects.filter(name=SECRET)
    chakra.configure(show_values=True)
    await User.objects.filter(name=SECRET)
    await User.objects.filter(name=SECRET).to_arrow()
    chakra.configure(debug=False)
    records = [record for record in caplog.records if "users" in record.getMessage()]
    hidden, shown, copy = [vars(record)["chakra"] for record in records]
    assert hidden["database"] == rows.name and hidden["rows"] == 0 and "values" not in hidden
    assert hidden["call_site"].endswith("in test_logs_have_fields")
    assert shown["values"] == repr([SECRET])
    assert f"('{SECRET}')" in copy["sql"] and copy["bytes"] == 21
    assert [SECRET in record.getMessage() for record in records] == [False, True, True]
