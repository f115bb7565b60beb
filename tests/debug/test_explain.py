"""``explain``: of queries, writes, columns and raw SQL; its options; and what is noted of a plan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import chakra
from chakra import F
from chakra.debug.plans import Plan, PlanTree
from chakra.errors import DataError, FieldError
from tests.debug.blog import COUNT, MODELS, Post, User
from tests.debug.blog import fill as fill_blog
from tests.query.conftest import watched
from tests.relations.conftest import SHARED, sends

pytestmark = SHARED
__all__ = ["MODELS", "fill"]

MORE = 20_000
"""Users besides, of whom every hundredth is active."""


async def fill() -> None:
    await fill_blog()
    db = User.objects.database
    await db.execute(
        f"insert into users (name, is_active, created_at, company_id) "
        f"select 'n' || n, n % 100 = 0, now(), 1 from generate_series(1, {MORE}) n"
    )
    await db.execute("analyze users")


async def test_the_page(rows: Any) -> None:
    query = User.objects.filter(is_active=True).order_by("-created_at")
    explain = await query.explain(analyze=True)
    text = str(explain)
    assert "Scan" in text and "idx_users_active" in text and "Index Cond: (is_active = true)" in text
    assert isinstance(explain, Plan) and isinstance(explain, str)
    [scan] = explain.steps("Index Scan")
    assert scan.index == "idx_users_active"
    found = [node for node in explain.walk() if node.actual_rows is not None]
    assert found[0].actual_rows == MORE / 100 + COUNT
    assert explain.splitlines()[-1].startswith("Rows are read as ")


async def test_the_tree_is_the_same_in_both_forms(rows: Any) -> None:
    query = User.objects.filter(name="n5", posts__title__contains="t").select_related("company")
    for options in ({}, {"analyze": True}, {"verbose": True}, {"analyze": True, "timing": False}):
        text = await query.explain(**options)
        tree = await query.explain(format="json", **options)
        assert isinstance(tree, PlanTree) and isinstance(tree, list)
        assert tree[0]["Plan"]["Node Type"] == tree.root.type
        shapes = [
            [(node.relation, node.alias, node.index, node.cost, node.rows, node.width, len(node.children))
             for node in plan.walk()]
            for plan in (text, tree)
        ]  # fmt: skip
        assert shapes[0] == shapes[1] and len(shapes[0]) > 3
        assert [n.loops for n in text.walk()] == [n.loops for n in tree.walk()]
        assert [n.actual_rows for n in text.walk()] == [n.actual_rows for n in tree.walk()]
        assert [n.more.get("Filter") for n in text.walk()] == [n.more.get("Filter") for n in tree.walk()]
        assert text.notes == tree.notes
    assert tree.execution_seconds is not None and tree.planning_seconds is not None
    seconds = (await query.explain(analyze=True)).root.seconds
    assert seconds is not None and 0 < seconds < 60


WRITES: dict[str, Callable[[], Any]] = {
    "update": lambda: User.objects.filter(id__lte=5).explain(update={"name": F("name") + "!"}, analyze=True),
    "delete": lambda: Post.objects.filter(id__lte=5).explain(delete=True, analyze=True),
    "raw": lambda: chakra.raw("update users set name = $1 where id < 6", params=["x"]).explain(analyze=True),
    "in WITH": lambda: User.objects.filter(id__lte=5).updating("id", name="x").objects.explain(analyze=True),
}


@pytest.mark.parametrize("case", WRITES)
async def test_writes_are_rolled_back(rows: Any, case: str) -> None:
    before = (await rows.fetchval("select md5(string_agg(u::text, ',' order by id)) from users u"), COUNT)
    for inside in (False, True):
        if inside:
            async with rows.transaction():
                await Post.objects.filter(id=1).update(title="kept")
                plan = await WRITES[case]()
                assert (await Post.objects.get(id=1)).title == "kept"
        else:
            plan = await WRITES[case]()
        [write] = [node for node in plan.walk() if node.type in ("Update", "Delete")]
        assert write.relation in ("users", "posts")
        assert write.children[0].actual_rows == 5
    after = await rows.fetchval("select md5(string_agg(u::text, ',' order by id)) from users u")
    assert (after, await Post.objects.count()) == before
    await Post.objects.filter(id=1).update(title="t1")


async def test_without_analyze_nothing_is_run(rows: Any) -> None:
    with sends(rows, 4) as sent:
        for plan in (
            await User.objects.filter(id=1).explain(update={"name": "x"}),
            await User.objects.explain(delete=True),
            await User.objects.filter(id=1).explain(),
            await chakra.raw("delete from posts").explain(),
        ):
            assert all(node.actual_rows is None for node in plan.walk())
    assert all(sql.startswith("EXPLAIN (FORMAT TEXT) ") for sql in sent)
    assert await User.objects.filter(name="x").count() == 0


async def test_of_columns(rows: Any) -> None:
    """The COPY has the values in its text, which nobody else gets to see."""
    with watched(rows) as sent:
        plan = await User.objects.filter(name="hunter2").explain(columns=True, analyze=True)
        [scan] = plan.steps("Scan")
        assert scan.actual_rows == 0
    assert "hunter2" in str(plan) and "hunter2" not in "".join(sent)
    tree = await User.objects.values("id").explain(columns=True, format="json")
    assert tree.root.rows is not None


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "format": ({"format": "xml; drop table users"}, '"text" or "json"'),
    "a word": ({"analyze": "yes"}, "analyze is True or False, not 'yes'"),
    "a name": ({"ANALYZE": True}, "explain\\(\\) has no option ANALYZE; it takes analyze, buffers"),
    "SQL": ({"costs) select 1 --": True}, "has no option"),
    "serialize": ({"analyze": True, "serialize": "none) --"}, '"text" or "binary"'),
    "wal": ({"wal": True}, "add analyze=True"),
    "timing": ({"timing": True}, "add analyze=True"),
    "both": ({"generic_plan": True, "analyze": True}, "leave out analyze"),
    "two verbs": ({"update": {"name": "x"}, "delete": True}, "one of update"),
    "no dict": ({"update": "name"}, "takes a dict of fields and values, not 'name'"),
    "no field": ({"update": {"nme": "x"}}, "nme"),
    "nothing": ({"update": {}}, "at least one field"),
    "columns": ({"columns": 1}, "columns"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_options(rows: Any, case: str) -> None:
    options, message = WRONG[case]
    with sends(rows, 0), pytest.raises(FieldError, match=message):
        await User.objects.explain(**options)
    if not {"update", "delete", "columns"} & set(options):
        with sends(rows, 0), pytest.raises(FieldError, match=message):
            await chakra.raw("select 1").explain(**options)


async def test_every_option(rows: Any) -> None:
    version = rows.server_version[0]
    query = User.objects.filter(id__gt=5).order_by("name")
    on = {"analyze": True, "buffers": True, "verbose": True, "settings": True, "wal": True, "timing": False}
    plan = await query.explain(**on)
    assert "Output: " in plan and "actual rows=" in plan and "Buffers: " in plan and "actual time" not in plan
    assert "cost=" not in await query.explain(costs=False)
    for since, options, word in (
        (14, {"generic_plan": True}, "(id > $1)"),
        (17, {"memory": True}, "Memory: "),
        (17, {"analyze": True, "serialize": "binary"}, "Serialization: "),
    ):
        if version >= since:
            assert word in await query.values("id", "name").explain(**options)
        else:
            with pytest.raises(FieldError, match=f"needs PostgreSQL {since}; this server is {version}"):
                await query.explain(**options)
    with pytest.raises(DataError):
        await User.objects.filter(id=2**70).explain(update={"name": 5})


async def test_notes_on_real_plans(rows: Any) -> None:
    query = User.objects.filter(name="n5", id__gt=5)
    plan = await query.explain(analyze=True)
    [note] = plan.notes
    assert note.startswith(f"Seq Scan on users: {MORE + COUNT - 5:,} rows are read for 1 row with ") or (
        note.startswith(f"Seq Scan on users: {MORE + COUNT:,} rows are read for 1 row with ")
    )
    assert note.endswith("an index on (name, id) would find them")
    assert f"\nNote: {note}\n" in plan
    [guess] = (await query.explain()).notes
    assert guess.startswith("Seq Scan on users: about ") and guess.endswith(
        "an index on (name, id) would find them"
    )
    assert (await User.objects.filter(id=5).explain(analyze=True)).notes == []
    async with rows.transaction(settings={"work_mem": "64kB"}):
        sort = await User.objects.order_by("name").explain(analyze=True)
    [spilled] = sort.notes
    assert spilled.startswith("Sort: ") and spilled.endswith(
        " did not fit into work_mem and were sorted on disk"
    )
    wrong = await chakra.raw("select * from users where id + 0 > 0 and id * 1 > 0 and id * 2 > 0").explain(
        analyze=True
    )
    assert [note.rpartition(" (x")[0].split(" expected, ")[1] for note in wrong.notes] == [
        f"{MORE + COUNT:,} came"
    ]
