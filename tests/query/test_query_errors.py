"""Misuse of the API is a QueryError, names that do not exist are a FieldError and nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import chakra
from chakra import CTE, Count, Field, Model, Prefetch, errors, field, raw


class Misused(Model, table="misused"):
    id: Field[int] = field(primary_key=True)
    name: Field[str]


rows = Misused.objects

MISUSE: dict[str, Callable[[], Any]] = {
    "a slice filtered": lambda: rows.all()[:3].filter(name="x"),
    "a negative slice": lambda: rows.all()[-3:],
    "a negative position": lambda: rows.all()[-1],
    "a step": lambda: rows.all()[::2],
    "a text as position": lambda: rows.all()["name"],  # type: ignore[index]
    "limit": lambda: rows.limit(-1),
    "chunk_size": lambda: rows.iterator(chunk_size=0),
    "fetch_mode": lambda: rows.fetch_mode("both"),  # type: ignore[arg-type]
    "order_by": lambda: rows.order_by(5),  # type: ignore[arg-type]
    "sample": lambda: rows.sample(101),
    "two strengths": lambda: rows.select_for_update(nowait=True, skip_locked=True),
    "flat and named": lambda: rows.values_list("id", flat=True, named=True),  # type: ignore[call-overload]
    "union of a list": lambda: rows.union([1]),  # type: ignore[arg-type]
    "using": lambda: rows.using(5),  # type: ignore[call-overload]
    "raw": lambda: raw(5),  # type: ignore[arg-type]
    "params": lambda: raw("select $1", params="a"),
    "a list of fields": lambda: rows.only(["id", "name"]),  # type: ignore[arg-type]
    "Prefetch": lambda: Prefetch(5),  # type: ignore[arg-type]
    "a CTE of a list": lambda: CTE([1]),  # type: ignore[arg-type]
    "a window": lambda: rows.window(w=5),
    "a deadline": lambda: rows.timeout("1"),  # type: ignore[arg-type]
}

NAMES: dict[str, Callable[[], Any]] = {
    "a field": lambda: rows.filter(nmae="x").to_sql(),
    "a lookup": lambda: rows.filter(name__starts="x").to_sql(),
    "a sort": lambda: rows.order_by("nmae").to_sql(),
    "only": lambda: rows.only("nmae").to_sql(),
    "values": lambda: rows.values("nmae").to_sql(),
    "a relation": lambda: rows.select_related("nmae").to_sql(),
    "an annotation": lambda: rows.annotate(name=Count("id")).to_sql(),
}


def test_which_is_which() -> None:
    assert chakra.QueryError is errors.QueryError
    wrong: list[str] = []
    for kind, cases in ((errors.QueryError, MISUSE), (errors.FieldError, NAMES)):
        for name, call in cases.items():
            with pytest.raises(errors.FieldError) as caught:
                call()
                pytest.fail(name)
            if type(caught.value) is not kind:
                wrong.append(f"{name}: {caught.value!r}")
    assert not wrong, "\n".join(wrong)
