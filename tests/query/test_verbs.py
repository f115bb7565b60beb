"""Verbs are marked and typed in one place: what is read from there knows all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, get_type_hints

import pytest

from chakra import Count, F, Field, Model, Q, field, raw
from chakra.columnar import Options
from chakra.columnar.staging import insert_table, update_table
from chakra.errors import FieldError
from chakra.query import bulk_write, verbs
from chakra.query.columns import ColumnReads
from chakra.query.options import checked
from chakra.query.queryset import QuerySet
from chakra.query.tables import TableQuery
from chakra.query.verbs import is_running, options_of


def methods(cls: type) -> dict[str, Any]:
    return {
        name: getattr(cls, name)
        for name in dir(cls)
        if not name.startswith("_") and isinstance(getattr(cls, name), FunctionType)
    }


def test_what_is_a_coroutine_is_marked() -> None:
    """All that is awaited runs something, and nothing else does."""
    for cls in (QuerySet, ColumnReads):
        for name, method in methods(cls).items():
            assert is_running(method) == inspect.iscoroutinefunction(inspect.unwrap(method)), name


def test_a_query_of_a_table_has_every_verb() -> None:
    assert set(methods(QuerySet)) <= set(methods(TableQuery))
    for name, method in methods(QuerySet).items():
        mine = getattr(TableQuery, name)
        if name in ("iterator", "arrow_batches"):
            continue
        assert inspect.iscoroutinefunction(inspect.unwrap(mine)) == is_running(method), name
        assert mine.__doc__, name


class Verb(Model, table="verbs"):
    id: Field[int] = field(primary_key=True)
    kind: Field[str]
    n: Field[int | None] = field(default=None)


async def test_verbs_of_tables_do_what_those_of_querysets_do(db: Any) -> None:
    await db.create_tables(Verb)
    await db.table("verbs").bulk_insert({"kind": ["a", "b", "a"], "n": [1, 2, None]})
    table, query = db.table("verbs"), Verb.objects.values()
    ways: dict[str, Callable[[Any], Any]] = {
        "aggregate": lambda q: q.aggregate(n=Count("n")),
        "annotate": lambda q: q.annotate(m=F("n") + 1).order_by("id"),
        "count": lambda q: q.exclude(kind="b").count(),
        "earliest": lambda q: q.earliest("n"),
        "exists": lambda q: q.none().exists(),
        "first": lambda q: q.order_by("-id").first(),
        "get": lambda q: q.get(kind="b"),
        "last": lambda q: q.last(),
        "latest": lambda q: q.filter(n__isnull=False).latest("n"),
        "reverse": lambda q: q.order_by("id").reverse()[1:],
        "to_numpy": lambda q: q.filter(kind="b").to_numpy(),
        "using": lambda q: q.using(db).filter(Q(kind="b") | Q(n=1)).order_by("id"),
        "values_list": lambda q: q.order_by("id").values_list("kind", flat=True).distinct(),
    }
    for name, way in ways.items():
        assert await way(table) == await way(query), name
    for name, call in {
        "in_bulk": lambda: table.in_bulk([1]),
        "contains": lambda: table.contains(Verb(id=1, kind="a")),
        "bulk_create": lambda: table.bulk_create([]),
        "only": lambda: table.only("n"),
        "select_related": lambda: table.select_related("kind"),
        "prefetch_related": lambda: table.prefetch_related("kind"),
    }.items():
        with pytest.raises(FieldError, match="instances"):
            await call()
        assert name in methods(TableQuery)


def keywords(function: Any) -> set[str]:
    return {name for name, p in inspect.signature(function).parameters.items() if p.kind is p.KEYWORD_ONLY}


def test_options_are_those_of_what_takes_them() -> None:
    """A ``TypedDict`` with a key too many, or too few, would let the checkers and the checks disagree."""
    mine = {"timeout", "sync_sequences"}
    assert set(options_of(verbs.InsertOptions)) == keywords(insert_table) | mine
    assert set(options_of(verbs.UpdateOptions)) == keywords(update_table) - {"fields"} | {
        "timeout",
        "validate",
    }
    assert set(options_of(verbs.CreateOptions)) == keywords(bulk_write.create) | {"validate"}
    internal = {"streaming", "allow_truncate", "bounds_are_infinite"}
    assert set(options_of(verbs.ReadOptions)) == set(Options.__slots__) - internal | {"nested"}
    assert set(options_of(verbs.LoadOptions)) == set(options_of(verbs.InsertOptions)) | {
        "create",
        "mode",
        "dry_run",
    }


def test_values_of_options_are_of_one_type_everywhere() -> None:
    """What a word of an option may be is said once, and by the decoder in the same words."""
    names = vars(__import__("chakra.columnar.options", fromlist=["options"]))
    hints = get_type_hints(verbs.ReadOptions, localns={**names, "Progress": object})
    assert hints["strings"] == names["StringsOption"] and hints["infinity"] == names["InfinityOption"]


KINDS = {
    "bulk_create": verbs.CreateOptions,
    "bulk_insert": verbs.InsertOptions,
    "bulk_update": verbs.UpdateOptions,
    "to_arrow": verbs.TableOptions,
    "arrow_batches": verbs.BatchOptions,
    "arrow_schema": verbs.ReadOptions,
    "read_plan": verbs.PlanOptions,
}


@pytest.mark.parametrize("verb", KINDS)
def test_an_unknown_option_is_refused_with_those_there_are(verb: str) -> None:
    known = ", ".join(options_of(KINDS[verb]))
    with pytest.raises(FieldError, match=rf"^{verb}\(\) has no option 'speed'; it has {known}$"):
        checked(verb, {"speed": 1}, KINDS[verb])


async def test_reads_of_raw_sql_check_options_too(db: Any) -> None:
    with pytest.raises(FieldError, match=r"to_arrow\(\) has no option 'partition'"):
        await raw("select 1", db).to_arrow(partition=1)  # type: ignore[call-arg]
