"""``QueryProfiler``: what it counts, whose statements it sees, what it shows, and what it never shows."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

import chakra
from chakra.debug import QueryProfiler
from chakra.errors import DataError, FieldError
from tests.debug.blog import COUNT, MODELS, Company, Post, User, fill
from tests.query.conftest import counting
from tests.relations.conftest import SHARED

pytest_plugins = ["chakra.debug.pytest_plugin"]
pytestmark = SHARED
__all__ = ["MODELS", "fill"]


async def test_the_page(rows: Any) -> None:
    """The snippet of the page, and the four lines it promises."""
    with QueryProfiler() as profiler:
        await User.objects.prefetch_related("posts").all()

    lines = profiler.report().splitlines()
    assert lines[0] == "Query Profile:"
    assert lines[1] == "  Total queries: 2"
    assert lines[2].startswith("  Total time: ") and lines[2].endswith("ms")
    slowest = max(profiler.queries, key=lambda query: query.slowest)
    assert lines[3] == f"  Slowest: {slowest.label} ({slowest.slowest * 1e3:.1f}ms)"
    assert {query.label for query in profiler.queries} == {
        "SELECT … FROM users",
        "SELECT id, title, author_id FROM posts WHERE author_id = ANY($1::bigint[])",
    }


async def test_what_a_group_tells(rows: Any) -> None:
    async with QueryProfiler() as profiler:
        line = sys._getframe().f_lineno + 2
        for key in (1, 2, 3):
            await User.objects.get(id=key)
        await User.objects.filter(id__lte=10)
        async with rows.transaction():
            await User.objects.count()
    assert profiler.total == 5 == sum(query.count for query in profiler.queries)
    assert profiler.seconds == pytest.approx(sum(query.seconds for query in profiler.queries))
    assert profiler.wall >= profiler.seconds
    assert profiler.rows == 3 + 10 + 1
    assert profiler.transactions[0] == 2
    [gets] = [query for query in profiler.queries if query.count == 3]
    assert gets.fastest <= gets.mean <= gets.slowest <= gets.seconds
    assert (gets.rows, gets.errors, gets.bytes, gets.first_row) == (3, 0, 0, None)
    assert gets.call_site is not None
    assert (gets.call_site.file, gets.call_site.function) == (__file__, "test_what_a_group_tells")
    assert gets.call_site.line == line
    assert f"test_profiler.py:{line} in test_what_a_group_tells" in profiler.report()
    await User.objects.count()
    assert profiler.total == 5  # it is over


async def test_streams_tell_bytes_and_first_rows(rows: Any) -> None:
    with QueryProfiler() as profiler:
        await User.objects.to_arrow()
        async for _ in User.objects.iterator(10):
            pass
        await Company.objects.bulk_insert({"name": ["d"] * 5})
    kinds = {query.kind: query for query in profiler.queries}
    out, cursor, into = kinds["copy_out"], kinds["cursor"], kinds["copy_in"]
    assert (out.rows, cursor.rows, into.rows) == (COUNT, COUNT, 5)
    assert into.bytes == 21 + 5 * (2 + 4 + 1)  # header and trailer; fields, length, "d"
    assert out.bytes > COUNT * 20
    for query in (out, cursor, into):
        assert query.first_row is not None and query.transfer is not None
        assert 0 < query.first_row <= query.mean
        assert query.first_row + query.transfer == pytest.approx(query.mean)
    report = profiler.report()
    assert "COPY out: " in report and "COPY in: 56 B, " in report and "Cursor: " in report


async def test_whose_statements_are_seen(rows: Any) -> None:
    """Those of the block and of the tasks started inside; not a neighbour's, not a thread's own profiler's."""
    began, go = asyncio.Event(), asyncio.Event()

    async def neighbour() -> int:
        with QueryProfiler() as own:
            began.set()
            await go.wait()
            await User.objects.count()
            await User.objects.count()
        return own.total

    task = asyncio.create_task(neighbour())
    await began.wait()
    with QueryProfiler() as outer:
        await User.objects.count()
        with QueryProfiler() as inner:
            await asyncio.gather(*(User.objects.count() for _ in range(3)))
            child = asyncio.create_task(User.objects.order_by("id").first())
            await child
            go.set()
            assert await task == 2
        await User.objects.exists()
    assert (inner.total, outer.total) == (4, 6)
    assert not rows.hooks.added or all(h.__module__ != "chakra.debug.profiler" for h in rows.hooks.added)


async def test_a_database_connected_inside_is_seen(rows: Any, dsn: str) -> None:
    with QueryProfiler() as profiler:
        async with chakra.connect(dsn) as other:
            await other.fetch("select 1")
    assert [query.sql for query in profiler.queries] == ["select ?"]
    assert profiler.own[0] >= 1


SECRET = "hunter2"


async def test_values_never_show(rows: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    chakra.configure(show_values=False)
    with QueryProfiler(auto_explain=0) as profiler:
        await User.objects.filter(name=SECRET)
        await User.objects.filter(name=SECRET).to_arrow()
        await chakra.raw("select $1::text as x", params=[SECRET]).to_arrow()
        await rows.fetch(f"select '{SECRET}', 5, $a${SECRET}$a$, E'{SECRET}' -- {SECRET}")
        with pytest.raises(DataError):
            await rows.fetch(f"select '{SECRET}'::int")
        async for _ in User.objects.filter(name=SECRET):
            pass
        await User.objects.filter(name=SECRET).update(name=SECRET)
    await profiler.explain_slow()
    assert profiler.total == 7
    shown = [profiler.report(), profiler.to_json(), str(profiler.to_polars().to_dicts()), repr(profiler)]
    shown += [str(run) for run in profiler.runs] + [str(query) for query in profiler.queries]
    assert SECRET not in "".join(shown) + caplog.text
    chakra.configure(show_values=True)
    for query, said in (
        (User.objects.filter(name=SECRET), f"    with ['{SECRET}']"),
        (User.objects.filter(name=SECRET).to_arrow(), f"WHERE \"name\" = ('{SECRET}')"),
    ):
        with QueryProfiler() as profiler:
            await query
        assert said in profiler.report() and SECRET in profiler.to_json()
    assert "select $1::text as x" in "".join(shown)


async def test_plans_of_slow_statements(rows: Any) -> None:
    async with QueryProfiler() as outer:
        async with QueryProfiler(auto_explain=0) as profiler:
            await User.objects.filter(id=5)
            await User.objects.filter(id__gt=5).to_arrow()
            await rows.execute("create temp table t (x int)")
        async with QueryProfiler(auto_explain=60) as patient:
            await User.objects.filter(id=5)
    plans = {query.kind: query.plan or "" for query in profiler.queries}
    assert "(id = $1)" in plans["fetch"]
    assert "(id > $1)" in plans["copy_out"]
    assert plans["execute"].startswith("no plan")
    assert "Plan of SELECT … FROM users WHERE id = $1::bigint:" in profiler.report()
    assert [query.plan for query in patient.queries] == [None]
    assert outer.total == 4
    await rows.execute("drop table if exists t")


async def test_other_forms(rows: Any) -> None:
    with QueryProfiler() as profiler:
        await User.objects.get(id=1)
        await User.objects.count()
    told = json.loads(profiler.to_json())
    assert (told["total"], told["rows"]) == (2, 2)
    assert [each["count"] for each in told["queries"]] == [1, 1]
    frame = profiler.to_polars()
    assert frame.shape == (2, 15) and frame["count"].sum() == 2
    assert frame["seconds"].sum() == pytest.approx(profiler.seconds)
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as captured:
        console.print(profiler)
    assert "SELECT count(*) FROM users" in captured.get()
    with QueryProfiler() as empty:
        pass
    assert empty.report() == "Query Profile:\n  Total queries: 0\n  Total time: 0.0ms"
    assert empty.to_polars().schema == frame.schema


async def test_misuse(rows: Any) -> None:
    with pytest.raises(FieldError, match="auto_explain is a number of seconds"):
        QueryProfiler(auto_explain="1s")  # type: ignore[arg-type]
    profiler = QueryProfiler()
    with profiler, pytest.raises(FieldError, match="records already"):
        profiler.start()
    profiler.stop()
    with pytest.raises(ZeroDivisionError), profiler:  # once more: it goes on counting
        await User.objects.count()
        raise ZeroDivisionError
    assert profiler.total == 1


async def test_fixture(rows: Any, assert_num_queries: Any) -> None:
    with assert_num_queries(2) as profiler:
        await User.objects.count()
        async with rows.transaction():
            await Post.objects.count()
    assert profiler.total == 2
    with assert_num_queries(most=3):
        await User.objects.count()
    with pytest.raises(pytest.fail.Exception) as found, assert_num_queries(1):
        await User.objects.count()
        await Post.objects.count()
    assert "expected 1 queries, 2 were sent:\n  1. SELECT count" in str(found.value)
    assert "  2. SELECT count(*) FROM posts\n     at " in str(found.value)
    assert "test_profiler.py" in str(found.value)
    with pytest.raises(pytest.fail.Exception, match="at most 0"), assert_num_queries(most=0):
        await User.objects.count()
    with pytest.raises(TypeError), assert_num_queries():
        pass


async def test_off_costs_nothing(rows: Any) -> None:
    """After a profiler, a query makes the calls it made before."""
    made = []
    for _ in range(2):
        await User.objects.get(id=1)
        with counting() as calls:
            await User.objects.get(id=1)
        made.append(calls["made"])
        with QueryProfiler():
            await User.objects.get(id=1)
    assert made[0] == made[1] > 10
